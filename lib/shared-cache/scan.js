'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');
const { error } = require('../errors.js');
const validate = require('../validate.js');

const KEYS_OPTIONS = /** @type {const} */ (['prefix', 'buffers']);
const SCAN_OPTIONS = /** @type {const} */ ([...KEYS_OPTIONS, 'count']);

/** Entries that one call looks at: some ten microseconds. */
const BATCH = 256;
/** Entries that are looked at, to be removed, before the event loop may go on: less than a millisecond. */
const REMOVED_AT_ONCE = 2048;

/**
 * @typedef {import('./shared-cache.js').Key} Key
 * @typedef {import('./shared-cache.js').Native} Native
 * @typedef {import('../..').SharedCacheKeysOptions} KeysOptions
 */

/**
 * @param {KeysOptions | undefined} options
 * @param {string} owner
 */
function keysOptions(options, owner) {
  return checked(validate.options(options, owner, KEYS_OPTIONS));
}

/** @param {import('../..').SharedCacheScanOptions | undefined} options */
function scanOptions(options) {
  const given = validate.options(options, 'SharedCache.scan', SCAN_OPTIONS);
  const count = validate.number(given.count, 'count', { default: BATCH, min: 1, integer: true });
  return { ...checked(given), count };
}

/** @param {Partial<KeysOptions>} given */
function checked({ prefix = '', buffers }) {
  return { prefix: checkedPrefix(prefix), buffers: validate.boolean(buffers, 'buffers', false) };
}

/**
 * @param {unknown} prefix
 * @returns {Key}
 */
function checkedPrefix(prefix) {
  if (typeof prefix !== 'string' && !(prefix instanceof Uint8Array)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'prefix', 'a string, a Buffer or a Uint8Array', prefix);
  }
  // A copy: it must not change between two steps.
  return typeof prefix === 'string' ? prefix : Buffer.from(prefix);
}

/** @param {unknown} prefix */
function wholePrefix(prefix) {
  const given = checkedPrefix(prefix);
  if (given.length === 0) {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'prefix', 'not empty', prefix);
  }
  return given;
}

/**
 * One step of a walk over all keys.
 *
 * @param {Native} native
 * @param {number} cursor
 * @param {ReturnType<typeof scanOptions>} options
 * @returns {import('../..').SharedCacheScan}
 */
function step(native, cursor, { prefix, count, buffers }) {
  const keys = native.scan(prefix, cursor, count, buffers);
  if (typeof keys === 'number') {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'prefix', 'at most 65535 bytes', prefix);
  }
  return {
    cursor: /** @type {number | undefined} */ (keys.pop()),
    keys: /** @type {(string | Buffer)[]} */ (keys),
  };
}

/**
 * @param {() => Native} native asked anew for each step: the cache may be closed in between
 * @param {ReturnType<typeof keysOptions>} options
 * @returns {Generator<string | Buffer, void, undefined>}
 */
function* keysOf(native, options) {
  /** @type {number | undefined} */
  let cursor = 0;
  while (cursor !== undefined) {
    /** @type {import('../..').SharedCacheScan} */
    const found = step(native(), cursor, { ...options, count: BATCH });
    yield* found.keys;
    cursor = found.cursor;
  }
}

/**
 * Removes what begins with a prefix, a few entries in each turn of the event loop.
 *
 * @param {() => Native} native
 * @param {Key} prefix
 */
async function removePrefix(native, prefix) {
  let removed = 0;
  /** @type {number | undefined} */
  let cursor = 0;
  for (;;) {
    const found = native().removePrefix(prefix, cursor, REMOVED_AT_ONCE);
    if (typeof found === 'number') {
      throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'prefix', '1 to 65535 bytes', prefix);
    }
    removed += found[0];
    cursor = found[1];
    if (cursor === undefined) {
      return removed;
    }
    // oxlint-disable-next-line no-await-in-loop -- one step in each turn is the purpose
    await nextTurn();
  }
}

module.exports = { keysOf, keysOptions, removePrefix, scanOptions, step, wholePrefix };
