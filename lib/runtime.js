'use strict';

/** What of the host's inside may be touched. */

/**
 * V8 major versions on which the bridge was tried: Node 20, 22, 24, 26. Another one may lay its structures out
 * differently, and a wrong guess would crash the process: refused unless HEAPWISE_V8_BRIDGE=force.
 */
const TESTED_V8 = new Set(['11', '12', '13', '14']);

/**
 * Why the native hooks of Node's own loop and engine cannot be used in this runtime; undefined where they can.
 * Asked before any of libuv is touched: Bun exports libuv's names as stubs that abort the process.
 *
 * @param {Record<string, string | undefined>} [versions]
 * @returns {string | undefined}
 */
function notNode(versions = process.versions) {
  for (const other of ['bun', 'deno', 'electron']) {
    if (versions[other] !== undefined) {
      return `the runtime is ${other}, not Node.js`;
    }
  }
  return undefined;
}

/**
 * Why V8's exported API may not be used; undefined where it may be tried.
 *
 * @param {string | undefined} [setting] of HEAPWISE_V8_BRIDGE
 * @param {Record<string, string | undefined>} [versions]
 * @returns {string | undefined}
 */
function noBridge(setting = process.env.HEAPWISE_V8_BRIDGE, versions = process.versions) {
  if (setting === 'off') {
    return 'HEAPWISE_V8_BRIDGE=off';
  }
  const major = String(versions.v8).split('.', 1)[0];
  if (!TESTED_V8.has(major) && setting !== 'force') {
    return `V8 ${versions.v8} has not been tested (HEAPWISE_V8_BRIDGE=force tries it)`;
  }
  return notNode(versions);
}

module.exports = { noBridge, notNode };
