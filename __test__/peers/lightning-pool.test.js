'use strict';

/**
 * What the tests of lightning-pool (github.com/panates/lightning-pool, commit 1ee5bd1: test/01-create-pool.spec.ts to
 * 06-start-close.spec.ts) ask of it, asked of ResourcePool. docs/pools.md says what was left out.
 */

const assert = require('node:assert/strict');
const { subscribe, unsubscribe } = require('node:diagnostics_channel');
const { describe, it } = require('node:test');
const { NOT_FUNCTIONS, assertCode, assertRejects, deferred, nextTurn } = require('../helper.js');
const { poolOnAClock } = require('./pool-on-a-clock.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';

/** ResourcePool in the words of lightning-pool, on a clock of its own. */
class LightningPool {
  #pool;
  #retries;

  constructor(factory, { fifo = true, acquireMaxRetries = 0, ...options } = {}) {
    const { clock, Pool } = poolOnAClock();
    this.clock = clock;
    this.#retries = acquireMaxRetries;
    this.#pool = new Pool({ ...factory, order: fifo ? 'fifo' : 'lifo', ...options });
  }

  /** There a create that failed is tried again so often; here one asks again, and the pool waits before it does. */
  async acquire() {
    for (let retries = this.#retries; ; retries--) {
      try {
        return await this.#pool.acquire();
      } catch (refusal) {
        if (refusal.code !== 'ERR_HEAPWISE_RESOURCE_CREATE' || retries === 0) {
          throw refusal;
        }
        this.clock.advance(10_000);
      }
    }
  }

  acquired(count) {
    return Promise.all(Array.from({ length: count }, () => this.acquire()));
  }

  release(resource) {
    this.#pool.release(resource);
  }

  destroy = (resource) => this.#pool.destroy(resource);

  /** After so long it ends, whoever still has something. */
  async close(ms = Infinity) {
    const closed = ms === 0 ? this.#pool.close() : this.#pool.drain({ timeout: ms });
    await closed.catch(() => {});
  }

  get figures() {
    const { size, borrowed, waiting, idle, creating } = this.#pool.stats();
    return { size, acquired: borrowed, pending: waiting, available: idle, creating };
  }

  get limits() {
    const { min, max } = this.#pool.stats();
    return { min, max };
  }
}

/** Resources with a number, which count what is done to them. */
function factoryOf(overrides) {
  let id = 0;
  return {
    create: async () => ({ id: ++id, validated: 0, reset: 0, destroyed: 0 }),
    destroy: async (resource) => void resource.destroyed++,
    validate: async (resource) => ++resource.validated > 0,
    reset: async (resource) => void resource.reset++,
    ...overrides,
  };
}

const failing = (times) => {
  let calls = 0;
  return async () => {
    if (calls++ < times) {
      throw new Error('Retry test error');
    }
    return { id: calls };
  };
};

describe('lightning-pool’s factory', () => {
  it('is needed, with functions only, of which create is the one that must be', () => {
    const { Pool } = poolOnAClock();
    assertCode(() => new Pool(), TYPE, TypeError);
    for (const wrong of NOT_FUNCTIONS) {
      assertCode(() => new Pool(factoryOf({ create: wrong })), TYPE, TypeError, wrong);
      for (const name of wrong === undefined ? [] : ['destroy', 'validate', 'reset']) {
        assertCode(() => new Pool(factoryOf({ [name]: wrong })), TYPE, TypeError, wrong);
      }
    }
    assert.ok(new Pool({ create: () => ({}) }) instanceof Pool);
  });
});

describe('lightning-pool’s limits', () => {
  it('have defaults, and are what was set', () => {
    assert.deepEqual(new LightningPool(factoryOf()).limits, { min: 0, max: 10 });
    assert.deepEqual(new LightningPool(factoryOf(), { min: 2, max: 5 }).limits, { min: 2, max: 5 });
  });

  it('that contradict each other are refused, where lightning-pool moves one of them', () => {
    const make = () => new LightningPool(factoryOf(), { min: 6, max: 5 });
    assertCode(make, 'ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError);
  });

  it('of time are 30 s for what is idle, or what was set', async () => {
    for (const [options, ms] of [
      [{}, 30_000],
      [{ idleTimeout: 20 }, 20],
    ]) {
      const pool = new LightningPool(factoryOf(), options);
      const resource = await pool.acquire();
      pool.release(resource);
      await nextTurn();
      pool.clock.advance(ms - 1);
      assert.equal(resource.destroyed, 0);
      pool.clock.advance(1);
      assert.equal(resource.destroyed, 1);
    }
  });
});

describe('lightning-pool’s acquire', () => {
  it('makes a resource', async () => {
    const pool = new LightningPool(factoryOf());
    assert.equal((await pool.acquire()).id, 1);
    assert.deepEqual([pool.figures.acquired, pool.figures.size], [1, 1]);
  });

  it('is tried again after a failure, if that is wanted, and not too often', async () => {
    const some = new LightningPool({ create: failing(1) }, { acquireMaxRetries: 5 });
    assert.equal((await some.acquire()).id, 2);
    for (const [failures, acquireMaxRetries] of [
      [2, 1],
      [5, 2],
      [1, 0],
    ]) {
      const pool = new LightningPool({ create: failing(failures) }, { acquireMaxRetries });
      const { cause } = await assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
      assert.equal(cause.message, 'Retry test error');
    }
  });

  it('is refused an object that it has already', async () => {
    const shared = {};
    const pool = new LightningPool({ create: () => shared });
    await pool.acquire();
    await assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
    assert.equal(pool.figures.size, 1);
  });

  it('does not go beyond max, nor the line beyond its end', async () => {
    const pool = new LightningPool(factoryOf(), { max: 3, maxWaiting: 1 });
    const four = [1, 2, 3, 4].map(() => pool.acquire());
    await Promise.all(four.slice(0, 3));
    assert.deepEqual(pool.figures, { size: 3, acquired: 3, pending: 1, available: 0, creating: 0 });
    await assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_QUEUE_FULL', Error);
  });

  it('ends when its time is over, in the line and before a create that is tried again', async () => {
    const pool = new LightningPool(factoryOf(), { max: 1, acquireTimeout: 15 });
    await pool.acquire();
    const late = assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
    pool.clock.advance(15);
    await late;

    const broken = new LightningPool({ create: failing(5) }, { acquireTimeout: 10 });
    await assertRejects(broken.acquire(), 'ERR_HEAPWISE_RESOURCE_CREATE', Error);
    const waiting = assertRejects(broken.acquire(), 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
    broken.clock.advance(10);
    await waiting;
    assert.equal(broken.figures.pending, 0);
  });

  it('keeps to max while one resource takes longer to make than others', async () => {
    const slow = deferred();
    let calls = 0;
    const create = () => (++calls === 1 ? slow.promise : { id: calls });
    const pool = new LightningPool({ create }, { max: 2, acquireTimeout: 15 });
    const [first, second, third] = [pool.acquire(), pool.acquire(), pool.acquire()];
    assert.equal((await first).id, 2);
    pool.release(await first);
    pool.release(await second);
    slow.resolve({ id: 1 });
    await third;
    await nextTurn();
    assert.deepEqual(pool.figures, { size: 2, acquired: 1, pending: 0, available: 1, creating: 0 });
  });

  it('takes what has been idle for longest, or what came last', async () => {
    for (const [fifo, id] of [
      [true, 1],
      [false, 2],
    ]) {
      const pool = new LightningPool(factoryOf(), { fifo });
      const both = await pool.acquired(2);
      both.forEach((resource) => pool.release(resource));
      await nextTurn();
      assert.equal((await pool.acquire()).id, id);
    }
  });
});

describe('lightning-pool’s validation', () => {
  it('asks before a resource is lent again, if there is anything to ask', async () => {
    for (const [validate, validated] of [
      [factoryOf().validate, 1],
      [undefined, 0],
    ]) {
      const pool = new LightningPool(factoryOf({ validate }));
      pool.release(await pool.acquire());
      await nextTurn();
      const again = await pool.acquire();
      assert.deepEqual([again.id, again.validated], [1, validated]);
    }
  });

  it('that throws ends the resource, and another one is made', async () => {
    const pool = new LightningPool(
      factoryOf({
        validate() {
          throw new Error('Validate error');
        },
      }),
    );
    const first = await pool.acquire();
    pool.release(first);
    await nextTurn();
    assert.notEqual(await pool.acquire(), first);
    assert.deepEqual([first.destroyed, pool.figures.size], [1, 1]);
  });
});

describe('lightning-pool’s release', () => {
  it('and destroy take one of two back', async () => {
    for (const [method, after] of [
      ['release', { size: 2, acquired: 1, pending: 0, available: 1, creating: 0 }],
      ['destroy', { size: 1, acquired: 1, pending: 0, available: 0, creating: 0 }],
    ]) {
      const pool = new LightningPool(factoryOf(), { max: 3 });
      const [first] = await pool.acquired(2);
      assert.deepEqual(pool.figures, { size: 2, acquired: 2, pending: 0, available: 0, creating: 0 });
      await pool[method](first);
      await nextTurn();
      assert.deepEqual(pool.figures, after);
      assert.deepEqual([first.reset, first.destroyed], method === 'release' ? [1, 0] : [0, 1]);
    }
  });

  it('and destroy of what is not lent change nothing, and are refused', async () => {
    const pool = new LightningPool(factoryOf());
    const resource = await pool.acquire();
    assertCode(() => pool.release(1), 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT', Error);
    await assertRejects(pool.destroy(1), 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT', Error);
    assert.equal(pool.figures.size, 1);
    pool.release(resource);
    await nextTurn();
    assertCode(() => pool.release(resource), 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE', Error);
    assert.deepEqual([pool.figures.size, pool.figures.available], [1, 1]);
  });

  it('of more than min leaves min', async () => {
    const pool = new LightningPool(factoryOf(), { min: 1, idleTimeout: 1 });
    const three = await pool.acquired(3);
    three.forEach((resource) => pool.release(resource));
    await nextTurn();
    pool.clock.advance(20);
    await nextTurn();
    assert.deepEqual(pool.figures, { size: 1, acquired: 0, pending: 0, available: 1, creating: 0 });
  });

  it('of what cannot be reset ends it', async () => {
    const pool = new LightningPool(
      factoryOf({
        reset() {
          throw new Error('Any reset error');
        },
      }),
    );
    pool.release(await pool.acquire());
    await nextTurn();
    assert.deepEqual(pool.figures, { size: 0, acquired: 0, pending: 0, available: 0, creating: 0 });
  });

  it('is told when the end of a resource fails', async () => {
    const steps = [];
    const hear = ({ step, error }) => steps.push(`${step}: ${error.message}`);
    subscribe('heapwise:resource-pool:error', hear);
    const pool = new LightningPool(
      factoryOf({
        destroy() {
          throw new Error('Any error');
        },
      }),
      { idleTimeout: 1 },
    );
    pool.release(await pool.acquire());
    await nextTurn();
    pool.clock.advance(1);
    unsubscribe('heapwise:resource-pool:error', hear);
    assert.deepEqual([steps, pool.figures.size], [['destroy: Any error'], 0]);
  });
});

describe('lightning-pool’s start and close', () => {
  it('make min resources, of which the first acquire gets one', async () => {
    const pool = new LightningPool(factoryOf(), { min: 2 });
    await nextTurn();
    await pool.acquire();
    assert.deepEqual(pool.figures, { size: 2, acquired: 1, pending: 0, available: 1, creating: 0 });
  });

  it('are final', async () => {
    const pool = new LightningPool(factoryOf());
    await pool.close();
    await assertRejects(pool.acquire(), 'ERR_HEAPWISE_POOL_CLOSED', Error);
  });

  it('wait as long as they are told, or not at all, for what is lent', async () => {
    for (const ms of [500, 0]) {
      const pool = new LightningPool(factoryOf());
      const resource = await pool.acquire();
      let over = ms === 0;
      const closed = pool.close(ms).then(() => (over = true));
      pool.clock.advance(Math.max(0, ms - 1));
      await nextTurn();
      assert.equal(over, ms === 0);
      pool.clock.advance(1);
      await closed;
      assert.equal(resource.destroyed, 0, 'it is in use');
      pool.release(resource);
      assert.equal(resource.destroyed, 1);
    }
  });
});
