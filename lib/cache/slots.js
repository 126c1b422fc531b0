'use strict';

const { grown } = require('./columns.js');

const FIRST_CAPACITY = 16;
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
  /** What the policy has noted of each entry. */
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

module.exports = { Slots };
