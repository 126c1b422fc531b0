'use strict';

const assert = require('node:assert/strict');
const peer = require('lru-cache');
const ours = require('heapwise/lru-cache');
const { manualTimers } = require('./manual-timers.js');

/**
 * lru-cache and ours side by side: on one clock, with the same options, asked the same.
 */

/**
 * Puts a clock in the place of `setTimeout` and `Date.now`, which lru-cache asks of the process.
 *
 * @returns {ReturnType<typeof manualTimers> & { restore(): void }}
 */
function clockOfProcess() {
  const timers = manualTimers(Math.random);
  const { setTimeout, clearTimeout } = globalThis;
  const { now } = Date;
  // As of Node: whole milliseconds, and one at least.
  globalThis.setTimeout = (fn, ms) => timers.setTimeout(fn, Math.max(1, Math.trunc(ms)));
  globalThis.clearTimeout = timers.clearTimeout;
  Date.now = () => 1_700_000_000_000 + timers.now();
  return Object.assign(timers, {
    restore() {
      Object.assign(globalThis, { setTimeout, clearTimeout });
      Date.now = now;
    },
  });
}

/**
 * A dump without the times of entries that have none: lru-cache has NaN there if the time of another entry is the first one.
 *
 * @param {any} cache
 */
function dumpOf(cache) {
  return cache
    .dump()
    .map(([key, { value, size, ttl, start }]) => [key, { value, size, ...(ttl > 0 && { ttl, start }) }]);
}

/** One of the two, and what its callbacks were told. */
class Twin {
  /** @type {Record<'dispose' | 'disposeAfter' | 'onInsert', any[][]>} */
  told = { dispose: [], disposeAfter: [], onInsert: [] };

  constructor(Class, options, callbacks, perf) {
    const listeners = callbacks.map((name) => [name, (...args) => void this.told[name].push(args)]);
    this.cache = new Class({ ...options, perf, ...Object.fromEntries(listeners) });
  }

  /**
   * @param {(cache: any, status: object) => unknown} operation
   * @returns what it returned or threw, what its status says, and what the cache looks like afterwards
   */
  do(operation) {
    const status = {};
    let result;
    try {
      result = operation(this.cache, status);
    } catch (thrown) {
      result = [thrown.constructor.name, thrown.message];
    }
    return { result: result === this.cache ? 'itself' : result, status: { ...status, cache: undefined } };
  }

  look() {
    const { cache, told } = this;
    // Has it tell afterwards what it keeps to itself, with noDisposeOnSet, until something is deleted.
    cache.delete('nobody has this key');
    this.told = { dispose: [], disposeAfter: [], onInsert: [] };
    return { size: cache.size, calculatedSize: cache.calculatedSize, dump: dumpOf(cache), told };
  }
}

class Twins {
  #twins;
  #clock;

  /**
   * @param {object} options
   * @param {string[]} callbacks
   * @param {ReturnType<typeof clockOfProcess>} clock
   */
  constructor(options, callbacks, clock) {
    this.#clock = clock;
    const perf = { now: clock.now };
    this.#twins = [peer, ours].map(({ LRUCache }) => new Twin(LRUCache, options, callbacks, perf));
  }

  /**
   * Does something with both, and asserts that there is no difference.
   *
   * @param {string} name shown when there is one
   * @param {(cache: any, status: object) => unknown} operation
   */
  do(name, operation) {
    const [wanted, got] = this.#twins.map((twin) => twin.do(operation));
    assert.deepEqual(got, wanted, name);
    this.#compare(name);
    return got.result;
  }

  /** @param {number} ms */
  advance(ms) {
    this.#clock.advance(ms);
    this.#compare(`advance(${ms})`, (told) => {
      // What ends in the same millisecond goes in any order.
      const nameOf = (key) => `${String(key)} ${JSON.stringify(key)}`;
      for (const name of ['dispose', 'disposeAfter']) {
        told[name].sort(([, a], [, b]) => (nameOf(a) < nameOf(b) ? -1 : 1));
      }
    });
  }

  #compare(name, sort = () => {}) {
    const [wanted, got] = this.#twins.map((twin) => twin.look());
    sort(wanted.told);
    sort(got.told);
    assert.deepEqual(got, wanted, name);
  }
}

module.exports = { Twins, clockOfProcess, dumpOf };
