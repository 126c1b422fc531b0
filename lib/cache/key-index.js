'use strict';

const { Distinctions } = require('./distinctions.js');
const { SEED, WHOLE, hashFloat, hashInteger, hashLongString, hashString } = require('./hash.js');
const { KeyMap } = require('./key-map.js');

/** Cells of an empty table. A power of two, as always. */
const FIRST_CELLS = 32;
/** Share of the cells that may be in use. */
const FULL = 0.5;
/**
 * In so many additions so many keys that have the hash of another one are no chance, with less than 2^27 keys. When a table
 * is filled anew, n keys have n^2 / 2^33 such pairs by chance.
 */
const WINDOW = 4096;
const CLASHES = 256;
const PAIRS_BY_CHANCE = 2 ** -33;
/** No key in a table that is filled by chance is so many cells away from where it belongs. */
const LONG_WAY = 1024;
/** The lowest bits of a cell: some of the hash, the last one of which says whether the key is a string. */
const TAG_BITS = 6;
const TAG = 2 ** TAG_BITS - 1;
const STRING = 1;
/**
 * Cells of a table whose numbers and short strings are not given up any more, which would take seconds: who wanted them to
 * collide would have been noticed before. Long strings are: of them but a few characters were looked at.
 */
const TRUSTED = 2 ** 22;

/**
 * From key to slot. Keys are told apart as a Map tells them.
 *
 * Numbers and strings are in a hash table of 32-bit cells, slot and a part of the hash, with linear probing and without
 * tombstones: 8 to 16 bytes a key, less than a Map takes, and an eviction costs less as well. It has no other end than
 * that of memory, where a Map ends at 2^24 or before. All other keys are in a Map, because V8 shows the hash of an
 * object to nobody.
 *
 * Where too many long strings collide, more of their characters are read from then on, up to 32. Keys that collide
 * nevertheless go to the Map as well, which V8 defends: long strings first, and everything when keys collide even then,
 * which somebody must have wanted.
 */
class KeyIndex {
  /** Slot and tag of each cell; 0 is an empty one. */
  #cells = new Int32Array(FIRST_CELLS);
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
  /** Once a key is not in the table. @type {KeyMap | undefined} */
  #map = undefined;
  #slots;
  #seed;

  /**
   * @param {import('./slots.js').Slots} slots
   * @param {number} [seed] of its hashes
   */
  constructor(slots, seed = SEED) {
    this.#slots = slots;
    this.#seed = seed;
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
    return this.#map === undefined ? 0 : this.#map.find(key);
  }

  /** @param {string} key */
  #findString(key) {
    const hash = this.#hashOf(key);
    const cells = this.#cells;
    const mask = this.#mask;
    const { pairs } = this.#slots;
    this.#hash = hash;
    const tag = (hash & TAG) | STRING;
    for (let cell = hash >>> this.#shift; ; cell = (cell + 1) & mask) {
      const word = cells[cell];
      if (word === 0 || ((word & TAG) === tag && pairs[(word >>> TAG_BITS) << 1] === key)) {
        return word >>> TAG_BITS;
      }
    }
  }

  /** @param {string} key */
  #hashOf(key) {
    return key.length <= WHOLE
      ? hashString(key, this.#seed)
      : hashLongString(key, this.#positions, this.#seed);
  }

  /**
   * Apart from that of strings, because a comparison that sees only one of them is faster.
   *
   * @param {number} key
   */
  #findNumber(key) {
    const hash = (key | 0) === key ? hashInteger(key, this.#seed) : hashFloat(key, this.#seed);
    const cells = this.#cells;
    const mask = this.#mask;
    const { pairs } = this.#slots;
    this.#hash = hash;
    const tag = hash & TAG & ~STRING;
    for (let cell = hash >>> this.#shift; ; cell = (cell + 1) & mask) {
      const word = cells[cell];
      if (word === 0 || ((word & TAG) === tag && pairs[(word >>> TAG_BITS) << 1] === key)) {
        return word >>> TAG_BITS;
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
    if (!this.#place(slot, typeof key === 'string' ? STRING : 0)) {
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
      this.#map?.remove(this.#slots.pairs[slot << 1]);
      return;
    }
    const cells = this.#cells;
    const mask = this.#mask;
    const shift = this.#shift;
    let hole = hash >>> shift;
    while (cells[hole] >>> TAG_BITS !== slot) {
      hole = (hole + 1) & mask;
    }
    // What was pushed on by the one that goes moves up, so that no search ends at the hole before it.
    for (let cell = (hole + 1) & mask; cells[cell] !== 0; cell = (cell + 1) & mask) {
      const home = hashes[cells[cell] >>> TAG_BITS] >>> shift;
      if (((cell - home) & mask) >= ((cell - hole) & mask)) {
        cells[hole] = cells[cell];
        hole = cell;
      }
    }
    cells[hole] = 0;
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
   * @param {number} kind of its key, `STRING` or 0
   * @returns {boolean} false if too many keys collide
   */
  #place(slot, kind) {
    const { hashes } = this.#slots;
    const cells = this.#cells;
    const mask = this.#mask;
    const hash = hashes[slot];
    const tag = (hash & TAG & ~STRING) | kind;
    let cell = hash >>> this.#shift;
    let way = 0;
    for (let word = cells[cell]; word !== 0; word = cells[cell]) {
      if ((word & TAG) === tag && hashes[word >>> TAG_BITS] === hash) {
        this.#clashes++;
      }
      cell = (cell + 1) & mask;
      way++;
    }
    cells[cell] = (slot << TAG_BITS) | tag;
    this.#room--;
    return (way < LONG_WAY && this.#clashes < CLASHES) || (mask >= TRUSTED && this.#longest <= WHOLE);
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
    this.#cells = new Int32Array(size);
    this.#mask = size - 1;
    this.#shift = 32 - Math.log2(size);
    this.#room = size * FULL;
    this.#clashes = -Math.round(old.length ** 2 * PAIRS_BY_CHANCE);
    for (const word of old) {
      if (word !== 0 && !this.#place(word >>> TAG_BITS, word & STRING)) {
        return false;
      }
    }
    this.#clashes = 0;
    return true;
  }

  /**
   * Too many keys collide: more characters count from now on, or some keys, or all, go to the map.
   *
   * @param {Int32Array} cells of a table, which is to be filled anew
   */
  #adapt(cells) {
    const { pairs, hashes } = this.#slots;
    const positions = this.#longest > WHOLE ? this.#distinctionsIn(cells) : undefined;
    if (positions !== undefined) {
      this.#positions = positions;
    } else if (this.#longest > WHOLE) {
      this.#longest = WHOLE;
    } else {
      this.#longest = -1;
      this.#numbers = false;
    }
    for (let cell = 0; cell < cells.length; cell++) {
      const slot = cells[cell] >>> TAG_BITS;
      const key = pairs[slot << 1];
      if (slot === 0) {
        // An empty cell.
      } else if (!this.#tabled(key)) {
        cells[cell] = 0;
        this.#addToMap(key, slot);
      } else if (typeof key === 'string' && key.length > WHOLE) {
        hashes[slot] = this.#hashOf(key);
      }
    }
  }

  /** @param {Int32Array} cells */
  #distinctionsIn(cells) {
    const { pairs, hashes } = this.#slots;
    const found = new Distinctions();
    for (let cell = 0; cell < cells.length && !found.isEnough; cell++) {
      const slot = cells[cell] >>> TAG_BITS;
      const key = pairs[slot << 1];
      if (slot === 0) {
        found.gap();
      } else if (typeof key === 'string' && key.length > WHOLE) {
        found.show(key, hashes[slot]);
      }
    }
    return found.positions(this.#positions);
  }

  /**
   * @param {unknown} key
   * @param {number} slot
   */
  #addToMap(key, slot) {
    this.#slots.hashes[slot] = 0;
    this.#map ??= new KeyMap();
    this.#map.add(key, slot);
  }
}

module.exports = { KeyIndex };
