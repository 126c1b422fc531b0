'use strict';

const SEED = 0x5eed;

/** Numbers from 0 to 1, the same ones in every run: mulberry32 by Tommy Ettinger, public domain. */
function createRandom(seed = SEED) {
  let state = seed;
  return function random() {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Integers from 0 to below `range`, each as likely.
 *
 * @param {number} length
 * @param {number} range
 */
function uniform(length, range) {
  const random = createRandom();
  return Uint32Array.from({ length }, () => Math.floor(random() * range));
}

/**
 * Integers from 0 to below `range`, where k comes about half as often as k / 2: Zipf's law with exponent 1.
 *
 * @param {number} length
 * @param {number} range
 */
function zipf(length, range) {
  const random = createRandom();
  return Uint32Array.from({ length }, () => Math.floor(range ** random()) - 1);
}

/**
 * The integers from 0 to below `length`, shuffled.
 *
 * @param {number} length
 */
function permutation(length) {
  const random = createRandom();
  const order = Uint32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

module.exports = { createRandom, permutation, uniform, zipf };
