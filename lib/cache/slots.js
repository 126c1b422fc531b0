'use strict';

const { grown } = require('./columns.js');
const { intern } = require('./intern.js');

const FIRST_CAPACITY = 16;
/** Of a mark: the uses of an entry, as many as are counted. */
const USES = 3;
/** Of a mark: the key is one of V8's own strings. */
const INTERNED = 128;
/** Characters of which V8 makes a part of a string a slice. */
const SLICED_FROM = 13;
/** Characters of a key that is not interned any more: V8 reads all of them, which takes microseconds then. */
const INTERNED_TO = 1024;
/** Entries beyond which none is interned any more: V8's table of its strings grows all at once, which takes a while. */
const INTERNED_AMONG = 2 ** 16;
/** Slots that hold no entry but the ends of a list: its next is the newest, its previous the oldest. */
const LISTS = 2;

/**
 * Where entries lie: columns by slot number, which grow with use, and two lists through them. No object per entry.
 *
 * Key and value lie side by side, and so do the links, because whoever needs one of them needs the other, and the way to
 * memory costs more than what is done there.
 */
class Slots {
  /** Key and value of each slot. @type {any[]} */
  pairs = [];
  /** Next and previous of each slot, towards the oldest and the newest of its list; the next free one of a free slot. */
  links = new Int32Array(2 * FIRST_CAPACITY);
  /** Of each key; 0 of one that has none. */
  hashes = new Int32Array(FIRST_CAPACITY);
  /** How often each entry was used, and what the policy has noted besides. */
  marks = new Uint8Array(FIRST_CAPACITY);
  /** Of each entry, where sizes count. @type {Float64Array | undefined} */
  sizes;
  /** The namespaces of entries, once there are any. @type {(import('./entries.js').Space | undefined)[] | undefined} */
  spaces;
  /** When entries end, once one of them does. @type {import('./times.js').Times | undefined} */
  times;
  /** Slots that were ever used. */
  used = LISTS;
  /** Entries now. */
  count = 0;
  /** Sum of the sizes. */
  totalSize = 0;
  #capacity = FIRST_CAPACITY;
  #most;
  /** The first of the free slots below `used`; 0 when there is none. */
  #free = 0;

  /**
   * @param {number} most entries
   * @param {boolean} sized whether sizes count
   */
  constructor(most, sized) {
    this.#most = most + LISTS;
    this.sizes = sized ? new Float64Array(FIRST_CAPACITY) : undefined;
    this.times = undefined;
    this.spaces = undefined;
    for (let list = 0; list < LISTS; list++) {
      this.pairs.push(undefined, undefined);
      this.links[list << 1] = list;
      this.links[(list << 1) | 1] = list;
    }
  }

  /** @returns {number} a slot in no list */
  take() {
    this.count++;
    const slot = this.#free;
    if (slot !== 0) {
      this.#free = this.links[slot << 1];
      return slot;
    }
    if (this.used === this.#capacity) {
      this.#grow();
    }
    return this.used++;
  }

  /** @param {number} slot in no list */
  give(slot) {
    if (--this.count === 0) {
      // Whatever the rounding of fractions has added up to.
      this.totalSize = 0;
    }
    this.pairs[slot << 1] = undefined;
    this.pairs[(slot << 1) | 1] = undefined;
    this.times?.clear(slot);
    if (this.spaces !== undefined) {
      this.spaces[slot] = undefined;
    }
    this.links[slot << 1] = this.#free;
    this.#free = slot;
  }

  /**
   * Counts a use.
   *
   * @param {number} slot
   * @returns {number} how many there were before, up to `USES`
   */
  use(slot) {
    const { marks } = this;
    const mark = marks[slot];
    const uses = mark & USES;
    if (uses !== USES) {
      marks[slot] = mark + 1;
    }
    return uses;
  }

  /**
   * Takes the string that an entry was asked for by as its key. Programs that ask again mostly do so with the same string,
   * not only an equal one, and to find out that it is the same takes no look at its characters, let alone at those of
   * another one far away in memory. Where it is a new one each time, this is done once for an entry.
   *
   * A longer one may be a slice, by which V8 keeps all of the text that it was cut from, and is interned first: that costs
   * more, so that an entry must have been used some times. Where there are many entries, it is left.
   *
   * @param {number} slot
   * @param {unknown} key equal to that of the entry
   * @param {number} uses of the entry before this one, less than `USES`
   */
  adopt(slot, key, uses) {
    if (typeof key !== 'string') {
      return;
    }
    if (key.length < SLICED_FROM) {
      if (uses === 0) {
        this.pairs[slot << 1] = key;
      }
    } else if (
      uses === USES - 1 &&
      key.length <= INTERNED_TO &&
      this.count <= INTERNED_AMONG &&
      (this.marks[slot] & INTERNED) === 0
    ) {
      intern(key);
      this.pairs[slot << 1] = key;
      this.marks[slot] |= INTERNED;
    }
  }

  /** What an entry takes of the bound that the policy divides. @param {number} slot */
  weight(slot) {
    return this.sizes === undefined ? 1 : this.sizes[slot];
  }

  /** What all of them take of it. */
  get totalWeight() {
    return this.sizes === undefined ? this.count : this.totalSize;
  }

  get capacity() {
    return this.#capacity;
  }

  /**
   * @param {number} list
   * @param {number} slot
   */
  linkNewest(list, slot) {
    const { links } = this;
    const newest = links[list << 1];
    links[slot << 1] = newest;
    links[(slot << 1) | 1] = list;
    links[(newest << 1) | 1] = slot;
    links[list << 1] = slot;
  }

  /** @param {number} slot */
  unlink(slot) {
    const { links } = this;
    const next = links[slot << 1];
    const previous = links[(slot << 1) | 1];
    links[previous << 1] = next;
    links[(next << 1) | 1] = previous;
  }

  /** @param {number} list @returns {number} the list itself when it is empty */
  oldest(list) {
    return this.links[(list << 1) | 1];
  }

  /**
   * @param {number} list
   * @returns {number[]} its slots, from the newest to the oldest
   */
  slotsOf(list) {
    const { links } = this;
    const slots = [];
    for (let slot = links[list << 1]; slot !== list; slot = links[slot << 1]) {
      slots.push(slot);
    }
    return slots;
  }

  #grow() {
    const capacity = Math.min(2 * this.#capacity, this.#most);
    this.#capacity = capacity;
    this.links = grown(this.links, new Int32Array(2 * capacity));
    this.hashes = grown(this.hashes, new Int32Array(capacity));
    this.marks = grown(this.marks, new Uint8Array(capacity));
    this.sizes = this.sizes && grown(this.sizes, new Float64Array(capacity));
    this.times?.grow(capacity);
  }
}

module.exports = { INTERNED, Slots, USES };
