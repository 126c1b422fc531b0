'use strict';

const { readFileSync } = require('node:fs');
const { dirname, join, relative, sep } = require('node:path');
const { fileURLToPath } = require('node:url');

/**
 * @typedef {object} Package
 * @property {string} name in its package.json
 * @property {string | null} version likewise
 * @property {string} root folder of its package.json
 */

/** @type {Map<string, Package | null>} by folder */
const found = new Map();

/**
 * The path of a script on disk, if it is one.
 *
 * @param {string} script as V8 names it
 * @returns {string | null}
 */
function pathOf(script) {
  if (script.startsWith('file:')) {
    try {
      return fileURLToPath(script);
    } catch {
      return null;
    }
  }
  return /^(\/|[A-Za-z]:[\\/]|\\\\)/.test(script) ? script : null;
}

/**
 * The package that a folder belongs to: the nearest package.json above it that has a name. (Those without one only say of
 * which kind the modules below are.)
 *
 * @param {string} folder
 * @returns {Package | null}
 */
function packageOfFolder(folder) {
  const cached = found.get(folder);
  if (cached !== undefined) {
    return cached;
  }
  const above = dirname(folder);
  const own = named(folder);
  const result = own ?? (above === folder ? null : packageOfFolder(above));
  found.set(folder, result);
  return result;
}

/**
 * @param {string} root
 * @returns {Package | null}
 */
function named(root) {
  let manifest;
  try {
    manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  } catch {
    // None, or one that is not readable: for Node it would be an error, for us it names nothing.
    return null;
  }
  if (typeof manifest?.name !== 'string' || manifest.name === '') {
    return null;
  }
  return {
    name: manifest.name,
    version: typeof manifest.version === 'string' ? manifest.version : null,
    root,
  };
}

/**
 * Where a script belongs.
 *
 * @param {string} script as V8 names it
 * @returns {{ path: string | null, file: string, package: { name: string, version: string | null } | null }} `file` is
 *   the path inside the package, with slashes, or the script's name where it has none
 */
function locate(script) {
  if (script.startsWith('node:')) {
    return { path: null, file: script, package: { name: 'node', version: process.versions.node } };
  }
  const path = pathOf(script);
  const owner = path === null ? null : packageOfFolder(dirname(path));
  if (path === null || owner === null) {
    return { path, file: script, package: null };
  }
  const { name, version, root } = owner;
  return { path, file: relative(root, path).split(sep).join('/'), package: { name, version } };
}

module.exports = { locate };
