'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Cache } = require('..');
const { createCacheClass } = require('../lib/cache/cache.js');
const {
  NOT_NUMBERS,
  NOT_OBJECTS,
  assertCode,
  assertRejects,
  deferred,
  nextTurn,
  seeded,
} = require('./helper.js');
const { manualTimers } = require('./manual-timers.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const LATE = 'ERR_HEAPWISE_CACHE_LOAD_TIMEOUT';

/** A cache on a clock that is moved by hand. */
function timed(options, random = () => 0.5) {
  const timers = manualTimers(random);
  const ManualCache = createCacheClass(timers);
  return { cache: new ManualCache({ max: 100, ttl: 100, ...options }), timers };
}

/** A load that counts its calls and returns "1", "2", ...; `next` is what the next call does instead. */
function counting() {
  const load = async (key, { signal }) => {
    load.calls++;
    load.signal = signal;
    const { next } = load;
    load.next = undefined;
    return next === undefined ? `${key}${load.calls}` : next();
  };
  load.calls = 0;
  load.next = undefined;
  return load;
}

/** Has the next load wait until its promise is settled. */
function held(load) {
  const { promise, resolve, reject } = deferred();
  load.next = () => promise;
  return { resolve, reject };
}

/** A cache that loaded "a" with these options so many milliseconds ago, and its load. */
async function aged(options, age) {
  const { cache, timers } = timed();
  const load = counting();
  await cache.getOrLoad('a', load, options);
  timers.advance(age);
  return { cache, load, timers };
}

const fail = (message) => () => Promise.reject(new Error(message));
const isError = (message) => (error) => error.message === message;

describe('wrong options of getOrLoad', () => {
  test('are refused at once, and load nothing', () => {
    const cache = new Cache({ max: 5 });
    const names = [
      'negativeTtl',
      'errorTtl',
      'staleWhileRevalidate',
      'staleIfError',
      'earlyRefresh',
      'timeout',
    ];
    for (const name of names) {
      for (const wrong of NOT_NUMBERS) {
        const { message } = assertCode(
          () => cache.getOrLoad('a', assert.fail, { [name]: wrong }),
          TYPE,
          TypeError,
        );
        assert.ok(message.startsWith(`"${name}"`), message);
      }
      for (const wrong of [NaN, -1, -Infinity]) {
        assertCode(() => cache.getOrLoad('a', assert.fail, { [name]: wrong }), VALUE, RangeError, wrong);
      }
    }
    for (const wrong of [0, 2 ** 31]) {
      assertCode(() => cache.getOrLoad('a', assert.fail, { timeout: wrong }), VALUE, RangeError, wrong);
    }
    assertCode(() => cache.getOrLoad('a', assert.fail, { earlyRefresh: Infinity }), VALUE, RangeError);
    for (const wrong of [...NOT_OBJECTS, {}, new AbortController()]) {
      assertCode(() => cache.getOrLoad('a', assert.fail, { signal: wrong }), TYPE, TypeError, wrong);
    }
    assertCode(() => cache.set('a', 1, { staleIfError: 5 }), 'ERR_HEAPWISE_UNKNOWN_OPTION', TypeError);
    assert.equal(cache.stats().loads, 0);
  });
});

describe('staleWhileRevalidate', () => {
  const options = { staleWhileRevalidate: 50 };

  test('returns what is over at once, and loads it anew once for all who ask', async () => {
    const { cache, timers } = timed();
    const load = counting();
    assert.equal(await cache.getOrLoad('a', load, options), 'a1');
    timers.advance(149);
    const { resolve } = held(load);
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => cache.getOrLoad('a', load, options))), [
      'a1',
      'a1',
      'a1',
    ]);
    assert.equal(load.calls, 2);
    resolve('new');
    await nextTurn();
    assert.equal(await cache.getOrLoad('a', load, options), 'new');
    const { staleHits, hits, misses } = cache.stats();
    assert.deepEqual([staleHits, hits, misses], [3, 1, 1]);
  });

  test('does not show what is over to those who did not ask for it', async () => {
    const { cache, timers } = timed();
    await cache.getOrLoad('a', counting(), options);
    timers.advance(100);
    assert.deepEqual([cache.get('a'), cache.peek('a'), cache.has('a')], [undefined, undefined, false]);
    assert.deepEqual([...cache.keys()], []);
    assert.deepEqual(cache.dump(), []);
    const load = counting();
    load.next = () => 'fresh';
    assert.equal(await cache.getOrLoad('a', load), 'fresh');
  });

  test('is over itself after its time, and gives the memory back', async () => {
    const { cache, timers } = timed();
    const load = counting();
    await cache.getOrLoad('a', load, options);
    await cache.getOrLoad('b', load, options);
    timers.advance(150);
    assert.equal(await cache.getOrLoad('a', load, options), 'a3');
    timers.advance(3000);
    assert.equal(cache.size, 0);
  });

  test('goes on with what is over when the load fails, until its time is over too, and crashes nothing', async () => {
    const { cache, load, timers } = await aged(options, 120);
    load.next = fail('down');
    assert.equal(await cache.getOrLoad('a', load, options), 'a1');
    await nextTurn();
    load.next = fail('down');
    assert.equal(await cache.getOrLoad('a', load, options), 'a1');
    await nextTurn();
    assert.equal(cache.stats().loadErrors, 2);
    timers.advance(30);
    load.next = fail('down');
    await assert.rejects(cache.getOrLoad('a', load, options), isError('down'));
  });

  test('does not bring back what was deleted or set meanwhile', async () => {
    const { cache, load } = await aged(options, 120);
    const { resolve } = held(load);
    await cache.getOrLoad('a', load, options);
    cache.set('a', 'set');
    resolve('loaded');
    await nextTurn();
    assert.equal(cache.get('a'), 'set');
  });

  test('does not return what was invalidated', async () => {
    const { cache, load } = await aged({ ...options, tags: ['x'] }, 120);
    cache.invalidateTag('x');
    assert.equal(await cache.getOrLoad('a', load, options), 'a2');
  });
});

describe('staleIfError', () => {
  const options = { staleIfError: 50 };

  test('returns what is over when the load fails, else what was loaded', async () => {
    const { cache, load, timers } = await aged(options, 140);
    load.next = fail('down');
    assert.equal(await cache.getOrLoad('a', load, options), 'a1');
    assert.equal(cache.stats().staleHits, 1);
    assert.equal(await cache.getOrLoad('a', load, options), 'a3');
    timers.advance(150);
    load.next = fail('down');
    await assert.rejects(cache.getOrLoad('a', load, options), isError('down'));
  });

  test('is each caller’s own: who did not ask for it gets the error of the same load', async () => {
    const { cache, load } = await aged(options, 120);
    const { reject } = held(load);
    const lenient = cache.getOrLoad('a', load, options);
    const strict = cache.getOrLoad('a', load);
    reject(new Error('down'));
    assert.equal(await lenient, 'a1');
    await assert.rejects(strict, isError('down'));
    assert.equal(load.calls, 2);
  });

  test('also answers when the time of the caller is over', async () => {
    const { cache, load, timers } = await aged(options, 110);
    const { resolve } = held(load);
    const answer = cache.getOrLoad('a', load, { ...options, timeout: 20 });
    timers.advance(20);
    assert.equal(await answer, 'a1');
    resolve('late');
    await nextTurn();
    assert.equal(cache.get('a'), 'late');
  });
});

describe('Infinity', () => {
  test('as a time for what is stale does not make up values for keys that never had one', async () => {
    for (const name of ['staleWhileRevalidate', 'staleIfError']) {
      const { cache, timers } = timed();
      const options = { [name]: Infinity, tags: ['x'], timeout: Infinity };
      assert.equal(await cache.getOrLoad('a', async () => 'v', options), 'v');
      await assert.rejects(cache.getOrLoad('b', fail('down'), options), isError('down'));
      timers.advance(1e9);
      cache.invalidateTag('x');
      assert.equal(await cache.getOrLoad('a', async () => 'new', options), 'new');
      assert.equal(cache.stats().staleHits, 0);
    }
  });
});

describe('what may serve in need', () => {
  test('is not removed before its end where uses begin its time anew', async () => {
    const { cache, timers } = timed({ slidingTtl: true });
    const load = counting();
    const options = { staleIfError: 50 };
    await cache.getOrLoad('a', load, options);
    for (let i = 0; i < 60; i++) {
      timers.advance(90);
      assert.equal(cache.get('a'), 'a1', 'also after the timer has looked');
    }
    timers.advance(140);
    load.next = fail('down');
    assert.equal(await cache.getOrLoad('a', load, options), 'a1');
  });
});

describe('timeout', () => {
  test('ends the wait, not the load, whose value the next one finds', async () => {
    const { cache, timers } = timed();
    const { promise, resolve } = deferred();
    const hasty = cache.getOrLoad('a', () => promise, { timeout: 30 });
    const patient = cache.getOrLoad('a', assert.fail, { timeout: 1000 });
    timers.advance(30);
    const error = await assertRejects(hasty, LATE, Error);
    assert.match(error.message, /30 ms/);
    resolve('value');
    assert.equal(await patient, 'value');
    assert.equal(cache.get('a'), 'value');
    timers.advance(2000);
    assert.equal(timers.planned, 0);
  });

  test('leaves no timer behind when the load ends before it', async () => {
    const { cache, timers } = timed({ ttl: 0 });
    await cache.getOrLoad('a', async () => 1, { timeout: 30 });
    await assert.rejects(cache.getOrLoad('b', fail('down'), { timeout: 30 }), isError('down'));
    await nextTurn();
    assert.equal(timers.planned, 0);
  });
});

describe('signal', () => {
  test('that is aborted already loads nothing, and does not even hit', async () => {
    const cache = new Cache({ max: 5 });
    cache.set('b', 1);
    const signal = AbortSignal.abort(new Error('gone'));
    await assert.rejects(cache.getOrLoad('a', assert.fail, { signal }), isError('gone'));
    await assert.rejects(cache.getOrLoad('b', assert.fail, { signal }), isError('gone'));
    const { hits, misses, loads } = cache.stats();
    assert.deepEqual([hits, misses, loads], [0, 0, 0]);
  });

  test('of one caller ends his wait, and neither the load nor the wait of others', async () => {
    const cache = new Cache({ max: 5 });
    const load = counting();
    const { resolve } = held(load);
    const controller = new AbortController();
    const leaving = cache.getOrLoad('a', load, { signal: controller.signal });
    const other = cache.getOrLoad('a', load, { signal: new AbortController().signal });
    controller.abort(new Error('gone'));
    await assert.rejects(leaving, isError('gone'));
    assert.equal(load.signal.aborted, false);
    resolve('value');
    assert.equal(await other, 'value');
    assert.equal(cache.get('a'), 'value');
  });

  test('of the last one who waits aborts the load, whose value is not stored, and a new call loads anew', async () => {
    const cache = new Cache({ max: 5 });
    const load = counting();
    const { resolve } = held(load);
    const controllers = [new AbortController(), new AbortController()];
    const waits = controllers.map(({ signal }) => cache.getOrLoad('a', load, { signal }));
    controllers[0].abort(new Error('gone'));
    assert.equal(load.signal.aborted, false);
    controllers[1].abort(new Error('gone'));
    assert.equal(load.signal.aborted, true);
    for (const wait of waits) {
      await assert.rejects(wait, isError('gone'));
    }
    assert.equal(await cache.getOrLoad('a', async () => 'new'), 'new');
    resolve('old');
    await nextTurn();
    assert.equal(cache.get('a'), 'new');
  });

  test('cannot abort a load for which somebody waits without one', async () => {
    const cache = new Cache({ max: 5 });
    const load = counting();
    const { resolve } = held(load);
    const controller = new AbortController();
    const leaving = cache.getOrLoad('a', load, { signal: controller.signal });
    const staying = cache.getOrLoad('a', load);
    controller.abort(new Error('gone'));
    await assert.rejects(leaving, isError('gone'));
    assert.equal(load.signal.aborted, false);
    resolve('value');
    assert.equal(await staying, 'value');
  });

  test('that the load function itself aborts ends the wait', async () => {
    const cache = new Cache({ max: 5 });
    const controller = new AbortController();
    const load = () => {
      controller.abort(new Error('gone'));
      return new Promise(() => {});
    };
    await assert.rejects(cache.getOrLoad('a', load, { signal: controller.signal }), isError('gone'));
  });

  test('is aborted for a load function that asks for it when nobody waits any more', async () => {
    const cache = new Cache({ max: 5 });
    const controller = new AbortController();
    const { promise, resolve } = deferred();
    const seen = deferred();
    const load = async (_key, context) => {
      await promise;
      seen.resolve(context.signal.aborted);
    };
    const wait = cache.getOrLoad('a', load, { signal: controller.signal });
    controller.abort(new Error('gone'));
    await assert.rejects(wait, isError('gone'));
    resolve();
    assert.equal(await seen.promise, true);
  });

  test('that is aborted after the load has ended does nothing', async () => {
    const cache = new Cache({ max: 5 });
    const controller = new AbortController();
    assert.equal(await cache.getOrLoad('a', async () => 1, { signal: controller.signal }), 1);
    controller.abort();
    assert.equal(cache.get('a'), 1);
  });
});

describe('what is set while a load fails', () => {
  test('is what those get who would take something stale, and does not count as stale', async () => {
    const cache = new Cache({ max: 5 });
    const { promise, reject } = deferred();
    const answer = cache.getOrLoad('a', () => promise, { staleIfError: 10 });
    cache.set('a', 'set');
    reject(new Error('down'));
    assert.equal(await answer, 'set');
    assert.equal(cache.stats().staleHits, 0);
  });
});

describe('an eviction', () => {
  test('does not end a load, nor keep its value out', async () => {
    const cache = new Cache({ max: 2 });
    const { promise, resolve } = deferred();
    const loaded = cache.getOrLoad('a', () => promise);
    cache.set('b', 1);
    cache.set('c', 1);
    cache.set('d', 1);
    resolve('value');
    assert.equal(await loaded, 'value');
    assert.equal(cache.get('a'), 'value');
  });
});

describe('negativeTtl', () => {
  test('is the time of undefined and null, and of nothing else', async () => {
    const { cache, timers } = timed();
    for (const value of [undefined, null]) {
      await cache.getOrLoad(value, () => value, { negativeTtl: 10 });
    }
    await cache.getOrLoad('zero', () => 0, { negativeTtl: 10 });
    assert.deepEqual([cache.has(undefined), cache.has(null)], [true, true]);
    timers.advance(10);
    assert.deepEqual([cache.has(undefined), cache.has(null), cache.get('zero')], [false, false, 0]);
  });

  test('of 0 does not store them', async () => {
    const { cache } = timed();
    assert.equal(await cache.getOrLoad('a', () => null, { negativeTtl: 0, tags: ['x'] }), null);
    assert.equal(cache.has('a'), false);
    assert.equal(cache.invalidateTag('x'), false, 'the tag is not kept either');
  });
});

describe('a load of nothing', () => {
  test('takes the old value away, also where it could have served in need', async () => {
    const { cache, timers } = timed();
    const options = { negativeTtl: 0, staleIfError: 1000 };
    await cache.getOrLoad('a', async () => 'old', options);
    timers.advance(150);
    assert.equal(await cache.getOrLoad('a', async () => null, options), null);
    await assert.rejects(cache.getOrLoad('a', fail('down'), options), isError('down'));
  });
});

describe('errorTtl', () => {
  test('holds for loads in the background too, and ends with one that succeeds', async () => {
    const { cache, timers } = timed();
    const load = counting();
    const options = { staleWhileRevalidate: 1e4, errorTtl: 500 };
    await cache.getOrLoad('a', load, options);
    timers.advance(150);
    load.next = fail('down');
    await cache.getOrLoad('a', load, options);
    await nextTurn();
    for (let i = 0; i < 5; i++) {
      assert.equal(await cache.getOrLoad('a', load, options), 'a1');
    }
    assert.equal(load.calls, 2);
    timers.advance(500);
    await cache.getOrLoad('a', load, options);
    await nextTurn();
    assert.equal(await cache.getOrLoad('a', load, options), 'a3');
    timers.advance(150);
    assert.equal(await cache.getOrLoad('a', load), 'a4', 'the old failure is forgotten');
  });

  test('has callers get the same error without a load, until it is over', async () => {
    const { cache, timers } = timed();
    const load = counting();
    load.next = fail('down');
    const options = { errorTtl: 40 };
    await assert.rejects(cache.getOrLoad('a', load, options), isError('down'));
    timers.advance(39);
    await assert.rejects(cache.getOrLoad('a', load, options), isError('down'));
    assert.equal(load.calls, 1);
    timers.advance(1);
    assert.equal(await cache.getOrLoad('a', load, options), 'a2');
  });

  test('ends with a set, a delete or a clear', async () => {
    for (const end of [
      (cache) => cache.set('a', 'set'),
      (cache) => cache.delete('a'),
      (cache) => cache.clear(),
    ]) {
      const { cache } = timed();
      await assert.rejects(cache.getOrLoad('a', fail('down'), { errorTtl: 1000 }), isError('down'));
      end(cache);
      assert.match(await cache.getOrLoad('a', async () => 'loaded'), /set|loaded/);
    }
  });

  test('does not remember failures without a bound', async () => {
    const { cache } = timed();
    for (let i = 0; i < 1001; i++) {
      await assert.rejects(cache.getOrLoad(i, fail('down'), { errorTtl: 1e6 }), isError('down'));
    }
    assert.equal(await cache.getOrLoad(0, () => 'again'), 'again');
    await assert.rejects(cache.getOrLoad(1000, assert.fail), isError('down'));
  });

  test('is no obstacle for staleIfError', async () => {
    const { cache, timers } = timed();
    const options = { errorTtl: 40, staleIfError: 100 };
    await cache.getOrLoad('a', async () => 'old', options);
    timers.advance(110);
    assert.equal(await cache.getOrLoad('a', fail('down'), options), 'old');
    assert.equal(await cache.getOrLoad('a', assert.fail, options), 'old');
  });
});

describe('earlyRefresh', () => {
  test('loads before the end by chance, the more often the nearer it is, and nobody waits', async () => {
    const random = seeded(3);
    /** Share of the calls at that age that load a value which takes 20 of its 100 ms to load. */
    const shareAt = async (age) => {
      let refreshes = 0;
      for (let i = 0; i < 300; i++) {
        const { cache, timers } = timed({}, random.next);
        const first = cache.getOrLoad('a', async () => timers.advance(20), { earlyRefresh: 1 });
        await first;
        timers.advance(age);
        const load = counting();
        const before = await cache.getOrLoad('a', load, { earlyRefresh: 1 });
        assert.equal(before, undefined, 'the old value');
        refreshes += load.calls;
      }
      return refreshes / 300;
    };
    // -ln(random) * 20 >= what is left: e ** -(left / 20).
    for (const [age, expected] of [
      [40, Math.exp(-3)],
      [80, Math.exp(-1)],
      [95, Math.exp(-0.25)],
    ]) {
      const share = await shareAt(age);
      assert.ok(Math.abs(share - expected) < 0.09, `${share} at ${age} ms, ${expected} expected`);
    }
  });

  test('does not load what lives for ever, nor without being asked', async () => {
    const { cache, timers } = timed({ ttl: 0 }, () => 1e-9);
    await cache.getOrLoad('a', async () => timers.advance(20), { earlyRefresh: 5 });
    await cache.getOrLoad('b', async () => timers.advance(20), { earlyRefresh: 5, ttl: 100 });
    timers.advance(99);
    const load = counting();
    await cache.getOrLoad('a', load, { earlyRefresh: 5 });
    await cache.getOrLoad('b', load);
    assert.equal(load.calls, 0);
  });
});
