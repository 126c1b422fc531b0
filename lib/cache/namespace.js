'use strict';

const validate = require('../validate.js');
const { loadOptions, setOptions, tagList } = require('./options.js');
const { sizeFor } = require('./size-of.js');

/**
 * Gives a namespace, or the cache itself, other keys: there are none yet.
 *
 * @type {(namespace: CacheNamespace<any, any>, space: import('./entries.js').Space) => void}
 */
let restart;
/**
 * Puts back what was dumped.
 *
 * @type {(namespace: CacheNamespace<any, any>, entry: import('../..').CacheDump<any, any>[number]) => void}
 */
let restore;

/**
 * The public CacheNamespace class, and what Cache is besides. See `index.d.ts` for its contract.
 *
 * It checks what it is given; entries lie in a Store, and a Loader loads.
 *
 * @template K, V
 */
class CacheNamespace {
  #options;
  #ttl;
  /** @type {import('./loader.js').LoadOptions} */
  #loadDefaults;
  /** @type {import('./entries.js').Entries<K, V>} */
  #entries;
  /** @type {import('./store.js').Store<K, V>} */
  #store;
  /** @type {import('./loader.js').Loader<K, V>} */
  #loader;

  static {
    restart = (namespace, space) => {
      namespace.#store.moveTo(space);
      namespace.#loader.clear();
    };
    restore = (namespace, [key, value, { ttl, size, tags }]) => {
      namespace.#put(key, value, ttl, size ?? undefined, tagList(tags));
      namespace.#loader.supersede(key);
      if (ttl < namespace.#ttl) {
        namespace.#store.liveAnew(key, namespace.#ttl);
      }
    };
  }

  /**
   * @param {object} parts
   * @param {ReturnType<typeof import('./options.js').cacheOptions>} parts.options
   * @param {import('./entries.js').Entries<K, V>} parts.entries
   * @param {import('./store.js').Store<K, V>} parts.store
   * @param {import('./loader.js').Loader<K, V>} parts.loader
   */
  constructor({ options, entries, store, loader }) {
    this.#options = options;
    this.#ttl = options.ttl;
    this.#loadDefaults = loadOptions(undefined, this.#ttl);
    this.#entries = entries;
    this.#store = store;
    this.#loader = loader;
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
    this.#entries.assertOpen();
    return this.#store.get(key);
  }

  /**
   * @param {K} key
   * @returns {V | undefined}
   */
  peek(key) {
    this.#entries.assertOpen();
    const store = this.#store;
    const slot = store.live(key);
    // Read before onEvict is told of an expired entry: it may change the cache.
    const value = slot === 0 ? undefined : store.value(slot);
    store.notify();
    return value;
  }

  /** @param {K} key */
  has(key) {
    this.#entries.assertOpen();
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
    this.#entries.assertOpen();
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
    this.#entries.assertOpen();
    this.#loader.supersede(key);
    const deleted = this.#store.delete(key);
    this.#store.notify();
    return deleted;
  }

  clear() {
    this.#entries.assertOpen();
    restart(this, this.#entries.retire(this.#store.space));
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
    this.#entries.assertOpen();
    // The order as it is now; what is removed while somebody iterates is skipped, what is added is not seen.
    const store = this.#store;
    for (const key of store.order()) {
      this.#entries.assertOpen();
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
    this.#entries.assertOpen();
    const given = options === undefined ? this.#loadDefaults : loadOptions(options, this.#ttl);
    const store = this.#store;
    let slot = store.live(key);
    if (store.untold) {
      // onEvict may set the key, or close the cache.
      store.notify();
      this.#entries.assertOpen();
      slot = store.live(key);
    }
    return this.#loader.get(key, slot, load, given);
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
    const size = sizeFor(this.#options, key, value, givenSize);
    // What measures may have closed it.
    this.#entries.assertOpen();
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
}

module.exports = { CacheNamespace, restart, restore };
