'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { LRUCache } = require('heapwise/lru-cache');
const { Cache } = require('..');
const { Distinctions } = require('../lib/cache/distinctions.js');
const { SEED, hashInteger } = require('../lib/cache/hash.js');
const { KeyIndex } = require('../lib/cache/key-index.js');
const { KeyMap } = require('../lib/cache/key-map.js');
const { Slots } = require('../lib/cache/slots.js');
const { seeded } = require('./helper.js');

const COUNT = 20_000;

/** Long texts that differ where the hash does not look at first. */
const alike = (id) => `https://shop.example/${id.toString(2).padStart(15, '0').replaceAll('0', 'o')}`;
const hidden = (id) => {
  const digits = id.toString(36).padStart(4, '0');
  return `.${'.'.repeat(7)}${digits}${'.'.repeat(60)}`;
};

/** Milliseconds that it takes to set all of these, and to get them. */
function timeOf(keys) {
  const cache = new Cache({ max: keys.length });
  const start = performance.now();
  for (const key of keys) {
    cache.set(key, key);
  }
  for (const key of keys) {
    assert.equal(cache.get(key), key);
  }
  return performance.now() - start;
}

/** The least of some times, which is that without what disturbs. */
const least = (measure) => Math.min(measure(), measure(), measure());

/** Integers that belong into the same cell of a table of up to 2^12. */
function colliding(count) {
  const keys = [];
  const cell = hashInteger(0, SEED) >>> 20;
  for (let key = 0; keys.length < count; key++) {
    if (hashInteger(key, SEED) >>> 20 === cell) {
      keys.push(key);
    }
  }
  return keys;
}

/** Sets, gets and deletes in random order, beside a Map. */
function compareWithMap(keys, operations, seed) {
  const random = seeded(seed);
  const cache = new Cache({ max: keys.length + 1, policy: 'lru' });
  const map = new Map();
  for (let i = 0; i < operations; i++) {
    const key = random.pick(keys);
    const choice = random.below(10);
    if (choice < 5) {
      cache.set(key, i);
      map.set(key, i);
    } else if (choice < 8) {
      assert.equal(cache.get(key), map.get(key));
    } else {
      assert.equal(cache.delete(key), map.delete(key));
    }
    assert.equal(cache.size, map.size);
  }
  assert.deepEqual(new Map(cache), map);
}

describe('keys of a Cache', () => {
  const symbols = Array.from({ length: 40 }, (_, i) => Symbol(i));
  const objects = Array.from({ length: 40 }, (_, i) => ({ i }));

  test('of every type, mixed, are told apart in any order of sets and deletes', () => {
    const numbers = Array.from({ length: 200 }, (_, i) => [i - 100, i * 2 ** 31, i / 7, -i * 1e300]).flat();
    const texts = Array.from({ length: 200 }, (_, i) => [
      String(i),
      `key:${i}`,
      alike(i),
      `é${i}`,
      `\ud800${i}`,
    ]).flat();
    const others = [
      ...symbols,
      ...objects,
      NaN,
      null,
      undefined,
      true,
      false,
      0n,
      7n,
      '',
      '0',
      Infinity,
      -Infinity,
    ];
    compareWithMap([...numbers, ...texts, ...others], 60_000, 3);
  });

  test('in a table that is nearly full do not get lost when others before them are deleted', () => {
    // A few keys in small tables: most of them are not where they belong.
    for (let size = 1; size < 80; size++) {
      const integers = Array.from({ length: size }, (_, i) => i * 977);
      compareWithMap(integers, 400, size);
      compareWithMap(
        integers.map((id) => `n${id}`),
        400,
        size,
      );
    }
  });

  test('that differ only where the hash does not look cost no more than a few times as much', () => {
    const ids = Array.from({ length: COUNT }, (_, i) => i);
    const usual = least(() => timeOf(ids.map((id) => `${id}`.padStart(72, '.'))));
    const clashing = least(() => timeOf(ids.map(hidden)));
    // Were each compared with all others, it would be thousands of times.
    assert.ok(clashing < 40 * usual, `${clashing} ms, others ${usual} ms`);
  });

  test('that differ only where the hash does not look are told apart, also beside short ones', () => {
    const keys = Array.from({ length: 600 }, (_, i) => [hidden(i), `short ${i}`, i]).flat();
    compareWithMap(keys, 40_000, 5);
  });

  test('of which too many turn out to collide when the table grows are found', () => {
    const cache = new Cache({ max: 1e6, policy: 'lru' });
    const keys = [];
    let filler = 0;
    // Too few of each group at a time to be noticed, and many in all.
    for (let group = 0; group < 20; group++) {
      for (let i = 0; i < 10; i++) {
        keys.push(`${hidden(i)}${group}`);
        cache.set(keys.at(-1), keys.length);
      }
      for (let i = 0; i < 5000; i++) {
        cache.set(filler, filler++);
      }
      assert.ok(keys.every((key, i) => cache.get(key) === i + 1));
    }
    for (let i = 0; i < filler; i++) {
      assert.equal(cache.get(i), i);
    }
    assert.equal(cache.size, keys.length + filler);
    assert.ok(keys.every((key) => cache.delete(key)));
    assert.equal(cache.size, filler);
  });

  test('are found also if the growth that they cause shows that too many collide', () => {
    // Paths of a site, some of which are pairs that differ only where the hash does not look.
    for (let every = 8; every < 60; every += 2) {
      const cache = new Cache({ max: 2 ** 21, policy: 'lru' });
      for (let i = 0; i < 70_000; i++) {
        const second = Math.floor(i / every) % 2;
        const number = String(i - (i % every === 0 ? second * every : 0)).padStart(8, '0');
        const key =
          i % every === 0
            ? `/articles/${'ab'[second]}-some-title-here/${number}`
            : `/pages/some-title-here-longer/${number}`;
        cache.set(key, i);
        assert.equal(cache.peek(key), i, `${key}, one in ${every}`);
      }
    }
  });

  test('that somebody makes collide are told apart, and others beside them', () => {
    const keys = colliding(1500);
    compareWithMap([...keys, ...Array.from({ length: 200 }, (_, i) => `text ${i}`)], 30_000, 9);
  });

  test('that collided do not harm the cache after a clear', () => {
    const cache = new Cache({ max: 5000 });
    const keys = colliding(1500);
    for (let round = 0; round < 3; round++) {
      for (const key of keys) {
        cache.set(key, round);
        cache.set(`text ${key}`, round);
      }
      assert.equal(cache.size, 3000);
      assert.ok(keys.every((key) => cache.get(key) === round && cache.get(`text ${key}`) === round));
      cache.clear();
      assert.equal(cache.size, 0);
      assert.equal(cache.has(keys[0]), false);
    }
  });

  test('that are long and ordinary stay in the table, which reads more of their characters', (t) => {
    const add = t.mock.method(KeyMap.prototype, 'add');
    const id = (i) => String(i).padStart(7, '0');
    const kinds = [
      (i) => `https://shop.example/products/${i}/reviews?page=${i % 7}&sort=newest`,
      (i) => `/products/${id(i)}/comments/of/everybody`,
      (i) => `/users/${(i * 7919).toString(36)}/settings/of/all/devices`,
      hidden,
    ];
    for (const others of [0, 20_000]) {
      for (const kind of kinds) {
        const slots = new Slots(2 ** 24, false);
        const index = new KeyIndex(slots);
        const put = (key) => {
          assert.equal(index.find(key), 0);
          const slot = slots.take();
          slots.pairs[slot << 1] = key;
          index.add(key, slot, index.lastHash);
        };
        for (let i = 0; i < others; i++) {
          put(i);
          put(`/static/build/chunk/${i}/of/all`);
        }
        for (let i = 0; i < 20_000; i++) {
          put(kind(i));
        }
        assert.ok(Array.from({ length: 20_000 }, (_, i) => index.find(kind(i))).every((slot) => slot !== 0));
        assert.equal(add.mock.callCount(), 0, kind(5));
      }
    }
  });

  test('that are long and collide are noticed in a large table as well', (t) => {
    const positions = t.mock.method(Distinctions.prototype, 'positions');
    const slots = new Slots(2 ** 24, false);
    const index = new KeyIndex(slots);
    const put = (key) => {
      index.find(key);
      const slot = slots.take();
      slots.pairs[slot << 1] = key;
      index.add(key, slot, index.lastHash);
    };
    for (let i = 0; i < 2 ** 21 + 10; i++) {
      put(i);
    }
    for (let i = 0; i < 3000; i++) {
      put(hidden(i));
    }
    assert.ok(positions.mock.callCount() > 0);
    assert.ok(Array.from({ length: 3000 }, (_, i) => index.find(hidden(i))).every((slot) => slot !== 0));
  });

  test('that differ each in another character are told apart', () => {
    // More of them than the hash will ever read.
    const keys = Array.from({ length: 900 }, (_, at) => `${'a'.repeat(at)}b${'a'.repeat(999 - at)}`);
    compareWithMap(keys, 30_000, 4);
  });

  test('of every kind of string are the same ones after many uses as before', () => {
    const made = (text) => JSON.parse(JSON.stringify(text));
    const sliced = (text) => made(`${text}${'-'.repeat(100)}`).slice(0, text.length);
    const joined = (text) => `${made(text.slice(0, 5))}${made(text.slice(5))}`;
    const texts = [
      '__proto__',
      '__lookupGetter__',
      'propertyIsEnumerable',
      '',
      '1234567890123',
      '9007199254740993',
      '-12345678901234',
      'ключ из многих знаков',
      '\ud800 half of a character',
      'key\0 with a zero in it',
      ...[12, 13, 16, 17, 1024, 1025, 3000].map((length) => 'k'.repeat(length)),
    ];
    for (const policy of ['lru', 's3fifo', 'sieve']) {
      const cache = new Cache({ max: 100, policy });
      const twin = new LRUCache({ max: 100 });
      for (const [i, text] of texts.entries()) {
        cache.set(made(text), i);
        twin.set(made(text), i);
      }
      for (const make of [made, sliced, joined, made]) {
        for (let n = 0; n < 3; n++) {
          for (const [i, text] of texts.entries()) {
            assert.equal(cache.get(make(text)), i, `${policy} ${text}`);
            assert.equal(twin.get(make(text)), i, text);
          }
        }
      }
      assert.deepEqual(new Set(cache.keys()), new Set(texts));
      for (const text of texts) {
        assert.ok(cache.delete(joined(text)), text);
        assert.equal(cache.get(text), undefined);
      }
      assert.equal(cache.size, 0);
    }
  });

  test('are kept as they were set: a get with the other zero does not change the key', () => {
    const cache = new Cache({ max: 5 });
    cache.set(0, 'zero');
    assert.equal(cache.get(-0), 'zero');
    assert.deepEqual([...cache.keys()], [0]);
  });

  test('of 16 and 17 characters, and of more, are found whatever differs', () => {
    for (const length of [1, 2, 15, 16, 17, 18, 23, 24, 25, 31, 64, 1000]) {
      const cache = new Cache({ max: length + 1 });
      const keys = Array.from({ length }, (_, at) => `${'a'.repeat(at)}b${'a'.repeat(length - at - 1)}`);
      keys.push('a'.repeat(length));
      for (const key of keys) {
        cache.set(key, key);
      }
      assert.equal(cache.size, length + 1);
      assert.ok(keys.every((key) => cache.get(key) === key));
    }
  });
});
