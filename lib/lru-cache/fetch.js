'use strict';

/**
 * A fetch under way. It lies in the place of the value that it will bring.
 *
 * @template V
 */
class Fetch {
  /** Of the value; rejects only if somebody has it. @type {Promise<V | undefined>} */
  promise = Promise.resolve(undefined);
  /** Whether somebody waits for the promise. */
  awaited = false;

  /**
   * @param {V | undefined} stale the value that it is to replace
   * @param {number} size that it counts for where it replaces none
   */
  constructor(stale, size) {
    this.controller = new AbortController();
    this.stale = stale;
    this.size = size;
  }
}

module.exports = { Fetch };
