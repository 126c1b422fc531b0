'use strict';

const { LONGEST_TIMER } = require('../timers.js');

/** Milliseconds from the end of one look at all entries to the begin of the next, at least. */
const PAUSE = 1000;
/** Milliseconds between the parts of one look. */
const STEP = 10;

/**
 * Has the entries removed whose time is over, though nobody asks for them: a look at all of them when the first one ends,
 * in parts that are done in a fraction of a millisecond. To look at a thousand takes a microsecond or two, so that no
 * order of the ends is kept, which would cost each set something.
 *
 * The timer keeps neither the process nor the cache alive.
 */
class Expiry {
  #timers;
  #now;
  #target;
  /** @type {any} */
  #timer;
  /** When the timer fires. */
  #wakesAt = Infinity;

  /**
   * @param {Pick<import('../resource-pool/resource-pool.js').PoolClock, 'setTimeout' | 'clearTimeout'>} timers
   * @param {() => number} now the clock of the cache
   * @param {{ removeSome(): number }} target looks at some of its entries; returns when the next is over (Infinity: none
   *   is), or 0 when it has not looked at all of them
   */
  constructor(timers, now, target) {
    this.#timers = timers;
    this.#now = now;
    this.#target = new WeakRef(target);
  }

  /** An entry ends then, or did. @param {number} end */
  expect(end) {
    if (end < this.#wakesAt) {
      this.#plan(Math.max(PAUSE, end - this.#now()));
    }
  }

  stop() {
    this.#timers.clearTimeout(this.#timer);
    this.#wakesAt = Infinity;
  }

  /** @param {number} delay */
  #plan(delay) {
    this.#timers.clearTimeout(this.#timer);
    const wait = Math.min(delay, LONGEST_TIMER);
    // What an entry may be late: not to be woken for the next one that ends a moment before.
    this.#wakesAt = this.#now() + delay - PAUSE;
    this.#timer = this.#timers.setTimeout(() => this.#look(), wait);
  }

  #look() {
    this.#timer = undefined;
    this.#wakesAt = Infinity;
    const target = this.#target.deref();
    if (target === undefined) {
      return;
    }
    let next = 0;
    try {
      next = target.removeSome();
    } finally {
      // Also when onEvict threw: the others are still to be removed.
      if (next !== Infinity) {
        this.#plan(next === 0 ? STEP : Math.max(PAUSE, next - this.#now()));
      }
    }
  }
}

module.exports = { Expiry };
