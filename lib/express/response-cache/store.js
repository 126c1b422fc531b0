'use strict';

/**
 * Where responses are kept: by key, within a budget of bytes. Values are plain data and no functions, so that another
 * store may keep them as bytes. This one is a Cache of heapwise, with indexes of what is to be invalidated together.
 *
 * @typedef {import('../../http-cache/stored-response.js').StoredResponse} StoredResponse
 *
 * @typedef {object} Entry
 * @property {StoredResponse | undefined} response if it is one
 * @property {readonly string[] | undefined} vary names of the fields that select one of several responses
 * @property {string | undefined} alias the key under which the response is
 * @property {string} url path and query
 * @property {readonly string[]} groups those that it belongs to
 */

/** What an entry takes that is no response. */
const SMALL = 400;
/** What a place in the index of a group takes. */
const PLACE = 100;

/** Keys by name. Most names have one key, for which a Set would be much. */
class Index {
  /** @type {Map<string, string | Set<string>>} */
  #keys = new Map();

  /**
   * @param {string} name
   * @returns {Iterable<string>}
   */
  get(name) {
    const keys = this.#keys.get(name) ?? [];
    return typeof keys === 'string' ? [keys] : keys;
  }

  /**
   * @param {string} name
   * @param {string} key
   */
  add(name, key) {
    const keys = this.#keys.get(name);
    if (keys === undefined) {
      this.#keys.set(name, key);
    } else if (typeof keys !== 'string') {
      keys.add(key);
    } else if (keys !== key) {
      this.#keys.set(name, new Set([keys, key]));
    }
  }

  /**
   * @param {string} name
   * @param {string} key
   */
  remove(name, key) {
    const keys = this.#keys.get(name);
    if (keys === key || (typeof keys === 'object' && keys.delete(key) && keys.size === 0)) {
      this.#keys.delete(name);
    }
  }
}

class Store {
  /** @type {any} */
  #cache;
  #byUrl = new Index();
  #byGroup = new Index();
  #now;

  /**
   * @param {any} Cache
   * @param {{ maxBytes: number, now: () => number }} settings
   */
  constructor(Cache, { maxBytes, now }) {
    this.#now = now;
    this.#cache = new Cache({
      maxSize: maxBytes,
      policy: 'lru',
      now,
      // Also of an entry that another one replaces, before that one is added to the indexes.
      onEvict: (/** @type {string} */ key, /** @type {Entry} */ entry) => this.#forget(key, entry),
    });
  }

  /**
   * @param {string} key
   * @returns {Entry | undefined}
   */
  get(key) {
    return this.#cache.get(key);
  }

  /**
   * @param {string} key
   * @param {Partial<Entry> & { url: string }} given
   * @param {number} [ttl] milliseconds; for ever without
   * @returns {boolean} false if it takes more than there is room for
   */
  set(key, { response, vary, alias, url, groups = [] }, ttl = Infinity) {
    /** @type {Entry} */
    const entry = { response, vary, alias, url, groups };
    let size = key.length + (response === undefined ? SMALL + (alias?.length ?? 0) : response.bytes);
    for (const group of groups) {
      size += group.length + PLACE;
    }
    if (!this.#cache.set(key, entry, { ttl, size })) {
      return false;
    }
    this.#byUrl.add(url, key);
    for (const group of groups) {
      this.#byGroup.add(group, key);
    }
    return true;
  }

  /**
   * Everything of a URL.
   *
   * @param {string} url path and query
   */
  deleteUrl(url) {
    return this.#deleteAll(this.#byUrl.get(url));
  }

  /** @param {string} group */
  deleteGroup(group) {
    return this.#deleteAll(this.#byGroup.get(group));
  }

  clear() {
    this.#cache.clear();
  }

  close() {
    this.#cache.close();
  }

  stats() {
    const { entries, totalSize, maxSize, evictions, expirations } = this.#cache.stats();
    return { entries, bytes: totalSize, maxBytes: maxSize, evictions, expirations };
  }

  now() {
    return this.#now();
  }

  /** @param {Iterable<string>} keys */
  #deleteAll(keys) {
    let deleted = 0;
    for (const key of keys) {
      deleted += this.#cache.delete(key) ? 1 : 0;
    }
    return deleted;
  }

  /**
   * @param {string} key
   * @param {Entry} entry
   */
  #forget(key, { url, groups }) {
    this.#byUrl.remove(url, key);
    for (const group of groups) {
      this.#byGroup.remove(group, key);
    }
  }
}

module.exports = { Store };
