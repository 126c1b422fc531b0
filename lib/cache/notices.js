'use strict';

/**
 * What `onEvict` has yet to be told. It is told last in each operation, when the cache is whole again, because it may use
 * the cache.
 *
 * @template K, V
 */
class Notices {
  #onEvict;
  /** @type {[K, V, import('../..').EvictReason][]} */
  #removed = [];
  /** How much of it was told: taking entries off the front would move all the others each time. */
  #toldOf = 0;

  /** @param {((key: K, value: V, reason: import('../..').EvictReason) => void) | undefined} onEvict */
  constructor(onEvict) {
    this.#onEvict = onEvict;
    /** Whether anybody wants to know. */
    this.wanted = onEvict !== undefined;
  }

  /**
   * @param {K} key
   * @param {V} value
   * @param {import('../..').EvictReason} reason
   */
  add(key, value, reason) {
    this.#removed.push([key, value, reason]);
  }

  /** Whether something has yet to be told. */
  get untold() {
    return this.#removed.length !== 0;
  }

  /** One entry at a time, so that a callback that throws does not lose the ones after it. */
  tell() {
    while (this.#toldOf < this.#removed.length) {
      const [key, value, reason] = this.#removed[this.#toldOf++];
      // Before the call: one that throws must not leave the list growing for ever.
      if (this.#toldOf === this.#removed.length) {
        this.#removed = [];
        this.#toldOf = 0;
      }
      this.#onEvict?.(key, value, reason);
    }
  }
}

module.exports = { Notices };
