'use strict';

/**
 * Entries as plain data.
 *
 * @typedef {import('../../lru-cache').LRUCache.Entry<any>} Entry
 */

/**
 * @param {import('./store.js').Store} store
 * @param {import('../../lru-cache').Perf} perf
 * @returns {[any, Entry][]} the one that is evicted next first
 */
function dumpOf(store, perf) {
  const { ages } = store;
  /** @type {[any, Entry][]} */
  const dump = [];
  for (const slot of store.order().toReversed()) {
    const key = store.keyOf(slot);
    const value = store.settledValueOf(slot);
    if (value !== undefined && key !== undefined) {
      /** @type {Entry} */
      const entry = { value };
      if (ages !== undefined) {
        entry.ttl = ages.ttlOf(slot);
        // On a clock that means the same elsewhere.
        entry.start = Math.floor(Date.now() - (perf.now() - ages.startOf(slot)));
      }
      dump.push([key, withSize(entry, store.sizeOf(slot))]);
    }
  }
  return dump;
}

/**
 * The options of a set for what comes from a dump.
 *
 * @param {Entry} entry
 * @param {import('../../lru-cache').Perf} perf
 */
function restored(entry, perf) {
  return entry.start ? { ...entry, start: perf.now() - (Date.now() - entry.start) } : entry;
}

/**
 * @param {import('./store.js').Store} store
 * @param {import('../../lru-cache').Perf} perf
 * @param {unknown} key
 * @returns {Entry | undefined}
 */
function infoOf(store, perf, key) {
  const slot = store.find(key);
  const value = slot === 0 ? undefined : store.settledValueOf(slot);
  if (value === undefined) {
    return undefined;
  }
  /** @type {Entry} */
  const entry = { value };
  const { ages } = store;
  if (ages !== undefined && ages.endOf(slot) !== Infinity) {
    entry.ttl = ages.ttlOf(slot) - (perf.now() - ages.startOf(slot));
    entry.start = Date.now();
  }
  return withSize(entry, store.sizeOf(slot));
}

/**
 * @param {Entry} entry
 * @param {number | undefined} size
 */
function withSize(entry, size) {
  if (size !== undefined) {
    entry.size = size;
  }
  return entry;
}

module.exports = { dumpOf, infoOf, restored };
