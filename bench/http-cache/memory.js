'use strict';

const assert = require('node:assert');
const { once } = require('node:events');
const http = require('node:http');
const { setTimeout: wait } = require('node:timers/promises');
const { used } = require('../lib/heap.js');
const { open } = require('./app.js');

/** At a time. */
const CONNECTIONS = 16;
/** Milliseconds. */
const SETTLING = 1500;

/**
 * What a cached response of 10 KB takes, its body and fields included: heap, and what lies outside of it. Needs
 * --expose-gc.
 *
 * @param {string} name of a contender
 * @param {number} count of responses
 */
async function bytesPerEntry(name, count) {
  let runs = 0;
  const server = open(name, () => {
    runs++;
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const fill = (from, to, keepAlive = true) => askAll(server.address().port, from, to, keepAlive);
  // What the code takes, and what connections do, is not the entries'.
  await fill(0, 500);
  const before = await used();
  await fill(500, 500 + count);
  // Some compress what they store, and are done a while later.
  await wait(SETTLING);
  const after = await used();
  const ran = runs;
  await fill(500, 600, false);
  assert.equal(runs - ran, name === 'no cache' ? 100 : 0, `${name} should have kept what it got`);
  return (after - before) / count;
}

/**
 * @param {number} port
 * @param {number} from
 * @param {number} to
 * @param {boolean} keepAlive some caches close a connection after a hit without a word
 */
async function askAll(port, from, to, keepAlive) {
  const agent = new http.Agent({ keepAlive, maxSockets: CONNECTIONS });
  let next = from;
  const client = async () => {
    while (next < to) {
      const req = http.get({ port, host: '127.0.0.1', path: `/products/${next++}`, agent });
      const [res] = await once(req, 'response');
      res.resume();
      await once(res, 'end');
      assert.equal(res.statusCode, 200);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  agent.destroy();
}

module.exports = { bytesPerEntry };
