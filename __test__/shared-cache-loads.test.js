'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { setTimeout: delay } = require('node:timers/promises');
const { SharedCache } = require('..');
const { createSharedCacheClass } = require('../lib/shared-cache/shared-cache.js');
const binding = require('../lib/binding.js');
const {
  NOT_FUNCTIONS,
  NOT_NUMBERS,
  NOT_OBJECTS,
  assertCode,
  assertRejects,
  deferred,
  nextTurn,
} = require('./helper.js');
const { manualTimers } = require('./manual-timers.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const UNKNOWN = 'ERR_HEAPWISE_UNKNOWN_OPTION';
const CLOSED = 'ERR_HEAPWISE_CACHE_CLOSED';
const TIMEOUT = 'ERR_HEAPWISE_CACHE_LOAD_TIMEOUT';
const CODEC = 'ERR_HEAPWISE_SHARED_CACHE_CODEC';
const maxBytes = 4 << 20;

/** A cache that is closed with the test. */
function open(t, options, Class = SharedCache) {
  const cache = new Class({ maxBytes, ...options });
  t.after(() => cache.close());
  return cache;
}

const never = () => assert.fail('it need not be loaded');

describe('misuse of getOrLoad of a shared cache', () => {
  it('is refused at once, and nothing is loaded', (t) => {
    const cache = open(t);
    for (const load of NOT_FUNCTIONS) {
      assertCode(() => cache.getOrLoad('a', load), TYPE, TypeError, load);
    }
    for (const key of [undefined, null, 5, {}, Symbol('a')]) {
      assertCode(() => cache.getOrLoad(key, never), TYPE, TypeError, key);
    }
    for (const key of ['', 'x'.repeat(65_536), Buffer.alloc(0)]) {
      assertCode(() => cache.getOrLoad(key, never), VALUE, RangeError, key.length);
    }
    for (const options of NOT_OBJECTS) {
      assertCode(() => cache.getOrLoad('a', never, options), TYPE, TypeError, options);
    }
    for (const name of ['size', 'earlyRefresh', 'tag']) {
      assertCode(() => cache.getOrLoad('a', never, { [name]: 1 }), UNKNOWN, TypeError, name);
    }
    const times = ['ttl', 'negativeTtl', 'errorTtl', 'staleWhileRevalidate', 'staleIfError', 'timeout'];
    for (const name of times) {
      for (const number of NOT_NUMBERS) {
        assertCode(() => cache.getOrLoad('a', never, { [name]: number }), TYPE, TypeError, name);
      }
      for (const number of [-1, NaN]) {
        assertCode(() => cache.getOrLoad('a', never, { [name]: number }), VALUE, RangeError, name);
      }
    }
    assertCode(() => cache.getOrLoad('a', never, { signal: {} }), TYPE, TypeError);
    assertCode(() => cache.getOrLoad('a', never, { tags: 'x' }), TYPE, TypeError);
    assertCode(() => cache.getOrLoad('a', never, { tags: ['x'.repeat(20_000)] }), VALUE, RangeError);
    assert.equal(cache.stats().loads, 0);
    cache.close();
    assertCode(() => cache.getOrLoad('a', never), CLOSED, Error);
  });

  it('that the codec cannot store is what its callers are told', async (t) => {
    const cache = open(t);
    await assertRejects(
      cache.getOrLoad('a', () => ({})),
      TYPE,
      TypeError,
    );
    const failing = open(t, { codec: { encode: () => 5, decode: String } });
    await assertRejects(
      failing.getOrLoad('a', () => ({})),
      CODEC,
      Error,
    );
    assert.equal(await failing.getOrLoad('a', () => 'text'), 'text', 'the next one loads again');
    assert.deepEqual([failing.stats().loads, failing.stats().loadErrors], [2, 1]);
  });
});

describe('getOrLoad of a shared cache', () => {
  it('loads once for all who ask meanwhile, and returns what is there afterwards', async (t) => {
    const cache = open(t);
    const { promise, resolve } = deferred();
    let calls = 0;
    const load = (key, { signal }) => {
      assert.equal(key, 'key');
      assert.ok(signal instanceof AbortSignal);
      calls++;
      return promise;
    };
    const all = [1, 2, 3].map(() => cache.getOrLoad('key', load));
    resolve('value');
    assert.deepEqual(await Promise.all(all), ['value', 'value', 'value']);
    assert.equal(await cache.getOrLoad('key', never), 'value');
    assert.equal(cache.get('key'), 'value');
    const { hits, misses, loads, sets } = cache.stats();
    assert.deepEqual([calls, hits, misses, loads, sets], [1, 2, 3, 1, 1]);
  });

  it('stores and returns values of all kinds', async (t) => {
    const cache = open(t, { codec: 'json' });
    const values = ['text', 'ш', Buffer.from('bytes'), new Float64Array([1, 2]), { a: [1] }, 5, true, null];
    for (const [index, value] of values.entries()) {
      for (const key of [`key ${index}`, Buffer.from([0xff, index])]) {
        assert.deepEqual(await cache.getOrLoad(key, async () => value), value);
        assert.deepEqual(await cache.getOrLoad(key, never), value);
        assert.deepEqual(cache.get(key), value);
      }
    }
    const plain = open(t);
    for (const nothing of [undefined, null]) {
      assert.equal(await plain.getOrLoad(`${nothing}`, () => nothing), nothing);
      assert.equal(await plain.getOrLoad(`${nothing}`, never), nothing);
      assert.deepEqual([plain.get(`${nothing}`), plain.has(`${nothing}`)], [nothing, true]);
      assert.equal(plain.getBuffer(`${nothing}`), undefined);
      assert.equal(plain.getInto(`${nothing}`, Buffer.alloc(5)), undefined);
    }
  });

  it('is not confused by a key in memory that changes while it is loaded', async (t) => {
    const cache = open(t);
    const key = Buffer.from('one');
    const { promise, resolve } = deferred();
    const loaded = cache.getOrLoad(key, () => promise);
    key.write('two');
    resolve('value');
    assert.equal(await loaded, 'value');
    assert.deepEqual([cache.get('one'), cache.get('two')], ['value', undefined]);
    assert.equal(await cache.getOrLoad('one', never), 'value');
  });

  it('passes on what the load throws, and the next call loads again', async (t) => {
    const cache = open(t);
    const reason = new Error('no');
    const both = [cache.getOrLoad('a', () => Promise.reject(reason)), cache.getOrLoad('a', never)];
    for (const promise of both) {
      await assert.rejects(promise, reason);
    }
    const thrown = cache.getOrLoad('a', () => {
      throw reason;
    });
    await assert.rejects(thrown, reason);
    assert.equal(await cache.getOrLoad('a', () => 'value'), 'value');
    const { loads, loadErrors } = cache.stats();
    assert.deepEqual([loads, loadErrors], [3, 2]);
  });

  it('does not keep what was loaded where something newer was set, but its callers get it', async (t) => {
    const cache = open(t);
    const changes = {
      set: [() => cache.set('a', 'newer'), 'newer'],
      'set with tags': [() => cache.set('a', 'newer', { tags: ['y'] }), 'newer'],
      delete: [() => cache.delete('a'), undefined],
      clear: [() => cache.clear(), undefined],
      invalidateTag: [() => assert.ok(cache.invalidateTag('x')), undefined],
      deletePrefix: [() => cache.deletePrefix('a'), undefined],
    };
    for (const [name, [change, left]] of Object.entries(changes)) {
      cache.clear();
      const { promise, resolve } = deferred();
      const before = cache.getOrLoad('a', () => promise, { tags: ['x'] });
      await change();
      const after = cache.getOrLoad('a', () => 'second', { tags: ['x'] });
      assert.equal(await after, left ?? 'second', name);
      resolve('first');
      assert.equal(await before, 'first', name);
      assert.equal(cache.get('a'), left ?? 'second', name);
    }
  });

  it('of its own key at once, in the load function, loads that and does not wait for itself', async (t) => {
    const cache = open(t);
    const value = await cache.getOrLoad('a', () => cache.getOrLoad('a', () => 'inner'));
    assert.equal(value, 'inner');
    assert.equal(cache.get('a'), 'inner');
  });

  it('gives its callers what the cache is too small for', async (t) => {
    const cache = open(t);
    const large = Buffer.alloc(maxBytes, 7);
    const both = await Promise.all([cache.getOrLoad('a', () => large), cache.getOrLoad('a', never)]);
    assert.ok(both.every((value) => value === large));
    assert.equal(cache.has('a'), false);
  });

  it('has its tags and its time to live', async (t) => {
    const cache = open(t, { ttl: 60_000 });
    await cache.getOrLoad('a', () => 'value', { tags: ['x'] });
    assert.equal(cache.invalidateTag('x'), true);
    assert.equal(await cache.getOrLoad('a', () => 'again', { ttl: 1 }), 'again');
    await delay(5);
    assert.equal(cache.has('a'), false);
    assert.equal(await cache.getOrLoad('a', () => 'ever', { ttl: Infinity, tags: ['x'] }), 'ever');
    assert.equal(cache.invalidateTag('x'), true);
  });
});

describe('who waits for a load of a shared cache', () => {
  it('does so for his own time only, and the load goes on', async (t) => {
    const timers = manualTimers(() => 0.5);
    const cache = open(t, {}, createSharedCacheClass({ binding, timers }));
    const { promise, resolve } = deferred();
    const short = cache.getOrLoad('a', () => promise, { timeout: 10 });
    const long = cache.getOrLoad('a', never, { timeout: 100 });
    timers.advance(10);
    await assertRejects(short, TIMEOUT, Error);
    resolve('value');
    assert.equal(await long, 'value');
    await nextTurn();
    assert.equal(timers.planned, 0);
    assert.equal(cache.get('a'), 'value');
  });

  it('may leave, and when the last one has gone the load is aborted and forgotten', async (t) => {
    const cache = open(t);
    const controllers = [new AbortController(), new AbortController()];
    const { promise, resolve } = deferred();
    let signal;
    const load = (_key, context) => {
      ({ signal } = context);
      return promise;
    };
    const [first, second] = controllers.map((controller) =>
      cache.getOrLoad('a', load, { signal: controller.signal }),
    );
    controllers[0].abort(new Error('first'));
    await assert.rejects(first, /first/);
    assert.equal(signal.aborted, false);
    controllers[1].abort(new Error('second'));
    await assert.rejects(second, /second/);
    assert.equal(signal.aborted, true);
    assert.equal(await cache.getOrLoad('a', () => 'new'), 'new', 'nobody waits for the old one');
    resolve('old');
    await nextTurn();
    assert.equal(cache.get('a'), 'new');
    const aborted = AbortSignal.abort(new Error('before'));
    await assert.rejects(cache.getOrLoad('a', never, { signal: aborted }), /before/);
  });
});

describe('what a shared cache remembers of a load', () => {
  it('is that there is nothing, for negativeTtl', async (t) => {
    const cache = open(t, { codec: 'json' });
    for (const nothing of [undefined, null]) {
      assert.equal(await cache.getOrLoad('a', () => nothing, { negativeTtl: 0 }), nothing);
      assert.equal(cache.has('a'), false);
      assert.equal(await cache.getOrLoad('a', () => nothing, { negativeTtl: 10_000, ttl: 1 }), nothing);
      await delay(3);
      assert.equal(await cache.getOrLoad('a', never), nothing);
      cache.set('a', 'value', { ttl: 1 });
      await delay(3);
      assert.equal(await cache.getOrLoad('a', () => nothing, { negativeTtl: 0 }), nothing);
      assert.equal(cache.has('a'), false);
    }
  });

  it('is a failure, for errorTtl, until the key is set or deleted', async (t) => {
    const cache = open(t);
    const reason = new Error('no');
    const fail = () => Promise.reject(reason);
    await assert.rejects(cache.getOrLoad('a', fail, { errorTtl: 60_000 }), reason);
    await assert.rejects(cache.getOrLoad('a', never), reason);
    cache.delete('a');
    await assert.rejects(cache.getOrLoad('a', fail, { errorTtl: Infinity }), reason);
    await assert.rejects(cache.getOrLoad('a', never), reason);
    cache.clear();
    await assert.rejects(cache.getOrLoad('a', fail, { errorTtl: 1 }), reason);
    await delay(5);
    assert.equal(await cache.getOrLoad('a', () => 'value'), 'value');
    assert.equal(cache.stats().loadErrors, 3);
  });
});

describe('a value of a shared cache that is over', () => {
  it('is returned while it is loaded anew, for staleWhileRevalidate, and seen by nobody else', async (t) => {
    const cache = open(t);
    const options = { ttl: 1, staleWhileRevalidate: 60_000 };
    await cache.getOrLoad('a', () => 'old', options);
    await delay(5);
    assert.deepEqual([cache.get('a'), cache.has('a'), [...cache.keys()]], [undefined, false, []]);
    const { promise, resolve } = deferred();
    const anew = cache.getOrLoad('a', () => promise, { ...options, ttl: 60_000 });
    assert.equal(await anew, 'old');
    assert.equal(await cache.getOrLoad('a', never, options), 'old', 'one load is enough');
    resolve('new');
    await nextTurn();
    assert.equal(await cache.getOrLoad('a', never, { ...options, ttl: 60_000 }), 'new');
    const { staleHits, loads, misses } = cache.stats();
    assert.ok(staleHits >= 2 && loads === 2 && misses === 2, `${staleHits} ${loads} ${misses}`);
  });

  it('is returned in need for staleIfError: after a failure, or when loading takes too long', async (t) => {
    const timers = manualTimers(() => 0.5);
    const cache = open(t, {}, createSharedCacheClass({ binding, timers }));
    const options = { ttl: 1, staleIfError: 60_000 };
    const fail = () => Promise.reject(new Error('no'));
    await assert.rejects(cache.getOrLoad('a', fail, options), /no/);
    await cache.getOrLoad('a', () => 'old', options);
    await delay(5);
    assert.equal(await cache.getOrLoad('a', fail, options), 'old');
    assert.equal(await cache.getOrLoad('a', fail, { staleIfError: 60_000, errorTtl: 1000 }), 'old');
    assert.equal(await cache.getOrLoad('a', never, { staleIfError: 60_000 }), 'old');
    await assert.rejects(cache.getOrLoad('a', never), /no/);
    await assert.rejects(cache.getOrLoad('a', never, { staleIfError: 1 }), /no/, 'it is too old');
    cache.delete('a');
    await cache.getOrLoad('a', () => 'older', options);
    await delay(5);
    const { promise, resolve } = deferred();
    const late = cache.getOrLoad('a', () => promise, { ...options, timeout: 20 });
    timers.advance(20);
    assert.equal(await late, 'older');
    resolve('newest');
    await nextTurn();
    assert.equal(cache.stats().staleHits, 4);
  });

  it('that was invalidated is returned to nobody', async (t) => {
    const cache = open(t);
    const options = { ttl: 1, staleWhileRevalidate: 60_000, staleIfError: 60_000, tags: ['x'] };
    await cache.getOrLoad('a', () => 'old', options);
    await delay(5);
    cache.invalidateTag('x');
    const fail = () => Promise.reject(new Error('no'));
    await assert.rejects(cache.getOrLoad('a', fail, options), /no/);
  });
});

describe('a shared cache that is closed during a load', () => {
  it('gives its callers what was loaded, and stores nothing', async (t) => {
    const other = open(t, { name: 'closed' });
    const cache = open(t, { name: 'closed' });
    const { promise, resolve, reject } = deferred();
    const failing = deferred();
    const loaded = cache.getOrLoad('a', () => promise);
    const failed = cache.getOrLoad('b', () => failing.promise, { staleIfError: 100, errorTtl: 100 });
    const waiting = other.getOrLoad('a', () => 'of the other');
    cache.close();
    assert.equal(await waiting, 'of the other', 'who waits elsewhere loads it');
    resolve('value');
    failing.reject(new Error('no'));
    assert.equal(await loaded, 'value');
    await assert.rejects(failed, /no/);
    assert.equal(other.get('a'), 'of the other');
    reject();
  });

  it('tells those who wait for another one', async (t) => {
    const other = open(t, { name: 'closed' });
    const cache = open(t, { name: 'closed' });
    const { promise, resolve } = deferred();
    const leading = other.getOrLoad('a', () => promise);
    const waiting = [
      cache.getOrLoad('a', never),
      cache.getOrLoad('a', never, { staleIfError: 5, timeout: 1e5 }),
    ];
    cache.close();
    for (const each of waiting) {
      await assertRejects(each, CLOSED, Error);
    }
    resolve('value');
    assert.equal(await leading, 'value');
  });
});
