'use strict';

/**
 * What the tests of sequelize-pool (github.com/sequelize/sequelize-pool, commit f4ab724: test/integration/*.ts,
 * test/stress/async-test.ts) ask of it, asked of ResourcePool, whose words are the same but for the figures. docs/pools.md
 * says what was left out.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { assertCode, assertRejects, deferred, nextTurn } = require('../helper.js');
const { poolOnAClock } = require('./pool-on-a-clock.js');

/** A pool of numbered resources on a clock of its own. `bin` has those that were destroyed. */
function makePool(options) {
  const { clock, Pool } = poolOnAClock();
  let id = 0;
  const bin = [];
  const pool = new Pool({
    create: async () => ({ id: id++ }),
    destroy: (resource) => void bin.push(resource),
    validate: () => true,
    ...options,
  });
  /** Available, using, waiting, size. */
  const numbers = () => {
    const { idle, borrowed, waiting, size } = pool.stats();
    return [idle, borrowed, waiting, size];
  };
  return { pool, clock, bin, numbers };
}

describe('sequelize-pool’s options', () => {
  it('that contradict each other, or lack create, are refused', () => {
    assertCode(() => makePool({ max: 1, min: 12 }), 'ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError);
    assertCode(() => makePool({ create: undefined }), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError);
  });

  it('have a default for the wait', async () => {
    const { pool, clock } = makePool({ max: 1, acquireTimeout: undefined });
    await pool.acquire();
    const refused = assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
    clock.advance(29_999);
    assert.equal(pool.stats().waiting, 1);
    clock.advance(1);
    await refused;
  });
});

describe('sequelize-pool’s create', () => {
  for (const [when, before] of [
    ['at once', () => Promise.resolve()],
    ['later', nextTurn],
  ]) {
    it(`that fails ${when} tells one of those who wait each time, in their order`, async () => {
      let calls = 0;
      const { pool, clock } = makePool({
        max: 1,
        async create() {
          const call = ++calls;
          await before();
          if (call <= 5) {
            throw new Error(`Error ${call} occurred.`);
          }
          return { id: call };
        },
      });
      const five = Array.from({ length: 5 }, () =>
        assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_CREATE', Error),
      );
      const sixth = pool.acquire();
      for (let i = 0; i < 5; i++) {
        assert.equal((await five[i]).cause.message, `Error ${i + 1} occurred.`);
        clock.advance(1000);
      }
      assert.deepEqual(await sixth, { id: 6 });
      assert.equal(pool.stats().waiting, 0);
    });
  }

  it('is tried again for the next one', async () => {
    let calls = 0;
    const { pool, clock } = makePool({
      max: 1,
      create: () => (++calls <= 2 ? Promise.reject(new Error('Create error')) : {}),
    });
    for (let i = 0; i < 2; i++) {
      const refused = assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
      clock.advance(1000);
      await refused;
    }
    const acquired = pool.acquire();
    clock.advance(1000);
    await acquired;
    assert.equal(pool.stats().idle, 0);
  });
});

describe('sequelize-pool’s acquire', () => {
  it('does not go beyond max', async () => {
    const { pool, clock, numbers } = makePool({ max: 1, acquireTimeout: 100 });
    const resource = await pool.acquire();
    const refused = assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
    clock.advance(100);
    await refused;
    pool.release(resource);
    assert.deepEqual(numbers(), [1, 0, 0, 1]);
  });

  it('is followed by the figures, and gets what came back last', async () => {
    const { pool, numbers } = makePool({ max: 2 });
    const seen = [numbers()];
    const first = await pool.acquire();
    seen.push(numbers());
    const second = await pool.acquire();
    seen.push(numbers());
    for (const resource of [first, second]) {
      pool.release(resource);
      seen.push(numbers());
    }
    assert.equal(await pool.acquire(), second);
    seen.push(numbers());
    assert.deepEqual(seen, [
      [0, 0, 0, 0],
      [0, 1, 0, 1],
      [0, 2, 0, 2],
      [1, 1, 0, 2],
      [2, 0, 0, 2],
      [1, 1, 0, 2],
    ]);
  });

  it('gets no resource that is used up, in the line or out of it', async () => {
    for (const [maxUses, uses] of [
      [2, 2],
      [1, 1],
    ]) {
      const { pool, bin } = makePool({ max: 1, maxUses });
      let last;
      for (let i = 0; i < uses; i++) {
        const resource = await pool.acquire();
        assert.equal(resource, last ?? resource);
        last = resource;
        if (i < uses - 1) {
          pool.release(resource);
        }
      }
      const waiting = pool.acquire();
      pool.release(last);
      assert.notEqual(await waiting, last);
      assert.deepEqual(bin, [last]);
    }
  });

  it('gets nothing that is not valid', async () => {
    const { pool, bin, numbers } = makePool({ max: 2, validate: ({ id }) => id > 0 });
    const first = await pool.acquire();
    pool.release(first);
    const next = await pool.acquire();
    assert.equal(next.id, 1);
    pool.release(next);
    assert.deepEqual(bin, [first]);
    assert.deepEqual(numbers(), [1, 0, 0, 1]);
  });

  it('of many at once lends no resource twice', async () => {
    const made = deferred();
    let created = 0;
    const { pool } = makePool({ max: 3, create: () => made.promise.then(() => ({ id: ++created })) });
    const lent = new Set();
    const all = Array.from({ length: 12 }, async (_, i) => {
      const resource = await pool.acquire();
      assert.ok(!lent.has(resource));
      lent.add(resource);
      for (let turn = 0; turn < 1 + (i % 3); turn++) {
        await nextTurn();
      }
      lent.delete(resource);
      pool.release(resource);
    });
    made.resolve();
    await Promise.all(all);
    assert.equal(created, 3);
    await pool.drain();
  });
});

describe('sequelize-pool’s destroy', () => {
  it('takes the one that it is given, waits for its end, and makes room', async () => {
    const ended = deferred();
    const order = [];
    const { pool, numbers } = makePool({
      max: 2,
      destroy: ({ id }) => {
        order.push(id);
        return ended.promise;
      },
    });
    const [first, second] = await Promise.all([pool.acquire(), pool.acquire()]);
    let over = 0;
    const both = [second, first].map((resource) => pool.destroy(resource).then(() => over++));
    await nextTurn();
    assert.deepEqual([order, over], [[1, 0], 0]);
    const waiting = pool.acquire();
    ended.resolve();
    await Promise.all(both);
    await waiting;
    assert.deepEqual(numbers(), [0, 1, 0, 1]);
  });

  it('counts once, however often it is called', async () => {
    const { pool, bin, numbers } = makePool({ max: 2 });
    const both = await Promise.all([pool.acquire(), pool.acquire()]);
    assert.deepEqual(numbers(), [0, 2, 0, 2]);
    for (const [i, resource] of both.entries()) {
      await pool.destroy(resource);
      for (let again = 0; again < 3; again++) {
        await assertRejects(pool.destroy(resource), 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT', Error);
      }
      assert.equal(bin.length, i + 1);
      assert.deepEqual(numbers(), [0, 1 - i, 0, 1 - i]);
    }
  });
});

describe('sequelize-pool’s release', () => {
  it('takes nothing that is not of the pool', async () => {
    const { pool, numbers } = makePool({ max: 1 });
    const resource = await pool.acquire();
    assertCode(() => pool.release({}), 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT', Error);
    assert.deepEqual(numbers(), [0, 1, 0, 1]);
    pool.release(resource);
    assert.deepEqual(numbers(), [1, 0, 0, 1]);
  });
});

describe('sequelize-pool’s drain', () => {
  it('serves those who wait, accepts nobody else, and destroys what is left', async () => {
    const { pool, bin, numbers } = makePool({ max: 2 });
    let acquired = 0;
    const all = Array.from({ length: 5 }, async (_, i) => {
      const resource = await pool.acquire();
      acquired++;
      await nextTurn();
      await (i % 2 === 0 ? pool.destroy(resource) : pool.release(resource));
    });
    assert.equal(acquired, 0);
    const drained = pool.drain();
    await assertRejects(pool.acquire(), 'ERR_HEAPWISE_POOL_CLOSED', Error);
    await drained;
    await Promise.all(all);
    assert.deepEqual([acquired, numbers()], [5, [0, 0, 0, 0]]);
    assert.equal(new Set(bin).size, pool.stats().created);
  });
});
