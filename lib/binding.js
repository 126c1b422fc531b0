'use strict';

/**
 * Loads the native addon. Hand-written instead of napi's generated loader, which asks for different file names
 * depending on how Node itself was compiled and throws errors without a code. Here one name serves every toolchain
 * (lib/platform.js), and every failure is ERR_HEAPWISE_BINDING_MISSING.
 */

const { resolve } = require('node:path');
const { version } = require('../package.json');
const { error: codedError } = require('./errors.js');
const { PREBUILT, addonName, packageName, platformTriple } = require('./platform.js');

/** @typedef {{ name: string, open: () => unknown }} Candidate */
/** @typedef {{ name: string, error: NodeJS.ErrnoException }} Failure */

const triple = platformTriple();

/** @returns {Candidate[]} where the addon may be, in the order to try */
function candidates() {
  const path = process.env.HEAPWISE_BINDING_PATH;
  if (path) {
    // Alone: who names a file wants to run that file, and not another one because that file failed to load.
    return [{ name: `${path} (HEAPWISE_BINDING_PATH)`, open: () => require(resolve(path)) }];
  }
  const file = `./${addonName(triple)}`;
  const prebuilt = packageName(triple);
  return [
    { name: `lib/${addonName(triple)}`, open: () => require(file) },
    { name: prebuilt, open: () => openPackage(prebuilt) },
  ];
}

/**
 * @param {string} name
 * @returns {unknown} the addon of that package
 */
function openPackage(name) {
  const found = require(`${name}/package.json`).version;
  if (found !== version) {
    // A lockfile or a bundler can pair two releases; their native calls need not match.
    throw new Error(
      `its version is ${found}, but heapwise is ${version}: install both with the same version`,
    );
  }
  return require(name);
}

/**
 * @param {Failure} failure
 * @returns {boolean} whether there was nothing to load, as opposed to something that would not load
 */
function isAbsent({ error }) {
  return error.code === 'MODULE_NOT_FOUND';
}

/**
 * @param {Failure[]} failures
 * @returns {Error & { code: string }}
 */
function missing(failures) {
  const lines = failures.map((failure) => {
    const reason = isAbsent(failure) ? 'not found' : failure.error.message.split('\n', 1)[0];
    return `  - ${failure.name}: ${reason}`;
  });
  const advice = PREBUILT.includes(triple)
    ? 'Reinstall heapwise without --omit=optional. If that does not help, delete node_modules and package-lock.json and ' +
      'install again: npm can leave the packages of other platforms out of a lockfile ' +
      '(https://github.com/npm/cli/issues/4828).'
    : `There is no prebuilt binary for this platform, only for ${PREBUILT.join(', ')}.`;
  const message =
    `heapwise could not load its native addon for ${triple}. Tried:\n${lines.join('\n')}\n` +
    `${advice} To build it from source, run "npm run build" in a checkout of heapwise (needs Rust).`;
  // Something that was there and failed to load tells more than something that was not there.
  const { error: cause } = failures.find((failure) => !isAbsent(failure)) ?? failures[0];
  return Object.assign(codedError('ERR_HEAPWISE_BINDING_MISSING', message), { cause });
}

/** @returns {unknown} the addon */
function load() {
  /** @type {Failure[]} */
  const failures = [];
  for (const { name, open } of candidates()) {
    try {
      return open();
    } catch (error) {
      failures.push({ name, error: /** @type {NodeJS.ErrnoException} */ (error) });
    }
  }
  throw missing(failures);
}

module.exports = load();
