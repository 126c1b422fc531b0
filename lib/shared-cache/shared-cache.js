'use strict';

const { isSharedArrayBuffer } = require('node:util/types');
const { error, fromNative } = require('../errors.js');
const validate = require('../validate.js');
const { loadOptions, tagList } = require('../cache/options.js');
const {
  BAD_KEY,
  BAD_TAGS,
  CLOSED_MEANWHILE,
  DAMAGED,
  NO_MEMORY,
  TOO_LARGE,
  TOO_SMALL,
} = require('./answers.js');
const { decoded, encoded } = require('./codec.js');
const { extraBytesOf, mayBeMissing, outcomeOf, pathOf, restoreInfo, saveInfo } = require('./files.js');
const { BUFFER, ENCODED, KINDS, NOTHING, kindOf, typedArrayOf } = require('./kinds.js');
const { SharedLoader } = require('./loader.js');
const { settingsOf } = require('./options.js');
const scan = require('./scan.js');

const SET_OPTIONS = /** @type {const} */ (['ttl', 'tags']);
const LOAD_OPTIONS = /** @type {const} */ ([
  ...SET_OPTIONS,
  'negativeTtl',
  'errorTtl',
  'staleWhileRevalidate',
  'staleIfError',
  'timeout',
  'signal',
]);
const NO_TERMS = /** @type {Terms} */ ({ ttl: undefined, tags: undefined });
/** Of all tags of an entry, in bytes. */
const LONGEST_TAGS = 16_384;
const MOST_TAGS = 255;
const LONGEST_KEY = 65_535;
/** `getLater` answers with less than this for a value that `takeLater` is for. */
const LATER = -64;

/** Values that are no strings come through here, up to this size. Bytes. */
const WINDOW = 64 << 10;

/**
 * The functions of an open cache.
 *
 * @typedef {{
 *   get(key: Key): any,
 *   peek(key: Key): any,
 *   getBytes(key: Key): number | undefined,
 *   getInto(key: Key, target: Uint8Array): number | undefined,
 *   getLater(key: Key): any,
 *   take(target: Uint8Array): number | undefined,
 *   takeLater(target?: Uint8Array): Promise<string | number | undefined> | number,
 *   takeString(number: number): string,
 *   has(key: Key): boolean | number,
 *   set(key: Key, value: string, ttl?: number, tags?: string[]): number | undefined,
 *   setEncoded(key: Key, value: string, ttl?: number, tags?: string[]): number | undefined,
 *   setBytes(key: Key, value: ArrayBufferView, kind: number, ttl?: number, tags?: string[]): number | undefined,
 *   setLater(
 *     key: Key,
 *     value: string | ArrayBufferView,
 *     kind: number,
 *     ttl?: number,
 *     tags?: string[],
 *   ): Promise<number | undefined> | number | undefined,
 *   remove(key: Key): boolean | number,
 *   invalidateTag(tag: string): boolean | number,
 *   listen(wake: () => void): boolean,
 *   ended(): (number | string)[],
 *   join(key: Key, tags: readonly string[] | undefined, intent: number): number | [number, string],
 *   finish(key: Key, id: number, value: any, kind: number, ttl: number, keep: number): number | undefined,
 *   fail(key: Key, id: number, reason: string, ttl: number): boolean,
 *   drop(key: Key, id: number): void,
 *   abandon(key: Key, id: number): boolean,
 *   leave(key: Key, id: number): void,
 *   getStale(key: Key, limit: number, counts: boolean): any,
 *   wasStale(): boolean,
 *   size(): number,
 *   scan(prefix: Key, cursor: number, count: number, buffers: boolean): (Key | number | undefined)[] | number,
 *   removePrefix(prefix: Key, cursor: number, count: number): [number, number | undefined] | number,
 *   clear(): number | undefined,
 *   stats(): number[],
 *   save(path: string, mostKept: number, callback: (outcome: Outcome) => void): number | undefined,
 *   close(): void,
 * }} Native
 * @typedef {string | Uint8Array} Key
 * @typedef {{ ttl: number | undefined, tags: string[] | undefined }} Terms
 * @typedef {import('../binding.js').SharedCacheOutcome} Outcome
 */

/**
 * What a cache is made of.
 *
 * @typedef {ReturnType<typeof settingsOf> & { native: Native, restored?: import('../..').SharedCacheRestoreInfo }} Parts
 */

/** Hides the parts of a cache that was loaded in place of options. */
class Made {
  /** @param {Parts} parts */
  constructor(parts) {
    this.parts = parts;
  }
}

/** @param {{ binding: typeof import('../binding.js'), timers: import('../timers.js').Timers }} parts */
function createSharedCacheClass({ binding, timers }) {
  /** One for all caches of this thread: what is in it is copied before anything else is called. */
  let window = /** @type {Buffer | undefined} */ (undefined);

  function windowOfThread() {
    window ??= Buffer.alloc(WINDOW);
    return window;
  }

  /**
   * @param {import('../..').SharedCacheOptions} options
   * @returns {Parts}
   */
  function make(options) {
    const { codec, settings } = settingsOf(options, binding.sharedCacheBytes());
    const native = raising(() => binding.openSharedCache(settings, windowOfThread()));
    return { codec, settings, native: /** @type {any} */ (native) };
  }

  class SharedCache {
    /** @type {Native} */
    #native;
    // Read from the object each time they would cost more.
    #get;
    #getInto;
    #has;
    #set;
    #codec;
    #settings;
    #restored;
    /** Once something is loaded. @type {SharedLoader | undefined} */
    #loader = undefined;
    /** @type {import('../cache/loader.js').LoadOptions | undefined} */
    #loadDefaults = undefined;
    /** Bytes from which a value is taken, not copied from the window. Rust uses the same number. */
    #takenFrom = WINDOW + 1;
    #isClosed = false;

    /** @param {import('../..').SharedCacheOptions} options */
    constructor(options) {
      const { codec, settings, native, restored } = options instanceof Made ? options.parts : make(options);
      this.#native = native;
      this.#codec = codec;
      this.#settings = settings;
      this.#restored = restored;
      if (settings.compression !== undefined) {
        this.#takenFrom = Math.min(Math.max(1, settings.compression.threshold), WINDOW + 1);
      }
      ({ get: this.#get, getInto: this.#getInto, has: this.#has, set: this.#set } = this.#native);
    }

    /**
     * @param {string | URL} path
     * @param {import('../..').SharedCacheOpenOptions} options
     */
    static async open(path, options) {
      const file = pathOf(path);
      const { codec, settings } = settingsOf(options, binding.sharedCacheBytes(), ['ifMissing']);
      const isOptional = mayBeMissing(options.ifMissing);
      const outcome = await outcomeOf(file, (done) =>
        raising(() => binding.loadSharedCache(file, isOptional, settings, done)),
      );
      const native = raising(() =>
        binding.adoptSharedCache(settings.name, /** @type {object} */ (outcome.cache), windowOfThread()),
      );
      const parts = { codec, settings, native: /** @type {any} */ (native), restored: restoreInfo(outcome) };
      return new this(/** @type {any} */ (new Made(parts)));
    }

    /** @returns {string | undefined} */
    get name() {
      return this.#settings.name;
    }

    /** @returns {number} */
    get size() {
      return this.#native.size();
    }

    /** @returns {import('../..').SharedCacheRestoreInfo | undefined} */
    get restored() {
      return this.#restored;
    }

    /** @param {Key} key */
    get(key) {
      if (typeof key !== 'string') {
        checkKey(key);
      }
      const get = this.#get;
      const found = get(key);
      return typeof found === 'number' ? this.#read(found, key) : found;
    }

    /** @param {Key} key */
    peek(key) {
      if (typeof key !== 'string') {
        checkKey(key);
      }
      const found = this.#native.peek(key);
      return typeof found === 'number' ? this.#read(found, key) : found;
    }

    /**
     * @param {Key} key
     * @returns {Buffer | undefined}
     */
    getBuffer(key) {
      if (typeof key !== 'string') {
        checkKey(key);
      }
      const found = this.#native.getBytes(key);
      if (found === undefined) {
        return undefined;
      }
      if (found < 0) {
        throw this.#refused(found, key);
      }
      const { kind, length } = parsed(found);
      if (kind === NOTHING) {
        return undefined;
      }
      const buffer = Buffer.allocUnsafe(length);
      this.#copy(buffer, key);
      return buffer;
    }

    /**
     * @param {Key} key
     * @param {Uint8Array} target
     * @returns {number | undefined}
     */
    getInto(key, target) {
      if (typeof key !== 'string') {
        checkKey(key);
      }
      if (!(target instanceof Uint8Array)) {
        throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'target', 'a Buffer or a Uint8Array', target);
      }
      if (this.#settings.compression !== undefined && isSharedArrayBuffer(target.buffer)) {
        return this.#getIntoShared(key, target);
      }
      const getInto = this.#getInto;
      const length = getInto(key, target);
      if (length !== undefined && length < 0) {
        throw this.#refused(length, key);
      }
      return length;
    }

    /** @param {Key} key */
    has(key) {
      if (typeof key !== 'string') {
        checkKey(key);
      }
      const has = this.#has;
      const found = has(key);
      if (typeof found === 'number') {
        throw this.#refused(found, key);
      }
      return found;
    }

    /**
     * @param {Key} key
     * @param {unknown} value
     * @param {import('../..').SharedCacheSetOptions} [options]
     */
    set(key, value, options) {
      if (typeof key !== 'string') {
        checkKey(key);
      }
      const set = this.#set;
      let refusal;
      if (options === undefined) {
        refusal = typeof value === 'string' ? set(key, value) : this.#setOther(key, value, NO_TERMS);
      } else {
        const terms = termsOf(options, 'SharedCache.set');
        refusal =
          typeof value === 'string'
            ? set(key, value, terms.ttl, terms.tags)
            : this.#setOther(key, value, terms);
      }
      if (refusal !== undefined) {
        throw this.#refused(refusal, key);
      }
    }

    /**
     * @param {Key} key
     * @param {(key: any, context: { signal: AbortSignal }) => any} load
     * @param {import('../..').SharedCacheLoadOptions} [options]
     * @returns {Promise<any>}
     */
    getOrLoad(key, load, options) {
      validate.fn(load, 'load');
      if (typeof key !== 'string') {
        checkKey(key);
      }
      const given =
        options === undefined ? (this.#loadDefaults ??= this.#loadOptions({})) : this.#loadOptions(options);
      this.#loader ??= new SharedLoader(
        {
          native: () => this.#native,
          read: (found, of) => (typeof found === 'number' ? this.#read(found, of) : found),
          store: (of, id, value, ttl, keep) => this.#finish(of, id, value, ttl, keep),
          refused: (answer, of) => this.#refused(answer, of),
        },
        timers,
      );
      return this.#loader.get(key, load, given);
    }

    /** @param {Key} key */
    async getAsync(key) {
      if (typeof key !== 'string') {
        checkKey(key);
      }
      const native = this.#native;
      const found = native.getLater(key);
      if (typeof found !== 'number') {
        return found;
      }
      if (found >= LATER) {
        return this.#read(found, key);
      }
      const { kind, length } = parsed(LATER - found);
      const target = isText(kind) ? undefined : targetOf(kind, length);
      const taken = await native.takeLater(target);
      if (typeof taken === 'number') {
        throw this.#refused(taken, key);
      }
      return this.#valueOf(kind, target ?? taken);
    }

    /**
     * @param {Key} key
     * @param {unknown} value
     * @param {import('../..').SharedCacheSetOptions} [options]
     */
    async setAsync(key, value, options) {
      if (typeof key !== 'string') {
        checkKey(key);
      }
      const { ttl, tags } = options === undefined ? NO_TERMS : termsOf(options, 'SharedCache.setAsync');
      const { stored, kind } = this.#stored(value);
      const refusal = await this.#native.setLater(key, stored, kind, ttl, tags);
      if (refusal !== undefined) {
        throw this.#refused(refusal, key);
      }
    }

    /** @param {Key} key */
    delete(key) {
      if (typeof key !== 'string') {
        checkKey(key);
      }
      const removed = this.#native.remove(key);
      if (typeof removed === 'number') {
        throw this.#refused(removed, key);
      }
      return removed;
    }

    /** @param {unknown} prefix */
    deletePrefix(prefix) {
      const checked = scan.wholePrefix(prefix);
      this.#assertOpen();
      return scan.removePrefix(() => this.#native, checked);
    }

    /** @param {import('../..').SharedCacheKeysOptions} [options] */
    keys(options) {
      const checked = scan.keysOptions(options, 'SharedCache.keys');
      this.#assertOpen();
      return scan.keysOf(() => this.#native, checked);
    }

    /** @param {import('../..').SharedCacheKeysOptions} [options] */
    values(options) {
      const checked = scan.keysOptions(options, 'SharedCache.values');
      this.#assertOpen();
      return this.#pairs(checked, (_key, value) => value);
    }

    /** @param {import('../..').SharedCacheKeysOptions} [options] */
    entries(options) {
      const checked = scan.keysOptions(options, 'SharedCache.entries');
      this.#assertOpen();
      return this.#pairs(checked, (key, value) => [key, value]);
    }

    [Symbol.iterator]() {
      return this.entries();
    }

    /**
     * @param {number} [cursor]
     * @param {import('../..').SharedCacheScanOptions} [options]
     */
    scan(cursor, options) {
      const from = validate.number(cursor, 'cursor', { default: 0, min: 0, integer: true });
      return scan.step(this.#native, from, scan.scanOptions(options));
    }

    /**
     * @param {string} tag
     * @returns {boolean}
     */
    invalidateTag(tag) {
      // One that is too long for any entry has none.
      return this.#native.invalidateTag(validate.string(tag, 'tag')) === true;
    }

    clear() {
      const refusal = this.#native.clear();
      if (refusal !== undefined) {
        throw this.#refused(refusal);
      }
    }

    /** @returns {import('../..').SharedCacheStats} */
    stats() {
      const [
        entries,
        bytes,
        keyBytes,
        valueBytes,
        tableBytes,
        usedBytes,
        heldBytes,
        hits,
        misses,
        sets,
        deletes,
        evictions,
        expirations,
        invalidations,
        loads,
        loadErrors,
        staleHits,
        compressedEntries,
        compressedBytes,
        bytesBeforeCompression,
      ] = this.#native.stats();
      const gets = hits + misses;
      return {
        entries,
        max: this.#settings.max || Infinity,
        bytes,
        maxBytes: this.#settings.maxBytes,
        keyBytes,
        valueBytes,
        overheadBytes: usedBytes - keyBytes - valueBytes + tableBytes,
        freeBytes: heldBytes - usedBytes,
        compressedEntries,
        compressedBytes,
        bytesBeforeCompression,
        compressionRatio: compressedBytes === 0 ? 1 : bytesBeforeCompression / compressedBytes,
        hits,
        misses,
        hitRate: gets === 0 ? 0 : hits / gets,
        sets,
        deletes,
        evictions,
        expirations,
        invalidations,
        loads,
        loadErrors,
        staleHits,
      };
    }

    /**
     * @param {string | URL} path
     * @param {import('../..').SharedCacheSaveOptions} [options]
     */
    async save(path, options) {
      const file = pathOf(path);
      const most = extraBytesOf(options, this.#settings.maxBytes);
      return saveInfo(
        await outcomeOf(file, (done) => {
          if (this.#native.save(file, most, done) !== undefined) {
            throw error('ERR_HEAPWISE_UNSUPPORTED', 'The system gave no thread for the save');
          }
        }),
      );
    }

    close() {
      if (this.#isClosed) {
        return;
      }
      this.#isClosed = true;
      this.#loader?.close();
      this.#native.close();
      this.#native = CLOSED;
      ({ get: this.#get, getInto: this.#getInto, has: this.#has, set: this.#set } = CLOSED);
    }

    [Symbol.dispose]() {
      this.close();
    }

    #assertOpen() {
      if (this.#isClosed) {
        throw error('ERR_HEAPWISE_CACHE_CLOSED');
      }
    }

    /**
     * @template R
     * @param {ReturnType<typeof scan.keysOptions>} options
     * @param {(key: Key, value: any) => R} result
     */
    *#pairs(options, result) {
      for (const key of scan.keysOf(() => this.#native, options)) {
        const value = this.peek(key);
        // It may have gone since its key was read.
        if (value !== undefined) {
          yield result(key, value);
        }
      }
    }

    /**
     * @param {number} number that a get has returned in place of a value
     * @param {Key} key
     */
    #read(number, key) {
      if (number < 0) {
        throw this.#refused(number, key);
      }
      // Not `parsed` and `targetOf`: a get of 100 bytes would take a quarter longer.
      const kind = number % KINDS;
      const length = (number - kind) / KINDS;
      if (kind === BUFFER) {
        const buffer = Buffer.allocUnsafe(length);
        this.#copy(buffer, key);
        return buffer;
      }
      if (kind >= ENCODED && isText(kind)) {
        return this.#valueOf(kind, this.#native.takeString(number));
      }
      if (kind === NOTHING) {
        return length === 0 ? undefined : null;
      }
      const target = targetOf(kind, length);
      this.#copy(target, key);
      return this.#valueOf(kind, target);
    }

    /**
     * @param {number} kind
     * @param {any} stored the string or the bytes that were stored
     */
    #valueOf(kind, stored) {
      if (kind >= ENCODED) {
        return decoded(this.#codec, stored);
      }
      const Class = typedArrayOf(kind);
      return Class === undefined ? stored : new Class(stored.buffer);
    }

    /**
     * A target that another thread may write to is none to decompress into, because that also reads from it.
     *
     * @param {Key} key
     * @param {Uint8Array} target
     */
    #getIntoShared(key, target) {
      const found = this.getBuffer(key);
      if (found !== undefined && found.length > target.length) {
        throw this.#refused(TOO_SMALL, key);
      }
      target.set(found ?? []);
      return found?.length;
    }

    /**
     * @param {Uint8Array} target as long as the value that was found last
     * @param {Key} key
     */
    #copy(target, key) {
      const from = /** @type {Buffer} */ (window);
      if (target.length < this.#takenFrom) {
        target.set(from.subarray(0, target.length));
        return;
      }
      const refusal = this.#native.take(target);
      if (refusal !== undefined) {
        throw this.#refused(refusal, key);
      }
    }

    /**
     * @param {Key} key
     * @param {unknown} value no string
     * @param {Terms} terms
     */
    #setOther(key, value, { ttl, tags }) {
      const { stored, kind } = this.#stored(value);
      // Not before: a codec may have closed the cache.
      const native = this.#native;
      return typeof stored === 'string'
        ? native.setEncoded(key, stored, ttl, tags)
        : native.setBytes(key, stored, kind, ttl, tags);
    }

    /**
     * A value as it is stored, and its kind; of a string what is added to it.
     *
     * @param {unknown} value
     * @returns {{ stored: string | ArrayBufferView, kind: number }}
     */
    #stored(value) {
      if (typeof value === 'string') {
        return { stored: value, kind: 0 };
      }
      const kind = ArrayBuffer.isView(value) ? kindOf(/** @type {NodeJS.TypedArray} */ (value)) : undefined;
      if (kind !== undefined) {
        return { stored: /** @type {ArrayBufferView} */ (value), kind };
      }
      const stored = encoded(this.#codec, value);
      return { stored, kind: typeof stored === 'string' ? ENCODED : BUFFER + ENCODED };
    }

    /** @param {import('../..').SharedCacheLoadOptions} options */
    #loadOptions(options) {
      return loadOptions(options, this.#settings.ttl, 'SharedCache.getOrLoad', LOAD_OPTIONS);
    }

    /**
     * Stores what was loaded.
     *
     * @param {Key} key
     * @param {number} id of the load
     * @param {any} value
     * @param {number} ttl
     * @param {number} keep milliseconds for which it may serve in need when it is over
     */
    #finish(key, id, value, ttl, keep) {
      if (value === undefined || value === null) {
        return this.#native.finish(key, id, value, NOTHING, ttl, keep);
      }
      const { stored, kind } = this.#stored(value);
      // A codec may have closed the cache.
      return this.#isClosed ? undefined : this.#native.finish(key, id, stored, kind, ttl, keep);
    }

    /**
     * @param {number} answer
     * @param {Key} [key]
     */
    #refused(answer, key) {
      switch (answer) {
        case BAD_KEY:
          return error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'key', `1 to ${LONGEST_KEY} bytes of UTF-8`, key);
        case TOO_LARGE:
          return error('ERR_HEAPWISE_SHARED_CACHE_TOO_LARGE', Math.floor(this.#settings.maxBytes / 2));
        case TOO_SMALL:
          return error('ERR_HEAPWISE_SHARED_CACHE_TARGET');
        case DAMAGED:
          return error('ERR_HEAPWISE_SHARED_CACHE_DAMAGED');
        case CLOSED_MEANWHILE:
          return error('ERR_HEAPWISE_CACHE_CLOSED');
        case BAD_TAGS:
          return error(
            'ERR_HEAPWISE_INVALID_ARG_VALUE',
            'tags',
            `at most ${MOST_TAGS} strings of ${LONGEST_TAGS} bytes of UTF-8 in all`,
            'more',
          );
        case NO_MEMORY:
          return error('ERR_HEAPWISE_SHARED_CACHE_MEMORY', 'The system gave no memory for the entry');
        default:
          return error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'value', 'a string or a view of memory', answer);
      }
    }
  }

  return SharedCache;
}

/**
 * @template T
 * @param {() => T} call of the binding
 * @returns {T}
 */
function raising(call) {
  try {
    return call();
  } catch (raised) {
    throw fromNative(raised);
  }
}

/** In place of the functions of a cache that is closed. */
const CLOSED = /** @type {any} */ (
  new Proxy(
    { close() {} },
    {
      get: () => () => {
        throw error('ERR_HEAPWISE_CACHE_CLOSED');
      },
    },
  )
);

/** @param {number} number that stands for a value */
function parsed(number) {
  const kind = number % KINDS;
  return { kind, length: (number - kind) / KINDS };
}

/**
 * Whether a value of that kind is stored as a string.
 *
 * @param {number} kind
 */
function isText(kind) {
  return kind % ENCODED < BUFFER;
}

/**
 * Memory for the bytes of a value.
 *
 * @param {number} kind
 * @param {number} length
 */
function targetOf(kind, length) {
  return typedArrayOf(kind) === undefined ? Buffer.allocUnsafe(length) : new Uint8Array(length);
}

/** @param {unknown} key no string */
function checkKey(key) {
  if (!(key instanceof Uint8Array)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'key', 'a string, a Buffer or a Uint8Array', key);
  }
}

/**
 * @param {import('../..').SharedCacheSetOptions} options
 * @param {string} method
 * @returns {Terms}
 */
function termsOf(options, method) {
  const { ttl, tags } = validate.options(options, method, SET_OPTIONS);
  return { ttl: ttl === undefined ? undefined : ttlOf(ttl), tags: tagList(tags) };
}

/** @param {unknown} ttl */
function ttlOf(ttl) {
  const given = validate.number(ttl, 'ttl', { min: 0, infinite: true });
  return given === Infinity ? 0 : given;
}

module.exports = { createSharedCacheClass };
