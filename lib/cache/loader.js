'use strict';

const { LOADS, LOAD_ERRORS, STALE_HITS } = require('./counters.js');
const { Load, LoadContext, waitFor } = require('./load.js');
const { isInvalidated } = require('./tags.js');

/** Keys whose failure is remembered, at most. */
const FAILURES = 1000;

/**
 * As in `CacheLoadOptions` of `index.d.ts`, with defaults applied.
 *
 * @typedef {{ ttl: number, size: number | undefined, tags: readonly string[] | undefined,
 *   negativeTtl: number | undefined, errorTtl: number, staleWhileRevalidate: number, staleIfError: number,
 *   earlyRefresh: number, timeout: number, signal: AbortSignal | undefined }} LoadOptions
 */

/** A load under way, of a value with tags. @template V @extends {Load<V>} */
class TaggedLoad extends Load {
  /**
   * @param {number} since
   * @param {import('./tags.js').Tagged | undefined} tags
   */
  constructor(since, tags) {
    super();
    this.since = since;
    this.tags = tags;
  }
}

/** Whether what is being loaded was invalidated meanwhile. @param {TaggedLoad<any>} load */
function isOutdated({ tags }) {
  return tags !== undefined && isInvalidated(tags);
}

/**
 * `getOrLoad` of a cache: one load at a time for each key, whoever waits for it.
 *
 * @template K, V
 */
class Loader {
  #store;
  #measure;
  #timers;
  /** A set or delete of the key takes its load out, whose result is then not stored. @type {Map<K, TaggedLoad<V>>} */
  #loads = new Map();
  /** What has failed, and until when nobody tries again. @type {Map<K, { reason: unknown, until: number }>} */
  #failures = new Map();
  /** Whether there may be any of both: most sets come when there are none. */
  #isBusy = false;

  /**
   * @param {import('./store.js').Store<K, V>} store
   * @param {(key: K, value: V, given: number | undefined) => number} measure the size of a value; may throw
   * @param {import('../timers.js').Timers} timers
   */
  constructor(store, measure, timers) {
    this.#store = store;
    this.#measure = measure;
    this.#timers = timers;
  }

  /** The key was set or deleted: that is newer than what is being loaded. @param {K} key */
  supersede(key) {
    if (this.#isBusy) {
      this.#loads.delete(key);
      this.#failures.delete(key);
      this.#isBusy = this.#loads.size !== 0 || this.#failures.size !== 0;
    }
  }

  clear() {
    this.#loads.clear();
    this.#failures.clear();
  }

  /**
   * @param {K} key
   * @param {number} slot that has a value whose time is not over; 0: none has
   * @param {(key: K, context: { signal: AbortSignal }) => V | PromiseLike<V>} load
   * @param {LoadOptions} options
   * @returns {Promise<V>}
   */
  get(key, slot, load, options) {
    const { signal } = options;
    if (signal?.aborted) {
      return Promise.reject(signal.reason);
    }
    const store = this.#store;
    if (slot !== 0) {
      const value = store.hit(slot, key);
      if (options.earlyRefresh > 0 && this.#isDue(slot, options.earlyRefresh)) {
        this.#refresh(key, load, options);
      }
      return Promise.resolve(value);
    }
    const staleFor = options.staleWhileRevalidate > 0 ? store.staleFor(key) : NaN;
    if (staleFor <= options.staleWhileRevalidate) {
      store.counters[STALE_HITS]++;
      const value = store.stale(key);
      this.#refresh(key, load, options);
      return Promise.resolve(value);
    }
    store.missed();
    const failure = this.#failureOf(key);
    if (failure !== undefined) {
      return this.#wait(key, Promise.reject(failure.reason), options);
    }
    // No promise yet means that the load function itself asks for its own key, at once: that would never end.
    const underWay = this.#loads.get(key);
    const joined =
      underWay?.promise === undefined || isOutdated(underWay) ? this.#begin(key, load, options) : underWay;
    return this.#wait(key, /** @type {Promise<V>} */ (joined.promise), options, joined);
  }

  /**
   * Whether to load a value anew before its time is over, by chance: the more likely the nearer its end, and the longer
   * its load took, so that of many processes few load at the same time.
   *
   * Vattani, Chierichetti and Lowenstein, "Optimal probabilistic cache stampede prevention", VLDB 2015.
   *
   * @param {number} slot
   * @param {number} beta
   */
  #isDue(slot, beta) {
    const left = this.#store.left(slot, this.#store.now());
    return left !== 0 && -Math.log(this.#timers.random()) * beta * this.#store.costOf(slot) >= left;
  }

  /**
   * Loads without anybody waiting. That it fails is counted, and heard by those who ask when the value is gone.
   *
   * @param {K} key
   * @param {(key: K, context: { signal: AbortSignal }) => V | PromiseLike<V>} load
   * @param {LoadOptions} options
   */
  #refresh(key, load, options) {
    if (!this.#loads.has(key) && this.#failureOf(key) === undefined) {
      const begun = this.#begin(key, load, options);
      begun.waiting = Infinity;
      begun.promise?.catch(() => {});
    }
  }

  /** What the last load of a key has failed with, if nobody is to try again yet. @param {K} key */
  #failureOf(key) {
    const failure = this.#failures.get(key);
    if (failure !== undefined && failure.until <= this.#store.now()) {
      this.#failures.delete(key);
      return undefined;
    }
    return failure;
  }

  /**
   * @param {K} key
   * @param {(key: K, context: { signal: AbortSignal }) => V | PromiseLike<V>} load
   * @param {LoadOptions} options
   */
  #begin(key, load, options) {
    this.#store.counters[LOADS]++;
    /** @type {TaggedLoad<V>} */
    // Tags are held now: what is invalidated while the value is loaded concerns it.
    const begun = new TaggedLoad(this.#store.now(), options.tags && this.#store.hold(options.tags));
    this.#loads.set(key, begun);
    this.#isBusy = true;
    begun.promise = this.#run(key, load, options, begun);
    return begun;
  }

  /**
   * @param {K} key
   * @param {(key: K, context: { signal: AbortSignal }) => V | PromiseLike<V>} load
   * @param {LoadOptions} options
   * @param {TaggedLoad<V>} own
   */
  async #run(key, load, options, own) {
    const { tags } = own;
    let value;
    try {
      value = await load(key, new LoadContext(own));
      // Not if the key was set or deleted meanwhile, or the cache cleared: that is newer than what was loaded.
      const size = this.#loads.get(key) === own ? this.#measure(key, value, options.size) : 0;
      // What measures may have used the cache as well.
      if (this.#end(key, own)) {
        this.#failures.delete(key);
        this.#keep(key, value, size, options, tags, this.#store.now() - own.since);
      } else if (tags !== undefined) {
        this.#store.release(tags);
      }
    } catch (reason) {
      this.#store.counters[LOAD_ERRORS]++;
      if (tags !== undefined) {
        this.#store.release(tags);
      }
      if (this.#end(key, own) && options.errorTtl > 0) {
        this.#remember(key, reason, options.errorTtl);
      }
      throw reason;
    }
    this.#store.notify();
    return value;
  }

  /**
   * @param {K} key
   * @param {V} value
   * @param {number} size
   * @param {LoadOptions} options
   * @param {import('./tags.js').Tagged | undefined} tags
   * @param {number} cost milliseconds that it took to load
   */
  #keep(key, value, size, options, tags, cost) {
    const negative = (value === undefined || value === null) && options.negativeTtl !== undefined;
    const ttl = negative ? /** @type {number} */ (options.negativeTtl) : options.ttl;
    const outdated = tags !== undefined && isInvalidated(tags);
    if ((negative && ttl === 0) || outdated) {
      if (!outdated) {
        // What was there before is not so any more. Before the release, because a clock that throws releases as well.
        this.#store.delete(key);
      }
      if (tags !== undefined) {
        this.#store.release(tags);
      }
      return;
    }
    const keep = Math.max(options.staleWhileRevalidate, options.staleIfError);
    this.#store.put(key, value, ttl, size, keep, tags);
    if (options.earlyRefresh > 0) {
      this.#store.noteCost(key, cost);
    }
  }

  /**
   * Takes a load off those under way; false if something else has taken its place.
   *
   * @param {K} key
   * @param {TaggedLoad<V>} own
   */
  #end(key, own) {
    return this.#loads.get(key) === own && this.#loads.delete(key);
  }

  /**
   * @param {K} key
   * @param {unknown} reason
   * @param {number} ttl
   */
  #remember(key, reason, ttl) {
    if (this.#failures.size >= FAILURES) {
      this.#failures.delete(/** @type {K} */ (this.#failures.keys().next().value));
    }
    this.#isBusy = true;
    this.#failures.set(key, { reason, until: this.#store.now() + ttl });
  }

  /**
   * @param {K} key
   * @param {Promise<V>} promise
   * @param {LoadOptions} options
   * @param {TaggedLoad<V>} [load]
   * @returns {Promise<V>}
   */
  #wait(key, promise, options, load) {
    return waitFor(promise, load, options, {
      timers: this.#timers,
      inNeed: options.staleIfError > 0 ? (reason) => this.#inNeed(key, options, reason) : undefined,
      leave: (left) => this.#leave(key, /** @type {TaggedLoad<V>} */ (left)),
      tooLate: (left) => (left.waiting = Infinity),
    });
  }

  /**
   * The stale value where there is one young enough, else throws the reason why there is no other.
   *
   * @param {K} key
   * @param {LoadOptions} options
   * @param {unknown} reason
   * @returns {V}
   */
  #inNeed(key, { staleIfError }, reason) {
    const slot = this.#store.live(key);
    if (slot !== 0) {
      // It was set meanwhile.
      return this.#store.value(slot);
    }
    if (this.#store.staleFor(key) <= staleIfError) {
      this.#store.counters[STALE_HITS]++;
      return this.#store.stale(key);
    }
    throw reason;
  }

  /**
   * One who waited does not any more. A load for which nobody waits is aborted.
   *
   * @param {K} key
   * @param {TaggedLoad<V>} load
   */
  #leave(key, load) {
    if (--load.waiting === 0) {
      this.#end(key, load);
      load.abandon();
    }
  }
}

module.exports = { Loader };
