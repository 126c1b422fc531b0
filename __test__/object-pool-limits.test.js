// node-flags: --expose-gc
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { ObjectPool } = require('..');
const { afterMajorGc } = require('../lib/major-gc.js');
const { createObjectPoolClass } = require('../lib/object-pool/object-pool.js');
const { assertCode, collected, nextTurn, seeded } = require('./helper.js');

const SIZE = 'ERR_HEAPWISE_POOL_OBJECT_SIZE';

/** A pool class whose major collections come when they are told to. */
function manualGc() {
  const listeners = new Set();
  const Pool = createObjectPoolClass({
    LoanTracker: undefined,
    afterMajorGc(target, call) {
      const listener = () => call(target);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  });
  return { Pool, listeners, majorGc: () => listeners.forEach((listener) => listener()) };
}

/** Lends so many at a time and takes them back, the last one first. */
function burst(pool, count) {
  const lent = Array.from({ length: count }, () => pool.acquire());
  while (lent.length > 0) {
    pool.release(lent.pop());
  }
}

describe('maxObjectBytes of an ObjectPool', () => {
  test('does not keep objects that have grown past it', () => {
    const kinds = [
      [
        () => [],
        (array) => array.push(...Array(12).fill('x')),
        (array) => array.push(...Array(13).fill('x')),
      ],
      [
        () => ({ chunks: Buffer.alloc(10) }),
        (object) => (object.chunks = Buffer.alloc(100)),
        (object) => (object.chunks = Buffer.alloc(101)),
        ({ chunks }) => chunks.length,
      ],
    ];
    for (const [make, grow, growTooFar, sizeOf] of kinds) {
      const pool = new ObjectPool(make, { maxObjectBytes: 100, sizeOf });
      const kept = pool.acquire();
      grow(kept);
      pool.release(kept);
      assert.equal(pool.acquire(), kept, 'at the limit');
      growTooFar(kept);
      pool.release(kept);
      assert.notEqual(pool.acquire(), kept);
      const { size, idle, discarded, oversized } = pool.stats();
      assert.deepEqual(
        { size, idle, discarded, oversized },
        { size: 1, idle: 0, discarded: 1, oversized: 1 },
      );
    }
  });

  test('measures what has bytes by itself', () => {
    const kinds = [
      () => Buffer.alloc(101),
      () => new Float64Array(13),
      () => new DataView(new ArrayBuffer(101)),
      () => new ArrayBuffer(101),
      () => new SharedArrayBuffer(101),
      () => Array.from({ length: 13 }, () => 0),
    ];
    for (const make of kinds) {
      for (const [maxObjectBytes, oversized] of [
        [104, 0],
        [100, 1],
      ]) {
        const pool = new ObjectPool(make, { maxObjectBytes });
        pool.release(pool.acquire());
        assert.equal(pool.stats().oversized, oversized, `${make} and ${maxObjectBytes}`);
      }
    }
  });

  test('looks at a template of arrays before their length is put back', () => {
    for (const template of [[], [5]]) {
      const pool = new ObjectPool(template, { maxObjectBytes: 800 });
      const array = pool.acquire();
      array.length = 101;
      pool.release(array);
      assert.equal(pool.stats().oversized, 1);
    }
  });

  test('does not reset what it drops', () => {
    const pool = new ObjectPool(() => [], { maxObjectBytes: 0, reset: () => assert.fail('reset') });
    const array = pool.acquire();
    array.push(1);
    pool.release(array);
    assert.equal(pool.stats().oversized, 1);
  });

  test('does not keep an object whose size nobody can tell', () => {
    for (const wrong of [NaN, -1, undefined, null, '5', 5n, {}]) {
      const pool = new ObjectPool({ a: 1 }, { maxObjectBytes: 10, sizeOf: () => wrong });
      const object = pool.acquire();
      assertCode(() => pool.release(object), SIZE, TypeError, wrong);
      const { size, borrowed, discarded, oversized } = pool.stats();
      assert.deepEqual(
        { size, borrowed, discarded, oversized },
        { size: 0, borrowed: 0, discarded: 1, oversized: 0 },
      );
    }
    const broken = new Error('mine');
    const pool = new ObjectPool(
      { a: 1 },
      {
        maxObjectBytes: 10,
        sizeOf() {
          throw broken;
        },
      },
    );
    const object = pool.acquire();
    assert.throws(() => pool.release(object), broken);
    assert.equal(pool.stats().size, 0);
  });

  test('of Infinity measures nothing', () => {
    const pool = new ObjectPool(() => new Map(), { sizeOf: () => assert.fail('called') });
    pool.release(pool.acquire());
    assert.equal(pool.stats().idle, 1);
  });
});

describe('maxIdle of an ObjectPool', () => {
  test('drops what is released beyond it, without a reset', () => {
    let resets = 0;
    const pool = new ObjectPool(() => ({}), { maxIdle: 2, min: 1, reset: () => resets++ });
    burst(pool, 5);
    const { size, idle, discarded, peakBorrowed } = pool.stats();
    assert.deepEqual(
      { size, idle, discarded, peakBorrowed },
      { size: 2, idle: 2, discarded: 3, peakBorrowed: 5 },
    );
    assert.equal(resets, 2);
  });

  test('of 0 keeps nothing, and still tells a double release', () => {
    const pool = new ObjectPool(() => ({}), { maxIdle: 0 });
    const object = pool.acquire();
    pool.release(object);
    assert.equal(pool.stats().size, 0);
    assertCode(() => pool.release(object), 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE', Error);
    assert.notEqual(pool.acquire(), object);
  });

  test('holds when a reset releases other objects', () => {
    const others = [];
    const pool = new ObjectPool(() => ({}), {
      maxIdle: 1,
      reset() {
        if (others.length > 0) {
          pool.release(others.pop());
        }
      },
    });
    const object = pool.acquire();
    others.push(pool.acquire(), pool.acquire());
    pool.release(object);
    assert.equal(pool.stats().idle, 1);
    assert.equal(pool.stats().size, 1);
  });
});

describe("an ObjectPool with check: 'off'", () => {
  test('lends, resets, limits and counts as others do', () => {
    const pool = new ObjectPool({ a: 1 }, { check: 'off', max: 2 });
    const [first, second] = [pool.acquire(), pool.acquire()];
    assertCode(() => pool.acquire(), 'ERR_HEAPWISE_POOL_EXHAUSTED', Error);
    first.a = 5;
    pool.release(first);
    assert.equal(pool.acquire(), first);
    assert.equal(first.a, 1);
    pool.release(second);
    pool.trim();
    const { size, borrowed, idle, peakBorrowed, acquired, released, discarded } = pool.stats();
    assert.deepEqual(
      { size, borrowed, idle, peakBorrowed, acquired, released, discarded },
      { size: 1, borrowed: 1, idle: 0, peakBorrowed: 2, acquired: 3, released: 2, discarded: 1 },
    );
    pool.close();
    pool.release(first);
    assert.equal(pool.stats().size, 0);
  });

  test('puts no mark on objects, and looks for none', () => {
    const checked = new ObjectPool(() => ({}));
    const object = checked.acquire();
    const pool = new ObjectPool(() => object, { check: 'off' });
    assert.equal(pool.acquire(), object, 'a checked pool would have refused it');
    pool.release(object);
    pool.release(object);
    assert.equal(pool.stats().idle, 2, 'twice, as documented');
    checked.release(object);
    assert.equal(checked.stats().borrowed, 0, 'nothing was written on it');
  });
});

describe('an ObjectPool after major collections', () => {
  test('drops what nobody needed in two of their intervals, and not before', () => {
    const { Pool, majorGc } = manualGc();
    const pool = new Pool(() => ({}));
    burst(pool, 10);
    majorGc();
    assert.equal(pool.stats().idle, 10, 'needed before the first');
    majorGc();
    assert.equal(pool.stats().idle, 10, 'not needed for one interval: the victims');
    majorGc();
    assert.equal(pool.stats().idle, 0);
    assert.equal(pool.stats().discarded, 10);
    assert.equal(pool.stats().peakBorrowed, 10);
  });

  test('keeps as many as were needed at a time, and these are the ones used last', () => {
    const { Pool, majorGc } = manualGc();
    const pool = new Pool(() => ({}));
    burst(pool, 10);
    const last = pool.acquire();
    pool.release(last);
    for (let i = 0; i < 5; i++) {
      majorGc();
      burst(pool, 3);
      burst(pool, 1);
    }
    assert.equal(pool.stats().idle, 3);
    assert.equal(pool.acquire(), last);
  });

  test('spares a victim that is needed before its second collection', () => {
    const { Pool, majorGc } = manualGc();
    const pool = new Pool(() => ({}));
    burst(pool, 10);
    majorGc();
    majorGc();
    burst(pool, 10);
    majorGc();
    assert.equal(pool.stats().idle, 10, 'all were needed');
    majorGc();
    burst(pool, 4);
    majorGc();
    assert.equal(pool.stats().idle, 4);
  });

  test('counts what is lent all the time as needed', () => {
    const { Pool, majorGc } = manualGc();
    const pool = new Pool(() => ({}), { min: 2 });
    const lent = Array.from({ length: 5 }, () => pool.acquire());
    majorGc();
    majorGc();
    majorGc();
    assert.equal(pool.stats().size, 5);
    lent.forEach((object) => pool.release(object));
    majorGc();
    assert.equal(pool.stats().size, 5);
    majorGc();
    majorGc();
    assert.equal(pool.stats().size, 2, 'min stays');
  });

  test('never goes below min, lent ones counted', () => {
    const { Pool, majorGc } = manualGc();
    const pool = new Pool(() => ({}), { min: 4 });
    burst(pool, 6);
    const lent = [pool.acquire(), pool.acquire(), pool.acquire()];
    for (let i = 0; i < 4; i++) {
      majorGc();
    }
    assert.deepEqual([pool.stats().size, pool.stats().idle], [4, 1]);
    lent.forEach((object) => pool.release(object));
    pool.trim();
    majorGc();
    majorGc();
    assert.equal(pool.stats().size, 0, 'and creates none to get there');
  });

  test('lets go of what it dropped, and refuses it', async () => {
    const { Pool, majorGc } = manualGc();
    const pool = new Pool(() => ({}));
    const refs = (() => {
      const lent = Array.from({ length: 5 }, () => pool.acquire());
      lent.forEach((object) => pool.release(object));
      majorGc();
      majorGc();
      majorGc();
      assertCode(() => pool.release(lent[0]), 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE', Error);
      return lent.map((object) => new WeakRef(object));
    })();
    assert.ok(await collected(refs));
    assert.equal(pool.stats().size, 0);
  });

  test('does nothing with trimOnGc: false, nor once it is closed', () => {
    const { Pool, listeners, majorGc } = manualGc();
    const pool = new Pool(() => ({}), { trimOnGc: false });
    assert.equal(listeners.size, 0);
    const other = new Pool(() => ({}));
    assert.equal(listeners.size, 1);
    burst(pool, 3);
    majorGc();
    majorGc();
    majorGc();
    assert.equal(pool.stats().idle, 3);
    other.close();
    other.close();
    assert.equal(listeners.size, 0);
  });

  test('keeps its counts right in any order of calls', () => {
    const { Pool, majorGc } = manualGc();
    const random = seeded(7);
    const pool = new Pool(() => ({}), { min: 3, max: 40, maxIdle: 30 });
    const lent = [];
    let peak = 0;
    let acquired = 0;
    let dropped = 0;
    /** Fewest idle since the last collection but one, and since the last one. */
    let before = 0;
    let fewest = 3;
    for (let i = 0; i < 20_000; i++) {
      const filling = Math.sin(i / 100) > 0;
      const idle = pool.stats().idle;
      if (random.chance(0.02)) {
        const unused = Math.min(fewest, idle);
        const surplus = Math.max(Math.min(unused, before, idle + lent.length - 3), 0);
        majorGc();
        dropped += surplus;
        assert.equal(pool.stats().idle, idle - surplus, `collection at ${i}`);
        before = unused - surplus;
        fewest = pool.stats().idle;
      } else if (random.chance(filling ? 0.6 : 0.4)) {
        if (lent.length < 40) {
          lent.push(pool.acquire());
          acquired++;
        }
      } else if (lent.length > 0) {
        pool.release(lent.pop());
        dropped += idle >= 30 ? 1 : 0;
        // What is dropped on its way back lowers the floor of what stays: the pool is smaller by one.
        fewest -= idle >= 30 ? 1 : 0;
      }
      const stats = pool.stats();
      // An object created for an acquire raises it, unless the stack was empty.
      fewest = Math.min(fewest, stats.idle);
      peak = Math.max(peak, lent.length);
      assert.equal(stats.borrowed, lent.length);
      assert.equal(stats.size, stats.idle + stats.borrowed);
      assert.equal(stats.peakBorrowed, peak);
      assert.equal(stats.acquired, acquired);
      assert.equal(stats.discarded, dropped);
    }
    assert.ok(peak === 40 && dropped > 100, `${peak} lent, ${dropped} dropped`);
  });

  test('trims by real collections of V8, major ones only', async () => {
    const pool = new ObjectPool(() => ({}), { min: 1 });
    burst(pool, 5);
    for (let i = 0; i < 20; i++) {
      globalThis.gc({ type: 'minor' });
      await nextTurn();
    }
    assert.equal(pool.stats().idle, 5);
    for (let i = 0; i < 20 && pool.stats().idle > 1; i++) {
      globalThis.gc();
      await nextTurn();
    }
    assert.equal(pool.stats().idle, 1);
  });

  test('is not kept alive by waiting for them', async () => {
    const refs = Array.from({ length: 5 }, () => new WeakRef(new ObjectPool(() => ({}), { min: 1 })));
    assert.ok(await collected(refs));
  });
});

describe('afterMajorGc', () => {
  test('tells all who asked, once for a collection, until they have enough', async () => {
    const counts = [0, 0];
    const targets = counts.map((_, i) => ({ i }));
    const stops = targets.map((target) => afterMajorGc(target, ({ i }) => counts[i]++));
    const turn = async () => {
      globalThis.gc();
      await nextTurn();
      await nextTurn();
    };
    for (let i = 0; i < 10 && counts[1] < 2; i++) {
      await turn();
    }
    assert.ok(counts[1] >= 2);
    assert.equal(counts[0], counts[1]);
    const [first] = counts;
    stops[0]();
    stops[0]();
    for (let i = 0; i < 10 && counts[1] < first + 2; i++) {
      await turn();
    }
    assert.equal(counts[0], first);
    assert.ok(counts[1] >= first + 2);
    stops[1]();
    assert.ok(targets);
  });
});

describe('the peak of an ObjectPool', () => {
  test('does not count what is being reset as lent', () => {
    const pool = new ObjectPool(() => ({}), {
      min: 3,
      reset() {
        if (!nested) {
          nested = true;
          pool.release(pool.acquire());
        }
      },
    });
    let nested = false;
    pool.release(pool.acquire());
    const { borrowed, peakBorrowed, acquired, released, idle } = pool.stats();
    assert.deepEqual(
      { borrowed, peakBorrowed, acquired, released, idle },
      { borrowed: 0, peakBorrowed: 1, acquired: 2, released: 2, idle: 3 },
    );
  });

  test('does not count what is being created as lent', () => {
    const seen = [];
    const pool = new ObjectPool(() => {
      seen.push(pool.stats().borrowed, pool.stats().peakBorrowed);
      if (seen.length === 2) {
        pool.release(pool.acquire());
        pool.trim();
      }
      return {};
    });
    pool.acquire();
    assert.deepEqual(seen, [0, 0, 0, 0]);
    assert.equal(pool.stats().peakBorrowed, 1);
  });

  test('does not forget in a reset what was lent before it', () => {
    let peaks;
    const pool = new ObjectPool(() => ({}), {
      reset() {
        peaks = [pool.stats().borrowed, pool.stats().peakBorrowed];
      },
    });
    burst(pool, 4);
    assert.deepEqual(peaks, [0, 4]);
    assert.equal(pool.stats().peakBorrowed, 4);
  });
});
