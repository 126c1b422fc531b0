'use strict';

/**
 * What others would say of the same series: the live heap after each major collection, past the warm-up.
 *
 * @typedef {{ at: number, used: number }} Point seconds and bytes
 */

/** memwatch: five collections in a row that each left more than the one before. @param {Point[]} points */
function memwatch(points) {
  return (
    longestRun(
      points.map(({ used }) => used),
      0,
    ) >= 5
  );
}

/**
 * leakage: of six differences, more than four in a row above 5 KiB (its bound for asynchronous code). The seven points are
 * taken evenly out of the series.
 *
 * @param {Point[]} points
 */
function leakage(points) {
  const seven = Array.from({ length: 7 }, (_, i) => points[Math.round((i * (points.length - 1)) / 6)].used);
  return points.length >= 7 && longestRun(seven, 5 * 1024) > 4;
}

/**
 * The longest run of neighbours that rise by more than `least`.
 *
 * @param {number[]} values
 * @param {number} least
 */
function longestRun(values, least) {
  let longest = 0;
  let run = 0;
  for (let i = 1; i < values.length; i++) {
    run = values[i] - values[i - 1] > least ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

/** A straight line by least squares whose slope is positive with p < 0.01. @param {Point[]} points */
function regression(points) {
  const n = points.length;
  if (n < 8) {
    return false;
  }
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / n;
  const [x, y] = [mean(points.map(({ at }) => at)), mean(points.map(({ used }) => used))];
  let [xx, xy, yy] = [0, 0, 0];
  for (const { at, used } of points) {
    xx += (at - x) ** 2;
    xy += (at - x) * (used - y);
    yy += (used - y) ** 2;
  }
  const slope = xy / xx;
  const error = Math.sqrt(Math.max(0, yy - slope * xy) / (n - 2) / xx);
  // The one-sided 1 % point of Student's t lies between 2.33 (any n) and 3.14 (n = 8).
  return slope > (2.33 + 5 / n) * error;
}

const RULES = { memwatch, leakage, regression };

/** What each of them says of a series, by name. @param {Point[]} points */
function whatOthersSay(points) {
  return Object.fromEntries(Object.entries(RULES).map(([rule, says]) => [rule, says(points)]));
}

module.exports = { names: Object.keys(RULES), whatOthersSay };
