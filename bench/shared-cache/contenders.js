'use strict';

const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

/**
 * The caches, each with room for everything that a case puts in: what is measured is the way in and out. Strings come
 * back as strings.
 *
 * @typedef {object} Contender
 * @property {string} name as the table shows it
 * @property {string} [npm] package whose version the table shows
 * @property {boolean} [ours] true for heapwise
 * @property {(max: number, bytes: number) => Promise<AnyCache>} open for so many entries, of so many bytes each
 *
 * @typedef {{ get(key: string): any, has(key: string): boolean, set(key: string, value: any): unknown }} AnyCache
 */

/** Bytes for each entry beside its value, generously. */
const OVERHEAD = 128;

const lruCache = {
  name: 'lru-cache',
  npm: 'lru-cache',
  async open(max) {
    const { LRUCache } = await import('lru-cache');
    return new LRUCache({ max });
  },
};

/** Memory of a file that threads and processes share. It is never written to the disk here. */
const lmdb = {
  name: 'lmdb',
  npm: 'lmdb',
  async open(max, bytes) {
    const { open } = require('lmdb');
    const folder = mkdtempSync(join(tmpdir(), 'heapwise-bench-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    const db = open({
      path: join(folder, 'data'),
      noSync: true,
      encoding: 'string',
      mapSize: 2 * max * (bytes + OVERHEAD) + (64 << 20),
    });
    return {
      get: (key) => db.get(key),
      has: (key) => db.doesExist(key),
      set: (key, value) => db.putSync(key, value),
      fill(entries) {
        db.transactionSync(() => entries.forEach(([key, value]) => db.put(key, value)));
      },
    };
  },
};

const heapwise = {
  name: 'heapwise SharedCache',
  ours: true,
  async open(max, bytes) {
    const { SharedCache } = require('../..');
    return new SharedCache({ max, maxBytes: Math.max(1 << 20, Math.ceil(max * (bytes + OVERHEAD) * 1.1)) });
  },
};

/** Keeps nothing: its figures are what the loop, V8 and the machine's other work take. @type {Contender} */
const nothing = {
  name: 'the loop alone',
  async open(max, bytes) {
    const value = 'v'.repeat(bytes);
    return { set() {}, get: () => value, has: () => true, size: max };
  },
};

module.exports = { heapwise, lmdb, lruCache, nothing };
