'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Cache } = require('..');
const {
  NOT_FUNCTIONS,
  NOT_NUMBERS,
  NOT_OBJECTS,
  assertCode,
  assertRejects,
  deferred,
  manualClock,
  nextTurn,
  seeded,
} = require('./helper.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const UNKNOWN = 'ERR_HEAPWISE_UNKNOWN_OPTION';
const SIZE = 'ERR_HEAPWISE_CACHE_SIZE';
const CLOSED = 'ERR_HEAPWISE_CACHE_CLOSED';

/** Loads that end when they are told to: `loads[i]` is a promise with its ends, for the i-th call. */
function controlled() {
  const loads = [];
  const load = (key) => {
    loads.push({ key, ...deferred() });
    return loads.at(-1).promise;
  };
  return { load, loads };
}

/** The counts of gets and loads. */
function counts(cache) {
  const { hits, misses, loads, loadErrors } = cache.stats();
  return { hits, misses, loads, loadErrors };
}

const fail = () => assert.fail('loaded');

describe('misuse of getOrLoad', () => {
  test('is thrown at once, loads nothing and counts nothing', () => {
    const cache = new Cache({ max: 5, maxSize: 5 });
    for (const wrong of NOT_FUNCTIONS) {
      const { message } = assertCode(() => cache.getOrLoad('a', wrong), TYPE, TypeError, wrong);
      assert.match(message, /"load" must be a function/);
    }
    for (const wrong of NOT_OBJECTS) {
      assertCode(() => cache.getOrLoad('a', fail, wrong), TYPE, TypeError, wrong);
    }
    for (const wrong of NOT_NUMBERS) {
      assertCode(() => cache.getOrLoad('a', fail, { ttl: wrong }), TYPE, TypeError, wrong);
      assertCode(() => cache.getOrLoad('a', fail, { size: wrong }), SIZE, TypeError, wrong);
    }
    for (const wrong of [NaN, -1, -Infinity]) {
      assertCode(() => cache.getOrLoad('a', fail, { ttl: wrong }), VALUE, RangeError, wrong);
      assertCode(() => cache.getOrLoad('a', fail, { size: wrong }), SIZE, TypeError, wrong);
    }
    const { message } = assertCode(() => cache.getOrLoad('a', fail, { tll: 5 }), UNKNOWN, TypeError);
    assert.match(message, /of Cache.getOrLoad/);
    assert.deepEqual(counts(cache), { hits: 0, misses: 0, loads: 0, loadErrors: 0 });
    assert.equal(cache.size, 0);
  });

  test('of a closed cache is thrown at once', () => {
    const cache = new Cache({ max: 5 });
    cache.close();
    assertCode(() => cache.getOrLoad('a', fail), CLOSED, Error);
    assert.deepEqual(counts(cache), { hits: 0, misses: 0, loads: 0, loadErrors: 0 });
  });

  test('a hit checks its arguments too, or a mistake shows only in production', () => {
    const cache = new Cache({ max: 5 });
    cache.set('a', 1);
    assertCode(() => cache.getOrLoad('a', 'load'), TYPE, TypeError);
    assertCode(() => cache.getOrLoad('a', fail, { ttl: -1 }), VALUE, RangeError);
    assert.equal(cache.stats().hits, 0);
  });
});

describe('getOrLoad', () => {
  test('does not load what is there', async () => {
    const cache = new Cache({ max: 2 });
    cache.set('a', 1);
    cache.set('b', 2);
    const got = cache.getOrLoad('a', fail);
    assert.ok(got instanceof Promise);
    assert.equal(await got, 1);
    assert.deepEqual(counts(cache), { hits: 1, misses: 0, loads: 0, loadErrors: 0 });
    assert.deepEqual([...cache.keys()], ['a', 'b'], 'a hit is a use');
  });

  test('does not load twice for callers at the same time', async () => {
    const cache = new Cache({ max: 5 });
    const { load, loads } = controlled();
    const first = cache.getOrLoad('a', load);
    const others = [1, 2, 3].map(() => cache.getOrLoad('a', fail));
    assert.equal(loads.length, 1);
    assert.equal(cache.has('a'), false);
    assert.equal(cache.get('a'), undefined, 'a get does not wait');
    loads[0].resolve('value');
    assert.deepEqual(await Promise.all([first, ...others]), ['value', 'value', 'value', 'value']);
    assert.deepEqual(counts(cache), { hits: 0, misses: 5, loads: 1, loadErrors: 0 });
    assert.equal(await cache.getOrLoad('a', fail), 'value');
    assert.equal(cache.stats().hits, 1);
  });

  test('gives the load its key, takes values that are no promises, and awaits thenables', async () => {
    const cache = new Cache({ max: 5 });
    assert.equal(await cache.getOrLoad('a', (key, ...rest) => `${key}${rest.length}`), 'a1');
    // oxlint-disable-next-line unicorn/no-thenable
    assert.equal(await cache.getOrLoad('b', () => ({ then: (resolve) => resolve('later') })), 'later');
    assert.equal(cache.peek('a'), 'a1');
    assert.equal(cache.peek('b'), 'later');
  });

  test('keeps undefined and null as values', async () => {
    const cache = new Cache({ max: 5 });
    for (const value of [undefined, null, 0, '', false]) {
      assert.equal(await cache.getOrLoad(String(value), () => value), value);
      assert.equal(cache.has(String(value)), true);
      assert.equal(await cache.getOrLoad(String(value), fail), value);
    }
    assert.equal(cache.stats().loads, 5);
  });

  test('does not mix up keys that look alike, or loads that end in another order', async () => {
    const cache = new Cache({ max: 10 });
    const { load, loads } = controlled();
    const keys = ['1', 1, 1n, true, {}, {}, NaN, undefined, '__proto__'];
    const results = keys.map((key) => cache.getOrLoad(key, load));
    assert.deepEqual(
      loads.map(({ key }) => key),
      keys,
    );
    for (const [i, { resolve }] of [...loads.entries()].toReversed()) {
      resolve(i);
      await nextTurn();
    }
    assert.deepEqual(await Promise.all(results), [...keys.keys()]);
    assert.deepEqual(
      keys.map((key) => cache.get(key)),
      [...keys.keys()],
    );
  });

  test('stores with the time and the size that it is given, from the end of the load on', async () => {
    const clock = manualClock();
    const cache = new Cache({ maxSize: 100, ttl: 1000, sizeOf: () => 7, now: clock.now });
    const { load, loads } = controlled();
    const slow = cache.getOrLoad('slow', load, { ttl: 10, size: 50 });
    clock.advance(500);
    loads[0].resolve('value');
    await slow;
    await cache.getOrLoad('default', () => 'value');
    await cache.getOrLoad('for ever', () => 'value', { ttl: 0 });
    assert.equal(cache.stats().totalSize, 64);
    clock.advance(9.999);
    assert.equal(cache.has('slow'), true, 'loading takes nothing off its time');
    clock.advance(0.001);
    assert.equal(cache.has('slow'), false);
    clock.advance(990);
    assert.equal(cache.has('default'), false);
    assert.equal(cache.has('for ever'), true);
  });

  test('loads again what has expired, and tells of what it found', async () => {
    const clock = manualClock();
    const told = [];
    const onEvict = (...event) => told.push(event.join());
    const cache = new Cache({ max: 5, ttl: 10, now: clock.now, onEvict });
    cache.set('a', 'old');
    clock.advance(10);
    const loading = cache.getOrLoad('a', () => 'new');
    assert.deepEqual(told, ['a,old,expire']);
    assert.equal(await loading, 'new');
    assert.equal(cache.get('a'), 'new');
    assert.equal(cache.stats().expirations, 1);
  });

  test('respects max, and counts as a set', async () => {
    const cache = new Cache({ max: 2 });
    await Promise.all(['a', 'b', 'c'].map((key) => cache.getOrLoad(key, async () => key)));
    assert.deepEqual([...cache.keys()], ['c', 'b']);
    assert.equal(cache.stats().sets, 3);
  });

  test('returns a value that is too large to be stored', async () => {
    const cache = new Cache({ maxSize: 10, sizeOf: (value) => value.length });
    assert.equal(await cache.getOrLoad('a', () => 'far too large'), 'far too large');
    assert.equal(cache.size, 0);
    assert.equal(cache.stats().loadErrors, 0);
    assert.equal(await cache.getOrLoad('a', () => 'small'), 'small');
    assert.equal(cache.size, 1);
  });
});

describe('a load that fails', () => {
  test('rejects every caller with its own error, is not cached, and is counted once', async () => {
    const cache = new Cache({ max: 5 });
    const { load, loads } = controlled();
    const broken = new Error('database');
    const callers = [cache.getOrLoad('a', load), cache.getOrLoad('a', fail), cache.getOrLoad('a', fail)];
    loads[0].reject(broken);
    for (const { reason } of await Promise.allSettled(callers)) {
      assert.equal(reason, broken);
    }
    assert.deepEqual(counts(cache), { hits: 0, misses: 3, loads: 1, loadErrors: 1 });
    assert.equal(cache.size, 0);
    assert.equal(await cache.getOrLoad('a', () => 'second try'), 'second try');
    assert.equal(cache.stats().loads, 2);
  });

  test('by throwing at once rejects with that error, and the key can be loaded again', async () => {
    const cache = new Cache({ max: 5 });
    const broken = new Error('at once');
    for (const thrown of [broken, undefined, 'text']) {
      const failing = cache.getOrLoad('a', () => {
        throw thrown;
      });
      const [{ status, reason }] = await Promise.allSettled([failing]);
      assert.equal(status, 'rejected');
      assert.equal(reason, thrown);
    }
    assert.deepEqual(counts(cache), { hits: 0, misses: 3, loads: 3, loadErrors: 3 });
    assert.equal(await cache.getOrLoad('a', () => 'second try'), 'second try');
  });

  test('leaves other keys alone', async () => {
    const cache = new Cache({ max: 5 });
    const { load, loads } = controlled();
    const [bad, good] = [cache.getOrLoad('bad', load), cache.getOrLoad('good', load)];
    loads[0].reject(new Error('database'));
    await assert.rejects(bad, /database/);
    assert.equal(cache.getOrLoad('good', fail), good);
    loads[1].resolve('value');
    assert.equal(await good, 'value');
    assert.equal(cache.get('good'), 'value');
  });

  test('by a value whose size is not known rejects, is counted, and stores nothing', async () => {
    const cache = new Cache({ maxSize: 10 });
    await assertRejects(
      cache.getOrLoad('a', async () => ({})),
      SIZE,
      TypeError,
    );
    assert.deepEqual(counts(cache), { hits: 0, misses: 1, loads: 1, loadErrors: 1 });
    assert.equal(cache.size, 0);
    assert.equal(await cache.getOrLoad('a', async () => 'text'), 'text');
    const broken = new Error('sizeOf');
    const other = new Cache({
      maxSize: 10,
      sizeOf() {
        throw broken;
      },
    });
    await assert.rejects(
      other.getOrLoad('a', () => 1),
      broken,
    );
    assert.equal(other.stats().loadErrors, 1);
  });

  test('after the key was set does not take the value away', async () => {
    const cache = new Cache({ max: 5 });
    const { load, loads } = controlled();
    const loading = cache.getOrLoad('a', load);
    cache.set('a', 'set');
    loads[0].reject(new Error('database'));
    await assert.rejects(loading, /database/);
    assert.equal(cache.get('a'), 'set');
  });
});

describe('what happens while a load is under way', () => {
  /** Each makes what is being loaded out of date. */
  const WINNERS = {
    set: (cache) => cache.set('a', 'set'),
    'set of what does not fit': (cache) => cache.set('a', 'set', { size: 1000 }),
    delete: (cache) => cache.delete('a'),
    clear: (cache) => cache.clear(),
    close: (cache) => cache.close(),
    'set and delete': (cache) => [cache.set('a', 'set'), cache.delete('a')],
    'clear and set': (cache) => [cache.clear(), cache.set('a', 'set')],
  };

  /** What a cache of strings holds; nothing once it is closed. */
  function held(cache) {
    return cache.size === 0 ? [] : [...cache].map((entry) => entry.join());
  }

  test('wins over what was loaded; its callers get the value all the same', async () => {
    for (const [name, win] of Object.entries(WINNERS)) {
      const cache = new Cache({ max: 5, maxSize: 100, sizeOf: () => 1 });
      const { load, loads } = controlled();
      const loading = cache.getOrLoad('a', load);
      await nextTurn();
      win(cache);
      const before = held(cache);
      loads[0].resolve('loaded');
      assert.equal(await loading, 'loaded', name);
      assert.deepEqual(held(cache), before, name);
      assert.equal(cache.stats().loadErrors, 0, name);
    }
  });

  test('wins also from inside of the load function, before it has returned', async () => {
    for (const [name, win] of Object.entries(WINNERS)) {
      for (const wrap of [(value) => value, async (value) => value]) {
        const cache = new Cache({ max: 5, maxSize: 100, sizeOf: () => 1 });
        let before;
        const loading = cache.getOrLoad('a', () => {
          win(cache);
          before = held(cache);
          return wrap('loaded');
        });
        assert.equal(await loading, 'loaded', name);
        assert.deepEqual(held(cache), before, name);
      }
    }
  });

  test('to other keys does not keep what was loaded out', async () => {
    const cache = new Cache({ max: 5, maxSize: 100, sizeOf: () => 1 });
    const { load, loads } = controlled();
    const loading = cache.getOrLoad('a', load);
    cache.set('b', 1);
    cache.delete('b');
    cache.set('c', 1);
    cache.get('a');
    cache.has('a');
    cache.peek('a');
    loads[0].resolve('loaded');
    await loading;
    assert.equal(cache.peek('a'), 'loaded');
  });

  test('and is refused, does not count as newer', async () => {
    const cache = new Cache({ maxSize: 10 });
    const { load, loads } = controlled();
    const loading = cache.getOrLoad('a', load);
    assertCode(() => cache.set('a', {}), SIZE, TypeError);
    assertCode(() => cache.set('a', 'x', { size: -1 }), SIZE, TypeError);
    assertCode(() => cache.set('a', 'x', { ttl: -1 }), VALUE, RangeError);
    assert.equal(cache.getOrLoad('a', load), loading);
    loads[0].resolve('text');
    await loading;
    assert.equal(cache.peek('a'), 'text');
  });

  test('a new load after a delete is not ended or overwritten by the old one', async () => {
    for (const outdate of [(cache) => cache.delete('a'), (cache) => cache.clear()]) {
      const cache = new Cache({ max: 5 });
      const { load, loads } = controlled();
      const old = cache.getOrLoad('a', load);
      outdate(cache);
      const fresh = cache.getOrLoad('a', load);
      assert.notEqual(fresh, old);
      assert.equal(loads.length, 2);
      loads[0].resolve('old');
      assert.equal(await old, 'old');
      assert.equal(cache.has('a'), false);
      assert.equal(cache.getOrLoad('a', fail), fresh, 'the new load goes on');
      loads[1].resolve('fresh');
      assert.equal(await fresh, 'fresh');
      assert.equal(cache.get('a'), 'fresh');
    }
  });

  test('an old load that fails does not end the new one', async () => {
    const cache = new Cache({ max: 5 });
    const { load, loads } = controlled();
    const old = cache.getOrLoad('a', load);
    cache.delete('a');
    const fresh = cache.getOrLoad('a', load);
    loads[0].reject(new Error('old'));
    await assert.rejects(old, /old/);
    assert.equal(cache.getOrLoad('a', fail), fresh);
    loads[1].resolve('fresh');
    await fresh;
    assert.equal(cache.get('a'), 'fresh');
  });

  test('a load that loads other keys through the cache gets them', async () => {
    const cache = new Cache({ max: 50 });
    const fibonacci = async (n) =>
      n < 2 ? n : (await cache.getOrLoad(n - 1, fibonacci)) + (await cache.getOrLoad(n - 2, fibonacci));
    assert.equal(await cache.getOrLoad(30, fibonacci), 832_040);
    assert.equal(cache.stats().loads, 31);
    assert.equal(cache.size, 31);
  });

  test('onEvict that closes the cache does not have the load fill it again', async () => {
    const clock = manualClock();
    const cache = new Cache({ max: 5, ttl: 10, now: clock.now, onEvict: () => cache.close() });
    cache.set('a', 'old');
    clock.advance(10);
    try {
      await cache.getOrLoad('a', async () => 'new');
    } catch (thrown) {
      assert.equal(thrown.code, CLOSED);
    }
    assert.equal(cache.size, 0);
  });

  test('onEvict may use the cache when a load makes room', async () => {
    const cache = new Cache({
      max: 1,
      onEvict(key, value, reason) {
        if (reason === 'evict' && key === 'a') {
          cache.set('b', 'from the callback');
        }
      },
    });
    cache.set('a', 1);
    assert.equal(await cache.getOrLoad('b', async () => 'loaded'), 'loaded');
    assert.equal(cache.get('b'), 'from the callback');
    assert.equal(cache.size, 1);
  });

  test('onEvict that throws when a load makes room does not lose the value or block the key', async () => {
    const broken = new Error('callback');
    const cache = new Cache({
      max: 1,
      onEvict() {
        throw broken;
      },
    });
    cache.set('a', 1);
    await assert.rejects(
      cache.getOrLoad('b', async () => 'loaded'),
      broken,
    );
    assert.equal(await cache.getOrLoad('b', fail), 'loaded');
  });
});

describe('getOrLoad in a crowd', () => {
  test('never loads a key twice at a time, and never answers with an outdated value', async () => {
    const random = seeded(21);
    const clock = manualClock();
    const cache = new Cache({ max: 20, ttl: 50, now: clock.now });
    const versions = new Map();
    const loading = new Map();
    const current = (key) => versions.get(key) ?? 0;
    let loads = 0;
    async function load(key) {
      const version = current(key);
      const mark = `${key} ${version}`;
      assert.ok(!loading.has(mark), `${mark} is loaded twice at a time`);
      loading.set(mark, true);
      loads++;
      for (let turns = random.below(4); turns > 0; turns--) {
        await Promise.resolve();
      }
      loading.delete(mark);
      return { key, version };
    }
    async function caller() {
      for (let i = 0; i < 300; i++) {
        const key = random.below(30);
        if (random.chance(0.1)) {
          // The source changes, and whoever changes it tells the cache.
          versions.set(key, current(key) + 1);
          cache.delete(key);
        }
        clock.advance(random.next());
        const asked = current(key);
        const value = await cache.getOrLoad(key, load);
        assert.equal(value.key, key);
        assert.ok(value.version >= asked, `asked at version ${asked}, got ${value.version}`);
      }
    }
    await Promise.all(Array.from({ length: 10 }, caller));
    const stats = counts(cache);
    assert.equal(stats.loads, loads);
    assert.equal(stats.hits + stats.misses, 3000);
    assert.equal(stats.loadErrors, 0);
    assert.ok(stats.hits > 300 && stats.loads > 300 && stats.misses > stats.loads);
  });
});
