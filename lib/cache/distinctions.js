'use strict';

const { END, WHOLE } = require('./hash.js');

/** Positions that are found at a time, and in all. */
const MORE = 8;
const MOST = 16;
/** Characters of a text that are looked at. */
const REACH = 1024;
/** Pairs that are compared. */
const PAIRS = 512;

/**
 * By which characters long texts differ that have the same hash: what `hashLongString` should read besides.
 *
 * @param {readonly number[]} known positions that are read already
 * @param {Iterable<[key: unknown, hash: number] | undefined>} entries of a hash table in its order, so that those with the
 *   same hash are near each other; undefined for an empty cell
 * @returns {number[] | undefined} the known ones and more, in ascending order; undefined if there are none
 */
function distinctions(known, entries) {
  const differing = new Uint32Array(REACH);
  let pairs = 0;
  let first = '';
  let firstHash = 0;
  for (const entry of entries) {
    if (entry === undefined) {
      first = '';
      continue;
    }
    const [key, hash] = entry;
    if (typeof key !== 'string' || key.length <= WHOLE) {
      continue;
    }
    if (first === '') {
      first = key;
      firstHash = hash;
    } else if (hash === firstHash && key.length === first.length) {
      count(first, key, differing);
      if (++pairs === PAIRS) {
        break;
      }
    }
  }
  const found = Array.from(differing.keys())
    .filter((at) => differing[at] > 0 && !known.includes(at))
    .toSorted((a, b) => differing[b] - differing[a])
    .slice(0, Math.min(MORE, MOST - known.length));
  return found.length === 0 ? undefined : [...known, ...found].toSorted((a, b) => a - b);
}

/**
 * @param {string} one
 * @param {string} other as long
 * @param {Uint32Array} differing counts where they differ
 */
function count(one, other, differing) {
  const length = Math.min(REACH, one.length - END);
  for (let at = 0; at < length; at++) {
    if (one.charCodeAt(at) !== other.charCodeAt(at)) {
      differing[at]++;
    }
  }
}

module.exports = { distinctions };
