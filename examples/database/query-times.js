'use strict';

const { Histogram } = require('../..');

/**
 * @typedef {object} SlowQuery
 * @property {string} sql without its values, which may be secret
 * @property {number} duration milliseconds
 * @property {Date} at when it was answered
 * @property {string | undefined} owner who asked, in his own words
 * @property {boolean} failed whether the answer was an error
 */

/** How long statements take, and which of them take too long. */
class QueryTimes {
  #times = new Histogram();
  /** @type {SlowQuery[]} */
  #slow = [];
  #slowCount = 0;
  #failed = 0;
  #threshold;
  #kept;

  /**
   * @param {number} threshold milliseconds from which on a statement is slow
   * @param {number} kept how many slow ones are remembered
   */
  constructor(threshold, kept) {
    this.#threshold = threshold;
    this.#kept = kept;
  }

  /**
   * @template T
   * @param {string} sql
   * @param {string | undefined} owner
   * @param {() => Promise<T>} send
   */
  async measure(sql, owner, send) {
    const start = performance.now();
    let failed = true;
    try {
      const answer = await send();
      failed = false;
      return answer;
    } finally {
      this.#record(sql, owner, performance.now() - start, failed);
    }
  }

  stats() {
    return {
      /** Milliseconds. */
      times: this.#times.summary(),
      failed: this.#failed,
      slow: this.#slowCount,
      /** The last of these, the newest last. */
      lastSlow: [...this.#slow],
    };
  }

  /**
   * @param {string} sql
   * @param {string | undefined} owner
   * @param {number} duration
   * @param {boolean} failed
   */
  #record(sql, owner, duration, failed) {
    this.#times.record(duration);
    if (failed) {
      this.#failed++;
    }
    if (duration >= this.#threshold) {
      this.#slowCount++;
      this.#slow.push({ sql, duration, at: new Date(), owner, failed });
      if (this.#slow.length > this.#kept) {
        this.#slow.shift();
      }
    }
  }
}

module.exports = { QueryTimes };
