'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const http = require('node:http');
const { setTimeout: wait } = require('node:timers/promises');
const { open } = require('./app.js');

const CLIENTS = 100;
/** What the handler takes. Milliseconds. */
const WORK = 200;

/**
 * How often the handler runs when 100 clients ask for what is not there yet.
 *
 * @param {string} name of a contender
 */
async function runsOf(name) {
  let runs = 0;
  const server = open(name, () => {
    runs++;
    return wait(WORK);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const [res] = await once(
        http.get({ port, host: '127.0.0.1', path: '/products/1', agent: false }),
        'response',
      );
      const chunks = [];
      for await (const chunk of res) {
        chunks.push(chunk);
      }
      assert.equal(JSON.parse(String(Buffer.concat(chunks))).length, 100);
    }),
  );
  return runs;
}

module.exports = { runsOf };
