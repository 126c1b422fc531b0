'use strict';

const { valueOf } = require('../../http-cache/fields.js');
const { selection, union } = require('../../http-cache/vary.js');

/** For how long it is remembered that a response was not for others. Milliseconds. */
const REMEMBERED = 30_000;
const ENCODING = 'accept-encoding';

/**
 * What is stored, by URL and by what the response says that it varies with.
 *
 * Under the key of a URL there is its response, or the names of the selecting fields. In the latter case the response
 * lies under key and selection. Where it varies with Accept-Encoding, clients that ask differently get the same bytes: a
 * selection leads to the key of the coding that it got, so that bodies are stored once for each coding.
 */
class Library {
  #store;
  #normalize;
  /** Runs of handlers whose answers may be stored. @type {Set<import('./run.js').Run>} */
  runs = new Set();
  /** Bytes that they have copied. */
  copying = 0;

  /**
   * @param {import('./store.js').Store} store
   * @param {Record<string, (value: string) => string>} normalize
   */
  constructor(store, normalize) {
    this.#store = store;
    this.#normalize = normalize;
  }

  /**
   * @param {string} key
   * @param {Record<string, string | undefined>} headers
   * @returns {import('./store.js').Entry | undefined} without a response if it was not for others last time
   */
  find(key, headers) {
    const entry = this.#store.get(key);
    if (entry?.vary === undefined) {
      return entry;
    }
    const selected = this.#store.get(key + selection(entry.vary, headers, this.#normalize));
    return selected?.alias === undefined ? selected : this.#store.get(selected.alias);
  }

  /**
   * The key of what a request selects, as far as that is known.
   *
   * @param {string} key
   * @param {Record<string, string | undefined>} headers
   */
  selected(key, headers) {
    const vary = this.#store.get(key)?.vary;
    return vary === undefined ? key : key + selection(vary, headers, this.#normalize);
  }

  /**
   * @param {{ req: any, url: string, key: string }} request
   * @param {import('../../http-cache/stored-response.js').StoredResponse} response
   * @returns {boolean} false if it cannot be stored
   */
  save({ req, url, key }, response) {
    const { groups, vary } = response.terms;
    const ttl = response.keptFor(this.#store.now());
    const before = this.#store.get(key)?.vary ?? [];
    const names = union(before, vary);
    if (names === undefined) {
      return false;
    }
    if (names.length === 0) {
      return this.#store.set(key, { response, url, groups }, ttl);
    }
    if (names.length !== before.length) {
      this.#store.set(key, { vary: names, url });
    }
    const selected = key + selection(names, req.headers, this.#normalize);
    if (!names.includes(ENCODING)) {
      return this.#store.set(selected, { response, url, groups }, ttl);
    }
    const others = names.filter((name) => name !== ENCODING);
    const coding = valueOf(response.fields, 'content-encoding') ?? 'identity';
    // No selection has a line that begins like this one.
    const alias = `${key}${selection(others, req.headers, this.#normalize)}\n=${coding}`;
    return (
      this.#store.set(alias, { response, url, groups }, ttl) && this.#store.set(selected, { alias, url })
    );
  }

  /**
   * Remembers that a response was not for others, unless there is one.
   *
   * @param {string} key
   * @param {Record<string, string | undefined>} headers
   * @param {string} url
   */
  mark(key, headers, url) {
    const selected = this.selected(key, headers);
    if (this.#store.get(selected) === undefined) {
      this.#store.set(selected, { url }, REMEMBERED);
    }
  }

  /** @param {string} url path and query */
  deleteUrl(url) {
    for (const run of this.runs) {
      if (run.url === url) {
        run.outdate();
      }
    }
    return this.#store.deleteUrl(url);
  }

  /** @param {string} group */
  deleteGroup(group) {
    // To which groups they will belong is not known.
    this.#outdateAll();
    return this.#store.deleteGroup(group);
  }

  clear() {
    this.#outdateAll();
    this.#store.clear();
  }

  close() {
    this.#outdateAll();
    this.#store.close();
  }

  stats() {
    return this.#store.stats();
  }

  #outdateAll() {
    for (const run of this.runs) {
      run.outdate();
    }
  }
}

module.exports = { Library };
