'use strict';

/** The lower half of a cell is when it was written, in units; the upper half is a part of the hash. */
const TIMES = 0xffff;
/** Units in which a ghost grows old, where there are so many of them. */
const UNITS = 64;

/**
 * Keys that were evicted a short time ago, by their hashes: a queue of the last so many, in 8 to 16 bytes each. It does not
 * keep the keys. Each has two cells that it may be in, side by side, and takes the place of the older one: a few are lost
 * that way, and one in ten thousand is found here that never was.
 *
 * Written without branches where they would be guessed wrong half of the time, which costs more than all the rest.
 */
class Ghost {
  #cells;
  #mask;
  /** Additions in which time moves on by one. */
  #unit;
  #untilNext;
  #life;
  /** Begins so that empty cells look old. */
  #time = TIMES >> 1;

  /** @param {number} size how many are remembered */
  constructor(size) {
    const cells = 2 ** Math.ceil(Math.log2(2 * size));
    this.#cells = new Int32Array(cells);
    this.#mask = cells - 1;
    this.#unit = Math.max(1, Math.round(size / UNITS));
    this.#untilNext = this.#unit;
    this.#life = Math.round(size / this.#unit);
  }

  /** @param {number} hash */
  add(hash) {
    const cells = this.#cells;
    const time = this.#time;
    const at = hash & this.#mask;
    const age = (time - cells[at]) & TIMES;
    const otherAge = (time - cells[at ^ 1]) & TIMES;
    cells[at ^ ((age - otherAge) >>> 31)] = (hash & ~TIMES) | time;
    if (--this.#untilNext === 0) {
      this.#untilNext = this.#unit;
      this.#time = (time + 1) & TIMES;
    }
  }

  /**
   * Takes one out.
   *
   * @param {number} hash
   * @returns {boolean} whether it was here
   */
  take(hash) {
    const cells = this.#cells;
    const at = hash & this.#mask;
    if ((cells[at] ^ hash) >>> 16 === 0) {
      return this.#takeFrom(at);
    }
    return (cells[at ^ 1] ^ hash) >>> 16 === 0 && this.#takeFrom(at ^ 1);
  }

  /** @param {number} at a cell with that hash, perhaps long over */
  #takeFrom(at) {
    const found = ((this.#time - this.#cells[at]) & TIMES) <= this.#life;
    // It has the look of an empty one then.
    this.#cells[at] = (this.#time - (TIMES >> 1)) & TIMES;
    return found;
  }
}

module.exports = { Ghost };
