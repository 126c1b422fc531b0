'use strict';

const { uniform } = require('../lib/random.js');

/** Operations that are drawn in advance; then they come again. A power of two. */
const DRAWN = 2 ** 19;

/** A new string each time, as a key out of a request is not the string that was once stored. */
const keyOf = (i) => `key:${i}`;

const TEXT = Buffer.from(Array.from({ length: 2 ** 16 }, (_, i) => 97 + (((i * i) >>> 3) % 26)));

/**
 * A new string of that many characters, as one that has just been read from somewhere.
 *
 * @param {number} i
 * @param {number} length
 */
function valueOf(i, length) {
  const start = (i * 31) % (TEXT.length - length);
  return TEXT.latin1Slice(start, start + length);
}

/**
 * @param {import('./contenders.js').AnyCache & { fill?(entries: [string, string][]): void }} cache
 * @param {number} max
 * @param {number} length
 */
function fill(cache, max, length) {
  if (cache.fill !== undefined) {
    const BATCH = 10_000;
    for (let from = 0; from < max; from += BATCH) {
      cache.fill(
        Array.from({ length: Math.min(BATCH, max - from) }, (_, i) => [
          keyOf(from + i),
          valueOf(from + i, length),
        ]),
      );
    }
    return;
  }
  for (let i = 0; i < max; i++) {
    cache.set(keyOf(i), valueOf(i, length));
  }
}

/**
 * Runs one operation on keys in random order, and adds up what it returns.
 *
 * @param {number} max
 * @param {(key: string) => number} operation
 */
function inRandomOrder(max, operation) {
  const keys = Array.from({ length: max }, (_, i) => keyOf(i));
  const order = uniform(DRAWN, max);
  let at = 0;
  return (n) => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      sum += operation(keys[order[at]]);
      at = (at + 1) & (DRAWN - 1);
    }
    return sum;
  };
}

module.exports = { fill, inRandomOrder, keyOf, valueOf };
