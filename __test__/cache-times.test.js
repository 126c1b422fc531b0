// node-flags: --expose-gc
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Cache } = require('..');
const { createCacheClass } = require('../lib/cache/cache.js');
const { NOT_BOOLEANS, NOT_NUMBERS, assertCode, collected, manualClock, seeded } = require('./helper.js');
const { manualCache } = require('./manual-cache.js');
const { manualTimers } = require('./manual-timers.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';

describe('wrong options about time', () => {
  test('are refused', () => {
    for (const name of ['maxTtl', 'jitter']) {
      for (const wrong of NOT_NUMBERS) {
        assertCode(() => new Cache({ max: 5, [name]: wrong }), TYPE, TypeError, wrong);
      }
      for (const wrong of [NaN, -1, -Infinity]) {
        assertCode(() => new Cache({ max: 5, [name]: wrong }), VALUE, RangeError, wrong);
      }
    }
    assertCode(() => new Cache({ max: 5, jitter: 1.1 }), VALUE, RangeError);
    for (const wrong of NOT_BOOLEANS) {
      assertCode(() => new Cache({ max: 5, slidingTtl: wrong }), TYPE, TypeError, wrong);
    }
  });
});

describe('slidingTtl', () => {
  test('has a get begin the time anew, but neither peek nor has', () => {
    const { now, advance } = manualClock();
    const cache = new Cache({ max: 5, ttl: 100, slidingTtl: true, now });
    cache.set('a', 1);
    cache.set('b', 2);
    for (let i = 0; i < 5; i++) {
      advance(60);
      assert.equal(cache.get('a'), 1);
      cache.peek('b');
      cache.has('b');
    }
    assert.equal(cache.has('b'), false);
    advance(100);
    assert.equal(cache.get('a'), undefined);
  });

  test('begins anew the time that the entry had, not that of the cache, and none where it had none', async () => {
    const { now, advance } = manualClock();
    const cache = new Cache({ max: 5, ttl: 100, slidingTtl: true, now });
    cache.set('long', 1, { ttl: 500 });
    cache.set('endless', 2, { ttl: 0 });
    await cache.getOrLoad('loaded', () => 3, { ttl: 300 });
    advance(250);
    cache.get('long');
    cache.get('endless');
    await cache.getOrLoad('loaded', assert.fail);
    advance(299);
    assert.deepEqual([...cache.keys()].toSorted(), ['endless', 'loaded', 'long']);
    advance(1);
    assert.deepEqual([...cache.keys()].toSorted(), ['endless', 'long']);
    advance(1e9);
    assert.deepEqual([...cache.keys()], ['endless']);
  });

  test('does not make an entry outlive maxTtl, however often it is used', () => {
    const { now, advance } = manualClock();
    const cache = new Cache({ max: 5, ttl: 100, slidingTtl: true, maxTtl: 350, now });
    cache.set('a', 1);
    for (let i = 0; i < 6; i++) {
      advance(50);
      assert.equal(cache.get('a'), 1);
    }
    advance(49);
    assert.equal(cache.get('a'), 1);
    advance(1);
    assert.equal(cache.get('a'), undefined);
  });

  test('keeps its times while the cache grows', () => {
    const { now, advance } = manualClock();
    const cache = new Cache({ max: 1e5, ttl: 100, slidingTtl: true, maxTtl: 1000, now });
    for (let i = 0; i < 5000; i++) {
      cache.set(i, i, { ttl: 100 + i });
    }
    advance(100);
    for (let i = 1; i < 5000; i++) {
      assert.equal(cache.get(i), i);
    }
    advance(899);
    assert.equal(cache.get(4000), 4000);
    assert.equal(cache.get(700), undefined);
    advance(1);
    assert.equal(cache.get(4000), undefined);
  });
});

describe('maxTtl', () => {
  test('cuts the times that are longer, and leaves entries without a time alone', () => {
    const { now, advance } = manualClock();
    const cache = new Cache({ max: 5, ttl: 1e6, maxTtl: 100, now });
    cache.set('cache', 1);
    cache.set('own', 1, { ttl: 500 });
    cache.set('short', 1, { ttl: 50 });
    cache.set('endless', 1, { ttl: Infinity });
    advance(50);
    assert.deepEqual([...cache.keys()].toSorted(), ['cache', 'endless', 'own']);
    advance(50);
    assert.deepEqual([...cache.keys()], ['endless']);
  });
});

describe('a clock', () => {
  test('is read by nobody while no entry has a time', () => {
    let reads = 0;
    const now = () => ++reads;
    const cache = new Cache({ max: 50, now });
    for (let i = 0; i < 100; i++) {
      cache.set(i, i, { tags: ['t'] });
      cache.get(i);
      cache.delete(i - 5);
    }
    assert.equal(reads, 0);
  });

  test('that tells no number for a while does not end all expiry', () => {
    const timers = manualTimers(() => 0.5);
    const ManualCache = createCacheClass(timers);
    let time = 1000;
    const cache = new ManualCache({ max: 50, now: () => time });
    cache.set('before', 1, { ttl: 100 });
    time = NaN;
    cache.set('meanwhile', 1, { ttl: 100 });
    timers.advance(5000);
    time = 2000;
    cache.set('after', 1, { ttl: 50 });
    time = 2050;
    assert.equal(cache.get('after'), undefined);
    assert.equal(cache.get('before'), undefined);
    cache.set('later', 1, { ttl: 50 });
    time = 10_000;
    timers.advance(5000);
    assert.equal(cache.size, 1, 'but for the one that has no end');
  });

  test('that throws does not take a tag away from its entries', async () => {
    let left = Infinity;
    let time = 1;
    const now = () => {
      if (--left < 0) {
        throw new Error('no time');
      }
      return time;
    };
    const cache = new Cache({ max: 50, now });
    cache.set('a', 1, { tags: ['t'], ttl: 1000 });
    left = 0;
    assert.throws(() => cache.invalidateTag('t'), /no time/);
    left = Infinity;
    assert.equal(cache.get('a'), 1);
    // One that is over, and kept to serve in need: it has to go when there is no such thing any more.
    await cache.getOrLoad('b', () => 2, { ttl: 10, staleIfError: 1000 });
    time = 20;
    for (let reads = 1; reads < 5; reads++) {
      const nothing = () => {
        left = reads;
      };
      await cache.getOrLoad('b', nothing, { tags: ['t'], negativeTtl: 0 }).catch(() => {});
      left = Infinity;
    }
    assert.equal(cache.invalidateTag('t'), true);
    assert.equal(cache.has('a'), false);
  });

  test('that goes back while a dump is made makes no time that load refuses', () => {
    let time = 1000;
    const cache = new Cache({ max: 5, now: () => (time -= 100) });
    cache.set('a', 1, { ttl: 150 });
    const other = new Cache({ max: 5 });
    other.load(cache.dump());
    assert.equal(other.size, 1);
  });

  test('that throws does not lose or half store an entry', () => {
    let broken = false;
    let time = 5;
    const cache = new Cache({
      max: 3,
      now() {
        if (broken) {
          throw new Error('no time');
        }
        return time;
      },
    });
    cache.set('a', 1, { ttl: 10, tags: ['x'] });
    broken = true;
    for (let i = 0; i < 5; i++) {
      assert.throws(() => cache.set(`b${i}`, 1, { ttl: 10, tags: ['y'] }), /no time/);
    }
    broken = false;
    assert.equal(cache.size, 1);
    assert.equal(cache.stats().evictions, 0);
    assert.equal(cache.invalidateTag('y'), false);
    assert.equal(cache.set('b0', 2), true);
    assert.deepEqual([cache.get('a'), cache.get('b0')], [1, 2]);
    time = 20;
    assert.equal(cache.get('a'), undefined);
  });

  test('that comes to 0 just when an entry ends does not make it live for ever', () => {
    let time = -50;
    const cache = new Cache({ max: 3, ttl: 50, now: () => time });
    cache.set('a', 1);
    time = 1;
    assert.equal(cache.get('a'), undefined);
  });

  test('of the user does not keep his cache alive', async () => {
    const timers = manualTimers(() => 0.5);
    const ManualCache = createCacheClass(timers);
    const make = () => {
      const owner = { time: 1 };
      owner.cache = new ManualCache({ max: 5, ttl: 1e9, now: () => owner.time });
      owner.cache.set('a', 1);
      return new WeakRef(owner);
    };
    assert.ok(await collected([make()]));
  });
});

describe('a dump of entries whose time slides', () => {
  test('does not shorten them for good', () => {
    const { now, advance } = manualClock();
    const options = { max: 5, ttl: 100, slidingTtl: true, now };
    const cache = new Cache(options);
    cache.set('a', 1);
    advance(99);
    const other = new Cache(options);
    other.load(cache.dump());
    assert.equal(other.get('a'), 1);
    advance(99);
    assert.equal(other.get('a'), 1);
  });
});

describe('maxTtl of 0 or Infinity', () => {
  test('bounds nothing', () => {
    for (const maxTtl of [0, Infinity]) {
      const { now, advance } = manualClock();
      const cache = new Cache({ max: 5, ttl: 1e6, slidingTtl: true, maxTtl, now });
      cache.set('a', 1);
      advance(9e5);
      assert.equal(cache.get('a'), 1);
      advance(9e5);
      assert.equal(cache.get('a'), 1);
    }
  });
});

describe('jitter', () => {
  test('shortens each time by chance, never lengthens it, and spreads them over its share', () => {
    const { cache, timers } = manualCache({ ttl: 1000, jitter: 0.4 }, seeded(1).next);
    for (let i = 0; i < 1000; i++) {
      cache.set(i, i);
    }
    const alive = () => [...cache.keys()].length;
    timers.advance(599);
    assert.equal(alive(), 1000);
    timers.advance(201);
    assert.ok(alive() > 400 && alive() < 600, `${alive()} alive`);
    timers.advance(200);
    assert.equal(alive(), 0);
  });
});

describe('what is over and still there', () => {
  /** A cache whose clock goes on though its timers do not. */
  function held(options) {
    const { now, advance } = manualClock();
    return { ...manualCache({ now, ...options }), advance };
  }

  test('is not given out, whichever entries end before it', () => {
    const { cache, advance } = held({});
    cache.set('long', 1, { ttl: 1000 });
    cache.set('short', 1, { ttl: 100 });
    cache.set('longer', 1, { ttl: 5000 });
    for (const [key, after] of [
      ['short', 100],
      ['long', 900],
      ['longer', 4000],
    ]) {
      advance(after - 1);
      assert.equal(cache.get(key), 1, key);
      advance(1);
      assert.equal(cache.get(key), undefined, key);
    }
  });

  test('is not given out if it was set while the timer looked', () => {
    const { cache, timers, advance } = held({});
    for (let i = 0; i < 30_000; i++) {
      cache.set(i, i);
    }
    cache.set('first', 1, { ttl: 1000 });
    advance(1000);
    timers.advance(1000);
    // Its slot was passed already.
    cache.set(5, 1, { ttl: 500 });
    timers.advance(100);
    assert.equal(cache.size, 30_000);
    advance(500);
    assert.equal(cache.get(5), undefined);
  });

  test('is not given out because it is kept to serve in need', async () => {
    const { cache, timers, advance } = held({});
    await cache.getOrLoad('kept', () => 1, { ttl: 1000, staleIfError: 60_000 });
    cache.set('other', 1, { ttl: 1000 });
    advance(1000);
    timers.advance(2000);
    assert.equal(cache.size, 1);
    assert.equal(cache.get('kept'), undefined);
  });

  test('is not given out where the clock went back and the time began anew', () => {
    const { cache, advance } = held({ ttl: 100, slidingTtl: true });
    advance(1000);
    cache.set('a', 1);
    advance(-500);
    assert.equal(cache.get('a'), 1);
    advance(100);
    assert.equal(cache.get('a'), undefined);
  });
});

describe('what is over', () => {
  test('is removed though nobody uses the cache, and no timer is left', () => {
    const { cache, timers, told } = manualCache({ ttl: 5000 });
    for (let i = 0; i < 100; i++) {
      cache.set(i, i);
    }
    assert.equal(timers.planned, 1);
    timers.advance(4999);
    assert.equal(cache.size, 100);
    timers.advance(1000);
    assert.equal(cache.size, 0);
    assert.equal(told.length, 100);
    assert.ok(told.every((event) => event.endsWith(' expire')));
    assert.equal(cache.stats().expirations, 100);
    timers.advance(10_000);
    assert.equal(timers.planned, 0);
  });

  test('of many entries is removed in parts, and others run between them', () => {
    const { cache, timers, told } = manualCache({ ttl: 1000 });
    for (let i = 0; i < 50_000; i++) {
      cache.set(i, i);
    }
    timers.advance(1000);
    const first = told.length;
    assert.ok(first > 0 && first <= 1024, `${first} at once`);
    timers.advance(10);
    assert.ok(told.length > first && told.length <= 2048);
    timers.advance(2000);
    assert.equal(cache.size, 0);
  });

  test('is found among many that live, whatever their order', () => {
    const { cache, timers } = manualCache({});
    const random = seeded(4);
    const ends = Array.from({ length: 30_000 }, () => 1 + random.below(60_000));
    ends.forEach((ttl, i) => cache.set(i, i, { ttl }));
    cache.set('endless', 1);
    for (let now = 5000; now <= 70_000; now += 5000) {
      timers.advance(5000);
      const alive = ends.filter((end) => end > now).length + 1;
      // What ended in the last second and a half may still be there.
      const late = ends.filter((end) => end > now - 1500 && end <= now).length;
      assert.ok(cache.size >= alive && cache.size <= alive + late, `${cache.size} at ${now}, ${alive} alive`);
    }
    assert.equal(cache.size, 1);
  });

  test('sooner than others wakes the timer sooner', () => {
    const { cache, timers } = manualCache({});
    cache.set('hour', 1, { ttl: 3_600_000 });
    cache.set('minute', 1, { ttl: 60_000 });
    cache.set('moment', 1, { ttl: 5 });
    assert.equal(timers.planned, 1);
    timers.advance(1100);
    assert.equal(cache.size, 2);
    timers.advance(60_000);
    assert.equal(cache.size, 1);
  });

  test('in a month needs a timer that Node can wait for', () => {
    const { cache, timers } = manualCache({});
    cache.set('a', 1, { ttl: 60 * 86_400_000 });
    timers.advance(59 * 86_400_000);
    assert.equal(cache.size, 1);
    timers.advance(2 * 86_400_000);
    assert.equal(cache.size, 0);
  });

  test('is not looked for in a cache that is cleared or closed', () => {
    for (const end of ['clear', 'close']) {
      const { cache, timers } = manualCache({ ttl: 5000 });
      cache.set('a', 1);
      cache[end]();
      assert.equal(timers.planned, 0, end);
    }
  });

  test('though it was set while the timer looked, is removed as well', () => {
    const { cache, timers } = manualCache({});
    for (let i = 0; i < 30_000; i++) {
      cache.set(i, i);
    }
    cache.set('first', 1, { ttl: 1000 });
    timers.advance(1000);
    // Its slot was passed already.
    cache.set(5, 1, { ttl: 3000 });
    timers.advance(5000);
    assert.equal(cache.size, 29_999);
    assert.equal(timers.planned, 0);
  });

  test('though onEvict set it in the timer, is removed as well, and nothing is left of a close there', () => {
    for (const end of ['set', 'close', 'clear']) {
      const timers = manualTimers(() => 0.5);
      const ManualCache = createCacheClass(timers);
      const cache = new ManualCache({
        max: 10,
        onEvict(key) {
          if (key === 'short') {
            cache[end]('again', 1, { ttl: 2000 });
          }
        },
      });
      cache.set('long', 1, { ttl: 3_600_000 });
      cache.set('short', 1, { ttl: 1000 });
      timers.advance(1000);
      assert.equal(timers.planned, end === 'set' ? 1 : 0, end);
      timers.advance(4000);
      assert.equal(cache.size, end === 'set' ? 1 : 0);
    }
  });

  test('is removed also after an onEvict that threw', () => {
    const timers = manualTimers(() => 0.5);
    const ManualCache = createCacheClass(timers);
    let calls = 0;
    const cache = new ManualCache({
      max: 5000,
      ttl: 10,
      onEvict() {
        calls++;
        throw new Error('told');
      },
    });
    for (let i = 0; i < 3000; i++) {
      cache.set(i, i);
    }
    let thrown = 0;
    for (let i = 0; i < 4000 && cache.size > 0; i++) {
      try {
        timers.advance(1000);
      } catch (error) {
        assert.equal(error.message, 'told');
        thrown++;
      }
    }
    assert.equal(cache.size, 0);
    assert.ok(thrown > 0 && calls > 0);
  });

  test('a cache that nobody has any more is not kept by its timer', async () => {
    const timers = manualTimers(() => 0.5);
    const ManualCache = createCacheClass(timers);
    const make = () => {
      const cache = new ManualCache({ max: 5, ttl: 5000 });
      cache.set('a', {});
      return new WeakRef(cache);
    };
    const ref = make();
    assert.equal(timers.planned, 1);
    assert.ok(await collected([ref]));
    timers.advance(10_000);
    assert.equal(timers.planned, 0);
  });
});
