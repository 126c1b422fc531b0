'use strict';

const { createLoanTrackerClass } = require('../../lib/loan-tracker.js');
const { createResourcePoolClass } = require('../../lib/resource-pool/resource-pool.js');
const { manualTimers } = require('../manual-timers.js');

/** ResourcePool on a clock of its own, on which nothing is left to chance. */
function poolOnAClock() {
  const clock = manualTimers(() => 0);
  return { clock, Pool: createResourcePoolClass({ clock, LoanTracker: createLoanTrackerClass(clock) }) };
}

module.exports = { poolOnAClock };
