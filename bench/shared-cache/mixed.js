'use strict';

const assert = require('node:assert');
const { PerformanceObserver } = require('node:perf_hooks');
const { setImmediate: nextTurn } = require('node:timers/promises');
const { uniform } = require('../lib/random.js');
const { keyOf } = require('./operations.js');

/** Objects that a service makes for each request, and that live a little while. */
const LIVING = 20_000;
const TURN = 500;
/** One operation in three stores a value, often under a key that the cache does not have. */
const SET_EVERY = 3;
/** Keys there are for each entry that the cache has room for. */
const KEYS_PER_ENTRY = 1.25;

/**
 * Fills a cache; then gets, sets and makes garbage as a service does, for which it tells the time, and for all of it what
 * it took of the process.
 *
 * @param {(max: number) => Promise<import('./contenders.js').AnyCache>} open
 * @param {(i: number) => any} valueOf
 * @param {{ entries: number, operations: number, payload: number }} size bytes of key and value of all entries
 */
async function mixed(open, valueOf, { entries, operations, payload }) {
  let longestGc = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      longestGc = Math.max(longestGc, duration);
    }
  });
  observer.observe({ entryTypes: ['gc'] });
  const order = uniform(operations, entries * KEYS_PER_ENTRY);
  const living = Array.from({ length: LIVING });
  global.gc();
  await nextTurn();
  longestGc = 0;
  const before = process.memoryUsage();
  const cache = await open(entries);
  for (let i = 0; i < entries; i++) {
    cache.set(keyOf(i), valueOf(i));
    if (i % TURN === 0) {
      await nextTurn();
    }
  }
  const start = performance.now();
  let bytes = 0;
  let hits = 0;
  for (let i = 0; i < operations; i++) {
    const number = order[i];
    const key = keyOf(number);
    living[i % LIVING] = { key, number, list: [i, number] };
    if (i % SET_EVERY === 0) {
      cache.set(key, valueOf(number));
    } else {
      const found = cache.get(key);
      if (found !== undefined) {
        hits++;
        bytes += found.length;
      }
    }
    if (i % TURN === 0) {
      await nextTurn();
    }
  }
  const value = performance.now() - start;
  await nextTurn();
  observer.disconnect();
  global.gc();
  const after = process.memoryUsage();
  assert.ok(cache.size > entries * 0.99, 'the cache was alive until now, and kept what it was asked to');
  assert.equal(bytes, hits * valueOf(0).length, 'every value was whole');
  assert.ok(hits > operations / 2);
  return {
    value,
    extras: {
      longestGc,
      heap: (after.heapUsed - before.heapUsed) / 1e6,
      memory: (after.rss - before.rss) / payload,
    },
  };
}

module.exports = { mixed };
