'use strict';

const { EventEmitter } = require('node:events');
const { error } = require('../errors.js');
const validate = require('../validate.js');

const OPTIONS = ['namespace', 'keyv'];
/** Between the namespace and the key. A namespace cannot have it, so that no two namespaces have a key in common. */
const SEPARATOR = '\0';
/** 2001-09-09, in milliseconds since 1970: an `expires` of Keyv 6 is later, a `ttl` of Keyv 5 smaller. */
const EARLIEST = 1e12;

/**
 * The public KeyvSharedCache class. See `keyv.d.ts` for its contract.
 *
 * @param {{ SharedCache: typeof import('../..').SharedCache }} parts
 */
function createKeyvSharedCacheClass({ SharedCache }) {
  return class KeyvSharedCache extends EventEmitter {
    #cache;
    /** Whether the cache was made here, and is closed here. */
    #own;
    /** Keyv 6 passes points in time, and wants an answer for each key. */
    #absolute;
    /** @type {string | undefined} */
    #namespace;
    #prefix = '';
    /**
     * Keyv 5 iterates over stores only whose `dialect` or `url` has the name of one that it knows. It uses them for nothing
     * else.
     */
    opts = { dialect: 'heapwise', url: 'heapwise:shared-cache (iterable as redis)' };

    /**
     * @param {import('../..').SharedCache | import('../..').SharedCacheOptions} cache
     * @param {import('../../keyv.js').KeyvSharedCacheOptions} [options]
     */
    constructor(cache, options) {
      super();
      const given = validate.options(options, 'KeyvSharedCache', OPTIONS);
      if (given.keyv !== undefined && given.keyv !== 5 && given.keyv !== 6) {
        throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'keyv', '5 or 6', given.keyv);
      }
      this.#absolute = given.keyv === 6;
      this.namespace = given.namespace;
      const isCache = isSharedCache(cache);
      this.#own = !isCache;
      this.#cache = isCache ? cache : new SharedCache(cache);
    }

    /** @returns {string | undefined} */
    get namespace() {
      return this.#namespace;
    }

    set namespace(namespace) {
      this.#prefix = prefixOf(namespace);
      this.#namespace = namespace;
    }

    get cache() {
      return this.#cache;
    }

    get capabilities() {
      return { expires: this.#absolute };
    }

    /** @param {string} key */
    async get(key) {
      try {
        return this.#cache.get(this.#prefix + key);
      } catch (thrown) {
        // Keyv 5 takes it for a miss, and tells nobody.
        if (!this.#absolute && this.listenerCount('error') > 0) {
          this.emit('error', thrown);
        }
        throw thrown;
      }
    }

    /** @param {string[]} keys */
    async getMany(keys) {
      return keys.map((key) => this.#cache.get(this.#prefix + key));
    }

    /**
     * @param {string} key
     * @param {unknown} value
     * @param {number} [time] milliseconds to live, or with Keyv 6 milliseconds since 1970
     */
    async set(key, value, time) {
      this.#set(key, value, time);
      return true;
    }

    /** @param {{ key: string, value: unknown, ttl?: number, expires?: number }[]} entries */
    async setMany(entries) {
      let failure;
      const stored = entries.map(({ key, value, ttl, expires }) => {
        try {
          this.#set(key, value, this.#absolute ? expires : ttl);
          return true;
        } catch (thrown) {
          failure = thrown;
          return false;
        }
      });
      if (failure !== undefined && this.listenerCount('error') > 0) {
        this.emit('error', failure);
      }
      return stored;
    }

    /** @param {string} key */
    async delete(key) {
      return this.#cache.delete(this.#prefix + key);
    }

    /** @param {string[]} keys */
    async deleteMany(keys) {
      const deleted = keys.map((key) => this.#cache.delete(this.#prefix + key));
      return this.#absolute ? deleted : deleted.every(Boolean);
    }

    /** @param {string} key */
    async has(key) {
      return this.#cache.has(this.#prefix + key);
    }

    /** @param {string[]} keys */
    async hasMany(keys) {
      return keys.map((key) => this.#cache.has(this.#prefix + key));
    }

    async clear() {
      if (this.#prefix === '') {
        this.#cache.clear();
      } else {
        await this.#cache.deletePrefix(this.#prefix);
      }
    }

    /**
     * @param {string} [namespace]
     * @returns {AsyncGenerator<[string, any], void>}
     */
    async *iterator(namespace = this.#namespace) {
      const prefix = prefixOf(namespace);
      for (const key of this.#cache.keys({ prefix })) {
        // What others have stored under bytes that are no text has no name here.
        const value = typeof key === 'string' ? this.#cache.peek(key) : undefined;
        // It may have gone since its key was read.
        if (value !== undefined) {
          yield [/** @type {string} */ (key).slice(prefix.length), value];
        }
      }
    }

    async disconnect() {
      if (this.#own) {
        this.#cache.close();
      }
    }

    /**
     * @param {string} key
     * @param {unknown} value
     * @param {number | undefined} time
     */
    #set(key, value, time) {
      const whole = this.#prefix + key;
      const ttl = time === undefined || time === null ? undefined : this.#absolute ? left(time) : time;
      if (ttl !== undefined && ttl <= 0) {
        // Over already: what was there before is not so any more.
        this.#cache.delete(whole);
      } else {
        this.#cache.set(whole, value, ttl === undefined ? undefined : { ttl });
      }
    }
  };
}

/**
 * By what it can do: bundlers and test runners may load the class twice.
 *
 * @param {any} cache
 * @returns {cache is import('../..').SharedCache}
 */
function isSharedCache(cache) {
  return ['get', 'set', 'keys', 'deletePrefix'].every((name) => typeof cache?.[name] === 'function');
}

/** @param {unknown} namespace */
function prefixOf(namespace) {
  if (namespace === undefined || namespace === '') {
    return '';
  }
  const given = validate.string(namespace, 'namespace');
  if (given.includes(SEPARATOR)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'namespace', 'a string without NUL', namespace);
  }
  return given + SEPARATOR;
}

/** Milliseconds until a point in time. @param {number} expires */
function left(expires) {
  if (expires < EARLIEST) {
    throw error(
      'ERR_HEAPWISE_INVALID_ARG_VALUE',
      'expires',
      'milliseconds since 1970, as Keyv 6 passes them: leave out the option "keyv" for Keyv 5',
      expires,
    );
  }
  return expires - Date.now();
}

module.exports = { createKeyvSharedCacheClass };
