'use strict';

const { isAnyArrayBuffer } = require('node:util').types;

/** What an element of an array takes, whether a pointer, a small integer or a double. */
const ELEMENT_BYTES = 8;

/**
 * The bytes of what has bytes, and of an array those of its own elements; NaN for anything else.
 *
 * @param {any} object
 * @returns {number}
 */
function bytesOf(object) {
  if (ArrayBuffer.isView(object)) {
    return object.byteLength;
  }
  if (Array.isArray(object)) {
    return object.length * ELEMENT_BYTES;
  }
  return isAnyArrayBuffer(object) ? object.byteLength : NaN;
}

module.exports = { bytesOf };
