'use strict';

const assert = require('node:assert');

const LENGTH = 64;
const VALUE = 'v'.repeat(LENGTH);

/**
 * Fills a cache with small entries, and times every operation of the fill and of as many gets as a tenth of them.
 *
 * @param {import('./contenders.js').Contender} contender
 * @param {number} entries
 */
async function many({ open }, entries) {
  const rss = process.memoryUsage.rss();
  const cache = await open(entries, LENGTH);
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
    cache.set(key, VALUE);
    note();
  }
  const filled = before - start;
  for (let i = 0; i < entries; i += 10) {
    assert.equal(cache.get(`k${i}`), VALUE);
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
