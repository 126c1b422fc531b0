'use strict';

const { distinctions } = require('./distinctions.js');
const { WHOLE, hashFloat, hashInteger, hashLongString, hashString } = require('./hash.js');
const { KeyMap } = require('./key-map.js');

/** Cells of an empty table. A power of two, as always. */
const FIRST_CELLS = 32;
/** Share of the cells that may be in use. */
const FULL = 0.5;
/** In so many additions so many keys that have the hash of another one are no chance, with less than 2^27 keys. */
const WINDOW = 4096;
const CLASHES = 256;
/** No key in a table that is filled by chance is so many cells away from where it belongs. */
const LONG_WAY = 1024;
/** Cells of a table that is too large to be given up: who wanted its keys to collide would have been noticed before. */
const TRUSTED = 2 ** 22;

/**
 * From key to slot. Keys are told apart as a Map tells them.
 *
 * Numbers and strings are in a hash table of two 32-bit words a cell, slot and hash, with linear probing and without
 * tombstones: 16 to 32 bytes a key, less than a Map takes, and an eviction costs less as well. It has no other end than
 * that of memory, where a Map ends at 2^24 or before. All other keys are in a Map, because V8 shows the hash of an
 * object to nobody.
 *
 * Where too many long strings collide, more of their characters are read from then on. Keys that collide nevertheless go to
 * the Map as well, which V8 defends: long strings first, and everything when keys collide even then, which somebody must
 * have wanted.
 */
class KeyIndex {
  /** Slot and hash of each cell; slot 0 is an empty cell. */
  #cells = new Int32Array(2 * FIRST_CELLS);
  #mask = FIRST_CELLS - 1;
  /** From a hash to its cell, by the highest bits. */
  #shift = 32 - Math.log2(FIRST_CELLS);
  /** So many keys more fit before the table grows. */
  #room = FIRST_CELLS * FULL;
  /** That of the key that was looked for last. */
  #hash = 0;
  #clashes = 0;
  #untilNextWindow = WINDOW;
  /** Characters of long strings that count besides the last ones. @type {readonly number[]} */
  #positions = [];
  /** Longest string that the table has. */
  #longest = Infinity;
  /** Whether the table has numbers. */
  #numbers = true;
  #map = new KeyMap();
  #slots;

  /** @param {import('./slots.js').Slots} slots */
  constructor(slots) {
    this.#slots = slots;
  }

  /**
   * @param {unknown} key
   * @returns {number} its slot; 0 if there is none
   */
  find(key) {
    if (typeof key === 'string' && key.length <= this.#longest) {
      return this.#findString(key);
    }
    if (typeof key === 'number' && this.#numbers && key === key) {
      return this.#findNumber(key);
    }
    this.#hash = 0;
    return this.#map.find(key);
  }

  /** @param {string} key */
  #findString(key) {
    const hash = this.#hashOf(key);
    const cells = this.#cells;
    const mask = this.#mask;
    const { pairs } = this.#slots;
    this.#hash = hash;
    for (let cell = hash >>> this.#shift; ; cell = (cell + 1) & mask) {
      const slot = cells[cell << 1];
      if (slot === 0 || (cells[(cell << 1) | 1] === hash && pairs[slot << 1] === key)) {
        return slot;
      }
    }
  }

  /** @param {string} key */
  #hashOf(key) {
    return key.length <= WHOLE ? hashString(key) : hashLongString(key, this.#positions);
  }

  /**
   * Apart from that of strings, because a comparison that sees only one of them is faster.
   *
   * @param {number} key
   */
  #findNumber(key) {
    const hash = (key | 0) === key ? hashInteger(key) : hashFloat(key);
    const cells = this.#cells;
    const mask = this.#mask;
    const { pairs } = this.#slots;
    this.#hash = hash;
    for (let cell = hash >>> this.#shift; ; cell = (cell + 1) & mask) {
      const slot = cells[cell << 1];
      if (slot === 0 || (cells[(cell << 1) | 1] === hash && pairs[slot << 1] === key)) {
        return slot;
      }
    }
  }

  /**
   * @param {unknown} key that is not here
   * @param {number} slot that has it
   * @param {number} hash `lastHash` after `find`
   */
  add(key, slot, hash) {
    const { hashes } = this.#slots;
    hashes[slot] = hash;
    if (!this.#tabled(key)) {
      this.#addToMap(key, slot);
      return;
    }
    if (this.#room <= 0) {
      this.#rebuild(2 * (this.#mask + 1));
      // The growth may have shown that too many keys collide.
      if (!this.#tabled(key)) {
        this.#addToMap(key, slot);
        return;
      }
      if (typeof key === 'string') {
        hashes[slot] = this.#hashOf(key);
      }
    }
    if (!this.#place(slot, hashes[slot])) {
      this.#adapt(this.#cells);
      this.#rebuild(this.#mask + 1);
    }
    if (--this.#untilNextWindow === 0) {
      this.#untilNextWindow = WINDOW;
      this.#clashes = 0;
    }
  }

  /** @param {number} slot whose key is here */
  remove(slot) {
    const { hashes } = this.#slots;
    const hash = hashes[slot];
    // The key itself, which is far away in memory, is looked at only if it need be.
    if (hash === 0 && !this.#tabled(this.#slots.pairs[slot << 1])) {
      this.#map.remove(this.#slots.pairs[slot << 1]);
      return;
    }
    const cells = this.#cells;
    const mask = this.#mask;
    const shift = this.#shift;
    let hole = hash >>> shift;
    while (cells[hole << 1] !== slot) {
      hole = (hole + 1) & mask;
    }
    // What was pushed on by the one that goes moves up, so that no search ends at the hole before it.
    for (let cell = (hole + 1) & mask; cells[cell << 1] !== 0; cell = (cell + 1) & mask) {
      const home = cells[(cell << 1) | 1] >>> shift;
      if (((cell - home) & mask) >= ((cell - hole) & mask)) {
        cells[hole << 1] = cells[cell << 1];
        cells[(hole << 1) | 1] = cells[(cell << 1) | 1];
        hole = cell;
      }
    }
    cells[hole << 1] = 0;
    this.#room++;
  }

  /** The hash of the key that was looked for last; 0 of one that has none. */
  get lastHash() {
    return this.#hash;
  }

  /** @param {unknown} key */
  #tabled(key) {
    return typeof key === 'string'
      ? key.length <= this.#longest
      : typeof key === 'number' && this.#numbers && key === key;
  }

  /**
   * @param {number} slot
   * @param {number} hash
   * @returns {boolean} false if too many keys collide
   */
  #place(slot, hash) {
    const cells = this.#cells;
    const mask = this.#mask;
    let cell = hash >>> this.#shift;
    let way = 0;
    while (cells[cell << 1] !== 0) {
      if (cells[(cell << 1) | 1] === hash) {
        this.#clashes++;
      }
      cell = (cell + 1) & mask;
      way++;
    }
    cells[cell << 1] = slot;
    cells[(cell << 1) | 1] = hash;
    this.#room--;
    return (way < LONG_WAY && this.#clashes < CLASHES) || mask >= TRUSTED;
  }

  /** @param {number} size cells of the new table */
  #rebuild(size) {
    const old = this.#cells;
    while (!this.#fill(old, size)) {
      this.#adapt(old);
    }
  }

  /**
   * @param {Int32Array} old table
   * @param {number} size of the new one
   * @returns {boolean} false if too many keys collide; some are not in it then
   */
  #fill(old, size) {
    this.#cells = new Int32Array(2 * size);
    this.#mask = size - 1;
    this.#shift = 32 - Math.log2(size);
    this.#room = size * FULL;
    this.#clashes = 0;
    for (let at = 0; at < old.length; at += 2) {
      if (old[at] !== 0 && !this.#place(old[at], old[at + 1])) {
        return false;
      }
    }
    return true;
  }

  /**
   * Too many keys collide: more characters count from now on, or some keys, or all, go to the map.
   *
   * @param {Int32Array} cells of a table, which is to be filled anew
   */
  #adapt(cells) {
    const { pairs, hashes } = this.#slots;
    const positions =
      this.#longest > WHOLE ? distinctions(this.#positions, this.#entriesOf(cells)) : undefined;
    if (positions !== undefined) {
      this.#positions = positions;
    } else if (this.#longest > WHOLE) {
      this.#longest = WHOLE;
    } else {
      this.#longest = -1;
      this.#numbers = false;
    }
    for (let at = 0; at < cells.length; at += 2) {
      const slot = cells[at];
      const key = pairs[slot << 1];
      if (slot === 0) {
        // An empty cell.
      } else if (!this.#tabled(key)) {
        cells[at] = 0;
        this.#addToMap(key, slot);
      } else if (typeof key === 'string' && key.length > WHOLE) {
        hashes[slot] = this.#hashOf(key);
        cells[at + 1] = hashes[slot];
      }
    }
  }

  /**
   * @param {Int32Array} cells
   * @returns {Iterable<[key: unknown, hash: number] | undefined>}
   */
  *#entriesOf(cells) {
    for (let at = 0; at < cells.length; at += 2) {
      yield cells[at] === 0 ? undefined : [this.#slots.pairs[cells[at] << 1], cells[at + 1]];
    }
  }

  /**
   * @param {unknown} key
   * @param {number} slot
   */
  #addToMap(key, slot) {
    this.#slots.hashes[slot] = 0;
    this.#map.add(key, slot);
  }
}

module.exports = { KeyIndex };
