'use strict';

// What was seen to go wrong in object pools on npm: reusify 1.1.0, deepool 3.0.1, @smikhalevski/object-pool 1.0.0, opool
// 0.1.1 and object-pool 0.2.0 lend an object that was released twice to two callers, at once or many acquires later, and
// deepool lends what was never its own.

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { ObjectPool } = require('..');
const { assertCode } = require('./helper.js');

const LENT_AT_MOST = 20;

/** Lends that many, which must all be different. */
function lendAll(pool, count = LENT_AT_MOST) {
  const lent = Array.from({ length: count }, () => pool.acquire());
  assert.equal(new Set(lent).size, count, 'no object is lent twice');
  return lent;
}

describe('an object of an ObjectPool is not lent to two callers', () => {
  for (const idle of [0, 1, 6]) {
    for (const between of [0, 1, 5]) {
      it(`after a double release with ${idle} others idle and ${between} acquires in between`, () => {
        const pool = new ObjectPool(() => ({}));
        const others = lendAll(pool, idle + 1);
        const object = others.pop();
        others.forEach((other) => pool.release(other));
        pool.release(object);
        const held = [];
        for (let i = 0; i < between; i++) {
          held.push(pool.acquire());
        }
        // Lent again by now, it is somebody's own to release, once.
        const again = held.indexOf(object);
        if (again !== -1) {
          pool.release(object);
          held.splice(again, 1);
        }
        assertCode(() => pool.release(object), 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE', Error);
        const lent = lendAll(pool);
        assert.ok(held.every((each) => !lent.includes(each)));
      });
    }
  }

  it('after many double releases that nobody looked at', () => {
    const pool = new ObjectPool(() => ({}));
    const objects = lendAll(pool, 5);
    for (let round = 0; round < 3; round++) {
      for (const object of objects) {
        try {
          pool.release(object);
        } catch {
          // As in code that swallows what a release throws.
        }
      }
    }
    assert.equal(pool.stats().idle, 5);
    lendAll(pool);
  });

  it('because somebody put it there who had it from elsewhere', () => {
    const pool = new ObjectPool(() => ({}));
    const foreign = {};
    assertCode(() => pool.release(foreign), 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT', Error);
    assertCode(() => pool.release(foreign), 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT', Error);
    assert.ok(!lendAll(pool).includes(foreign));
  });
});
