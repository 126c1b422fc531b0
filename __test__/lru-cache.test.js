// node-flags: --expose-gc
'use strict';

// Where ours differs from lru-cache, or must not. What is the same is in lru-cache-model.test.js.

const assert = require('node:assert/strict');
const { channel } = require('node:diagnostics_channel');
const { describe, it } = require('node:test');
const { LRUCache } = require('heapwise/lru-cache');
const { NOT_FUNCTIONS, assertCode, collected, manualClock } = require('./helper.js');
const { clockOfProcess } = require('./lru-cache-twins.js');
const { runScript } = require('./run-script.js');

/** A cache of the numbers from 0, the last one used last. */
function filled(count, options = {}) {
  const cache = new LRUCache({ max: count, ...options });
  for (let i = 0; i < count; i++) {
    cache.set(i, i);
  }
  return cache;
}

const invalid = (call, shown) => assertCode(call, 'ERR_HEAPWISE_LRU_CACHE_INVALID', TypeError, shown);

describe('LRUCache refuses', () => {
  it('options that are none, and a cache without any bound', () => {
    for (const options of [undefined, null, 123, 'max', {}, { max: 0 }, { max: 0, ttl: 0, maxSize: 0 }]) {
      invalid(() => new LRUCache(options), options);
    }
  });

  it('bounds and times that are no positive integers', () => {
    for (const value of [-1, 2.5, Infinity, 'banana', {}, true]) {
      for (const name of ['max', 'maxSize', 'maxEntrySize', 'ttl']) {
        invalid(() => new LRUCache({ ...(name !== 'max' && { max: 1 }), [name]: value }), [name, value]);
      }
    }
    invalid(() => new LRUCache({ max: 2 ** 54 }));
  });

  it('functions that are none, a clock without now, and a size of fetches that is none', () => {
    for (const value of NOT_FUNCTIONS.slice(1)) {
      invalid(() => new LRUCache({ max: 1, fetchMethod: value }), value);
      invalid(() => new LRUCache({ max: 1, memoMethod: value }), value);
    }
    invalid(() => new LRUCache({ max: 1, maxSize: 1, sizeCalculation: 5 }));
    invalid(() => new LRUCache({ max: 1, sizeCalculation: () => 1 }));
    invalid(() => new LRUCache({ max: 1, perf: {} }));
    for (const backgroundFetchSize of [-1, 0.5, NaN, '2', Symbol('2')]) {
      invalid(() => new LRUCache({ max: 1, backgroundFetchSize }), backgroundFetchSize);
    }
  });

  it('a size where sizes do not count, and none where they do', () => {
    invalid(() => new LRUCache({ max: 1 }).set('a', 1, { size: 1 }));
    const sized = new LRUCache({ maxSize: 5 });
    for (const options of [
      undefined,
      {},
      { size: 0 },
      { size: -1 },
      { size: 'x' },
      { sizeCalculation: () => 0 },
    ]) {
      invalid(() => sized.set('a', 1, options), options);
    }
    assert.equal(sized.size, 0);
  });

  it('memo without a memoMethod', () => {
    assertCode(() => new LRUCache({ max: 1 }).memo('a'), 'ERR_HEAPWISE_LRU_CACHE_NO_MEMO', Error);
  });
});

describe('LRUCache', () => {
  it('warns once of a cache that only time bounds', () => {
    const warnings = [];
    const { emitWarning } = process;
    process.emitWarning = (...args) => void warnings.push(args.slice(0, 3));
    try {
      for (let i = 0; i < 2; i++) {
        assert.ok(new LRUCache({ ttl: 5 }));
      }
    } finally {
      process.emitWarning = emitWarning;
    }
    assert.deepEqual(
      warnings.map(([, ...type]) => type),
      [['UnboundedCacheWarning', 'LRU_CACHE_UNBOUNDED']],
    );
  });

  it('takes no memory for what it does not hold', () => {
    const before = process.memoryUsage();
    const caches = Array.from(
      { length: 1000 },
      () => new LRUCache({ max: 2 ** 32, ttl: 5, maxSize: 2 ** 32 }),
    );
    const after = process.memoryUsage();
    assert.equal(caches.length, 1000);
    assert.ok(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers < 16 * 2 ** 20);
  });

  it('takes another cache as its options', () => {
    const first = filled(3, { ttl: 1000, allowStale: true });
    const second = new LRUCache(first);
    second.load(first.dump());
    assert.deepEqual([second.max, second.ttl, second.allowStale], [3, 1000, true]);
    assert.deepEqual([...second], [...first]);
  });

  it('does not change the options of a call', () => {
    const cache = filled(1);
    const options = Object.freeze({});
    cache.get(0, options);
    cache.has(0, options);
    cache.peek(0, options);
    cache.set(0, 1, options);
    assert.equal(String(cache), '[object LRUCache]');
  });

  it('obeys what its properties are changed to', () => {
    const perf = manualClock();
    const cache = new LRUCache({ max: 2, ttl: 10, ttlResolution: 0, perf });
    cache.set('a', 1);
    cache.ttl = 100;
    cache.set('b', 2);
    perf.advance(50);
    cache.allowStale = true;
    assert.deepEqual([cache.get('a'), cache.get('a'), cache.get('b')], [1, undefined, 2]);
  });

  it('never holds more than maxSize, also where one entry may be larger', () => {
    const cache = new LRUCache({ maxSize: 10, maxEntrySize: 20 });
    cache.set('a', 1, { size: 5 });
    const status = {};
    cache.set('b', 1, { size: 15, status });
    assert.deepEqual([cache.size, cache.calculatedSize, status.maxEntrySizeExceeded], [1, 5, true]);
  });

  it('has a time also in a loop that lets no timer fire', () => {
    const cache = new LRUCache({ max: 1, ttl: 5 });
    cache.set('a', 1);
    const end = performance.now() + 5000;
    while (cache.get('a') !== undefined && performance.now() < end) {
      // It must not live for as long as the loop goes on.
    }
    assert.equal(cache.has('a'), false);
  });

  it('is what it was when its clock throws in a set', () => {
    let broken = false;
    const now = () => {
      assert.ok(!broken, 'the clock is broken');
      return 1;
    };
    const cache = new LRUCache({ max: 2, ttl: 5, perf: { now } });
    cache.set('a', 1);
    broken = true;
    assert.throws(() => cache.set('a', 2), /broken/);
    assert.throws(() => cache.set('b', 2), /broken/);
    broken = false;
    assert.deepEqual([...cache], [['a', 1]]);
  });

  it('loads a dump as often as one likes, and loses nothing over what is no dump', () => {
    const cache = filled(2, { ttl: 1000 });
    const dump = cache.dump();
    const copy = structuredClone(dump);
    for (let i = 0; i < 2; i++) {
      const other = new LRUCache({ max: 2 });
      other.load(dump);
      assert.deepEqual([...other], [...cache]);
    }
    assert.deepEqual(dump, copy);
    assert.throws(() => cache.load(5), TypeError);
    assert.equal(cache.size, 2);
  });
});

describe('a walk through an LRUCache', () => {
  for (const [method, order] of [
    ['keys', [4, 3, 2, 1, 0]],
    ['rkeys', [0, 1, 2, 3, 4]],
  ]) {
    it(`comes to each once while all are used (${method})`, () => {
      const cache = filled(5);
      const seen = [];
      for (const key of cache[method]()) {
        seen.push(key);
        cache.get(key);
        assert.ok(seen.length <= 5, 'it ends');
      }
      assert.deepEqual(seen, order);
    });

    it(`leaves out those that are deleted, whichever they are (${method})`, () => {
      for (let victims = 0; victims < 2 ** 5; victims++) {
        for (let at = 0; at < 5; at++) {
          const cache = filled(5);
          const seen = [];
          const gone = [0, 1, 2, 3, 4].filter((key) => victims & (1 << key));
          for (const key of cache[method]()) {
            seen.push(key);
            if (seen.length === at + 1) {
              gone.forEach((each) => cache.delete(each));
            }
          }
          const wanted = order.filter((key, place) => place <= at || !gone.includes(key));
          assert.deepEqual(seen, wanted, `${gone} at ${at}`);
        }
      }
    });

    it(`ends while one is added each time (${method})`, () => {
      const cache = filled(5, { max: 100 });
      let added = 100;
      const seen = [];
      for (const key of cache[method]()) {
        seen.push(key);
        cache.set(added++, 1);
        assert.ok(seen.length <= 10, 'it ends');
      }
      assert.deepEqual(
        seen.filter((key) => key < 100),
        order,
      );
    });

    it(`ends when its last one is deleted, and others are added (${method})`, () => {
      const cache = filled(5, { max: 100 });
      let added = 100;
      const seen = [];
      for (const key of cache[method]()) {
        seen.push(key);
        if (seen.length === 2) {
          cache.delete(order[4]);
        }
        if (seen.length >= 2) {
          cache.set(added++, 1);
        }
        assert.ok(seen.length <= 5, 'it ends');
      }
      assert.deepEqual(seen, order.slice(0, 4));
    });

    it(`ends with clear, and when all were evicted (${method})`, () => {
      for (const empty of [
        (cache) => cache.clear(),
        (cache) => {
          cache.clear();
          order.forEach((key) => cache.set(key, 'again'));
        },
        (cache) => [10, 11, 12, 13, 14].forEach((key) => cache.set(key, key)),
      ]) {
        const cache = filled(5);
        const seen = [];
        for (const key of cache[method]()) {
          seen.push(key);
          if (seen.length === 2) {
            empty(cache);
          }
        }
        assert.deepEqual(seen, order.slice(0, 2));
      }
    });
  }

  it('within a walk is one of its own', () => {
    const cache = filled(3);
    const seen = [];
    for (const outer of cache.keys()) {
      for (const inner of cache.rkeys()) {
        cache.peek(inner);
        seen.push([outer, inner]);
      }
    }
    assert.equal(seen.length, 9);
    assert.deepEqual(new Set(seen.map(String)).size, 9);
  });

  it('does not come to those that were used before their turn', () => {
    const cache = filled(4);
    const seen = [];
    for (const key of cache.keys()) {
      seen.push(key);
      if (seen.length === 2) {
        cache.get(1);
      }
    }
    assert.deepEqual(seen, [3, 2, 0]);
  });

  it('that is left lying is forgotten', async () => {
    const cache = filled(3);
    const refs = (() => {
      const walk = cache.keys();
      walk.next();
      walk.next();
      return [new WeakRef(walk)];
    })();
    assert.ok(await collected(refs));
    assert.equal(cache.get(0), 0);
    assert.deepEqual([...cache.keys()], [0, 2, 1]);
  });
});

describe('dispose of an LRUCache', () => {
  it('may put back what was evicted, and anything else', () => {
    let puts = 0;
    const cache = new LRUCache({
      max: 3,
      dispose(value, key) {
        if (puts++ < 5) {
          this.set(key, value);
          this.set('other', puts);
        }
      },
    });
    for (let i = 0; i < 20; i++) {
      cache.set(i, i);
    }
    assert.equal(cache.size, 3);
    assert.deepEqual([...cache.keys()].length, 3);
    assert.deepEqual([...cache.keys()].toReversed(), [...cache.rkeys()]);
    assert.deepEqual([...cache.keys()], [19, 18, 17]);
  });

  it('that throws does not lose those after it, nor break the cache', () => {
    const told = [];
    const cache = new LRUCache({
      maxSize: 3,
      sizeCalculation: (value) => value,
      dispose(_, key, reason) {
        told.push([key, reason]);
        assert.notEqual(key, 'a', 'not this one');
      },
    });
    for (const key of ['a', 'b', 'c']) {
      cache.set(key, 1);
    }
    assert.throws(() => cache.set('d', 3), /not this one/);
    assert.deepEqual([...cache], [['d', 3]]);
    assert.equal(cache.calculatedSize, 3);
    cache.delete('nobody');
    assert.deepEqual(told, [
      ['a', 'evict'],
      ['b', 'evict'],
      ['c', 'evict'],
    ]);
  });

  it('is told of everything at once, however much that is', () => {
    let told = 0;
    const cache = filled(5000, { dispose: () => void told++ });
    cache.clear();
    assert.deepEqual([told, cache.size], [5000, 0]);
  });

  it('sees the new value already, and comes before onInsert and disposeAfter', () => {
    const seen = [];
    const cache = new LRUCache({
      max: 1,
      dispose: (value, key, reason) => void seen.push(['dispose', value, reason, cache.get(key)]),
      onInsert: (value, key, reason) => void seen.push(['onInsert', value, reason, cache.get(key)]),
      disposeAfter: (value, key, reason) => void seen.push(['disposeAfter', value, reason, cache.get(key)]),
    });
    cache.set('a', 1);
    cache.set('a', 2);
    assert.deepEqual(seen, [
      ['onInsert', 1, 'add', 1],
      ['dispose', 1, 'set', 2],
      ['onInsert', 2, 'replace', 2],
      ['disposeAfter', 1, 'set', 2],
    ]);
  });
});

describe('ttlAutopurge', () => {
  it('removes each entry when its time is over, with one timer', () => {
    const clock = clockOfProcess();
    try {
      const gone = [];
      const cache = new LRUCache({
        ttl: 10,
        ttlAutopurge: true,
        perf: { now: clock.now },
        dispose: (_, key) => void gone.push([key, clock.now()]),
      });
      const ends = [5, 3, 8, 1, 9, 7, 2, 6, 4];
      ends.forEach((ttl) => cache.set(ttl, ttl, { ttl }));
      cache.set('for ever', 1, { ttl: 0 });
      assert.equal(clock.planned, 1);
      clock.advance(20);
      assert.deepEqual(
        gone,
        ends.toSorted().map((ttl) => [ttl, 1001 + ttl]),
      );
      assert.deepEqual([...cache.keys()], ['for ever']);
      assert.equal(clock.planned, 0);
    } finally {
      clock.restore();
    }
  });

  it('removes many in parts', () => {
    const clock = clockOfProcess();
    try {
      const cache = filled(5000, { ttl: 10, ttlAutopurge: true, perf: { now: clock.now } });
      clock.advance(11);
      assert.ok(cache.size > 0 && cache.size < 5000, `${cache.size} are left`);
      clock.advance(10);
      assert.equal(cache.size, 0);
    } finally {
      clock.restore();
    }
  });

  it('goes on when dispose throws', () => {
    const clock = clockOfProcess();
    try {
      const cache = filled(3, {
        ttl: 10,
        ttlAutopurge: true,
        perf: { now: clock.now },
        dispose: () => assert.fail('no'),
      });
      cache.set(1, 'later', { ttl: 20, noDisposeOnSet: true });
      for (let i = 0; i < 5; i++) {
        try {
          clock.advance(10);
        } catch {
          // A timer of Node would end the process, or tell its listeners.
        }
      }
      assert.equal(cache.size, 0);
    } finally {
      clock.restore();
    }
  });

  it('keeps neither the process nor the cache', async () => {
    const refs = (() => {
      const cache = new LRUCache({ ttl: 3_600_000, ttlAutopurge: true });
      cache.set('a', 1);
      return [new WeakRef(cache)];
    })();
    assert.ok(await collected(refs));
    const { code } = await runScript(`
      const { LRUCache } = require('heapwise/lru-cache');
      new LRUCache({ ttl: 3_600_000, ttlAutopurge: true }).set('a', 1);
    `);
    assert.equal(code, 0);
  });
});

it('listeners of the channels of lru-cache hear the same of both', async () => {
  const classes = [LRUCache, require('lru-cache').LRUCache];
  const heard = new Map(classes.map((Class) => [Class, []]));
  const onMessage = (status) => {
    const { cache, ...rest } = status;
    heard.get(cache.constructor).push(rest);
  };
  const metrics = channel('lru-cache:metrics');
  metrics.subscribe(onMessage);
  try {
    for (const Class of classes) {
      const cache = new Class({ max: 2, memoMethod: (key) => `${key}!` });
      cache.set('a', 1);
      cache.set('a', 2);
      cache.get('a');
      cache.get('b');
      cache.has('a');
      cache.peek('a');
      cache.memo('c');
      cache.delete('a');
      cache.delete('a');
      cache.set('c', undefined);
      await cache.fetch('c');
    }
  } finally {
    metrics.unsubscribe(onMessage);
  }
  const [ours, theirs] = classes.map((Class) => heard.get(Class));
  assert.ok(ours.length >= 10);
  assert.deepEqual(ours, theirs);
});
