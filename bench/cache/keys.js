'use strict';

/**
 * Kinds of keys, each made of a number.
 *
 * @typedef {object} Keys
 * @property {string} kind as the table shows it
 * @property {import('./operations.js').KeyOf} keyOf makes the key of a number
 * @property {boolean} [text] whether all caches can take them
 */

/** Digits that look like chance, and are the same each time. @param {number} i @param {number} length */
function hex(i, length) {
  let digits = '';
  for (let n = i + 1; digits.length < length; n = Math.imul(n, 0x9e3779b1) ^ (n >>> 7)) {
    digits += (n >>> 0).toString(16).padStart(8, '0');
  }
  return digits.slice(0, length);
}

function uuid(i) {
  const digits = hex(i, 32);
  const cuts = [0, 8, 12, 16, 20, 32];
  return cuts
    .slice(1)
    .map((end, n) => digits.slice(cuts[n], end))
    .join('-');
}

/** One object or symbol for each number: who looks for it must have it. @param {(i: number) => any} make */
function remembered(make) {
  const made = [];
  return (i) => (made[i] ??= make(i));
}

const objectOf = remembered((id) => ({ id }));
const symbolOf = remembered((id) => Symbol(id));
const MIXED = [
  (i) => i,
  (i) => i + 0.25,
  (i) => `key:${i}`,
  (i) => String(i),
  uuid,
  objectOf,
  symbolOf,
  (i) => BigInt(i),
];

/** @type {Keys[]} */
const KEYS = [
  { kind: 'short strings', keyOf: (i) => `key:${i}`, text: true },
  { kind: 'integers', keyOf: (i) => i, text: true },
  { kind: 'integer-like strings', keyOf: String, text: true },
  { kind: 'large integers', keyOf: (i) => 1_700_000_000_000 + i * 977, text: true },
  { kind: 'floats', keyOf: (i) => i / 7, text: true },
  { kind: 'UUIDs', keyOf: uuid, text: true },
  {
    kind: 'long strings',
    keyOf: (i) => `https://shop.example/products/${i}/reviews?page=${i % 7}&sort=newest`,
    text: true,
  },
  { kind: 'very long strings', keyOf: (i) => hex(i, 512), text: true },
  { kind: 'objects', keyOf: objectOf },
  { kind: 'symbols', keyOf: symbolOf },
  { kind: 'mixed', keyOf: (i) => MIXED[i % MIXED.length](i) },
];

module.exports = { KEYS };
