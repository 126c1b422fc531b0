'use strict';

const { Load, LoadContext, waitFor } = require('../cache/load.js');
const { error } = require('../errors.js');
const { LONGEST_TIMER } = require('../timers.js');
const { BAD_KEY } = require('./answers.js');

/** Keys whose failure is remembered with what it was, at most. */
const FAILURES = 1000;
/** What is told other threads of a failure, at most. */
const LONGEST_REASON = 500;

/** What `join` is to do: see `src/cache/binding/loads.rs`. */
const WAIT = 0;
const ANEW = 1;
const REFRESH = 2;
/** Numbers of loads begin here; what is nearer to 0 is a refusal. */
const FIRST_LOAD = 16;

/** How a load of another thread has ended: it was stored (0), or is gone (2), or this. */
const NOT_KEPT = 1;

const MISSING = Symbol('missing');

/**
 * @typedef {import('./shared-cache.js').Key} Key
 * @typedef {import('./shared-cache.js').Native} Native
 * @typedef {import('../cache/loader.js').LoadOptions} LoadOptions
 */

/**
 * What a loader needs of its cache.
 *
 * @typedef {object} Port
 * @property {() => Native} native asked anew each time: the cache may have been closed
 * @property {(found: string | number, key: Key) => any} read the value that a native function has returned
 * @property {(key: Key, id: number, value: any, ttl: number, keep: number) => number | undefined} store stores what was
 *   loaded; returns why not
 * @property {(answer: number, key: Key) => Error} refused the error for a refusal
 */

/**
 * What one wants to load.
 *
 * @typedef {{ key: Key, run: (context: LoadContext) => any, options: LoadOptions }} Job
 */

/** A load that this thread leads, or one of another thread that it waits for. @extends {Load<any>} */
class SharedLoad extends Load {
  /**
   * @param {number} id of all loads of the cache
   * @param {boolean} leads
   */
  constructor(id, leads) {
    super();
    this.id = id;
    this.leads = leads;
    /** While the load function itself runs. */
    this.starts = false;
  }
}

/**
 * `getOrLoad` of a shared cache: one load at a time for each key in all threads. Rust knows who leads and who waits; here
 * is what this thread does about it.
 */
class SharedLoader {
  #port;
  #timers;
  /** Those that this thread leads or waits for, by number. @type {Map<number, SharedLoad>} */
  #loads = new Map();
  /** What loads of this thread have failed with, as long as Rust may speak of them. @type {Map<number, unknown>} */
  #failures = new Map();
  /** Who is to be told how a load of another thread has ended. @type {Map<number, { resolve: (outcome: any) => void, reject: (reason: unknown) => void }>} */
  #ends = new Map();
  #listens = false;
  /** @type {NodeJS.Timeout | undefined} */
  #alive = undefined;
  #closed = false;

  /**
   * @param {Port} port
   * @param {import('../timers.js').Timers} timers
   */
  constructor(port, timers) {
    this.#port = port;
    this.#timers = timers;
  }

  /**
   * @param {Key} key
   * @param {(key: any, context: LoadContext) => any} load
   * @param {LoadOptions} options
   * @returns {Promise<any>}
   */
  get(key, load, options) {
    const { signal, staleWhileRevalidate } = options;
    if (signal?.aborted) {
      return Promise.reject(signal.reason);
    }
    const native = this.#port.native();
    const served = staleWhileRevalidate > 0;
    const found = served ? native.getStale(key, staleWhileRevalidate, true) : native.get(key);
    if (found === BAD_KEY) {
      throw this.#port.refused(found, key);
    }
    if (found === undefined) {
      return this.#wait(jobOf(key, load, options));
    }
    const stale = served && native.wasStale();
    try {
      const value = this.#port.read(found, key);
      if (stale) {
        this.#refresh(jobOf(key, load, options));
      }
      return Promise.resolve(value);
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  }

  /** Those who wait for other threads are told, and nothing more is stored. */
  close() {
    this.#closed = true;
    for (const { reject } of this.#ends.values()) {
      reject(error('ERR_HEAPWISE_CACHE_CLOSED'));
    }
    this.#ends.clear();
    this.#rest();
    this.#loads.clear();
    this.#failures.clear();
  }

  /** @param {Job} job @returns {Promise<any>} */
  #wait(job) {
    for (;;) {
      const answer = this.#join(job, WAIT);
      if (Array.isArray(answer)) {
        return this.#promise(Promise.reject(this.#reasonOf(answer)), undefined, job);
      }
      if (answer !== 0) {
        const load = this.#loadOf(answer, job);
        return this.#promise(/** @type {Promise<any>} */ (load.promise), load, job);
      }
      // Another thread has set it just now.
      const value = this.#peek(job);
      if (value !== MISSING) {
        return Promise.resolve(value);
      }
    }
  }

  /**
   * Loads without anybody waiting, unless somebody does already.
   *
   * @param {Job} job
   */
  #refresh(job) {
    const answer = this.#join(job, REFRESH);
    if (typeof answer === 'number' && answer < 0) {
      const load = this.#loadOf(answer, job);
      load.waiting = Infinity;
      load.promise?.catch(() => {});
    }
  }

  /**
   * @param {Job} job
   * @param {number} intent
   */
  #join({ key, options }, intent) {
    const answer = this.#port.native().join(key, options.tags, intent);
    if (typeof answer === 'number' && answer < 0 && answer > -FIRST_LOAD) {
      throw this.#port.refused(answer, key);
    }
    return answer;
  }

  /**
   * The load that Rust has told of.
   *
   * @param {number} answer
   * @param {Job} job
   * @returns {SharedLoad}
   */
  #loadOf(answer, job) {
    if (answer < 0) {
      const begun = this.#enter(new SharedLoad(-answer, true));
      begun.promise = this.#run(begun, job);
      return begun;
    }
    const known = this.#loads.get(answer);
    if (known === undefined) {
      const followed = this.#enter(new SharedLoad(answer, false));
      followed.promise = this.#follow(followed, job);
      return followed;
    }
    // The load function itself asks for its own key, at once: that would never end.
    return known.starts ? this.#loadOf(/** @type {number} */ (this.#join(job, ANEW)), job) : known;
  }

  /** @param {SharedLoad} load */
  #enter(load) {
    this.#loads.set(load.id, load);
    return load;
  }

  /**
   * @param {SharedLoad} own
   * @param {Job} job
   */
  async #run(own, job) {
    const { id } = own;
    own.starts = true;
    try {
      const loading = job.run(new LoadContext(own));
      own.starts = false;
      const value = await loading;
      this.#keep(id, value, job);
      return value;
    } catch (reason) {
      this.#fail(id, reason, job);
      throw reason;
    } finally {
      own.starts = false;
      this.#loads.delete(id);
    }
  }

  /**
   * Stores what was loaded. That the cache does not take it, or does not want it any more, is nothing to its callers.
   *
   * @param {number} id
   * @param {any} value
   * @param {Job} job
   */
  #keep(id, value, { key, options }) {
    if (this.#closed) {
      return;
    }
    const { negativeTtl, staleIfError, staleWhileRevalidate } = options;
    const negative = (value === undefined || value === null) && negativeTtl !== undefined;
    const ttl = negative ? negativeTtl : options.ttl;
    if (negative && ttl === 0) {
      this.#port.native().drop(key, id);
      return;
    }
    const keep = Math.max(staleWhileRevalidate, staleIfError);
    this.#port.store(key, id, value, ttl === Infinity ? 0 : ttl, keep);
  }

  /**
   * @param {number} id
   * @param {unknown} reason
   * @param {Job} job
   */
  #fail(id, reason, { key, options: { errorTtl } }) {
    if (this.#closed) {
      return;
    }
    if (this.#port.native().fail(key, id, textOf(reason), errorTtl) && errorTtl > 0) {
      if (this.#failures.size >= FAILURES) {
        this.#failures.delete(/** @type {number} */ (this.#failures.keys().next().value));
      }
      this.#failures.set(id, reason);
    }
  }

  /**
   * Waits for a load of another thread, and does what its end calls for.
   *
   * @param {SharedLoad} own
   * @param {Job} job
   * @returns {Promise<any>}
   */
  async #follow(own, job) {
    const outcome = await this.#end(own.id);
    this.#loads.delete(own.id);
    if (typeof outcome === 'string') {
      throw error('ERR_HEAPWISE_SHARED_CACHE_LOAD', outcome);
    }
    return outcome === NOT_KEPT ? this.#runAlone(own, job) : this.#again(own, job);
  }

  /**
   * The value, or a promise for it, after a load of it has ended.
   *
   * @param {SharedLoad} own
   * @param {Job} job
   * @returns {any}
   */
  #again(own, job) {
    for (;;) {
      const value = this.#peek(job);
      if (value !== MISSING) {
        return value;
      }
      const answer = this.#join(job, WAIT);
      if (Array.isArray(answer)) {
        throw this.#reasonOf(answer);
      }
      const other = this.#loads.get(answer);
      if (other !== undefined) {
        // Somebody in this thread has come first.
        other.waiting = Infinity;
        return other.promise;
      }
      if (answer !== 0) {
        own.id = Math.abs(answer);
        own.leads = answer < 0;
        this.#enter(own);
        return own.leads ? this.#run(own, job) : this.#follow(own, job);
      }
    }
  }

  /**
   * Loads a value that the cache does not take, for this thread only.
   *
   * @param {SharedLoad} own
   * @param {Job} job
   */
  async #runAlone(own, job) {
    try {
      return await job.run(new LoadContext(own));
    } catch (reason) {
      this.#fail(0, reason, job);
      throw reason;
    }
  }

  /**
   * @param {number} id of a load of another thread
   * @returns {Promise<number | string>} how it has ended
   */
  #end(id) {
    return new Promise((resolve, reject) => {
      if (!this.#listens) {
        if (!this.#port.native().listen(SharedLoader.#wakeOf(this))) {
          reject(error('ERR_HEAPWISE_SHARED_CACHE_MEMORY', 'The system gave nothing to wait with'));
          return;
        }
        this.#listens = true;
      }
      this.#ends.set(id, { resolve, reject });
      // As long as somebody waits, this thread goes on as it would for a load of its own, and this stays in memory.
      this.#alive ??= setInterval(() => this, LONGEST_TIMER);
      this.#hear();
    });
  }

  /**
   * What the native side calls. It holds that as long as the cache is open: neither the function nor a scope around it may
   * hold the loader.
   *
   * @param {SharedLoader} loader
   */
  static #wakeOf(loader) {
    const self = new WeakRef(loader);
    return () => {
      const awake = self.deref();
      if (awake !== undefined) {
        awake.#hear();
      }
    };
  }

  /** Tells those who wait what has come. */
  #hear() {
    if (this.#closed) {
      return;
    }
    const ended = this.#port.native().ended();
    for (let i = 0; i < ended.length; i += 2) {
      const id = /** @type {number} */ (ended[i]);
      this.#ends.get(id)?.resolve(ended[i + 1]);
      this.#ends.delete(id);
    }
    this.#rest();
  }

  #rest() {
    if (this.#ends.size === 0) {
      clearInterval(this.#alive);
      this.#alive = undefined;
    }
  }

  /**
   * @param {Promise<any>} promise
   * @param {SharedLoad | undefined} load
   * @param {Job} job
   */
  #promise(promise, load, job) {
    const { options } = job;
    return waitFor(promise, load, options, {
      timers: this.#timers,
      inNeed: options.staleIfError > 0 ? (reason) => this.#inNeed(job, reason) : undefined,
      leave: (left) => this.#leave(/** @type {SharedLoad} */ (left), job),
      tooLate: (left) => this.#tooLate(/** @type {SharedLoad} */ (left), job),
    });
  }

  /**
   * The stale value where there is one young enough, else throws the reason why there is no other.
   *
   * @param {Job} job
   * @param {unknown} reason
   */
  #inNeed({ key, options }, reason) {
    const found = this.#closed ? undefined : this.#port.native().getStale(key, options.staleIfError, false);
    if (found === undefined) {
      throw reason;
    }
    return this.#port.read(found, key);
  }

  /**
   * One who waited does not any more. A load for which nobody waits in any thread is aborted.
   *
   * @param {SharedLoad} load
   * @param {Job} job
   */
  #leave(load, { key }) {
    if (--load.waiting > 0) {
      return;
    }
    if (!this.#closed) {
      const native = this.#port.native();
      if (!load.leads) {
        native.leave(key, load.id);
        this.#ends.delete(load.id);
        this.#rest();
      } else if (!native.abandon(key, load.id)) {
        load.waiting = Infinity;
        return;
      }
    }
    this.#loads.delete(load.id);
    load.abandon();
  }

  /**
   * His time is over. What this thread loads goes on; what another one loads goes on without him.
   *
   * @param {SharedLoad} load
   * @param {Job} job
   */
  #tooLate(load, job) {
    if (load.leads) {
      load.waiting = Infinity;
    } else {
      this.#leave(load, job);
    }
  }

  /** The value of a key if there is one. Counts nothing. @param {Job} job */
  #peek({ key }) {
    const found = this.#port.native().peek(key);
    return found === undefined ? MISSING : this.#port.read(found, key);
  }

  /** @param {[number, string]} failure */
  #reasonOf([id, text]) {
    return this.#failures.has(id) ? this.#failures.get(id) : error('ERR_HEAPWISE_SHARED_CACHE_LOAD', text);
  }
}

/**
 * @param {Key} key
 * @param {(key: any, context: LoadContext) => any} load
 * @param {LoadOptions} options
 * @returns {Job}
 */
function jobOf(key, load, options) {
  // A copy: it must not change while others wait for it.
  const own = typeof key === 'string' ? key : Buffer.from(key);
  return { key: own, run: (context) => load(key, context), options };
}

/** What other threads are told of a failure. @param {unknown} reason */
function textOf(reason) {
  try {
    return String(reason).slice(0, LONGEST_REASON);
  } catch {
    return 'unknown';
  }
}

module.exports = { SharedLoader };
