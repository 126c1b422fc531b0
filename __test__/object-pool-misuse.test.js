'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { ObjectPool } = require('..');
const { NOT_BOOLEANS, NOT_FUNCTIONS, NOT_NUMBERS, NOT_OBJECTS, assertCode } = require('./helper.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const UNKNOWN = 'ERR_HEAPWISE_UNKNOWN_OPTION';
const DOUBLE = 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE';
const FOREIGN = 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT';
const INVALID = 'ERR_HEAPWISE_POOL_INVALID_OBJECT';
const CLOSED = 'ERR_HEAPWISE_POOL_CLOSED';
const TEMPLATE = 'ERR_HEAPWISE_POOL_INVALID_TEMPLATE';
const SIZE = 'ERR_HEAPWISE_POOL_OBJECT_SIZE';

const PRIMITIVES = [undefined, null, true, 0, NaN, 5n, '', 'text', Symbol('key')];

const create = () => ({ value: 0 });

/** Counts that must not change while a call is refused. */
function untouched(pool, misuse) {
  const before = pool.stats();
  misuse();
  assert.deepEqual(pool.stats(), before, 'a refused call changes no count');
}

describe('the constructor of ObjectPool', () => {
  test('with nothing to make objects from is refused', () => {
    const wrong = [undefined, null, true, 1n, '', 'name', Symbol('key')];
    for (const each of [...wrong, new Date(), new Map(), new Uint8Array(4), new URL('a:b')]) {
      const { message } = assertCode(() => new ObjectPool(each), TYPE, TypeError, each);
      assert.match(message, /^"template" must be a function, a plain object, /);
    }
    assertCode(() => new ObjectPool(), TYPE, TypeError);
    assert.throws(() => ObjectPool(create), TypeError);
  });

  test('with a number of bytes that no buffer can have is refused', () => {
    for (const bytes of [0, -1, 1.5, NaN, Infinity, Number.MAX_VALUE]) {
      assertCode(() => new ObjectPool(bytes), VALUE, RangeError, bytes);
    }
  });

  test('with an array that is neither [] nor [length] is refused', () => {
    for (const array of [
      [1, 2],
      [0, 0, 0],
    ]) {
      const { message } = assertCode(() => new ObjectPool(array), VALUE, RangeError, array);
      assert.match(message, /\[\] or \[length\]/);
    }
    for (const length of [0, -1, 1.5, NaN, Infinity, 2 ** 25 + 1]) {
      assertCode(() => new ObjectPool([length]), VALUE, RangeError, length);
    }
    for (const length of [undefined, '5', {}, null]) {
      assertCode(() => new ObjectPool([length]), TYPE, TypeError, length);
    }
  });

  test('with a template that holds what cannot be copied is refused, and says where', () => {
    const cyclic = { a: { b: null } };
    cyclic.a.b = cyclic;
    const sparse = [1];
    sparse[2] = 3;
    const refused = [
      [{ map: new Map() }, 'template.map'],
      [{ a: { b: [1, { date: new Date() }] } }, 'template.a.b[1].date'],
      [{ buffer: Buffer.alloc(4) }, 'template.buffer'],
      [{ a: new URL('a:b') }, 'template.a'],
      [{ a: Object.create(null) }, 'template.a'],
      [{ a: Object.create({ inherited: 1 }) }, 'template.a'],
      [cyclic, 'template.a.b'],
      [{ list: sparse }, 'template.list'],
      [{ list: Object.assign([1], { name: 'x' }) }, 'template.list'],
      [
        {
          get a() {
            return assert.fail('called');
          },
        },
        'template.a',
      ],
      [Object.defineProperty({ a: 1 }, 'b', { value: 2 }), 'template.b'],
      [{ [Symbol('key')]: 1 }, 'template.Symbol(key)'],
      [JSON.parse('{ "a": { "__proto__": { "admin": true } } }'), 'template.a.__proto__'],
    ];
    for (const [template, path] of refused) {
      const { message } = assertCode(() => new ObjectPool(template), TEMPLATE, TypeError, path);
      assert.ok(message.startsWith(`"${path}" cannot be copied, being `), message);
      assert.match(message, /pass a function/);
    }
  });

  test('with options that are no object, or that have an unknown name, is refused', () => {
    for (const wrong of NOT_OBJECTS) {
      assertCode(() => new ObjectPool(create, wrong), TYPE, TypeError, wrong);
    }
    const { message } = assertCode(() => new ObjectPool(create, { rest: () => {} }), UNKNOWN, TypeError);
    assert.match(message, /"rest" of ObjectPool; did you mean "reset"/);
  });

  test('with a reset, sizeOf or onLeak that is no function is refused', () => {
    for (const name of ['reset', 'sizeOf', 'onLeak']) {
      for (const wrong of NOT_FUNCTIONS.slice(1)) {
        const { message } = assertCode(
          () => new ObjectPool(create, { [name]: wrong }),
          TYPE,
          TypeError,
          wrong,
        );
        assert.ok(message.startsWith(`"${name}" `), message);
      }
    }
    assertCode(() => new ObjectPool(create, { sizeOf: false }), TYPE, TypeError);
  });

  test('with a check, a track or a trimOnGc that does not exist is refused', () => {
    for (const wrong of [true, false, null, 'ON', '', 'sometimes', ['on']]) {
      for (const name of ['check', 'track']) {
        const { message } = assertCode(
          () => new ObjectPool(create, { [name]: wrong }),
          VALUE,
          RangeError,
          wrong,
        );
        assert.ok(message.startsWith(`"${name}" must be '`), message);
      }
    }
    for (const wrong of NOT_BOOLEANS) {
      assertCode(() => new ObjectPool(create, { trimOnGc: wrong }), TYPE, TypeError, wrong);
    }
  });

  test('with tracking and without the check that it needs is refused', () => {
    for (const track of ['sampled', 'all']) {
      assertCode(() => new ObjectPool(create, { track, check: 'off' }), VALUE, RangeError);
    }
    assert.ok(new ObjectPool(create, { track: 'off', check: 'off' }).acquire());
  });

  test('with a maxIdle, maxObjectBytes or leakThreshold that cannot be is refused', () => {
    for (const name of ['maxIdle', 'maxObjectBytes', 'leakThreshold']) {
      for (const wrong of NOT_NUMBERS) {
        assertCode(() => new ObjectPool(create, { [name]: wrong }), TYPE, TypeError, wrong);
      }
      for (const wrong of [NaN, -1, -Infinity]) {
        assertCode(() => new ObjectPool(create, { [name]: wrong }), VALUE, RangeError, wrong);
      }
    }
    assertCode(() => new ObjectPool(create, { maxIdle: 1.5 }), VALUE, RangeError);
    assertCode(() => new ObjectPool(create, { maxIdle: 2, min: 3 }), VALUE, RangeError);
    for (const wrong of [0, Infinity, 2 ** 31]) {
      assertCode(() => new ObjectPool(create, { leakThreshold: wrong }), VALUE, RangeError, wrong);
    }
  });

  test('with a limit in bytes for what has no bytes is refused, unless it is told the size', () => {
    for (const template of [{}, { x: 0 }]) {
      const { message } = assertCode(
        () => new ObjectPool(template, { maxObjectBytes: 100 }),
        SIZE,
        TypeError,
        template,
      );
      assert.match(message, /pass "sizeOf"/);
      assert.ok(new ObjectPool(template, { maxObjectBytes: 100, sizeOf: () => 1 }).acquire());
    }
    const pool = new ObjectPool(() => new Map(), { maxObjectBytes: 100 });
    untouched(pool, () => assertCode(() => pool.acquire(), SIZE, TypeError));
    assertCode(() => new ObjectPool(() => new Map(), { maxObjectBytes: 100, min: 1 }), SIZE, TypeError);
  });

  test('with a max or min that no pool can have is refused', () => {
    for (const name of ['max', 'min']) {
      for (const wrong of NOT_NUMBERS) {
        const { message } = assertCode(
          () => new ObjectPool(create, { [name]: wrong }),
          TYPE,
          TypeError,
          wrong,
        );
        assert.ok(message.startsWith(`"${name}" `), message);
      }
      for (const wrong of [NaN, -1, 0.5, 1.5, -Infinity, -Number.MIN_VALUE]) {
        assertCode(() => new ObjectPool(create, { [name]: wrong }), VALUE, RangeError, wrong);
      }
    }
    assertCode(() => new ObjectPool(create, { max: 0 }), VALUE, RangeError);
    assertCode(() => new ObjectPool(create, { min: Infinity }), VALUE, RangeError);
    assertCode(() => new ObjectPool(create, { min: 2 ** 31 }), VALUE, RangeError);
  });

  test('with a min above the max is refused before anything is created', () => {
    let created = 0;
    const count = () => ({ number: ++created });
    assertCode(() => new ObjectPool(count, { max: 3, min: 4 }), VALUE, RangeError);
    assert.equal(created, 0);
    assert.equal(new ObjectPool(count, { max: 3, min: 3 }).stats().idle, 3);
  });

  test('takes options that are given as undefined', () => {
    const { max, idle } = new ObjectPool(create, {
      max: undefined,
      min: undefined,
      reset: undefined,
    }).stats();
    assert.deepEqual({ max, idle }, { max: Infinity, idle: 0 });
    assert.equal(new ObjectPool(create, undefined).stats().max, Infinity);
    assert.equal(new ObjectPool(create, { max: Infinity }).stats().max, Infinity);
  });
});

describe('the create function of an ObjectPool', () => {
  test('that returns a primitive is refused, and nothing is counted', () => {
    for (const primitive of PRIMITIVES) {
      const pool = new ObjectPool(() => primitive);
      untouched(pool, () => {
        const { message } = assertCode(() => pool.acquire(), INVALID, TypeError, primitive);
        assert.match(message, /create function returned .*not an object/);
      });
      assertCode(() => new ObjectPool(() => primitive, { min: 1 }), INVALID, TypeError, primitive);
    }
  });

  test('that returns a long string does not have it printed: it may be a secret', () => {
    const pool = new ObjectPool(() => 'secret'.repeat(1000));
    const { message } = assertCode(() => pool.acquire(), INVALID, TypeError);
    assert.ok(message.length < 200, `a message of ${message.length} characters`);
  });

  test('that returns an object which is lent, idle or of another pool does not get it lent twice', () => {
    const shared = {};
    const pool = new ObjectPool(() => shared);
    const other = new ObjectPool(() => shared);
    assert.equal(pool.acquire(), shared);
    for (const taker of [pool, other]) {
      untouched(taker, () => assertCode(() => taker.acquire(), INVALID, TypeError));
    }
    pool.release(shared);
    untouched(other, () => assertCode(() => other.acquire(), INVALID, TypeError));
    assertCode(() => new ObjectPool(() => shared, { min: 1 }), INVALID, TypeError);
    assert.equal(pool.acquire(), shared, 'its own pool still lends it');
  });

  test('may return an object again that a pool has dropped', () => {
    const shared = {};
    const pool = new ObjectPool(() => shared);
    const other = new ObjectPool(() => shared);
    pool.release(pool.acquire());
    pool.trim();
    assert.equal(other.acquire(), shared);
    assertCode(() => pool.release(shared), FOREIGN, Error);
    other.release(shared);
    assert.equal(other.stats().idle, 1);
  });

  test('that throws leaves the counts right and the pool usable', () => {
    let failing = true;
    const broken = new Error('no memory');
    const pool = new ObjectPool(
      () => {
        if (failing) {
          throw broken;
        }
        return {};
      },
      { max: 1 },
    );
    for (let i = 0; i < 3; i++) {
      untouched(pool, () => assert.throws(pool.acquire.bind(pool), broken));
    }
    failing = false;
    const object = pool.acquire();
    assert.equal(pool.stats().size, 1);
    pool.release(object);
    assert.equal(pool.acquire(), object);
  });

  test('that throws while the pool is filled is heard, and its error is not replaced', () => {
    const broken = new Error('no memory');
    let created = 0;
    const failThird = () => {
      if (++created === 3) {
        throw broken;
      }
      return {};
    };
    assert.throws(() => new ObjectPool(failThird, { min: 5 }), broken);
    assert.equal(created, 3);
  });

  test('that acquires from the pool itself does not push it past its max', () => {
    let nested = false;
    const pool = new ObjectPool(
      () => {
        if (!nested) {
          nested = true;
          pool.acquire();
        }
        return {};
      },
      { max: 1 },
    );
    // The object being made counts, so it is the inner acquire that is refused; with it the create function fails.
    assertCode(() => pool.acquire(), 'ERR_HEAPWISE_POOL_EXHAUSTED', Error);
    assert.equal(pool.stats().size, 0);
    assert.equal(pool.stats().borrowed, 0);
    pool.acquire();
    assert.equal(pool.stats().size, 1);
  });
});

describe('release of an ObjectPool', () => {
  test('twice does not lend one object to two callers', () => {
    const pool = new ObjectPool(create);
    const object = pool.acquire();
    pool.release(object);
    untouched(pool, () => {
      const { message } = assertCode(() => pool.release(object), DOUBLE, Error);
      assert.match(message, /released twice/);
    });
    assert.notEqual(pool.acquire(), pool.acquire());
  });

  test('twice is refused with other objects in between, and after a prefill', () => {
    const pool = new ObjectPool(create, { min: 3 });
    const [first, second] = [pool.acquire(), pool.acquire()];
    pool.release(first);
    pool.release(second);
    assertCode(() => pool.release(first), DOUBLE, Error);
    assertCode(() => pool.release(second), DOUBLE, Error);
    const again = pool.acquire();
    assert.equal(again, second);
    pool.release(again);
    assertCode(() => pool.release(again), DOUBLE, Error);
  });

  test('of an idle object that was never lent is refused', () => {
    const made = [];
    const pool = new ObjectPool(
      () => {
        made.push({});
        return made.at(-1);
      },
      { min: 2 },
    );
    untouched(pool, () => {
      for (const object of made) {
        assertCode(() => pool.release(object), DOUBLE, Error);
      }
    });
  });

  test('of what the pool has dropped is refused', () => {
    const pool = new ObjectPool(create);
    const object = pool.acquire();
    pool.release(object);
    pool.trim();
    untouched(pool, () => assertCode(() => pool.release(object), DOUBLE, Error));
  });

  test('of what is no object is refused with an error of ours', () => {
    const pool = new ObjectPool(create);
    pool.acquire();
    untouched(pool, () => {
      for (const primitive of PRIMITIVES) {
        const { message } = assertCode(() => pool.release(primitive), FOREIGN, Error, primitive);
        assert.match(message, /not lent by this pool/);
      }
      assertCode(() => pool.release(), FOREIGN, Error);
    });
  });

  test('of somebody else’s object is refused', () => {
    const pool = new ObjectPool(create);
    pool.acquire();
    untouched(pool, () => {
      for (const foreign of [{}, [], () => {}, Object.freeze({}), Object.create(null), new Proxy({}, {})]) {
        assertCode(() => pool.release(foreign), FOREIGN, Error);
      }
    });
  });

  test('of another pool’s object is refused, lent or idle, and does it no harm', () => {
    const pool = new ObjectPool(create);
    const other = new ObjectPool(create);
    pool.acquire();
    const object = other.acquire();
    untouched(pool, () => assertCode(() => pool.release(object), FOREIGN, Error));
    other.release(object);
    untouched(pool, () => assertCode(() => pool.release(object), FOREIGN, Error));
    assert.equal(other.acquire(), object);
  });

  test('of a copy, a heir or a wrapper of a lent object is refused, and the object stays lent', () => {
    const pool = new ObjectPool(create);
    const object = pool.acquire();
    const lookalikes = [
      structuredClone(object),
      { ...object },
      Object.create(object),
      new Proxy(object, {}),
      new WeakRef(object),
      [object],
    ];
    untouched(pool, () => {
      for (const lookalike of lookalikes) {
        assertCode(() => pool.release(lookalike), FOREIGN, Error);
      }
    });
    pool.release(object);
    assert.equal(pool.stats().borrowed, 0);
  });

  test('inside of reset is refused, and the object is in the pool once', () => {
    let refused;
    const pool = new ObjectPool(create, {
      reset(object) {
        refused = assertCode(() => pool.release(object), DOUBLE, Error);
      },
    });
    const object = pool.acquire();
    pool.release(object);
    assert.ok(refused);
    assert.equal(pool.stats().idle, 1);
    assert.equal(pool.acquire(), object);
    assert.notEqual(pool.acquire(), object);
  });

  test('inside of reset that nobody catches drops the object', () => {
    const pool = new ObjectPool(create, { reset: (object) => pool.release(object) });
    const object = pool.acquire();
    assertCode(() => pool.release(object), DOUBLE, Error);
    const { size, idle, borrowed, discarded } = pool.stats();
    assert.deepEqual({ size, idle, borrowed, discarded }, { size: 0, idle: 0, borrowed: 0, discarded: 1 });
    assert.notEqual(pool.acquire(), object);
  });
});

describe('use, lease and trim of an ObjectPool', () => {
  test('use without a function lends nothing', () => {
    const pool = new ObjectPool(create);
    untouched(pool, () => {
      for (const wrong of NOT_FUNCTIONS) {
        const { message } = assertCode(() => pool.use(wrong), TYPE, TypeError, wrong);
        assert.match(message, /^"fn" must be a function/);
      }
    });
  });

  test('use of an object that its function has released already says so', () => {
    const pool = new ObjectPool(create);
    assertCode(() => pool.use((object) => pool.release(object)), DOUBLE, Error);
    assert.equal(pool.stats().idle, 1);
    assert.equal(pool.stats().borrowed, 0);
  });

  test('use gives the object back when the result cannot even be asked for "then"', () => {
    const pool = new ObjectPool(create);
    const hostile = {
      // oxlint-disable-next-line unicorn/no-thenable
      get then() {
        throw new Error('hostile');
      },
    };
    assert.throws(() => pool.use(() => hostile), /hostile/);
    assert.equal(pool.stats().borrowed, 0);
  });

  test('a lease of an object that was released past it says so', () => {
    const pool = new ObjectPool(create);
    const lease = pool.lease();
    pool.release(lease.value);
    assertCode(() => lease.release(), DOUBLE, Error);
    assert.equal(pool.stats().idle, 1);
  });

  test('trim to what is no number of objects is refused, and nothing is dropped', () => {
    const pool = new ObjectPool(create, { min: 3 });
    untouched(pool, () => {
      for (const wrong of NOT_NUMBERS) {
        assertCode(() => pool.trim(wrong), TYPE, TypeError, wrong);
      }
      for (const wrong of [NaN, -1, 1.5, -Infinity]) {
        const { message } = assertCode(() => pool.trim(wrong), VALUE, RangeError, wrong);
        assert.match(message, /^"keep" must be an integer >= 0/);
      }
    });
  });
});

describe('a closed ObjectPool', () => {
  test('lends nothing in any way, and creates nothing', () => {
    let created = 0;
    const pool = new ObjectPool(() => ({ number: ++created }), { min: 2 });
    pool.close();
    untouched(pool, () => {
      assertCode(() => pool.acquire(), CLOSED, Error);
      assertCode(() => pool.use(() => assert.fail('called')), CLOSED, Error);
      assertCode(() => pool.lease(), CLOSED, Error);
      assertCode(() => pool.trim(), CLOSED, Error);
    });
    assert.equal(created, 2);
  });

  test('says that it is closed, not that it is exhausted', () => {
    const pool = new ObjectPool(create, { max: 1 });
    pool.acquire();
    pool.close();
    assertCode(() => pool.acquire(), CLOSED, Error);
  });

  test('still refuses a double and a foreign release', () => {
    const pool = new ObjectPool(create);
    const object = pool.acquire();
    pool.close();
    pool.release(object);
    untouched(pool, () => {
      assertCode(() => pool.release(object), DOUBLE, Error);
      assertCode(() => pool.release({}), FOREIGN, Error);
      assertCode(() => pool.release(null), FOREIGN, Error);
    });
  });
});
