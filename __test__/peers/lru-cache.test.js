'use strict';

/**
 * What the tests of lru-cache (github.com/isaacs/node-lru-cache, commit c6eafb2: test/*.ts, and its open pull request
 * on gets during a walk) ask of it, asked of heapwise/lru-cache; without what reads its inside, and what
 * __test__/lru-cache-model.test.js and __test__/lru-cache-fetch-model.test.js ask of both anyway.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { LRUCache } = require('heapwise/lru-cache');
const { deferred, manualClock, nextTurn, seeded } = require('../helper.js');

/** A cache on a clock of its own, and that clock. */
function timed(options) {
  const perf = manualClock(1);
  return { perf, cache: new LRUCache({ max: 5, ttl: 10, ttlResolution: 0, perf, ...options }) };
}

const range = (count, from = 0) => Array.from({ length: count }, (_, i) => from + i);

/** @param {LRUCache} cache @param {number[]} numbers */
function setAll(cache, numbers) {
  numbers.forEach((number) => cache.set(number, number));
  return cache;
}

/** All orders of some things. */
function permutations(things) {
  return things.length < 2
    ? [things]
    : things.flatMap((first, i) => permutations(things.toSpliced(i, 1)).map((rest) => [first].concat(rest)));
}

describe('lru-cache’s basics', () => {
  it('keep the last ones, and reuse a key before the first fill is over', () => {
    const cache = setAll(new LRUCache({ max: 10 }), range(20));
    assert.deepEqual([...cache.keys()], range(10, 10).toReversed());
    range(10).forEach((key) => assert.equal(cache.get(key), undefined));
    const small = setAll(new LRUCache({ max: 5 }), range(3));
    small.set(1, 2).set(3, 3);
    assert.deepEqual(
      [...small],
      [
        [3, 3],
        [1, 2],
        [2, 2],
        [0, 0],
      ],
    );
  });

  it('hold what was put in, whatever is asked in which order', () => {
    const random = seeded(5);
    const cache = new LRUCache({ max: 1000 });
    for (let i = 0; i < 50_000; i++) {
      const key = `${random.below(3000)}:${i % 7}`;
      const found = cache.get(key);
      assert.ok(found === undefined || found.join(':') === key, key);
      if (found === undefined) {
        cache.set(key, key.split(':'));
      }
    }
    assert.equal(cache.size, 1000);
  });

  it('pop from the one used longest ago, and tell that it was evicted', () => {
    const told = [];
    const cache = setAll(
      new LRUCache({ max: 5, dispose: (value, key, reason) => void told.push(reason) }),
      range(5),
    );
    cache.get(2);
    assert.deepEqual(
      range(6).map(() => cache.pop()),
      [0, 1, 3, 4, 2, undefined],
    );
    assert.deepEqual(told, Array(5).fill('evict'));
  });

  it('let all be deleted during a walk back', () => {
    const cache = setAll(new LRUCache({ maxSize: 2, sizeCalculation: () => 1 }), [1, 2]);
    for (const key of cache.rkeys()) {
      cache.delete(key);
    }
    assert.equal(cache.size, 0);
  });

  it('come to each entry once while all are got', () => {
    const cache = setAll(new LRUCache({ max: 5 }), range(5));
    const seen = [];
    cache.forEach((value, key) => {
      seen.push(key);
      cache.get(key);
      assert.ok(seen.length <= 5, 'it ends');
    });
    assert.deepEqual(seen.toSorted(), range(5));
  });
});

describe('lru-cache’s dispose', () => {
  it('is told in order, with reasons', () => {
    const told = [];
    const cache = setAll(
      new LRUCache({ max: 5, dispose: (value, key, reason) => void told.push([value, key, reason]) }),
      range(6),
    );
    cache.set(5, 'five').set(5, 'five');
    cache.delete(5);
    cache.delete(5);
    cache.clear();
    assert.deepEqual(told, [
      [0, 0, 'evict'],
      [5, 5, 'set'],
      ['five', 5, 'delete'],
      ...range(4, 1).map((n) => [n, n, 'delete']),
    ]);
  });

  it('afterwards may put back what has left', () => {
    const cache = new LRUCache({
      max: 5,
      disposeAfter(value, key) {
        if (key === 2) {
          cache.set(key, value + 1, { noDisposeOnSet: true });
        }
      },
    });
    setAll(cache, range(100));
    assert.deepEqual([...cache.keys()], [99, 98, 2, 97, 96]);
    assert.equal(cache.peek(2), 21);
    cache.clear();
    assert.deepEqual([...cache], [[2, 22]]);
  });

  it('is told of what has expired, be it the last one', () => {
    const told = [];
    const { cache, perf } = timed({ dispose: (value, key, reason) => void told.push([key, reason]) });
    setAll(cache, [1, 2]);
    perf.advance(11);
    assert.deepEqual([cache.get(1), cache.get(2)], [undefined, undefined]);
    assert.deepEqual(told, [
      [1, 'expire'],
      [2, 'expire'],
    ]);
  });
});

describe('lru-cache’s time', () => {
  it('is over a moment after the last millisecond, and goes on to be counted', () => {
    const { cache, perf } = timed();
    cache.set('a', 1);
    perf.advance(10);
    assert.deepEqual([cache.get('a'), cache.getRemainingTTL('a')], [1, 0]);
    perf.advance(1);
    assert.deepEqual([cache.getRemainingTTL('a'), cache.has('a'), cache.size], [-1, false, 1]);
    assert.deepEqual([cache.get('a'), cache.size], [undefined, 0]);
  });

  it('of an entry that was stale when it was set serves once', () => {
    const { cache, perf } = timed({ allowStale: true });
    for (const target of [cache, timed({ allowStale: true }).cache]) {
      target.set('a', 1, { start: perf.now() - 11 });
      assert.deepEqual([target.has('a'), target.get('a'), target.get('a')], [false, 1, undefined]);
    }
  });

  it('is kept by noUpdateTTL, unless a set says otherwise', () => {
    const { cache, perf } = timed({ noUpdateTTL: true });
    setAll(cache, [0, 1, 2]);
    perf.advance(9);
    cache.set(0, 0).set(1, 1, { noUpdateTTL: false });
    perf.advance(9);
    assert.equal(cache.purgeStale(), true);
    assert.deepEqual([...cache.keys()], [1]);
  });

  it('purges whatever is stale, in any order of use', () => {
    const keys = range(5);
    for (const order of permutations(keys)) {
      for (let mask = 0; mask < 2 ** keys.length; mask++) {
        const { cache, perf } = timed({ ttl: 100 });
        keys.forEach((key) => cache.set(key, key, { ttl: mask & (1 << key) ? 1 : 100 }));
        order.forEach((key) => cache.get(key));
        perf.advance(5);
        assert.equal(cache.purgeStale(), mask !== 0);
        assert.deepEqual(
          [...cache.rkeys()],
          order.filter((key) => (mask & (1 << key)) === 0),
        );
        perf.advance(100);
        cache.purgeStale();
        assert.equal(cache.size, 0);
      }
    }
  });
});

describe('lru-cache’s sizes', () => {
  it('add up, and the large one drives out the others', () => {
    const cache = new LRUCache({ maxSize: 100, sizeCalculation: (text) => text.length });
    [5, 10, 20].forEach((length) => cache.set(length, 'x'.repeat(length)));
    assert.equal(cache.calculatedSize, 35);
    cache.set('big', 'x'.repeat(100));
    assert.deepEqual([cache.size, cache.calculatedSize], [1, 100]);
    cache.set('big', 'y'.repeat(100), { sizeCalculation: () => 10 });
    assert.equal(cache.calculatedSize, 10);
  });

  it('refuse what is larger than one entry may be, and forget what was there', () => {
    const cache = new LRUCache({ maxSize: 1000, maxEntrySize: 10, sizeCalculation: () => 100 });
    cache.set('a', 1, { size: 2 }).set('b', 1, { size: 3 }).set('a', 2);
    assert.deepEqual([[...cache.keys()], cache.calculatedSize], [['b'], 3]);
  });
});

describe('lru-cache’s memo', () => {
  it('calls its method once, with context and options', () => {
    const calls = [];
    const cache = new LRUCache({
      max: 5,
      memoMethod(key, stale, { context, options }) {
        calls.push([key, stale, context, options]);
        return key * 2;
      },
    });
    assert.deepEqual([cache.memo(2, { context: 8, noDeleteOnStaleGet: true }), cache.memo(2)], [4, 4]);
    assert.deepEqual(calls, [[2, undefined, 8, { noDeleteOnStaleGet: true }]]);
    cache.memo(2, { forceRefresh: true });
    assert.deepEqual(calls[1], [2, 4, undefined, {}]);
  });
});

describe('lru-cache’s fetch', () => {
  /** A cache whose fetches end when they are told to. */
  function fetching(options) {
    const fetches = [];
    const rig = timed({
      fetchMethod(key, stale, { signal, options: own, context }) {
        const fetch = { ...deferred(), stale, signal, options: own, context };
        fetches.push(fetch);
        return fetch.promise;
      },
      ...options,
    });
    return { ...rig, fetches };
  }

  it('is one for all who ask, and nothing to those who get meanwhile', async () => {
    const { cache, fetches } = fetching();
    const all = range(5).map(() => cache.fetch('a'));
    assert.deepEqual([fetches.length, cache.get('a'), cache.has('a')], [1, undefined, false]);
    assert.deepEqual([...cache], []);
    const value = {};
    fetches[0].resolve(value);
    for (const found of await Promise.all(all)) {
      assert.equal(found, value);
    }
  });

  it('serves what is stale if allowed, and what it has fetched afterwards', async () => {
    const { cache, fetches, perf } = fetching({ allowStale: true });
    cache.set('a', 1);
    perf.advance(11);
    assert.deepEqual([await cache.fetch('a'), await cache.fetch('a')], [1, 1]);
    assert.deepEqual([fetches.length, fetches[0].stale], [1, 1]);
    fetches[0].resolve(2);
    await nextTurn();
    assert.equal(await cache.fetch('a'), 2);
  });

  it('takes the options that its method has changed', async () => {
    const { cache, fetches } = fetching();
    const fetched = cache.fetch('a', { ttl: 1, context: 'c' });
    assert.deepEqual([fetches[0].options.ttl, fetches[0].context], [1, 'c']);
    fetches[0].options.ttl = 25;
    fetches[0].resolve(1);
    await fetched;
    assert.equal(cache.getRemainingTTL('a'), 25);
  });

  it('makes no room for its value at the cost of those that are under way longer than needed', async () => {
    const { cache, fetches } = fetching({ max: 0, maxSize: 10, sizeCalculation: (value) => value });
    const [three, four, five] = [3, 4, 5].map((key) => cache.fetch(key));
    fetches[1].resolve(4);
    await four;
    fetches[2].resolve(5);
    await five;
    assert.deepEqual([...cache.keys()], [5, 4]);
    fetches[0].resolve(3);
    await three;
    assert.deepEqual([...cache.keys()], [3, 5]);
  });

  it('that fails leaves, returns or deletes what is stale, as it is told', async () => {
    for (const [options, returned, left] of [
      [{}, 'failed', undefined],
      [{ noDeleteOnFetchRejection: true }, 'failed', 1],
      [{ allowStaleOnFetchRejection: true }, 1, 1],
    ]) {
      const { cache, fetches, perf } = fetching(options);
      cache.set('a', 1);
      perf.advance(11);
      const fetched = cache.fetch('a').catch(({ message }) => message);
      fetches[0].reject(new Error('failed'));
      assert.equal(await fetched, returned);
      assert.equal(cache.peek('a', { allowStale: true }), left);
    }
  });

  it('that is aborted rejects, goes on, or returns what is stale and is not lost', async () => {
    for (const [options, returned, left] of [
      [{}, 'aborted', undefined],
      [{ ignoreFetchAbort: true }, 2, 2],
      [{ allowStaleOnFetchAbort: true }, 1, 1],
      [{ allowStaleOnFetchAbort: true, ignoreFetchAbort: true }, 1, 2],
    ]) {
      const { cache, fetches, perf } = fetching(options);
      cache.set('a', 1);
      perf.advance(11);
      const controller = new AbortController();
      const fetched = cache.fetch('a', { signal: controller.signal }).catch(({ message }) => message);
      controller.abort(new Error('aborted'));
      assert.equal(fetches[0].signal.reason.message, 'aborted');
      await nextTurn();
      fetches[0].resolve(left === 1 ? undefined : 2);
      assert.equal(await fetched, returned);
      await nextTurn();
      assert.equal(cache.peek('a', { allowStale: true }), left);
    }
  });

  it('is passed over by find, but for what is stale', async () => {
    const { cache, fetches } = fetching({ noDeleteOnStaleGet: true, allowStale: true });
    cache.set('a', 1);
    assert.equal(await cache.fetch('a', { forceRefresh: true }), 1);
    const other = cache.fetch('b');
    assert.equal(
      cache.find((value) => value === 1),
      1,
    );
    assert.equal(
      cache.find((value) => value === 2),
      undefined,
    );
    fetches.forEach((fetch) => fetch.resolve(2));
    await other;
    assert.equal(
      cache.find((value) => value === 2),
      2,
    );
  });
});
