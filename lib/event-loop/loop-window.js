'use strict';

const { error } = require('../errors.js');
const validate = require('../validate.js');

/**
 * Figures of a loop that only grow. Times in milliseconds.
 *
 * @typedef {object} Counters
 * @property {number} turns that have ended
 * @property {number} blocked turns that reached the threshold
 * @property {number} blockedTime how long those held the thread
 * @property {number} elapsed time since the start
 * @property {number} active of it, time in which the loop was not waiting
 * @property {number} gc of that, garbage collection
 */

/**
 * How much of the time the loop was busy.
 *
 * @param {Counters} now
 * @param {boolean} gcKnown
 * @param {import('../..').LoopUtilization} [earlier]
 * @returns {import('../..').LoopUtilization}
 */
function share({ elapsed, active, gc }, gcKnown, earlier) {
  const during = Math.max(0, active - (earlier?.active ?? 0));
  const idle = Math.max(0, elapsed - active - (earlier?.idle ?? 0));
  const whole = during + idle;
  return {
    utilization: whole === 0 ? 0 : during / whole,
    active: during,
    idle,
    gc: gcKnown ? Math.max(0, gc - (earlier?.gc ?? 0)) : null,
  };
}

/**
 * The utilization that a caller compares with.
 *
 * @param {any} earlier
 * @returns {import('../..').LoopUtilization | undefined}
 */
function utilizationGiven(earlier) {
  const given = earlier === undefined || (typeof earlier === 'object' && earlier !== null);
  if (!given) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'earlier', 'what utilization() returned', earlier);
  }
  if (earlier !== undefined) {
    validate.number(earlier.active, 'earlier.active', { min: 0 });
    validate.number(earlier.idle, 'earlier.idle', { min: 0 });
  }
  return earlier;
}

/**
 * What happened in a loop since a moment, without disturbing other readers.
 *
 * @param {object} loop
 * @param {() => boolean} loop.running
 * @param {() => Counters} loop.counters
 * @param {() => boolean} loop.gcKnown
 * @param {import('../..').Histogram} loop.histogram
 * @param {(iterations: import('../..').Histogram, idle: number) => import('../..').Histogram} loop.delays
 * @returns {import('../..').LoopWindow}
 */
function createLoopWindow({ running, counters, gcKnown, histogram, delays }) {
  let from = counters();
  let before = histogram.snapshot();

  /**
   * @param {Counters} now
   * @param {import('../..').Histogram} whole
   * @returns {import('../..').LoopReading}
   */
  function difference(now, whole) {
    if (!running() && now.elapsed === from.elapsed) {
      // Zeros would look like a loop that has nothing to do.
      throw error('ERR_HEAPWISE_MONITOR_STOPPED');
    }
    const past = share(from, true);
    const { utilization, active, idle, gc } = share(now, gcKnown(), past);
    const iterations = whole.since(before);
    return {
      elapsed: active + idle,
      turns: now.turns - from.turns,
      blocked: now.blocked - from.blocked,
      blockedTime: now.blockedTime - from.blockedTime,
      utilization,
      active,
      idle,
      gc,
      iterations,
      delay: delays(iterations, idle),
    };
  }

  return {
    read: () => difference(counters(), histogram.snapshot()),
    next() {
      const now = counters();
      const whole = histogram.snapshot();
      const reading = difference(now, whole);
      from = now;
      before = whole;
      return reading;
    },
  };
}

module.exports = { createLoopWindow, share, utilizationGiven };
