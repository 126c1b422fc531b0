'use strict';

const { databaseCases } = require('./cases.js');
const { mariadb } = require('./servers.js');

databaseCases('MariaDB', mariadb, {
  driver: 'mysql2.js',
  prepare: [
    "CREATE USER app@'127.0.0.1' IDENTIFIED BY 'also not a secret'",
    "GRANT ALL ON heapwise.* TO app@'127.0.0.1'",
    'CREATE TABLE things (id INT PRIMARY KEY)',
  ],
  sleep: (seconds) => `SELECT SLEEP(${seconds})`,
  session: 'SELECT CONNECTION_ID() AS id',
  connections: "SELECT COUNT(*) AS count FROM information_schema.processlist WHERE user = 'app'",
  busy: "SELECT id FROM information_schema.processlist WHERE user = 'app' AND command = 'Query'",
  kill: (id) => `KILL ${id}`,
  placeholder: '?',
  begins: ['BEGIN', 'SET autocommit = 0'],
  variable: { set: 'SET @mine = 5', get: 'SELECT @mine AS value' },
  forgiving: true,
  hurried: (seconds, timeout) => ({ connection: {}, sql: { sql: `SELECT SLEEP(${seconds})`, timeout } }),
  lost: /PROTOCOL_CONNECTION_LOST|ECONNRESET|EPIPE|Connection was killed|ER_SERVER_SHUTDOWN|closed state/,
  refused: /ECONNREFUSED|ECONNRESET|PROTOCOL_CONNECTION_LOST|ER_SERVER_SHUTDOWN/,
  denied: 'ER_ACCESS_DENIED_ERROR',
});
