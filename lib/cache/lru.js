'use strict';

/** The list of all entries, by use. */
const ALL = 0;

/** Evicts what was not used for the longest time. */
class Lru {
  #slots;

  /** @param {import('./slots.js').Slots} slots */
  constructor(slots) {
    this.#slots = slots;
  }

  /** @param {number} slot that was used @returns {number} its uses before */
  touch(slot) {
    const slots = this.#slots;
    if (slots.links[(slot << 1) | 1] !== ALL) {
      slots.unlink(slot);
      slots.linkNewest(ALL, slot);
    }
    return slots.use(slot);
  }

  /** @param {number} slot */
  add(slot) {
    this.#slots.marks[slot] = 0;
    this.#slots.linkNewest(ALL, slot);
  }

  /** @param {number} slot */
  remove(slot) {
    this.#slots.unlink(slot);
  }

  /** Puts back one that was taken out. @param {number} slot */
  readmit(slot) {
    this.#slots.linkNewest(ALL, slot);
  }

  /** Takes out who makes room. @returns {number} */
  evict() {
    const victim = this.#slots.oldest(ALL);
    this.remove(victim);
    return victim;
  }

  /** @returns {number[]} slots, from the newest to the one that is evicted next */
  order() {
    return this.#slots.slotsOf(ALL);
  }
}

module.exports = { ALL, Lru };
