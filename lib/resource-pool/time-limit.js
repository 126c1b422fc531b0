'use strict';

const { error } = require('../errors.js');
const { LinkedList } = require('./linked-list.js');

/** @typedef {import('../timers.js').Timers} Timers */

/**
 * What is waited for; whoever has these fields can be.
 *
 * @typedef {object} Awaited
 * @property {any} previous in the list of its TimeLimit
 * @property {any} next in the list of its TimeLimit
 * @property {number} deadline when its time is over
 * @property {boolean} over whether it was; then it is not waited for again
 * @property {Reactions | undefined} reactions those of the TimeLimit that waited for it last
 */

/** What a promise calls. Kept, because an entry is waited for again and again. */
class Reactions {
  /**
   * @param {TimeLimit} limit
   * @param {(value: any) => void} onValue
   * @param {(reason: any) => void} onReason
   */
  constructor(limit, onValue, onReason) {
    this.limit = limit;
    this.onValue = onValue;
    this.onReason = onReason;
  }
}

/** @implements {Awaited} */
class Pending {
  /** @type {Pending | undefined} */
  previous = undefined;
  /** @type {Pending | undefined} */
  next = undefined;
  deadline = 0;
  over = false;
  /** @type {Reactions | undefined} */
  reactions = undefined;

  /** @param {any} subject of the one who waits */
  constructor(subject) {
    this.subject = subject;
  }
}

/**
 * Waits for promises, for each no longer than so many milliseconds.
 *
 * As all may take equally long, their time is over in the order in which they came. So one timer serves for all of them,
 * and is not touched when a promise is settled in time. Callbacks, where promises would read better, spare two promises
 * and two turns of the microtask queue for each function of the user that is called.
 */
class TimeLimit {
  #clock;
  #limit;
  #step;
  #onSettled;
  #onLate;
  /** @type {LinkedList<any>} */
  #pending = new LinkedList();
  /** @type {any} */
  #timer;

  /**
   * @param {Timers} clock
   * @param {number} limit milliseconds; Infinity for none
   * @param {string} step what it is that may take too long
   * @param {(it: any, failed: boolean, outcome: any) => void} onSettled told once of each, and never at once; `failed` is
   *   whether the outcome is the reason of a rejection, or an `ERR_HEAPWISE_RESOURCE_SLOW`
   * @param {(value: any) => void} [onLate] gets what comes when the time is over
   */
  constructor(clock, limit, step, onSettled, onLate) {
    this.#clock = clock;
    this.#limit = limit;
    this.#step = step;
    this.#onSettled = onSettled;
    this.#onLate = onLate;
  }

  /**
   * @param {PromiseLike<any>} promise
   * @param {Awaited} it that is not waited for already
   */
  watch(promise, it) {
    // Other thenables may call back at once, twice, or throw.
    const safe = promise instanceof Promise ? promise : Promise.resolve(promise);
    if (this.#limit !== Infinity) {
      it.deadline = this.#clock.now() + this.#limit;
      this.#pending.push(it);
      if (this.#timer === undefined) {
        this.#plan(this.#limit);
      }
    }
    const { onValue, onReason } = this.#reactionsOf(it);
    safe.then(onValue, onReason);
  }

  /** @param {Awaited} it */
  #reactionsOf(it) {
    if (it.reactions?.limit !== this) {
      it.reactions = new Reactions(
        this,
        (value) => this.#settled(it, false, value),
        (reason) => this.#settled(it, true, reason),
      );
    }
    return it.reactions;
  }

  /** Nothing is waited for any more. */
  stop() {
    this.#clock.clearTimeout(this.#timer);
  }

  /**
   * @param {Awaited} it
   * @param {boolean} failed
   * @param {any} outcome
   */
  #settled(it, failed, outcome) {
    if (!it.over) {
      if (this.#limit !== Infinity) {
        this.#pending.remove(it);
      }
      this.#onSettled(it, failed, outcome);
    } else if (!failed) {
      this.#onLate?.(outcome);
    }
  }

  /** @param {number} delay */
  #plan(delay) {
    this.#timer = this.#clock.setTimeout(() => this.#expire(), delay);
  }

  #expire() {
    const now = this.#clock.now();
    this.#timer = undefined;
    let { first } = this.#pending;
    while (first !== undefined && first.deadline <= now) {
      this.#pending.remove(first);
      first.over = true;
      this.#onSettled(first, true, error('ERR_HEAPWISE_RESOURCE_SLOW', this.#step));
      ({ first } = this.#pending);
    }
    if (first !== undefined && this.#timer === undefined) {
      this.#plan(Math.max(1, first.deadline - now));
    }
  }
}

/**
 * The same as a promise, for one that is waited for once.
 *
 * @param {Timers} clock
 * @param {number} limit milliseconds; Infinity for none
 * @param {Promise<void>} promise
 * @param {string} step
 * @returns {Promise<void>}
 */
function within(clock, limit, promise, step) {
  return new Promise((resolve, reject) => {
    const time = new TimeLimit(clock, limit, step, (_, failed, outcome) => {
      time.stop();
      (failed ? reject : resolve)(outcome);
    });
    time.watch(promise, new Pending(undefined));
  });
}

module.exports = { Pending, TimeLimit, within };
