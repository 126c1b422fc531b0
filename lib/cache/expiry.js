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
  #target;
  /** @type {any} */
  #timer;
  /** Ends before this one are to be expected; the others need nothing. */
  covered = Infinity;
  /** The first end that was expected while a look goes on. */
  #soonest = Infinity;
  #looking = false;
  /** Tells a look that it was stopped. */
  #generation = 0;

  /**
   * @param {Pick<import('../timers.js').Timers, 'setTimeout' | 'clearTimeout'>} timers
   * @param {{ removeSome(): number, now(): number }} target has the clock, and looks at some of its entries: returns when
   *   the next one is over (Infinity: none is), or 0 when it has not looked at all of them. Held weakly
   */
  constructor(timers, target) {
    this.#timers = timers;
    this.#target = new WeakRef(target);
  }

  /**
   * An entry is over then.
   *
   * @param {number} end
   * @param {number} now
   */
  expect(end, now) {
    if (this.#looking) {
      if (end < this.#soonest) {
        this.#soonest = end;
      }
    } else if (end < this.covered) {
      const left = end - now;
      // Also where the clock tells no number.
      this.#plan(left > PAUSE ? left : PAUSE);
      // What an entry may be late: not to be woken for the next one that ends a moment before.
      this.covered = (end < now + PAUSE ? now + PAUSE : end) - PAUSE;
    }
  }

  stop() {
    this.#generation++;
    this.#timers.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#rest();
  }

  #rest() {
    this.#looking = false;
    this.covered = Infinity;
    this.#soonest = Infinity;
  }

  /** @param {number} delay */
  #plan(delay) {
    this.#timers.clearTimeout(this.#timer);
    this.#timer = this.#timers.setTimeout(() => this.#look(), Math.min(delay, LONGEST_TIMER));
  }

  #look() {
    this.#timer = undefined;
    const target = this.#target.deref();
    if (target === undefined) {
      return;
    }
    const generation = this.#generation;
    this.#looking = true;
    this.covered = Infinity;
    let next = 0;
    try {
      next = target.removeSome();
    } finally {
      // Also when onEvict threw: the others are still to be removed. Not if it has cleared or closed the cache.
      if (generation === this.#generation) {
        if (next === 0) {
          this.#plan(STEP);
        } else {
          const end = Math.min(next, this.#soonest);
          this.#rest();
          if (end !== Infinity) {
            this.expect(end, target.now());
          }
        }
      }
    }
  }
}

module.exports = { Expiry };
