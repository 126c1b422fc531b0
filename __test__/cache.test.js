// node-flags: --expose-gc
'use strict';

const assert = require('node:assert/strict');
const { performance } = require('node:perf_hooks');
const { describe, test } = require('node:test');
const { Cache } = require('..');
const { assertCode, collected, manualClock, seeded } = require('./helper.js');

const CLOSED = 'ERR_HEAPWISE_CACHE_CLOSED';

/** A cache of these entries, set in this order. */
function filled(options, entries) {
  const cache = new Cache(options);
  for (const [key, value] of Object.entries(entries)) {
    cache.set(key, value);
  }
  return cache;
}

/** A cache, and what its onEvict was told, as "key=value reason". */
function watched(options) {
  const told = [];
  const onEvict = (key, value, reason) => told.push(`${String(key)}=${String(value)} ${reason}`);
  return { cache: new Cache({ ...options, onEvict }), told };
}

/** The entries from newest to oldest, as "key=value key=value". */
function shown(cache) {
  return Array.from(cache, ([key, value]) => `${String(key)}=${String(value)}`).join(' ');
}

/** A value that counts as its own size. */
const itself = (value) => value;

/** Cuts numbers from `from` to `to`. */
function range(from, to) {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

describe('Cache', () => {
  test('answers undefined, false and nothing while it is empty', () => {
    const cache = new Cache({ max: 5 });
    assert.equal(cache.get('a'), undefined);
    assert.equal(cache.peek('a'), undefined);
    assert.equal(cache.has('a'), false);
    assert.equal(cache.delete('a'), false);
    assert.equal(cache.size, 0);
    assert.equal(shown(cache), '');
    cache.clear();
  });

  test('evicts what was unused for longest, and a get or set counts as a use', () => {
    const { cache, told } = watched({ max: 3 });
    cache.set('a', 1);
    cache.set('b', 2);
    cache.set('c', 3);
    assert.equal(cache.get('a'), 1);
    cache.set('b', 22);
    assert.equal(shown(cache), 'b=22 a=1 c=3');
    cache.set('d', 4);
    assert.equal(shown(cache), 'd=4 b=22 a=1');
    assert.equal(cache.get('a'), 1);
    assert.equal(cache.get('a'), 1, 'the newest one again');
    cache.set('e', 5);
    assert.equal(shown(cache), 'e=5 a=1 d=4');
    assert.deepEqual(told, ['b=2 set', 'c=3 evict', 'b=22 evict']);
  });

  test('does not take peeks, looks and iteration for uses', () => {
    const cache = filled({ max: 3 }, { a: 1, b: 2, c: 3 });
    assert.equal(cache.peek('a'), 1);
    assert.equal(cache.has('a'), true);
    cache.dump();
    assert.equal([...cache, ...cache.keys(), ...cache.values(), ...cache.entries()].length, 12);
    assert.equal(shown(cache), 'c=3 b=2 a=1');
    const { hits, misses, hitRate } = cache.stats();
    assert.deepEqual({ hits, misses, hitRate }, { hits: 0, misses: 0, hitRate: 0 });
    cache.set('d', 4);
    assert.equal(cache.has('a'), false);
  });

  test('with max 1 keeps the newest entry only', () => {
    const { cache, told } = watched({ max: 1 });
    for (let i = 0; i < 50; i++) {
      assert.equal(cache.set(i, i), true);
      assert.equal(shown(cache), `${i}=${i}`);
      assert.equal(cache.get(i), i);
      assert.equal(cache.get(i - 1), undefined);
    }
    cache.set(49, 'again');
    assert.equal(shown(cache), '49=again');
    assert.equal(told.length, 50);
    assert.equal(cache.delete(49), true);
    assert.equal(cache.size, 0);
    cache.set('a', 1);
    assert.equal(shown(cache), 'a=1');
  });

  test('does not lose, mix up or reorder entries while it grows', () => {
    const clock = manualClock();
    const count = 5000;
    const { cache, told } = watched({
      max: count,
      maxSize: 1e9,
      sizeOf: () => 3,
      policy: 'lru',
      now: clock.now,
    });
    for (let i = 0; i < count; i++) {
      cache.set(i, `value ${i}`, { ttl: i + 1 });
    }
    assert.equal(cache.size, count);
    assert.equal(cache.stats().totalSize, 3 * count);
    assert.deepEqual([...cache.keys()], range(0, count).toReversed());
    for (let i = 0; i < count; i++) {
      assert.equal(cache.get(i), `value ${i}`);
    }
    clock.advance(count / 2);
    for (let i = 0; i < count; i++) {
      assert.equal(cache.peek(i), i < count / 2 ? undefined : `value ${i}`);
    }
    assert.equal(told.length, count / 2);
    assert.ok(told.every((event) => event.endsWith(' expire')));
  });

  test('is exact around the sizes at which its columns grow', () => {
    for (let max = 1; max <= 70; max++) {
      const cache = new Cache({ max });
      for (let i = 0; i < 3 * max; i++) {
        cache.set(i, -i);
      }
      const expected = range(2 * max, 3 * max).toReversed();
      assert.deepEqual([...cache.keys()], expected, `max ${max}`);
      assert.ok(expected.every((key) => cache.get(key) === -key));
    }
  });

  test('takes keys of every type, and tells them apart as a Map does', () => {
    const primitives = [undefined, null, true, false, 0, 1, -1, 1.5, 2 ** 53, Infinity, NaN, 0n, 1n];
    const names = ['', '0', '1', 'NaN', 'undefined', 'null', '__proto__', 'constructor', 'toString'];
    const symbols = [Symbol('key'), Symbol('key'), Symbol.for('key'), Symbol.iterator];
    const objects = [{}, {}, [], () => {}, new Date(0), Object.create(null), Object.freeze({})];
    const keys = [...primitives, ...names, ...symbols, ...objects];
    const cache = new Cache({ max: 100 });
    const map = new Map();
    for (const [i, key] of keys.entries()) {
      assert.equal(cache.has(key), false);
      cache.set(key, i);
      map.set(key, i);
    }
    assert.equal(cache.size, keys.length);
    for (const key of keys) {
      assert.equal(cache.get(key), map.get(key));
      assert.equal(cache.peek(key), map.get(key));
    }
    assert.deepEqual([...cache], [...map].toReversed());
    assert.equal(cache.get(-0), map.get(0));
    cache.set(-0, 'zero');
    assert.equal(cache.get(0), 'zero');
    cache.delete(0);
    cache.set(-0, 'zero');
    assert.ok(Object.is([...cache.keys()][0], 0), 'as in a Map, there is one zero');
    for (const key of keys) {
      assert.equal(cache.delete(key), true);
      assert.equal(cache.has(key), false);
    }
    assert.equal(cache.size, 0);
  });

  test('keeps undefined and other empty values as values', () => {
    const { cache, told } = watched({ max: 10 });
    for (const value of [undefined, null, 0, '', false, NaN]) {
      cache.set('a', value);
      assert.equal(cache.has('a'), true);
      assert.ok(Object.is(cache.get('a'), value));
      assert.ok(Object.is(cache.peek('a'), value));
    }
    assert.equal(cache.stats().hits, 6);
    assert.equal(cache.stats().misses, 0);
    cache.set('u', undefined);
    assert.equal(cache.delete('u'), true);
    assert.equal(told.at(-1), 'u=undefined delete');
  });

  test('counts hits, misses, sets and evictions, and nothing twice', () => {
    const cache = new Cache({ max: 2 });
    cache.get('a');
    cache.set('a', 1);
    cache.get('a');
    cache.get('a');
    cache.set('b', 1);
    cache.set('c', 1);
    cache.set('c', 2);
    cache.get('a');
    cache.delete('b');
    assert.deepEqual(cache.stats(), {
      entries: 1,
      max: 2,
      totalSize: 0,
      maxSize: Infinity,
      hits: 2,
      misses: 2,
      hitRate: 0.5,
      sets: 4,
      evictions: 1,
      expirations: 0,
      loads: 0,
      loadErrors: 0,
      staleHits: 0,
      curve: [1.25, 1.5, 2, 4].map((scale) => ({ scale, hitRate: 0.5 })),
    });
    cache.clear();
    assert.equal(cache.stats().hits, 2, 'clear keeps the counts');
    assert.deepEqual(cache.stats(), cache.stats());
  });

  test('finds a deleted key no more, and reuses its place without mixing up', () => {
    const { cache, told } = watched({ max: 3 });
    cache.set('a', 1);
    cache.set('b', 2);
    cache.set('c', 3);
    assert.equal(cache.delete('b'), true);
    assert.equal(cache.delete('b'), false);
    assert.equal(shown(cache), 'c=3 a=1');
    cache.set('d', 4);
    assert.equal(shown(cache), 'd=4 c=3 a=1');
    assert.equal(cache.get('b'), undefined);
    assert.deepEqual(told, ['b=2 delete']);
  });

  test('is usable after clear as if it were new', () => {
    const clock = manualClock();
    const { cache, told } = watched({ max: 40, maxSize: 400, sizeOf: () => 10, ttl: 5, now: clock.now });
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 60; i++) {
        cache.set(i, round);
      }
      assert.equal(cache.size, 40);
      assert.equal(cache.stats().totalSize, 400);
      assert.equal(cache.get(59), round);
      told.length = 0;
      cache.clear();
      assert.equal(cache.size, 0);
      assert.equal(cache.stats().totalSize, 0);
      assert.equal(cache.has(59), false);
      assert.equal(shown(cache), '');
      assert.deepEqual(new Set(told), new Set(range(20, 60).map((key) => `${key}=${round} clear`)));
      assert.equal(told.length, 40);
    }
    cache.set('a', 1);
    clock.advance(5);
    assert.equal(cache.get('a'), undefined, 'the time still counts');
  });
});

describe('iteration over a Cache', () => {
  const abc = { a: 1, b: 2, c: 3 };

  test('goes from the newest to the oldest, alike for keys, values and entries', () => {
    const cache = filled({ max: 5 }, abc);
    assert.deepEqual([...cache.keys()], ['c', 'b', 'a']);
    assert.deepEqual([...cache.values()], [3, 2, 1]);
    assert.deepEqual([...cache.entries()], Object.entries(abc).toReversed());
    assert.deepEqual([...cache], [...cache.entries()]);
    assert.deepEqual(new Map(cache), new Map(Object.entries(abc)));
  });

  test('leaves out what is deleted meanwhile, and does not see what is added', () => {
    const cache = filled({ max: 5 }, abc);
    const seen = [];
    for (const [key] of cache) {
      seen.push(key);
      cache.delete('b');
      cache.set(`new ${key}`, 1);
    }
    assert.deepEqual(seen, ['c', 'a']);
  });

  test('neither ends early nor goes round in circles when entries move, or all are cleared', () => {
    const cache = filled({ max: 5 }, abc);
    const seen = [];
    for (const [key, value] of cache) {
      seen.push(key);
      cache.get(key);
      cache.set(key, value + 10);
    }
    assert.deepEqual(seen, ['c', 'b', 'a']);
    assert.equal(shown(cache), 'a=11 b=12 c=13');
    let turns = 0;
    for (const key of cache.keys()) {
      assert.equal(key, 'a');
      turns++;
      cache.clear();
    }
    assert.equal(turns, 1);
  });

  test('shows the value of its time, not that of its beginning', () => {
    const cache = filled({ max: 5 }, abc);
    const values = cache.values();
    assert.equal(values.next().value, 3);
    cache.set('a', 'changed');
    assert.deepEqual([...values], [2, 'changed']);
  });

  test('does not show what has expired, and can be left at any time', () => {
    const clock = manualClock();
    const cache = filled({ max: 5, now: clock.now }, abc);
    cache.set('d', 4);
    cache.set('b', 2, { ttl: 5 });
    const keys = cache.keys();
    assert.equal(keys.next().value, 'b');
    cache.set('c', 3, { ttl: 5 });
    clock.advance(5);
    assert.equal(keys.next().value, 'd');
    assert.equal(keys.next().value, 'a');
    keys.return();
    assert.equal(shown(cache), 'd=4 a=1');
    assert.equal(cache.stats().expirations, 2);
  });

  test('does not go on over a cache that is closed meanwhile', () => {
    const cache = filled({ max: 5 }, abc);
    const keys = cache.keys();
    keys.next();
    cache.close();
    assertCode(() => keys.next(), CLOSED, Error);
    assert.equal(keys.next().done, true);
  });
});

describe('time in a Cache', () => {
  test('is over exactly when it has passed, not before and not after', () => {
    for (const read of ['get', 'peek', 'has']) {
      const clock = manualClock();
      const cache = filled({ max: 5, ttl: 100, now: clock.now }, { a: true });
      clock.advance(99.999);
      assert.equal(cache[read]('a'), true, read);
      clock.advance(0.001);
      assert.ok(!cache[read]('a'), read);
      assert.equal(cache.size, 0, `${read} gives its memory back`);
      clock.set(0);
      assert.equal(cache.has('a'), false, `${read} does not bring it back`);
    }
  });

  test('of 0, undefined and Infinity never ends', () => {
    const never = [{ ttl: 0 }, { ttl: Infinity }, { ttl: -0 }, undefined, {}, { ttl: undefined }];
    for (const options of never) {
      for (const own of [{}, { ttl: 0 }, { ttl: Infinity }]) {
        const clock = manualClock();
        const cache = new Cache({ max: 5, ...own, now: clock.now });
        cache.set('other', 1, { ttl: 5 });
        cache.set('a', 1, options);
        clock.advance(1e12);
        assert.equal(cache.get('a'), 1);
        assert.equal(cache.get('other'), undefined);
      }
    }
  });

  test('of an entry goes before that of the cache, in both directions', () => {
    const clock = manualClock();
    const cache = new Cache({ max: 10, ttl: 100, now: clock.now });
    cache.set('default', 1);
    cache.set('undefined', 1, { ttl: undefined });
    cache.set('shorter', 1, { ttl: 10 });
    cache.set('longer', 1, { ttl: 1000 });
    cache.set('never', 1, { ttl: 0 });
    cache.set('never either', 1, { ttl: Infinity });
    const alive = () => [...cache.keys()].toReversed();
    clock.advance(9.9);
    assert.equal(alive().length, 6);
    clock.advance(0.1);
    assert.deepEqual(alive(), ['default', 'undefined', 'longer', 'never', 'never either']);
    clock.advance(90);
    assert.deepEqual(alive(), ['longer', 'never', 'never either']);
    clock.advance(900);
    assert.deepEqual(alive(), ['never', 'never either']);
  });

  test('begins anew with a set, but not with a get', () => {
    const clock = manualClock();
    const cache = filled({ max: 5, ttl: 100, now: clock.now }, { a: 1, b: 1 });
    clock.advance(60);
    cache.set('a', 2);
    assert.equal(cache.get('b'), 1);
    clock.advance(60);
    assert.equal(cache.get('a'), 2);
    assert.equal(cache.get('b'), undefined);
    cache.set('a', 3, { ttl: 0 });
    clock.advance(1e9);
    assert.equal(cache.get('a'), 3, 'a set without a time takes the old time away');
  });

  test('of an entry does not pass to the next one in its place', () => {
    const clock = manualClock();
    const cache = new Cache({ max: 1, now: clock.now });
    cache.set('a', 1, { ttl: 10 });
    cache.set('b', 1);
    clock.advance(20);
    assert.equal(cache.get('b'), 1);
    cache.set('c', 1, { ttl: 10 });
    cache.delete('c');
    cache.set('d', 1);
    clock.advance(20);
    assert.equal(cache.get('d'), 1);
  });

  test('is not asked for while no entry has one', () => {
    const cache = new Cache({ max: 2, now: () => assert.fail('the clock is read') });
    for (const key of ['a', 'b', 'c', 'a']) {
      cache.set(key, 1);
      cache.get(key);
      cache.peek(key);
      cache.has(key);
    }
    cache.dump();
    cache.delete('a');
    cache.clear();
  });

  test('that is over makes a delete answer false and a get a miss', () => {
    const clock = manualClock();
    const { cache, told } = watched({ max: 5, ttl: 10, now: clock.now });
    cache.set('a', 1);
    cache.set('b', 2);
    clock.advance(10);
    assert.equal(cache.delete('a'), false);
    assert.equal(cache.get('b'), undefined);
    assert.equal(cache.stats().misses, 1);
    assert.deepEqual(told, ['a=1 expire', 'b=2 expire']);
  });

  test('that is over is not taken for an eviction', () => {
    const clock = manualClock();
    const { cache, told } = watched({ max: 4, now: clock.now });
    cache.set('old', 1, { ttl: 10 });
    cache.set('a', 1);
    cache.set('b', 1);
    cache.set('c', 1);
    clock.advance(10);
    cache.set('d', 1);
    assert.deepEqual(told, ['old=1 expire']);
    const { evictions, expirations } = cache.stats();
    assert.deepEqual({ evictions, expirations }, { evictions: 0, expirations: 1 });
  });

  test('that is over makes room by itself where the sweep has not come by', () => {
    const clock = manualClock();
    const { cache, told } = watched({ max: 20, now: clock.now });
    for (let i = 0; i < 20; i++) {
      cache.set(i, 'x', { ttl: i === 9 ? 10 : 0 });
    }
    // Now 9 is the oldest, in a place in the middle.
    for (let i = 0; i < 9; i++) {
      cache.get(i);
    }
    clock.advance(10);
    cache.set('new', 'x');
    assert.deepEqual(told, ['9=x expire']);
    const { evictions, expirations } = cache.stats();
    assert.deepEqual({ evictions, expirations }, { evictions: 0, expirations: 1 });
  });

  test('that is over gives memory back though nobody asks for the keys', () => {
    const clock = manualClock();
    const { cache, told } = watched({ max: 1e6, now: clock.now });
    for (let i = 0; i < 100; i++) {
      cache.set(`old ${i}`, i, { ttl: 10 });
    }
    clock.advance(10);
    for (let i = 0; i < 100; i++) {
      cache.set(`new ${i}`, i);
    }
    assert.deepEqual(new Set(told), new Set(range(0, 100).map((i) => `old ${i}=${i} expire`)));
    assert.equal(told.length, 100);
    assert.equal(cache.size, 100);
  });

  test('that is over gives memory back faster than new entries take it', () => {
    const clock = manualClock();
    const cache = new Cache({ max: 1e6, ttl: 100, now: clock.now });
    let largest = 0;
    for (let i = 0; i < 20_000; i++) {
      cache.set(i, i);
      clock.advance(1);
      largest = Math.max(largest, cache.size);
    }
    // 100 are alive at a time.
    assert.ok(largest < 300, `${largest} entries`);
    assert.equal(cache.get(19_950), 19_950);
    assert.equal(cache.get(19_800), undefined);
  });

  /** Ways in which a cache finds that the time of "a" is over, and nothing else. */
  const FINDERS = {
    get: (cache) => cache.get('a'),
    peek: (cache) => cache.peek('a'),
    has: (cache) => cache.has('a'),
    delete: (cache) => cache.delete('a'),
    set: (cache) => cache.set('b', 2),
    load: (cache) => cache.load([['b', 2, { ttl: 0, size: 0 }]]),
    keys: (cache) => [...cache.keys()],
    values: (cache) => [...cache.values()],
    entries: (cache) => [...cache],
    dump: (cache) => cache.dump(),
  };

  /** Runs each of them on a cache whose "a" is over. */
  function whenFound(check) {
    for (const [name, find] of Object.entries(FINDERS)) {
      const clock = manualClock();
      const { cache, told } = watched({ max: 5, now: clock.now });
      cache.set('a', 1, { ttl: 10 });
      clock.advance(10);
      find(cache);
      assert.equal(cache.has('a'), false, name);
      check(name, cache, told);
    }
  }

  test('that is over is counted once, whoever finds it', () => {
    whenFound((name, cache) => assert.equal(cache.stats().expirations, 1, name));
  });

  test('that is over is told by the operation that finds it, not by a later one', () => {
    for (const [name, find] of Object.entries(FINDERS)) {
      const clock = manualClock();
      const { cache, told } = watched({ max: 5, now: clock.now });
      cache.set('a', 1, { ttl: 10 });
      clock.advance(10);
      find(cache);
      assert.deepEqual(told, ['a=1 expire'], name);
    }
  });
});

describe('size in a Cache', () => {
  test('is bounded by the sum, whatever the number of entries', () => {
    const { cache, told } = watched({ maxSize: 10, sizeOf: itself });
    cache.set('a', 4);
    cache.set('b', 4);
    assert.equal(cache.stats().totalSize, 8);
    cache.set('c', 2);
    assert.equal(cache.size, 3, 'exactly full is not too full');
    assert.equal(cache.set('d', 7), true);
    assert.equal(shown(cache), 'd=7 c=2');
    assert.equal(cache.stats().totalSize, 9);
    assert.equal(cache.set('e', 10), true);
    assert.equal(shown(cache), 'e=10');
    assert.deepEqual(told, ['a=4 evict', 'b=4 evict', 'c=2 evict', 'd=7 evict']);
    assert.equal(cache.stats().evictions, 4);
  });

  test('of a value that can never fit does not empty the cache, but takes the outdated value away', () => {
    const { cache, told } = watched({ maxSize: 10, sizeOf: itself });
    cache.set('a', 4);
    cache.set('b', 4);
    assert.equal(cache.set('c', 10.5), false);
    assert.equal(cache.has('c'), false);
    assert.equal(shown(cache), 'b=4 a=4');
    assert.equal(cache.set('a', 11), false);
    assert.equal(cache.has('a'), false, 'what it was to replace is out of date');
    assert.equal(shown(cache), 'b=4');
    assert.equal(cache.stats().totalSize, 4);
    assert.equal(cache.stats().sets, 4, 'offered values count');
    assert.deepEqual(told, ['a=4 evict']);
  });

  test('counts every entry that is told as evicted, once', () => {
    const { cache, told } = watched({ max: 3, maxSize: 10, sizeOf: itself });
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      cache.set(key, 3);
    }
    cache.set('big', 8);
    assert.deepEqual(told, ['a=3 evict', 'b=3 evict', 'c=3 evict', 'd=3 evict', 'e=3 evict']);
    assert.equal(cache.stats().evictions, 5);
    cache.set('big', 11);
    assert.equal(told.at(-1), 'big=8 evict');
    assert.equal(cache.stats().evictions, 6);
  });

  test('follows a value that is replaced, deleted, expired or cleared', () => {
    const clock = manualClock();
    const cache = new Cache({ maxSize: 100, sizeOf: itself, now: clock.now });
    const total = () => cache.stats().totalSize;
    cache.set('a', 10);
    cache.set('a', 30);
    assert.equal(total(), 30);
    cache.set('a', 5, { size: 50 });
    assert.equal(total(), 50);
    cache.set('b', 20, { ttl: 10 });
    cache.set('c', 0);
    assert.equal(total(), 70);
    clock.advance(10);
    cache.has('b');
    assert.equal(total(), 50);
    cache.delete('a');
    assert.equal(total(), 0);
    assert.equal(cache.size, 1, 'an entry of size 0 is one');
    cache.set('a', 7);
    cache.clear();
    assert.equal(total(), 0);
    cache.set('a', 100);
    assert.equal(total(), 100);
    cache.close();
    assert.equal(total(), 0);
  });

  test('of a replaced value that grows evicts others, never the value itself', () => {
    const cache = filled({ maxSize: 10, sizeOf: itself }, { a: 3, b: 3, c: 3 });
    assert.equal(cache.set('a', 10), true);
    assert.equal(shown(cache), 'a=10');
  });

  test('is not stored by a sizeOf that closes the cache', () => {
    const cache = new Cache({
      maxSize: 10,
      sizeOf() {
        cache.close();
        return 1;
      },
    });
    assertCode(() => cache.set('a', 1), CLOSED, Error);
    assert.equal(cache.size, 0);
  });

  test('in fractions neither drifts nor evicts what was just set', () => {
    const cache = new Cache({ maxSize: 0.3 });
    cache.set('a', 1, { size: 0.1 });
    cache.set('b', 2, { size: 0.2 });
    cache.delete('a');
    cache.delete('b');
    assert.equal(cache.set('c', 3, { size: 0.3 }), true);
    assert.equal(cache.get('c'), 3, 'what was stored is there');
    cache.delete('c');
    assert.equal(cache.stats().totalSize, 0, 'empty is 0');

    // Every one that fits exactly takes the place of two others, whatever their sizes have added up to.
    for (let tenths = 2; tenths < 20; tenths++) {
      for (let part = 1; part < tenths; part++) {
        const tight = new Cache({ maxSize: tenths / 10 });
        tight.set('a', 1, { size: part / 10 });
        tight.set('b', 2, { size: (tenths - part) / 10 });
        assert.equal(tight.set('c', 3, { size: tenths / 10 }), true);
        assert.equal(shown(tight), 'c=3', `${part} of ${tenths} tenths`);
      }
    }
  });

  test('of text and bytes is known without a sizeOf', () => {
    const cache = new Cache({ maxSize: 1000 });
    const sized = new Map([
      ['text', 8],
      ['', 0],
      ['π', 2],
      [Buffer.alloc(100), 100],
      [new Uint8Array(7), 7],
      [new Float64Array(3), 24],
      [new DataView(new ArrayBuffer(50), 10, 5), 5],
      [new ArrayBuffer(33), 33],
    ]);
    for (const [value, size] of sized) {
      cache.clear();
      cache.set('a', value);
      assert.equal(cache.stats().totalSize, size);
    }
  });

  test('is asked for with value and key, once a set, and only when it counts', () => {
    const asked = [];
    const cache = new Cache({ maxSize: 100, sizeOf: (...args) => asked.push(args.join()) });
    cache.set('a', 'x');
    cache.set('a', 'y', { size: 5 });
    cache.set('b', 'z', { size: undefined });
    assert.deepEqual(asked, ['x,a', 'z,b']);
    const unbounded = new Cache({ max: 5, sizeOf: () => assert.fail('asked') });
    unbounded.set('a', 1);
    unbounded.set('a', 2, { size: 1e9 });
    assert.equal(unbounded.get('a'), 2);
    assert.equal(unbounded.stats().totalSize, 0);
  });

  test('and number of entries bound together', () => {
    const cache = filled({ max: 3, maxSize: 10, sizeOf: itself }, { a: 1, b: 1, c: 1, d: 1 });
    assert.equal(shown(cache), 'd=1 c=1 b=1');
    cache.set('e', 9);
    assert.equal(shown(cache), 'e=9 d=1');
  });
});

/** Fails unless all ways to see a cache show the same entries. */
function assertWhole(cache, name) {
  cache.has('nothing');
  const entries = [...cache];
  const keys = entries.map(([key]) => key);
  assert.equal(new Set(keys).size, keys.length, name);
  assert.equal(cache.size, keys.length, name);
  const dump = cache.dump();
  assert.deepEqual(
    dump.map(([key, value]) => [key, value]),
    entries.toReversed(),
    name,
  );
  assert.equal(
    cache.stats().totalSize,
    dump.reduce((sum, [, , { size }]) => sum + size, 0),
    name,
  );
  for (const [key, value] of entries) {
    assert.equal(cache.get(key), value, name);
  }
  assert.deepEqual([...cache.keys()], keys.toReversed(), name);
}

describe('onEvict of a Cache', () => {
  test('says why, and is not told of a value that stays', () => {
    const clock = manualClock();
    const told = [];
    const cache = new Cache({ max: 2, now: clock.now, onEvict: (...event) => told.push(event) });
    const [first, second] = [{}, {}];
    cache.set('a', first);
    cache.set('a', first);
    assert.deepEqual(told, []);
    cache.set('a', second);
    cache.set('b', 2, { ttl: 5 });
    cache.set('c', 3);
    clock.advance(5);
    cache.get('b');
    cache.delete('c');
    cache.set('d', 4);
    cache.clear();
    cache.set('e', 5);
    cache.close();
    cache.close();
    assert.deepEqual(told, [
      ['a', first, 'set'],
      ['a', second, 'evict'],
      ['b', 2, 'expire'],
      ['c', 3, 'delete'],
      ['d', 4, 'clear'],
      ['e', 5, 'clear'],
    ]);
    assert.ok(told[0][1] === first && told[1][1] === second);
  });

  test('comes when the entry is gone and the cache is whole', () => {
    const seen = [];
    const cache = new Cache({
      max: 2,
      maxSize: 10,
      sizeOf: itself,
      onEvict(key, value, reason) {
        seen.push(`${key} ${reason}: ${cache.size} of ${cache.stats().totalSize}, ${shown(cache)}`);
        assertWhole(cache, reason);
      },
    });
    cache.set('a', 1);
    cache.set('b', 2);
    cache.set('c', 3);
    cache.set('b', 4);
    cache.delete('b');
    cache.clear();
    assert.deepEqual(seen, [
      'a evict: 2 of 5, c=3 b=2',
      'b set: 2 of 7, b=4 c=3',
      'b delete: 1 of 3, c=3',
      'c clear: 0 of 0, ',
    ]);
  });

  test('may get, set, delete and clear without breaking what called it', () => {
    const reactions = {
      get: (cache) => [cache.get('x'), cache.get('b')],
      'set another': (cache, key) => cache.set(`${String(key)}!`, 'from the callback'),
      'set the same': (cache, key) => cache.set(key, 'again'),
      'set too much': (cache, key) => cache.set(key, 1000),
      delete: (cache) => cache.delete('b'),
      clear: (cache) => cache.clear(),
      iterate: (cache) => [...cache],
      'dump and load': (cache) => cache.load(cache.dump()),
    };
    const operations = {
      'set a new key': (cache) => cache.set('new', 1),
      'set an old key': (cache) => cache.set('b', 5),
      'set too much': (cache) => cache.set('b', 1000),
      'set a lot': (cache) => cache.set('new', 95),
      delete: (cache) => cache.delete('a'),
      clear: (cache) => cache.clear(),
      'get what expired': (cache) => cache.get('expired'),
      'has what expired': (cache) => cache.has('expired'),
      'peek what expired': (cache) => cache.peek('expired'),
    };
    for (const [reaction, react] of Object.entries(reactions)) {
      for (const [operation, operate] of Object.entries(operations)) {
        const name = `${operation}, and ${reaction} in the callback`;
        const clock = manualClock();
        let calls = 0;
        const cache = new Cache({
          max: 8,
          maxSize: 100,
          sizeOf: (value) => (typeof value === 'number' ? value : 1),
          now: clock.now,
          onEvict(key, value) {
            // A reaction that removes something calls back; a real one would stop somewhere too.
            if (++calls < 20) {
              react(cache, key, value);
            }
          },
        });
        for (const key of ['a', 'b', 'c', 'd', 'e', 1, 2]) {
          cache.set(key, 2);
        }
        cache.set('expired', 1, { ttl: 5 });
        clock.advance(5);
        operate(cache);
        assert.ok(calls > 0, name);
        calls = Infinity;
        assertWhole(cache, name);
        assert.ok(cache.size <= 8 && cache.stats().totalSize <= 100, name);
        cache.clear();
        assertWhole(cache, name);
      }
    }
  });

  test('that changes the cache while it is read does not make it answer for another key', () => {
    const reads = {
      peek: (cache) => cache.peek('big'),
      get: (cache) => cache.get('big'),
      entries: (cache) => [...cache][0],
      values: (cache) => [...cache.values()][0],
      dump: (cache) => cache.dump()[0],
    };
    for (const [name, read] of Object.entries(reads)) {
      let answer;
      const cache = new Cache({
        maxSize: 2,
        sizeOf: () => 1,
        onEvict(key) {
          if (key === 'a') {
            answer = read(cache);
          } else if (key === 'b') {
            cache.delete('big');
            cache.set('other', 'value of other');
          }
        },
      });
      cache.set('a', 1);
      cache.set('b', 2);
      cache.set('big', 'value of big', { size: 2 });
      // Either of its own value and nothing is right, as the order of the two events is nobody's business.
      const right = [undefined, 'value of big', 'big,value of big', 'big,value of big,[object Object]'];
      assert.ok(right.includes(answer && String(answer)), `${name}: ${answer}`);
    }
  });

  test('that throws is heard, and loses neither the operation nor what others are to be told', () => {
    const broken = new Error('callback');
    const told = [];
    let failures = 1;
    const cache = new Cache({
      maxSize: 3,
      sizeOf: () => 1,
      onEvict(key, value, reason) {
        told.push(`${key}=${value} ${reason}`);
        if (failures-- > 0) {
          throw broken;
        }
      },
    });
    cache.set('a', 1);
    cache.set('b', 2);
    cache.set('c', 3);
    assert.throws(() => cache.set('big', 4, { size: 3 }), broken);
    assert.equal(cache.size, 1, 'the set was done');
    assert.deepEqual(told, ['a=1 evict']);
    cache.set('big', 5, { size: 3 });
    assert.deepEqual(told, ['a=1 evict', 'b=2 evict', 'c=3 evict', 'big=4 set']);
    assert.equal(shown(cache), 'big=5');
    failures = 1;
    assert.throws(() => cache.delete('big'), broken);
    assert.equal(cache.has('big'), false);
    assert.equal(told.length, 5, 'nothing is told twice');
  });

  test('that throws during close does not lose the entries after it', () => {
    const told = [];
    const cache = new Cache({
      max: 5,
      onEvict(key) {
        told.push(key);
        if (told.length === 1) {
          throw new Error('callback');
        }
      },
    });
    cache.set('a', 1);
    cache.set('b', 2);
    cache.set('c', 3);
    assert.throws(() => cache.close(), /callback/);
    assert.equal(cache.size, 0);
    // Closing again is all that a caller can do.
    cache.close();
    assert.deepEqual(told.toSorted(), ['a', 'b', 'c']);
  });

  test('may close the cache', () => {
    const told = [];
    const cache = new Cache({
      max: 2,
      onEvict(key, value, reason) {
        told.push(`${key} ${reason}`);
        cache.close();
      },
    });
    cache.set('a', 1);
    cache.set('b', 2);
    cache.set('c', 3);
    assert.deepEqual(told, ['a evict', 'c clear', 'b clear']);
    assertCode(() => cache.get('a'), CLOSED, Error);
  });

  test('does not make clearing a large cache many times as slow as filling it', () => {
    const count = 60_000;
    const ratios = [1, 2].map(() => {
      let told = 0;
      const cache = new Cache({ max: count, onEvict: () => told++ });
      const start = performance.now();
      for (let i = 0; i < count; i++) {
        cache.set(i, i);
      }
      const filling = performance.now() - start;
      cache.clear();
      assert.equal(told, count);
      return (performance.now() - start - filling) / filling;
    });
    // Clearing is less work than filling; where each entry costs time for all others, it is 5 to 300 times as much.
    assert.ok(Math.min(...ratios) < 3, `${ratios} times the time of filling`);
  });
});

describe('dump and load of a Cache', () => {
  test('bring back entries, order of use and what is left of the time, in another cache at another time', () => {
    const clock = manualClock(1000);
    const cache = new Cache({ max: 5, ttl: 100, now: clock.now });
    cache.set('a', 1);
    clock.advance(30);
    cache.set('b', 2, { ttl: 0 });
    cache.set('c', 3, { ttl: 50 });
    cache.get('a');
    const dump = cache.dump();
    assert.deepEqual(dump, [
      ['b', 2, { ttl: 0, size: null }],
      ['c', 3, { ttl: 50, size: null }],
      ['a', 1, { ttl: 70, size: null }],
    ]);
    assert.equal(shown(cache), 'a=1 c=3 b=2', 'a dump changes nothing');

    const later = manualClock(5e6);
    const copy = new Cache({ max: 5, ttl: 7, now: later.now });
    copy.load(JSON.parse(JSON.stringify(dump)));
    later.advance(49.999);
    assert.equal(shown(copy), 'a=1 c=3 b=2');
    later.advance(0.001);
    assert.equal(shown(copy), 'a=1 b=2');
    later.advance(20);
    assert.equal(shown(copy), 'b=2');
    later.advance(1e9);
    assert.equal(shown(copy), 'b=2');
  });

  test('keep sizes, and do not ask for them again', () => {
    const cache = new Cache({ maxSize: 100 });
    cache.set('a', 'text');
    cache.set('b', {}, { size: 40 });
    const dump = cache.dump();
    assert.deepEqual(dump, [
      ['a', 'text', { ttl: 0, size: 8 }],
      ['b', {}, { ttl: 0, size: 40 }],
    ]);
    const copy = new Cache({ maxSize: 100, sizeOf: () => assert.fail('asked') });
    copy.load(dump);
    assert.equal(copy.stats().totalSize, 48);
    assert.deepEqual(copy.dump(), dump);
    const unsized = new Cache({ max: 5 });
    unsized.load(dump);
    assert.equal(unsized.get('a'), 'text');
    assert.equal(unsized.stats().totalSize, 0);
  });

  test('do not get past a size bound with entries that nobody has measured', () => {
    const cache = filled({ max: 5 }, { a: 4, b: 4, c: 4 });
    const sized = new Cache({ maxSize: 10, sizeOf: itself });
    sized.load(cache.dump());
    assert.equal(shown(sized), 'c=4 b=4');
    assert.equal(sized.stats().totalSize, 8);
  });

  test('respect the bounds of the cache that loads: the newest stay', () => {
    const cache = new Cache({ max: 100, maxSize: 1000, sizeOf: itself });
    for (let i = 1; i <= 10; i++) {
      cache.set(i, i);
    }
    const few = new Cache({ max: 3 });
    few.load(cache.dump());
    assert.equal(shown(few), '10=10 9=9 8=8');
    const { cache: small, told } = watched({ maxSize: 20, sizeOf: () => assert.fail('asked') });
    small.load(cache.dump());
    assert.equal(shown(small), '10=10 9=9');
    assert.equal(told.length, 8);
    assert.equal(small.stats().totalSize, 19);
  });

  test('do not carry over what has expired', () => {
    const clock = manualClock();
    const cache = new Cache({ max: 5, now: clock.now });
    cache.set('a', 1, { ttl: 10 });
    cache.set('b', 2, { ttl: 20 });
    clock.advance(10);
    assert.deepEqual(cache.dump(), [['b', 2, { ttl: 10, size: null }]]);
  });

  test('replace values that are there already, and leave the others, as older ones', () => {
    const { cache, told } = watched({ max: 5 });
    cache.set('mine', 0);
    cache.set('a', 'old');
    cache.load(filled({ max: 5 }, { a: 'new', b: 2 }).dump());
    assert.equal(shown(cache), 'b=2 a=new mine=0');
    assert.deepEqual(told, ['a=old set']);
  });

  test('of a whole random cache change nothing', () => {
    const random = seeded(11);
    const clock = manualClock();
    const options = { max: 300, maxSize: 2000, sizeOf: (value) => value % 20, now: clock.now };
    const cache = new Cache(options);
    for (let i = 0; i < 3000; i++) {
      cache.set(random.below(500), i, random.chance(0.5) ? { ttl: random.below(500) } : undefined);
      cache.get(random.below(500));
      clock.advance(random.below(2));
    }
    const copy = new Cache(options);
    copy.load(cache.dump());
    assert.ok(copy.size > 100);
    assert.deepEqual(copy.dump(), cache.dump());
    for (let i = 0; i < 100; i++) {
      clock.advance(5);
      assert.equal(shown(copy), shown(cache));
    }
  });
});

describe('the memory of a Cache', () => {
  const HEAVY = 'x'.repeat(100);

  test('does not grow by the texts that keys were cut from, with which somebody asks', () => {
    const used = () => {
      globalThis.gc();
      return process.memoryUsage().heapUsed;
    };
    for (const policy of ['lru', 's3fifo', 'sieve']) {
      const cache = new Cache({ max: 1000, policy });
      const key = (i) => `${policy}:user:session:token:${i}`;
      for (let i = 0; i < 200; i++) {
        cache.set(JSON.parse(JSON.stringify(key(i))), i);
      }
      const before = used();
      for (let i = 0; i < 200 * 6; i++) {
        const body = Buffer.from(`${key(i % 200)}\n${'x'.repeat(100_000)}`).toString('latin1');
        assert.equal(cache.get(body.slice(0, body.indexOf('\n'))), i % 200);
      }
      const grown = used() - before;
      assert.ok(grown < 5e6, `${policy}: ${grown} bytes`);
      assert.equal(cache.size, 200);
    }
  });

  test('does not grow by keys that were often used and are gone', () => {
    const cache = new Cache({ max: 100, policy: 'lru' });
    const key = (i) => `${i}:${'x'.repeat(900)}`;
    const round = (first) => {
      for (let i = first; i < first + 20_000; i++) {
        cache.set(key(i), i);
        for (let n = 0; n < 5; n++) {
          assert.equal(cache.get(key(i)), i);
        }
      }
      globalThis.gc();
      return process.memoryUsage().heapUsed;
    };
    const before = round(0);
    const grown = round(20_000) - before;
    assert.ok(grown < 5e6, `${grown} bytes`);
  });

  test('does not keep values and keys that left, for whatever reason', async () => {
    const clock = manualClock();
    const cache = new Cache({ max: 3, now: clock.now, onEvict: () => {} });
    const lose = () => {
      const refs = [];
      const put = (options) => {
        const [key, value] = [{ HEAVY }, { HEAVY }];
        cache.set(key, value, options);
        refs.push(new WeakRef(key), new WeakRef(value));
        return key;
      };
      put();
      cache.delete(put());
      put({ ttl: 5 });
      clock.advance(5);
      const stays = { HEAVY };
      cache.set(stays, { HEAVY });
      cache.set(stays, { HEAVY });
      put();
      for (let i = 0; i < 2; i++) {
        cache.set(i, i);
      }
      cache.get(stays);
      cache.set('last', 1);
      return refs;
    };
    const refs = lose();
    assert.equal(refs.length, 8);
    assert.ok(await collected(refs));
    assert.equal(cache.size, 3);
  });

  test('does not keep what was deleted or found expired, while nothing new takes its place', async () => {
    const clock = manualClock();
    const cache = new Cache({ max: 100, now: clock.now });
    const lose = () => {
      const refs = [];
      for (const leave of [(key) => cache.delete(key), (key) => [clock.advance(5), cache.get(key)]]) {
        const [key, value] = [{ HEAVY }, { HEAVY }];
        cache.set(key, value, { ttl: 5 });
        leave(key);
        refs.push(new WeakRef(key), new WeakRef(value));
      }
      return refs;
    };
    cache.set('a', 1);
    const refs = lose();
    assert.ok(await collected(refs));
    assert.equal(cache.size, 1);
  });

  test('does not keep a value that was replaced, evicted by size, cleared or closed in', async () => {
    const cache = new Cache({ max: 100, maxSize: 100, sizeOf: () => 10 });
    const closed = new Cache({ max: 100, onEvict: () => {} });
    const lose = () => {
      const refs = [];
      const put = (where, key, options) => {
        const value = { HEAVY };
        where.set(key, value, options);
        refs.push(new WeakRef(value));
      };
      put(cache, 'a');
      put(cache, 'a');
      put(cache, 'b');
      put(cache, 'c', { size: 100 });
      for (let i = 0; i < 5; i++) {
        put(cache, i);
        put(closed, i);
      }
      cache.clear();
      closed.close();
      return refs;
    };
    const refs = lose();
    assert.ok(await collected(refs));
    assert.equal(cache.size + closed.size, 0);
  });

  test('does not keep what it has told of, though onEvict throws every time', async () => {
    const cache = new Cache({
      max: 1,
      onEvict() {
        throw new Error('callback');
      },
    });
    const lose = () =>
      Array.from({ length: 20 }, (_, key) => {
        const value = { HEAVY };
        try {
          cache.set(key, value);
        } catch (thrown) {
          assert.equal(thrown.message, 'callback');
        }
        return new WeakRef(value);
      });
    const refs = lose();
    // The last one is still held.
    refs.pop();
    assert.ok(await collected(refs));
    assert.equal(cache.size, 1);
  });

  test('keeps what it holds', async () => {
    const cache = new Cache({ max: 5 });
    const ref = (() => {
      const object = { HEAVY };
      cache.set('a', object);
      return new WeakRef(object);
    })();
    assert.equal(await collected([ref]), false);
    assert.ok(cache.has('a'));
  });
});
