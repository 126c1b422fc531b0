'use strict';

const assert = require('node:assert');
const { heapwise } = require('./contenders.js');

const LENGTH = 64;

/**
 * Fills a cache with small entries, and times every operation of the fill and of as many gets as a tenth of them.
 *
 * @param {number} entries
 */
async function many(entries) {
  const rss = process.memoryUsage.rss();
  const cache = await heapwise.open(entries, LENGTH);
  const value = 'v'.repeat(LENGTH);
  let longest = 0;
  let keys = 0;
  const start = performance.now();
  let before = start;
  const note = () => {
    const now = performance.now();
    longest = Math.max(longest, now - before);
    before = now;
  };
  for (let i = 0; i < entries; i++) {
    const key = `k${i}`;
    keys += key.length;
    cache.set(key, value);
    note();
  }
  const filled = before - start;
  for (let i = 0; i < entries; i += 10) {
    assert.equal(cache.get(`k${i}`), value);
    note();
  }
  const taken = process.memoryUsage.rss() - rss;
  assert.equal(cache.size, entries, 'nothing was evicted');
  return {
    value: (filled * 1e6) / entries,
    extras: {
      longest,
      memory: taken / 1e9,
      overhead: taken / entries - LENGTH - keys / entries,
    },
  };
}

module.exports = { many };
