'use strict';

const { END } = require('./hash.js');

/** Positions that are found at a time, and in all. */
const MORE = 8;
const MOST = 24;
/** Characters of a text that are looked at. */
const REACH = 1024;
/** Pairs that are compared. */
const PAIRS = 512;

/**
 * By which characters long texts differ that have the same hash: what `hashLongString` should read besides. It is shown the
 * texts of a hash table in its order, so that those with the same hash are near each other.
 */
class Distinctions {
  #differing = new Uint32Array(REACH);
  #pairs = 0;
  /** The first text with each hash, since the last gap. @type {Map<number, string>} */
  #firsts = new Map();

  /** Whether enough pairs were compared. */
  get isEnough() {
    return this.#pairs >= PAIRS;
  }

  /**
   * @param {string} text longer than `WHOLE`
   * @param {number} hash
   */
  show(text, hash) {
    const first = this.#firsts.get(hash);
    if (first === undefined) {
      this.#firsts.set(hash, text);
    } else if (first.length === text.length) {
      this.#pairs++;
      const length = Math.min(REACH, text.length - END);
      for (let at = 0; at < length; at++) {
        if (first.charCodeAt(at) !== text.charCodeAt(at)) {
          this.#differing[at]++;
        }
      }
    }
  }

  /** An empty cell: what comes has no hash that came before. */
  gap() {
    if (this.#firsts.size !== 0) {
      this.#firsts.clear();
    }
  }

  /**
   * @param {readonly number[]} known positions that are read already
   * @returns {number[] | undefined} the known ones and more, in ascending order; undefined if there are none
   */
  positions(known) {
    const differing = this.#differing;
    const room = Math.min(MORE, MOST - known.length);
    const found = Array.from(differing.keys())
      .filter((at) => differing[at] > 0 && !known.includes(at))
      .toSorted((a, b) => differing[b] - differing[a])
      .slice(0, room);
    if (found.length === 0) {
      return undefined;
    }
    // Numbers that count up differ in one or two digits first, and soon in those beside them: behind them as they become
    // longer, before them where they are filled up with zeros.
    const beside = [1, 2, -1, -2].flatMap((step) => found.map((at) => at + step));
    const all = new Set([...known, ...found]);
    for (const at of beside) {
      if (at >= 0 && all.size < known.length + room) {
        all.add(at);
      }
    }
    return [...all].toSorted((a, b) => a - b);
  }
}

module.exports = { Distinctions };
