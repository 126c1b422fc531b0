'use strict';

const { databaseCases } = require('./cases.js');
const { postgresql } = require('./servers.js');

databaseCases('PostgreSQL', postgresql, {
  driver: 'pg.js',
  prepare: [
    "CREATE ROLE app LOGIN PASSWORD 'also not a secret'",
    'CREATE TABLE things (id INT PRIMARY KEY)',
    'GRANT ALL ON things TO app',
  ],
  sleep: (seconds) => `SELECT pg_sleep(${seconds})`,
  session: 'SELECT pg_backend_pid() AS id',
  connections: "SELECT COUNT(*) AS count FROM pg_stat_activity WHERE usename = 'app'",
  busy: "SELECT pid AS id FROM pg_stat_activity WHERE usename = 'app' AND wait_event = 'PgSleep'",
  kill: (id) => `SELECT pg_terminate_backend(${id})`,
  placeholder: '$1',
  begins: ['BEGIN'],
  variable: {
    set: "SET heapwise.mine = '5'",
    get: "SELECT current_setting('heapwise.mine', true) AS value",
  },
  forgiving: false,
  hurried: (seconds, limit) => ({
    connection: { query_timeout: limit },
    sql: `SELECT pg_sleep(${seconds})`,
  }),
  // 57P01: terminated by an administrator, 57P02: because another process of the server crashed.
  lost: /57P01|57P02|ECONNRESET|EPIPE|Connection terminated|not queryable/,
  // 57P03: it cannot connect now.
  refused: /ECONNREFUSED|ECONNRESET|57P01|57P03|Connection terminated/,
  denied: '28P01',
});
