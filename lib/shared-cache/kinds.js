'use strict';

/**
 * Kinds of values, as `src/cache/binding/kinds.rs` numbers them. Below these are the three kinds of strings, which Rust
 * tells apart by itself.
 */

/** Also of bytes that a codec has made, with ENCODED added. */
const BUFFER = 3;
/** No value: `undefined` if it has no bytes, else `null`. */
const NOTHING = 15;
/** Added to the kind of what a codec has made of a value. */
const ENCODED = 16;
/** A value that is no string comes as one number: its kind, and so many times its length. */
const KINDS = 32;

/** @typedef {new (buffer: ArrayBuffer) => NodeJS.TypedArray} TypedArrayClass */

/** Their places never change. */
const TYPED_ARRAYS = /** @type {TypedArrayClass[]} */ ([
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
]);

/**
 * @param {NodeJS.TypedArray} view
 * @returns {number | undefined} undefined for views of classes that are stored by a codec only
 */
function kindOf(view) {
  if (Buffer.isBuffer(view)) {
    return BUFFER;
  }
  const at = TYPED_ARRAYS.indexOf(/** @type {TypedArrayClass} */ (view.constructor));
  return at === -1 ? undefined : BUFFER + 1 + at;
}

/**
 * @param {number} kind
 * @returns {TypedArrayClass | undefined} undefined for a Buffer
 */
function typedArrayOf(kind) {
  return TYPED_ARRAYS[kind - BUFFER - 1];
}

module.exports = { BUFFER, ENCODED, KINDS, NOTHING, kindOf, typedArrayOf };
