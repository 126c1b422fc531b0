'use strict';

const { error } = require('../errors.js');
const validate = require('../validate.js');
const { Entries } = require('./entries.js');
const { Loader } = require('./loader.js');
const { CacheNamespace, restart, restore } = require('./namespace.js');
const { cacheOptions, isTagList } = require('./options.js');
const { Registry } = require('./registry.js');
const { sizeFor } = require('./size-of.js');
const { Store } = require('./store.js');

/**
 * The public Cache class. See `index.d.ts` for its contract.
 *
 * @param {import('../timers.js').Timers} timers with the clock that is used unless a cache's
 *   options bring their own
 */
function createCacheClass(timers) {
  /**
   * @template K, V
   * @augments {CacheNamespace<K, V>}
   */
  class Cache extends CacheNamespace {
    #options;
    /** @type {Entries<K, V>} */
    #entries;
    /** @type {Registry<CacheNamespace<K, V>>} */
    #namespaces = new Registry();

    /**
     * @param {import('../..').CacheOptions<K, V>} options
     */
    constructor(options) {
      const checked = cacheOptions(options, timers.now);
      /** @type {Entries<K, V>} */
      const entries = new Entries(checked, timers);
      super(partsOf(checked, entries, entries.root));
      this.#options = checked;
      this.#entries = entries;
    }

    /** @returns {number} */
    get size() {
      return this.#entries.slots.count;
    }

    /**
     * @param {string} name
     * @returns {CacheNamespace<K, V>}
     */
    namespace(name) {
      this.#entries.assertOpen();
      return this.#namespaces.get(validate.string(name, 'name'), () => {
        const entries = this.#entries;
        entries.noteSpaces();
        const space = entries.space(name);
        const namespace = new CacheNamespace(partsOf(this.#options, entries, space));
        space.keeper = namespace;
        return namespace;
      });
    }

    clear() {
      this.#entries.assertOpen();
      this.#empty();
      this.#entries.notices.tell();
    }

    /**
     * @param {string} tag
     * @returns {boolean} whether an entry, or a load under way, had it
     */
    invalidateTag(tag) {
      this.#entries.assertOpen();
      return this.#entries.invalidate(validate.string(tag, 'tag'));
    }

    /** @returns {import('../..').CacheStats} */
    stats() {
      const entries = this.#entries;
      const [hits, misses, sets, , expirations, , loads, loadErrors, staleHits] = entries.counters;
      const gets = hits + misses;
      return {
        entries: entries.slots.count,
        max: this.#options.max,
        totalSize: entries.slots.totalSize,
        maxSize: this.#options.maxSize,
        hits,
        misses,
        hitRate: gets === 0 ? 0 : hits / gets,
        sets,
        evictions: entries.evictions,
        expirations,
        loads,
        loadErrors,
        staleHits,
        curve: entries.curve.points(hits, misses),
      };
    }

    /** @returns {import('../..').CacheDump<K, V>} */
    dump() {
      this.#entries.assertOpen();
      const entries = this.#entries;
      const { slots, policy } = entries;
      entries.readClock();
      const now = slots.times === undefined ? 0 : slots.times.now;
      /** @type {import('../..').CacheDump<K, V>} */
      const dump = [];
      for (const slot of policy.order().toReversed()) {
        if (entries.ends && entries.isOver(slot)) {
          entries.leave(slot);
        } else {
          const tags = entries.tagsOf(slot);
          const namespace = slots.spaces?.[slot]?.name;
          dump.push([
            slots.pairs[slot << 1],
            slots.pairs[(slot << 1) | 1],
            {
              ttl: entries.left(slot, now),
              size: entries.sizeOf(slot),
              ...(tags.length === 0 ? {} : { tags }),
              ...(namespace === undefined ? {} : { namespace }),
            },
          ]);
        }
      }
      entries.notices.tell();
      return dump;
    }

    /** @param {import('../..').CacheDump<K, V>} dump */
    load(dump) {
      this.#entries.assertOpen();
      if (!Array.isArray(dump) || !Array.from(dump).every(isDumpEntry)) {
        throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'dump', 'what dump() returned', dump);
      }
      try {
        for (const entry of dump) {
          const { namespace } = entry[2];
          restore(namespace === undefined ? this : this.namespace(namespace), entry);
        }
      } finally {
        this.#entries.notices.tell();
      }
    }

    close() {
      const entries = this.#entries;
      if (!entries.isClosed) {
        this.#empty();
        entries.isClosed = true;
      }
      // Also the second time: a callback that threw has left some untold.
      entries.notices.tell();
    }

    [Symbol.dispose]() {
      this.close();
    }

    #empty() {
      const entries = this.#entries;
      entries.clear();
      restart(this, entries.root);
      for (const [name, namespace] of this.#namespaces.all()) {
        restart(namespace, entries.space(name, namespace));
      }
    }
  }

  /**
   * @template K, V
   * @param {ReturnType<typeof cacheOptions>} options
   * @param {Entries<K, V>} entries
   * @param {import('./entries.js').Space} space
   */
  function partsOf(options, entries, space) {
    /** @type {Store<K, V>} */
    const store = new Store(entries, space);
    /** @type {(key: K, value: V, given: number | undefined) => number} */
    const measure = (key, value, given) => sizeFor(options, key, value, given);
    return { options, entries, store, loader: new Loader(store, measure, timers) };
  }

  return Cache;
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
    isTagList(entry[2].tags) &&
    (entry[2].namespace === undefined || typeof entry[2].namespace === 'string')
  );
}

/** @param {unknown} value */
function isAmount(value) {
  return typeof value === 'number' && value >= 0;
}

module.exports = { createCacheClass };
