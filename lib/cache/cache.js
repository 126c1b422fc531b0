'use strict';

const { error } = require('../errors.js');
const validate = require('../validate.js');
const { Loader } = require('./loader.js');
const { cacheOptions, isTagList, loadOptions, setOptions, tagList } = require('./options.js');
const { measured } = require('./size-of.js');
const { Store } = require('./store.js');

/**
 * The public Cache class. See `index.d.ts` for its contract.
 *
 * It checks what it is given; entries lie in a Store, and a Loader loads.
 *
 * @param {import('../timers.js').Timers} timers with the clock that is used unless a cache's
 *   options bring their own
 */
function createCacheClass(timers) {
  /** @template K, V */
  return class Cache {
    /** @type {ReturnType<typeof cacheOptions>} */
    #options;
    #ttl;
    /** @type {import('./loader.js').LoadOptions} */
    #loadDefaults;
    /** @type {Store<K, V>} */
    #store;
    /** @type {Loader<K, V>} */
    #loader;
    #closed = false;

    /**
     * @param {import('../..').CacheOptions<K, V>} options
     */
    constructor(options) {
      this.#options = cacheOptions(options, timers.now);
      this.#ttl = this.#options.ttl;
      this.#loadDefaults = loadOptions(undefined, this.#ttl);
      this.#store = new Store(this.#options, timers);
      this.#loader = new Loader(this.#store, (key, value, size) => this.#measure(key, value, size), timers);
    }

    /** @returns {number} */
    get size() {
      return this.#store.size;
    }

    /**
     * @param {K} key
     * @returns {V | undefined}
     */
    get(key) {
      this.#assertOpen();
      return this.#store.get(key);
    }

    /**
     * @param {K} key
     * @returns {V | undefined}
     */
    peek(key) {
      this.#assertOpen();
      const store = this.#store;
      const slot = store.live(key);
      // Read before onEvict is told of an expired entry: it may change the cache.
      const value = slot === 0 ? undefined : store.value(slot);
      store.notify();
      return value;
    }

    /** @param {K} key */
    has(key) {
      this.#assertOpen();
      const live = this.#store.live(key) !== 0;
      this.#store.notify();
      return live;
    }

    /**
     * @param {K} key
     * @param {V} value
     * @param {import('../..').CacheSetOptions} [options]
     * @returns {boolean}
     */
    set(key, value, options) {
      this.#assertOpen();
      let stored;
      if (options === undefined) {
        stored = this.#put(key, value, this.#ttl, undefined, undefined);
      } else {
        const { ttl, size, tags } = setOptions(options, 'Cache.set', this.#ttl);
        stored = this.#put(key, value, ttl, size, tags);
      }
      // After it, because a set that is refused is not newer than what is being loaded.
      this.#loader.supersede(key);
      this.#store.notify();
      return stored;
    }

    /** @param {K} key */
    delete(key) {
      this.#assertOpen();
      this.#loader.supersede(key);
      const deleted = this.#store.delete(key);
      this.#store.notify();
      return deleted;
    }

    clear() {
      this.#assertOpen();
      this.#empty();
      this.#store.notify();
    }

    /** @returns {IterableIterator<K>} */
    *keys() {
      for (const [key] of this.entries()) {
        yield key;
      }
    }

    /** @returns {IterableIterator<V>} */
    *values() {
      for (const [, value] of this.entries()) {
        yield value;
      }
    }

    /** @returns {IterableIterator<[K, V]>} */
    *entries() {
      this.#assertOpen();
      // The order as it is now; what is removed while somebody iterates is skipped, what is added is not seen.
      const store = this.#store;
      for (const key of store.order()) {
        this.#assertOpen();
        const slot = store.live(key);
        const value = store.value(slot);
        store.notify();
        if (slot !== 0) {
          yield [key, value];
        }
      }
    }

    [Symbol.iterator]() {
      return this.entries();
    }

    /**
     * @param {K} key
     * @param {(key: K, context: { signal: AbortSignal }) => V | PromiseLike<V>} load
     * @param {import('../..').CacheLoadOptions} [options]
     * @returns {Promise<V>}
     */
    getOrLoad(key, load, options) {
      validate.fn(load, 'load');
      this.#assertOpen();
      const given = options === undefined ? this.#loadDefaults : loadOptions(options, this.#ttl);
      const store = this.#store;
      let slot = store.live(key);
      if (store.untold) {
        // onEvict may set the key, or close the cache.
        store.notify();
        this.#assertOpen();
        slot = store.live(key);
      }
      return this.#loader.get(key, slot, load, given);
    }

    /**
     * @param {string} tag
     * @returns {boolean} whether an entry, or a load under way, had it
     */
    invalidateTag(tag) {
      this.#assertOpen();
      return this.#store.invalidate(validate.string(tag, 'tag'));
    }

    /** @returns {import('../..').CacheStats} */
    stats() {
      const store = this.#store;
      const [hits, misses, sets, , expirations, , loads, loadErrors, staleHits] = store.counters;
      const gets = hits + misses;
      return {
        entries: store.size,
        max: this.#options.max,
        totalSize: store.totalSize,
        maxSize: this.#options.maxSize,
        hits,
        misses,
        hitRate: gets === 0 ? 0 : hits / gets,
        sets,
        evictions: store.evictions,
        expirations,
        loads,
        loadErrors,
        staleHits,
        curve: store.curve(),
      };
    }

    /** @returns {import('../..').CacheDump<K, V>} */
    dump() {
      this.#assertOpen();
      const store = this.#store;
      const now = store.timed ? this.#options.now() : 0;
      /** @type {import('../..').CacheDump<K, V>} */
      const dump = [];
      for (const key of store.order().toReversed()) {
        const slot = store.live(key);
        if (slot !== 0) {
          const rest = { ttl: store.left(slot, now), size: store.sizeOf(slot) };
          const tags = store.tagsOf(slot);
          dump.push([key, store.value(slot), tags.length === 0 ? rest : { ...rest, tags }]);
        }
      }
      store.notify();
      return dump;
    }

    /** @param {import('../..').CacheDump<K, V>} dump */
    load(dump) {
      this.#assertOpen();
      if (!Array.isArray(dump) || !Array.from(dump).every(isDumpEntry)) {
        throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'dump', 'what dump() returned', dump);
      }
      const store = this.#store;
      try {
        for (const [key, value, { ttl, size, tags }] of dump) {
          this.#put(key, value, ttl, size ?? undefined, tagList(tags));
          this.#loader.supersede(key);
          if (ttl < this.#ttl) {
            store.liveAnew(key, this.#ttl);
          }
        }
      } finally {
        store.notify();
      }
    }

    close() {
      if (!this.#closed) {
        this.#empty();
        this.#closed = true;
      }
      // Also the second time: a callback that threw has left some untold.
      this.#store.notify();
    }

    [Symbol.dispose]() {
      this.close();
    }

    #assertOpen() {
      if (this.#closed) {
        throw error('ERR_HEAPWISE_CACHE_CLOSED');
      }
    }

    /**
     * @param {K} key
     * @param {V} value
     * @param {number} ttl
     * @param {number | undefined} givenSize
     * @param {readonly string[] | undefined} tags
     */
    #put(key, value, ttl, givenSize, tags) {
      // Before anything changes: a size that is refused leaves the old value in place.
      const size = this.#measure(key, value, givenSize);
      // What measures may have closed it.
      this.#assertOpen();
      const store = this.#store;
      if (tags === undefined) {
        return store.put(key, value, ttl, size, 0, undefined);
      }
      const held = store.hold(tags);
      try {
        return store.put(key, value, ttl, size, 0, held);
      } catch (thrown) {
        store.release(held);
        throw thrown;
      }
    }

    /**
     * @param {K} key
     * @param {V} value
     * @param {number | undefined} given
     */
    #measure(key, value, given) {
      const { maxSize, sizeOf } = this.#options;
      return maxSize === Infinity ? 0 : (given ?? measured(sizeOf(value, key)));
    }

    #empty() {
      this.#store.clear();
      this.#loader.clear();
    }
  };
}

/** @param {unknown} entry */
function isDumpEntry(entry) {
  return (
    Array.isArray(entry) &&
    entry.length === 3 &&
    entry[2] !== null &&
    typeof entry[2] === 'object' &&
    isAmount(entry[2].ttl) &&
    (entry[2].size === null || (isAmount(entry[2].size) && entry[2].size !== Infinity)) &&
    isTagList(entry[2].tags)
  );
}

/** @param {unknown} value */
function isAmount(value) {
  return typeof value === 'number' && value >= 0;
}

module.exports = { createCacheClass };
