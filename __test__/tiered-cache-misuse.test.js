'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { Cache, SharedCache, TieredCache } = require('..');
const {
  NOT_FUNCTIONS,
  NOT_NUMBERS,
  NOT_OBJECTS,
  NOT_STRINGS,
  assertCode,
  assertRejects,
} = require('./helper.js');
const { FakeBus, FakeStore, rig } = require('./tiered-cache-rig.js');

const near = new Cache({ max: 10 });
const far = new FakeStore();

describe('a tiered cache that cannot be', () => {
  it('without tiers, or with what are none', () => {
    for (const options of NOT_OBJECTS) {
      assertCode(() => new TieredCache(options), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError, options);
      assertCode(
        () => new TieredCache({ near: options, far }),
        'ERR_HEAPWISE_INVALID_ARG_TYPE',
        TypeError,
        options,
      );
      assertCode(
        () => new TieredCache({ near, far: options }),
        'ERR_HEAPWISE_INVALID_ARG_TYPE',
        TypeError,
        options,
      );
    }
    assertCode(() => new TieredCache(), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError);
    // Its entries would never go.
    assertCode(() => new TieredCache({ near, far: new Map() }), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError);
  });

  it('with an option that is misspelt', () => {
    const { message } = assertCode(
      () => new TieredCache({ near, far, tll: 1 }),
      'ERR_HEAPWISE_UNKNOWN_OPTION',
      TypeError,
    );
    assert.match(message, /did you mean "ttl"/);
    for (const options of [{ breaker: { failure: 1 } }, { invalidation: { chanel: 'a' } }]) {
      assertCode(
        () => new TieredCache({ near, far, ...options }),
        'ERR_HEAPWISE_UNKNOWN_OPTION',
        TypeError,
        options,
      );
    }
  });

  it('with a number that is none, or out of range', () => {
    const names = ['ttl', 'nearTtl', 'staleIfError', 'timeout', 'maxInFlight', 'writeBehind', 'maxKept'];
    const ofBreaker = ['failures', 'window', 'cooldown', 'maxCooldown'];
    for (const value of NOT_NUMBERS) {
      for (const options of [
        ...names.map((name) => ({ [name]: value })),
        ...ofBreaker.map((name) => ({ breaker: { [name]: value } })),
        { invalidation: { heartbeat: value } },
      ]) {
        assertCode(
          () => new TieredCache({ near, far, ...options }),
          'ERR_HEAPWISE_INVALID_ARG_TYPE',
          TypeError,
          options,
        );
      }
    }
    for (const options of [
      ...names.map((name) => ({ [name]: -1 })),
      ...names.map((name) => ({ [name]: NaN })),
      ...ofBreaker.map((name) => ({ breaker: { [name]: 0 } })),
      { timeout: 0 },
      { timeout: 2 ** 31 },
      { staleIfError: Infinity },
      { maxInFlight: 1.5 },
      { invalidation: { heartbeat: 0 } },
    ]) {
      assertCode(
        () => new TieredCache({ near, far, ...options }),
        'ERR_HEAPWISE_INVALID_ARG_VALUE',
        RangeError,
        options,
      );
    }
  });

  it('with a channel or a bus that is none', () => {
    for (const channel of NOT_STRINGS) {
      const options = { invalidation: { channel } };
      assertCode(
        () => new TieredCache({ near, far, ...options }),
        'ERR_HEAPWISE_INVALID_ARG_TYPE',
        TypeError,
        channel,
      );
    }
    for (const bus of [null, {}, { publish() {} }]) {
      const options = { invalidation: { bus } };
      assertCode(
        () => new TieredCache({ near, far, ...options }),
        'ERR_HEAPWISE_INVALID_ARG_TYPE',
        TypeError,
        bus,
      );
    }
  });
});

describe('a call that cannot be', () => {
  it('for what is no key', async (t) => {
    const { cache, store } = rig(t);
    const calls = [
      (key) => cache.get(key),
      (key) => cache.getMany([key]),
      (key) => cache.has(key),
      (key) => cache.set(key, 1),
      (key) => cache.delete(key),
      (key) => cache.getOrLoad(key, () => 1),
    ];
    for (const call of calls) {
      for (const key of [undefined, ...NOT_STRINGS]) {
        await assertRejects(call(key), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError);
      }
      await assertRejects(call(''), 'ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError);
    }
    await assertRejects(cache.getMany('key'), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError);
    assert.deepEqual(store.calls, []);
  });

  it('with a value or an option that cannot be, which leaves the old value', async (t) => {
    const { cache } = rig(t);
    await cache.set('key', 'old');
    for (const value of [undefined, () => {}, Symbol('value')]) {
      await assertRejects(cache.set('key', value), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError);
    }
    await assertRejects(cache.set('key', 1, { ttl: -1 }), 'ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError);
    await assertRejects(cache.set('key', 1, { tags: [] }), 'ERR_HEAPWISE_UNKNOWN_OPTION', TypeError);
    assert.equal(await cache.get('key'), 'old');
  });

  it('with no load function, or an option that is none', async (t) => {
    const { cache } = rig(t);
    for (const load of NOT_FUNCTIONS) {
      await assertRejects(cache.getOrLoad('key', load), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError);
    }
    for (const [options, code, Base] of [
      [{ negativeTtl: -1 }, 'ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError],
      [{ timeout: 0 }, 'ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError],
      [{ signal: {} }, 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError],
      [{ staleIfErrors: 1 }, 'ERR_HEAPWISE_UNKNOWN_OPTION', TypeError],
    ]) {
      await assertRejects(
        cache.getOrLoad('key', () => 1, options),
        code,
        Base,
      );
    }
  });

  it('after close(), which may come twice', async (t) => {
    const bus = new FakeBus();
    const { cache, near: own } = rig(t, { invalidation: { bus } });
    await cache.ready();
    assert.equal(bus.subscribers, 1);
    const closed = cache.close();
    assert.equal(cache.close(), closed);
    await closed;
    await cache[Symbol.asyncDispose]();
    assert.equal(bus.subscribers, 0);
    const calls = [
      cache.get('key'),
      cache.getMany(['key']),
      cache.has('key'),
      cache.set('key', 1),
      cache.delete('key'),
      cache.clear(),
      cache.getOrLoad('key', () => 1),
    ];
    for (const call of calls) {
      await assertRejects(call, 'ERR_HEAPWISE_CACHE_CLOSED', Error);
    }
    await cache.ready();
    assert.equal(cache.stats().invalidation.state, 'down');
    // Its tiers are others' affair.
    own.set('key', 1);
  });

  it('to a near tier that does not take the value, which the far tier does not get either', async (t) => {
    const shared = new SharedCache({ maxBytes: 2 ** 20 });
    t.after(() => shared.close());
    const { cache, store } = rig(t, { near: shared });
    await assertRejects(cache.set('key', { no: 'codec' }), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError);
    assert.deepEqual(store.calls, []);
  });
});

describe('a listener that throws', () => {
  it('is an uncaught exception, not a failure of who asked', async (t) => {
    const { cache, store } = rig(t);
    const thrown = new Error('by a listener');
    cache.on('failure', () => {
      throw thrown;
    });
    store.fail();
    const caught = [];
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => caught.push(error));
    try {
      assert.equal(await cache.get('key'), undefined);
      await new Promise(setImmediate);
    } finally {
      process.removeAllListeners('uncaughtException');
      others.forEach((listener) => process.on('uncaughtException', listener));
    }
    assert.deepEqual(caught, [thrown]);
  });
});
