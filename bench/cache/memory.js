'use strict';

const { used } = require('../lib/heap.js');
const { keys } = require('./operations.js');

/** Sets for each entry there is room for: not a whole number, since quick-lru starts anew at each whole one. */
const CHURN = 2.5;
const VALUE = Object.freeze({});

/**
 * Memory of a cache that has been evicting for a while, by the entry it was asked to hold: the heap and what lies
 * outside of it, such as typed arrays, but neither keys nor values. Needs --expose-gc.
 *
 * @param {import('./contenders.js').CacheContender['open']} open
 * @param {import('./operations.js').KeyOf} keyOf
 * @param {number} max
 */
async function bytesPerEntry(open, keyOf, max) {
  const added = keys(keyOf, 0, max * CHURN);
  // What a package's code takes is not its entries'.
  await open(1);
  const before = await used();
  const cache = await open(max);
  for (const key of added) {
    cache.set(key, VALUE);
  }
  const bytes = (await used()) - before;
  // The cache must have been alive until then. Every policy still has what was set last.
  return cache.get(added.at(-1)) === VALUE ? bytes / max : NaN;
}

module.exports = { bytesPerEntry };
