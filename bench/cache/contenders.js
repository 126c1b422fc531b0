'use strict';

/**
 * The caches, each opened with a bound on its entries and perhaps a time to live. All have `get(key)` and
 * `set(key, value)`, so the loops call them directly. Those published as ES modules are loaded by dynamic import.
 *
 * @typedef {object} CacheContender
 * @property {string} name as the table shows it
 * @property {string} [npm] package whose version the table shows
 * @property {boolean} [ours] true for heapwise
 * @property {boolean} ttl whether it knows a time to live
 * @property {'any' | 'text'} [keys] `text`: it makes strings of all keys, or refuses other ones than strings and numbers
 * @property {boolean} [evicts] false: it refuses what is too much
 * @property {(max: number, ttl?: number) => Promise<AnyCache>} open ttl in milliseconds; without it nothing expires
 */

/**
 * @typedef {{ get(key: any): any, set(key: any, value: any): unknown }} AnyCache
 */

/** What people write by hand: a Map, whose order is that of use if each hit deletes and sets again. */
class MapLru {
  #map = new Map();
  #max;
  #ttl;

  constructor(max, ttl = Infinity) {
    this.#max = max;
    this.#ttl = ttl;
  }

  get(key) {
    const entry = this.#map.get(key);
    if (entry === undefined) {
      return undefined;
    }
    this.#map.delete(key);
    if (entry.end !== Infinity && entry.end <= Date.now()) {
      return undefined;
    }
    this.#map.set(key, entry);
    return entry.value;
  }

  set(key, value) {
    if (!this.#map.delete(key) && this.#map.size >= this.#max) {
      this.#map.delete(this.#map.keys().next().value);
    }
    this.#map.set(key, { value, end: this.#ttl === Infinity ? Infinity : Date.now() + this.#ttl });
  }
}

/** @type {CacheContender[]} */
const CACHES = [
  { name: 'Map, by hand', ttl: true, open: async (max, ttl) => new MapLru(max, ttl) },
  {
    name: 'lru-cache',
    npm: 'lru-cache',
    ttl: true,
    async open(max, ttl) {
      const { LRUCache } = await import('lru-cache');
      return new LRUCache({ max, ttl });
    },
  },
  {
    name: 'quick-lru',
    npm: 'quick-lru',
    ttl: true,
    async open(max, ttl) {
      const { default: QuickLRU } = await import('quick-lru');
      return new QuickLRU({ maxSize: max, maxAge: ttl });
    },
  },
  {
    name: 'mnemonist LRUMap',
    npm: 'mnemonist',
    ttl: false,
    async open(max) {
      const LRUMap = require('mnemonist/lru-map');
      return new LRUMap(max);
    },
  },
  {
    name: 'mnemonist LRUCache',
    npm: 'mnemonist',
    ttl: false,
    keys: 'text',
    async open(max) {
      const LRUCache = require('mnemonist/lru-cache');
      return new LRUCache(max);
    },
  },
  {
    name: 'tiny-lru',
    npm: 'tiny-lru',
    ttl: true,
    keys: 'text',
    async open(max, ttl = 0) {
      const { lru } = require('tiny-lru');
      return lru(max, ttl);
    },
  },
  {
    name: '@isaacs/ttlcache',
    npm: '@isaacs/ttlcache',
    ttl: true,
    async open(max, ttl = Infinity) {
      const { TTLCache } = require('@isaacs/ttlcache');
      // With a bound and times that never end its `set` never returns.
      return new TTLCache({ max: ttl === Infinity ? Infinity : max, ttl, checkAgeOnGet: true });
    },
    evicts: false,
  },
  {
    name: 'node-cache',
    npm: 'node-cache',
    ttl: true,
    keys: 'text',
    evicts: false,
    async open(max, ttl = 0) {
      const NodeCache = require('node-cache');
      return new NodeCache({ stdTTL: ttl / 1000, useClones: false, maxKeys: -1 });
    },
  },
  {
    name: 'lru.min',
    npm: 'lru.min',
    ttl: false,
    async open(max) {
      const { createLRU } = await import('lru.min');
      return createLRU({ max });
    },
  },
  {
    name: "heapwise, policy: 'lru'",
    ttl: true,
    async open(max, ttl) {
      const { Cache } = require('../..');
      return new Cache({ max, ttl, policy: 'lru' });
    },
  },
  {
    name: 'heapwise/lru-cache',
    ttl: true,
    async open(max, ttl) {
      const { LRUCache } = require('heapwise/lru-cache');
      return new LRUCache({ max, ttl });
    },
  },
  {
    name: 'heapwise Cache',
    ours: true,
    ttl: true,
    async open(max, ttl) {
      const { Cache } = require('../..');
      return new Cache({ max, ttl });
    },
  },
];

module.exports = { CACHES };
