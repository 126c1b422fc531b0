'use strict';

const { join } = require('node:path');
const { packagesFor } = require('../../scripts/nodes.js');

/** Versions that leak and versions that do not; sources are in data/known-leaks.json. */
const PACKAGES = {
  'chokidar-leaky': 'npm:chokidar@3.5.3',
  'cls-hooked-leaky': 'npm:cls-hooked@4.2.2',
  'component-emitter-leaky': 'npm:component-emitter@1.2.1',
  'component-emitter-fixed': 'npm:component-emitter@1.3.0',
  'debug-leaky': 'npm:debug@4.1.1',
  'debug-fixed': 'npm:debug@4.3.1',
  'express-session-leaky': 'npm:express-session@1.18.1',
  'graceful-fs-leaky': 'npm:graceful-fs@4.1.11',
  'lru-cache-fixed': 'npm:lru-cache@11.5.3',
  'mem-leaky': 'npm:mem@3.0.1',
  'mem-fixed': 'npm:mem@4.0.0',
  'memorystore-fixed': 'npm:memorystore@1.6.7',
  'ms-fixed': 'npm:ms@2.1.3',
  'p-map-leaky': 'npm:p-map@7.0.2',
  'p-map-fixed': 'npm:p-map@7.0.3',
  'p-retry-leaky': 'npm:p-retry@5.1.2',
  'p-retry-fixed': 'npm:p-retry@6.0.0',
  'p-timeout-leaky': 'npm:p-timeout@6.1.2',
  'p-timeout-fixed': 'npm:p-timeout@6.1.4',
  'prom-client-leaky': 'npm:prom-client@15.1.3',
};

/**
 * The folder with the packages.
 *
 * @param {string} node
 */
function preparePackages(node) {
  return packagesFor(node, 'leak-packages', PACKAGES, {});
}

/**
 * Loads them, whichever kind of module they are.
 *
 * @param {string} folder
 */
function loader(folder) {
  const { createRequire } = require('node:module');
  const { pathToFileURL } = require('node:url');
  const local = createRequire(join(folder, 'index.js'));
  return {
    local,
    /** @param {string} name */
    async load(name) {
      const loaded = await import(pathToFileURL(local.resolve(name)).href);
      return loaded.default ?? loaded;
    },
  };
}

module.exports = { loader, preparePackages };
