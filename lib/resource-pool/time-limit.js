'use strict';

const { error } = require('../errors.js');
const { LinkedList } = require('./linked-list.js');

/** @typedef {import('./resource-pool.js').PoolClock} PoolClock */

/**
 * Told of what became of a promise: `failed` is whether `outcome` is the reason of its rejection, or an
 * `ERR_HEAPWISE_RESOURCE_SLOW`.
 *
 * @typedef {(failed: boolean, outcome: any) => void} Settled
 */

/** A promise that is waited for. */
class Pending {
  /** @type {Pending | undefined} */
  previous = undefined;
  /** @type {Pending | undefined} */
  next = undefined;
  over = false;

  /**
   * @param {number} deadline
   * @param {string} step
   * @param {Settled} settled
   */
  constructor(deadline, step, settled) {
    this.deadline = deadline;
    this.step = step;
    this.settled = settled;
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
  /** @type {LinkedList<Pending>} */
  #pending = new LinkedList();
  /** @type {any} */
  #timer;

  /**
   * @param {PoolClock} clock
   * @param {number} limit milliseconds; Infinity for none
   */
  constructor(clock, limit) {
    this.#clock = clock;
    this.#limit = limit;
  }

  /**
   * @param {PromiseLike<any>} promise
   * @param {string} step what it is that may take too long
   * @param {Settled} settled called once, never at once
   * @param {(value: any) => void} [onLate] gets what comes when the time is over
   */
  watch(promise, step, settled, onLate) {
    // Other thenables may call back at once, twice, or throw.
    const safe = promise instanceof Promise ? promise : Promise.resolve(promise);
    if (this.#limit === Infinity) {
      safe.then(
        (value) => settled(false, value),
        (reason) => settled(true, reason),
      );
      return;
    }
    const pending = new Pending(this.#clock.now() + this.#limit, step, settled);
    this.#pending.push(pending);
    if (this.#timer === undefined) {
      this.#plan(this.#limit);
    }
    safe.then(
      (value) => (this.#inTime(pending) ? settled(false, value) : onLate?.(value)),
      (reason) => this.#inTime(pending) && settled(true, reason),
    );
  }

  /** Nothing is waited for any more. */
  stop() {
    this.#clock.clearTimeout(this.#timer);
  }

  /** @param {Pending} pending whose promise is settled */
  #inTime(pending) {
    if (pending.over) {
      return false;
    }
    this.#pending.remove(pending);
    return true;
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
      first.settled(true, error('ERR_HEAPWISE_RESOURCE_SLOW', first.step));
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
 * @param {PoolClock} clock
 * @param {number} limit milliseconds; Infinity for none
 * @param {Promise<void>} promise
 * @param {string} step
 * @returns {Promise<void>}
 */
function within(clock, limit, promise, step) {
  const time = new TimeLimit(clock, limit);
  return new Promise((resolve, reject) => {
    time.watch(promise, step, (failed, outcome) => {
      time.stop();
      (failed ? reject : resolve)(outcome);
    });
  });
}

module.exports = { TimeLimit, within };
