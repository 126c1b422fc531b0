'use strict';

const { describeFrame } = require('./frames.js');

/**
 * Sites as reports show them.
 *
 * @param {import('../binding.js').LeakSiteFound[]} found the fastest first
 * @returns {import('../..').LeakSite[]}
 */
function describeSites(found) {
  const total = found.reduce((sum, { bytesPerHour }) => sum + bytesPerHour, 0);
  return found.map(({ site, stack, bytesPerHour, bytesPerWork, liveBytes, births, deaths, pValue }) => ({
    ...describeFrame(site),
    growthPerHour: bytesPerHour,
    growthPerWork: Number.isNaN(bytesPerWork) ? null : bytesPerWork,
    share: bytesPerHour / total,
    liveBytes,
    births,
    deaths,
    pValue,
    stack: stack.map(describeFrame),
  }));
}

module.exports = { describeSites };
