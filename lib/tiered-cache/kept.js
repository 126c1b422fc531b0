'use strict';

/** Keys that go to the store in one call. */
const AT_ONCE = 500;

/**
 * Invalidations that could not be sent: keys that the far tier has wrong, or that others have not been told of. Up to a bound
 * by key, beyond it as "everything".
 */
class Kept {
  #most;
  /** With a number that tells whether a key was added again while it was being sent. @type {Map<string, number>} */
  #keys = new Map();
  #all = 0;
  #number = 0;
  #isSending = false;

  /** @param {number} most */
  constructor(most) {
    this.#most = most;
  }

  /** Keys, or Infinity for everything. */
  get size() {
    return this.#all === 0 ? this.#keys.size : Infinity;
  }

  /** @param {string} key */
  has(key) {
    return this.#all !== 0 || this.#keys.has(key);
  }

  /** @param {string} key */
  add(key) {
    if (this.#all !== 0 || (this.#keys.size >= this.#most && !this.#keys.has(key))) {
      this.addAll();
    } else {
      this.#keys.set(key, ++this.#number);
    }
  }

  addAll() {
    this.#keys.clear();
    this.#all = ++this.#number;
  }

  /** The key has been written since, and others were told. @param {string} key */
  delete(key) {
    this.#keys.delete(key);
  }

  /**
   * Sends what is kept, until nothing is left or something fails.
   *
   * @param {(keys: string[] | undefined) => Promise<boolean>} send undefined: everything; false: it has failed
   */
  async send(send) {
    if (this.#isSending) {
      return;
    }
    this.#isSending = true;
    try {
      while (this.size > 0) {
        const all = this.#all;
        const some = [...this.#keys].slice(0, AT_ONCE);
        // oxlint-disable-next-line no-await-in-loop -- a store that has just come back gets one call at a time
        if (!(await send(all === 0 ? some.map(([key]) => key) : undefined))) {
          return;
        }
        if (all === this.#all) {
          this.#all = 0;
        }
        for (const [key, number] of some) {
          if (this.#keys.get(key) === number) {
            this.#keys.delete(key);
          }
        }
      }
    } finally {
      this.#isSending = false;
    }
  }
}

module.exports = { Kept };
