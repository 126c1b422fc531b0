'use strict';

/**
 * Whether a version lies in a range of data/known-leaks.json: comparators (`>=1.2.0`, `<2.0.0`, `1.2.3`, `*`) that must all
 * hold, in alternatives between `||`. That is all of npm's syntax that the file uses; a test compares with npm's own `semver`,
 * which is not taken along for it.
 *
 * @param {string} version
 * @param {string} range
 */
function isInRange(version, range) {
  const parsed = parse(version);
  return (
    parsed !== null &&
    range.split('||').some((alternative) =>
      alternative
        .trim()
        .split(/\s+/)
        .every((one) => holds(parsed, one)),
    )
  );
}

/**
 * Its three numbers; null of what is no version, and of a pre-release, which no range here means.
 *
 * @param {string} version
 */
function parse(version) {
  const found = /^v?(\d+)\.(\d+)\.(\d+)(?:\+.*)?$/.exec(version);
  return found === null ? null : found.slice(1).map(Number);
}

/**
 * @param {number[]} version
 * @param {string} comparator
 */
function holds(version, comparator) {
  if (comparator === '*') {
    return true;
  }
  const [, operator, bound] = /^(>=|<=|>|<|=|)(.*)$/.exec(comparator) ?? [];
  const wanted = parse(bound);
  if (wanted === null) {
    throw new RangeError(`"${comparator}" is no comparator of known-leaks.json`);
  }
  const different = version.findIndex((part, i) => part !== wanted[i]);
  const order = different === -1 ? 0 : version[different] - wanted[different];
  switch (operator) {
    case '>=':
      return order >= 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '<':
      return order < 0;
    default:
      return order === 0;
  }
}

module.exports = { isInRange };
