'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const { Keyv: Keyv5 } = require('keyv');
const { Keyv: Keyv6 } = require('keyv6');
const { SharedCache, createMonitor } = require('..');
const { KeyvSharedCache } = require('heapwise/keyv');
const { Breaker } = require('../lib/tiered-cache/breaker.js');
const { Kept } = require('../lib/tiered-cache/kept.js');
const { Recent } = require('../lib/tiered-cache/recent.js');
const { manualClock, seeded } = require('./helper.js');
const { ROOT, runScript } = require('./run-script.js');
const { FakeBus, FakeStore, rig, settled } = require('./tiered-cache-rig.js');

/** States of the breaker, in order. */
function statesOf(cache) {
  const states = [];
  cache.on('state', (state) => states.push(state));
  return states;
}

/** Opens the breaker of a cache whose store fails. */
async function open(cache, store) {
  store.fail();
  for (let i = 0; cache.stats().far.state !== 'open'; i++) {
    assert.ok(i < 20, 'it does not open');
    await cache.get(`missing ${i}`);
  }
}

describe('the breaker', () => {
  const SETTINGS = { failures: 3, window: 1000, cooldown: 100, maxCooldown: 350 };

  function breakerOf() {
    const clock = manualClock();
    const states = [];
    const breaker = new Breaker(SETTINGS, clock.now, (state) => states.push(state));
    const call = (fails) => {
      const turn = breaker.enter();
      assert.notEqual(turn, 0);
      breaker[fails ? 'failed' : 'succeeded'](turn);
    };
    return { breaker, clock, states, call };
  }

  it('opens after so many failures, and not before', () => {
    const { breaker, call } = breakerOf();
    call(true);
    call(true);
    assert.equal(breaker.state, 'closed');
    call(true);
    assert.equal(breaker.state, 'open');
    assert.equal(breaker.enter(), 0);
  });

  it('stays closed while most calls are answered', () => {
    const { breaker, call } = breakerOf();
    for (let i = 0; i < 100; i++) {
      call(false);
      call(false);
      call(true);
    }
    assert.equal(breaker.state, 'closed');
  });

  it('forgets failures that are older than its window', () => {
    const { breaker, clock, call } = breakerOf();
    for (let i = 0; i < 100; i++) {
      call(true);
      clock.advance(600);
    }
    assert.equal(breaker.state, 'closed');
  });

  it('counts failures of its whole window, wherever it begins', () => {
    const { breaker, clock, call } = breakerOf();
    call(true);
    clock.advance(600);
    call(true);
    clock.advance(100);
    call(true);
    assert.equal(breaker.state, 'open');
  });

  it('lets one call through after the cool-down, which grows up to its bound, and starts anew', () => {
    const { breaker, clock, states, call } = breakerOf();
    [1, 2, 3].forEach(() => call(true));
    for (const cooldown of [100, 200, 350, 350]) {
      clock.advance(cooldown - 1);
      assert.equal(breaker.enter(), 0);
      clock.advance(1);
      const turn = breaker.enter();
      assert.notEqual(turn, 0);
      assert.equal(breaker.enter(), 0, 'one only');
      breaker.failed(turn);
    }
    clock.advance(350);
    call(false);
    assert.equal(breaker.state, 'closed');
    [1, 2, 3].forEach(() => call(true));
    clock.advance(100);
    assert.notEqual(breaker.enter(), 0);
    assert.deepEqual(states.slice(0, 3), ['open', 'half-open', 'open']);
  });

  it('does not listen to calls that began before it changed', () => {
    const { breaker, clock, call } = breakerOf();
    const late = breaker.enter();
    [1, 2, 3].forEach(() => call(true));
    breaker.succeeded(late);
    assert.equal(breaker.state, 'open');
    clock.advance(100);
    const turn = breaker.enter();
    breaker.failed(late);
    breaker.succeeded(late);
    assert.equal(breaker.state, 'half-open');
    breaker.succeeded(turn);
    assert.equal(breaker.state, 'closed');
  });
});

describe('a far tier that is away', () => {
  it('fails no read that the load can answer, and no write', async (t) => {
    const { cache, store } = rig(t);
    const states = statesOf(cache);
    store.fail();
    assert.equal(await cache.get('key'), undefined);
    assert.deepEqual(await cache.getMany(['key', 'other']), [undefined, undefined]);
    assert.equal(await cache.has('key'), false);
    assert.equal(await cache.getOrLoad('key', () => 5), 5);
    assert.equal(await cache.get('key'), 5);
    assert.equal(await cache.set('key', 6), false);
    assert.equal(await cache.get('key'), 6);
    assert.equal(await cache.delete('key'), true);
    assert.equal(await cache.clear(), false);
    assert.deepEqual(states, ['open']);
  });

  it('is not asked while the breaker is open, and asked once when the time is up', async (t) => {
    const { cache, store, timers } = rig(t);
    const states = statesOf(cache);
    await open(cache, store);
    store.calls.length = 0;
    await cache.getOrLoad('a', () => 1);
    await cache.get('b');
    assert.deepEqual(store.calls, []);
    timers.advance(1000);
    await Promise.all([cache.get('c'), cache.get('d'), cache.get('e')]);
    assert.deepEqual(store.calls, ['get c']);
    assert.deepEqual(states, ['open', 'half-open', 'open']);
    store.work();
    store.put('f', 1);
    timers.advance(2000);
    assert.equal(await cache.get('f'), 1);
    assert.deepEqual(states.slice(3), ['half-open', 'closed']);
  });

  it('that does not answer costs each read its time-out only until the breaker is open', async (t) => {
    const { cache, store, timers } = rig(t, { timeout: 100 });
    const states = statesOf(cache);
    store.hang();
    for (let i = 0; i < 5; i++) {
      const asked = cache.getOrLoad(`key ${i}`, () => i);
      await settled();
      timers.advance(100);
      assert.equal(await asked, i);
    }
    assert.deepEqual(states, ['open']);
    assert.equal(await cache.getOrLoad('at once', () => 5), 5);
    assert.equal(cache.stats().far.timeouts >= 5, true);
  });

  it('that may take for ever is waited for', async (t) => {
    const { cache, store, timers } = rig(t, { timeout: Infinity });
    store.put('key', 1);
    store.hang();
    const asked = cache.get('key');
    await settled();
    timers.advance(2 ** 30);
    store.work();
    assert.equal(await asked, 1);
    assert.equal(cache.stats().far.timeouts, 0);
  });

  it('that is never to be tried again is not, and no timer goes wild', async (t) => {
    const { cache, store, timers } = rig(t, { breaker: { cooldown: Infinity } });
    await open(cache, store);
    await cache.delete('key');
    store.work();
    timers.advance(2 ** 40);
    assert.equal(await cache.getOrLoad('key', () => 5), 5);
    assert.equal(cache.stats().far.state, 'open');
    assert.equal(timers.planned, 0);
  });

  it('that is tried ever more seldom is so for as long as a timer can wait', async (t) => {
    const { cache, store, timers } = rig(t, { breaker: { cooldown: 2 ** 31 - 1, maxCooldown: Infinity } });
    await open(cache, store);
    await cache.delete('key');
    for (let i = 0; i < 3; i++) {
      timers.advance(2 ** 31 - 1);
      await settled();
    }
    assert.equal(timers.planned, 1);
    assert.equal(cache.stats().far.kept, 1);
  });

  it('with more calls under way than there may be is passed over, and not called away', async (t) => {
    const { cache, store } = rig(t, { maxInFlight: 2 });
    store.put('c', 'far');
    store.hang();
    const asked = ['a', 'b', 'c'].map((key) => cache.getOrLoad(key, () => 'loaded'));
    assert.equal(await asked[2], 'loaded');
    assert.equal(cache.stats().far.skipped >= 1, true);
    store.work();
    assert.deepEqual(await Promise.all(asked), ['loaded', 'loaded', 'loaded']);
    assert.equal(cache.stats().far.state, 'closed');
  });

  it('tells those who listen what it failed with', async (t) => {
    const { cache, store } = rig(t);
    const told = [];
    cache.on('failure', (reason, operation) => told.push([reason.message, operation]));
    store.fail(new Error('ECONNREFUSED'));
    await cache.get('a');
    await cache.set('a', 1);
    assert.deepEqual(told, [
      ['ECONNREFUSED', 'get'],
      ['ECONNREFUSED', 'set'],
    ]);
  });

  it('whose Keyv swallows errors is still seen to fail', async (t) => {
    for (const [Keyv, options] of [
      [Keyv5, {}],
      [Keyv5, { throwOnErrors: true }],
      [Keyv6, {}],
    ]) {
      const store = new FakeStore();
      const { cache } = rig(t, { store: new Keyv({ store, ...options }) });
      await cache.set('key', 1);
      store.fail();
      assert.equal(await cache.set('key', 2), false);
      assert.equal(await cache.delete('key'), true, 'the near tier had it');
      assert.equal(await cache.has('other'), false);
      for (const key of ['a', 'b', 'c']) {
        assert.equal(await cache.get(key), undefined);
      }
      assert.equal(cache.stats().far.state, 'open');
    }
  });

  it('whose adapter emits errors and answers as if there were nothing is seen to fail', async (t) => {
    const store = new FakeStore();
    for (const method of ['get', 'getMany', 'set', 'delete', 'has', 'clear', 'deleteMany']) {
      const call = store[method].bind(store);
      store[method] = (...args) =>
        call(...args).catch((reason) => {
          store.emit('error', reason);
          return method === 'getMany' ? args[0].map(() => undefined) : method === 'get' ? undefined : false;
        });
    }
    const { cache } = rig(t, { store });
    store.fail();
    assert.equal(await cache.set('key', 1), false);
    assert.equal(await cache.get('a'), undefined);
    assert.deepEqual(await cache.getMany(['a', 'b']), [undefined, undefined]);
    assert.equal(await cache.has('a'), false);
    assert.equal(await cache.delete('a'), false);
    assert.equal(cache.stats().far.state, 'open');
  });

  it('that emits an error while it answers a call has not failed that call', async (t) => {
    const { cache, store } = rig(t);
    const get = store.get.bind(store);
    store.get = (key) => {
      store.emit('error', new Error('of another one'));
      return get(key);
    };
    for (let i = 0; i < 10; i++) {
      store.put(`key ${i}`, i);
      assert.equal(await cache.get(`key ${i}`), i);
    }
    assert.equal(cache.stats().far.failures, 0);
  });

  it('whose values cannot be decoded by its Keyv is not away', async (t) => {
    for (const Keyv of [Keyv5, Keyv6]) {
      const store = new FakeStore();
      const { cache } = rig(t, { store: new Keyv({ store, useKeyPrefix: false }) });
      for (let i = 0; i < 10; i++) {
        store.map.set(`key ${i}`, ['{', 'null', '5'][i % 3]);
        assert.equal(await cache.getOrLoad(`key ${i}`, () => i), i, Keyv.name);
      }
      const { state, failures } = cache.stats().far;
      assert.deepEqual({ state, failures }, { state: 'closed', failures: 0 });
      await settled();
      assert.equal(store.value('key 1'), 1);
    }
  });
});

describe('what a far tier has wrong', () => {
  it('since it was away is not read, and put right when it is back', async (t) => {
    const bus = new FakeBus();
    const { cache, store, near, timers } = rig(t, { invalidation: { bus } });
    await cache.ready();
    await cache.set('a', 'old');
    await cache.set('b', 'old');
    await cache.set('c', 'old');
    bus.messages.length = 0;
    await open(cache, store);
    await cache.set('a', 'new');
    await cache.delete('b');
    assert.equal(cache.stats().far.kept, 2);
    near.clear();
    store.work();
    // The breaker is still open, and 'a' and 'b' are not to be read in any case.
    timers.advance(999);
    assert.equal(await cache.get('a'), undefined);
    store.calls.length = 0;
    timers.advance(1);
    await settled();
    assert.deepEqual(store.calls, ['deleteMany a,b']);
    assert.deepEqual(
      bus.messages.map(({ keys }) => keys),
      [['a', 'b']],
    );
    assert.deepEqual([...store.map.keys()], ['c']);
    const { kept, state } = cache.stats().far;
    assert.deepEqual({ kept, state }, { kept: 0, state: 'closed' });
  });

  it('is put right by the read that closes the breaker as well', async (t) => {
    const { cache, store, timers } = rig(t, { breaker: { cooldown: 50 } });
    await cache.set('a', 'old');
    await open(cache, store);
    await cache.delete('a');
    store.work();
    timers.advance(49);
    await settled();
    assert.equal(cache.stats().far.state, 'open');
    timers.advance(1);
    await cache.get('other');
    await settled();
    assert.equal(store.map.size, 0);
    assert.equal(cache.stats().far.kept, 0);
  });

  it('is everything when there are more keys than are to be remembered', async (t) => {
    const bus = new FakeBus();
    const { cache, store, near, timers } = rig(t, { maxKept: 3, invalidation: { bus } });
    await cache.ready();
    await cache.set('other', 'right');
    bus.messages.length = 0;
    await open(cache, store);
    for (const key of ['a', 'b', 'c']) {
      await cache.delete(key);
    }
    assert.equal(cache.stats().far.kept, 3);
    await cache.delete('c');
    assert.equal(cache.stats().far.kept, 3);
    await cache.delete('d');
    assert.equal(cache.stats().far.kept, Infinity);
    near.clear();
    store.work();
    timers.advance(1000);
    await settled();
    assert.ok(store.calls.includes('clear all'));
    assert.equal(bus.messages.at(-1).keys, undefined);
    assert.equal(cache.stats().far.kept, 0);
    assert.equal(await cache.get('other'), undefined);
  });

  it('and could not be put right is tried again', async (t) => {
    const { cache, store, timers } = rig(t);
    await cache.set('a', 'old');
    store.fail();
    assert.equal(await cache.delete('a'), true);
    for (let i = 0; i < 3; i++) {
      timers.advance(1000);
      await settled();
    }
    assert.equal(cache.stats().far.kept, 1);
    assert.equal(timers.planned, 1);
    store.work();
    timers.advance(1000);
    await settled();
    assert.equal(cache.stats().far.kept, 0);
    assert.equal(store.map.size, 0);
    assert.equal(timers.planned, 0, 'and then nothing is waited for');
  });

  it('is right again once the key was written, and others told', async (t) => {
    const { cache, store, timers } = rig(t);
    await cache.set('a', 'old');
    store.fail();
    await cache.set('a', 'new');
    store.work();
    await cache.set('a', 'newest');
    assert.equal(cache.stats().far.kept, 0);
    store.calls.length = 0;
    timers.advance(1000);
    await settled();
    assert.deepEqual(store.calls, []);
    assert.equal(store.value('a'), 'newest');
  });

  it('is told to it at the end, if it can be', async (t) => {
    const { cache, store } = rig(t);
    await cache.set('a', 'old');
    store.fail();
    await cache.delete('a');
    store.work();
    await cache.close();
    assert.equal(store.map.size, 0);
    assert.equal(store.listenerCount('error'), 0);
  });

  it('what was loaded and may yet get there is put right too, and what was never sent is not missed', async (t) => {
    const { cache, store, timers } = rig(t, { timeout: 100 });
    await cache.getOrLoad('sent', () => {
      store.hang();
      return 'older';
    });
    await settled();
    timers.advance(100);
    await settled();
    assert.equal(cache.stats().far.kept, 1);
    store.work();
    await settled();
    assert.equal(store.value('sent'), 'older', 'it was carried out');
    timers.advance(1000);
    await settled();
    assert.equal(store.map.size, 0);
    await open(cache, store);
    await cache.getOrLoad('not sent', () => 'loaded');
    await settled();
    assert.equal(cache.stats().far.kept, 0);
  });

  it('and cannot be cleared, for whatever reason, is a store that fails', async (t) => {
    const { cache, store } = rig(t);
    store.clear = () => Promise.reject(new TypeError('of the store'));
    assert.equal(await cache.clear(), false);
    const { failures, corrupt, kept } = cache.stats().far;
    assert.deepEqual({ failures, corrupt, kept }, { failures: 1, corrupt: 0, kept: Infinity });
  });

  it('after a call that took too long and was carried out later is put right', async (t) => {
    const { cache, store, near, timers } = rig(t, { timeout: 100 });
    await cache.set('a', 1);
    store.hang();
    const set = cache.set('a', 2);
    await settled();
    timers.advance(100);
    assert.equal(await set, false);
    near.clear();
    store.work();
    await settled();
    assert.equal(store.value('a'), 2, 'it was carried out');
    assert.equal(await cache.get('a'), undefined, 'but nobody knows that');
    timers.advance(1000);
    await settled();
    assert.equal(store.map.size, 0);
  });
});

describe('what is kept', () => {
  /** What is called, in order; `then` may do something during each call, and says whether it works. */
  function recorder(then = () => true) {
    const calls = [];
    const call = (name) => async (keys) => {
      calls.push([name, keys]);
      return then(calls.length);
    };
    return { calls, remove: call('remove'), tell: call('tell') };
  }

  it('is kept on if it was added again while it was sent', async () => {
    const kept = new Kept(10);
    kept.add('a', true);
    kept.add('b', false);
    const { calls, remove, tell } = recorder((call) => {
      if (call <= 2) {
        kept.add('a', true);
      }
      return call < 3;
    });
    await kept.send(remove, tell);
    assert.deepEqual(calls, [
      ['remove', ['a']],
      ['tell', ['a', 'b']],
      ['remove', ['a']],
    ]);
    assert.equal(kept.size, 1);
    assert.equal(kept.isWrong('a'), true);
  });

  it('is everything again if that was added while everything was sent', async () => {
    const kept = new Kept(10);
    kept.add(undefined, true);
    const { calls, remove, tell } = recorder((call) => {
      if (call === 1) {
        kept.add(undefined, true);
      }
      return call < 3;
    });
    await kept.send(remove, tell);
    assert.deepEqual(
      calls.map(([name]) => name),
      ['remove', 'tell', 'remove'],
    );
    assert.equal(kept.size, Infinity);
  });

  it('is not removed from the far tier if others were only not told', async () => {
    const kept = new Kept(2);
    ['a', 'b', 'c'].forEach((key) => kept.add(key, false));
    assert.equal(kept.size, Infinity);
    assert.equal(kept.isWrong('a'), false);
    const { calls, remove, tell } = recorder();
    await kept.send(remove, tell);
    assert.deepEqual(calls, [['tell', undefined]]);
  });

  it('is removed once, if only telling others has failed', async () => {
    const kept = new Kept(2);
    kept.add('a', true);
    const { calls, remove, tell } = recorder((call) => call !== 2);
    await kept.send(remove, tell);
    assert.equal(kept.isWrong('a'), false);
    kept.add('a', false);
    assert.equal(kept.isWrong('a'), false);
    await kept.send(remove, tell);
    assert.deepEqual(
      calls.map(([name]) => name),
      ['remove', 'tell', 'tell'],
    );
    assert.equal(kept.size, 0);
  });

  it('is cleared once, if only telling others has failed', async () => {
    const kept = new Kept(2);
    kept.add(undefined, true);
    const { calls, remove, tell } = recorder((call) => call !== 2);
    await kept.send(remove, tell);
    assert.equal(kept.isWrong('a'), false);
    await kept.send(remove, tell);
    assert.deepEqual(
      calls.map(([name]) => name),
      ['remove', 'tell', 'tell'],
    );
  });

  it('stays wrong if it was wrong before it was not told, and so does everything', () => {
    const kept = new Kept(2);
    kept.add('a', true);
    kept.add('a', false);
    assert.equal(kept.isWrong('a'), true);
    ['b', 'c'].forEach((key) => kept.add(key, false));
    assert.equal(kept.isWrong('d'), true);
    kept.add('e', false);
    assert.equal(kept.isWrong('d'), true);
  });

  it('goes in parts, and by one at a time', async () => {
    const kept = new Kept(2000);
    for (let i = 0; i < 1200; i++) {
      kept.add(`k${i}`, true);
    }
    const { calls, remove, tell } = recorder();
    await Promise.all([kept.send(remove, tell), kept.send(remove, tell)]);
    assert.deepEqual(
      calls.map(([name, keys]) => [name, keys.length]),
      [500, 500, 200].flatMap((length) => [
        ['remove', length],
        ['tell', length],
      ]),
    );
  });

  it('has what could not be decoded, and could not be removed', async (t) => {
    const { cache, store } = rig(t);
    store.map.set('key', '{');
    store.delete = () => Promise.reject(new Error('not now'));
    assert.equal(await cache.get('key'), undefined);
    await settled();
    assert.equal(cache.stats().far.kept, 1);
  });
});

describe('what was loaded a moment ago', () => {
  it('is so for a second or two, and for so many keys', () => {
    const clock = manualClock();
    const recent = new Recent(4, clock.now);
    recent.add('a');
    clock.advance(999);
    recent.add('b');
    assert.deepEqual([...recent.keys()], ['a', 'b']);
    clock.advance(1);
    recent.add('c');
    assert.equal(recent.has('a'), true);
    clock.advance(1000);
    assert.equal(recent.has('a'), false);
    assert.equal(recent.has('c'), true);
    clock.advance(1999);
    assert.equal(recent.has('c'), false);
    clock.advance(5000);
    for (let i = 0; i < 100; i++) {
      recent.add(`k${i}`);
    }
    assert.ok(recent.keys().size <= 4);
    assert.equal(recent.has('k99'), true);
  });
});

describe('against a model', () => {
  it('a store that comes and goes never makes a cache return what was replaced before', async (t) => {
    const random = seeded(7);
    const bus = new FakeBus();
    const store = new FakeStore();
    const caches = [0, 1].map(() =>
      rig(t, { store, invalidation: { bus }, timeout: 50, breaker: { cooldown: 200 } }),
    );
    await Promise.all(caches.map(({ cache }) => cache.ready()));
    /** The number that each key was set to last. */
    const truth = new Map();
    let number = 0;
    let away = false;
    for (let step = 0; step < 3000; step++) {
      const { cache, near } = caches[random.below(2)];
      const key = `k${random.below(20)}`;
      if (random.chance(0.02)) {
        away = !away;
        bus.isAway = away;
        if (away) {
          store.fail();
        } else {
          store.work();
        }
      }
      switch (random.below(5)) {
        case 0:
          truth.set(key, ++number);
          await cache.set(key, number);
          break;
        case 1:
          truth.delete(key);
          await cache.delete(key);
          break;
        case 2:
          near.clear();
          break;
        default: {
          const found = await cache.getOrLoad(key, () => truth.get(key) ?? null);
          // While the store is away a process cannot know what others have done; when it is back it does.
          const isSettled = !away && caches.every((each) => each.cache.stats().far.kept === 0);
          if (isSettled) {
            assert.equal(found ?? undefined, truth.get(key), `step ${step}`);
          }
        }
      }
      if (random.chance(0.2)) {
        caches.forEach(({ timers }) => timers.advance(100));
        await settled();
      }
      if (!away && random.chance(0.1)) {
        // Until both have come back and told each other.
        for (let turn = 0; turn < 20 && caches.some((each) => each.cache.stats().far.kept > 0); turn++) {
          caches.forEach(({ timers }) => timers.advance(2000));
          await settled();
        }
      }
    }
    assert.ok(number > 400);
  });
});

describe('threads', () => {
  it('share a near tier and a store, and may end in the middle of a call', async (t) => {
    const source = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { SharedCache, TieredCache } = require(workerData.root);
      const { KeyvSharedCache } = require('heapwise/keyv');
      const near = new SharedCache(workerData.near);
      const cache = new TieredCache({ near, far: new KeyvSharedCache(workerData.far) });
      (async () => {
        for (let i = 0; ; i++) {
          const key = 'k' + (i % 100);
          const value = await cache.getOrLoad(key, () => key.repeat(50));
          if (value !== key.repeat(50)) {
            parentPort.postMessage(value);
          }
          await (i % 3 === 0 ? cache.delete(key) : cache.set(key, key.repeat(50)));
          if (i === 1000) {
            parentPort.postMessage('busy');
          }
        }
      })();`;
    const near = { name: 'tiered near', maxBytes: 2 ** 20 };
    const far = { name: 'tiered far', maxBytes: 2 ** 20 };
    const held = [new SharedCache(near), new SharedCache(far)];
    t.after(() => held.forEach((cache) => cache.close()));
    const workers = Array.from(
      { length: 3 },
      () => new Worker(source, { eval: true, workerData: { root: ROOT, near, far } }),
    );
    const said = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
    await Promise.all(workers.map((worker) => worker.terminate()));
    assert.deepEqual(said, ['busy', 'busy', 'busy']);
    const { cache } = rig(t, { near: held[0], store: new KeyvSharedCache(held[1]) });
    assert.equal(await cache.set('k1', 'mine'), true);
    assert.equal(await cache.get('k1'), 'mine');
  });
});

describe('a monitor', () => {
  it('counts a tiered cache as one of its caches', async (t) => {
    const { cache } = rig(t);
    const monitor = createMonitor({ caches: { users: cache } });
    t.after(() => monitor.close());
    await cache.getOrLoad('key', () => 1);
    await cache.get('key');
    assert.equal(monitor.report().caches.users.hits, 1);
    const { text } = await monitor.metrics();
    assert.match(text, /heapwise_cache_misses_total\{[^}]*users[^}]*\} 1/);
  });
});

describe('the end of a process', () => {
  it('does not wait for a tiered cache that is open, busy and subscribed', async () => {
    const { code, stderr, stdout } = await runScript(`
      const { Cache, TieredCache } = require('heapwise');
      const { EventEmitter } = require('node:events');
      const hang = () => new Promise(() => {});
      const far = Object.assign(new EventEmitter(), { get: hang, set: hang, delete: hang, clear: hang });
      const bus = { publish: hang, subscribe: () => ({ ready: Promise.resolve(), ping: hang, close() {} }) };
      const cache = new TieredCache({ near: new Cache({ max: 10 }), far, invalidation: { bus, heartbeat: 1 } });
      cache.set('key', 1);
      cache.get('other');
      cache.ready().then(() => console.log('up'));
    `);
    assert.equal(code === 0 || code === 13, true, stderr);
    assert.equal(stdout, 'up\n');
  });
});
