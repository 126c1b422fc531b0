'use strict';

/**
 * A process with a tiered cache, for a test that has forked it: `tiered-process.js '{"way","url","options"}'`. Each message
 * `{ id, method, args }` is answered; events are sent on.
 */

const { tieredOn } = require('./tiered-ways.js');

const { way, url, options } = JSON.parse(process.argv[2]);
const { cache } = tieredOn(way, url, options);

for (const event of ['state', 'subscription']) {
  cache.on(event, (what) => process.send({ event, what }));
}

process.on('message', async ({ id, method, args }) => {
  if (method === 'getOrLoad') {
    args = [args[0], () => args[1]];
  }
  process.send({ id, answer: await cache[method](...args) });
});
