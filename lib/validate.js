'use strict';

const { error } = require('./errors.js');
const { LONGEST_TIMER } = require('./timers.js');

/**
 * Checks of what users pass. Each returns the value, or its default, so that a constructor reads as a list.
 */

/**
 * An options object with known keys only. A misspelt option that is silently ignored is the worst kind of default.
 *
 * @template {object} T
 * @param {T | undefined} value
 * @param {string} owner shown in messages, as "ObjectPool"
 * @param {readonly string[]} known
 * @returns {Partial<T>}
 */
function options(value, owner, known) {
  if (value === undefined) {
    return {};
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', `options of ${owner}`, 'an object', value);
  }
  for (const name of Object.keys(value)) {
    if (!known.includes(name)) {
      throw error('ERR_HEAPWISE_UNKNOWN_OPTION', name, owner, nearest(name, known));
    }
  }
  return value;
}

/**
 * The known name that is two typing mistakes away at most, one if it is short, if any.
 *
 * @param {string} name
 * @param {readonly string[]} known
 */
function nearest(name, known) {
  const lower = name.toLowerCase();
  return known.find((candidate) => {
    const other = candidate.toLowerCase();
    return distance(lower, other) <= (other.length > 3 ? 2 : 1);
  });
}

/**
 * Levenshtein distance.
 *
 * @param {string} a
 * @param {string} b
 */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

/**
 * A number in a range.
 *
 * @param {unknown} value
 * @param {string} name
 * @param {{ default?: number, min?: number, max?: number, above?: number, integer?: boolean, infinite?: boolean }} range
 *   `above` excludes its bound; `infinite` allows Infinity; without `default` the value is required
 * @returns {number}
 */
function number(value, name, range) {
  if (value === undefined && range.default !== undefined) {
    return range.default;
  }
  if (typeof value !== 'number') {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', name, 'a number', value);
  }
  const { min = -Infinity, max = Infinity, above = -Infinity, integer = false, infinite = false } = range;
  const inRange = value >= min && value <= max && value > above;
  const whole = !integer || Number.isInteger(value) || (infinite && value === Infinity);
  if (!inRange || !whole || (value === Infinity && !infinite)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', name, wanted(range), value);
  }
  return value;
}

/** @param {{ min?: number, max?: number, above?: number, integer?: boolean, infinite?: boolean }} range */
function wanted({ min, max, above, integer, infinite }) {
  const parts = [];
  if (min !== undefined) {
    parts.push(`>= ${min}`);
  }
  if (above !== undefined) {
    parts.push(`> ${above}`);
  }
  if (max !== undefined) {
    parts.push(`<= ${max}`);
  }
  const kind = integer ? 'an integer' : 'a finite number';
  return `${kind} ${parts.join(' and ')}`.trim() + (infinite ? ' or Infinity' : '');
}

/**
 * Milliseconds that a timer waits for, or Infinity.
 *
 * @param {unknown} value
 * @param {string} name
 * @param {number} fallback
 * @returns {number}
 */
function timeout(value, name, fallback) {
  const given = number(value, name, { default: fallback, above: 0, infinite: true });
  if (given > LONGEST_TIMER && given !== Infinity) {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', name, `<= ${LONGEST_TIMER} or Infinity`, value);
  }
  return given;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @returns {AbortSignal | undefined}
 */
function signal(value, name) {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', name, 'an AbortSignal', value);
  }
  return value;
}

/**
 * A function, or undefined where it is optional.
 *
 * @param {unknown} value
 * @param {string} name
 * @param {{ optional?: boolean }} [rule]
 * @returns {any}
 */
function fn(value, name, { optional = false } = {}) {
  if ((value === undefined && optional) || typeof value === 'function') {
    return value;
  }
  throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', name, 'a function', value);
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {boolean} fallback
 * @returns {boolean}
 */
function boolean(value, name, fallback) {
  if (value === undefined) {
    return fallback;
  }
  if (typeof value !== 'boolean') {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', name, 'a boolean', value);
  }
  return value;
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {string} [fallback] without it the value is required
 * @returns {string}
 */
function string(value, name, fallback) {
  if (value === undefined && fallback !== undefined) {
    return fallback;
  }
  if (typeof value !== 'string') {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', name, 'a string', value);
  }
  return value;
}

/**
 * A string that is not empty and has no NUL, such as a path must not have.
 *
 * @param {unknown} value
 * @param {string} name
 * @returns {string | undefined}
 */
function path(value, name) {
  if (value === undefined) {
    return undefined;
  }
  const given = string(value, name);
  if (given === '' || given.includes('\0')) {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', name, 'a path', value);
  }
  return given;
}

/**
 * One of a few strings.
 *
 * @template {string} T
 * @param {unknown} value
 * @param {string} name
 * @param {readonly T[]} choices the first is the default
 * @returns {T}
 */
function oneOf(value, name, choices) {
  if (value === undefined) {
    return choices[0];
  }
  if (!choices.includes(/** @type {T} */ (value))) {
    const list = choices.map((choice) => `'${choice}'`).join(' or ');
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', name, list, value);
  }
  return /** @type {T} */ (value);
}

module.exports = { boolean, fn, number, oneOf, options, path, signal, string, timeout };
