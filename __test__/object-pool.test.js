// node-flags: --expose-gc
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { ObjectPool } = require('..');
const { assertCode, assertRejects, collected, deferred, nextTurn, seeded } = require('./helper.js');

const DOUBLE = 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE';
const FOREIGN = 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT';
const EXHAUSTED = 'ERR_HEAPWISE_POOL_EXHAUSTED';

/** A create function that numbers what it makes. */
function numbered() {
  let count = 0;
  return () => ({ number: ++count });
}

/** Some of the figures of a pool. */
function figures(pool, ...names) {
  const stats = pool.stats();
  return Object.fromEntries(names.map((name) => [name, stats[name]]));
}

describe('ObjectPool', () => {
  test('does not create what it could reuse', () => {
    const pool = new ObjectPool(numbered());
    const object = pool.acquire();
    pool.release(object);
    for (let i = 0; i < 100; i++) {
      assert.equal(pool.acquire(), object);
      pool.release(object);
    }
    assert.equal(pool.stats().created, 1);
  });

  test('does not lend one object to two callers at once', () => {
    const pool = new ObjectPool(numbered(), { min: 5 });
    const lent = new Set();
    for (let i = 0; i < 50; i++) {
      lent.add(pool.acquire());
    }
    assert.equal(lent.size, 50);
  });

  test('lends what was released last first', () => {
    const pool = new ObjectPool(numbered());
    const [a, b, c] = [pool.acquire(), pool.acquire(), pool.acquire()];
    pool.release(b);
    pool.release(c);
    pool.release(a);
    assert.deepEqual([pool.acquire(), pool.acquire(), pool.acquire()], [a, c, b]);
    assert.equal(pool.acquire().number, 4);
  });

  test('does not mistake or change any kind of object', () => {
    class Locked {
      constructor() {
        Object.freeze(this);
      }
    }
    const kinds = {
      frozen: () => Object.freeze({ a: 1 }),
      sealed: () => Object.seal({ a: 1 }),
      'without extensions': () => Object.preventExtensions({}),
      'frozen by its class': () => new Locked(),
      'without a prototype': () => Object.create(null),
      function: () => () => {},
      'bound function': () => Math.max.bind(null),
      array: () => [1, 2, 3],
      'typed array': () => new Uint8Array(8),
      Map: () => new Map(),
      Proxy: () => new Proxy({}, { get: () => assert.fail('touched'), has: () => assert.fail('touched') }),
      'revoked Proxy': () => {
        const { proxy, revoke } = Proxy.revocable({}, {});
        revoke();
        return proxy;
      },
      boxed: () => Object('text'),
      Promise: () => Promise.resolve(),
    };
    for (const [kind, make] of Object.entries(kinds)) {
      const pool = new ObjectPool(make);
      const object = pool.acquire();
      pool.release(object);
      assert.ok(pool.acquire() === object, `${kind} comes back`);
      assert.ok(pool.acquire() !== object, `${kind} is not lent twice`);
    }
    const plain = new ObjectPool(() => ({ a: 1 })).acquire();
    assert.deepEqual(Reflect.ownKeys(plain), ['a'], 'the mark is not to be seen');
  });

  test('calls create and reset with what they are promised', () => {
    const calls = [];
    const pool = new ObjectPool((...args) => ({ args }), { reset: (...args) => calls.push(args) });
    const object = pool.acquire();
    assert.deepEqual(object.args, []);
    assert.deepEqual(calls, [], 'nothing is reset before it was used');
    pool.release(object);
    assert.equal(calls.length, 1);
    assert.equal(calls[0].length, 1);
    assert.equal(calls[0][0], object);
    pool.acquire();
    assert.equal(calls.length, 1, 'reset runs once, on the release');
  });

  test('hands out no object that still carries its last use', () => {
    const pool = new ObjectPool(() => ({ user: null }), {
      reset(object) {
        object.user = null;
      },
    });
    const object = pool.acquire();
    object.user = 'ada';
    pool.release(object);
    assert.equal(object.user, null, 'what was put in is let go at the release, not at the next use');
    assert.equal(pool.acquire().user, null);
  });

  test('hands out no object whose reset failed', () => {
    const broken = new Error('half reset');
    let failing = true;
    const pool = new ObjectPool(numbered(), {
      reset() {
        if (failing) {
          throw broken;
        }
      },
      max: 1,
    });
    const object = pool.acquire();
    assert.throws(() => pool.release(object), broken);
    assert.deepEqual(figures(pool, 'size', 'idle', 'borrowed', 'released', 'discarded'), {
      size: 0,
      idle: 0,
      borrowed: 0,
      released: 1,
      discarded: 1,
    });
    assertCode(() => pool.release(object), DOUBLE, Error);
    failing = false;
    const next = pool.acquire();
    assert.equal(next.number, 2, 'its place in the pool is free again');
    pool.release(next);
    assert.equal(pool.acquire(), next);
  });

  test('fills itself with min objects, and only with these', () => {
    const create = numbered();
    const pool = new ObjectPool(create, { min: 3, max: 5 });
    assert.deepEqual(
      figures(pool, 'size', 'idle', 'borrowed', 'created', 'acquired', 'peakBorrowed', 'max'),
      {
        size: 3,
        idle: 3,
        borrowed: 0,
        created: 3,
        acquired: 0,
        peakBorrowed: 0,
        max: 5,
      },
    );
    const lent = [pool.acquire(), pool.acquire(), pool.acquire()];
    assert.equal(pool.stats().created, 3);
    assert.deepEqual(lent.map(({ number }) => number).toSorted(), [1, 2, 3]);
    assert.equal(pool.acquire().number, 4);
  });

  test('refuses to grow past max, and recovers with the first release', () => {
    const pool = new ObjectPool(numbered(), { max: 2 });
    const [a] = [pool.acquire(), pool.acquire()];
    const before = pool.stats();
    for (let i = 0; i < 3; i++) {
      const { message } = assertCode(() => pool.acquire(), EXHAUSTED, Error);
      assert.match(message, /All 2 objects/);
    }
    assert.deepEqual(pool.stats(), before);
    pool.release(a);
    assert.equal(pool.acquire(), a);
    assertCode(() => pool.acquire(), EXHAUSTED, Error);
    assert.equal(pool.stats().created, 2);
  });

  test('counts what was trimmed as room for new objects', () => {
    const pool = new ObjectPool(numbered(), { max: 2, min: 2 });
    pool.trim();
    pool.acquire();
    pool.acquire();
    assertCode(() => pool.acquire(), EXHAUSTED, Error);
  });
});

describe('trim of an ObjectPool', () => {
  test('drops no more than asked, and never what is lent', () => {
    const pool = new ObjectPool(numbered(), { min: 10 });
    const lent = [pool.acquire(), pool.acquire()];
    assert.equal(pool.trim(5), 3);
    assert.deepEqual(figures(pool, 'size', 'idle', 'borrowed', 'discarded'), {
      size: 7,
      idle: 5,
      borrowed: 2,
      discarded: 3,
    });
    assert.equal(pool.trim(5), 0);
    assert.equal(pool.trim(100), 0);
    assert.equal(pool.trim(Infinity), 0);
    assert.equal(pool.trim(undefined), 5);
    assert.equal(pool.trim(), 0);
    for (const object of lent) {
      pool.release(object);
    }
    assert.deepEqual(figures(pool, 'size', 'idle', 'discarded'), { size: 2, idle: 2, discarded: 8 });
  });

  test('keeps what was released first in its order', () => {
    const pool = new ObjectPool(numbered());
    const objects = [pool.acquire(), pool.acquire(), pool.acquire()];
    for (const object of objects) {
      pool.release(object);
    }
    pool.trim(2);
    assert.equal(pool.acquire(), objects[1]);
    assert.equal(pool.acquire(), objects[0]);
    assert.equal(pool.acquire().number, 4);
  });

  test('inside of reset does not drop the object that is being released', () => {
    const pool = new ObjectPool(numbered(), { reset: () => pool.trim(), min: 3 });
    const object = pool.acquire();
    pool.release(object);
    assert.deepEqual(figures(pool, 'size', 'idle', 'borrowed'), { size: 1, idle: 1, borrowed: 0 });
    assert.equal(pool.acquire(), object);
  });
});

describe('the memory of an ObjectPool', () => {
  test('does not keep a lent object alive that its borrower lost', async () => {
    const pool = new ObjectPool(() => ({ payload: Array.from({ length: 100 }, () => 0) }), { min: 5 });
    const lose = () => Array.from({ length: 10 }, () => new WeakRef(pool.acquire()));
    const refs = lose();
    assert.ok(await collected(refs));
    assert.equal(pool.stats().borrowed, 10, 'they count as lent');
  });

  test('does not keep a lent object alive that was released and lent again', async () => {
    const pool = new ObjectPool(() => ({}));
    const lose = () => {
      const objects = Array.from({ length: 10 }, () => pool.acquire());
      for (const object of objects) {
        pool.release(object);
      }
      return Array.from({ length: 10 }, () => new WeakRef(pool.acquire()));
    };
    const refs = lose();
    assert.ok(await collected(refs));
    assert.equal(pool.stats().size, 10);
  });

  test('does not keep what was trimmed, or whose reset failed, or what came back after close', async () => {
    let failing = false;
    const pool = new ObjectPool(() => ({}), {
      reset() {
        assert.ok(!failing, 'reset fails');
      },
    });
    const lose = () => {
      const [trimmed, failed, late] = [pool.acquire(), pool.acquire(), pool.acquire()];
      pool.release(trimmed);
      assert.equal(pool.trim(), 1);
      failing = true;
      assert.throws(() => pool.release(failed), /reset fails/);
      failing = false;
      pool.close();
      pool.release(late);
      return [trimmed, failed, late].map((object) => new WeakRef(object));
    };
    const refs = lose();
    assert.ok(await collected(refs));
    assert.equal(pool.stats().discarded, 3);
  });

  test('keeps idle objects', async () => {
    const pool = new ObjectPool(() => ({}), { min: 1 });
    const ref = (() => {
      const object = pool.acquire();
      pool.release(object);
      return new WeakRef(object);
    })();
    assert.equal(await collected([ref]), false);
    assert.equal(pool.stats().idle, 1);
  });

  test('is collected with its idle objects, and an object does not keep its pool alive', async () => {
    const { kept, refs } = (() => {
      const pool = new ObjectPool(() => ({}), { min: 2 });
      const object = pool.acquire();
      const other = pool.acquire();
      pool.release(other);
      return { kept: object, refs: [new WeakRef(pool), new WeakRef(other)] };
    })();
    assert.ok(await collected(refs));
    assert.ok(kept);
  });
});

test('the ObjectPool made last does not outlive its use in what makes the next one', async () => {
  const refs = (() => {
    const make = () => ({});
    return [new WeakRef(make), new WeakRef(new ObjectPool(make))];
  })();
  assert.ok(await collected(refs));
});

describe('use of an ObjectPool', () => {
  test('returns what the function returns, and has the object back by then', () => {
    const pool = new ObjectPool(numbered());
    // oxlint-disable-next-line unicorn/no-thenable
    const notThenable = { then: 5 };
    for (const result of [undefined, null, 0, 'text', Symbol.iterator, { a: 1 }, notThenable, []]) {
      let seen;
      const returned = pool.use((object, ...rest) => {
        seen = object;
        assert.deepEqual(rest, []);
        assert.equal(pool.stats().borrowed, 1);
        return result;
      });
      assert.equal(returned, result);
      assert.equal(pool.stats().borrowed, 0);
      assert.equal(seen.number, 1);
    }
  });

  test('does not lose the object to an exception', () => {
    const pool = new ObjectPool(numbered());
    for (const thrown of [new Error('mine'), undefined, 'text']) {
      let caught = 'nothing';
      try {
        pool.use(() => {
          throw thrown;
        });
      } catch (error) {
        caught = error;
      }
      assert.equal(caught, thrown);
      assert.deepEqual(figures(pool, 'borrowed', 'idle'), { borrowed: 0, idle: 1 });
    }
  });

  test('does not take the object back while a promise is pending', async () => {
    const pool = new ObjectPool(numbered());
    const { promise, resolve } = deferred();
    const used = pool.use(() => promise);
    await nextTurn();
    assert.deepEqual(figures(pool, 'borrowed', 'idle'), { borrowed: 1, idle: 0 });
    resolve('result');
    assert.equal(await used, 'result');
    assert.deepEqual(figures(pool, 'borrowed', 'idle'), { borrowed: 0, idle: 1 });
  });

  test('does not lose the object to a rejection', async () => {
    const pool = new ObjectPool(numbered());
    const broken = new Error('mine');
    await assert.rejects(
      pool.use(async () => {
        await nextTurn();
        throw broken;
      }),
      broken,
    );
    assert.deepEqual(figures(pool, 'borrowed', 'idle'), { borrowed: 0, idle: 1 });
  });

  test('waits for any thenable, also one that is a function', async () => {
    const thenables = {
      // oxlint-disable-next-line unicorn/no-thenable
      object: (then) => ({ then }),
      'of a class': (then) =>
        new (class Query {
          // oxlint-disable-next-line unicorn/no-thenable
          then(...args) {
            return then(...args);
          }
        })(),
      // oxlint-disable-next-line unicorn/no-thenable
      function: (then) => Object.assign(() => {}, { then }),
    };
    for (const [kind, make] of Object.entries(thenables)) {
      const pool = new ObjectPool(numbered());
      const { promise, resolve } = deferred();
      const used = pool.use(() => make((yes, no) => promise.then(yes, no)));
      assert.equal(pool.stats().borrowed, 1, kind);
      resolve('result');
      assert.equal(await used, 'result', kind);
      assert.equal(pool.stats().borrowed, 0, kind);
    }
  });

  test('lets nested uses have an object each', async () => {
    const pool = new ObjectPool(numbered());
    const sum = pool.use((a) => pool.use((b) => pool.use((c) => a.number + b.number + c.number)));
    assert.equal(sum, 6);
    assert.deepEqual(figures(pool, 'borrowed', 'peakBorrowed', 'size'), {
      borrowed: 0,
      peakBorrowed: 3,
      size: 3,
    });
    const seen = new Set();
    await Promise.all(
      [1, 2, 3].map(() =>
        pool.use(async (object) => {
          seen.add(object);
          await nextTurn();
        }),
      ),
    );
    assert.equal(seen.size, 3);
    assert.equal(pool.stats().borrowed, 0);
  });

  test('tells of a reset that fails, in the way of the result', async () => {
    const broken = new Error('reset');
    const pool = new ObjectPool(() => ({}), {
      reset() {
        throw broken;
      },
    });
    assert.throws(() => pool.use(() => 1), broken);
    await assert.rejects(
      pool.use(async () => 1),
      broken,
    );
    assert.deepEqual(figures(pool, 'borrowed', 'size'), { borrowed: 0, size: 0 });
  });

  test('of an exhausted pool does not call the function', () => {
    const pool = new ObjectPool(numbered(), { max: 1 });
    pool.use(() => assertCode(() => pool.use(() => assert.fail('called')), EXHAUSTED, Error));
    assert.equal(pool.stats().borrowed, 0);
  });

  test('outlives a close', async () => {
    const pool = new ObjectPool(numbered());
    const { promise, resolve } = deferred();
    const used = pool.use(() => promise);
    pool.close();
    resolve('result');
    assert.equal(await used, 'result');
    assert.deepEqual(figures(pool, 'size', 'borrowed', 'idle'), { size: 0, borrowed: 0, idle: 0 });
    await assertRejects((async () => pool.use(() => 1))(), 'ERR_HEAPWISE_POOL_CLOSED', Error);
  });
});

describe('a lease of an ObjectPool', () => {
  test('gives its object back once, however often it is disposed of', () => {
    const pool = new ObjectPool(numbered());
    const lease = pool.lease();
    assert.equal(lease.value.number, 1);
    assert.equal(pool.stats().borrowed, 1);
    lease.release();
    lease.release();
    lease[Symbol.dispose]();
    assert.deepEqual(figures(pool, 'borrowed', 'idle', 'released'), { borrowed: 0, idle: 1, released: 1 });
  });

  test('that is over does not give back what another caller has by now', () => {
    const pool = new ObjectPool(numbered());
    const lease = pool.lease();
    lease[Symbol.dispose]();
    const object = pool.acquire();
    assert.equal(object, lease.value);
    lease[Symbol.dispose]();
    lease.release();
    assert.equal(pool.stats().borrowed, 1);
  });

  test('does not try again after a reset that failed', () => {
    const pool = new ObjectPool(numbered(), {
      reset() {
        throw new Error('reset');
      },
    });
    const lease = pool.lease();
    assert.throws(() => lease.release(), /reset/);
    lease.release();
    assert.deepEqual(figures(pool, 'borrowed', 'size', 'discarded'), { borrowed: 0, size: 0, discarded: 1 });
  });
});

describe('close of an ObjectPool', () => {
  test('drops what is idle at once and what is lent when it comes back', () => {
    const pool = new ObjectPool(numbered(), { min: 4 });
    const lent = [pool.acquire(), pool.acquire()];
    pool.close();
    assert.deepEqual(figures(pool, 'size', 'idle', 'borrowed', 'discarded'), {
      size: 2,
      idle: 0,
      borrowed: 2,
      discarded: 2,
    });
    for (const object of lent) {
      pool.release(object);
    }
    assert.deepEqual(figures(pool, 'size', 'idle', 'borrowed', 'released', 'discarded'), {
      size: 0,
      idle: 0,
      borrowed: 0,
      released: 2,
      discarded: 4,
    });
  });

  test('may be repeated, and is what Symbol.dispose does', () => {
    const pool = new ObjectPool(numbered(), { min: 2 });
    pool[Symbol.dispose]();
    pool.close();
    pool[Symbol.dispose]();
    assertCode(() => pool.acquire(), 'ERR_HEAPWISE_POOL_CLOSED', Error);
    assert.equal(pool.stats().discarded, 2);
  });

  test('inside of reset does not leave the object in the pool', () => {
    const pool = new ObjectPool(numbered(), { reset: () => pool.close() });
    const object = pool.acquire();
    pool.release(object);
    assert.deepEqual(figures(pool, 'size', 'idle', 'borrowed', 'discarded'), {
      size: 0,
      idle: 0,
      borrowed: 0,
      discarded: 1,
    });
    assertCode(() => pool.release(object), DOUBLE, Error);
  });

  test('spares the reset of what comes back late', () => {
    const pool = new ObjectPool(numbered(), { reset: () => assert.fail('reset') });
    const object = pool.acquire();
    pool.close();
    pool.release(object);
    assert.equal(pool.stats().size, 0);
  });
});

describe('stats of an ObjectPool', () => {
  test('does not change by being read, and hands out no inner state', () => {
    const pool = new ObjectPool(numbered(), { min: 2 });
    pool.acquire();
    const stats = pool.stats();
    assert.deepEqual(stats, {
      size: 2,
      borrowed: 1,
      idle: 1,
      peakBorrowed: 1,
      max: Infinity,
      acquired: 1,
      released: 0,
      created: 2,
      discarded: 0,
      oversized: 0,
      leaked: 0,
    });
    stats.borrowed = 99;
    assert.equal(pool.stats().borrowed, 1);
    assert.deepEqual(pool.stats(), pool.stats());
  });

  test('does not count prefilled objects as borrowed, nor forget a peak', () => {
    const pool = new ObjectPool(numbered(), { min: 10 });
    const borrow = (count) => Array.from({ length: count }, () => pool.acquire());
    const giveBack = (objects) => {
      for (const object of objects) {
        pool.release(object);
      }
    };
    assert.equal(pool.stats().peakBorrowed, 0);
    giveBack(borrow(3));
    assert.equal(pool.stats().peakBorrowed, 3);
    giveBack(borrow(2));
    assert.equal(pool.stats().peakBorrowed, 3);
    pool.trim(4);
    assert.equal(pool.stats().peakBorrowed, 3, 'trimming keeps the peak');
    const lent = borrow(4);
    assert.equal(pool.stats().peakBorrowed, 4);
    pool.trim();
    assert.equal(pool.stats().peakBorrowed, 4);
    giveBack(lent);
    giveBack(borrow(12));
    assert.equal(pool.stats().peakBorrowed, 12, 'growing counts');
    pool.trim();
    giveBack(borrow(1));
    assert.equal(pool.stats().peakBorrowed, 12);
    pool.close();
    assert.equal(pool.stats().peakBorrowed, 12, 'closing keeps the peak');
  });
});

describe('ObjectPool against a naive model', () => {
  /** What a pool does, written as plainly as possible. */
  class Model {
    idle = [];
    lent = [];
    dropped = [];
    acquired = 0;
    released = 0;
    peak = 0;
    closed = false;

    constructor(max, created) {
      this.max = max;
      this.created = created;
    }

    stats() {
      return {
        size: this.idle.length + this.lent.length,
        borrowed: this.lent.length,
        idle: this.idle.length,
        peakBorrowed: this.peak,
        max: this.max,
        acquired: this.acquired,
        released: this.released,
        created: this.created,
        discarded: this.dropped.length,
        oversized: 0,
        leaked: 0,
      };
    }
  }

  function schedule(seed, { max, min, operations }) {
    const random = seeded(seed);
    const made = [];
    let createFails = false;
    let resetFails = false;
    const pool = new ObjectPool(
      () => {
        assert.ok(!createFails, 'create fails');
        made.push({ number: made.length });
        return made.at(-1);
      },
      {
        max,
        min,
        reset() {
          assert.ok(!resetFails, 'reset fails');
        },
      },
    );
    const foreign = new ObjectPool(() => ({})).acquire();
    const model = new Model(max, min);
    model.idle.push(...made);

    function acquire() {
      createFails = random.chance(0.05);
      if (model.idle.length > 0) {
        const object = pool.acquire();
        assert.equal(object, model.idle.pop());
        model.lent.push(object);
      } else if (model.closed) {
        assertCode(() => pool.acquire(), 'ERR_HEAPWISE_POOL_CLOSED', Error);
        return;
      } else if (model.lent.length >= max) {
        assertCode(() => pool.acquire(), EXHAUSTED, Error);
        return;
      } else if (createFails) {
        assert.throws(() => pool.acquire(), /create fails/);
        return;
      } else {
        const object = pool.acquire();
        assert.equal(object, made.at(-1));
        model.lent.push(object);
        model.created++;
      }
      model.acquired++;
      model.peak = Math.max(model.peak, model.lent.length);
    }

    function release() {
      if (model.lent.length === 0) {
        return;
      }
      resetFails = random.chance(0.05);
      const [object] = model.lent.splice(random.below(model.lent.length), 1);
      model.released++;
      if (model.closed) {
        pool.release(object);
        model.dropped.push(object);
      } else if (resetFails) {
        assert.throws(() => pool.release(object), /reset fails/);
        model.dropped.push(object);
      } else {
        pool.release(object);
        model.idle.push(object);
      }
    }

    const operationsByWeight = [
      ...Array(9).fill(acquire),
      ...Array(9).fill(release),
      () => {
        if (model.idle.length > 0) {
          assertCode(() => pool.release(random.pick(model.idle)), DOUBLE, Error);
        }
      },
      () => {
        if (model.dropped.length > 0) {
          assertCode(() => pool.release(random.pick(model.dropped)), DOUBLE, Error);
        }
      },
      () => assertCode(() => pool.release(foreign), FOREIGN, Error),
      () => {
        const keep = random.below(model.idle.length * 2 + 3);
        if (model.closed) {
          assertCode(() => pool.trim(keep), 'ERR_HEAPWISE_POOL_CLOSED', Error);
          return;
        }
        const dropped = model.idle.splice(keep);
        assert.equal(pool.trim(keep), dropped.length);
        model.dropped.push(...dropped);
      },
    ];

    for (let i = 0; i < operations; i++) {
      // Waves, so that the pool runs full and runs empty.
      const filling = Math.sin(i / 150) > 0;
      const operation = random.pick(operationsByWeight);
      (operation === release && filling && random.chance(0.4) ? acquire : operation)();
      assert.deepEqual(pool.stats(), model.stats(), `after operation ${i}`);
      if (i === operations - 200) {
        pool.close();
        model.closed = true;
        model.dropped.push(...model.idle.splice(0));
      }
    }
    return model;
  }

  test('no order of 20,000 calls makes its counts or its order of lending wrong', () => {
    const bounded = schedule(1, { max: 25, min: 5, operations: 20_000 });
    // Not a schedule that never gets anywhere.
    assert.equal(bounded.peak, 25);
    assert.ok(bounded.acquired > 5000 && bounded.dropped.length > 500);
    const unbounded = schedule(2, { max: Infinity, min: 0, operations: 20_000 });
    assert.ok(unbounded.peak > 30);
  });
});
