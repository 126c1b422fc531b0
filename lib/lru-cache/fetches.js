'use strict';

const { Fetch } = require('./fetch.js');
const { fetchOptions } = require('./options.js');

/**
 * @typedef {object} Target the cache, as fetches use it
 * @property {any} cache itself, for the defaults
 * @property {import('./store.js').Store} store its entries
 * @property {(key: any, value: any, options: any, own: Fetch<any> | undefined) => void} put a set, by a fetch or of one
 * @property {(key: any) => void} remove for a fetch that brought nothing
 * @property {() => number} size that a fetch counts for
 */

/**
 * Runs the `fetchMethod` of a cache: what becomes of the entry when a value comes, when none comes, and when the fetch is
 * aborted. The first one who asks for a key says how, for all who ask while it runs.
 */
class Fetches {
  #target;
  #method;

  /**
   * @param {Target} target
   * @param {(key: any, stale: any, options: any) => any} method
   */
  constructor(target, method) {
    this.#target = target;
    this.#method = method;
  }

  /**
   * The value of a key: from the cache, or from the fetch that is under way or begins now.
   *
   * @param {any} key
   * @param {any} given the options of the call
   * @param {any} status
   * @returns {any} a value, or the promise of one
   */
  get(key, given, status) {
    const { cache, store } = this.#target;
    const { allowStale = cache.allowStale, forceRefresh = false, context } = given;
    const slot = store.find(key);
    const value = slot === 0 ? undefined : store.valueOf(slot);
    const underWay = value instanceof Fetch;
    const over = slot !== 0 && !underWay && store.isOver(slot);
    if (slot !== 0 && !underWay && !over && !forceRefresh) {
      return this.#hit(key, slot, given, status);
    }
    if (status !== undefined) {
      status.fetch = underWay ? 'inflight' : slot === 0 ? 'miss' : over ? 'stale' : 'refresh';
    }
    const fetch = underWay ? value : this.#begin(key, slot, fetchOptions(cache, given, status), context);
    return answer(fetch, allowStale, underWay || over, status);
  }

  /**
   * @param {any} key
   * @param {number} slot
   * @param {any} given
   * @param {any} status
   */
  #hit(key, slot, given, status) {
    const { cache, store } = this.#target;
    store.touch(slot, key);
    if (given.updateAgeOnGet ?? cache.updateAgeOnGet) {
      store.renew(slot);
    }
    if (status !== undefined) {
      status.fetch = 'hit';
      store.ages?.tell(status, slot);
    }
    return store.valueOf(slot);
  }

  /**
   * @param {any} key that is not being fetched
   * @param {number} slot of the value to replace; 0: there is none
   * @param {any} options with the defaults of the cache
   * @param {any} context
   * @returns {Fetch<any>}
   */
  #begin(key, slot, options, context) {
    const { put, size, store } = this.#target;
    const stale = slot === 0 ? undefined : store.valueOf(slot);
    const fetch = new Fetch(stale, slot === 0 ? size() : 0);
    const unfollow = follow(options.signal, fetch.controller);
    if (options.status) {
      options.status.fetchDispatched = true;
    }
    fetch.promise = this.#run(key, fetch, options, context).then(
      (value) => {
        unfollow();
        return this.#arrive(key, fetch, options, value, false);
      },
      (reason) => {
        unfollow();
        return this.#reject(key, fetch, options, reason);
      },
    );
    // What fetches may have used the cache already.
    const now = store.find(key);
    if (slot !== 0 && now === slot && store.valueOf(slot) === stale) {
      // It keeps its place in the order of use, its time and its size: nobody has used it yet.
      store.exchange(slot, fetch);
    } else {
      put(key, fetch, { ...options, status: undefined }, undefined);
    }
    return fetch;
  }

  /**
   * @param {any} key
   * @param {Fetch<any>} fetch
   * @param {any} options
   * @param {any} context
   * @returns {Promise<any>}
   */
  #run(key, fetch, options, context) {
    const { signal } = fetch.controller;
    return new Promise((resolve, reject) => {
      let settle = resolve;
      let refuse = reject;
      const result = this.#method(key, fetch.stale, { signal, options, context });
      const onAbort = () => {
        // Looked at now: what fetches may have changed them.
        if (!options.ignoreFetchAbort || options.allowStaleOnFetchAbort) {
          resolve(undefined);
          if (options.allowStaleOnFetchAbort) {
            // Nobody waits any more, but the value is welcome when it comes.
            settle = (value) => this.#arriveLate(key, fetch, options, value);
            refuse = () => this.#giveUp(key, fetch);
          }
        }
      };
      if (signal.aborted) {
        onAbort();
      } else {
        signal.addEventListener('abort', onAbort, { once: true });
      }
      if (result instanceof Promise) {
        result.then(
          (value) => settle(value),
          (reason) => refuse(reason),
        );
      } else {
        settle(result);
      }
    });
  }

  /**
   * @param {any} key
   * @param {Fetch<any>} fetch
   * @param {any} options
   * @param {any} value
   * @param {boolean} late whether the fetch was aborted, and comes to its end all the same
   */
  #arrive(key, fetch, options, value, late) {
    const { put, store } = this.#target;
    const { signal } = fetch.controller;
    const { status } = options;
    const ignored = options.ignoreFetchAbort && value !== undefined;
    if (status) {
      if (signal.aborted && !late) {
        status.fetchAborted = true;
        status.fetchError = signal.reason;
        if (ignored) {
          status.fetchAbortIgnored = true;
        }
      } else {
        status.fetchResolved = true;
      }
    }
    if (signal.aborted && !ignored && !late) {
      const goesOn = options.ignoreFetchAbort || (options.allowStaleOnFetchAbort && value !== undefined);
      return this.#fail(key, fetch, options, signal.reason, goesOn);
    }
    const slot = store.find(key);
    if ((slot !== 0 && store.valueOf(slot) === fetch) || (slot === 0 && ignored && late)) {
      if (value !== undefined) {
        if (status) {
          status.fetchUpdated = true;
        }
        try {
          put(key, value, options, fetch);
        } catch (reason) {
          // Its size was refused, or a callback has thrown: it must not count as being under way for ever.
          return this.#reject(key, fetch, options, reason);
        }
      } else {
        this.#giveUp(key, fetch);
      }
    }
    return value;
  }

  /**
   * @param {any} key
   * @param {Fetch<any>} fetch that was aborted
   * @param {any} options
   * @param {any} value
   */
  #arriveLate(key, fetch, options, value) {
    try {
      this.#arrive(key, fetch, options, value, true);
    } catch {
      // Nobody waits who could be told; the status has it.
    }
  }

  /**
   * Nothing will come: what was there before is there again.
   *
   * @param {any} key
   * @param {Fetch<any>} fetch
   */
  #giveUp(key, fetch) {
    const { remove, store } = this.#target;
    const slot = store.find(key);
    if (slot !== 0 && store.valueOf(slot) === fetch) {
      if (fetch.stale === undefined) {
        remove(key);
      } else {
        store.exchange(slot, fetch.stale);
      }
    }
  }

  /**
   * @param {any} key
   * @param {Fetch<any>} fetch
   * @param {any} options
   * @param {any} reason
   */
  #reject(key, fetch, options, reason) {
    if (options.status) {
      options.status.fetchRejected = true;
      options.status.fetchError = reason;
    }
    return this.#fail(key, fetch, options, reason, false);
  }

  /**
   * @param {any} key
   * @param {Fetch<any>} fetch
   * @param {any} options
   * @param {any} reason
   * @param {boolean} goesOn whether a value may still come
   */
  #fail(key, fetch, options, reason, goesOn) {
    const { remove, store } = this.#target;
    const staleAtAbort = fetch.controller.signal.aborted && options.allowStaleOnFetchAbort;
    const stale = staleAtAbort || options.allowStaleOnFetchRejection;
    const slot = store.find(key);
    if (slot !== 0 && store.valueOf(slot) === fetch) {
      const kept = stale || options.noDeleteOnFetchRejection;
      if (!kept || (fetch.stale === undefined && !goesOn)) {
        remove(key);
      } else if (!staleAtAbort) {
        this.#giveUp(key, fetch);
      }
    }
    if (stale) {
      if (options.status && fetch.stale !== undefined) {
        options.status.returnedStale = true;
      }
      return fetch.stale;
    }
    if (fetch.awaited) {
      throw reason;
    }
  }
}

/**
 * What somebody gets who asks for what is being fetched.
 *
 * @param {Fetch<any>} fetch
 * @param {boolean} allowStale
 * @param {boolean} over whether the stale value is called so
 * @param {any} status
 */
function answer(fetch, allowStale, over, status) {
  const stale = allowStale && fetch.stale !== undefined;
  if (stale && over && status !== undefined) {
    status.returnedStale = true;
  }
  if (stale) {
    return fetch.stale;
  }
  fetch.awaited = true;
  return fetch.promise;
}

/**
 * Aborts with a signal that a caller has given.
 *
 * @param {AbortSignal | undefined} signal
 * @param {AbortController} controller
 * @returns {() => void} to be called in the end: the signal may live for longer than the fetch
 */
function follow(signal, controller) {
  if (signal === undefined || signal === null) {
    return () => {};
  }
  const onAbort = () => controller.abort(signal.reason);
  if (signal.aborted) {
    onAbort();
  } else {
    signal.addEventListener('abort', onAbort, { once: true });
  }
  return () => signal.removeEventListener('abort', onAbort);
}

module.exports = { Fetches };
