'use strict';

const { ALL } = require('./lru.js');
const { USES } = require('./slots.js');

/**
 * SIEVE: a queue in the order of entry, and a hand that goes from the oldest to the newest, evicts the first entry that was
 * not used since it came by, and stays there. A hit writes one byte.
 *
 * Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is Simpler than LRU", NSDI 2024.
 */
class Sieve {
  #slots;
  /** Where the next search begins; `ALL`: at the oldest. */
  #hand = ALL;

  /** @param {import('./slots.js').Slots} slots */
  constructor(slots) {
    this.#slots = slots;
  }

  /** @param {number} slot that was used @returns {number} its uses before */
  touch(slot) {
    return this.#slots.use(slot);
  }

  /** @param {number} slot */
  add(slot) {
    this.#slots.marks[slot] = 0;
    this.#slots.linkNewest(ALL, slot);
  }

  /** @param {number} slot */
  remove(slot) {
    if (this.#hand === slot) {
      this.#hand = this.#slots.links[(slot << 1) | 1];
    }
    this.#slots.unlink(slot);
  }

  /** Puts back one that was taken out. @param {number} slot */
  readmit(slot) {
    this.#slots.linkNewest(ALL, slot);
  }

  /** Takes out who makes room. @returns {number} */
  evict() {
    const { links, marks } = this.#slots;
    let slot = this.#hand === ALL ? links[(ALL << 1) | 1] : this.#hand;
    while ((marks[slot] & USES) !== 0) {
      marks[slot] &= ~USES;
      const newer = links[(slot << 1) | 1];
      slot = newer === ALL ? links[(ALL << 1) | 1] : newer;
    }
    this.#hand = slot;
    this.remove(slot);
    return slot;
  }

  /** @returns {number[]} slots, from the newest to the oldest */
  order() {
    return this.#slots.slotsOf(ALL);
  }
}

module.exports = { Sieve };
