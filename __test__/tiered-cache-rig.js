'use strict';

const { EventEmitter } = require('node:events');
const { Cache } = require('..');
const { createTieredCacheClass } = require('../lib/tiered-cache/tiered-cache.js');
const { deferred, nextTurn } = require('./helper.js');
const { manualTimers } = require('./manual-timers.js');

/** A storage adapter that does as it is told: works, fails, or does not answer. */
class FakeStore extends EventEmitter {
  /** What it has, as it was given. */
  map = new Map();
  /** What was called, as `'get key'`. */
  calls = [];
  /** @type {unknown} */
  #failure = undefined;
  /** @type {ReturnType<typeof deferred> | undefined} */
  #pause = undefined;

  /** All calls reject with it, until `work()`. */
  fail(reason = new Error('the store is away')) {
    this.#failure = reason;
  }

  /** No call is answered until `work()`. */
  hang() {
    this.#pause ??= deferred();
  }

  work() {
    this.#failure = undefined;
    this.#pause?.resolve();
    this.#pause = undefined;
  }

  async #call(name, subject, answer) {
    this.calls.push(`${name} ${subject}`);
    await this.#pause?.promise;
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    return answer();
  }

  get(key) {
    return this.#call('get', key, () => this.map.get(key));
  }

  getMany(keys) {
    return this.#call('getMany', keys, () => keys.map((key) => this.map.get(key)));
  }

  set(key, value, ttl) {
    return this.#call('set', key, () => {
      this.map.set(key, value);
      this.ttl = ttl;
      return true;
    });
  }

  delete(key) {
    return this.#call('delete', key, () => this.map.delete(key));
  }

  deleteMany(keys) {
    return this.#call('deleteMany', keys, () => keys.map((key) => this.map.delete(key)));
  }

  clear() {
    return this.#call('clear', 'all', () => this.map.clear());
  }

  has(key) {
    return this.#call('has', key, () => this.map.has(key));
  }

  /** Puts a value there as another process would. */
  put(key, value, expires) {
    this.map.set(key, JSON.stringify({ value, expires }));
  }

  /** The value that is there. */
  value(key) {
    const text = this.map.get(key);
    return text === undefined ? undefined : JSON.parse(text).value;
  }
}

/** Publish and subscribe without a server; every message arrives a turn later. */
class FakeBus {
  messages = [];
  isAway = false;
  /** Subscriptions begun, or tried to. */
  attempts = 0;
  #subscriptions = new Set();

  async publish(message) {
    if (this.isAway) {
      throw new Error('the bus is away');
    }
    this.messages.push(JSON.parse(message));
    await nextTurn();
    for (const { onMessage } of this.#subscriptions) {
      onMessage(message);
    }
  }

  subscribe(onMessage, onLost) {
    this.attempts++;
    if (this.isAway) {
      return { ready: Promise.reject(new Error('the bus is away')), close() {} };
    }
    const subscription = { onMessage, onLost };
    const pings = { answered: true };
    this.#subscriptions.add(subscription);
    this.pings = pings;
    return {
      ready: nextTurn(),
      ping: () => (pings.answered ? nextTurn() : new Promise(() => {})),
      close: () => this.#subscriptions.delete(subscription),
    };
  }

  /** All subscriptions end. */
  lose() {
    const lost = [...this.#subscriptions];
    this.#subscriptions.clear();
    for (const subscription of lost) {
      subscription.onLost(new Error('lost'));
    }
  }

  get subscribers() {
    return this.#subscriptions.size;
  }
}

/** A tiered cache with a clock of its own over a store that does as it is told. */
function rig(t, { store = new FakeStore(), near = new Cache({ max: 1000 }), ...options } = {}) {
  const timers = manualTimers(() => 0.5);
  const TieredCache = createTieredCacheClass(timers);
  const cache = new TieredCache({ near, far: store, ...options });
  t.after(() => {
    store.work?.();
    return cache.close();
  });
  return { cache, store, near, timers };
}

/** Until everything that is about to happen by itself has happened. */
async function settled() {
  for (let turn = 0; turn < 5; turn++) {
    await nextTurn();
  }
}

module.exports = { FakeBus, FakeStore, rig, settled };
