'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Cache } = require('..');
const { NOT_FUNCTIONS, NOT_NUMBERS, NOT_OBJECTS, NOT_STRINGS, assertCode } = require('./helper.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const UNKNOWN = 'ERR_HEAPWISE_UNKNOWN_OPTION';
const SIZE = 'ERR_HEAPWISE_CACHE_SIZE';
const CLOSED = 'ERR_HEAPWISE_CACHE_CLOSED';

describe('the constructor of Cache', () => {
  test('without options, or with what is no object, is refused', () => {
    for (const wrong of NOT_OBJECTS) {
      assertCode(() => new Cache(wrong), TYPE, TypeError, wrong);
    }
    assert.throws(() => Cache({ max: 5 }), TypeError);
  });

  test('does not make a cache without a bound', () => {
    for (const options of [undefined, {}, { max: undefined }, { ttl: 5 }, { maxSize: undefined }]) {
      const { message } = assertCode(() => new Cache(options), VALUE, RangeError, options);
      assert.match(message, /"max" must be given, unless "maxSize" is/);
    }
  });

  test('refuses a misspelt option and names the right one', () => {
    const { message } = assertCode(() => new Cache({ max: 5, maxsize: 5 }), UNKNOWN, TypeError);
    assert.match(message, /"maxsize" of Cache; did you mean "maxSize"/);
    assertCode(() => new Cache({ max: 5, size: 5 }), UNKNOWN, TypeError);
    assertCode(() => new Cache({ max: 5, ttl: 5, updateAgeOnGet: true }), UNKNOWN, TypeError);
  });

  test('refuses numbers that are none or out of range', () => {
    for (const name of ['max', 'maxSize', 'ttl']) {
      for (const wrong of NOT_NUMBERS) {
        const { message } = assertCode(() => new Cache({ max: 5, [name]: wrong }), TYPE, TypeError, wrong);
        assert.ok(message.startsWith(`"${name}"`), message);
      }
      for (const wrong of [NaN, -1, -Infinity, -Number.MIN_VALUE]) {
        assertCode(() => new Cache({ max: 5, [name]: wrong }), VALUE, RangeError, wrong);
      }
    }
    for (const wrong of [0, 1.5, 2 ** 25 + 1, Infinity]) {
      assertCode(() => new Cache({ max: wrong }), VALUE, RangeError, wrong);
    }
    assertCode(() => new Cache({ maxSize: 0 }), VALUE, RangeError);
  });

  test('refuses functions that are none, and policies that it does not have', () => {
    for (const name of ['sizeOf', 'onEvict', 'now']) {
      for (const wrong of NOT_FUNCTIONS.slice(1)) {
        const { message } = assertCode(() => new Cache({ max: 5, [name]: wrong }), TYPE, TypeError, wrong);
        assert.ok(message.startsWith(`"${name}"`), message);
      }
    }
    for (const wrong of [...NOT_STRINGS, 'lfu', 'LRU', '']) {
      assertCode(() => new Cache({ max: 5, policy: wrong }), VALUE, RangeError, wrong);
    }
  });

  test('takes every option at its bounds, and undefined for each default', () => {
    const left = Object.fromEntries(
      ['maxSize', 'sizeOf', 'ttl', 'policy', 'onEvict', 'now'].map((name) => [name, undefined]),
    );
    assert.equal(new Cache({ ...left, max: 1 }).stats().max, 1);
    assert.equal(new Cache({ max: 2 ** 25, policy: 'lru', ttl: 0 }).stats().max, 33_554_432);
    const bySize = new Cache({ maxSize: Number.MIN_VALUE }).stats();
    assert.deepEqual([bySize.max, bySize.maxSize], [33_554_432, Number.MIN_VALUE]);
    assert.equal(new Cache({ maxSize: Infinity, ttl: Infinity }).stats().maxSize, Infinity);
  });
});

/** A cache of one entry. */
function holding(key, value) {
  const cache = new Cache({ max: 5 });
  cache.set(key, value);
  return cache;
}

describe('misuse of a Cache', () => {
  test('set with wrong options changes nothing', () => {
    const cache = holding('a', 1);
    const before = cache.stats();
    for (const wrong of NOT_OBJECTS) {
      assertCode(() => cache.set('a', 2, wrong), TYPE, TypeError, wrong);
    }
    for (const wrong of NOT_NUMBERS) {
      assertCode(() => cache.set('a', 2, { ttl: wrong }), TYPE, TypeError, wrong);
      assertCode(() => cache.set('a', 2, { size: wrong }), SIZE, TypeError, wrong);
    }
    for (const wrong of [NaN, -1, -Infinity]) {
      assertCode(() => cache.set('a', 2, { ttl: wrong }), VALUE, RangeError, wrong);
    }
    const { message } = assertCode(() => cache.set('a', 2, { tll: 5 }), UNKNOWN, TypeError);
    assert.match(message, /of Cache.set/);
    assertCode(() => cache.set('a', 2, { max: 5 }), UNKNOWN, TypeError);
    assert.equal(cache.peek('a'), 1);
    assert.deepEqual(cache.stats(), before);
  });

  test('a size that is none leaves the old value, the others and the sum in place', () => {
    const bad = new Error('sizeOf broke');
    for (const wrong of [NaN, -1, -Infinity, Infinity, undefined, null, '5', 5n, {}, [5]]) {
      const told = [];
      const onEvict = (...event) => told.push(event);
      const cache = new Cache({ maxSize: 10, sizeOf: (value) => value, onEvict });
      cache.set('b', 3);
      cache.set('a', 4);
      const before = cache.stats();
      assertCode(() => cache.set('a', wrong), SIZE, TypeError, wrong);
      assertCode(() => cache.set('new', wrong), SIZE, TypeError, wrong);
      if (wrong !== undefined) {
        assertCode(() => cache.set('a', 1, { size: wrong }), SIZE, TypeError, wrong);
      }
      assert.deepEqual(
        [...cache],
        [
          ['a', 4],
          ['b', 3],
        ],
      );
      assert.deepEqual(cache.stats(), before);
      assert.deepEqual(told, []);
    }
    const throwing = new Cache({
      maxSize: 10,
      sizeOf(value) {
        if (value === 'bad') {
          throw bad;
        }
        return 1;
      },
    });
    throwing.set('a', 'good');
    assert.throws(() => throwing.set('a', 'bad'), bad);
    assert.equal(throwing.peek('a'), 'good');
    assert.equal(throwing.stats().sets, 1);
  });

  test('a value whose size nobody states is refused with advice', () => {
    const cache = new Cache({ maxSize: 100 });
    for (const value of [{}, [], 5, null, undefined, () => {}]) {
      const { message } = assertCode(() => cache.set('a', value), SIZE, TypeError, value);
      assert.match(message, /"sizeOf" or "size"/);
    }
    assert.equal(cache.set('a', { any: 'thing' }, { size: 5 }), true);
    assert.equal(cache.stats().totalSize, 5);
  });

  test('nothing works on a closed cache but its figures', () => {
    const cache = holding('a', 1);
    cache.close();
    const calls = {
      get: () => cache.get('a'),
      peek: () => cache.peek('a'),
      has: () => cache.has('a'),
      set: () => cache.set('a', 1),
      delete: () => cache.delete('a'),
      clear: () => cache.clear(),
      load: () => cache.load([]),
      getOrLoad: () => cache.getOrLoad('a', () => assert.fail('loaded')),
      dump: () => cache.dump(),
      keys: () => [...cache.keys()],
      values: () => [...cache.values()],
      entries: () => [...cache.entries()],
      iteration: () => [...cache],
    };
    for (const [name, call] of Object.entries(calls)) {
      assertCode(call, CLOSED, Error, name);
    }
    assert.equal(cache.size, 0);
    assert.equal(cache.stats().misses, 0, 'refused gets are no misses');
    cache.close();
    cache[Symbol.dispose]();
  });

  test('load of what is no dump loads nothing of it', () => {
    const good = ['good', 1, { ttl: 0, size: 0 }];
    const wrongs = [
      undefined,
      null,
      {},
      'dump',
      5,
      new Map([['a', 1]]),
      [good, 'a'],
      [good, ['a', 1]],
      [good, ['a', 1, null]],
      [good, ['a', 1, 5]],
      [good, ['a', 1, {}]],
      [good, ['a', 1, { ttl: 5 }]],
      [good, ['a', 1, { size: 5 }]],
      [good, ['a', 1, { ttl: -1, size: 0 }]],
      [good, ['a', 1, { ttl: 0, size: -1 }]],
      [good, ['a', 1, { ttl: NaN, size: 0 }]],
      [good, ['a', 1, { ttl: 0, size: NaN }]],
      [good, ['a', 1, { ttl: 0, size: 0 }, 'more']],
      [good, null],
      [good, undefined],
      [good, { 0: 'a', 1: 1, 2: { ttl: 0, size: 0 }, length: 3 }],
    ];
    const cache = new Cache({ max: 5, maxSize: 5, sizeOf: () => 1 });
    for (const wrong of wrongs) {
      assertCode(() => cache.load(wrong), TYPE, TypeError, JSON.stringify(wrong));
      assert.equal(cache.size, 0, JSON.stringify(wrong));
    }
  });

  test('load does not take text for numbers, nor holes for entries', () => {
    const good = ['good', 1, { ttl: 0, size: 0 }];
    const holed = [good];
    holed.length = 3;
    const wrongs = {
      'ttl of text': [good, ['a', 1, { ttl: '5', size: 0 }]],
      'size of text': [good, ['a', 1, { ttl: 0, size: '5' }]],
      'ttl of BigInt': [good, ['a', 1, { ttl: 5n, size: 0 }]],
      'infinite size': [good, ['a', 1, { ttl: 0, size: Infinity }]],
      'list as ttl': [good, ['a', 1, { ttl: [], size: 0 }]],
      holes: holed,
    };
    for (const [name, wrong] of Object.entries(wrongs)) {
      const cache = new Cache({ max: 5, maxSize: 5, sizeOf: () => 1 });
      assertCode(() => cache.load(wrong), TYPE, TypeError, name);
      assert.equal(cache.size, 0, name);
    }
  });
});
