'use strict';

/**
 * What the tests of tarn (github.com/Vincit/tarn.js, commit e33d223: tests.js) ask of it, asked of ResourcePool.
 * docs/pools.md says what was left out.
 */

const assert = require('node:assert/strict');
const { subscribe, unsubscribe } = require('node:diagnostics_channel');
const { describe, it } = require('node:test');
const { assertCode, assertRejects, deferred, nextTurn, seeded } = require('../helper.js');
const { poolOnAClock } = require('./pool-on-a-clock.js');

/** ResourcePool in the words of tarn, on a clock of its own. Resources are numbered from 0 as `a`. */
class TarnPool {
  #pool;
  created = 0;
  destroyed = [];

  constructor({ create, destroy, ...options } = {}) {
    const { clock, Pool } = poolOnAClock();
    this.clock = clock;
    this.#pool = new Pool({
      create: () => {
        const a = this.created++;
        return create === undefined ? { a } : create(a);
      },
      destroy: (resource) => {
        this.destroyed.push(resource);
        return destroy?.(resource);
      },
      ...options,
    });
  }

  acquire(options) {
    const controller = new AbortController();
    const promise = this.#pool.acquire({ ...options, signal: controller.signal });
    return { promise, abort: () => controller.abort(new Error('aborted')) };
  }

  acquired(count) {
    return Promise.all(Array.from({ length: count }, () => this.acquire().promise));
  }

  release(resource) {
    this.#pool.release(resource);
  }

  /** Those who wait are turned away; those who have something are waited for. */
  async destroy() {
    void this.#pool.close();
    await this.#pool.drain();
  }

  /** Used, free, waiting, being created. */
  get numbers() {
    const { borrowed, idle, waiting, creating } = this.#pool.stats();
    return [borrowed, idle, waiting, creating];
  }

  /** To be lent, not new. */
  async fill(count) {
    const resources = await this.acquired(count);
    resources.forEach((resource) => this.release(resource));
  }
}

const numbersOf = (resources) => resources.map(({ a }) => a);

/** Hears of what fails while a function runs, as the names of the steps and the messages of the errors. */
async function failuresOf(fn) {
  const failures = [];
  const hear = ({ step, error }) => failures.push(`${step}: ${error.message}`);
  subscribe('heapwise:resource-pool:error', hear);
  try {
    await fn();
  } finally {
    unsubscribe('heapwise:resource-pool:error', hear);
  }
  return failures;
}

describe('tarn’s constructor refuses', () => {
  for (const [name, values, code] of [
    ['create', [undefined], 'TYPE'],
    ['min', ['0'], 'TYPE'],
    ['min', [-1, 11], 'VALUE'],
    ['max', ['10'], 'TYPE'],
    ['max', [-1, 0], 'VALUE'],
    ...['acquireTimeout', 'createTimeout', 'destroyTimeout', 'idleTimeout'].flatMap((time) => [
      [time, ['10'], 'TYPE'],
      [time, [-10, 0], 'VALUE'],
    ]),
  ]) {
    it(`${name}: ${values.map((value) => JSON.stringify(value)).join(', ')}`, () => {
      const { Pool } = poolOnAClock();
      for (const value of values) {
        const Base = code === 'TYPE' ? TypeError : RangeError;
        const options = { create: () => ({}), max: 10, [name]: value };
        assertCode(() => new Pool(options), `ERR_HEAPWISE_INVALID_ARG_${code}`, Base, value);
      }
    });
  }

  it('an option that it does not know', () => {
    assertCode(() => new TarnPool({ foo: 'bar' }), 'ERR_HEAPWISE_UNKNOWN_OPTION', TypeError);
  });
});

describe('tarn’s acquire', () => {
  for (const [how, create] of [
    ['later', (a) => nextTurn().then(() => ({ a }))],
    ['in a promise', (a) => Promise.resolve({ a })],
    ['at once', (a) => ({ a })],
  ]) {
    it(`gives max resources that are created ${how}`, async () => {
      const pool = new TarnPool({ create, max: 4 });
      const all = pool.acquired(4);
      assert.deepEqual(pool.numbers, how === 'at once' ? [4, 0, 0, 0] : [0, 0, 4, 4]);
      assert.deepEqual(numbersOf(await all), [0, 1, 2, 3]);
      assert.deepEqual([pool.created, pool.destroyed, pool.numbers], [4, [], [4, 0, 0, 0]]);
    });
  }

  it('works after a create that failed or took too long; what comes then is destroyed', async () => {
    const slow = deferred();
    for (const [first, late] of [
      [() => Promise.reject(new Error('first time fails')), []],
      [() => slow.promise, [{ a: 0 }]],
    ]) {
      const pool = new TarnPool({
        create: (a) => (a === 0 ? first() : { a }),
        createTimeout: 100,
        max: 4,
      });
      const refused = assertRejects(pool.acquire().promise, 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
      pool.clock.advance(100);
      await refused;
      const acquired = pool.acquire().promise;
      pool.clock.advance(100);
      assert.deepEqual(await acquired, { a: 1 });
      assert.deepEqual([pool.created, pool.numbers], [2, [1, 0, 0, 0]]);
      slow.resolve({ a: 0 });
      await nextTurn();
      assert.deepEqual(pool.destroyed, late);
    }
  });

  it('gives max resources at a time, and the next ones in the order in which they come back', async () => {
    const pool = new TarnPool({ max: 5 });
    const resources = await pool.acquired(5);
    const next = pool.acquired(3);
    assert.deepEqual(pool.numbers, [5, 0, 3, 0]);
    resources.slice(2).forEach((resource) => pool.release(resource));
    assert.deepEqual(await next, resources.slice(2));
    assert.deepEqual([pool.created, pool.numbers], [5, [5, 0, 0, 0]]);
  });

  it('may be aborted; what was made for it is there for the next one', async () => {
    const made = deferred();
    const pool = new TarnPool({ create: () => made.promise, max: 4 });
    const { promise, abort } = pool.acquire();
    abort();
    await assert.rejects(promise, /aborted/);
    assert.deepEqual(pool.numbers, [0, 0, 0, 1]);
    made.resolve({});
    await nextTurn();
    assert.deepEqual([pool.created, pool.destroyed, pool.numbers], [1, [], [0, 1, 0, 0]]);
  });
});

describe('tarn’s validation', () => {
  it('keeps what is not valid from being lent', async () => {
    const pool = new TarnPool({ validate: ({ a }) => a !== 0, max: 2 });
    await pool.fill(2);
    assert.deepEqual(numbersOf(await pool.acquired(2)).toSorted(), [1, 2]);
    assert.deepEqual([pool.created, pool.destroyed, pool.numbers], [3, [{ a: 0 }], [2, 0, 0, 0]]);
  });

  it('may answer later', async () => {
    const pool = new TarnPool({ validate: () => nextTurn().then(() => true), max: 2 });
    await pool.fill(1);
    assert.deepEqual(await pool.acquire().promise, { a: 0 });
  });

  it('that succeeds for nobody any more leaves the resource in the pool', async () => {
    const valid = deferred();
    const pool = new TarnPool({ validate: () => valid.promise, max: 2 });
    await pool.fill(1);
    const { promise, abort } = pool.acquire();
    // In one turn, so that the answer comes before the one who waits hears of anything.
    valid.resolve(true);
    abort();
    await assert.rejects(promise, /aborted/);
    await nextTurn();
    assert.deepEqual([pool.created, pool.numbers], [1, [0, 1, 0, 0]]);
  });

  it('that takes too long ends the resource, and does not keep one from giving up', async () => {
    const pool = new TarnPool({ validate: () => new Promise(() => {}), validateTimeout: 500, max: 2 });
    await pool.fill(1);
    const { promise, abort } = pool.acquire();
    abort();
    await assert.rejects(promise, /aborted/);
    pool.clock.advance(500);
    await nextTurn();
    assert.deepEqual([pool.created, pool.destroyed], [1, [{ a: 0 }]]);
  });

  it('that throws or is rejected ends the resource, and the next one is tried', async () => {
    for (const fail of [
      () => {
        throw new Error('fail');
      },
      () => Promise.reject(new Error('fail')),
    ]) {
      let failing = 5;
      const pool = new TarnPool({ validate: () => failing-- <= 0 || fail(), max: 6 });
      await pool.fill(6);
      await pool.acquire().promise;
      assert.deepEqual([pool.destroyed.length, pool.created], [5, 6]);
    }
  });

  it('that fails now and then keeps no one of many from being served', async () => {
    let validated = 0;
    let failed = 0;
    const pool = new TarnPool({
      max: 3,
      async validate() {
        const fail = ++validated % 3 === 0 && failed < 10;
        failed += Number(fail);
        await nextTurn();
        return !fail;
      },
    });
    let completed = 0;
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        pool.release(await pool.acquire().promise);
        completed++;
      }),
    );
    assert.deepEqual([completed, failed], [100, 10]);
    assert.equal(pool.created, failed + 3);
    assert.deepEqual(pool.destroyed.length, failed);
    // What is new is not validated here.
    assert.equal(validated, 100 + failed - pool.created);
  });

  it('that always fails is no endless loop', async () => {
    const pool = new TarnPool({
      max: 2,
      validate() {
        throw new Error('fail');
      },
    });
    for (let i = 0; i < 5; i++) {
      pool.release(await pool.acquire().promise);
    }
    assert.deepEqual([pool.created, pool.destroyed.length], [5, 4]);
  });
});

describe('tarn’s release', () => {
  it('gives back, and what came last is lent first', async () => {
    const pool = new TarnPool({ max: 4 });
    const resources = await pool.acquired(3);
    pool.release(resources[2]);
    pool.release(resources[1]);
    assert.deepEqual(pool.numbers, [1, 2, 0, 0]);
    assert.deepEqual(numbersOf(await pool.acquired(3)), [1, 2, 3]);
    assert.deepEqual([pool.created, pool.numbers], [4, [4, 0, 0, 0]]);
  });

  it('serves one who waits', async () => {
    const pool = new TarnPool({ max: 2 });
    const resources = await pool.acquired(2);
    const { promise } = pool.acquire();
    assert.deepEqual(pool.numbers, [2, 0, 1, 0]);
    pool.release(resources[1]);
    assert.equal(await promise, resources[1]);
  });

  it('of something equal is none: it is refused, where tarn answers false', async () => {
    const pool = new TarnPool({ max: 2 });
    await pool.acquired(2);
    for (const unknown of [{ a: 0 }, { a: 1 }, {}]) {
      assertCode(() => pool.release(unknown), 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT', Error, unknown);
    }
    assert.deepEqual([pool.created, pool.destroyed, pool.numbers], [2, [], [2, 0, 0, 0]]);
  });
});

describe('tarn’s destroy', () => {
  for (const [how, destroy] of [
    ['at once', undefined],
    ['later', nextTurn],
  ]) {
    it(`turns away who waits, and waits for what is created and lent and destroyed ${how}`, async () => {
      const made = deferred();
      const pool = new TarnPool({ create: (a) => (a < 2 ? { a } : made.promise), destroy, max: 10 });
      const [first, second] = await pool.acquired(2);
      const refused = assertRejects(pool.acquire().promise, 'ERR_HEAPWISE_POOL_CLOSED', Error);
      let over = false;
      const destroyed = pool.destroy().then(() => (over = true));
      await refused;
      pool.release(first);
      made.resolve({ a: 2 });
      await nextTurn();
      await nextTurn();
      assert.equal(over, false, 'one is lent');
      pool.release(second);
      await destroyed;
      assert.deepEqual([pool.created, numbersOf(pool.destroyed)], [3, [0, 2, 1]]);
      assert.deepEqual(pool.numbers, [0, 0, 0, 0]);
    });
  }

  it('waits for what is being validated', async () => {
    const valid = deferred();
    const pool = new TarnPool({ validate: () => valid.promise, max: 3 });
    await pool.fill(3);
    const refused = Array.from({ length: 20 }, () =>
      assertRejects(pool.acquire().promise, 'ERR_HEAPWISE_POOL_CLOSED', Error),
    );
    await nextTurn();
    const destroyed = pool.destroy();
    await Promise.all(refused);
    valid.resolve(true);
    await destroyed;
    assert.deepEqual([pool.created, pool.destroyed.length], [3, 3]);
  });

  it('tells of one that throws, is rejected or takes too long, and ends all the same', async () => {
    for (const [destroy, told] of [
      [
        () => {
          throw new Error('destroy error');
        },
        'destroy: destroy error',
      ],
      [() => Promise.reject(new Error('destroy error')), 'destroy: destroy error'],
      [() => new Promise(() => {}), 'destroy: The pool\'s "destroy" took longer than its time-out'],
    ]) {
      const pool = new TarnPool({ destroy, destroyTimeout: 100 });
      await pool.fill(1);
      const failures = await failuresOf(async () => {
        const destroyed = pool.destroy();
        await nextTurn();
        pool.clock.advance(100);
        await destroyed;
      });
      assert.deepEqual(failures, [told]);
    }
  });

  it('waits for those whose end had begun because they were idle', async () => {
    const ends = [];
    const pool = new TarnPool({
      destroy: () => {
        ends.push(deferred());
        return ends.at(-1).promise;
      },
      idleTimeout: 1,
    });
    await pool.fill(4);
    pool.clock.advance(1);
    assert.equal(ends.length, 4);
    let over = false;
    const destroyed = pool.destroy().then(() => (over = true));
    for (const end of ends.toReversed()) {
      await nextTurn();
      assert.equal(over, false);
      end.resolve();
    }
    await destroyed;
  });
});

describe('tarn’s time-outs', () => {
  it('end the wait of one too many', async () => {
    const pool = new TarnPool({ max: 5, acquireTimeout: 100 });
    await pool.acquired(5);
    const refused = assertRejects(pool.acquire().promise, 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
    pool.clock.advance(99);
    assert.deepEqual(pool.numbers, [5, 0, 1, 0]);
    pool.clock.advance(1);
    await refused;
    assert.deepEqual([pool.created, pool.numbers], [5, [5, 0, 0, 0]]);
  });

  it('are not waited for when create fails, and the reason is told', async () => {
    for (const fail of [
      () => nextTurn().then(() => Promise.reject(new Error('this is the error from create'))),
      () => {
        throw new Error('this is the error from create');
      },
    ]) {
      const pool = new TarnPool({
        create: (a) => (a === 0 ? fail() : { a }),
        acquireTimeout: 1000,
        max: 4,
      });
      const refused = await assertRejects(pool.acquire().promise, 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
      assert.equal(refused.cause.message, 'this is the error from create');
      assert.deepEqual([pool.created, pool.numbers], [1, [0, 0, 0, 0]]);
      const acquired = pool.acquire().promise;
      pool.clock.advance(100);
      assert.deepEqual(await acquired, { a: 1 });
      assert.deepEqual(pool.numbers, [1, 0, 0, 0]);
    }
  });

  it('of creation, waiting and destruction each are told', async () => {
    let slow = deferred();
    const pool = new TarnPool({
      create: () => slow.promise,
      destroy: () => slow.promise,
      createTimeout: 20,
      acquireTimeout: 50,
      destroyTimeout: 20,
      idleTimeout: 10,
      max: 1,
    });
    const timedOut = [];
    const hear = ({ error }) => timedOut.push(error.code);
    subscribe('heapwise:resource-pool:timeout', hear);
    const failures = await failuresOf(async () => {
      const refused = assertRejects(pool.acquire().promise, 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
      pool.clock.advance(20);
      await refused;
      slow = { promise: {} };
      const acquired = pool.acquire().promise;
      pool.clock.advance(100);
      const resource = await acquired;
      const late = assertRejects(pool.acquire().promise, 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
      pool.clock.advance(50);
      await late;
      slow = deferred();
      pool.release(resource);
      pool.clock.advance(10);
      pool.clock.advance(20);
      await nextTurn();
    });
    unsubscribe('heapwise:resource-pool:timeout', hear);
    assert.deepEqual(
      failures.map((failure) => failure.split(':')[0]),
      ['create', 'destroy'],
    );
    assert.deepEqual(timedOut, ['ERR_HEAPWISE_RESOURCE_TIMEOUT']);
  });
});

describe('tarn’s idle resources', () => {
  it('are destroyed when their time is over, those of min are kept, and nothing runs when nothing is idle', async () => {
    for (const [min, kept] of [
      [0, 0],
      [2, 1],
    ]) {
      const pool = new TarnPool({ min, max: 4, idleTimeout: 100 });
      const resources = await pool.acquired(4);
      assert.equal(pool.clock.planned, 0);
      resources.slice(0, 3).forEach((resource) => pool.release(resource));
      pool.clock.advance(99);
      assert.deepEqual([pool.destroyed, pool.numbers], [[], [1, 3, 0, 0]]);
      pool.clock.advance(1);
      assert.deepEqual(pool.numbers, [1, kept, 0, 0]);
      assert.deepEqual(pool.destroyed, resources.slice(0, 3 - kept));
      assert.equal(pool.clock.planned, 0);
    }
  });

  it('are those that are not needed, while others come and go', async () => {
    const random = seeded(7);
    const pool = new TarnPool({ max: 4, idleTimeout: 100 });
    await pool.fill(4);
    let used = await pool.acquired(2);
    for (let time = 0; time < 200; time += 5) {
      used.forEach((resource) => pool.release(resource));
      pool.clock.advance(1 + random.below(4));
      used = await pool.acquired(2);
      pool.clock.advance(1 + random.below(4));
    }
    assert.deepEqual([pool.created, pool.destroyed.length, pool.numbers], [4, 2, [2, 0, 0, 0]]);
  });
});

describe('tarn’s events', () => {
  it('tell the life of each resource', async () => {
    const lives = new Map();
    const channels = ['create', 'acquire', 'release', 'destroy'].map((name) => [
      `heapwise:resource-pool:${name}`,
      ({ resource }) => lives.set(resource.a, [...(lives.get(resource.a) ?? []), name]),
    ]);
    channels.forEach(([name, hear]) => subscribe(name, hear));
    const pool = new TarnPool({
      max: 3,
      create: async (a) => {
        await nextTurn();
        if (a === 2) {
          throw new Error('third fails');
        }
        return { a };
      },
      destroy: ({ a }) => (a === 1 ? Promise.reject(new Error('second fails')) : undefined),
    });
    const failures = await failuresOf(async () => {
      const resources = await pool.acquired(2);
      await assertRejects(pool.acquire().promise, 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
      resources.forEach((resource) => pool.release(resource));
      await pool.destroy();
    });
    channels.forEach(([name, hear]) => unsubscribe(name, hear));
    const life = ['create', 'acquire', 'release', 'destroy'];
    assert.deepEqual(
      [...lives],
      [
        [0, life],
        [1, life],
      ],
    );
    assert.deepEqual(failures, ['create: third fails', 'destroy: second fails']);
  });
});
