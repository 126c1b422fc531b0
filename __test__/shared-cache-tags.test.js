'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const { SharedCache } = require('..');
const { NOT_STRINGS, assertCode, seeded } = require('./helper.js');
const { until } = require('./shared-caches.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const HEAPWISE = JSON.stringify(require.resolve('..'));
const maxBytes = 16 << 20;

/** A cache that is closed with the test. */
function open(t, options) {
  const cache = new SharedCache({ maxBytes, ...options });
  t.after(() => cache.close());
  return cache;
}

describe('misuse of tags of a shared cache', () => {
  it('is refused, and changes nothing', (t) => {
    const cache = open(t);
    cache.set('a', '1', { tags: ['x'] });
    for (const wrong of [...NOT_STRINGS, 'x']) {
      if (wrong !== undefined && !Array.isArray(wrong)) {
        assertCode(() => cache.set('a', '2', { tags: wrong }), TYPE, TypeError, wrong);
      }
      if (typeof wrong !== 'string') {
        assertCode(() => cache.set('a', '2', { tags: ['x', wrong] }), TYPE, TypeError, wrong);
        assertCode(() => cache.invalidateTag(wrong), TYPE, TypeError, wrong);
      }
    }
    const many = Array.from({ length: 256 }, (_, i) => `${i}`);
    for (const tags of [
      many,
      ['x'.repeat(16_385)],
      ['x'.repeat(10_000), 'é'.repeat(4000)],
      ['x'.repeat(70_000)],
    ]) {
      for (const value of ['2', Buffer.from('2')]) {
        assertCode(() => cache.set('a', value, { tags }), VALUE, RangeError, tags.length);
      }
    }
    assert.equal(cache.get('a'), '1');
    assert.equal(cache.invalidateTag('x'.repeat(70_000)), false);
    assert.equal(cache.stats().sets, 1);
    cache.close();
    assertCode(() => cache.invalidateTag('x'), 'ERR_HEAPWISE_CACHE_CLOSED', Error);
  });

  it('by a set that is refused leaves the old value with its tags', (t) => {
    const cache = open(t, { codec: { encode: () => 5, decode: String } });
    cache.set('a', '1', { tags: ['x'] });
    assertCode(() => cache.set('a', {}, { tags: ['y'] }), 'ERR_HEAPWISE_SHARED_CACHE_CODEC', Error);
    assertCode(
      () => cache.set('a', Buffer.alloc(maxBytes), { tags: ['y'] }),
      'ERR_HEAPWISE_SHARED_CACHE_TOO_LARGE',
      RangeError,
    );
    assert.equal(cache.invalidateTag('y'), false, 'nobody has got it');
    assert.equal(cache.get('a'), '1');
    assert.equal(cache.invalidateTag('x'), true);
  });
});

describe('invalidateTag of a shared cache', () => {
  it('hides every entry with the tag from all that look, and no other', (t) => {
    const cache = open(t, { codec: 'json' });
    cache.set('a', '1', { tags: ['x', 'y', 'x'] });
    cache.set('b', Buffer.from('2'), { tags: ['y'], ttl: 60_000 });
    cache.set('c', { three: 3 }, { tags: ['z', ''] });
    cache.set('d', '4', { tags: [] });
    cache.set('e', Buffer.alloc(300_000, 5), { tags: ['é\ud800'] });
    assert.deepEqual([cache.get('a'), cache.get('c')], ['1', { three: 3 }]);
    assert.ok(cache.get('e').equals(Buffer.alloc(300_000, 5)));
    assert.equal(cache.invalidateTag('none'), false);
    assert.equal(cache.invalidateTag('x'), true);
    assert.deepEqual([...cache.keys()].toSorted(), ['b', 'c', 'd', 'e']);
    assert.deepEqual(
      [
        cache.get('a'),
        cache.peek('a'),
        cache.has('a'),
        cache.getBuffer('a'),
        cache.getInto('a', Buffer.alloc(9)),
      ],
      [undefined, undefined, false, undefined, undefined],
    );
    assert.equal(cache.delete('a'), false);
    cache.invalidateTag('y');
    assert.equal(cache.get('b'), undefined);
    assert.equal(cache.invalidateTag('\ufffd'), false);
    assert.equal(cache.invalidateTag('é\ud800'), true);
    assert.equal(cache.invalidateTag(''), true);
    assert.deepEqual([...cache], [['d', '4']]);
  });

  it('does not concern entries that get the tag later, also under the same key, nor those that have lost it', (t) => {
    const cache = open(t);
    cache.set('a', '1', { tags: ['x'] });
    cache.invalidateTag('x');
    cache.set('a', '2', { tags: ['x'] });
    cache.set('b', '3', { tags: ['x'] });
    assert.deepEqual([cache.get('a'), cache.get('b')], ['2', '3']);
    cache.set('b', '4');
    assert.equal(cache.invalidateTag('x'), true);
    assert.equal(cache.invalidateTag('x'), false);
    assert.deepEqual([cache.get('a'), cache.get('b')], [undefined, '4']);
    cache.set('c', '5', { tags: ['x'] });
    cache.delete('c');
    assert.equal(cache.invalidateTag('x'), false, 'nobody has it any more');
    cache.set('c', '5', { tags: ['x'] });
    cache.clear();
    cache.set('c', '6', { tags: ['x'] });
    assert.equal(cache.invalidateTag('x'), true);
    assert.equal(cache.has('c'), false);
  });

  it('frees the entries in the background, and forgets tags that nobody has', async (t) => {
    const cache = open(t);
    for (let i = 0; i < 30_000; i++) {
      cache.set(`key ${i}`, `value ${i}`, { tags: [i % 2 ? 'odd' : 'even', `tag of ${i}`] });
    }
    const before = cache.stats();
    assert.equal(cache.invalidateTag('odd'), true);
    await until(() => cache.size === 15_000);
    assert.equal(cache.stats().invalidations, 15_000);
    assert.deepEqual([cache.stats().expirations, cache.stats().evictions], [0, 0]);
    assert.equal(cache.invalidateTag('tag of 7'), false);
    assert.equal(cache.invalidateTag('even'), true);
    await until(() => cache.size === 0);
    const { overheadBytes } = cache.stats();
    assert.ok(overheadBytes < before.overheadBytes / 3, `${overheadBytes} of ${before.overheadBytes}`);
  });

  it('counts tags in the budget, which is kept however many there are', (t) => {
    const cache = open(t, { maxBytes: 2 << 20 });
    let most = 0;
    for (let i = 0; i < 60_000; i++) {
      cache.set(`key ${i}`, 'value', { tags: [`a tag that only this one has, number ${i}`] });
      most = Math.max(most, cache.stats().bytes);
    }
    assert.ok(most <= 2 << 20, `${most}`);
    const { bytes, keyBytes, valueBytes, overheadBytes, freeBytes, entries, evictions } = cache.stats();
    assert.equal(bytes, keyBytes + valueBytes + overheadBytes + freeBytes);
    assert.equal(entries + evictions, 60_000);
    assert.ok(entries > 4000, `${entries}`);
  });

  it('costs an entry nothing that has no tags', (t) => {
    const of = (tags) => {
      const cache = open(t);
      for (let i = 0; i < 20_000; i++) {
        // With the header just 32 bytes, so that one more would take 16.
        cache.set(`key ${10_000 + i}`, 'abc', { tags });
      }
      return cache.stats().overheadBytes;
    };
    const none = of(undefined);
    // Chance, which draws the seeds of hashes, may need some lines more.
    const chance = 100_000;
    assert.ok(Math.abs(of([]) - none) < chance);
    assert.ok(Math.abs(of(['a']) - none - 20_000 * 16) < chance);
  });

  it('in any order of calls hides just what a naive cache would', (t) => {
    const random = seeded(21);
    const cache = open(t, { max: 64, policy: 'lru' });
    const model = new Map();
    const tags = ['p', 'q', 'r', 's', 't'];
    for (let i = 0; i < 30_000; i++) {
      const key = `key ${random.below(80)}`;
      const choice = random.below(12);
      if (choice < 5) {
        const own = tags.filter(() => random.chance(0.25));
        cache.set(key, String(i), { tags: own });
        model.set(key, { value: String(i), own });
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

  it('concerns the entries of all threads, at once', async (t) => {
    const cache = open(t, { name: 'tagged' });
    const workers = [1, 2, 3].map(
      (number) =>
        new Worker(
          `const { parentPort: port } = require('node:worker_threads');
           const { SharedCache } = require(${HEAPWISE});
           const cache = new SharedCache({ name: 'tagged', maxBytes: ${maxBytes} });
           port.on('message', (round) => {
             for (let i = 0; i < 500; i++) {
               cache.set('key ${number} ' + i, String(round), { tags: ['all', 'of ${number}'] });
             }
             port.postMessage(round);
           });`,
          { eval: true },
        ),
    );
    const seen = () => [...cache.keys()].length;
    for (let round = 0; round < 20; round++) {
      const told = workers.map((worker) => once(worker, 'message'));
      for (const worker of workers) {
        worker.postMessage(round);
      }
      await Promise.all(told);
      assert.equal(seen(), 1500);
      assert.equal(cache.invalidateTag('of 2'), true);
      assert.equal(seen(), 1000);
      assert.equal(cache.invalidateTag('all'), true);
      assert.equal(seen(), 0);
    }
    await Promise.all(workers.map((worker) => worker.terminate()));
    await until(() => cache.size === 0);
  });

  it('never lets a thread see what it has invalidated, while others set and invalidate', async (t) => {
    const options = { name: 'tag stress', maxBytes: 2 << 20, shards: 2 };
    const cache = open(t, options);
    const workers = [1, 2, 3].map(
      (number) =>
        new Worker(
          `const { parentPort: port } = require('node:worker_threads');
           const { SharedCache } = require(${HEAPWISE});
           const cache = new SharedCache(${JSON.stringify(options)});
           let round = 0;
           for (const end = Date.now() + 1500; Date.now() < end; round++) {
             for (let i = 0; i < 100; i++) {
               cache.set('${number} ' + i, String(round), { tags: ['own ${number}', 'all', 'tag ' + (i % 7)] });
             }
             cache.invalidateTag('own ${number}');
             for (let i = 0; i < 100; i++) {
               if (cache.has('${number} ' + i)) throw new Error('it was invalidated');
             }
             for (let i = 0; i < 100; i++) {
               cache.set('${number} ' + i, 'x'.repeat(i * 30), { tags: ['own ${number}'] });
               if (i % 3 === 0) cache.delete('${number} ' + i);
             }
             for (let i = 0; i < 100; i++) {
               const value = cache.get('${number} ' + i);
               if (value !== undefined && value.length !== i * 30) throw new Error('another value');
             }
             cache.invalidateTag('all');
             if (round % 500 === 0) cache.clear();
           }
           port.postMessage(round);`,
          { eval: true },
        ),
    );
    const rounds = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
    assert.ok(rounds.every((count) => count > 10));
    for (const number of [1, 2, 3]) {
      cache.invalidateTag(`own ${number}`);
    }
    await until(() => cache.size === 0);
    const { bytes } = cache.stats();
    assert.ok(bytes <= 2 << 20);
  });
});
