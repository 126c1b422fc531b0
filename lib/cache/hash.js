'use strict';

const { getRandomValues } = require('node:crypto');

/**
 * Hashes of keys, 32 bits each, of which the highest are the best mixed. V8 has a hash in every string, but shows it to
 * nobody, and a Map takes more memory and time for evictions than a table of our own does.
 *
 * Seeded anew in each process, and otherwise for each namespace, so that a key of one is no key of another: whoever sends the
 * keys cannot know which of them collide. `KeyIndex` does not rely on that: it notices keys that collide more often than
 * chance would have them.
 */

/** Longest string of which every character counts. Reading one takes more than a nanosecond. */
const WHOLE = 16;
/** Of a longer one so many count at its end, and those that have been found to differ. */
const END = 8;

/** Of this process. */
const SEED = getRandomValues(new Int32Array(1))[0];
/** Odd, so that a multiplication loses no bit, and with bits that look like chance: those of MurmurHash3. */
const FACTOR = 0x85ebca6b;
const OTHER_FACTOR = 0xc2b2ae35;
/** 2^32 divided by the golden ratio. */
const GOLDEN = 0x9e3779b9;

const float = new Float64Array(1);
const words = new Int32Array(float.buffer);

/**
 * As many keys that count up collide as chance would have: 120 of 2^20 of them, where one multiplication a step makes it 0
 * or 600, as the seed has it.
 *
 * @param {string} text of up to `WHOLE` characters
 * @param {number} seed
 */
function hashString(text, seed) {
  return hashFrom(text, 0, seed ^ text.length);
}

/**
 * Entropy-learned hashing: of long texts only those characters are read that tell the texts of one table apart. Hentschel,
 * Sirin and Idreos, "Entropy-Learned Hashing: Constant Time Hashing with Controllable Uniformity", SIGMOD 2022.
 *
 * @param {string} text of more than `WHOLE` characters
 * @param {readonly number[]} positions of characters that count besides the last ones, in ascending order
 * @param {number} seed
 */
function hashLongString(text, positions, seed) {
  const { length } = text;
  let hash = seed ^ length;
  for (let i = 0; i < positions.length; i++) {
    const at = positions[i];
    if (at >= length) {
      break;
    }
    hash = Math.imul(hash ^ Math.imul(text.charCodeAt(at), OTHER_FACTOR), FACTOR);
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
  // Two at a time: of the multiplications one in two waits for the one before it.
  for (; at + 1 < length; at += 2) {
    const pair = text.charCodeAt(at) | (text.charCodeAt(at + 1) << 16);
    hash = Math.imul(hash ^ Math.imul(pair, OTHER_FACTOR), FACTOR);
    hash ^= hash >>> 15;
  }
  if (at < length) {
    hash = Math.imul(hash ^ Math.imul(text.charCodeAt(at), OTHER_FACTOR), FACTOR);
    hash ^= hash >>> 15;
  }
  return Math.imul(hash, OTHER_FACTOR);
}

/**
 * Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): numbers in a row, as ids are, come to lie evenly.
 *
 * @param {number} number a 32-bit integer
 * @param {number} seed
 */
function hashInteger(number, seed) {
  return Math.imul(number ^ seed, GOLDEN);
}

/**
 * @param {number} number not NaN, not -0
 * @param {number} seed
 */
function hashFloat(number, seed) {
  float[0] = number;
  const hash = Math.imul(words[0] ^ seed, FACTOR) ^ words[1];
  return Math.imul(hash ^ (hash >>> 15), OTHER_FACTOR);
}

module.exports = { END, SEED, WHOLE, hashFloat, hashInteger, hashLongString, hashString };
