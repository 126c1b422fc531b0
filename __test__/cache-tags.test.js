'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Cache } = require('..');
const { createCacheClass } = require('../lib/cache/cache.js');
const { NOT_STRINGS, assertCode, deferred, seeded } = require('./helper.js');
const { manualTimers } = require('./manual-timers.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';

describe('misuse of tags', () => {
  test('is refused, and changes nothing', async () => {
    const cache = new Cache({ max: 5 });
    cache.set('a', 1, { tags: ['x'] });
    for (const wrong of [...NOT_STRINGS, 'x']) {
      if (!Array.isArray(wrong)) {
        assertCode(() => cache.set('a', 2, { tags: wrong }), TYPE, TypeError, wrong);
        assertCode(() => cache.getOrLoad('b', () => 2, { tags: wrong }), TYPE, TypeError, wrong);
      }
      if (typeof wrong !== 'string') {
        assertCode(() => cache.set('a', 2, { tags: ['x', wrong] }), TYPE, TypeError, wrong);
        assertCode(() => cache.invalidateTag(wrong), TYPE, TypeError, wrong);
      }
    }
    assert.equal(cache.get('a'), 1);
    cache.close();
    assertCode(() => cache.invalidateTag('x'), 'ERR_HEAPWISE_CACHE_CLOSED', Error);
  });
});

describe('invalidateTag', () => {
  test('hides every entry with the tag from all that look, and no other', () => {
    const cache = new Cache({ max: 100 });
    cache.set('a', 1, { tags: ['x', 'y'] });
    cache.set('b', 2, { tags: ['y'] });
    cache.set('c', 3, { tags: ['z'] });
    cache.set('d', 4);
    assert.equal(cache.invalidateTag('none'), false);
    assert.equal(cache.invalidateTag('x'), true);
    assert.deepEqual([...cache.keys()].toSorted(), ['b', 'c', 'd']);
    assert.deepEqual(
      [cache.get('a'), cache.peek('a'), cache.has('a'), cache.delete('a')],
      [undefined, undefined, false, false],
    );
    cache.invalidateTag('y');
    assert.equal(cache.get('b'), undefined);
    assert.deepEqual(
      cache
        .dump()
        .map(([key]) => key)
        .toSorted(),
      ['c', 'd'],
    );
  });

  test('does not concern entries that get the tag later, also under the same key', () => {
    const cache = new Cache({ max: 100 });
    cache.set('a', 1, { tags: ['x'] });
    cache.invalidateTag('x');
    cache.set('a', 2, { tags: ['x'] });
    cache.set('b', 3, { tags: ['x'] });
    assert.deepEqual([cache.get('a'), cache.get('b')], [2, 3]);
    cache.invalidateTag('x');
    assert.deepEqual([cache.get('a'), cache.get('b')], [undefined, undefined]);
  });

  test('does not concern an entry whose next value has not got the tag', () => {
    const cache = new Cache({ max: 100 });
    cache.set('a', 1, { tags: ['x'] });
    cache.set('a', 2);
    assert.equal(cache.invalidateTag('x'), false);
    assert.equal(cache.get('a'), 2);
  });

  test('keeps out what is being loaded with the tag, but its callers get it', async () => {
    const cache = new Cache({ max: 100 });
    const { promise, resolve } = deferred();
    const loaded = cache.getOrLoad('a', () => promise, { tags: ['x'] });
    assert.equal(cache.invalidateTag('x'), true);
    resolve('old');
    assert.equal(await loaded, 'old');
    assert.equal(cache.has('a'), false);
    assert.equal(await cache.getOrLoad('a', () => 'new', { tags: ['x'] }), 'new');
    assert.equal(cache.get('a'), 'new');
    assert.equal(cache.invalidateTag('x'), true);
    assert.equal(cache.has('a'), false);
  });

  test('has those who come later load anew, not wait for what began before', async () => {
    const cache = new Cache({ max: 100 });
    const { promise, resolve } = deferred();
    const before = cache.getOrLoad('a', () => promise, { tags: ['x'] });
    cache.invalidateTag('x');
    assert.equal(await cache.getOrLoad('a', () => 'new', { tags: ['x'] }), 'new');
    resolve('old');
    assert.equal(await before, 'old');
    assert.equal(cache.get('a'), 'new');
  });

  test('of what is invalidated already finds nothing', () => {
    const cache = new Cache({ max: 100 });
    cache.set('a', 1, { tags: ['x'] });
    assert.deepEqual([cache.invalidateTag('x'), cache.invalidateTag('x')], [true, false]);
    cache.set('b', 1, { tags: ['x'] });
    assert.equal(cache.has('a'), false);
    assert.equal(cache.delete('a'), false);
    assert.equal(cache.invalidateTag('x'), true);
  });

  test('tells onEvict why, once for each entry', () => {
    const told = [];
    const cache = new Cache({ max: 2, onEvict: (...event) => told.push(event.join(' ')) });
    cache.set('a', 1, { tags: ['x'] });
    cache.set('b', 2, { tags: ['x'] });
    cache.invalidateTag('x');
    assert.equal(cache.get('a'), undefined);
    cache.set('c', 3);
    cache.set('d', 4);
    cache.set('e', 5);
    assert.deepEqual(told, ['a 1 invalidate', 'b 2 invalidate', 'c 3 evict']);
    const { evictions, expirations } = cache.stats();
    assert.deepEqual([evictions, expirations], [1, 0]);
  });

  test('gives the memory back, though nobody asks for the keys and no entry has a time', () => {
    const timers = manualTimers(() => 0.5);
    const ManualCache = createCacheClass(timers);
    const cache = new ManualCache({ max: 1e5 });
    for (let i = 0; i < 20_000; i++) {
      cache.set(i, i, { tags: [i % 2 ? 'odd' : 'even'] });
    }
    cache.invalidateTag('odd');
    assert.equal(cache.size, 20_000);
    timers.advance(1000);
    cache.invalidateTag('even');
    timers.advance(5000);
    assert.equal(cache.size, 0);
    assert.equal(timers.planned, 0);
  });

  test('works after a clear, and on tags that were there before it', async () => {
    const cache = new Cache({ max: 100 });
    const { promise, resolve } = deferred();
    cache.set('a', 1, { tags: ['x'] });
    const loaded = cache.getOrLoad('b', () => promise, { tags: ['x'] });
    cache.clear();
    cache.set('a', 2, { tags: ['x'] });
    resolve(3);
    await loaded;
    assert.equal(cache.invalidateTag('x'), true);
    assert.equal(cache.has('a'), false);
    assert.equal(cache.has('b'), false);
  });

  test('in any order of calls hides just what a naive cache would', () => {
    const random = seeded(21);
    const cache = new Cache({ max: 64, policy: 'lru' });
    const model = new Map();
    const tags = ['p', 'q', 'r', 's', 't'];
    for (let i = 0; i < 30_000; i++) {
      const key = random.below(80);
      const choice = random.below(12);
      if (choice < 5) {
        const own = tags.filter(() => random.chance(0.25));
        cache.set(key, i, { tags: own });
        model.set(key, { value: i, own });
      } else if (choice < 10) {
        const value = cache.get(key);
        // What is missing may have made room for others.
        assert.ok(value === undefined || value === model.get(key)?.value);
      } else if (choice === 10) {
        const tag = random.pick(tags);
        cache.invalidateTag(tag);
        for (const [each, { own }] of model) {
          if (own.includes(tag)) {
            model.delete(each);
          }
        }
      } else {
        cache.delete(key);
        model.delete(key);
      }
    }
    for (const [key, value] of cache) {
      assert.equal(value, model.get(key)?.value);
    }
    assert.ok(cache.stats().hits > 1000);
  });

  test('comes through dump and load, so that it works on the loaded entries', () => {
    const cache = new Cache({ max: 10 });
    cache.set('a', 1, { tags: ['x'] });
    cache.set('b', 2);
    const dump = JSON.parse(JSON.stringify(cache.dump()));
    assert.deepEqual(dump[0], ['a', 1, { ttl: 0, size: null, tags: ['x'] }]);
    const other = new Cache({ max: 10 });
    assertCode(() => other.load([['c', 1, { ttl: 0, size: null, tags: 'x' }]]), TYPE, TypeError);
    other.load(dump);
    other.invalidateTag('x');
    assert.deepEqual([...other.keys()], ['b']);
  });
});
