'use strict';

/**
 * What the black-box tests of generic-pool (github.com/coopernurse/node-pool, commit ee5db9d: test/generic-pool-test.js,
 * generic-pool-acquiretimeout-test.js, generic-pool-destroytimeout-test.js, GH-159-test.js) ask of it, asked of
 * ResourcePool. docs/pools.md says what was left out.
 */

const assert = require('node:assert/strict');
const { subscribe, unsubscribe } = require('node:diagnostics_channel');
const { describe, it } = require('node:test');
const { assertCode, assertRejects, deferred, nextTurn } = require('../helper.js');
const { poolOnAClock } = require('./pool-on-a-clock.js');

/** ResourcePool in the words of generic-pool, on a clock of its own. */
class GenericPool {
  #pool;

  constructor(factory, options = {}) {
    const { clock, Pool } = poolOnAClock();
    this.clock = clock;
    this.#pool = new Pool({
      create: () => factory.create(),
      destroy: (resource) => factory.destroy(resource),
      ...options,
    });
  }

  /** There the smaller number comes first, and a create that failed is not told but tried again. */
  async acquire(priority = 0) {
    for (;;) {
      try {
        return await this.#pool.acquire({ priority: -priority });
      } catch (refusal) {
        if (refusal.code !== 'ERR_HEAPWISE_RESOURCE_CREATE') {
          throw refusal;
        }
        this.clock.advance(10_000);
      }
    }
  }

  async release(resource) {
    this.#pool.release(resource);
  }

  destroy = (resource) => this.#pool.destroy(resource);
  use = (fn) => this.#pool.use(fn);
  ready = () => this.#pool.ready();
  drain = () => this.#pool.drain();
  clear = () => this.#pool.close();

  get figures() {
    const { size, idle, borrowed, waiting, min, max } = this.#pool.stats();
    return { size, available: idle, borrowed, pending: waiting, min, max };
  }
}

class Factory {
  created = 0;
  bin = [];
  create = () => Promise.resolve({ id: this.created++ });
  destroy = (resource) => Promise.resolve(this.bin.push(resource));
}

function part(pool, ...names) {
  return names.map((name) => pool.figures[name]);
}

describe('generic-pool’s limits', () => {
  it('have defaults', () => {
    // There 1 and 0.
    assert.deepEqual(part(new GenericPool(new Factory()), 'max', 'min'), [10, 0]);
  });

  it('that are malformed, or contradict each other, are refused, where generic-pool puts others in their place', () => {
    for (const [options, code, Base] of [
      [{ min: 'asf' }, 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError],
      [{ max: [] }, 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError],
      [{ min: 5, max: 3 }, 'ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError],
    ]) {
      assertCode(() => new GenericPool(new Factory(), options), code, Base, options);
    }
  });

  it('of those who wait may be none', async () => {
    const pool = new GenericPool(new Factory(), { max: 2, maxWaiting: 0 });
    await pool.acquire();
    await pool.acquire();
    assert.equal(pool.figures.size, 2);
    await assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_QUEUE_FULL', Error);
  });

  it('have resources made before anybody asks', async () => {
    const pool = new GenericPool(new Factory(), { min: 2, max: 4 });
    await pool.ready();
    assert.ok(pool.figures.available >= 2);
  });
});

describe('generic-pool’s acquire', () => {
  it('serves those of higher priority first', async () => {
    const pool = new GenericPool(new Factory(), { max: 1 });
    const served = [];
    const held = await pool.acquire();
    const ask = async (priority) => {
      const resource = await pool.acquire(priority);
      served.push(priority);
      await pool.release(resource);
    };
    const all = [...Array(10).fill(1), ...Array(10).fill(0)].map(ask);
    await pool.release(held);
    await Promise.all(all);
    assert.deepEqual(served, [...Array(10).fill(0), ...Array(10).fill(1)]);
  });

  it('gets over creations that fail, at once or later, and leaves nobody in the line', async () => {
    for (const later of [false, true]) {
      let attempts = 0;
      const errors = [];
      const hear = ({ step, error }) => step === 'create' && errors.push(error);
      subscribe('heapwise:resource-pool:error', hear);
      const create = async () => {
        if (later) {
          await nextTurn();
        }
        if (++attempts <= 5) {
          throw new Error('Error occurred.');
        }
        return { id: attempts };
      };
      const pool = new GenericPool({ create, destroy() {} }, { max: 1 });
      const resource = await pool.acquire();
      unsubscribe('heapwise:resource-pool:error', hear);
      assert.equal(resource.id, 6);
      assert.equal(errors.length, 5);
      assert.deepEqual(part(pool, 'available', 'pending'), [0, 0]);
      await pool.release(resource);
      assert.equal(pool.figures.available, 1);
    }
  });

  it('is rejected when its time is over, and the pool can be drained then', async () => {
    const made = deferred();
    const factory = { create: () => made.promise, destroy: () => Promise.resolve() };
    const pool = new GenericPool(factory, { acquireTimeout: 20, idleTimeout: 150 });
    const refused = assertRejects(pool.acquire(), 'ERR_HEAPWISE_RESOURCE_TIMEOUT', Error);
    pool.clock.advance(20);
    await refused;
    const drained = pool.drain();
    made.resolve({});
    await drained;
    await pool.clear();
  });

  it('is fulfilled when its resource comes in time', async () => {
    const made = deferred();
    const factory = { create: () => made.promise, destroy: () => Promise.resolve() };
    const pool = new GenericPool(factory, { acquireTimeout: 400 });
    const acquired = pool.acquire();
    pool.clock.advance(399);
    const resource = {};
    made.resolve(resource);
    assert.equal(await acquired, resource);
    await pool.release(resource);
    await pool.drain();
    await pool.clear();
  });
});

describe('generic-pool’s figures', () => {
  it('follow the resources', async () => {
    const pool = new GenericPool(new Factory(), { max: 2 });
    const sizes = [part(pool, 'size', 'available')];
    const resources = [];
    for (let i = 0; i < 2; i++) {
      resources.push(await pool.acquire());
      sizes.push(part(pool, 'size', 'available'));
    }
    for (const resource of resources) {
      await pool.release(resource);
      sizes.push(part(pool, 'size', 'available'));
    }
    const again = await pool.acquire();
    sizes.push(part(pool, 'size', 'available'));
    await pool.release(again);
    sizes.push(part(pool, 'size', 'available'));
    assert.deepEqual(sizes, [
      [0, 0],
      [1, 0],
      [2, 0],
      [2, 1],
      [2, 2],
      [2, 1],
      [2, 2],
    ]);
  });

  it('do not change when what is not of the pool is released', async () => {
    const pool = new GenericPool(new Factory(), { max: 1 });
    const resource = await pool.acquire();
    await assert.rejects(pool.release({}), { code: 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT' });
    assert.deepEqual(part(pool, 'available', 'borrowed'), [0, 1]);
    await pool.release(resource);
    assert.deepEqual(part(pool, 'available', 'borrowed'), [1, 0]);
  });

  it('show who waits, and that a release or the end of a resource serves him', async () => {
    for (const giveBack of ['release', 'destroy']) {
      const pool = new GenericPool(new Factory(), { max: 1 });
      const first = pool.acquire();
      const second = pool.acquire();
      const resource = await first;
      assert.deepEqual(part(pool, 'available', 'borrowed', 'pending'), [0, 1, 1]);
      await pool[giveBack](resource);
      const next = await second;
      assert.equal(next.id, giveBack === 'release' ? 0 : 1);
      assert.deepEqual(part(pool, 'available', 'borrowed', 'pending'), [0, 1, 0]);
      await pool.release(next);
    }
  });
});

describe('generic-pool’s use', () => {
  it('lends a resource to a function, and answers when that is done', async () => {
    const pool = new GenericPool(new Factory());
    let done = false;
    const answer = await pool.use(async (resource) => {
      assert.equal(resource.id, 0);
      await nextTurn();
      done = true;
      return 'value';
    });
    assert.deepEqual([done, answer, pool.figures.borrowed], [true, 'value', 0]);
  });
});

describe('generic-pool’s eviction', () => {
  it('renews also the resources of min, which here is what maxLifetime is for', async () => {
    const factory = new Factory();
    const pool = new GenericPool(factory, { min: 2, max: 2, maxLifetime: 50 });
    await pool.ready();
    pool.clock.advance(120);
    const resource = await pool.acquire();
    assert.ok(resource.id > 1);
    await pool.release(resource);
    assert.equal(pool.figures.size, 2);
  });

  it('spares what has not been idle for so long', async () => {
    const factory = new Factory();
    const pool = new GenericPool(factory, { idleTimeout: Infinity });
    await pool.release(await pool.acquire());
    pool.clock.advance(2 ** 31);
    assert.deepEqual(factory.bin, []);
  });
});

describe('generic-pool’s end', () => {
  it('waits for those who have and those who want something, and accepts nothing more', async () => {
    const factory = new Factory();
    const pool = new GenericPool(factory, { max: 2 });
    let acquired = 0;
    const all = Array.from({ length: 5 }, async () => {
      const resource = await pool.acquire();
      acquired++;
      await nextTurn();
      await pool.release(resource);
    });
    assert.equal(acquired, 0);
    await pool.drain();
    assert.equal(acquired, 5);
    assert.equal(factory.bin.length, factory.created);
    await assertRejects(pool.acquire(), 'ERR_HEAPWISE_POOL_CLOSED', Error);
    await Promise.all(all);
  });

  it('comes when everybody was waiting for resources that came late, and has no value', async () => {
    const coming = [deferred(), deferred(), deferred()];
    let next = 0;
    const pool = new GenericPool(
      { create: () => coming[next++].promise, destroy: () => Promise.resolve() },
      { max: 3, min: 3 },
    );
    const all = [1, 2, 3].map(() =>
      pool.acquire().then((resource) => setImmediate(() => pool.release(resource))),
    );
    assert.equal(pool.figures.pending, 3);
    const drained = pool.drain();
    ['a', 'b', 'c'].forEach((resource, i) => coming[i].resolve(resource));
    await Promise.all(all);
    assert.equal(await drained, undefined);
    assert.equal(await pool.clear(), undefined);
  });

  it('destroys what min had made, also what comes after its beginning', async () => {
    const made = deferred();
    const destroyed = [];
    const pool = new GenericPool(
      { create: () => made.promise, destroy: (resource) => void destroyed.push(resource) },
      { max: 10, min: 1 },
    );
    const drained = pool.drain();
    made.resolve('late');
    await drained;
    await pool.clear();
    assert.deepEqual(destroyed, ['late']);
  });

  it('of a resource that takes too long is told, and one that does not is not', async () => {
    for (const [time, wanted] of [
      [100, ['destroy']],
      [10, []],
    ]) {
      const steps = [];
      const hear = ({ step }) => steps.push(step);
      subscribe('heapwise:resource-pool:error', hear);
      const done = deferred();
      const pool = new GenericPool(
        { create: () => Promise.resolve({}), destroy: () => done.promise },
        { destroyTimeout: 20 },
      );
      const destroyed = pool.destroy(await pool.acquire());
      pool.clock.advance(time);
      done.resolve();
      await destroyed;
      pool.clock.advance(1000);
      unsubscribe('heapwise:resource-pool:error', hear);
      assert.deepEqual(steps, wanted);
    }
  });
});
