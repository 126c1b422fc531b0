'use strict';

/** @param {number[]} values */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param {number[]} values */
function summarize(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

module.exports = { median, summarize };
