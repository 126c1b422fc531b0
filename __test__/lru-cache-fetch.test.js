'use strict';

// Fetches that lru-cache loses, or keeps for ever. What is the same is in lru-cache-fetch-model.test.js.

const assert = require('node:assert/strict');
const { tracingChannel } = require('node:diagnostics_channel');
const { getEventListeners } = require('node:events');
const { describe, it } = require('node:test');
const { LRUCache } = require('heapwise/lru-cache');
const { assertRejects, deferred, manualClock, nextTurn } = require('./helper.js');

/** A cache whose fetches end when they are told to. */
function rig(options = {}) {
  const perf = manualClock();
  const fetches = [];
  const gone = [];
  const cache = new LRUCache({
    max: 5,
    ttl: 10,
    ttlResolution: 0,
    perf,
    dispose: (value, key, reason) => void gone.push([value, key, reason]),
    fetchMethod(key, stale, { signal }) {
      const fetch = { ...deferred(), key, stale, signal };
      fetches.push(fetch);
      return fetch.promise;
    },
    ...options,
  });
  /** Sets a value whose time is over then. */
  const setStale = (key, value) => {
    cache.set(key, value);
    perf.advance(11);
  };
  return { cache, fetches, gone, perf, setStale };
}

const aborted = (promise) => assertRejects(promise, 'ERR_HEAPWISE_LRU_CACHE_FETCH_ABORTED', Error);

describe('a fetch of LRUCache', () => {
  it('is rejected with a coded error when the key is deleted, set or evicted', async () => {
    const ends = {
      deleted: (cache) => cache.delete('a'),
      replaced: (cache) => cache.set('a', 1),
      evicted: (cache) => cache.pop(),
    };
    for (const [message, end] of Object.entries(ends)) {
      const { cache, fetches } = rig();
      const refused = aborted(cache.fetch('a'));
      end(cache);
      const error = await refused;
      assert.equal(error.message, message);
      assert.equal(fetches[0].signal.reason, error);
    }
  });

  it('that brings nothing is told by forceFetch', async () => {
    const { cache, fetches } = rig();
    const refused = assertRejects(cache.forceFetch('a'), 'ERR_HEAPWISE_LRU_CACHE_NO_VALUE', Error);
    fetches[0].resolve(undefined);
    await refused;
    assert.equal(cache.size, 0);
  });

  it('is aborted by a signal that was aborted before', async () => {
    const { cache, fetches } = rig();
    const reason = new Error('before');
    await assert.rejects(cache.fetch('a', { signal: AbortSignal.abort(reason) }), reason);
    assert.equal(fetches[0].signal.aborted, true);
    assert.equal(cache.size, 0);
  });

  it('leaves nothing on the signal of a caller', async () => {
    const { cache, fetches } = rig();
    const { signal } = new AbortController();
    for (const [i, key] of ['a', 'b'].entries()) {
      const fetched = cache.fetch(key, { signal });
      assert.equal(getEventListeners(signal, 'abort').length, 1);
      fetches[i][i === 0 ? 'resolve' : 'reject'](new Error('b'));
      await fetched.catch(() => {});
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  it('by a method that returns undefined, and no promise, ends', async () => {
    const { cache } = rig({ fetchMethod: () => {} });
    assert.equal(await cache.fetch('a'), undefined);
    assert.equal(cache.size, 0);
  });

  it('whose value is refused does not count as being under way', async () => {
    const { cache, fetches } = rig({ maxSize: 10, sizeCalculation: (value) => value });
    const refused = assertRejects(cache.fetch('a'), 'ERR_HEAPWISE_LRU_CACHE_INVALID', TypeError);
    fetches[0].resolve(-1);
    await refused;
    assert.deepEqual([cache.size, cache.calculatedSize], [0, 0]);
    const again = cache.fetch('a');
    fetches[1].resolve(3);
    assert.equal(await again, 3);
    assert.equal(cache.calculatedSize, 3);
  });

  it('that fails after an abort that served what was stale leaves that', async () => {
    const { cache, fetches, setStale } = rig({ allowStaleOnFetchAbort: true });
    setStale('a', 1);
    const controller = new AbortController();
    const served = cache.fetch('a', { signal: controller.signal });
    controller.abort();
    assert.equal(await served, 1);
    fetches[0].reject(new Error('late'));
    await nextTurn();
    assert.equal(cache.peek('a', { allowStale: true }), 1);
    const again = cache.fetch('a');
    fetches[1].resolve(2);
    assert.equal(await again, 2);
  });

  it('that goes on after an abort brings nothing into the place of another key', async () => {
    const { cache, fetches } = rig({ allowStaleOnFetchAbort: true, ignoreFetchAbort: true });
    const fetched = cache.fetch('a');
    cache.delete('a');
    cache.set('b', 'of b');
    assert.equal(await fetched, undefined);
    fetches[0].resolve('of a');
    await nextTurn();
    assert.equal(cache.get('b'), 'of b');
  });

  it('that goes on after an abort brings nothing in the place of what was set meanwhile', async () => {
    const { cache, fetches } = rig({ allowStaleOnFetchAbort: true, ignoreFetchAbort: true });
    const fetched = cache.fetch('a');
    cache.set('a', 'set');
    assert.equal(await fetched, undefined);
    fetches[0].resolve('fetched');
    await nextTurn();
    assert.equal(cache.get('a'), 'set');
  });

  it('tells dispose of the stale value that goes with it', async () => {
    const { cache, fetches, gone, setStale } = rig();
    for (const key of ['failed', 'deleted', 'cleared']) {
      setStale(key, key);
    }
    const all = ['failed', 'deleted', 'cleared'].map((key) =>
      cache.fetch(key).catch(({ message }) => message),
    );
    fetches[0].reject(new Error('no'));
    await nextTurn();
    cache.delete('deleted');
    cache.clear();
    assert.deepEqual(await Promise.all(all), ['no', 'deleted', 'deleted']);
    assert.deepEqual(gone, [
      ['failed', 'failed', 'fetch'],
      ['deleted', 'deleted', 'delete'],
      ['cleared', 'cleared', 'delete'],
    ]);
  });

  it('by a method that uses the cache itself finds its place', async () => {
    const { cache } = rig({
      async fetchMethod(key) {
        cache.delete(key);
        cache.set('other', 1);
        return 'fetched';
      },
    });
    cache.set('a', 1);
    assert.equal(await cache.fetch('a', { forceRefresh: true }), 'fetched');
    assert.deepEqual(
      [...cache],
      [
        ['a', 'fetched'],
        ['other', 1],
      ],
    );
  });

  it('in the background that fails disturbs nobody', async () => {
    const { cache, fetches, setStale } = rig({ allowStale: true });
    setStale('a', 1);
    assert.equal(await cache.fetch('a'), 1);
    fetches[0].reject(new Error('nobody waits'));
    await nextTurn();
    assert.equal(cache.size, 0);
  });

  it('counts for backgroundFetchSize until it has a value', async () => {
    const { cache, fetches } = rig({ maxSize: 10, sizeCalculation: () => 5, backgroundFetchSize: 0 });
    const fetched = cache.fetch('a');
    assert.equal(cache.calculatedSize, 0);
    fetches[0].resolve(1);
    await fetched;
    assert.equal(cache.calculatedSize, 5);
    cache.backgroundFetchSize = -1;
    await assertRejects(cache.fetch('b'), 'ERR_HEAPWISE_LRU_CACHE_INVALID', TypeError);
    assert.equal(fetches.length, 1);
  });

  it('is traced on the channel of lru-cache', async () => {
    const seen = [];
    const subscribers = Object.fromEntries(
      ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map((name) => [
        name,
        ({ key, result }) => void seen.push([name, key, result]),
      ]),
    );
    const tracing = tracingChannel('lru-cache');
    tracing.subscribe(subscribers);
    try {
      const { cache, fetches } = rig();
      const fetched = cache.fetch('a');
      fetches[0].resolve(1);
      await fetched;
      await nextTurn();
    } finally {
      tracing.unsubscribe(subscribers);
    }
    assert.deepEqual(seen, [
      ['start', 'a', undefined],
      ['end', 'a', undefined],
      ['asyncStart', 'a', 1],
      ['asyncEnd', 'a', 1],
    ]);
  });
});
