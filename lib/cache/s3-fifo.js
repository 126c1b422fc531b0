'use strict';

const { Ghost } = require('./ghost.js');
const { ALL } = require('./lru.js');
const { INTERNED, USES } = require('./slots.js');

/** The list of those that have proved themselves, and of those that have not yet. */
const MAIN = ALL;
const SMALL = 1;
/** Of a mark: the entry is in the small list. */
const IN_SMALL = 4;
/** Uses that take an entry from the small list to the main one. */
const PROMOTED = 2;
/** The small list is one part of so many of the bound. */
const SMALL_PART = 10;
/** Of the entries. */
const GHOST_SHARE = 0.9;

/**
 * S3-FIFO: new entries pass through a small queue, which most leave soon and for ever; those that were used twice there, or
 * come back while their ghost is remembered, live in the main queue, from which used ones are put back to its start. A
 * hit writes one byte.
 *
 * Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023; with the parameters of
 * its authors' simulator, libCacheSim 0.3.
 */
class S3Fifo {
  #slots;
  /** What the small list may weigh while the cache fills for the first time; what comes then goes to the main one. */
  #smallLimit;
  /** What the small list weighs; the main one weighs the rest. */
  #small = 0;
  /** Made by the first eviction. @type {Ghost | undefined} */
  #ghost;
  /** For how many entries it was made. */
  #ghostFor = 0;

  /**
   * @param {import('./slots.js').Slots} slots whose main list may have entries
   * @param {number} limit what all entries may weigh
   */
  constructor(slots, limit) {
    this.#slots = slots;
    this.#smallLimit = Math.floor(limit / SMALL_PART);
    slots.marks.fill(0);
  }

  /** @param {number} slot that was used @returns {number} its uses before */
  touch(slot) {
    return this.#slots.use(slot);
  }

  /** @param {number} slot */
  add(slot) {
    const slots = this.#slots;
    const hash = slots.hashes[slot];
    const ghost = this.#ghost;
    const proved = ghost === undefined ? this.#small >= this.#smallLimit : hash !== 0 && ghost.take(hash);
    this.#link(slot, proved ? MAIN : SMALL, 0);
  }

  /**
   * @param {number} slot
   * @param {number} list
   * @param {number} mark
   */
  #link(slot, list, mark) {
    const slots = this.#slots;
    slots.linkNewest(list, slot);
    if (list === MAIN) {
      slots.marks[slot] = mark;
    } else {
      slots.marks[slot] = mark | IN_SMALL;
      this.#small += slots.weight(slot);
    }
  }

  /** @param {number} slot */
  remove(slot) {
    const slots = this.#slots;
    slots.unlink(slot);
    if ((slots.marks[slot] & IN_SMALL) !== 0) {
      // Empty is 0, whatever the rounding of fractions has added up to.
      this.#small = slots.oldest(SMALL) === SMALL ? 0 : this.#small - slots.weight(slot);
    }
  }

  /** Puts back one that was taken out. @param {number} slot */
  readmit(slot) {
    const mark = this.#slots.marks[slot];
    this.#link(slot, (mark & IN_SMALL) !== 0 ? SMALL : MAIN, mark & ~IN_SMALL);
  }

  /** Takes out who makes room. @returns {number} */
  evict() {
    const slots = this.#slots;
    if (this.#ghost === undefined || slots.count > 2 * this.#ghostFor) {
      this.#ghostFor = slots.count;
      this.#ghost = new Ghost(Math.max(1, Math.floor(this.#ghostFor * GHOST_SHARE)));
    }
    // A share of what is there, not of a bound: which of two bounds is reached depends on the entries.
    // In whole parts, which need no rounding: a division takes as long as all the rest.
    const smallIsFull = this.#small * SMALL_PART > slots.totalWeight - SMALL_PART;
    if (smallIsFull || slots.oldest(MAIN) === MAIN) {
      for (let slot = slots.oldest(SMALL); slot !== SMALL; slot = slots.oldest(SMALL)) {
        this.remove(slot);
        if ((slots.marks[slot] & USES) < PROMOTED) {
          const hash = slots.hashes[slot];
          if (hash !== 0) {
            this.#ghost.add(hash);
          }
          return slot;
        }
        this.#link(slot, MAIN, slots.marks[slot] & INTERNED);
      }
    }
    for (;;) {
      const slot = slots.oldest(MAIN);
      this.remove(slot);
      const mark = slots.marks[slot];
      if ((mark & USES) === 0) {
        return slot;
      }
      this.#link(slot, MAIN, mark - 1);
    }
  }

  /** @returns {number[]} slots; those of the main list first, as they are evicted last, each from the newest to the oldest */
  order() {
    return [...this.#slots.slotsOf(MAIN), ...this.#slots.slotsOf(SMALL)];
  }
}

module.exports = { S3Fifo };
