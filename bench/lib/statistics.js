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

/**
 * The ratio of two things that were measured in turn, A B, B A, A B and so on: the mean of the middle half of the
 * logarithms, which a few disturbed measurements do not move, and its standard error (Tukey and McLaughlin 1963).
 *
 * @param {number[]} ratios one of each pair; two neighbours, in which the order differs, are taken as one
 */
function middleRatio(ratios) {
  const logs = [];
  for (let i = 0; i + 1 < ratios.length; i += 2) {
    logs.push((Math.log(ratios[i]) + Math.log(ratios[i + 1])) / 2);
  }
  const sorted = logs.toSorted((a, b) => a - b);
  const cut = Math.floor(sorted.length / 4);
  const kept = sorted.slice(cut, sorted.length - cut);
  const middle = mean(kept);
  // Those outside of the middle half count as its ends.
  const drawnIn = sorted.map((value) => Math.min(Math.max(value, kept[0]), kept.at(-1)));
  const center = mean(drawnIn);
  const spread = Math.sqrt(
    drawnIn.reduce((sum, value) => sum + (value - center) ** 2, 0) / (logs.length - 1),
  );
  const error = spread / ((kept.length / logs.length) * Math.sqrt(logs.length));
  return { ratio: Math.exp(middle), error: Math.exp(middle) * error };
}

/** @param {number[]} values */
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

module.exports = { median, middleRatio, summarize };
