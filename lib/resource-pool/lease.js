'use strict';

/** @typedef {import('./entry.js').Entry} Entry */

/**
 * A lent resource with an owner, for `using`. It knows which loan it is: that the resource is lent to somebody else by
 * now is not its business.
 *
 * @template R
 */
class ResourceLease {
  #entry;
  #loan;
  #takeBack;
  #takeOut;

  /**
   * @param {Entry} entry that is lent
   * @param {(entry: Entry) => void} takeBack
   * @param {(entry: Entry) => Promise<void>} takeOut
   */
  constructor(entry, takeBack, takeOut) {
    this.#entry = entry;
    this.#loan = entry.loan;
    this.#takeBack = takeBack;
    this.#takeOut = takeOut;
    this.value = /** @type {R} */ (entry.resource);
  }

  release() {
    if (this.#entry.lentAs(this.#loan)) {
      this.#takeBack(this.#entry);
    }
  }

  async destroy() {
    if (this.#entry.lentAs(this.#loan)) {
      await this.#takeOut(this.#entry);
    }
  }

  [Symbol.dispose]() {
    this.release();
  }
}

module.exports = { ResourceLease };
