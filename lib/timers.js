'use strict';

/** What a timer of Node can wait for. Milliseconds; anything longer fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * The clock and the timers of this process, which do not keep it alive.
 *
 * @param {() => number} now milliseconds
 * @returns {import('./resource-pool/resource-pool.js').PoolClock}
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
