'use strict';

const { fileURLToPath } = require('node:url');
const { resolve } = require('node:path');
const { getSystemErrorName } = require('node:util');
const { error } = require('../errors.js');
const validate = require('../validate.js');

const SAVE_OPTIONS = /** @type {const} */ (['maxExtraBytes']);
const IF_MISSING = /** @type {const} */ (['error', 'empty']);
/** What a save may keep, where nothing is said: so many bytes, and one part in so many of the budget if that is more. */
const LEAST_EXTRA_BYTES = 16 << 20;
const EXTRA_PART = 8;

/** @typedef {import('../binding.js').SharedCacheOutcome} Outcome */

/**
 * The path of a file, from the root on: the folder of the process may be another one when the thread comes to it.
 *
 * @param {unknown} path
 * @returns {string}
 */
function pathOf(path) {
  if (typeof path !== 'string' && !(path instanceof URL)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'path', 'a string or a file: URL', path);
  }
  if (path instanceof URL && path.protocol !== 'file:') {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'path', 'a path or a file: URL', path.href);
  }
  const name = typeof path === 'string' ? path : fileURLToPath(path);
  if (name === '' || name.includes('\0')) {
    throw error(
      'ERR_HEAPWISE_INVALID_ARG_VALUE',
      'path',
      'a path that is not empty, without null bytes',
      name,
    );
  }
  return resolve(name);
}

/**
 * @param {import('../..').SharedCacheSaveOptions | undefined} options
 * @param {number} maxBytes of the cache
 */
function extraBytesOf(options, maxBytes) {
  const { maxExtraBytes } = validate.options(options ?? {}, 'SharedCache.save', SAVE_OPTIONS);
  const usual = Math.max(LEAST_EXTRA_BYTES, Math.floor(maxBytes / EXTRA_PART));
  return validate.number(maxExtraBytes, 'maxExtraBytes', { default: usual, min: 0, integer: true });
}

/** @param {unknown} ifMissing */
function mayBeMissing(ifMissing) {
  return validate.oneOf(ifMissing, 'ifMissing', IF_MISSING) === 'empty';
}

/**
 * Waits for a thread that was started with a callback.
 *
 * @param {string} path of the file
 * @param {(callback: (outcome: Outcome) => void) => void} start
 * @returns {Promise<Outcome>}
 */
async function outcomeOf(path, start) {
  const outcome = await new Promise((/** @type {(outcome: Outcome) => void} */ done) => {
    start(done);
  });
  if (outcome.code !== undefined) {
    // Made here, so that its stack has the caller.
    throw failure(path, outcome);
  }
  return outcome;
}

/**
 * @param {string} path
 * @param {Outcome} outcome
 */
function failure(path, { code, message, errno }) {
  const made = error(/** @type {string} */ (code), message);
  return errno === undefined ? made : Object.assign(made, { cause: systemError(path, errno, message) });
}

/**
 * As Node makes them.
 *
 * @param {string} path
 * @param {number} errno
 * @param {string | undefined} message
 */
function systemError(path, errno, message) {
  // Windows has numbers of its own, which Node does not name.
  const code = process.platform === 'win32' ? undefined : getSystemErrorName(-errno);
  return Object.assign(new Error(message), { errno: -errno, code, path });
}

/**
 * @param {Outcome} outcome
 * @returns {import('../..').SharedCacheSaveInfo}
 */
function saveInfo({ figures: [entries, bytes, moment, extraBytes, duration] }) {
  return { entries, bytes, duration: duration / 1e6, savedAt: moment, extraBytes };
}

/**
 * @param {Outcome} outcome
 * @returns {import('../..').SharedCacheRestoreInfo}
 */
function restoreInfo({ figures: [entries, expired, leftOut, bytes, moment, duration] }) {
  return {
    entries,
    expired,
    leftOut,
    bytes,
    duration: duration / 1e6,
    savedAt: moment === 0 ? undefined : moment,
  };
}

module.exports = { extraBytesOf, mayBeMissing, outcomeOf, pathOf, restoreInfo, saveInfo };
