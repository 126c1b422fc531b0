'use strict';

const { getRandomValues } = require('node:crypto');

/**
 * Hashes of keys, 32 bits each, of which the highest are the best mixed. V8 has a hash in every string, but shows it to
 * nobody, and a Map takes more memory and time for evictions than a table of our own does.
 *
 * Seeded anew in each process: whoever sends the keys cannot know which of them collide. `KeyIndex` does not rely on that:
 * it notices keys that collide more often than chance would have them.
 */

/** Longest string of which every character counts. Reading one takes more than a nanosecond. */
const WHOLE = 16;
/** So many characters of a longer string count that are spread over it, and as many at its end. */
const SAMPLES = 8;

const seeds = getRandomValues(new Int32Array(3));
const SEED = seeds[0];
// Odd: a multiplication by an odd number loses no bit.
const FACTOR = seeds[1] | 1;
const OTHER_FACTOR = seeds[2] | 1;
/** 2^32 divided by the golden ratio. */
const GOLDEN = 0x9e3779b9;

const float = new Float64Array(1);
const words = new Int32Array(float.buffer);

/**
 * What is not a multiplication keeps texts that differ alike from colliding alike: with sums of products alone, a pair of
 * digits that makes one key collide with another does so for one key in a hundred.
 *
 * @param {string} text
 */
function hashString(text) {
  const { length } = text;
  let hash = SEED ^ length;
  let at = 0;
  if (length > WHOLE) {
    const step = ((length - SAMPLES) / SAMPLES) | 0;
    const end = step * SAMPLES;
    for (; at < end; at += step) {
      hash = Math.imul(hash ^ text.charCodeAt(at), FACTOR);
      hash ^= hash >>> 15;
    }
    at = length - SAMPLES;
  }
  // Two at a time: each multiplication waits for the one before it.
  for (; at + 1 < length; at += 2) {
    hash = Math.imul(hash ^ (text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16)), FACTOR);
    hash ^= hash >>> 15;
  }
  if (at < length) {
    hash = Math.imul(hash ^ text.charCodeAt(at), FACTOR);
    hash ^= hash >>> 15;
  }
  return Math.imul(hash, OTHER_FACTOR);
}

/**
 * Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): numbers in a row, as ids are, come to lie evenly.
 *
 * @param {number} number a 32-bit integer
 */
function hashInteger(number) {
  return Math.imul(number ^ SEED, GOLDEN);
}

/** @param {number} number not NaN, not -0 */
function hashFloat(number) {
  float[0] = number;
  const hash = Math.imul(words[0] ^ SEED, FACTOR) ^ words[1];
  return Math.imul(hash ^ (hash >>> 15), OTHER_FACTOR);
}

module.exports = { WHOLE, hashFloat, hashInteger, hashString };
