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
/** Of a longer one so many count at its end, and those that have been found to differ. */
const END = 8;

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
 * @param {string} text of up to `WHOLE` characters
 */
function hashString(text) {
  return hashFrom(text, 0, SEED ^ text.length);
}

/**
 * Entropy-learned hashing: of long texts only those characters are read that tell the texts of one table apart. Hentschel,
 * Sirin and Idreos, "Entropy-Learned Hashing: Constant Time Hashing with Controllable Uniformity", SIGMOD 2022.
 *
 * @param {string} text of more than `WHOLE` characters
 * @param {readonly number[]} positions of characters that count besides the last ones, in ascending order
 */
function hashLongString(text, positions) {
  const { length } = text;
  let hash = SEED ^ length;
  for (let i = 0; i < positions.length; i++) {
    const at = positions[i];
    if (at >= length) {
      break;
    }
    hash = Math.imul(hash ^ text.charCodeAt(at), FACTOR);
    hash ^= hash >>> 15;
  }
  return hashFrom(text, length - END, hash);
}

/**
 * @param {string} text
 * @param {number} start
 * @param {number} before hash of what comes before
 */
function hashFrom(text, start, before) {
  const { length } = text;
  let hash = before;
  let at = start;
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

module.exports = { END, WHOLE, hashFloat, hashInteger, hashLongString, hashString };
