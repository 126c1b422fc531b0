'use strict';

/**
 * The clock and the timers of this process, which do not keep it alive.
 *
 * @param {() => number} now milliseconds
 * @returns {import('./resource-pool.js').PoolClock}
 */
function unrefTimers(now) {
  return {
    now,
    setTimeout: (fn, ms) => setTimeout(fn, ms).unref(),
    clearTimeout,
    random: Math.random,
  };
}

module.exports = { unrefTimers };
