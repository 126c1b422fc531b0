'use strict';

/**
 * What the tests of synchronous pools ask of them, asked of ObjectPool: reusify 1.1.0 (npm: test.js), deepool 3.0.1 (npm:
 * tests/tests.js), opool 0.1.1 (npm: test/index.ts) and @smikhalevski/object-pool (github.com/smikhalevski/object-pool,
 * commit 0ed4312: src/test/ObjectPool.test.ts). docs/pools.md says what was left out.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { ObjectPool } = require('../..');

/** A pool of numbered objects, and the numbers that it lends. */
function numbered(options) {
  let created = 0;
  const pool = new ObjectPool(() => ({ id: created++ }), options);
  const lent = [];
  return {
    pool,
    created: () => created,
    take() {
      const object = pool.acquire();
      lent[object.id] = object;
      return object.id;
    },
    giveBack: (...ids) => ids.forEach((id) => pool.release(lent[id])),
  };
}

const times = (count, fn) => Array.from({ length: count }, fn);

describe('reusify', () => {
  class Linked {
    next = null;
  }

  it('lends different objects with an empty "next", and lends one again', () => {
    let created = 0;
    const pool = new ObjectPool(() => (created++, new Linked()));
    const first = pool.acquire();
    const second = pool.acquire();
    assert.notEqual(first, second);
    assert.deepEqual([first.next, second.next], [null, null]);
    pool.release(first);
    assert.equal(pool.acquire(), first);
    assert.equal(created, 2);
  });

  it('lends more than two again, the last one first, where reusify has the first one first', () => {
    const pool = new ObjectPool(() => new Linked());
    const three = times(3, () => pool.acquire());
    assert.equal(new Set(three).size, 3);
    three.forEach((object) => pool.release(object));
    assert.deepEqual(
      three.map(({ next }) => next),
      [null, null, null],
      'what is idle is not linked by its own fields',
    );
    const again = times(3, () => pool.acquire());
    again.forEach((object, i) => assert.equal(object, three[2 - i]));
  });
});

describe('deepool', () => {
  it('makes nothing before it is used', () => {
    const { pool, created } = numbered();
    assert.equal(created(), 0);
    for (const method of ['acquire', 'release', 'stats']) {
      assert.equal(typeof pool[method], 'function');
    }
  });

  it('lends a different object each time, and makes no more than that, where deepool makes twice as many', () => {
    const { take, created } = numbered();
    assert.equal(new Set(times(11, take)).size, 11);
    assert.equal(created(), 11);
  });

  it('lends only known objects when all came back', () => {
    const { take, giveBack, created } = numbered();
    const ids = times(5, take);
    giveBack(...ids);
    assert.deepEqual(times(5, take).toSorted(), ids);
    assert.equal(created(), 5);
  });

  it('is filled beforehand, and says how many it has', () => {
    assert.equal(numbered().pool.stats().idle, 0);
    const { pool, created } = numbered({ min: 5 });
    assert.deepEqual([pool.stats().idle, created()], [5, 5]);
  });

  it('lends none twice when uses and returns alternate', () => {
    const { take, giveBack, created } = numbered({ min: 6 });
    const lent = new Set();
    const use = () => {
      const id = take();
      assert.ok(!lent.has(id) && id < 6, `${id} was lent`);
      lent.add(id);
      return id;
    };
    const recycle = (id) => {
      lent.delete(id);
      giveBack(id);
    };
    times(6, use).forEach(recycle);
    const [first, second] = times(2, use);
    recycle(first);
    const [, fourth] = times(2, use);
    recycle(second);
    recycle(fourth);
    const [, , fifth] = times(3, use);
    recycle(fifth);
    times(2, use);
    assert.deepEqual([created(), lent.size], [6, 5]);
    use();
    assert.equal(take(), 6, 'a new one, when all are lent');
  });
});

describe('opool', () => {
  class Test {
    test = null;
    static reset(object) {
      object.test = null;
    }
  }
  const make = () => new ObjectPool(() => new Test(), { reset: Test.reset });

  it('lends different instances of a class', () => {
    const pool = make();
    const [first, second] = [pool.acquire(), pool.acquire()];
    assert.ok(first instanceof Test && second instanceof Test);
    assert.notEqual(first, second);
  });

  it('resets what comes back', () => {
    const pool = make();
    const object = pool.acquire();
    object.test = 1;
    pool.release(object);
    assert.equal(object.test, null);
  });

  it('recycles', () => {
    const pool = make();
    const [first, second] = [pool.acquire(), pool.acquire()];
    pool.release(first);
    assert.equal(pool.acquire(), first);
    pool.release(second);
    assert.equal(pool.acquire(), second);
  });
});

describe('@smikhalevski/object-pool', () => {
  it('lends new objects, and what came back, the last one first', () => {
    for (const [back, again] of [
      [[], []],
      [[1], [1]],
      [
        [0, 2],
        [2, 0],
      ],
    ]) {
      const { take, giveBack } = numbered();
      assert.deepEqual(times(3, take), [0, 1, 2]);
      giveBack(...back);
      assert.deepEqual(times(back.length, take), again);
      assert.equal(take(), 3);
    }
  });

  it('lends the only object again', () => {
    const { take, giveBack } = numbered();
    assert.equal(take(), 0);
    giveBack(0);
    assert.equal(take(), 0);
  });
});
