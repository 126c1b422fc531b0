'use strict';

/** What a near tier throws for a value that it has no room for: it does without, the far tier may have it. */
const NO_ROOM = new Set(['ERR_HEAPWISE_SHARED_CACHE_TOO_LARGE', 'ERR_HEAPWISE_SHARED_CACHE_MEMORY']);

/**
 * A value on its way to whoever asked.
 *
 * @typedef {{ value: any, expires: number | undefined, isFar: boolean, isNear: boolean }} Loaded `expires` in milliseconds since
 *   1970; whether the far tier had it; whether the near tier has it, or is not to have it
 */

/**
 * The near tier: a Cache or a SharedCache, and what a Loader asks of the store that it loads for.
 */
class Near {
  /** Values that it did not take. */
  refused = 0;
  #cache;
  #most;

  /**
   * @param {any} cache
   * @param {number} most milliseconds that it keeps a value
   * @param {() => number} now
   */
  constructor(cache, most, now) {
    this.#cache = cache;
    this.#most = most;
    this.now = now;
  }

  /** @param {string} key */
  get(key) {
    return this.#cache.get(key);
  }

  /** @param {string} key */
  has(key) {
    return this.#cache.has(key);
  }

  /** @param {string} key @returns {boolean} */
  delete(key) {
    return this.#cache.delete(key);
  }

  clear() {
    this.#cache.clear();
  }

  stats() {
    return this.#cache.stats();
  }

  /**
   * Stores what a user has set. Throws what the cache throws, unless it has no room.
   *
   * @param {string} key
   * @param {unknown} value
   * @param {number | undefined} expires
   */
  set(key, value, expires) {
    const left = expires === undefined ? Infinity : expires - Date.now();
    if (left <= 0) {
      this.#cache.delete(key);
      return;
    }
    const ttl = Math.min(left, this.#most);
    try {
      // Without a time to live it has the cache's own.
      this.#cache.set(key, value, ttl === Infinity ? undefined : { ttl });
    } catch (/** @type {any} */ thrown) {
      if (!NO_ROOM.has(thrown?.code)) {
        throw thrown;
      }
      this.refused++;
      this.#cache.delete(key);
    }
  }

  /**
   * Stores what the far tier, or a load, has brought: whoever waits for it gets it in any case.
   *
   * @param {string} key
   * @param {unknown} value
   * @param {number | undefined} expires
   */
  fill(key, value, expires) {
    try {
      this.set(key, value, expires);
    } catch {
      this.refused++;
    }
  }

  // What follows is for the Loader. Its counts have no room: they have in them the loads that the far tier answers.
  counters = new Float64Array(0);

  /** @param {string} key @param {Loaded} loaded */
  put(key, { value, expires, isNear }) {
    if (!isNear) {
      this.fill(key, value, expires);
    }
  }

  missed() {}

  notify() {}
}

module.exports = { Near };
