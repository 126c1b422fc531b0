'use strict';

/**
 * A lent object with an owner, for `using`.
 *
 * @template {object} T
 */
class Lease {
  /** @type {{ release(object: T): void } | undefined} */
  #pool;

  /**
   * @param {{ release(object: T): void }} pool
   * @param {T} value
   */
  constructor(pool, value) {
    this.#pool = pool;
    this.value = value;
  }

  release() {
    const pool = this.#pool;
    this.#pool = undefined;
    pool?.release(this.value);
  }

  [Symbol.dispose]() {
    this.release();
  }
}

module.exports = { Lease };
