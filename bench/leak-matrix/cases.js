'use strict';

/**
 * The programs of the matrix.
 *
 * @typedef {object} Program
 * @property {string} name of it
 * @property {string} file in app/, which exports it under `export`
 * @property {string} export its name there
 * @property {boolean} leaky what it is
 * @property {{ package: string, files: string[] }} [culprit] the package and the files, one of which should be named
 * @property {string} [alsoRight] another package that may be named
 * @property {'heap' | 'buffers'} [kind] what grows
 * @property {boolean} [graded] one of the curve: how small a leak is found, and when
 */

const OWN = { package: 'shop-service', files: ['own.js'] };
/** A leak of Node's own, which is known: naming either of them helps. */
const NODES_OWN = 'AbortSignal.any of a signal that stays';

/** Leaks of packages: export, title, and who is to be named. */
const OF_PACKAGES = [
  ['debug', 'debug 4.1.1', { package: 'debug', files: ['src/common.js', 'src/node.js'] }],
  ['component-emitter', 'component-emitter 1.2.1', { package: 'component-emitter', files: ['index.js'] }],
  ['mem', 'mem 3.0.1', { package: 'mem', files: ['index.js'] }],
  ['p-timeout', 'p-timeout 6.1.2', { package: 'p-timeout', files: ['index.js'] }],
  ['p-map', 'p-map 7.0.2', { package: 'p-map', files: ['index.js'] }],
  ['p-retry', 'p-retry 5.1.2', { package: 'p-retry', files: ['index.js'] }],
  ['sessions', 'express-session 1.18.1', { package: 'express-session', files: ['session/memory.js'] }],
  ['context', 'cls-hooked 4.2.2', { package: 'cls-hooked', files: ['context.js'] }],
  ['metrics', 'prom-client 15.1.3', { package: 'prom-client', files: ['lib/counter.js', 'lib/util.js'] }],
  [
    'reload',
    'graceful-fs 4.1.11, loaded again',
    { package: 'graceful-fs', files: ['graceful-fs.js', 'polyfills.js', 'fs.js', 'legacy-streams.js'] },
  ],
  ['watch', 'chokidar 3.5.3', { package: 'chokidar', files: ['index.js', 'lib/nodefs-handler.js'] }],
];

const OF_THE_SERVICE = Object.keys(require('./app/own.js'));
const GRADED = Object.keys(require('./app/graded.js'));
const STEADY = Object.keys(require('./app/steady.js'));

const twins = (file, name, title, culprit, kind = 'heap') => [
  {
    name: title,
    file,
    export: name,
    leaky: true,
    culprit,
    alsoRight: title === NODES_OWN ? 'node' : undefined,
    kind,
  },
  { name: `${title}: without`, file, export: name, leaky: false },
];

/** @type {Program[]} */
const programs = [
  ...OF_PACKAGES.flatMap(([name, title, culprit]) => twins('packages', name, title, culprit)),
  ...OF_THE_SERVICE.flatMap((name) =>
    twins('own', name, name, OWN, name.includes('buffers') ? 'buffers' : 'heap'),
  ),
  ...GRADED.map((name) => ({
    name,
    file: 'graded',
    export: name,
    leaky: true,
    graded: true,
    culprit: { package: 'shop-service', files: ['graded.js'] },
    kind: 'heap',
  })),
  ...STEADY.map((name) => ({ name, file: 'steady', export: name, leaky: false })),
  ...['lru-cache that fills', 'events'].map((name) => ({
    name,
    file: 'packages',
    export: name,
    leaky: false,
  })),
];

/** What is to be expected of a program on a Node: what one of them leaks was Node's own fault. */
function isLeaky({ name, leaky }, node = process.versions.node) {
  return leaky && !(name === NODES_OWN && Number(node.split('.', 1)[0]) >= 24);
}

module.exports = { isLeaky, programs };
