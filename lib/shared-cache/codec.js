'use strict';

const v8 = require('node:v8');
const { error } = require('../errors.js');
const validate = require('../validate.js');

/**
 * How values that are neither strings nor bytes are stored. The name is what all who open a cache must agree on.
 *
 * @typedef {{ name: string, encode: (value: any) => unknown, decode: (stored: any) => unknown }} Codec
 */

/** @type {Codec} */
const NONE = {
  name: 'none',
  encode(value) {
    const wanted = 'a string, a Buffer or a typed array, unless the cache has a "codec"';
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'value', wanted, value);
  },
  decode: (stored) => stored,
};

/** @type {Record<string, Codec>} */
const BUILT_IN = {
  json: { name: 'json', encode: JSON.stringify, decode: JSON.parse },
  v8: { name: 'v8', encode: v8.serialize, decode: v8.deserialize },
};

/**
 * @param {unknown} codec
 * @returns {Codec}
 */
function codecOf(codec) {
  if (codec === undefined) {
    return NONE;
  }
  if (typeof codec === 'string' && Object.hasOwn(BUILT_IN, codec)) {
    return BUILT_IN[codec];
  }
  if (codec === null || typeof codec !== 'object') {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'codec', `'json', 'v8' or { encode, decode }`, codec);
  }
  const given = /** @type {{ encode: unknown, decode: unknown }} */ (
    validate.options(codec, 'codec', ['encode', 'decode'])
  );
  const encode = validate.fn(given.encode, 'codec.encode');
  const decode = validate.fn(given.decode, 'codec.decode');
  return {
    name: 'custom',
    encode: (value) => encode.call(codec, value),
    decode: (stored) => decode.call(codec, stored),
  };
}

/**
 * Makes a string or bytes of a value.
 *
 * @param {Codec} codec
 * @param {unknown} value
 * @returns {string | Uint8Array}
 */
function encoded(codec, value) {
  const made = codec === NONE ? NONE.encode(value) : attempt('encode', codec.encode, value);
  if (typeof made === 'string' || made instanceof Uint8Array) {
    return made;
  }
  throw error('ERR_HEAPWISE_SHARED_CACHE_CODEC', 'encode', 'returned neither a string nor a Uint8Array');
}

/**
 * @param {Codec} codec
 * @param {string | Buffer} stored
 * @returns {unknown}
 */
function decoded(codec, stored) {
  return attempt('decode', codec.decode, stored);
}

/**
 * @param {'encode' | 'decode'} step
 * @param {(value: any) => unknown} fn
 * @param {unknown} value
 */
function attempt(step, fn, value) {
  try {
    return fn(value);
  } catch (cause) {
    throw Object.assign(error('ERR_HEAPWISE_SHARED_CACHE_CODEC', step, 'threw'), { cause });
  }
}

module.exports = { codecOf, decoded, encoded };
