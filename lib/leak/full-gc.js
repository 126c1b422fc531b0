'use strict';

/**
 * A function that collects all garbage, now.
 *
 * @param {object} parts
 * @param {import('../binding.js').GcWatch} parts.watch
 * @param {() => string | undefined} parts.bridgeRefused
 * @returns {() => void}
 */
function fullGc({ watch, bridgeRefused }) {
  if (bridgeRefused() === undefined) {
    try {
      watch.collect();
      return () => watch.collect();
    } catch {
      // No bridge after all.
    }
  }
  return globalThis.gc ?? exposed();
}

/** V8 gives `gc` to contexts that are made while the flag is on; that of the program stays as it is. */
function exposed() {
  const v8 = require('node:v8');
  const { runInNewContext } = require('node:vm');
  v8.setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc');
  } finally {
    v8.setFlagsFromString('--no-expose-gc');
  }
}

module.exports = { fullGc };
