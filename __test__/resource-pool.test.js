'use strict';

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { subscribe, unsubscribe } = require('node:diagnostics_channel');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { createLoanTrackerClass } = require('../lib/loan-tracker.js');
const { createResourcePoolClass } = require('../lib/resource-pool/resource-pool.js');
const { ResourcePool } = require('..');
const {
  NOT_FUNCTIONS,
  NOT_NUMBERS,
  NOT_OBJECTS,
  assertCode,
  assertRejects,
  deferred,
  nextTurn,
} = require('./helper.js');
const { runScript } = require('./run-script.js');
const { manualTimers } = require('./manual-timers.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';

/** A pool of numbered objects on a clock of its own. */
function numbered(options = {}, random = () => 0) {
  const clock = manualTimers(random);
  const Pool = createResourcePoolClass({ clock, LoanTracker: createLoanTrackerClass(clock) });
  const made = [];
  const destroyed = [];
  const pool = new Pool({
    create() {
      const resource = { number: made.length + 1 };
      made.push(resource);
      return resource;
    },
    destroy: (resource) => void destroyed.push(resource),
    ...options,
  });
  return { pool, clock, made, destroyed };
}

/** Lets promises that can be settled be settled. */
async function settle() {
  for (let i = 0; i < 10; i++) {
    await Promise.resolve();
  }
}

describe('ResourcePool refuses', () => {
  const create = () => ({});
  for (const [name, wrong, code] of [
    ['create', NOT_FUNCTIONS, TYPE],
    ['destroy', NOT_FUNCTIONS.slice(1), TYPE],
    ['validate', NOT_FUNCTIONS.slice(1), TYPE],
    ['reset', NOT_FUNCTIONS.slice(1), TYPE],
    ['max', NOT_NUMBERS, TYPE],
    ['max', [0, -1, 1.5, NaN, Infinity], VALUE],
    ['min', [-1, 1.5, 11], VALUE],
    ['maxWaiting', [-1, 0.5], VALUE],
    ['order', ['FIFO', 1], VALUE],
    ['acquireTimeout', [0, -1, NaN, 2 ** 31], VALUE],
    ['createTimeout', [0], VALUE],
    ['idleTimeout', [0, -1], VALUE],
    ['maxLifetime', [0], VALUE],
    ['maxUses', [0, 1.5], VALUE],
    ['jitter', [-0.1, 1.1], VALUE],
    ['backoff', [1, null, []], TYPE],
    ['backoff', [{ min: 0 }, { min: 10, max: 5 }], VALUE],
    ['track', ['on', true], VALUE],
    ['leakThreshold', [0, Infinity], VALUE],
    ['onLeak', NOT_FUNCTIONS.slice(1), TYPE],
  ]) {
    it(`${name}: ${code === TYPE ? 'a wrong type' : wrong.map((each) => JSON.stringify(each))}`, () => {
      for (const value of wrong) {
        const Base = code === TYPE ? TypeError : RangeError;
        assertCode(() => new ResourcePool({ create, [name]: value }), code, Base, value);
      }
    });
  }

  it('options that are none, or not known', () => {
    for (const options of [undefined, ...NOT_OBJECTS]) {
      assertCode(() => new ResourcePool(options), TYPE, TypeError, options);
    }
    assertCode(() => new ResourcePool({ create, idleTimout: 5 }), 'ERR_HEAPWISE_UNKNOWN_OPTION', TypeError);
  });

  it('options of acquire, without losing a resource', async () => {
    const { pool } = numbered({ max: 1 });
    for (const [options, code, Base] of [
      [5, TYPE, TypeError],
      [{ timeout: 0 }, VALUE, RangeError],
      [{ signal: {} }, TYPE, TypeError],
      [{ priority: 0.5 }, VALUE, RangeError],
      [{ owner: 5 }, TYPE, TypeError],
      [{ signals: null }, 'ERR_HEAPWISE_UNKNOWN_OPTION', TypeError],
    ]) {
      await assertRejects(pool.acquire(options), code, Base);
    }
    await assertRejects(pool.use(5), TYPE, TypeError);
    pool.release(await pool.acquire());
  });

  it('what was not lent, or not any more', async () => {
    const { pool } = numbered();
    const resource = await pool.acquire();
    assertCode(() => pool.release({ number: 1 }), 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT', Error);
    assertCode(() => pool.release(undefined), 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT', Error);
    pool.release(resource);
    assertCode(() => pool.release(resource), 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE', Error);
    await assertRejects(pool.destroy(resource), 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE', Error);
    assert.equal(await pool.acquire(), resource);
    assert.notEqual(await pool.acquire(), resource, 'one double release does not lend it to two');
  });
});

describe('what a resource pool lends', () => {
  it('is reused, the last one first or the first one first', async () => {
    for (const [order, wanted] of [
      ['lifo', 3],
      ['fifo', 1],
    ]) {
      const { pool } = numbered({ order });
      const all = [await pool.acquire(), await pool.acquire(), await pool.acquire()];
      all.forEach((resource) => pool.release(resource));
      assert.equal((await pool.acquire()).number, wanted);
    }
  });

  it('may be any value, falsy ones and equal primitives too', async () => {
    for (const value of [0, '', false, null, undefined, NaN, 7, 'seven', Symbol('resource')]) {
      const pool = new ResourcePool({ create: () => value, max: 2 });
      assert.deepEqual([await pool.acquire(), await pool.acquire()], [value, value]);
      assert.equal(pool.stats().borrowed, 2);
      pool.release(value);
      assert.equal(pool.stats().borrowed, 1);
      await pool.destroy(value);
      assertCode(() => pool.release(value), 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE', Error);
      assert.deepEqual([pool.stats().size, pool.stats().idle], [1, 1]);
      await pool.close();
    }
  });

  it('may be a falsy value also for those who wait', async () => {
    for (const value of [0, '', false, null, undefined, NaN]) {
      const pool = new ResourcePool({ create: async () => value, validate: async () => true, max: 1 });
      const [first, second] = [pool.acquire(), pool.acquire()];
      assert.deepEqual(await first, value);
      pool.release(value);
      assert.deepEqual(await second, value);
      assert.deepEqual([pool.stats().waiting, pool.stats().created], [0, 1]);
      pool.release(value);
      assert.deepEqual(await pool.use((lent) => [lent]), [value]);
    }
  });

  it('is there at once with tryAcquire, or not at all', async () => {
    const { pool, made } = numbered({ min: 1, max: 2 });
    const resource = pool.tryAcquire();
    assert.equal(resource.number, 1);
    assert.equal(pool.tryAcquire(), undefined);
    assert.equal(made.length, 1, 'nothing is made for it');
    pool.release(resource);
    assert.equal(pool.tryAcquire(), resource);
  });

  it('is never lent by tryAcquire past those who wait', async () => {
    const { pool } = numbered({ max: 1 });
    const resource = await pool.acquire();
    const waiting = pool.acquire();
    pool.release(resource);
    assert.equal(pool.tryAcquire(), undefined);
    assert.equal(await waiting, resource);
  });

  it('goes to those who wait by priority, and then in their order', async () => {
    const { pool } = numbered({ max: 1 });
    const resource = await pool.acquire();
    const served = [];
    const ask = async (name, priority) => {
      const given = await pool.acquire({ priority });
      served.push(name);
      pool.release(given);
    };
    const all = [ask('a', 0), ask('b', 5), ask('c', 5), ask('d', -1), ask('e', 0)];
    pool.release(resource);
    await Promise.all(all);
    assert.equal(served.join(''), 'bcaed');
  });
});

describe('use and lease', () => {
  it('take the resource back whatever the function does', async () => {
    const { pool } = numbered({ max: 1 });
    assert.equal(await pool.use(() => 5), 5);
    assert.equal(await pool.use(async () => 6), 6);
    await assert.rejects(
      pool.use(() => {
        throw new Error('thrown');
      }),
      /thrown/,
    );
    await assert.rejects(
      pool.use(() => Promise.reject(new Error('rejected'))),
      /rejected/,
    );
    assert.deepEqual([pool.stats().borrowed, pool.stats().idle], [0, 1]);
  });

  it('leave alone what the function gave back itself, also when somebody else has it by then', async () => {
    const { pool } = numbered({ max: 1 });
    let other;
    await pool.use(async (resource) => {
      pool.release(resource);
      other = await pool.acquire();
      assert.equal(other, resource);
    });
    assert.equal(pool.stats().borrowed, 1);
    pool.release(other);
    await pool.use((resource) => pool.destroy(resource));
    assert.equal(pool.stats().size, 0);
    const lease = await pool.lease();
    lease.release();
    lease.release();
    lease[Symbol.dispose]();
    await lease.destroy();
    assert.equal(pool.stats().size, 1);
    const last = await pool.lease({ owner: 'me' });
    assert.equal(pool.holders()[0].owner, 'me');
    await last.destroy();
    assert.equal(pool.stats().size, 0);
  });
});

describe('a create function that fails', () => {
  it('rejects one who waits with its cause, and is not called again before the delay is over', async () => {
    const cause = new Error('no database');
    let broken = true;
    let calls = 0;
    const { pool, clock } = numbered({
      create: () => (calls++, broken ? Promise.reject(cause) : {}),
      backoff: { min: 100, max: 400 },
      maxUses: 1,
    });
    const failed = await assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
    assert.equal(failed.cause, cause);
    assert.match(failed.message, /no database/);
    // With a random number of 0: half of 100, 200, 400, 400 ms.
    const waits = [50, 100, 200, 200];
    for (const [i, wait] of waits.entries()) {
      const refused = assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
      clock.advance(wait - 1);
      await settle();
      assert.equal(calls, i + 1, 'not yet');
      clock.advance(1);
      await refused;
      assert.equal(calls, i + 2);
    }
    broken = false;
    const worked = pool.acquire();
    clock.advance(200);
    pool.release(await worked);
    broken = true;
    await assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
    const next = assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
    clock.advance(50);
    await next;
  });

  it('is told to those whose time is over before it is tried again', async () => {
    const cause = new Error('no database');
    let broken = true;
    const { pool, clock } = numbered({
      max: 1,
      create: () => (broken ? Promise.reject(cause) : {}),
      backoff: { min: 1000, max: 1000 },
    });
    await assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
    const waiting = assertRejects(pool.acquire({ timeout: 100 }), 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
    clock.advance(100);
    assert.equal((await waiting).cause, cause);
    broken = false;
    const next = pool.acquire();
    clock.advance(1000);
    await next;
    const late = assertRejects(pool.acquire({ timeout: 100 }), 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
    clock.advance(100);
    assert.equal('cause' in (await late), false, 'that was long ago');
  });

  it('that throws at once is no hot loop either, also where min wants resources', async () => {
    let calls = 0;
    const { clock } = numbered({
      min: 2,
      create() {
        calls++;
        throw new Error('no');
      },
    });
    assert.equal(calls, 1);
    for (let i = 0; i < 1000; i++) {
      clock.advance(1);
    }
    await settle();
    assert.ok(calls >= 3 && calls <= 6, `${calls} calls in a second`);
  });

  it('makes the delays of those that fail together count once', async () => {
    let broken = true;
    let calls = 0;
    const { pool, clock } = numbered({
      max: 10,
      create: async () => {
        calls++;
        if (broken) {
          throw new Error('no');
        }
        return {};
      },
    });
    await Promise.allSettled(Array.from({ length: 10 }, () => pool.acquire()));
    assert.equal(calls, 10);
    broken = false;
    const served = pool.acquire();
    clock.advance(50);
    await served;
    assert.equal(pool.stats().createFailed, 10);
  });

  it('because it returns an object that the pool has already does not get it lent to two', async () => {
    for (const answer of [(shared) => shared, async (shared) => shared]) {
      const shared = {};
      const { pool, clock, destroyed } = numbered({ create: () => answer(shared) });
      assert.equal(await pool.acquire(), shared);
      const failed = await assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
      assert.equal(failed.cause.code, 'ERR_HEAPWISE_POOL_INVALID_OBJECT');
      assert.deepEqual([destroyed, pool.stats().size, pool.stats().creating], [[], 1, 0]);
      await pool.destroy(shared);
      const again = pool.acquire();
      clock.advance(100);
      assert.equal(await again, shared, 'an object that was destroyed may come again');
    }
  });

  it('that takes too long gives its place away, and what it makes later is destroyed', async () => {
    const first = deferred();
    let calls = 0;
    const { pool, clock, destroyed } = numbered({
      max: 1,
      createTimeout: 1000,
      create: () => (++calls === 1 ? first.promise : 'second'),
    });
    const refused = assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
    clock.advance(1000);
    assert.equal((await refused).cause.code, 'ERR_HEAPWISE_RESOURCE_SLOW');
    const served = pool.acquire();
    clock.advance(100);
    assert.equal(await served, 'second');
    first.resolve('first');
    await settle();
    assert.deepEqual(destroyed, ['first']);
  });
});

describe('a resource that is not valid', () => {
  for (const [what, validate] of Object.entries({
    'says so': () => false,
    throws: () => {
      throw new Error('no');
    },
    rejects: () => Promise.reject(new Error('no')),
    'never answers': () => new Promise(() => {}),
  })) {
    it(`because its check ${what} is destroyed, and another one is lent`, async () => {
      const { pool, clock, destroyed } = numbered({
        validate: ({ number }) => (number === 1 ? validate() : true),
        validateTimeout: 500,
      });
      const bad = await pool.acquire();
      pool.release(bad);
      const next = pool.acquire();
      await settle();
      clock.advance(500);
      assert.notEqual(await next, bad);
      assert.deepEqual(destroyed, [bad]);
      assert.equal(pool.stats().invalid, 1);
    });
  }

  it('is not asked when it was used a moment ago', async () => {
    let asked = 0;
    const { pool, clock } = numbered({ validate: () => (asked++, true), validateAfter: 500 });
    pool.release(await pool.acquire());
    clock.advance(499);
    pool.release(await pool.acquire());
    assert.equal(asked, 0);
    clock.advance(500);
    pool.release(await pool.acquire());
    assert.equal(asked, 1);
  });

  it('because it cannot be reset is destroyed', async () => {
    for (const reset of [
      () => {
        throw new Error('no');
      },
      () => Promise.reject(new Error('no')),
    ]) {
      const { pool, destroyed } = numbered({ reset });
      const resource = await pool.acquire();
      pool.release(resource);
      await settle();
      assert.deepEqual(destroyed, [resource]);
      assert.equal(pool.stats().size, 0);
    }
  });

  it('is not lent while it is being reset', async () => {
    const done = deferred();
    const { pool } = numbered({ reset: () => done.promise, max: 1 });
    const resource = await pool.acquire();
    pool.release(resource);
    assert.equal(pool.tryAcquire(), undefined);
    const waiting = pool.acquire();
    done.resolve();
    assert.equal(await waiting, resource);
  });
});

describe('a resource that dies', () => {
  it('is not known before it is made, once it is gone, or in another pool', async () => {
    const { pool, destroyed } = numbered();
    const { pool: other } = numbered();
    const resource = await pool.acquire();
    assert.equal(other.evict(resource), false);
    await pool.destroy(resource);
    assert.equal(pool.evict(resource), false);
    assert.equal(pool.evict(undefined), false);
    assert.deepEqual([destroyed.length, pool.stats().evicted], [1, 0]);
  });

  it('while it is idle is destroyed at once, and replaced if min wants it', async () => {
    const { pool, clock, made, destroyed } = numbered({ min: 2 });
    await settle();
    clock.advance(100);
    assert.equal(pool.evict(made[0]), true);
    assert.deepEqual(destroyed, [made[0]]);
    const { size, idle, evicted, invalid } = pool.stats();
    assert.deepEqual({ size, idle, evicted, invalid }, { size: 2, idle: 2, evicted: 1, invalid: 0 });
    assert.equal(pool.evict(made[0]), false);
  });

  it('while it is lent is destroyed when it comes back, and counted once', async () => {
    for (const reset of [undefined, () => {}]) {
      const { pool, destroyed } = numbered({ max: 1, reset });
      const resource = await pool.acquire();
      const waiting = pool.acquire();
      assert.equal(pool.evict(resource), true);
      assert.equal(pool.evict(resource), true);
      assert.deepEqual([destroyed.length, pool.stats().borrowed, pool.stats().evicted], [0, 1, 1]);
      pool.release(resource);
      assert.deepEqual(destroyed, [resource]);
      assert.equal((await waiting).number, 2);
    }
  });

  it('while it is validated or reset goes to nobody, whatever the answer', async () => {
    for (const step of ['validate', 'reset']) {
      const answer = deferred();
      const { pool, destroyed } = numbered({ max: 1, [step]: () => answer.promise });
      const resource = await pool.acquire();
      pool.release(resource);
      const next = pool.acquire();
      assert.equal(pool.stats().idle, 0, step);
      assert.equal(pool.evict(resource), true);
      answer.resolve(true);
      assert.equal((await next).number, 2, step);
      assert.deepEqual(destroyed, [resource]);
      assert.deepEqual([pool.stats().evicted, pool.stats().invalid], [1, 0]);
    }
  });

  it('in the hands of its own check, which finds it good, goes to nobody', async () => {
    const { pool, made } = numbered({
      validate: (resource) => resource.number > 1 || pool.evict(resource),
    });
    pool.release(await pool.acquire());
    assert.equal(pool.tryAcquire(), undefined);
    assert.equal((await pool.acquire()).number, 2);
    assert.equal(made.length, 2);
  });

  it('as soon as it is made, time after time, is not replaced without a pause', async () => {
    const { pool, clock, made } = numbered({ min: 1, backoff: { min: 100, max: 10_000 } });
    for (let i = 0; i < 3; i++) {
      const { length } = made;
      pool.evict(made[length - 1]);
      assert.equal(made.length, length, 'not yet');
      clock.advance(100);
      assert.equal(made.length, length + 1);
    }
    clock.advance(100);
    pool.evict(made.at(-1));
    assert.equal(made.length, 5, 'one that lived for a while is replaced at once');
  });

  it('in the moment in which it is made, time after time, is not replaced without a pause', async () => {
    const evictAll = ({ pool, resource }) => pool.evict(resource);
    subscribe('heapwise:resource-pool:create', evictAll);
    const { pool, made } = numbered({ min: 1 });
    unsubscribe('heapwise:resource-pool:create', evictAll);
    assert.deepEqual([made.length, pool.stats().size], [1, 0]);
  });

  it('does not keep a pool from draining', async () => {
    const { pool, destroyed } = numbered({ max: 2 });
    const [idle, lent] = await Promise.all([pool.acquire(), pool.acquire()]);
    pool.release(idle);
    const drained = pool.drain();
    assert.equal(pool.evict(idle), false);
    assert.equal(pool.evict(lent), true);
    pool.release(lent);
    await drained;
    assert.deepEqual(destroyed, [idle, lent]);
  });

  it('takes one of two equal primitives with it, the idle one first', async () => {
    const { pool, destroyed } = numbered({ create: () => 7 });
    await pool.acquire();
    pool.release(await pool.acquire());
    assert.equal(pool.evict(7), true);
    assert.deepEqual([destroyed, pool.stats().borrowed], [[7], 1]);
  });
});

describe('one who waits', () => {
  it('too long is told who holds what for how long, and swallows no resource', async () => {
    const { pool, clock } = numbered({ max: 2, acquireTimeout: 1000, track: 'all' });
    const first = await pool.acquire({ owner: 'GET /slow' });
    clock.advance(300);
    await pool.acquire({ owner: 'job 7' });
    const refused = assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
    const patient = pool.acquire({ timeout: 5000 });
    clock.advance(1000);
    const { message, holders } = await refused;
    assert.match(message, /within 1000 ms: 2 of 2 are lent.*GET \/slow for 1300 ms, job 7 for 1000 ms/);
    assert.deepEqual(
      holders.map(({ owner, heldFor }) => [owner, heldFor]),
      [
        ['GET /slow', 1300],
        ['job 7', 1000],
      ],
    );
    assert.match(holders[0].stack, /resource-pool\.test\.js/);
    pool.release(first);
    assert.equal(await patient, first);
    assert.equal(pool.stats().timedOut, 1);
  });

  it('may be aborted, before and while', async () => {
    const { pool } = numbered({ max: 1 });
    const resource = await pool.acquire();
    const reason = new Error('changed my mind');
    await assert.rejects(pool.acquire({ signal: AbortSignal.abort(reason) }), reason);
    const controller = new AbortController();
    const waiting = pool.acquire({ signal: controller.signal });
    controller.abort(reason);
    await assert.rejects(waiting, reason);
    pool.release(resource);
    const kept = new AbortController();
    assert.equal(await pool.acquire({ signal: kept.signal }), resource);
    kept.abort();
    assert.equal(pool.stats().borrowed, 1);
    assert.equal(pool.stats().aborted, 1);
  });

  it('times out in time, whoever waits with another priority', async () => {
    const { pool, clock } = numbered({ max: 1, acquireTimeout: 100 });
    const resource = await pool.acquire();
    const outcomes = [];
    const ask = async (name, priority) => {
      await assertRejects(pool.acquire({ priority }), 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
      outcomes.push(name);
    };
    const first = ask('first', 0);
    clock.advance(50);
    const second = ask('second', 1);
    clock.advance(30);
    const third = ask('third', 0);
    for (const [wait, who] of [
      [20, first],
      [50, second],
      [30, third],
    ]) {
      clock.advance(wait - 1);
      await settle();
      const before = outcomes.length;
      clock.advance(1);
      await who;
      assert.equal(outcomes.length, before + 1);
    }
    assert.deepEqual(outcomes, ['first', 'second', 'third']);
    pool.release(resource);
  });

  it('may be aborted by what hears that another one was too late', async () => {
    const { pool, clock } = numbered({ max: 1, acquireTimeout: 100 });
    await pool.acquire();
    const controller = new AbortController();
    const listener = () => controller.abort();
    subscribe('heapwise:resource-pool:timeout', listener);
    const late = assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
    const aborted = assert.rejects(pool.acquire({ signal: controller.signal }), { name: 'AbortError' });
    clock.advance(100);
    unsubscribe('heapwise:resource-pool:timeout', listener);
    await Promise.all([late, aborted]);
    assert.deepEqual([pool.stats().waiting, pool.stats().timedOut, pool.stats().aborted], [0, 1, 1]);
  });

  it('has one resource validated for it, not every idle one', async () => {
    const answers = [];
    const { pool } = numbered({
      max: 3,
      validate: () => {
        const answer = deferred();
        answers.push(answer);
        return answer.promise;
      },
    });
    const [first, second] = await Promise.all([pool.acquire(), pool.acquire()]);
    pool.release(first);
    const waiting = pool.acquire();
    assert.equal(answers.length, 1);
    pool.release(second);
    assert.equal(answers.length, 1);
    answers[0].resolve(true);
    assert.equal(await waiting, first);
    assert.equal(pool.stats().idle, 1);
  });

  it('has one of several idle ones validated for it, and the next one when that is bad', async () => {
    for (const options of [undefined, { owner: 'me' }]) {
      const answers = [];
      const { pool } = numbered({
        max: 5,
        validate: () => {
          const answer = deferred();
          answers.push(answer);
          return answer.promise;
        },
      });
      const all = await Promise.all(Array.from({ length: 5 }, () => pool.acquire()));
      all.forEach((resource) => pool.release(resource));
      const waiting = pool.acquire(options);
      assert.equal(answers.length, 1);
      answers[0].resolve(false);
      await settle();
      assert.equal(answers.length, 2);
      answers[1].resolve(true);
      assert.equal((await waiting).number, 4);
      assert.equal(pool.tryAcquire(), undefined, 'it does not wait for an answer');
      assert.equal(answers.length, 3);
      answers[2].resolve(true);
      await settle();
      assert.deepEqual([pool.stats().invalid, pool.stats().idle], [1, 3]);
    }
  });

  it('is counted, and how long it took', async () => {
    const { pool, clock } = numbered({ max: 1 });
    const resource = await pool.acquire();
    const waiting = [pool.acquire(), pool.acquire()];
    clock.advance(30);
    pool.release(resource);
    clock.advance(10);
    pool.release(await waiting[0]);
    await waiting[1];
    const { waited, waitTime, longestWait } = pool.stats();
    assert.deepEqual({ waited, waitTime, longestWait }, { waited: 3, waitTime: 70, longestWait: 40 });
  });

  it('is one of so many at most', async () => {
    const { pool } = numbered({ max: 2, maxWaiting: 1, create: async () => ({}) });
    const three = [pool.acquire(), pool.acquire(), pool.acquire()];
    await assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_QUEUE_FULL', Error);
    const resource = await three[0];
    pool.release(resource);
    assert.equal(await three[2], resource);
    const none = numbered({ max: 1, maxWaiting: 0 }).pool;
    await none.acquire();
    await assertRejects(none.acquire(), 'ERR_HEAPWISE_RESOURCE_QUEUE_FULL', Error);
  });

  it('keeps its own async context, and the functions of the pool that of its maker', async () => {
    const storage = new AsyncLocalStorage();
    const seen = [];
    const { pool } = storage.run('maker', () =>
      numbered({
        max: 1,
        create: async () => (seen.push(storage.getStore()), {}),
        validate: () => (seen.push(storage.getStore()), true),
        reset: () => void seen.push(storage.getStore()),
      }),
    );
    await storage.run('first', async () => {
      const resource = await pool.acquire();
      assert.equal(storage.getStore(), 'first');
      setImmediate(() => pool.release(resource));
    });
    await storage.run('second', () => pool.use(() => assert.equal(storage.getStore(), 'second')));
    assert.deepEqual(seen, ['maker', 'maker', 'maker', 'maker']);
  });
});

describe('how many there are', () => {
  it('is min at the start, when they are ready', async () => {
    const { pool } = numbered({ min: 3, create: async () => ({}) });
    assert.equal(pool.stats().creating, 3);
    await pool.ready();
    assert.deepEqual([pool.stats().size, pool.stats().idle], [3, 3]);
    const stuck = numbered({ min: 1, create: () => new Promise(() => {}) });
    const late = assertRejects(stuck.pool.ready({ timeout: 100 }), 'ERR_HEAPWISE_RESOURCE_SLOW', Error);
    stuck.clock.advance(100);
    await late;
  });

  it('shrinks to min when they are idle for too long', async () => {
    const { pool, clock, destroyed } = numbered({ min: 1, max: 5, idleTimeout: 1000 });
    const all = await Promise.all([pool.acquire(), pool.acquire(), pool.acquire()]);
    all.forEach((resource) => pool.release(resource));
    clock.advance(999);
    assert.equal(destroyed.length, 0);
    clock.advance(1);
    assert.equal(destroyed.length, 2);
    clock.advance(100_000);
    assert.equal(pool.stats().size, 1);
  });

  it('spares an idle one that the end of another brings into use', async () => {
    let kept;
    const gone = [];
    const { pool, clock, made } = numbered({
      idleTimeout: 1000,
      destroy(resource) {
        gone.push(resource);
        kept ??= pool.tryAcquire();
      },
    });
    (await Promise.all([pool.acquire(), pool.acquire()])).forEach((resource) => pool.release(resource));
    clock.advance(1000);
    assert.deepEqual([gone, kept], [[made[0]], made[1]]);
    pool.release(kept);
  });

  it('is destroyed once, though the end of another meets it on its way', async () => {
    const gone = [];
    const { pool, clock, made } = numbered({
      maxLifetime: 1000,
      idleTimeout: Infinity,
      destroy(resource) {
        gone.push(resource);
        assert.equal(pool.tryAcquire(), undefined);
      },
    });
    (await Promise.all([pool.acquire(), pool.acquire()])).forEach((resource) => pool.release(resource));
    clock.advance(1000);
    assert.deepEqual(gone, made);
    assert.equal(pool.stats().size, 0);
  });

  it('is kept at min when they have lived for too long, whether idle or lent', async () => {
    const { pool, clock, destroyed, made } = numbered({ min: 2, maxLifetime: 1000, idleTimeout: Infinity });
    const lent = await pool.acquire();
    clock.advance(1000);
    assert.equal(destroyed.length, 1, 'the idle one');
    pool.release(lent);
    assert.equal(destroyed.length, 2);
    await settle();
    assert.deepEqual([pool.stats().size, made.length], [2, 4]);
  });

  it('ends their lives at different times', async () => {
    let number = 0;
    const { pool, clock } = numbered({ min: 4, maxLifetime: 1000, jitter: 0.5 }, () => (number++ % 4) / 4);
    const sizes = [];
    for (let i = 0; i < 4; i++) {
      clock.advance(i === 0 ? 625 : 125);
      sizes.push(pool.stats().destroyed);
    }
    assert.deepEqual(sizes, [1, 2, 3, 4]);
  });

  it('counts how often each is used', async () => {
    const { pool, destroyed } = numbered({ max: 1, maxUses: 3 });
    for (let i = 0; i < 7; i++) {
      pool.release(await pool.acquire());
    }
    assert.equal(destroyed.length, 2);
  });

  it('is max at most, those being destroyed included, until their time is over', async () => {
    const { pool, clock } = numbered({ max: 1, destroy: () => new Promise(() => {}), destroyTimeout: 700 });
    void pool.destroy(await pool.acquire());
    const next = pool.acquire();
    clock.advance(699);
    await settle();
    assert.deepEqual([pool.stats().waiting, pool.stats().destroying], [1, 1]);
    clock.advance(1);
    assert.equal((await next).number, 2);
    assert.equal(pool.stats().destroyFailed, 1);
  });
});

describe('the end of a resource pool', () => {
  it('serves those who wait and destroys everything when it drains', async () => {
    const { pool, destroyed, made } = numbered({ max: 2 });
    const lent = await Promise.all([pool.acquire(), pool.acquire()]);
    const waiting = pool.acquire();
    const drained = pool.drain();
    assert.equal(pool.drain(), drained, 'once');
    await assertRejects(pool.acquire(), 'ERR_HEAPWISE_POOL_CLOSED', Error);
    assertCode(() => pool.tryAcquire(), 'ERR_HEAPWISE_POOL_CLOSED', Error);
    pool.release(lent[0]);
    pool.release(await waiting);
    pool.release(lent[1]);
    await drained;
    assert.equal(destroyed.length, made.length);
    await pool.close();
    await pool[Symbol.asyncDispose]();
  });

  it('has come when the last one who waits gives up', async () => {
    for (const how of ['late', 'aborted']) {
      const { pool, clock } = numbered({
        create: () => Promise.reject(new Error('no')),
        backoff: { min: 10_000, max: 10_000 },
      });
      await assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
      const controller = new AbortController();
      const waiting = pool.acquire({ timeout: 100, signal: controller.signal });
      const drained = pool.drain();
      if (how === 'late') {
        clock.advance(100);
        await assertRejects(waiting, 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
      } else {
        controller.abort();
        await assert.rejects(waiting, { name: 'AbortError' });
      }
      await drained;
    }
  });

  it('comes in time, though somebody never gives back what he has', async () => {
    const { pool, clock, destroyed } = numbered({ max: 1 });
    const lost = await pool.acquire({ owner: 'the loser' });
    const waiting = assertRejects(pool.acquire(), 'ERR_HEAPWISE_POOL_CLOSED', Error);
    const drained = assertRejects(pool.drain({ timeout: 500 }), 'ERR_HEAPWISE_RESOURCE_DRAIN', Error);
    clock.advance(500);
    const { message, holders } = await drained;
    assert.match(message, /1 resources are lent, the loser for 500 ms/);
    assert.equal(holders[0].owner, 'the loser');
    await waiting;
    pool.release(lost);
    assert.deepEqual(destroyed, [lost]);
  });

  it('rejects those who wait when it is closed, and waits for what is being made and destroyed', async () => {
    const made = deferred();
    const gone = deferred();
    const { pool, destroyed } = numbered({
      create: () => made.promise,
      destroy: (resource) => (destroyed.push(resource), gone.promise),
    });
    const waiting = assertRejects(pool.acquire(), 'ERR_HEAPWISE_POOL_CLOSED', Error);
    let closed = false;
    const closing = pool.close().then(() => (closed = true));
    await waiting;
    made.resolve('late');
    await settle();
    assert.deepEqual([destroyed, closed], [['late'], false]);
    gone.resolve();
    await closing;
    assert.equal(pool.stats().size, 0);
  });

  it('is not kept off by a pool', async () => {
    const { code, stderr } = await runScript(`
      const { ResourcePool } = require('heapwise');
      const pool = new ResourcePool({ create: async () => ({}), min: 2, max: 2, maxLifetime: 60_000 });
      pool.acquire().then(() => pool.acquire()).then(() => pool.acquire()).catch(() => {});`);
    assert.equal(code, 0, stderr);
  });
});

describe('a loan of a resource that is tracked', () => {
  it('is reported when it lasts too long, with the stack of who has it, and when it ends after all', async () => {
    const reports = [];
    const { pool, clock } = numbered({
      max: 1,
      track: 'all',
      leakThreshold: 1000,
      onLeak: (report) => reports.push(report),
    });
    const first = await pool.acquire();
    clock.advance(700);
    const waiting = pool.acquire({ owner: 'the second' });
    clock.advance(299);
    pool.release(first);
    await waiting;
    clock.advance(999);
    await nextTurn();
    assert.deepEqual(reports, [], 'what waited before does not count');
    clock.advance(1);
    await nextTurn();
    assert.deepEqual(
      reports.map(({ kind, heldFor }) => [kind, heldFor]),
      [['held', 1000]],
    );
    assert.match(reports[0].stack, /resource-pool\.test\.js/);
    assert.match(reports[0].site, /resource-pool\.test\.js/);
    assert.equal(pool.holders()[0].stack, reports[0].stack);
    assert.equal(pool.stats().leaked, 1);
    await pool.destroy(await waiting);
    await nextTurn();
    assert.equal(reports[1].kind, 'returned');
  });

  it('is one in many with samples, and warns the process where nobody listens', async () => {
    const { pool, clock } = numbered({ max: 2000, track: 'sampled', leakThreshold: 1000 });
    for (let i = 0; i < 2000; i++) {
      await pool.acquire();
    }
    const warned = once(process, 'warning');
    clock.advance(1000);
    const [warning] = await warned;
    assert.equal(warning.code, 'HEAPWISE_POOL_LEAK');
    const { leaked } = pool.stats();
    assert.ok(leaked >= 2000 / 255 - 1 && leaked < 200, `${leaked} of 2000`);
  });
});

describe('what happens in resource pools', () => {
  it('is told to those who subscribe', async () => {
    const seen = [];
    const names = ['acquire', 'release', 'create', 'destroy', 'timeout', 'error'];
    const listeners = names.map((name) => {
      const listener = (message) => seen.push([name, message]);
      subscribe(`heapwise:resource-pool:${name}`, listener);
      return () => unsubscribe(`heapwise:resource-pool:${name}`, listener);
    });
    const broken = new Error('cannot be destroyed');
    const { pool, clock } = numbered({ max: 1, acquireTimeout: 100, destroy: () => Promise.reject(broken) });
    const resource = await pool.acquire({ owner: 'me' });
    const refused = assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
    clock.advance(100);
    const refusal = await refused;
    await pool.destroy(resource);
    listeners.forEach((stop) => stop());
    assert.deepEqual(
      seen.map(([name]) => name),
      ['create', 'acquire', 'timeout', 'release', 'destroy', 'error'],
    );
    assert.ok(seen.every(([, message]) => message.pool === pool));
    assert.deepEqual([seen[1][1].resource, seen[1][1].owner], [resource, 'me']);
    assert.equal(seen[2][1].error, refusal);
    assert.deepEqual([seen[5][1].step, seen[5][1].error], ['destroy', broken]);
  });
});
