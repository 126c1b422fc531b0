'use strict';

const assert = require('node:assert/strict');
const { existsSync } = require('node:fs');
const net = require('node:net');
const { join } = require('node:path');
const { it } = require('node:test');
const { setTimeout: delay } = require('node:timers/promises');
const { runScript } = require('../run-script.js');
const { mariadb, postgresql, redis, serverOf } = require('./servers.js');

const SERVERS = JSON.stringify(join(__dirname, 'servers.js'));

/** Whether nobody listens on that port. */
function silent(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(false)).on('error', () => resolve(true));
    socket.on('connect', () => socket.destroy());
  });
}

for (const [name, kind] of Object.entries({ mariadb, postgresql, redis })) {
  const { missing } = serverOf(kind);
  it(
    `a ${name} server ends with the test that started it, even if that is killed`,
    { skip: missing ?? false, timeout: 30_000 },
    async () => {
      const { signal, stdout, stderr } = await runScript(`
      const { serverOf, ...kinds } = require(${SERVERS});
      serverOf(kinds.${name}).start().then(({ folder, connection: { port } }) => {
        console.log(JSON.stringify({ folder, port }));
        process.kill(process.pid, 'SIGKILL');
      });`);
      assert.equal(signal, 'SIGKILL', stderr);
      const { folder, port } = JSON.parse(stdout);
      while (existsSync(folder) || !(await silent(port))) {
        await delay(5);
      }
    },
  );
}
