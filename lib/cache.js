'use strict';

const { error } = require('./errors.js');
const validate = require('./validate.js');

const OPTIONS = ['max', 'maxSize', 'sizeOf', 'ttl', 'policy', 'onEvict', 'now'];
const SET_OPTIONS = ['ttl', 'size'];

/** Slots of the counters. A typed array, because a field that passes 2^30 would be boxed anew on every increment. */
const HITS = 0;
const MISSES = 1;
const SETS = 2;
const EVICTIONS = 3;
const EXPIRATIONS = 4;
const LOADS = 5;
const LOAD_ERRORS = 6;
const COUNTERS = 7;

/** Slot 0 of the columns is no entry but the ends of the list: its next is the newest, its previous the oldest. */
const ENDS = 0;
const FIRST_CAPACITY = 16;
/** Slots looked at by each set for entries whose time is over. Two, so that looking keeps ahead of filling. */
const SWEEP = 2;
/** Largest number of entries: V8's Map cannot hold 2^24. */
const MAX_ENTRIES = 2 ** 24 - 1;

/**
 * The public Cache class. See `index.d.ts` for its contract.
 *
 * One Map from key to slot, and columns: keys and values in arrays, the list's links in typed arrays that grow by
 * doubling. No object per entry, nothing allocated by a get; the columns for times and sizes exist only once a time
 * or a size bound is used.
 *
 * @param {() => number} clock milliseconds; used unless a cache's options bring their own
 */
function createCacheClass(clock) {
  /** @template K, V */
  return class Cache {
    /** @type {Map<K, number>} */
    #index = new Map();
    /** @type {any[]} */
    #keys = [undefined];
    /** @type {any[]} */
    #values = [undefined];
    #next = new Uint32Array(FIRST_CAPACITY);
    #previous = new Uint32Array(FIRST_CAPACITY);
    /** When an entry ends, on the clock of `#now`; 0 never. @type {Float64Array | null} */
    #ends = null;
    /** @type {Float64Array | null} */
    #sizes = null;
    #used = 1;
    /** Head of the list of free slots, linked by `#next`; 0 when there is none. */
    #free = 0;
    #sweepAt = 0;
    #totalSize = 0;
    #counters = new Float64Array(COUNTERS);
    /** Loads under way. A set or delete of the key takes its entry out, and the load's result is then not stored. */
    /** @type {Map<K, Loading<V>>} */
    #loading = new Map();
    /** What onEvict has yet to be told. @type {[K, V, import('..').EvictReason][]} */
    #removed = [];
    /** How much of it onEvict has been told: taking entries off the front would move all the others each time. */
    #toldOf = 0;
    #max;
    #maxSize;
    /** @type {(value: V, key: K) => number} */
    #sizeOf;
    #ttl;
    /** @type {((key: K, value: V, reason: import('..').EvictReason) => void) | undefined} */
    #onEvict;
    /** @type {() => number} */
    #now;
    #closed = false;

    /**
     * @param {import('..').CacheOptions<K, V>} options
     */
    constructor(options) {
      const given = validate.options(options, 'Cache', OPTIONS);
      if (given.max === undefined && given.maxSize === undefined) {
        throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'max', 'given, unless "maxSize" is', undefined);
      }
      this.#max = validate.number(given.max, 'max', {
        default: MAX_ENTRIES,
        min: 1,
        max: MAX_ENTRIES,
        integer: true,
      });
      this.#maxSize = validate.number(given.maxSize, 'maxSize', {
        default: Infinity,
        above: 0,
        infinite: true,
      });
      this.#sizeOf = validate.fn(given.sizeOf, 'sizeOf', { optional: true }) ?? sizeOf;
      this.#ttl = validate.number(given.ttl, 'ttl', { default: 0, min: 0, infinite: true });
      validate.oneOf(given.policy, 'policy', ['lru']);
      this.#onEvict = validate.fn(given.onEvict, 'onEvict', { optional: true });
      this.#now = validate.fn(given.now, 'now', { optional: true }) ?? clock;
      if (this.#maxSize !== Infinity) {
        this.#sizes = new Float64Array(FIRST_CAPACITY);
      }
      if (this.#ttl === Infinity) {
        this.#ttl = 0;
      }
    }

    /** @returns {number} */
    get size() {
      return this.#index.size;
    }

    /**
     * @param {K} key
     * @returns {V | undefined}
     */
    get(key) {
      const slot = this.#index.get(key);
      if (slot === undefined) {
        return this.#miss();
      }
      const ends = this.#ends;
      if (ends !== null && ends[slot] !== 0 && ends[slot] <= this.#now()) {
        this.#expire(slot);
        this.#notify();
        return this.#miss();
      }
      return this.#hit(slot);
    }

    /**
     * @param {K} key
     * @returns {V | undefined}
     */
    peek(key) {
      const slot = this.#live(key);
      // Read before onEvict is told of an expired entry: it may change the cache.
      const value = slot === 0 ? undefined : this.#values[slot];
      this.#notify();
      return value;
    }

    /** @param {K} key */
    has(key) {
      const live = this.#live(key) !== 0;
      this.#notify();
      return live;
    }

    /**
     * @param {K} key
     * @param {V} value
     * @param {import('..').CacheSetOptions} [options]
     * @returns {boolean}
     */
    set(key, value, options) {
      this.#assertOpen();
      let ttl = this.#ttl;
      let size;
      if (options !== undefined) {
        const given = validate.options(options, 'Cache.set', SET_OPTIONS);
        ttl = validate.number(given.ttl, 'ttl', { default: ttl, min: 0, infinite: true });
        size = checkedSize(given.size);
      }
      const stored = this.#store(key, value, ttl, size);
      // After it, because a set that is refused is not newer than what is being loaded.
      if (this.#loading.size !== 0) {
        this.#loading.delete(key);
      }
      this.#notify();
      return stored;
    }

    /** @param {K} key */
    delete(key) {
      this.#assertOpen();
      this.#loading.delete(key);
      const slot = this.#index.get(key);
      if (slot === undefined) {
        return false;
      }
      const expired = this.#expired(slot);
      if (expired) {
        this.#expire(slot);
      } else {
        this.#remove(slot, 'delete');
      }
      this.#notify();
      return !expired;
    }

    clear() {
      this.#assertOpen();
      this.#empty();
      this.#notify();
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
      for (const key of this.#order()) {
        const slot = this.#live(key);
        const value = this.#values[slot];
        this.#notify();
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
     * @param {(key: K) => V | Promise<V>} load
     * @param {import('..').CacheSetOptions} [options]
     * @returns {Promise<V>}
     */
    getOrLoad(key, load, options) {
      validate.fn(load, 'load');
      this.#assertOpen();
      const given = validate.options(options, 'Cache.getOrLoad', SET_OPTIONS);
      const ttl = validate.number(given.ttl, 'ttl', { default: this.#ttl, min: 0, infinite: true });
      const size = checkedSize(given.size);
      let slot = this.#live(key);
      if (this.#removed.length !== 0) {
        // onEvict may set the key, or close the cache.
        this.#notify();
        slot = this.#live(key);
      }
      if (slot !== 0) {
        return Promise.resolve(this.#hit(slot));
      }
      const underWay = this.#loading.get(key);
      this.#counters[MISSES]++;
      // No promise yet means that the loader itself asks for its own key, synchronously: that would never end.
      if (underWay?.promise !== undefined) {
        return underWay.promise;
      }
      this.#counters[LOADS]++;
      /** @type {Loading<V>} */
      const loading = { promise: undefined };
      this.#loading.set(key, loading);
      loading.promise = this.#load(key, load, ttl, size, loading);
      return loading.promise;
    }

    /** @returns {import('..').CacheStats} */
    stats() {
      const [hits, misses, sets, evictions, expirations, loads, loadErrors] = this.#counters;
      const gets = hits + misses;
      return {
        entries: this.#index.size,
        max: this.#max,
        totalSize: this.#totalSize,
        maxSize: this.#maxSize,
        hits,
        misses,
        hitRate: gets === 0 ? 0 : hits / gets,
        sets,
        evictions,
        expirations,
        loads,
        loadErrors,
      };
    }

    /** @returns {import('..').CacheDump<K, V>} */
    dump() {
      this.#assertOpen();
      const now = this.#ends === null ? 0 : this.#now();
      /** @type {import('..').CacheDump<K, V>} */
      const dump = [];
      for (const key of this.#order().toReversed()) {
        const slot = this.#live(key);
        if (slot !== 0) {
          const end = this.#ends === null ? 0 : this.#ends[slot];
          dump.push([
            key,
            this.#values[slot],
            { ttl: end === 0 ? 0 : end - now, size: this.#sizes?.[slot] ?? null },
          ]);
        }
      }
      this.#notify();
      return dump;
    }

    /** @param {import('..').CacheDump<K, V>} dump */
    load(dump) {
      this.#assertOpen();
      if (!Array.isArray(dump) || !Array.from(dump).every(isDumpEntry)) {
        throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'dump', 'what dump() returned', dump);
      }
      for (const [key, value, { ttl, size }] of dump) {
        this.#store(key, value, ttl, size ?? undefined);
      }
      this.#notify();
    }

    close() {
      if (!this.#closed) {
        this.#empty();
        this.#closed = true;
      }
      // Also the second time: a callback that threw has left some untold.
      this.#notify();
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
     * @param {number} slot
     * @returns {V}
     */
    #hit(slot) {
      this.#counters[HITS]++;
      if (this.#previous[slot] !== ENDS) {
        this.#unlink(slot);
        this.#linkNewest(slot);
      }
      return this.#values[slot];
    }

    /** Outlined: a hit stays small enough to be inlined. A closed cache is empty, so each of its gets comes here. */
    #miss() {
      this.#assertOpen();
      this.#counters[MISSES]++;
      return undefined;
    }

    /**
     * The slot of a key whose time is not over; 0 if there is none.
     *
     * @param {K} key
     */
    #live(key) {
      const slot = this.#index.get(key);
      if (slot === undefined) {
        this.#assertOpen();
        return 0;
      }
      if (this.#expired(slot)) {
        this.#expire(slot);
        return 0;
      }
      return slot;
    }

    /** @param {number} slot */
    #expired(slot) {
      return this.#ends !== null && this.#ends[slot] !== 0 && this.#ends[slot] <= this.#now();
    }

    /** @param {number} slot */
    #expire(slot) {
      this.#counters[EXPIRATIONS]++;
      this.#remove(slot, 'expire');
    }

    /** Keys from newest to oldest. */
    #order() {
      const keys = [];
      for (let slot = this.#next[ENDS]; slot !== ENDS; slot = this.#next[slot]) {
        keys.push(this.#keys[slot]);
      }
      return keys;
    }

    /**
     * @param {K} key
     * @param {(key: K) => V | Promise<V>} load
     * @param {number} ttl
     * @param {number | undefined} size
     * @param {Loading<V>} own this load's entry among those under way
     */
    async #load(key, load, ttl, size, own) {
      let value;
      try {
        value = await load(key);
        // Not if the key was set or deleted meanwhile, or the cache cleared: that is newer than what was loaded.
        if (this.#endLoad(key, own)) {
          this.#store(key, value, ttl, size);
        }
      } catch (thrown) {
        this.#counters[LOAD_ERRORS]++;
        this.#endLoad(key, own);
        throw thrown;
      }
      this.#notify();
      return value;
    }

    /**
     * Takes a load off those under way; false if something else has taken its place.
     *
     * @param {K} key
     * @param {Loading<V>} own
     */
    #endLoad(key, own) {
      return this.#loading.get(key) === own && this.#loading.delete(key);
    }

    /**
     * @param {K} key
     * @param {V} value
     * @param {number} ttl
     * @param {number | undefined} givenSize
     */
    #store(key, value, ttl, givenSize) {
      // Before anything changes: a size that is refused leaves the old value in place.
      const size = this.#sizes === null ? 0 : (givenSize ?? measured(this.#sizeOf(value, key)));
      this.#counters[SETS]++;
      if (this.#ends !== null) {
        this.#sweep();
      }
      let slot = this.#index.get(key);
      if (size > this.#maxSize) {
        // It can never fit; but what it was to replace is out of date.
        if (slot !== undefined) {
          this.#counters[EVICTIONS]++;
          this.#remove(slot, 'evict');
        }
        return false;
      }
      if (slot === undefined) {
        if (this.#index.size >= this.#max) {
          this.#evictOldest();
        }
        slot = this.#takeSlot();
        this.#index.set(key, slot);
        this.#keys[slot] = key;
      } else {
        this.#unlink(slot);
        this.#totalSize -= this.#sizes === null ? 0 : this.#sizes[slot];
        if (this.#onEvict !== undefined && this.#values[slot] !== value) {
          this.#removed.push([key, this.#values[slot], 'set']);
        }
      }
      this.#linkNewest(slot);
      this.#values[slot] = value;
      this.#settle(slot, ttl, size);
      return true;
    }

    /**
     * Writes time and size of a slot that is linked, and makes room for its size.
     *
     * @param {number} slot
     * @param {number} ttl
     * @param {number} size
     */
    #settle(slot, ttl, size) {
      if (ttl > 0 && ttl !== Infinity) {
        this.#ends ??= new Float64Array(this.#next.length);
        this.#ends[slot] = this.#now() + ttl;
      } else if (this.#ends !== null) {
        this.#ends[slot] = 0;
      }
      if (this.#sizes !== null) {
        this.#sizes[slot] = size;
        this.#totalSize += size;
        // The slot itself fits; with fractions the sum may say otherwise by its last digit.
        while (this.#totalSize > this.#maxSize && this.#previous[ENDS] !== slot) {
          this.#evictOldest();
        }
      }
    }

    #evictOldest() {
      const slot = this.#previous[ENDS];
      const expired = this.#expired(slot);
      this.#counters[expired ? EXPIRATIONS : EVICTIONS]++;
      this.#remove(slot, expired ? 'expire' : 'evict');
    }

    /** Looks at the next few slots for entries whose time is over: memory comes back without a get of each key. */
    #sweep() {
      for (let i = 0; i < SWEEP; i++) {
        this.#sweepAt = this.#sweepAt + 1 < this.#used ? this.#sweepAt + 1 : 1;
        if (this.#sweepAt < this.#used && this.#expired(this.#sweepAt)) {
          this.#expire(this.#sweepAt);
        }
      }
    }

    #takeSlot() {
      const slot = this.#free;
      if (slot !== 0) {
        this.#free = this.#next[slot];
        return slot;
      }
      if (this.#used === this.#next.length) {
        this.#grow();
      }
      return this.#used++;
    }

    #grow() {
      const capacity = Math.min(this.#next.length * 2, this.#max + 1);
      this.#next = grown(this.#next, new Uint32Array(capacity));
      this.#previous = grown(this.#previous, new Uint32Array(capacity));
      this.#ends = this.#ends && grown(this.#ends, new Float64Array(capacity));
      this.#sizes = this.#sizes && grown(this.#sizes, new Float64Array(capacity));
    }

    /** @param {number} slot */
    #unlink(slot) {
      const next = this.#next[slot];
      const previous = this.#previous[slot];
      this.#next[previous] = next;
      this.#previous[next] = previous;
    }

    /** @param {number} slot */
    #linkNewest(slot) {
      const newest = this.#next[ENDS];
      this.#next[slot] = newest;
      this.#previous[slot] = ENDS;
      this.#previous[newest] = slot;
      this.#next[ENDS] = slot;
    }

    /**
     * @param {number} slot
     * @param {import('..').EvictReason} reason
     */
    #remove(slot, reason) {
      const key = this.#keys[slot];
      const value = this.#values[slot];
      this.#index.delete(key);
      this.#unlink(slot);
      this.#keys[slot] = undefined;
      this.#values[slot] = undefined;
      if (this.#ends !== null) {
        this.#ends[slot] = 0;
      }
      if (this.#sizes !== null) {
        // Empty is 0, whatever the rounding of fractions has added up to.
        this.#totalSize = this.#index.size === 0 ? 0 : this.#totalSize - this.#sizes[slot];
      }
      this.#next[slot] = this.#free;
      this.#free = slot;
      if (this.#onEvict !== undefined) {
        this.#removed.push([key, value, reason]);
      }
    }

    /**
     * Calls onEvict for what was removed. Last in each operation, when the cache is whole again, because the callback
     * may use it; and one entry at a time, so that a callback that throws does not lose the ones after it.
     */
    #notify() {
      while (this.#toldOf < this.#removed.length) {
        const [key, value, reason] = this.#removed[this.#toldOf++];
        // Before the call: one that throws must not leave the list growing for ever.
        if (this.#toldOf === this.#removed.length) {
          this.#removed = [];
          this.#toldOf = 0;
        }
        this.#onEvict?.(key, value, reason);
      }
    }

    #empty() {
      if (this.#onEvict !== undefined) {
        for (let slot = this.#next[ENDS]; slot !== ENDS; slot = this.#next[slot]) {
          this.#removed.push([this.#keys[slot], this.#values[slot], 'clear']);
        }
      }
      this.#index = new Map();
      this.#keys = [undefined];
      this.#values = [undefined];
      this.#next = new Uint32Array(FIRST_CAPACITY);
      this.#previous = new Uint32Array(FIRST_CAPACITY);
      this.#ends = null;
      this.#sizes = this.#sizes && new Float64Array(FIRST_CAPACITY);
      this.#used = 1;
      this.#free = 0;
      this.#sweepAt = 0;
      this.#totalSize = 0;
      this.#loading.clear();
    }
  };
}

/**
 * A load under way.
 *
 * @template V
 * @typedef {{ promise: Promise<V> | undefined }} Loading
 */

/**
 * A size as a caller gives it, if he does.
 *
 * @param {unknown} given
 * @returns {number | undefined}
 */
function checkedSize(given) {
  return given === undefined ? undefined : measured(given);
}

/**
 * @param {unknown} size
 * @returns {number}
 */
function measured(size) {
  if (typeof size !== 'number' || !(size >= 0) || size === Infinity) {
    throw error('ERR_HEAPWISE_CACHE_SIZE', size);
  }
  return size;
}

/**
 * The default size: bytes of what has bytes.
 *
 * @param {unknown} value
 * @returns {number}
 */
function sizeOf(value) {
  if (typeof value === 'string') {
    return value.length * 2;
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return value.byteLength;
  }
  // Refused with an error that says what to do.
  return NaN;
}

/**
 * @template {Uint32Array | Float64Array} A
 * @param {A} from
 * @param {A} to
 * @returns {A}
 */
function grown(from, to) {
  to.set(from);
  return to;
}

/** @param {unknown} entry */
function isDumpEntry(entry) {
  return (
    Array.isArray(entry) &&
    entry.length === 3 &&
    entry[2] !== null &&
    typeof entry[2] === 'object' &&
    isAmount(entry[2].ttl) &&
    (entry[2].size === null || (isAmount(entry[2].size) && entry[2].size !== Infinity))
  );
}

/** @param {unknown} value */
function isAmount(value) {
  return typeof value === 'number' && value >= 0;
}

module.exports = { createCacheClass };
