'use strict';

const { createCacheClass } = require('../lib/cache/cache.js');
const { manualTimers } = require('./manual-timers.js');

/**
 * A cache whose timers are moved on by hand, and what its onEvict was told.
 *
 * @param {object} options
 * @param {() => number} [random]
 */
function manualCache(options, random = () => 0.5) {
  const timers = manualTimers(random);
  const told = [];
  const ManualCache = createCacheClass(timers);
  const cache = new ManualCache({
    max: 1e6,
    onEvict: (key, value, reason) => told.push(`${String(key)} ${reason}`),
    ...options,
  });
  return { cache, timers, told };
}

module.exports = { manualCache };
