'use strict';

const { error } = require('../errors.js');
const { metrics, publish, publishDelete, trace, traced } = require('./channels.js');
const { dumpOf, infoOf, restored } = require('./dump.js');
const { Fetch } = require('./fetch.js');
const { Fetches } = require('./fetches.js');
const { entriesOf, keysOf, settledEntriesOf, valuesOf } = require('./iteration.js');
const { checkFetchSize, checkedOptions, invalid, sizeOf } = require('./options.js');
const { Store } = require('./store.js');
const { warnUnbounded } = require('./warning.js');

/** Given where there are no options. */
const NONE = Object.freeze({});

/**
 * The public LRUCache. See `lru-cache.d.ts` for its contract.
 *
 * It knows the options and the status objects; entries lie in a Store, and Fetches runs `fetchMethod`.
 *
 * @template {{}} K
 * @template {{}} V
 * @template [FC=unknown]
 */
class LRUCache {
  #max;
  #maxSize;
  #perf;
  #dispose;
  #onInsert;
  #disposeAfter;
  #fetchMethod;
  #memoMethod;
  /** Whether sizes count. */
  #sized;
  #store;
  /** @type {Fetches | undefined} */
  #fetches;

  /** @param {any} options */
  constructor(options) {
    const checked = checkedOptions(options);
    const { dispose, onInsert, disposeAfter } = options;
    this.#max = checked.max;
    this.#maxSize = checked.maxSize;
    this.#perf = checked.perf;
    this.#dispose = typeof dispose === 'function' ? dispose : undefined;
    this.#onInsert = typeof onInsert === 'function' ? onInsert : undefined;
    this.#disposeAfter = typeof disposeAfter === 'function' ? disposeAfter : undefined;
    this.#fetchMethod = options.fetchMethod;
    this.#memoMethod = options.memoMethod;
    // What is public may be changed, and holds for what is called after that.
    /** @type {number} */
    this.ttl = checked.ttl;
    /** @type {number} */
    this.ttlResolution = checked.ttlResolution;
    this.ttlAutopurge = Boolean(options.ttlAutopurge);
    this.updateAgeOnGet = Boolean(options.updateAgeOnGet);
    this.updateAgeOnHas = Boolean(options.updateAgeOnHas);
    this.allowStale = Boolean(options.allowStale);
    this.noDisposeOnSet = Boolean(options.noDisposeOnSet);
    this.noUpdateTTL = Boolean(options.noUpdateTTL);
    /** @type {number} */
    this.maxEntrySize = checked.maxEntrySize;
    /** @type {((value: V, key: K) => number) | undefined} */
    this.sizeCalculation = options.sizeCalculation;
    this.noDeleteOnFetchRejection = Boolean(options.noDeleteOnFetchRejection);
    this.noDeleteOnStaleGet = Boolean(options.noDeleteOnStaleGet);
    this.allowStaleOnFetchAbort = Boolean(options.allowStaleOnFetchAbort);
    this.allowStaleOnFetchRejection = Boolean(options.allowStaleOnFetchRejection);
    this.ignoreFetchAbort = Boolean(options.ignoreFetchAbort);
    /** @type {number} */
    this.backgroundFetchSize = checked.backgroundFetchSize;
    this.#sized = checked.maxEntrySize !== 0;
    const { max, maxSize } = checked;
    this.#store = new Store(
      {
        max,
        maxSize,
        sized: this.#sized,
        fetches: this.#fetchMethod !== undefined,
        dispose: this.#dispose,
        disposeAfter: this.#disposeAfter,
      },
      this,
    );
    if (this.#fetchMethod !== undefined) {
      this.#fetches = new Fetches(this.#target(), this.#fetchMethod.bind(this));
    }
    if (!this.ttlAutopurge && max === 0 && maxSize === 0) {
      warnUnbounded(LRUCache);
    }
  }

  /** The cache as fetches use it. @returns {import('./fetches.js').Target} */
  #target() {
    return {
      cache: this,
      store: this.#store,
      put: (key, value, options, own) => this.#setWith(key, value, options, own),
      remove: (key) => void this.#delete(key, 'fetch'),
      size: () => this.#fetchSize(),
    };
  }

  get [Symbol.toStringTag]() {
    return 'LRUCache';
  }

  get perf() {
    return this.#perf;
  }

  get max() {
    return this.#max;
  }

  get maxSize() {
    return this.#maxSize;
  }

  get size() {
    return this.#store.count;
  }

  get calculatedSize() {
    return this.#store.totalSize;
  }

  get fetchMethod() {
    return this.#fetchMethod;
  }

  get memoMethod() {
    return this.#memoMethod;
  }

  get dispose() {
    return this.#dispose;
  }

  get onInsert() {
    return this.#onInsert;
  }

  get disposeAfter() {
    return this.#disposeAfter;
  }

  /**
   * @param {K} key
   * @param {any} [options]
   * @returns {V | undefined}
   */
  get(key, options) {
    if (options === undefined && !metrics.hasSubscribers) {
      return this.#get(key, this.allowStale, this.updateAgeOnGet, this.noDeleteOnStaleGet, undefined);
    }
    const status = this.#statusOf(options, 'get', key);
    const value = this.#getWith(key, options ?? NONE, status);
    if (status !== undefined) {
      if (value !== undefined) {
        status.value = value;
      }
      publish(status);
    }
    return value;
  }

  /**
   * @param {K} key
   * @param {any} options
   * @param {any} status
   */
  #getWith(key, options, status) {
    const {
      allowStale = this.allowStale,
      updateAgeOnGet = this.updateAgeOnGet,
      noDeleteOnStaleGet = this.noDeleteOnStaleGet,
    } = options;
    return this.#get(key, allowStale, updateAgeOnGet, noDeleteOnStaleGet, status);
  }

  /**
   * @param {K} key
   * @param {boolean} allowStale
   * @param {boolean} updateAge
   * @param {boolean} keepStale
   * @param {any} status
   * @returns {V | undefined}
   */
  #get(key, allowStale, updateAge, keepStale, status) {
    const store = this.#store;
    const slot = store.find(key);
    if (slot === 0) {
      if (status !== undefined) {
        status.get = 'miss';
      }
      return undefined;
    }
    const value = store.valueOf(slot);
    const fetch = this.#fetches !== undefined && value instanceof Fetch ? value : undefined;
    const { ages } = store;
    if (status !== undefined) {
      ages?.tell(status, slot);
    }
    if (ages !== undefined && ages.isOver(slot)) {
      return this.#getStale(slot, fetch, allowStale, keepStale, status);
    }
    if (status !== undefined) {
      status.get = fetch === undefined ? 'hit' : 'fetching';
    }
    store.touch(slot, key);
    if (updateAge) {
      store.renew(slot);
    }
    return fetch === undefined ? value : fetch.stale;
  }

  /**
   * @param {number} slot
   * @param {Fetch<V> | undefined} fetch
   * @param {boolean} allowStale
   * @param {boolean} keepStale
   * @param {any} status
   * @returns {V | undefined}
   */
  #getStale(slot, fetch, allowStale, keepStale, status) {
    const store = this.#store;
    const value = store.settledValueOf(slot);
    // The one that is being replaced is still needed.
    if (fetch === undefined && !keepStale) {
      store.expire(slot);
      store.tell();
    }
    if (status !== undefined) {
      status.get = fetch === undefined ? 'stale' : 'stale-fetching';
      if (allowStale && value !== undefined) {
        status.returnedStale = true;
      }
    }
    return allowStale ? value : undefined;
  }

  /**
   * @param {K} key
   * @param {any} [options]
   * @returns {V | undefined}
   */
  peek(key, options) {
    const status = this.#statusOf(options, 'peek', key);
    const allowStale = options?.allowStale ?? this.allowStale;
    const store = this.#store;
    const slot = store.find(key);
    const over = slot !== 0 && !allowStale && store.isOver(slot);
    const value = slot === 0 || over ? undefined : store.settledValueOf(slot);
    if (status !== undefined) {
      status.peek = over ? 'stale' : value === undefined ? 'miss' : 'hit';
      if (value !== undefined) {
        status.value = value;
      }
      publish(status);
    }
    return value;
  }

  /**
   * @param {K} key
   * @param {any} [options]
   */
  has(key, options) {
    const status = this.#statusOf(options, 'has', key);
    const found = this.#has(key, options?.updateAgeOnHas ?? this.updateAgeOnHas, status);
    publish(status);
    return found;
  }

  /**
   * @param {K} key
   * @param {boolean} updateAge
   * @param {any} status
   */
  #has(key, updateAge, status) {
    const store = this.#store;
    const slot = store.find(key);
    if (slot !== 0 && store.settledValueOf(slot) === undefined) {
      // It is yet to come.
      return false;
    }
    const hit = slot !== 0 && !store.isOver(slot);
    if (hit && updateAge) {
      store.renew(slot);
    }
    if (status !== undefined) {
      status.has = hit ? 'hit' : slot === 0 ? 'miss' : 'stale';
      if (slot !== 0) {
        store.ages?.tell(status, slot);
      }
    }
    return hit;
  }

  /**
   * @param {K} key
   * @param {V | undefined} value
   * @param {any} [options]
   */
  set(key, value, options) {
    if (options === undefined && !metrics.hasSubscribers) {
      const { ttl, noDisposeOnSet, noUpdateTTL, sizeCalculation } = this;
      this.#set(
        key,
        value,
        ttl,
        undefined,
        0,
        sizeCalculation,
        noUpdateTTL,
        noDisposeOnSet,
        undefined,
        undefined,
      );
      return this;
    }
    const status = this.#statusOf(options, 'set', key);
    if (status !== undefined && value !== undefined) {
      status.value = value;
    }
    this.#setWith(
      key,
      value,
      status === options?.status ? (options ?? NONE) : { ...options, status },
      undefined,
    );
    publish(status);
    return this;
  }

  /**
   * @param {K} key
   * @param {V | Fetch<V> | undefined} value
   * @param {any} options
   * @param {Fetch<V> | undefined} own the fetch that has brought the value
   */
  #setWith(key, value, options, own) {
    const {
      ttl = this.ttl,
      start,
      size = 0,
      sizeCalculation = this.sizeCalculation,
      noUpdateTTL = this.noUpdateTTL,
      noDisposeOnSet = this.noDisposeOnSet,
      status,
    } = options;
    this.#set(key, value, ttl, start, size, sizeCalculation, noUpdateTTL, noDisposeOnSet, own, status);
  }

  /**
   * All one by one, because an object would be made for each set.
   *
   * @param {K} key
   * @param {V | Fetch<V> | undefined} value
   * @param {number} ttl
   * @param {number | undefined} start
   * @param {any} givenSize
   * @param {any} sizeCalculation
   * @param {boolean} keepsTime
   * @param {boolean} quiet
   * @param {Fetch<V> | undefined} own
   * @param {any} status
   */
  #set(key, value, ttl, start, givenSize, sizeCalculation, keepsTime, quiet, own, status) {
    if (value === undefined) {
      if (status !== undefined) {
        status.set = 'deleted';
      }
      this.#delete(key, 'delete');
      return;
    }
    const fetch = this.#fetches !== undefined && value instanceof Fetch;
    if (status !== undefined && !fetch) {
      status.value = value;
    }
    const size = this.#sizeOf(key, value, givenSize, sizeCalculation);
    if (size !== 0 && this.#exceeds(size)) {
      // What is there is out of date.
      this.#delete(key, 'set');
      if (status !== undefined) {
        status.set = 'miss';
        status.maxEntrySizeExceeded = true;
      }
      return;
    }
    const store = this.#store;
    const done = store.put(key, value, size, ttl, start, keepsTime, quiet, own, status);
    if (status !== undefined && !fetch) {
      status.set = done;
    }
    store.tellBefore();
    if (this.#onInsert !== undefined && !fetch) {
      this.#onInsert(/** @type {V} */ (value), key, done);
    }
    store.tell();
  }

  /**
   * @param {K} key
   * @param {any} value
   * @param {any} given
   * @param {any} sizeCalculation
   */
  #sizeOf(key, value, given, sizeCalculation) {
    if (!this.#sized) {
      if (given || sizeCalculation) {
        throw invalid('cannot set size without setting maxSize or maxEntrySize on cache');
      }
      return 0;
    }
    if (value instanceof Fetch && !given) {
      return value.size;
    }
    return sizeOf(key, value, given, sizeCalculation);
  }

  /** Whether something is too large to be kept. @param {number} size */
  #exceeds(size) {
    return (
      (this.maxEntrySize !== 0 && size > this.maxEntrySize) || (this.#maxSize !== 0 && size > this.#maxSize)
    );
  }

  /** What a fetch counts for. */
  #fetchSize() {
    if (!this.#sized) {
      return 0;
    }
    checkFetchSize(this.backgroundFetchSize);
    return this.backgroundFetchSize;
  }

  /** @param {K} key */
  delete(key) {
    return this.#delete(key, 'delete');
  }

  /**
   * @param {K} key
   * @param {import('../../lru-cache').LRUCache.DisposeReason} reason
   */
  #delete(key, reason) {
    publishDelete(this, key, reason);
    const store = this.#store;
    const slot = store.find(key);
    if (slot !== 0) {
      store.remove(slot, reason);
    }
    store.tell();
    return slot !== 0;
  }

  clear() {
    this.#store.clear('delete');
    this.#store.tell();
  }

  /** @returns {V | undefined} */
  pop() {
    const store = this.#store;
    let value;
    while (value === undefined && store.count > 0) {
      const slot = store.oldest();
      value = store.settledValueOf(slot);
      store.remove(slot, 'evict');
    }
    store.tell();
    return value;
  }

  /**
   * @param {(value: V, key: K, self: this) => boolean} fn
   * @param {any} [options]
   * @returns {V | undefined}
   */
  find(fn, options) {
    for (const [key, value] of settledEntriesOf(this.#store, this.allowStale, false)) {
      if (fn(value, key, this)) {
        return this.#getWith(key, options ?? NONE, options?.status);
      }
    }
    return undefined;
  }

  /**
   * @param {(value: V, key: K, self: this) => unknown} fn
   * @param {unknown} [self]
   */
  forEach(fn, self = this) {
    for (const [key, value] of settledEntriesOf(this.#store, this.allowStale, false)) {
      fn.call(self, value, key, this);
    }
  }

  /**
   * @param {(value: V, key: K, self: this) => unknown} fn
   * @param {unknown} [self]
   */
  rforEach(fn, self = this) {
    for (const [key, value] of settledEntriesOf(this.#store, this.allowStale, true)) {
      fn.call(self, value, key, this);
    }
  }

  /** @returns {Generator<K, void>} */
  keys() {
    return keysOf(this.#store, this.allowStale, false);
  }

  /** @returns {Generator<K, void>} */
  rkeys() {
    return keysOf(this.#store, this.allowStale, true);
  }

  /** @returns {Generator<V, void>} */
  values() {
    return valuesOf(this.#store, this.allowStale, false);
  }

  /** @returns {Generator<V, void>} */
  rvalues() {
    return valuesOf(this.#store, this.allowStale, true);
  }

  /** @returns {Generator<[K, V], void>} */
  entries() {
    return entriesOf(this.#store, this.allowStale, false);
  }

  /** @returns {Generator<[K, V], void>} */
  rentries() {
    return entriesOf(this.#store, this.allowStale, true);
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  purgeStale() {
    return this.#store.purge();
  }

  /** @param {K} key */
  getRemainingTTL(key) {
    const slot = this.#store.find(key);
    return slot === 0 ? 0 : (this.#store.ages?.left(slot) ?? Infinity);
  }

  /**
   * @param {K} key
   * @returns {import('../../lru-cache').LRUCache.Entry<V> | undefined}
   */
  info(key) {
    return infoOf(this.#store, this.#perf, key);
  }

  /** @returns {[K, import('../../lru-cache').LRUCache.Entry<V>][]} */
  dump() {
    return dumpOf(this.#store, this.#perf);
  }

  /** @param {Iterable<[K, import('../../lru-cache').LRUCache.Entry<V>]>} entries */
  load(entries) {
    // Before anything is lost.
    const list = [...entries];
    this.clear();
    for (const [key, entry] of list) {
      this.#setWith(key, entry.value, restored(entry, this.#perf), undefined);
    }
  }

  /**
   * @param {K} key
   * @param {any} [options]
   * @returns {Promise<V | undefined>}
   */
  fetch(key, options) {
    return this.#traced(key, options, (status) => this.#fetch(key, options ?? NONE, status));
  }

  /**
   * @param {K} key
   * @param {any} [options]
   * @returns {Promise<V>}
   */
  forceFetch(key, options) {
    return this.#traced(key, options, async (status) => {
      const value = await this.#fetch(key, options ?? NONE, status);
      if (value === undefined) {
        throw error('ERR_HEAPWISE_LRU_CACHE_NO_VALUE', 'fetch() returned undefined');
      }
      return value;
    });
  }

  /**
   * @template T
   * @param {K} key
   * @param {any} options
   * @param {(status: any) => Promise<T>} run
   */
  #traced(key, options, run) {
    const isTraced = traced();
    const status = isTraced ? (options?.status ?? {}) : this.#statusOf(options, 'fetch', key);
    if (status !== undefined && options?.context) {
      status.context = options.context;
    }
    const promise = run(status);
    if (isTraced) {
      trace(promise, status);
    }
    return promise;
  }

  /**
   * @param {K} key
   * @param {any} options
   * @param {any} status
   * @returns {Promise<V | undefined>}
   */
  async #fetch(key, options, status) {
    if (status !== undefined) {
      status.op = 'fetch';
      status.key = key;
      status.cache = this;
      if (options.forceRefresh) {
        status.forceRefresh = true;
      }
    }
    if (this.#fetches !== undefined) {
      return this.#fetches.get(key, options, status);
    }
    if (status !== undefined) {
      status.fetch = 'get';
    }
    return this.#getWith(key, options, status);
  }

  /**
   * @param {K} key
   * @param {any} [given]
   * @returns {V}
   */
  memo(key, given) {
    const memoMethod = this.#memoMethod;
    const status = this.#statusOf(given, 'memo', key);
    if (memoMethod === undefined) {
      throw error('ERR_HEAPWISE_LRU_CACHE_NO_MEMO');
    }
    const { context, forceRefresh, status: _, ...options } = given ?? NONE;
    const kept = this.#getWith(key, options, undefined);
    const refresh = forceRefresh || kept === undefined;
    if (status !== undefined) {
      if (context) {
        status.context = context;
      }
      if (forceRefresh) {
        status.forceRefresh = true;
      }
      status.memo = refresh ? 'miss' : 'hit';
    }
    const value = refresh ? memoMethod(key, kept, { options, context }) : kept;
    if (status !== undefined) {
      status.value = value;
    }
    if (refresh) {
      this.#setWith(key, value, options, undefined);
    }
    publish(status);
    return value;
  }

  /**
   * The status object of a call: the one that it was given, or one for those who listen to the channel.
   *
   * @param {any} options
   * @param {string} op
   * @param {K} key
   */
  #statusOf(options, op, key) {
    const status = options?.status ?? (metrics.hasSubscribers ? {} : undefined);
    if (status !== undefined) {
      status.op = op;
      status.key = key;
      status.cache = this;
    }
    return status;
  }
}

module.exports = { LRUCache };
