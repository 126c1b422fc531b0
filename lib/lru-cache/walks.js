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
  #walks;
  #direction;
  #next = ALL;
  /** The last one that it will come to. */
  #last = ALL;
  /** Steps taken, up to two. */
  #steps = 0;
  /** @type {unknown} */
  #firstKey;

  /**
   * @param {Walks} walks
   * @param {number} direction
   */
  constructor(walks, direction) {
    this.#walks = walks;
    this.#direction = direction;
  }

  /** @returns {number} a slot; ALL at the end */
  step() {
    const { links, pairs } = this.#walks.slots;
    if (this.#steps === 0) {
      // Many who ask for the first one do not want another: nobody need know of them.
      this.#steps = 1;
      const first = links[(ALL << 1) | this.#direction];
      this.#firstKey = pairs[first << 1];
      return first;
    }
    if (this.#steps === 1) {
      this.#steps = 2;
      this.#next = links[(ALL << 1) | this.#direction];
      this.#last = links[(ALL << 1) | (this.#direction ^ 1)];
      this.#walks.add(this);
    }
    const slot = this.#pass();
    return slot !== ALL && Object.is(pairs[slot << 1], this.#firstKey) ? this.#pass() : slot;
  }

  /** A slot is about to leave its place. @param {number} slot */
  leave(slot) {
    if (slot === this.#next) {
      this.#pass();
    } else if (slot === this.#last) {
      this.#last = this.#walks.slots.links[(slot << 1) | (this.#direction ^ 1)];
    }
  }

  /** There is nothing left to come to. */
  end() {
    this.#next = ALL;
  }

  /** Nobody walks on. */
  stop() {
    if (this.#steps === 2) {
      this.#walks.remove(this);
    }
  }

  #pass() {
    const slot = this.#next;
    const isLast = slot === this.#last || slot === ALL;
    this.#next = isLast ? ALL : this.#walks.slots.links[(slot << 1) | this.#direction];
    return slot;
  }
}

/** The walks under way, which are told of each slot that leaves its place. */
class Walks {
  /** Held weakly: an iterator that is left lying tells nobody. @type {WeakRef<Walk>[]} */
  #refs = [];

  /** @param {import('../cache/slots.js').Slots} slots */
  constructor(slots) {
    this.slots = slots;
  }

  /** Whether there is anybody to tell. */
  get any() {
    return this.#refs.length !== 0;
  }

  /** @param {Walk} walk */
  add(walk) {
    this.#refs.push(new WeakRef(walk));
  }

  /** @param {Walk} walk */
  remove(walk) {
    this.#refs = this.#refs.filter((ref) => ref.deref() !== walk);
  }

  /** @param {number} slot */
  leave(slot) {
    this.#each((walk) => walk.leave(slot));
  }

  /** All entries are gone. @param {import('../cache/slots.js').Slots} slots those from now on */
  reset(slots) {
    this.slots = slots;
    this.#each((walk) => walk.end());
    this.#refs = [];
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

module.exports = { TO_NEWEST, TO_OLDEST, Walk, Walks };
