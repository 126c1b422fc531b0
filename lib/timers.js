'use strict';

/** What a timer of Node can wait for. Milliseconds; anything longer fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * A clock, timers and chance, which tests bring in their own ways.
 *
 * @typedef {object} Timers
 * @property {() => number} now milliseconds
 * @property {(fn: () => void, ms: number) => any} setTimeout must not keep the process alive
 * @property {(timer: any) => void} clearTimeout given undefined, it does nothing
 * @property {() => number} random 0 to 1
 */

/**
 * The clock and the timers of this process, which do not keep it alive.
 *
 * @param {() => number} now milliseconds
 * @returns {Timers}
 */
function unrefTimers(now) {
  return {
    now,
    setTimeout: (fn, ms) => setTimeout(fn, ms).unref(),
    clearTimeout,
    random: Math.random,
  };
}

module.exports = { LONGEST_TIMER, unrefTimers };
