'use strict';

const { error } = require('../errors.js');

/**
 * The default size: bytes of what has bytes.
 *
 * @param {unknown} value
 * @returns {number}
 */
function sizeOf(value) {
  if (typeof value === 'string') {
    return value.length * 2;
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return value.byteLength;
  }
  // Refused with an error that says what to do.
  return NaN;
}

/**
 * @param {unknown} size
 * @returns {number}
 */
function measured(size) {
  if (typeof size !== 'number' || !(size >= 0) || size === Infinity) {
    throw error('ERR_HEAPWISE_CACHE_SIZE', size);
  }
  return size;
}

/**
 * A size as a caller gives it, if he does.
 *
 * @param {unknown} given
 * @returns {number | undefined}
 */
function checkedSize(given) {
  return given === undefined ? undefined : measured(given);
}

/**
 * The size that a value is stored with.
 *
 * @param {{ maxSize: number, sizeOf: (value: any, key: any) => unknown }} sizes Infinity: sizes do not count
 * @param {unknown} key
 * @param {unknown} value
 * @param {number | undefined} given
 * @returns {number}
 */
function sizeFor({ maxSize, sizeOf: measure }, key, value, given) {
  return maxSize === Infinity ? 0 : (given ?? measured(measure(value, key)));
}

module.exports = { checkedSize, sizeFor, sizeOf };
