'use strict';

const zlib = require('node:zlib');
const { promisify } = require('node:util');

/**
 * Caches of JSON texts: `lru-cache` with what some package compresses, as one would do it by hand, and `SharedCache`.
 *
 * @typedef {object} Store
 * @property {string} name as the table shows it
 * @property {string} [npm] package whose version the table shows
 * @property {boolean} [ours] true for heapwise
 * @property {(max: number, maxBytes: number) => Promise<OpenStore>} open for so many texts, of so many bytes together
 *
 * @typedef {object} OpenStore
 * @property {(key: string, text: string) => unknown} set stores a text; may return a promise
 * @property {(key: string) => any} get the text, or a promise of it
 * @property {() => number} bytes of the values that are stored
 */

/**
 * @param {string} name
 * @param {string | undefined} npm
 * @param {(text: string) => any} compress makes a Buffer, or a promise of one
 * @param {(bytes: Buffer) => any} decompress
 * @returns {Store}
 */
function byHand(name, npm, compress, decompress) {
  return {
    name: `lru-cache, ${name}`,
    npm,
    async open(max) {
      const { LRUCache } = await import('lru-cache');
      const cache = new LRUCache({ max });
      return {
        async set(key, text) {
          cache.set(key, await compress(text));
        },
        async get(key) {
          return (await decompress(cache.get(key))).toString();
        },
        bytes: () => [...cache.values()].reduce((sum, { length }) => sum + length, 0),
      };
    },
  };
}

/**
 * @param {string} name
 * @param {import('../..').SharedCacheOptions['compression']} compression
 * @param {boolean} later whether by other threads
 * @returns {Store}
 */
function shared(name, compression, later) {
  return {
    name: `heapwise, ${name}`,
    ours: compression === 'zstd' && later,
    async open(max, maxBytes) {
      const { SharedCache } = require('../..');
      const cache = new SharedCache({ maxBytes, compression });
      return {
        set: (key, text) => (later ? cache.setAsync(key, text) : cache.set(key, text)),
        get: (key) => (later ? cache.getAsync(key) : cache.get(key)),
        bytes: () => cache.stats().valueBytes,
      };
    },
  };
}

const FAST = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } };
const same = (text) => text;

const byZlib = [
  byHand(
    'brotli 1, sync',
    undefined,
    (text) => zlib.brotliCompressSync(text, FAST),
    (bytes) => zlib.brotliDecompressSync(bytes),
  ),
  byHand(
    'brotli 1, async',
    undefined,
    (text) => promisify(zlib.brotliCompress)(text, FAST),
    promisify(zlib.brotliDecompress),
  ),
];
// Node 22.15 and newer.
if (zlib.zstdCompressSync !== undefined) {
  byZlib.push(
    byHand('zstd, sync', undefined, zlib.zstdCompressSync, zlib.zstdDecompressSync),
    byHand('zstd, async', undefined, promisify(zlib.zstdCompress), promisify(zlib.zstdDecompress)),
  );
}

/** @type {Store[]} */
const compressed = [
  byHand('strings', 'lru-cache', same, same),
  ...byZlib,
  byHand(
    'snappy, sync',
    'snappy',
    (text) => require('snappy').compressSync(text),
    (bytes) => require('snappy').uncompressSync(bytes),
  ),
  byHand(
    'snappy, async',
    'snappy',
    (text) => require('snappy').compress(text),
    (bytes) => require('snappy').uncompress(bytes),
  ),
  byHand(
    'lz4-napi, sync',
    'lz4-napi',
    (text) => require('lz4-napi').compressSync(Buffer.from(text)),
    (bytes) => require('lz4-napi').uncompressSync(bytes),
  ),
  byHand(
    'lz4-napi, async',
    'lz4-napi',
    (text) => require('lz4-napi').compress(Buffer.from(text)),
    (bytes) => require('lz4-napi').uncompress(bytes),
  ),
  shared('not compressed', undefined, false),
  shared('lz4, set and get', 'lz4', false),
  shared('lz4, setAsync and getAsync', 'lz4', true),
  shared('zstd, set and get', 'zstd', false),
  shared('zstd, setAsync and getAsync', 'zstd', true),
  shared('zstd 1, set and get', { algorithm: 'zstd', level: 1 }, false),
  shared('zstd 6, set and get', { algorithm: 'zstd', level: 6 }, false),
];

module.exports = { compressed };
