'use strict';

const { error } = require('../errors.js');
const { decode, encode } = require('./envelope.js');

/**
 * The far tier as one thing: a Keyv, or a storage adapter by itself. It may throw, and return promises or not.
 *
 * @typedef {import('./envelope.js').Entry} Entry
 * @typedef {{
 *   adapter: any,
 *   get: (key: string) => Promise<Entry | undefined>,
 *   getMany: (keys: string[]) => Promise<(Entry | undefined)[]>,
 *   set: (key: string, entry: Entry) => Promise<unknown>,
 *   delete: (key: string) => Promise<boolean>,
 *   deleteMany: (keys: string[]) => Promise<unknown>,
 *   clear: () => Promise<unknown>,
 *   has: (key: string) => Promise<boolean>,
 *   onError: (listener: (error: unknown) => void) => () => void,
 * }} Far `adapter` is where a way to tell other processes may be found; `set` says false if it has not stored; `onError`
 *   returns what takes the listener off again
 */

/** What was read is not what anybody has stored: it cannot be decoded, or is no entry. */
class Corrupt extends Error {}

/**
 * @param {any} store
 * @returns {Far}
 */
function farOf(store) {
  const wanted = ['get', 'set', 'delete', 'clear'];
  if (
    store === null ||
    typeof store !== 'object' ||
    store instanceof Map ||
    wanted.some((name) => typeof store[name] !== 'function')
  ) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'far', 'a Keyv or a storage adapter of Keyv', store);
  }
  const isKeyv = typeof store.getRaw === 'function' && typeof store.getManyRaw === 'function';
  const adapter = isKeyv ? store.store : store;
  return {
    adapter,
    ...(isKeyv ? keyvFar(store) : adapterFar(store)),
    onError: (listener) => listen(isKeyv ? [store, adapter] : [store], listener),
  };
}

/** @param {any} keyv */
function keyvFar(keyv) {
  return {
    get: async (/** @type {string} */ key) => checked(await keyv.getRaw(key)),
    getMany: async (/** @type {string[]} */ keys) => (await keyv.getManyRaw(keys)).map(checked),
    set: async (/** @type {string} */ key, /** @type {Entry} */ { value, expires }) =>
      keyv.set(key, value, expires === undefined ? undefined : Math.max(1, expires - Date.now())),
    delete: async (/** @type {string} */ key) => keyv.delete(key),
    deleteMany: async (/** @type {string[]} */ keys) => keyv.delete(keys),
    clear: async () => keyv.clear(),
    has: async (/** @type {string} */ key) => keyv.has(key),
  };
}

/** @param {any} adapter */
function adapterFar(adapter) {
  // Adapters for Keyv 6 take a point in time, those before it milliseconds to live.
  const absolute = adapter.capabilities?.expires === true;
  /** @param {string} key */
  const get = async (key) => opened(await adapter.get(key));
  return {
    get,
    getMany: async (/** @type {string[]} */ keys) =>
      adapter.getMany === undefined
        ? Promise.all(keys.map(get))
        : (await adapter.getMany(keys)).map((/** @type {unknown} */ row) => opened(row)),
    set: async (/** @type {string} */ key, /** @type {Entry} */ entry) => {
      const { expires } = entry;
      const time = expires === undefined || absolute ? expires : Math.max(1, expires - Date.now());
      return adapter.set(key, encode(entry), time);
    },
    delete: async (/** @type {string} */ key) => adapter.delete(key),
    deleteMany: async (/** @type {string[]} */ keys) =>
      adapter.deleteMany === undefined
        ? Promise.all(keys.map(async (key) => adapter.delete(key)))
        : adapter.deleteMany(keys),
    clear: async () => adapter.clear(),
    has: async (/** @type {string} */ key) =>
      adapter.has === undefined ? (await get(key)) !== undefined : adapter.has(key),
  };
}

/** @param {unknown} row as an adapter returns it */
function opened(row) {
  return checked(typeof row === 'string' ? decode(row) : row);
}

/**
 * @param {any} row
 * @returns {Entry | undefined} undefined also where its time is over
 */
function checked(row) {
  if (row === undefined || row === null) {
    return undefined;
  }
  const { value, expires } = row;
  const isTime = expires === undefined || expires === null || typeof expires === 'number';
  if (typeof row !== 'object' || value === undefined || !isTime) {
    throw new Corrupt('no entry of Keyv');
  }
  return typeof expires === 'number' && expires <= Date.now()
    ? undefined
    : { value, expires: expires ?? undefined };
}

/**
 * Whether what was thrown is about one value, which cannot be decoded, or encoded. Networks throw none of these: the
 * TypeError of a `fetch` that has failed has a cause.
 *
 * @param {unknown} thrown
 */
function isAboutValue(thrown) {
  const isPlain = thrown instanceof TypeError && thrown.cause === undefined;
  return isPlain || thrown instanceof Corrupt || thrown instanceof SyntaxError;
}

/**
 * @param {any[]} emitters
 * @param {(error: unknown) => void} listener
 */
function listen(emitters, listener) {
  const given = emitters.filter((emitter) => typeof emitter?.on === 'function');
  for (const emitter of given) {
    emitter.on('error', listener);
  }
  return () => {
    for (const emitter of given) {
      (emitter.off ?? emitter.removeListener)?.call(emitter, 'error', listener);
    }
  };
}

module.exports = { farOf, isAboutValue };
