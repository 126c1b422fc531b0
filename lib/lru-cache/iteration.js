'use strict';

const { ALL } = require('../cache/lru.js');
const { Fetch } = require('./fetch.js');

/**
 * What can be walked through of a Store: `back` from the entry that is evicted next, else from the one that was used last.
 *
 * One generator each, because one within another takes as long again.
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
  const walk = store.walk(back);
  try {
    for (let slot = walk.step(); slot !== ALL; slot = walk.step()) {
      const key = store.keyOf(slot);
      if (key !== undefined && shows(store, slot, allowStale)) {
        yield key;
      }
    }
  } finally {
    walk.stop();
  }
}

/**
 * @param {Store} store
 * @param {boolean} allowStale
 * @param {boolean} back
 */
function* valuesOf(store, allowStale, back) {
  const walk = store.walk(back);
  try {
    for (let slot = walk.step(); slot !== ALL; slot = walk.step()) {
      if (shows(store, slot, allowStale)) {
        yield store.valueOf(slot);
      }
    }
  } finally {
    walk.stop();
  }
}

/**
 * @param {Store} store
 * @param {boolean} allowStale
 * @param {boolean} back
 * @returns {Generator<[any, any], void>}
 */
function* entriesOf(store, allowStale, back) {
  const walk = store.walk(back);
  try {
    for (let slot = walk.step(); slot !== ALL; slot = walk.step()) {
      const key = store.keyOf(slot);
      if (key !== undefined && shows(store, slot, allowStale)) {
        yield [key, store.valueOf(slot)];
      }
    }
  } finally {
    walk.stop();
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
  const walk = store.walk(back);
  try {
    for (let slot = walk.step(); slot !== ALL; slot = walk.step()) {
      const value = store.settledValueOf(slot);
      if (value !== undefined && (allowStale || !store.isOver(slot))) {
        yield [store.keyOf(slot), value];
      }
    }
  } finally {
    walk.stop();
  }
}

/**
 * Whether an iterator shows what lies in a slot: nothing that is over, or being fetched.
 *
 * @param {Store} store
 * @param {number} slot
 * @param {boolean} allowStale
 */
function shows(store, slot, allowStale) {
  return (allowStale || !store.isOver(slot)) && !(store.valueOf(slot) instanceof Fetch);
}

module.exports = { entriesOf, keysOf, settledEntriesOf, valuesOf };
