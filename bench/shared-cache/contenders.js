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

/** Bytes that are taken from the system at a time, and that a small entry needs beside its value: about what heapwise does. */
const PART = 256 << 10;
const BESIDE = 49;

/** Keeps nothing either, but takes as much memory as the entries would: how long the system may take to find it. @type {Contender} */
const memory = {
  name: 'as much memory, in Buffers',
  async open(max, bytes) {
    const loop = await nothing.open(max, bytes);
    const every = Math.floor(PART / (bytes + BESIDE));
    const kept = [];
    let sets = 0;
    return {
      ...loop,
      set() {
        if (sets++ % every === 0) {
          kept.push(Buffer.allocUnsafeSlow(PART).fill(1));
        }
      },
    };
  },
};

module.exports = { heapwise, lmdb, lruCache, memory, nothing };
