'use strict';

const { isThenable } = require('./thenable.js');

/**
 * A lent object with an owner, for `using`. See `index.d.ts` for its contract.
 *
 * @template {object} T
 */
class Lease {
  /** @type {{ release(value: T): void } | undefined} */
  #pool;

  /**
   * @param {{ release(value: T): void }} pool
   * @param {T} value lent by it
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

/**
 * Hands a lent object to a function and releases it when the function has returned or thrown, or when the promise that
 * it returned is settled.
 *
 * @template {object} T
 * @template R
 * @param {{ release(value: T): void }} pool
 * @param {T} value lent by it
 * @param {(value: T) => R} fn
 * @returns {R}
 */
function useAndRelease(pool, value, fn) {
  let result;
  let pending;
  try {
    result = fn(value);
    pending = isThenable(result);
  } catch (thrown) {
    pool.release(value);
    throw thrown;
  }
  if (pending) {
    return /** @type {any} */ (Promise.resolve(result).finally(() => pool.release(value)));
  }
  pool.release(value);
  return result;
}

module.exports = { Lease, useAndRelease };
