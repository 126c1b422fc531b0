'use strict';

const { permutation, uniform, zipf } = require('../lib/random.js');

/** Operations that are drawn in advance; then they come again. A power of two. */
const DRAWN = 2 ** 19;
/** Keys there are for each that the cache has room for. quick-lru keeps up to twice what it was asked to. */
const KEYS_PER_ENTRY = 4;
/** By how many ranks keys gain popularity from one round through the drawn operations to the next. */
const DRIFT = 13;
/** One operation in ten is a set. */
const SET_EVERY = 10;

/**
 * Fills the cache and makes the function that `time()` runs: n operations, of which it returns how many found
 * something.
 *
 * @typedef {(cache: import('./contenders.js').AnyCache, keyOf: KeyOf, max: number) => (n: number) => number} Operation
 */

/**
 * Makes the key of a number. Each call makes a new string, because the key of a request is not the string that was
 * once stored but one equal to it. Objects and symbols are the same each time.
 *
 * @typedef {(i: number) => any} KeyOf
 */

/** @param {KeyOf} keyOf */
const keys = (keyOf, from, count) => Array.from({ length: count }, (_, i) => keyOf(from + i));

function fill(cache, keysToSet) {
  for (const [id, key] of keysToSet.entries()) {
    cache.set(key, { id });
  }
}

/** Gets in random order among keys that start at a number; the cache holds those from 0. */
function gets(cache, keyOf, from, max) {
  fill(cache, keys(keyOf, 0, max));
  const wanted = keys(keyOf, from, max);
  const order = uniform(DRAWN, max);
  let at = 0;
  return (n) => {
    let found = 0;
    for (let i = 0; i < n; i++) {
      if (cache.get(wanted[order[at]]) !== undefined) {
        found++;
      }
      at = (at + 1) & (DRAWN - 1);
    }
    return found;
  };
}

/**
 * Gets by strings that were just made, as keys out of requests are: V8 has not hashed them yet, and has not found one
 * like them before. They are flat, as what a parser cuts out.
 *
 * @type {Operation}
 */
function getHitNew(cache, keyOf, max) {
  fill(cache, keys(keyOf, 0, max));
  const order = uniform(DRAWN, max);
  let at = 0;
  /** @type {string[]} */
  let wanted = [];
  function run(n) {
    let found = 0;
    for (let i = 0; i < n; i++) {
      if (cache.get(wanted[i]) !== undefined) {
        found++;
      }
    }
    return found;
  }
  run.prepare = (n) => {
    wanted = Array.from({ length: n }, () => {
      at = (at + 1) & (DRAWN - 1);
      return Buffer.from(keyOf(order[at])).latin1Slice();
    });
  };
  return run;
}

/** @type {Operation} */
const getHit = (cache, keyOf, max) => gets(cache, keyOf, 0, max);

/** @type {Operation} */
const getMiss = (cache, keyOf, max) => gets(cache, keyOf, max, max);

/** Keys one after another, each long gone from the cache when its turn comes again. @type {Operation} */
function setEvicting(cache, keyOf, max) {
  const count = max * KEYS_PER_ENTRY;
  const added = keys(keyOf, 0, count);
  fill(cache, added.slice(-max));
  let at = 0;
  return (n) => {
    for (let i = 0; i < n; i++) {
      cache.set(added[at], { id: i });
      at = at + 1 === count ? 0 : at + 1;
    }
    return 0;
  };
}

/** Popular keys are asked for, and set, more often; popularity wanders slowly. @type {Operation} */
function mixed(cache, keyOf, max) {
  const count = max * KEYS_PER_ENTRY;
  const all = keys(keyOf, 0, count);
  // Scattered: popular keys do not lie side by side in memory.
  const byRank = permutation(count);
  // The most popular ones are in, the first one last.
  fill(cache, Array.from(byRank.subarray(0, max).toReversed(), keyOf));
  const ranks = zipf(DRAWN, count);
  let at = 0;
  let drift = 0;
  let untilSet = SET_EVERY;
  function run(n) {
    let found = 0;
    for (let i = 0; i < n; i++) {
      const key = all[byRank[(ranks[at] + drift) % count]];
      if (--untilSet === 0) {
        untilSet = SET_EVERY;
        cache.set(key, { id: i });
      } else if (cache.get(key) !== undefined) {
        found++;
      }
      at = (at + 1) & (DRAWN - 1);
      if (at === 0) {
        drift += DRIFT;
      }
    }
    return found;
  }
  // Until the hit rate is steady, which takes operations, not time: it must not depend on the cache's speed.
  run(DRAWN);
  return run;
}

module.exports = { SET_EVERY, getHit, getHitNew, getMiss, keys, mixed, setEvicting };
