'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { Keyv: Keyv5 } = require('keyv');
const { Keyv: Keyv6 } = require('keyv6');
const { Cache, SharedCache } = require('..');
const { KeyvSharedCache } = require('heapwise/keyv');
const { deferred, nextTurn } = require('./helper.js');
const { FakeBus, FakeStore, rig, settled } = require('./tiered-cache-rig.js');

/** A clock on the wall that stands still until it is told to move on. */
function wallClock(t, start = 1_700_000_000_000) {
  let now = start;
  t.mock.method(Date, 'now', () => now);
  return { now: () => now, advance: (ms) => (now += ms) };
}

/** A near tier that says what it is given. */
function spied() {
  const near = new Cache({ max: 100 });
  const ttls = [];
  return {
    ttls,
    get: (key) => near.get(key),
    has: (key) => near.has(key),
    set: (key, value, options) => {
      ttls.push(options?.ttl);
      return near.set(key, value, options);
    },
    delete: (key) => near.delete(key),
    clear: () => near.clear(),
    stats: () => near.stats(),
  };
}

const never = () => assert.fail('nobody is to load');

describe('reading', () => {
  it('the far tier is asked once for many who ask at the same time, and then not at all', async (t) => {
    const { cache, store } = rig(t);
    store.put('key', 5);
    const load = () => assert.fail('the far tier has it');
    const asked = [cache.get('key'), cache.getOrLoad('key', load), cache.get('key'), cache.getMany(['key'])];
    assert.deepEqual(await Promise.all(asked), [5, 5, 5, [5]]);
    assert.equal(await cache.get('key'), 5);
    assert.deepEqual(store.calls, ['get key']);
  });

  it('finds nothing where nothing is', async (t) => {
    const { cache } = rig(t);
    assert.equal(await cache.get('key'), undefined);
    assert.deepEqual(await cache.getMany(['key', 'other']), [undefined, undefined]);
    assert.deepEqual(await cache.getMany([]), []);
    assert.equal(await cache.has('key'), false);
    assert.equal(await cache.delete('key'), false);
  });

  it('many keys are one call for those that the near tier lacks, in the order asked for', async (t) => {
    const { cache, store } = rig(t);
    store.put('b', 2);
    store.put('c', 3);
    await cache.set('a', 1);
    store.calls.length = 0;
    assert.deepEqual(await cache.getMany(['c', 'a', 'x', 'b', 'c']), [3, 1, undefined, 2, 3]);
    assert.deepEqual(store.calls, ['getMany c,x,b']);
    assert.deepEqual(await cache.getMany(['a', 'b', 'c']), [1, 2, 3]);
    assert.equal(store.calls.length, 1);
  });

  it('one of many that cannot be decoded spoils itself only', async (t) => {
    const { cache, store } = rig(t);
    store.put('a', 1);
    store.map.set('b', '{');
    assert.deepEqual(await cache.getMany(['a', 'b']), [1, undefined]);
    await settled();
    assert.equal(store.map.has('b'), false, 'and is removed');
  });

  it('what is left of its time goes with a value from one tier to the other', async (t) => {
    const wall = wallClock(t);
    const near = spied();
    const { cache, store } = rig(t, { near, ttl: 60_000 });
    await cache.set('key', 1);
    assert.deepEqual(near.ttls, [60_000]);
    assert.equal(store.ttl, 60_000);
    assert.equal(JSON.parse(store.map.get('key')).expires, wall.now() + 60_000);

    near.delete('key');
    wall.advance(59_000);
    assert.equal(await cache.get('key'), 1);
    assert.deepEqual(near.ttls, [60_000, 1000]);
    near.delete('key');
    wall.advance(1000);
    assert.equal(await cache.get('key'), undefined, 'the store itself has not removed it');
  });

  it('a value for ever, and the bound of the near tier', async (t) => {
    const near = spied();
    const { cache, store } = rig(t, { near, nearTtl: 500 });
    await cache.set('a', 1);
    await cache.set('b', 1, { ttl: 100 });
    await cache.set('c', 1, { ttl: Infinity });
    store.put('d', 1);
    await cache.get('d');
    assert.deepEqual(near.ttls, [500, 100, 500, 500]);
    const { cache: other, near: unbounded } = rig(t, { near: spied() });
    await other.set('a', 1);
    assert.deepEqual(unbounded.ttls, [undefined], 'the cache has its own');
  });

  it('a value that the near tier has no room for is still a value', async (t) => {
    const near = new SharedCache({ maxBytes: 2 ** 20, codec: 'json' });
    t.after(() => near.close());
    const { cache, store } = rig(t, { near });
    const large = 'x'.repeat(2 ** 20);
    await cache.set('key', 'small');
    assert.equal(await cache.set('key', large), true);
    assert.equal(near.has('key'), false, 'the small one is not true any more');
    assert.equal(await cache.get('key'), large);
    assert.equal(store.value('key'), large);
  });

  it('what is corrupt or foreign is nothing, is removed, and does not open the breaker', async (t) => {
    const { cache, store } = rig(t);
    for (const text of ['{', '', 'null', '5', '"text"', '{}', '[1]', '{"value":1,"expires":"soon"}']) {
      store.map.set('key', text);
      assert.equal(await cache.get('key'), undefined, text);
      await settled();
    }
    assert.equal(store.map.has('key'), false);
    const { far } = cache.stats();
    assert.equal(far.state, 'closed');
    assert.equal(far.failures, 0);
    assert.ok(far.corrupt >= 6, far.corrupt);
  });
});

describe('writing', () => {
  it('goes through, and waits for the far tier', async (t) => {
    const { cache, store } = rig(t);
    store.hang();
    let done = false;
    const set = cache.set('key', { a: 1 }).then((stored) => {
      done = true;
      return stored;
    });
    await settled();
    assert.equal(done, false);
    assert.deepEqual(await cache.get('key'), { a: 1 }, 'who has set it sees it');
    store.work();
    assert.equal(await set, true);
    assert.deepEqual(store.value('key'), { a: 1 });
  });

  it('behind, it waits for nobody until too many are under way', async (t) => {
    const { cache, store } = rig(t, { writeBehind: 2 });
    store.hang();
    assert.equal(await cache.set('a', 1), true);
    assert.equal(await cache.set('b', 2), true);
    let done = false;
    const third = cache.set('c', 3).then(() => (done = true));
    await settled();
    assert.equal(done, false, 'there is a bound');
    assert.equal(cache.stats().far.writing, 3);
    store.work();
    await third;
    assert.deepEqual(
      ['a', 'b', 'c'].map((key) => store.value(key)),
      [1, 2, 3],
    );
  });

  it('what is written behind is read back, though the near tier has lost it', async (t) => {
    const { cache, store, near } = rig(t, { writeBehind: 10 });
    store.put('a', 'old');
    store.put('b', 'old');
    store.hang();
    await cache.set('a', 'new');
    void cache.delete('b');
    near.clear();
    assert.equal(await cache.get('a'), 'new');
    assert.equal(await cache.get('b'), undefined);
    assert.deepEqual(await cache.getMany(['a', 'b']), ['new', undefined]);
    assert.equal(await cache.has('a'), true);
    assert.equal(await cache.has('b'), false);
  });

  it('of one key goes one after another, and what was overtaken is left out', async (t) => {
    const { cache, store } = rig(t);
    store.hang();
    const all = Promise.all([1, 2, 3, 4].map((value) => cache.set('key', value)));
    await settled();
    assert.deepEqual(store.calls, ['set key']);
    store.work();
    assert.deepEqual(await all, [true, true, true, true]);
    assert.deepEqual(store.calls, ['set key', 'set key']);
    assert.equal(store.value('key'), 4);
  });

  it('a delete during a set comes after it', async (t) => {
    const { cache, store } = rig(t);
    store.hang();
    const set = cache.set('key', 1);
    const removed = cache.delete('key');
    store.work();
    assert.deepEqual([await set, await removed], [true, true]);
    assert.equal(store.map.has('key'), false);
    assert.equal(await cache.get('key'), undefined);
  });

  it('a clear comes after the writes under way', async (t) => {
    const { cache, store, near } = rig(t);
    store.hang();
    void cache.set('key', 1);
    const cleared = cache.clear();
    await settled();
    assert.deepEqual(store.calls, ['set key']);
    store.work();
    assert.equal(await cleared, true);
    assert.equal(store.map.size, 0);
    assert.equal(near.size, 0);
  });

  it('is waited for when the cache is closed', async (t) => {
    const { cache, store } = rig(t, { writeBehind: 10 });
    store.hang();
    await cache.set('key', 1);
    let done = false;
    const closed = cache.close().then(() => (done = true));
    await settled();
    assert.equal(done, false);
    store.work();
    await closed;
    assert.equal(store.value('key'), 1);
  });

  it('a value that cannot be written as text is told of, and is not the fault of the store', async (t) => {
    const { cache } = rig(t);
    const failures = [];
    cache.on('failure', (reason, operation) => failures.push([reason.name, operation]));
    const circular = {};
    circular.self = circular;
    for (let i = 0; i < 10; i++) {
      assert.equal(await cache.set(`key ${i}`, circular), false);
    }
    assert.deepEqual(failures[0], ['TypeError', 'set']);
    assert.equal(cache.stats().far.state, 'closed');
  });
});

describe('loading', () => {
  it('loads once through both tiers, and gives both what was loaded', async (t) => {
    const { cache, store } = rig(t);
    const value = deferred();
    let loads = 0;
    const load = () => {
      loads++;
      return value.promise;
    };
    const asked = Array.from({ length: 100 }, () => cache.getOrLoad('key', load));
    await settled();
    value.resolve({ a: 1 });
    const got = await Promise.all(asked);
    assert.equal(loads, 1);
    assert.ok(got.every((each) => each === got[0]));
    await settled();
    assert.deepEqual(store.calls, ['get key', 'set key']);
    assert.deepEqual(store.value('key'), { a: 1 });
    assert.deepEqual(await cache.getOrLoad('key', never), { a: 1 });
  });

  it('what the far tier has, or is nothing, is given to the near tier once or not at all', async (t) => {
    const near = spied();
    const { cache, store } = rig(t, { near });
    store.put('far', 1);
    await cache.getOrLoad('far', never);
    await cache.getOrLoad('nothing', () => undefined);
    assert.equal(near.ttls.length, 1);
  });

  it('nobody waits for the far tier to store what was loaded', async (t) => {
    const { cache, store } = rig(t);
    const asked = cache.getOrLoad('key', () => {
      store.hang();
      return 5;
    });
    assert.equal(await asked, 5);
    assert.equal(cache.stats().far.writing, 1);
  });

  it('a load that fails fails for those who wait, and is tried again by the next', async (t) => {
    const { cache, store } = rig(t);
    const reason = new Error('no database');
    const failing = () => Promise.reject(reason);
    await assert.rejects(cache.getOrLoad('key', failing), reason);
    assert.equal(await cache.getOrLoad('key', () => 5), 5);
    await assert.rejects(cache.getOrLoad('other', failing, { errorTtl: 1000 }), reason);
    await assert.rejects(cache.getOrLoad('other', never), reason);
    assert.equal(store.value('other'), undefined);
    const { loads, loadErrors } = cache.stats();
    assert.deepEqual({ loads, loadErrors }, { loads: 3, loadErrors: 2 });
  });

  it('"there is no such thing" is remembered by both tiers for as long as it is to be', async (t) => {
    const wall = wallClock(t);
    const near = spied();
    const { cache, store } = rig(t, { near, ttl: 60_000 });
    assert.equal(await cache.getOrLoad('key', () => undefined, { negativeTtl: 1000 }), null);
    await settled();
    assert.deepEqual(near.ttls, [1000]);
    assert.equal(JSON.parse(store.map.get('key')).expires, wall.now() + 1000);
    assert.equal(await cache.getOrLoad('key', never), null);
    near.clear();
    assert.equal(await cache.getOrLoad('key', never), null, 'another process sees it too');

    assert.equal(await cache.getOrLoad('other', () => null, { negativeTtl: 0 }), null);
    assert.equal(await cache.getOrLoad('third', () => undefined), undefined);
    await settled();
    assert.deepEqual([...store.map.keys()], ['key']);
    assert.equal(await cache.getOrLoad('third', () => 3), 3);
  });

  it('what JSON cannot say is returned, and not kept', async (t) => {
    const { cache, store, near } = rig(t);
    const load = () => never;
    assert.equal(await cache.getOrLoad('key', load), never);
    assert.equal(await cache.getOrLoad('key', async () => 5), 5);
    await settled();
    assert.equal(near.get('key'), 5);
    assert.equal(store.value('key'), 5);
  });

  it('a value that is over is returned when loading fails, for as long as it is to be', async (t) => {
    const wall = wallClock(t);
    const near = spied();
    const options = { ttl: 1000, staleIfError: 5000 };
    const { cache, store } = rig(t, { near, ...options });
    const failing = () => Promise.reject(new Error('no database'));
    await cache.set('key', 'stale');
    assert.deepEqual(near.ttls, [1000]);
    assert.equal(JSON.parse(store.map.get('key')).expires, wall.now() + 6000);
    near.delete('key');
    wall.advance(999);
    assert.equal(await cache.getOrLoad('key', never), 'stale');
    assert.deepEqual(near.ttls, [1000, 1]);
    near.delete('key');
    wall.advance(1);
    assert.equal(await cache.get('key'), undefined);
    assert.deepEqual(await cache.getMany(['key']), [undefined]);
    assert.equal(await cache.has('key'), false);
    assert.equal(near.has('key'), false);
    assert.equal(await cache.getOrLoad('key', failing), 'stale');
    assert.equal(near.has('key'), false, 'the next one tries again');
    assert.equal(await cache.getOrLoad('key', failing, { errorTtl: 100 }), 'stale');
    assert.equal(near.ttls.at(-1), 100);
    assert.equal(await cache.getOrLoad('key', never), 'stale', 'nobody tries again so soon');
    near.delete('key');
    wall.advance(5000);
    await assert.rejects(cache.getOrLoad('key', failing), { message: 'no database' });
    assert.equal(await cache.getOrLoad('key', () => 'new'), 'new');
    assert.equal(cache.stats().staleHits, 2);
  });

  it('a value that is over is loaded anew where that works', async (t) => {
    const wall = wallClock(t);
    const { cache, near, store } = rig(t, { ttl: 1000, staleIfError: 5000 });
    await cache.set('key', 'old');
    near.delete('key');
    wall.advance(1000);
    assert.equal(await cache.getOrLoad('key', () => 'new'), 'new');
    await settled();
    assert.equal(store.value('key'), 'new');
    assert.equal(await cache.has('key'), true);
  });

  it('what is being written has the time that it was given, whatever the far tier keeps it for', async (t) => {
    const wall = wallClock(t);
    const { cache, near, store } = rig(t, { ttl: 1000, staleIfError: 5000, writeBehind: 1 });
    store.hang();
    await cache.set('key', 'written');
    near.delete('key');
    assert.equal(await cache.get('key'), 'written');
    wall.advance(1000);
    assert.equal(await cache.get('key'), undefined);
    assert.equal(await cache.has('key'), false);
    assert.equal(await cache.getOrLoad('key', () => Promise.reject(new Error('no'))), 'written');
  });

  it('each waits as long as he wants to', async (t) => {
    const { cache, timers } = rig(t);
    const value = deferred();
    const controller = new AbortController();
    let seen;
    const patient = cache.getOrLoad('key', (_key, { signal }) => {
      seen = signal;
      return value.promise;
    });
    const hurried = cache.getOrLoad('key', never, { timeout: 50 });
    const gone = cache.getOrLoad('key', never, { signal: controller.signal });
    await settled();
    controller.abort(new Error('gone'));
    await assert.rejects(gone, { message: 'gone' });
    timers.advance(50);
    await assert.rejects(hurried, { code: 'ERR_HEAPWISE_CACHE_LOAD_TIMEOUT' });
    assert.equal(seen.aborted, false);
    value.resolve(5);
    assert.equal(await patient, 5);
  });

  it('who has gone last takes the load with him', async (t) => {
    const { cache } = rig(t);
    const controller = new AbortController();
    const started = deferred();
    const asked = cache.getOrLoad(
      'key',
      (_key, { signal }) => {
        started.resolve(signal);
        return new Promise(() => {});
      },
      { signal: controller.signal },
    );
    const signal = await started.promise;
    controller.abort();
    await assert.rejects(asked, { name: 'AbortError' });
    assert.equal(signal.aborted, true);
  });

  for (const [what, change] of Object.entries({
    'a set': (cache) => cache.set('key', 'newer'),
    'a delete': (cache) => cache.delete('key'),
    'a clear': (cache) => cache.clear(),
  })) {
    it(`${what} during a load wins in both tiers`, async (t) => {
      const { cache, store, near } = rig(t);
      const value = deferred();
      const asked = cache.getOrLoad('key', () => value.promise);
      await settled();
      await change(cache);
      value.resolve('older');
      assert.equal(await asked, 'older');
      await settled();
      const expected = what === 'a set' ? 'newer' : undefined;
      assert.equal(near.get('key'), expected);
      assert.equal(store.value('key'), expected);
    });

    it(`${what} while the far tier is read wins in both tiers`, async (t) => {
      const { cache, store, near } = rig(t);
      store.put('key', 'older');
      store.hang();
      const asked = [cache.get('key'), cache.getMany(['other', 'key'])];
      await settled();
      const changed = change(cache);
      store.work();
      await Promise.all([...asked, changed]);
      const expected = what === 'a set' ? 'newer' : undefined;
      assert.equal(near.get('key'), expected);
      assert.equal(store.value('key'), expected);
    });
  }
});

describe('the other tier', () => {
  it('may be any Keyv or adapter, whose entries others read and write', async (t) => {
    const shared = new SharedCache({ maxBytes: 4 * 2 ** 20 });
    t.after(() => shared.close());
    const stores = {
      'Keyv 5': new Keyv5(),
      'Keyv 6': new Keyv6(),
      'Keyv 5 on SharedCache': new Keyv5({ store: new KeyvSharedCache(shared), namespace: 'five' }),
      'Keyv 6 on SharedCache': new Keyv6({
        store: new KeyvSharedCache(shared, { keyv: 6 }),
        namespace: 'six',
      }),
      'an adapter for Keyv 5': new KeyvSharedCache(shared, { namespace: 'adapter 5' }),
      'an adapter for Keyv 6': new KeyvSharedCache(shared, { namespace: 'adapter 6', keyv: 6 }),
    };
    const values = [0, '', ':colon', false, null, { a: [1, ':b'] }, Buffer.from([0, 255])];
    for (const [name, store] of Object.entries(stores)) {
      const [a, b] = [rig(t, { store }), rig(t, { store })];
      for (const value of values) {
        assert.equal(await a.cache.set('key', value, { ttl: 60_000 }), true, name);
        b.near.clear();
        assert.deepEqual(await b.cache.get('key'), value, name);
        b.near.clear();
        assert.deepEqual(await b.cache.getMany(['key', 'no']), [value, undefined], name);
      }
      b.near.clear();
      assert.equal(await b.cache.has('key'), true, name);
      assert.equal(await a.cache.delete('key'), true, name);
      b.near.clear();
      assert.equal(await b.cache.has('key'), false, name);
      await a.cache.set('key', 1);
      await a.cache.clear();
      assert.equal(await a.cache.get('key'), undefined, name);
    }
  });

  it('has values of an adapter as a Keyv would', async (t) => {
    const shared = new SharedCache({ maxBytes: 2 ** 20 });
    t.after(() => shared.close());
    const values = [5, ':text', { bytes: Buffer.from('abc'), list: [':x', null] }];
    for (const [Keyv, options] of [
      [Keyv5, {}],
      [Keyv6, { keyv: 6 }],
    ]) {
      const adapter = new KeyvSharedCache(shared, options);
      const { cache, near } = rig(t, { store: adapter });
      const keyv = new Keyv({ store: adapter, useKeyPrefix: false });
      for (const value of values) {
        await cache.set('key', value, { ttl: 1000 });
        assert.deepEqual(await keyv.get('key'), value);
        near.clear();
        await keyv.set('key', value, 1000);
        assert.deepEqual(await cache.get('key'), value);
      }
    }
  });

  it('ends with the time that it was given, to the millisecond', async (t) => {
    const wall = wallClock(t);
    for (const Keyv of [Keyv5, Keyv6]) {
      const far = new Keyv();
      const near = spied();
      const { cache } = rig(t, { near, store: far });
      await cache.set('key', 1, { ttl: 1234.5 });
      near.delete('key');
      wall.advance(234);
      await cache.get('key');
      assert.deepEqual(near.ttls, [1235, 1001]);
    }
  });
});

describe('other processes', () => {
  /** Two caches over one store and one bus, both of them up. */
  async function two(t, options) {
    const [store, bus] = [new FakeStore(), new FakeBus()];
    const both = [0, 1].map(() => rig(t, { store, invalidation: { bus }, ...options }));
    await Promise.all(both.map(({ cache }) => cache.ready()));
    return { store, bus, a: both[0], b: both[1] };
  }

  it('drop what one of them sets, deletes or clears', async (t) => {
    const { a, b } = await two(t);
    await a.cache.set('key', 1);
    await settled();
    assert.equal(await b.cache.get('key'), 1);
    await a.cache.set('key', 2);
    await settled();
    assert.equal(await b.cache.get('key'), 2);
    await a.cache.delete('key');
    await settled();
    assert.equal(await b.cache.get('key'), undefined);
    await a.cache.set('key', 3);
    await settled();
    assert.equal(await b.cache.get('key'), 3);
    await a.cache.clear();
    await settled();
    assert.equal(b.near.size, 0);
    assert.equal(await b.cache.get('key'), undefined);
  });

  it('ignore what they have said themselves', async (t) => {
    const { a } = await two(t);
    await a.cache.set('key', 1);
    await settled();
    assert.equal(a.near.get('key'), 1);
    const { sent, received } = a.cache.stats().invalidation;
    assert.deepEqual({ sent, received }, { sent: 1, received: 0 });
  });

  it('are told in one message of what ended in one turn, and in several of very much', async (t) => {
    const { a, bus } = await two(t, { maxInFlight: 10_000 });
    await Promise.all(Array.from({ length: 100 }, (_, i) => a.cache.set(`k${i}`, i)));
    assert.equal(bus.messages.length, 1);
    assert.equal(bus.messages[0].keys.length, 100);
    await Promise.all(Array.from({ length: 1200 }, (_, i) => a.cache.set(`k${i}`, i)));
    assert.deepEqual(
      bus.messages.slice(1).map(({ keys }) => keys.length),
      [500, 500, 200],
    );
  });

  it('are not told of loads: nothing has changed', async (t) => {
    const { a, bus } = await two(t);
    await a.cache.getOrLoad('key', () => 1);
    await settled();
    assert.equal(bus.messages.length, 0);
  });

  it('clear their near tier at a message that they do not understand', async (t) => {
    const { b, bus } = await two(t);
    for (const message of [
      '{',
      '[]',
      '5',
      '{"heapwise":2,"from":"x","keys":["a"]}',
      '{"heapwise":1,"keys":[5]}',
    ]) {
      b.near.set('key', 1);
      await bus.publish(message.startsWith('{"') ? message : JSON.stringify(message));
      assert.equal(b.near.size, 0, message);
    }
  });

  it('that load what another has just changed keep it in neither tier', async (t) => {
    const { a, b, store } = await two(t);
    const value = deferred();
    const asked = b.cache.getOrLoad('key', () => value.promise);
    await settled();
    await a.cache.delete('key');
    await settled();
    value.resolve('older');
    assert.equal(await asked, 'older');
    await settled();
    assert.equal(b.near.has('key'), false);
    assert.equal(store.map.has('key'), false);
  });

  for (const [what, keys] of [
    ['it', ['key']],
    ['everything', undefined],
  ]) {
    it(`that store what they have loaded when another changes ${what} remove it again`, async (t) => {
      const { b, store, bus } = await two(t);
      await b.cache.getOrLoad('key', () => {
        store.hang();
        return 'older';
      });
      assert.equal(b.cache.stats().far.writing, 1);
      // What the other one has done to the store was answered before.
      await bus.publish(JSON.stringify({ heapwise: 1, from: 'a', keys }));
      store.work();
      await settled();
      assert.equal(store.map.has('key'), false);
      assert.equal(b.near.has('key'), false);
    });
  }

  for (const [what, keys] of [
    ['it', ['key']],
    ['everything', undefined],
  ]) {
    it(`that have just stored what they loaded remove it when they hear that another has changed ${what}`, async (t) => {
      const { b, store, bus } = await two(t);
      await b.cache.getOrLoad('key', () => 'older');
      await settled();
      assert.equal(store.value('key'), 'older');
      // The other one has removed the key before that was written, and its message has taken its time.
      await bus.publish(JSON.stringify({ heapwise: 1, from: 'a', keys }));
      await settled();
      assert.equal(store.map.has('key'), false);
      assert.equal(b.near.has('key'), false);
    });
  }

  it('leave what they stored long ago where it is: the message is about something newer', async (t) => {
    const { b, store, bus } = await two(t);
    await b.cache.getOrLoad('key', () => 'older');
    await settled();
    b.timers.advance(2000);
    store.put('key', 'newer');
    await bus.publish(JSON.stringify({ heapwise: 1, from: 'a', keys: ['key'] }));
    await settled();
    assert.equal(store.value('key'), 'newer');
    assert.equal(await b.cache.get('key'), 'newer');
  });

  it('remove what they have just loaded and stored when messages are lost', async (t) => {
    const { b, store, bus } = await two(t);
    await b.cache.getOrLoad('key', () => 'perhaps older');
    await b.cache.set('set', 'mine');
    await settled();
    bus.lose();
    assert.equal(b.cache.stats().far.kept, 1);
    b.timers.advance(1000);
    await settled();
    assert.deepEqual([...store.map.keys()], ['set']);
  });

  it('do not give others what they have loaded while they could not hear of changes', async (t) => {
    const { b, store, bus } = await two(t);
    const value = deferred();
    const asked = b.cache.getOrLoad('key', () => value.promise);
    await settled();
    bus.lose();
    b.timers.advance(100);
    await settled();
    assert.equal(b.cache.stats().invalidation.state, 'up');
    value.resolve('perhaps older');
    assert.equal(await asked, 'perhaps older');
    bus.isAway = true;
    bus.lose();
    await b.cache.getOrLoad('other', () => 'perhaps older');
    await settled();
    assert.equal(store.map.size, 0);
    bus.isAway = false;
    b.timers.advance(200);
    await settled();
    await b.cache.getOrLoad('third', () => 'right');
    await settled();
    assert.equal(store.value('third'), 'right');
  });

  it('that were away begin anew with an empty near tier, but go on with it meanwhile', async (t) => {
    const { a, b, bus } = await two(t);
    const heard = [];
    b.cache.on('subscription', (up) => heard.push(up));
    await a.cache.set('key', 1);
    await settled();
    assert.equal(await b.cache.get('key'), 1);
    bus.isAway = true;
    bus.lose();
    assert.deepEqual(heard, [false]);
    assert.equal(b.cache.stats().invalidation.state, 'down');
    void a.cache.set('key', 2);
    await settled();
    assert.equal(await b.cache.get('key'), 1, 'nobody could tell it');
    // Attempts go on, and ever more seldom: 100, 200 … 3,200, then 5,000 ms after one another.
    const attemptsThen = bus.attempts;
    for (let step = 0; step < 400; step++) {
      b.timers.advance(100);
      await settled();
    }
    assert.deepEqual(heard, [false]);
    assert.equal(bus.attempts - attemptsThen, 12);

    bus.isAway = false;
    for (let step = 0; step < 2; step++) {
      b.timers.advance(4000);
      await settled();
    }
    assert.deepEqual(heard, [false, true]);
    assert.equal(b.cache.stats().invalidation.resets, 2);
    assert.equal(await b.cache.get('key'), 2);
  });

  it('notice a subscription that has died without a word', async (t) => {
    const { b, bus } = await two(t);
    const heard = [];
    b.cache.on('subscription', (up) => heard.push(up));
    b.timers.advance(5000);
    await settled();
    assert.deepEqual(heard, []);
    bus.pings.answered = false;
    b.timers.advance(5000);
    await settled();
    b.timers.advance(5000);
    await settled();
    assert.deepEqual(heard, [false]);
    b.timers.advance(1000);
    await settled();
    assert.deepEqual(heard, [false, true]);
    assert.equal(bus.subscribers, 2);
  });

  it('are told later of what they could not be told', async (t) => {
    const { a, b, bus } = await two(t);
    await a.cache.set('key', 1);
    await settled();
    assert.equal(await b.cache.get('key'), 1);
    bus.isAway = true;
    assert.equal(await a.cache.set('key', 2), false);
    assert.equal(a.cache.stats().far.kept, 1);
    assert.equal(a.cache.stats().invalidation.unsent, 1);
    a.near.clear();
    assert.equal(await a.cache.get('key'), 2, 'the far tier has it right');
    bus.isAway = false;
    a.timers.advance(1000);
    await settled();
    assert.equal(a.cache.stats().far.kept, 0);
    assert.equal(b.near.has('key'), false);
    assert.equal(await b.cache.get('key'), 2);
  });

  it('that cannot be told anything do not make the far tier useless', async (t) => {
    const { a, b, store, bus } = await two(t, { maxKept: 5 });
    bus.isAway = true;
    for (let i = 0; i < 20; i++) {
      await a.cache.set(`k${i}`, i);
      a.timers.advance(100);
      await settled();
    }
    assert.equal(a.cache.stats().far.state, 'closed');
    assert.equal(a.cache.stats().far.kept, Infinity);
    assert.equal(store.map.size, 20);
    assert.equal(await b.cache.get('k5'), 5);
    bus.isAway = false;
    a.timers.advance(1000);
    await settled();
    assert.equal(a.cache.stats().far.kept, 0);
    assert.equal(b.near.size, 0);
    assert.equal(store.map.size, 20);
  });
});

describe('figures', () => {
  it('say where values came from', async (t) => {
    const { cache, store } = rig(t);
    store.put('far', 1);
    await cache.get('far');
    await cache.get('far');
    await cache.get('no');
    await cache.getMany(['far', 'no']);
    await cache.getOrLoad('load', () => 1);
    await cache.getOrLoad('load', never);
    await assert.rejects(cache.getOrLoad('fail', () => Promise.reject(new Error('no'))));
    await cache.set('set', 1);
    await cache.delete('set');
    await nextTurn();
    const { near, far, invalidation, ...stats } = cache.stats();
    assert.deepEqual(stats, {
      entries: 2,
      max: 1000,
      hits: 4,
      nearHits: 3,
      farHits: 1,
      misses: 4,
      hitRate: 0.5,
      sets: 1,
      deletes: 1,
      loads: 2,
      loadErrors: 1,
      staleHits: 0,
      evictions: 0,
      expirations: 0,
    });
    assert.equal(near.entries, 2);
    assert.deepEqual(far, {
      state: 'closed',
      calls: 8,
      failures: 0,
      timeouts: 0,
      skipped: 0,
      corrupt: 0,
      writing: 0,
      kept: 0,
    });
    assert.deepEqual(invalidation, { state: 'none', sent: 0, unsent: 0, received: 0, resets: 0 });
  });
});
