'use strict';

/** How long a message of others may be on its way. Milliseconds. */
const WINDOW = 1000;

/** Keys of the last second or two, up to a bound. */
class Recent {
  #most;
  #now;
  #since = -Infinity;
  /** @type {Set<string>} */
  #young = new Set();
  /** @type {Set<string>} */
  #old = new Set();

  /**
   * @param {number} most keys; with more of them they count as recent for less long
   * @param {() => number} now milliseconds
   */
  constructor(most, now) {
    this.#most = most / 2;
    this.#now = now;
  }

  /** @param {string} key */
  add(key) {
    this.#age();
    if (this.#young.size >= this.#most) {
      this.#turn();
    }
    this.#young.add(key);
  }

  /** @param {string} key */
  has(key) {
    this.#age();
    return this.#young.has(key) || this.#old.has(key);
  }

  /** @returns {Set<string>} */
  keys() {
    this.#age();
    return new Set([...this.#old, ...this.#young]);
  }

  #age() {
    const age = this.#now() - this.#since;
    if (age >= 2 * WINDOW) {
      this.#young.clear();
    }
    if (age >= WINDOW) {
      this.#turn();
    }
  }

  #turn() {
    this.#old = this.#young;
    this.#young = new Set();
    this.#since = this.#now();
  }
}

module.exports = { Recent };
