'use strict';

/**
 * How Keyv 5 and 6 write a value by default: JSON of `{ value, expires }`, in which bytes are `:base64:…`, big integers
 * `:bigint:…` (Keyv 6 only), and other strings with a colon in front have one more.
 *
 * @typedef {{ value: any, expires: number | undefined }} Entry `expires` in milliseconds since 1970
 */

const BASE64 = ':base64:';
const BIGINT = ':bigint:';

/**
 * @param {Entry} entry
 * @returns {string}
 */
function encode(entry) {
  return JSON.stringify(entry, tagged);
}

/**
 * Throws what JSON.parse throws, or returns what it may be of anything.
 *
 * @param {string} text
 * @returns {unknown}
 */
function decode(text) {
  return JSON.parse(text, untagged);
}

/**
 * @this {any}
 * @param {string} key
 * @param {unknown} value after its own toJSON, which Buffers have
 */
function tagged(key, value) {
  const whole = this[key];
  if (whole instanceof Uint8Array) {
    return BASE64 + Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength).toString('base64');
  }
  if (typeof value === 'bigint') {
    return BIGINT + value;
  }
  return typeof value === 'string' && value.startsWith(':') ? `:${value}` : value;
}

/**
 * @param {string} _key
 * @param {unknown} value
 */
function untagged(_key, value) {
  if (typeof value !== 'string' || !value.startsWith(':')) {
    return value;
  }
  if (value.startsWith(BASE64)) {
    return Buffer.from(value.slice(BASE64.length), 'base64');
  }
  return value.startsWith(BIGINT) ? BigInt(value.slice(BIGINT.length)) : value.slice(1);
}

module.exports = { decode, encode };
