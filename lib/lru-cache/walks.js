'use strict';

const { ALL } = require('../cache/lru.js');

/** Which link of a slot leads from the newest to the oldest, and which one back. */
const TO_OLDEST = 0;
const TO_NEWEST = 1;

/**
 * A walk through the entries that are there when it begins, each of them once, while others come, go and are used. One that
 * is used before the walk comes to it lies behind the newest then, where the walk does not look.
 */
class Walk {
  #slots;
  #direction;
  #next;
  /** The last one that it will come to. */
  #last;

  /**
   * @param {import('../cache/slots.js').Slots} slots
   * @param {number} direction
   */
  constructor(slots, direction) {
    this.#slots = slots;
    this.#direction = direction;
    this.#next = slots.links[(ALL << 1) | direction];
    this.#last = slots.links[(ALL << 1) | (direction ^ 1)];
  }

  /** @returns {number} a slot; ALL at the end */
  step() {
    const slot = this.#next;
    this.#pass(slot);
    return slot;
  }

  /** A slot is about to leave its place. @param {number} slot */
  leave(slot) {
    if (slot === this.#next) {
      this.#pass(slot);
    } else if (slot === this.#last) {
      this.#last = this.#slots.links[(slot << 1) | (this.#direction ^ 1)];
    }
  }

  end() {
    this.#next = ALL;
  }

  /** @param {number} slot */
  #pass(slot) {
    this.#next = slot === this.#last || slot === ALL ? ALL : this.#slots.links[(slot << 1) | this.#direction];
  }
}

/** The walks under way, which are told of each slot that leaves its place. */
class Walks {
  /** Held weakly: an iterator that is left lying tells nobody. @type {WeakRef<Walk>[]} */
  #refs = [];

  /** Whether there is anybody to tell. */
  get any() {
    return this.#refs.length !== 0;
  }

  /** @param {number} slot */
  leave(slot) {
    this.#each((walk) => walk.leave(slot));
  }

  /** There is nothing left to walk through. */
  end() {
    this.#each((walk) => walk.end());
    this.#refs = [];
  }

  /**
   * @param {import('../cache/slots.js').Slots} slots
   * @param {number} direction
   * @returns {Generator<number, void>} slots
   */
  *through(slots, direction) {
    const walk = new Walk(slots, direction);
    this.#refs.push(new WeakRef(walk));
    try {
      for (let slot = walk.step(); slot !== ALL; slot = walk.step()) {
        yield slot;
      }
    } finally {
      this.#refs = this.#refs.filter((ref) => ref.deref() !== walk);
    }
  }

  /** @param {(walk: Walk) => void} fn */
  #each(fn) {
    this.#refs = this.#refs.filter((ref) => {
      const walk = ref.deref();
      if (walk !== undefined) {
        fn(walk);
      }
      return walk !== undefined;
    });
  }
}

module.exports = { TO_NEWEST, TO_OLDEST, Walks };
