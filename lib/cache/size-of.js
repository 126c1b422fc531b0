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

module.exports = { checkedSize, measured, sizeOf };
