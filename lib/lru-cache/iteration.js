'use strict';

const { Fetch } = require('./fetch.js');

/**
 * What can be walked through of a Store: `back` from the entry that is evicted next, else from the one that was used last.
 *
 * @typedef {import('./store.js').Store} Store
 */

/**
 * Keys, where there are values.
 *
 * @param {Store} store
 * @param {boolean} allowStale
 * @param {boolean} back
 */
function* keysOf(store, allowStale, back) {
  for (const slot of brought(store, allowStale, back)) {
    const key = store.keyOf(slot);
    if (key !== undefined) {
      yield key;
    }
  }
}

/**
 * @param {Store} store
 * @param {boolean} allowStale
 * @param {boolean} back
 */
function* valuesOf(store, allowStale, back) {
  for (const slot of brought(store, allowStale, back)) {
    yield store.valueOf(slot);
  }
}

/**
 * @param {Store} store
 * @param {boolean} allowStale
 * @param {boolean} back
 * @returns {Generator<[any, any], void>}
 */
function* entriesOf(store, allowStale, back) {
  for (const slot of brought(store, allowStale, back)) {
    const key = store.keyOf(slot);
    if (key !== undefined) {
      yield [key, store.valueOf(slot)];
    }
  }
}

/**
 * Keys and values, those values included that are to be replaced by a fetch under way.
 *
 * @param {Store} store
 * @param {boolean} allowStale
 * @param {boolean} back
 * @returns {Generator<[any, any], void>}
 */
function* settledEntriesOf(store, allowStale, back) {
  for (const slot of store.walk(back)) {
    const value = store.settledValueOf(slot);
    if (value !== undefined && (allowStale || !store.isOver(slot))) {
      yield [store.keyOf(slot), value];
    }
  }
}

/**
 * Slots of entries that are not being fetched.
 *
 * @param {Store} store
 * @param {boolean} allowStale
 * @param {boolean} back
 */
function* brought(store, allowStale, back) {
  for (const slot of store.walk(back)) {
    if ((allowStale || !store.isOver(slot)) && !(store.valueOf(slot) instanceof Fetch)) {
      yield slot;
    }
  }
}

module.exports = { entriesOf, keysOf, settledEntriesOf, valuesOf };
