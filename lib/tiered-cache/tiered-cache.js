'use strict';

const { EventEmitter } = require('node:events');
const { Loader } = require('../cache/loader.js');
const { error } = require('../errors.js');
const { LONGEST_TIMER } = require('../timers.js');
const validate = require('../validate.js');
const { Breaker } = require('./breaker.js');
const { FAILED, Guard, always, isAnswer } = require('./guard.js');
const { Kept } = require('./kept.js');
const { Near } = require('./near.js');
const { checkKey, checkValue, isStorable, loadOptions, settingsOf, ttlOf } = require('./options.js');
const { Others } = require('./others.js');
const { Reader } = require('./reader.js');
const { Recent } = require('./recent.js');
const { Writer } = require('./writer.js');

/** A store may have to look at all of its keys for that. Milliseconds. */
const CLEAR_TIMEOUT = 30_000;
/** Keys that count as loaded a moment ago. */
const MOST_RECENT = 1000;

/**
 * @typedef {import('./envelope.js').Entry} Entry
 * @typedef {import('./near.js').Loaded} Loaded
 */

/**
 * The public TieredCache class. See `index.d.ts` for its contract.
 *
 * Whatever happens to the far tier, what is asked of the cache is answered by the near one and the load functions.
 *
 * @param {import('../timers.js').Timers} timers
 */
function createTieredCacheClass(timers) {
  return class TieredCache extends EventEmitter {
    #settings;
    #near;
    #far;
    #guard;
    #breaker;
    #kept;
    #writer;
    /** Keys that were loaded and written a moment ago. */
    #loaded;
    #loadDefaults;
    /** @type {Loader<string, Loaded>} */
    #loader;
    #reader;
    /** Loads that nothing newer has overtaken. @type {Map<string, object>} */
    #loads = new Map();
    #others;
    #takeListenerOff;
    /** @type {any} */
    #retry = undefined;
    /** @type {Promise<void> | undefined} */
    #closing = undefined;
    #counts = {
      nearHits: 0,
      farHits: 0,
      misses: 0,
      sets: 0,
      deletes: 0,
      loads: 0,
      loadErrors: 0,
      staleHits: 0,
    };

    /** @param {import('../..').TieredCacheOptions} options */
    constructor(options) {
      super();
      const settings = settingsOf(options);
      this.#settings = settings;
      this.#far = settings.far;
      this.#loadDefaults = loadOptions(undefined, settings.ttl);
      this.#near = new Near(settings.near, settings.nearTtl, timers.now);
      this.#loader = new Loader(/** @type {any} */ (this.#near), () => 0, timers);
      this.#breaker = new Breaker(settings.breaker, timers.now, (state) => this.#emit('state', state));
      this.#guard = new Guard(this.#breaker, settings, timers, (reason, operation) =>
        this.#emit('failure', reason, operation),
      );
      this.#kept = new Kept(settings.maxKept);
      this.#loaded = new Recent(Math.min(settings.maxKept, MOST_RECENT), timers.now);
      this.#writer = new Writer((key, write) => this.#send(key, write), this.#loaded);
      this.#reader = new Reader({
        far: settings.far,
        guard: this.#guard,
        near: this.#near,
        fresh: (entry) => fresh(entry, settings.staleIfError),
        known: (key) => this.#known(key),
        remove: (key) => void this.#writer.write(key, { entry: undefined, announce: false }),
      });
      this.#takeListenerOff = this.#far.onError((reason) => this.#guard.noticed(reason));
      this.#others = new Others(settings, timers, {
        onFailure: (reason) => this.#emit('failure', reason, 'publish'),
        forget: (keys) => this.#forget(keys),
        onSubscription: (isUp, reason) => {
          if (!isUp) {
            this.#doubt();
          }
          this.#emit('subscription', isUp, reason);
        },
      });
    }

    /**
     * @param {string} key
     * @returns {Promise<any>}
     */
    async get(key) {
      checkKey(key);
      this.#assertOpen();
      const near = this.#near.get(key);
      if (near !== undefined) {
        this.#counts.nearHits++;
        return near;
      }
      return this.#told(alive(await this.#reader.read(key)))?.value;
    }

    /** @param {readonly string[]} keys */
    async getMany(keys) {
      if (!Array.isArray(keys)) {
        throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'keys', 'an array of strings', keys);
      }
      keys.forEach(checkKey);
      this.#assertOpen();
      const values = keys.map((key) => this.#near.get(key));
      const missing = [...new Set(keys.filter((_, i) => values[i] === undefined))];
      this.#counts.nearHits += values.filter((value) => value !== undefined).length;
      if (missing.length > 0) {
        const found = await this.#reader.readMany(missing);
        keys.forEach((key, i) => {
          values[i] ??= this.#told(alive(found.get(key)))?.value;
        });
      }
      return values;
    }

    /** @param {string} key */
    async has(key) {
      checkKey(key);
      this.#assertOpen();
      if (this.#near.has(key)) {
        return true;
      }
      const known = this.#known(key);
      if (known !== undefined || this.#settings.staleIfError > 0) {
        return alive(known === undefined ? await this.#reader.read(key) : known.entry) !== undefined;
      }
      return (await this.#guard.call('has', () => this.#far.has(key), isNot(true))) === true;
    }

    /**
     * @param {string} key
     * @param {unknown} value
     * @param {import('../..').TieredCacheSetOptions} [options]
     * @returns {Promise<boolean>} whether the far tier has it, or will be given it
     */
    async set(key, value, options) {
      checkKey(key);
      checkValue(value);
      const expires = expiresIn(ttlOf(options, this.#settings.ttl));
      this.#assertOpen();
      this.#near.set(key, value, expires);
      this.#supersede(key);
      this.#counts.sets++;
      const isBehind = this.#writer.size < this.#settings.writeBehind;
      const answer = this.#writer.write(key, { entry: this.#lasting(value, expires), announce: true });
      return isBehind || (await answer) !== undefined;
    }

    /** @param {string} key */
    async delete(key) {
      checkKey(key);
      this.#assertOpen();
      this.#supersede(key);
      this.#counts.deletes++;
      const wasNear = this.#near.delete(key);
      return (await this.#writer.write(key, { entry: undefined, announce: true })) === true || wasNear;
    }

    /** @returns {Promise<boolean>} whether the far tier is clear as well */
    async clear() {
      this.#assertOpen();
      this.#reset();
      // Else they would be back after it.
      await this.#writer.idle();
      const isClear = await this.#remove(undefined);
      if (isClear && (await this.#others.announce(undefined))) {
        return true;
      }
      this.#keep(undefined, !isClear);
      return false;
    }

    /**
     * @param {string} key
     * @param {(key: string, context: { signal: AbortSignal }) => any} load
     * @param {import('../..').TieredCacheLoadOptions} [options]
     * @returns {Promise<any>}
     */
    async getOrLoad(key, load, options) {
      checkKey(key);
      validate.fn(load, 'load');
      const given = options === undefined ? this.#loadDefaults : loadOptions(options, this.#settings.ttl);
      this.#assertOpen();
      const near = this.#near.get(key);
      if (near !== undefined) {
        this.#counts.nearHits++;
        return near;
      }
      let isFar = false;
      try {
        const loaded = await this.#loader.get(
          key,
          0,
          (_key, context) => this.#through(key, load, given, context),
          { ...NEITHER, ...given, negativeTtl: undefined },
        );
        ({ isFar } = loaded);
        return loaded.value;
      } finally {
        this.#counts[isFar ? 'farHits' : 'misses']++;
      }
    }

    /** @returns {Promise<void>} fulfilled when invalidations of other processes arrive, or when none are to */
    async ready() {
      await this.#others.ready();
    }

    /** @returns {import('../..').TieredCacheStats} */
    stats() {
      const { nearHits, farHits, misses } = this.#counts;
      const hits = nearHits + farHits;
      const near = this.#near.stats();
      return {
        entries: near.entries,
        max: near.max,
        hits,
        ...this.#counts,
        hitRate: hits === 0 ? 0 : hits / (hits + misses),
        evictions: near.evictions,
        expirations: near.expirations,
        near,
        far: {
          state: this.#breaker.state,
          ...this.#guard.counts,
          writing: this.#writer.size,
          kept: this.#kept.size,
        },
        invalidation: this.#others.stats(),
      };
    }

    /** @returns {Promise<void>} */
    close() {
      this.#closing ??= this.#close();
      return this.#closing;
    }

    [Symbol.asyncDispose]() {
      return this.close();
    }

    async #close() {
      this.#others.close();
      timers.clearTimeout(this.#retry);
      await this.#writer.idle();
      // What the store can still be told.
      await this.#sendKept();
      this.#reader.clear();
      this.#loads.clear();
      this.#loader.clear();
      // Until then it may emit what nobody else listens to.
      this.#guard.whenSettled(this.#takeListenerOff);
    }

    /**
     * A listener that throws is not the store's failure, nor that of who waits for an answer.
     *
     * @param {string} name
     * @param {...unknown} details
     */
    #emit(name, ...details) {
      try {
        this.emit(name, ...details);
      } catch (thrown) {
        process.nextTick(() => {
          throw thrown;
        });
      }
    }

    #assertOpen() {
      if (this.#closing !== undefined) {
        throw error('ERR_HEAPWISE_CACHE_CLOSED');
      }
    }

    // ------------------------------------------------------------------------------------------ reading

    /**
     * What is known of a key without asking: it is being written, or what the far tier has of it is wrong.
     *
     * @param {string} key
     * @returns {{ entry: Entry | undefined } | undefined}
     */
    #known(key) {
      const write = this.#writer.pending(key);
      return write !== undefined || this.#kept.isWrong(key)
        ? { entry: fresh(write?.entry, this.#settings.staleIfError) }
        : undefined;
    }

    /**
     * What the far tier is given: it has values for longer than they are true.
     *
     * @param {any} value
     * @param {number | undefined} expires
     * @returns {Entry}
     */
    #lasting(value, expires) {
      return { value, expires: expires === undefined ? undefined : expires + this.#settings.staleIfError };
    }

    /**
     * Counts what was found, or not.
     *
     * @param {Entry | undefined} entry
     */
    #told(entry) {
      if (entry === undefined) {
        this.#counts.misses++;
      } else {
        this.#counts.farHits++;
      }
      return entry;
    }

    /**
     * What a load does: asks the far tier, then the user's function, and gives the far tier what that has returned.
     *
     * @param {string} key
     * @param {(key: string, context: { signal: AbortSignal }) => any} load
     * @param {ReturnType<typeof loadOptions>} options
     * @param {{ signal: AbortSignal }} context
     * @returns {Promise<Loaded>}
     */
    async #through(key, load, { ttl, negativeTtl, errorTtl }, context) {
      const own = {};
      this.#loads.set(key, own);
      try {
        const found = await this.#reader.read(key);
        if (found !== undefined && alive(found) !== undefined) {
          return { ...found, isFar: true, isNear: true };
        }
        let loaded;
        try {
          loaded = await this.#load(key, load, context);
        } catch (thrown) {
          if (found === undefined) {
            throw thrown;
          }
          this.#counts.staleHits++;
          // As long as nobody is to try again, the near tier has it.
          const expires = Date.now() + errorTtl;
          return { value: found.value, expires, isFar: true, isNear: errorTtl === 0 };
        }
        const isNothing = loaded === undefined || loaded === null;
        const value = isNothing && negativeTtl !== undefined ? null : loaded;
        const time = isNothing && negativeTtl !== undefined ? negativeTtl : ttl;
        if (!isStorable(value) || (isNothing && negativeTtl === 0)) {
          return { value: loaded, expires: undefined, isFar: false, isNear: true };
        }
        const expires = expiresIn(time);
        // Not while others are not heard, who may have changed it. When they are again, loads under way are taken out.
        const isNewest = this.#loads.get(key) === own && this.#others.areHeard;
        if (isNewest && !this.#kept.isWrong(key) && this.#closing === undefined) {
          // Nobody waits for it: who has loaded has what he wants.
          void this.#writer.write(key, { entry: this.#lasting(value, expires), announce: false });
        }
        return { value, expires, isFar: false, isNear: false };
      } finally {
        if (this.#loads.get(key) === own) {
          this.#loads.delete(key);
        }
      }
    }

    /**
     * @param {string} key
     * @param {(key: string, context: { signal: AbortSignal }) => any} load
     * @param {{ signal: AbortSignal }} context
     */
    async #load(key, load, context) {
      this.#counts.loads++;
      try {
        return await load(key, context);
      } catch (thrown) {
        this.#counts.loadErrors++;
        throw thrown;
      }
    }

    // ------------------------------------------------------------------------------------------ writing

    /** What is being read or loaded of the key is older than what happens to it now. @param {string} key */
    #supersede(key) {
      this.#loader.supersede(key);
      this.#loads.delete(key);
      this.#reader.supersede(key);
    }

    /** The near tier, and what is on its way to it. */
    #reset() {
      this.#loader.clear();
      this.#loads.clear();
      this.#reader.clear();
      this.#near.clear();
    }

    /**
     * @param {string} key
     * @param {import('./writer.js').Write} write
     * @returns {Promise<boolean | undefined>} undefined: it has failed
     */
    async #send(key, { entry, announce }) {
      const answer =
        entry === undefined
          ? await this.#guard.call('delete', () => this.#far.delete(key), isNot(true))
          : await this.#guard.call('set', async () => (await this.#far.set(key, entry)) !== false, always);
      if (!isAnswer(answer) || (entry !== undefined && !answer)) {
        // What was loaded and did not get there is not missed. But what took too long may get there yet, and others may have
        // changed the key by then.
        if (announce || entry === undefined || answer === FAILED) {
          this.#keep(key, true);
        }
        return undefined;
      }
      if (announce) {
        if (!(await this.#others.announce([key]))) {
          this.#keep(key, false);
          return undefined;
        }
        this.#kept.delete(key);
      }
      return answer === true;
    }

    /**
     * @param {string[] | undefined} keys undefined: everything
     * @returns {Promise<boolean>} whether the far tier has none of them
     */
    async #remove(keys) {
      const answer = await (keys === undefined
        ? this.#guard.call('clear', () => this.#far.clear(), always, CLEAR_TIMEOUT)
        : this.#guard.call('delete', () => this.#far.deleteMany(keys), always));
      return isAnswer(answer);
    }

    // ------------------------------------------------------------------------------------------ when the store is away

    /**
     * @param {string | undefined} key undefined: everything
     * @param {boolean} isWrong whether the far tier has it wrong; else others were not told
     */
    #keep(key, isWrong) {
      this.#kept.add(key, isWrong);
      this.#retryLater();
    }

    /** A message may be lost that was about what was loaded and written just before. */
    #doubt() {
      for (const key of this.#loaded.keys()) {
        this.#kept.add(key, true);
      }
      if (this.#kept.size > 0) {
        this.#retryLater();
      }
    }

    #retryLater() {
      if (this.#retry !== undefined || this.#closing !== undefined) {
        return;
      }
      const { cooldown } = this.#settings.breaker;
      const wait = this.#breaker.state === 'open' ? this.#breaker.until - timers.now() : cooldown;
      if (wait === Infinity) {
        return;
      }
      const retry = () => {
        this.#retry = undefined;
        void this.#sendKept();
      };
      this.#retry = timers.setTimeout(retry, Math.min(Math.max(1, Math.ceil(wait)), LONGEST_TIMER));
    }

    async #sendKept() {
      await this.#kept.send(
        (keys) => this.#remove(keys),
        (keys) => this.#others.announce(keys),
      );
      if (this.#kept.size > 0) {
        this.#retryLater();
      }
    }

    // ------------------------------------------------------------------------------------------ what others say

    /** @param {string[] | undefined} keys undefined: everything */
    #forget(keys) {
      try {
        if (keys === undefined) {
          this.#reset();
          this.#writer.overtakenAll();
          return;
        }
        for (const key of keys) {
          this.#supersede(key);
          this.#writer.overtaken(key);
          this.#near.delete(key);
        }
      } catch (thrown) {
        // The near tier was closed: it has nothing any more.
        this.#emit('failure', thrown, 'invalidate');
      }
    }
  };
}

/** What a Loader knows, and the far tier does not. */
const NEITHER = {
  size: undefined,
  tags: undefined,
  staleWhileRevalidate: 0,
  staleIfError: 0,
  earlyRefresh: 0,
};

/**
 * @param {number} ttl milliseconds; 0 and Infinity: for ever
 * @returns {number | undefined} milliseconds since 1970
 */
function expiresIn(ttl) {
  return ttl === 0 || ttl === Infinity ? undefined : Date.now() + Math.ceil(ttl);
}

/**
 * @param {Entry | undefined} entry
 * @returns {Entry | undefined} undefined where its time is over
 */
function alive(entry) {
  return entry?.expires !== undefined && entry.expires <= Date.now() ? undefined : entry;
}

/**
 * @param {Entry | undefined} entry of the far tier
 * @param {number} grace milliseconds that it is there for longer than it is true
 * @returns {Entry | undefined} with the time until which it is true
 */
function fresh(entry, grace) {
  return entry?.expires === undefined ? entry : { value: entry.value, expires: entry.expires - grace };
}

/** @param {unknown} wanted @returns {(answer: unknown) => boolean} */
function isNot(wanted) {
  return (answer) => answer !== wanted;
}

module.exports = { createTieredCacheClass };
