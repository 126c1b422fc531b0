'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const vm = require('node:vm');
const { ObjectPool } = require('..');
const { assertCode } = require('./helper.js');
const { runScript } = require('./run-script.js');

/** What a borrower finds after another one has done that. */
function after(pool, spoil) {
  const object = pool.acquire();
  spoil(object);
  pool.release(object);
  const next = pool.acquire();
  return { next, reused: next === object, discarded: pool.stats().discarded };
}

/** Asserts that an object is dropped and not lent again once a borrower has done that with it. */
function assertDropped(template, spoil) {
  const { reused, discarded, next } = after(new ObjectPool(template), spoil);
  assert.deepEqual({ reused, discarded }, { reused: false, discarded: 1 });
  assert.deepEqual(next, template);
}

describe('a plain object as template', () => {
  const TEMPLATE = { id: 0, name: '', ratio: 0.5, done: null, list: undefined, big: 5n, call: Math.max };

  test('hands out no object that still carries its last use', () => {
    const { next, reused } = after(new ObjectPool(TEMPLATE), (object) => {
      Object.assign(object, { id: 'x', name: 5, ratio: {}, done: () => {}, list: [1], big: null, call: 0 });
    });
    assert.ok(reused);
    assert.deepEqual(next, TEMPLATE);
    assert.deepEqual(Object.keys(next), Object.keys(TEMPLATE));
  });

  test('is not lent itself, and its later changes have no effect', () => {
    const template = { a: 1, nested: { list: [1, 2] } };
    const pool = new ObjectPool(template);
    template.a = 2;
    template.b = 3;
    template.nested.list.push(3);
    const first = pool.acquire();
    assert.notEqual(first, template);
    assert.deepEqual(first, { a: 1, nested: { list: [1, 2] } });
    pool.release(first);
    assert.deepEqual(pool.acquire(), { a: 1, nested: { list: [1, 2] } });
  });

  test('does not share what is in it among objects', () => {
    const pool = new ObjectPool({ deep: { list: [{ x: 1 }, [2]] } });
    const [a, b] = [pool.acquire(), pool.acquire()];
    assert.notEqual(a.deep, b.deep);
    assert.notEqual(a.deep.list, b.deep.list);
    assert.notEqual(a.deep.list[0], b.deep.list[0]);
    assert.notEqual(a.deep.list[1], b.deep.list[1]);
    a.deep.list[0].x = 5;
    a.deep.list[1].push(3);
    assert.deepEqual(b, { deep: { list: [{ x: 1 }, [2]] } });
  });

  test('does not take away what a borrower has passed on', () => {
    const pool = new ObjectPool({ rows: [], meta: { count: 0 } });
    const object = pool.acquire();
    object.rows.push('row');
    object.meta.count = 1;
    const { rows, meta } = object;
    const shared = { count: 7 };
    object.meta = shared;
    pool.release(object);
    assert.deepEqual([rows, meta, shared], [['row'], { count: 1 }, { count: 7 }]);
    const next = pool.acquire();
    assert.equal(next, object);
    assert.deepEqual(next, { rows: [], meta: { count: 0 } });
    assert.notEqual(next.rows, rows);
    assert.notEqual(next.meta, meta);
  });

  test('gives back no object that shares with another what is in it', () => {
    const pool = new ObjectPool({ rows: [], meta: { count: 0 } });
    const lent = [pool.acquire(), pool.acquire()];
    lent.forEach((object) => pool.release(object));
    const [a, b] = [pool.acquire(), pool.acquire()];
    a.rows.push('row');
    a.meta.count = 1;
    assert.deepEqual(b, { rows: [], meta: { count: 0 } });
    assert.deepEqual(pool.acquire(), { rows: [], meta: { count: 0 } });
  });

  test('takes an array in it for what it is, not for a length', () => {
    assert.deepEqual(new ObjectPool({ list: [5] }).acquire(), { list: [5] });
  });

  test('drops objects with keys more or less, in another order, or of another class', () => {
    const template = { a: 1, b: 2, c: 3 };
    const spoils = {
      added: (object) => (object.d = 4),
      'added in front': (object) => (object[0] = 4),
      removed: (object) => delete object.b,
      'removed at the end': (object) => delete object.c,
      'removed all': (object) => {
        delete object.a;
        delete object.b;
        delete object.c;
      },
      'one for another': (object) => {
        delete object.c;
        object.d = 3;
      },
      order: (object) => {
        delete object.a;
        object.a = 1;
      },
      prototype: (object) => Object.setPrototypeOf(object, { inherited: 1 }),
      'no prototype': (object) => Object.setPrototypeOf(object, null),
      frozen: (object) => {
        object.a = 5;
        Object.freeze(object);
      },
      getter: (object) => Object.defineProperty(object, 'a', { get: () => 5 }),
      hidden: (object) => Object.defineProperty(object, 'b', { enumerable: false }),
    };
    for (const spoil of Object.values(spoils)) {
      assertDropped(template, spoil);
    }
    const { reused } = after(new ObjectPool(template), (object) => (object.a = 5));
    assert.ok(reused, 'and no others');
  });

  test('is not misled by what somebody has put on Object.prototype', (t) => {
    // oxlint-disable-next-line no-extend-native
    Object.prototype.polluted = 'everywhere';
    t.after(() => delete Object.prototype.polluted);
    for (const template of [{ a: 1, b: 2 }, {}]) {
      const { next, reused } = after(new ObjectPool(template), (object) => (object.a &&= 5));
      assert.ok(reused);
      assert.equal(Object.hasOwn(next, 'polluted'), false);
      assert.equal(next.a, template.a);
    }
  });

  test('may be frozen, come from another realm, or have numbers as keys', () => {
    const pool = new ObjectPool(Object.freeze({ a: 1 }));
    assert.equal(after(pool, (object) => (object.a = 2)).next.a, 1);
    const foreign = vm.runInNewContext('({ a: 1, nested: { list: [1] } })');
    const { next, reused } = after(new ObjectPool(foreign), (object) => object.nested.list.push(2));
    assert.ok(reused);
    assert.deepEqual(next, { a: 1, nested: { list: [1] } });
    const mixed = { b: 1, 7: 'seven', a: 2, 3: 'three' };
    const numbers = after(new ObjectPool(mixed), (object) => (object[3] = object.b = 0));
    assert.ok(numbers.reused);
    assert.deepEqual(numbers.next, mixed);
  });
});

describe('{} as template', () => {
  test('hands out no object that still carries values of its last use', () => {
    const { next, reused } = after(new ObjectPool({}), (object) => {
      Object.assign(object, { sql: 'select', params: [1] });
    });
    assert.ok(reused);
    assert.deepEqual(next, { sql: undefined, params: undefined });
    assert.equal(JSON.stringify(next), '{}');
  });

  test('drops objects that were used as maps', () => {
    const use = (count) => (object) => {
      for (let i = 0; i < count; i++) {
        object[`user${i}`] = i;
      }
    };
    assert.ok(after(new ObjectPool({}), use(64)).reused);
    assertDropped({}, use(65));
    assertDropped({}, (object) => Object.setPrototypeOf(object, null));
    assertDropped({}, (object) => {
      object.a = 1;
      Object.freeze(object);
    });
  });
});

describe('an array as template', () => {
  test('[length] gives arrays of that many zeros, whatever the borrower before did', () => {
    const spoils = [
      (array) => array.fill('x'),
      (array) => (array.length = 0),
      (array) => array.push(1, 2, 3),
      (array) => array.splice(0, 2),
      (array) => (array[2] = 0.5),
      (array) => delete array[1],
    ];
    for (const spoil of spoils) {
      const { next, reused } = after(new ObjectPool([4]), spoil);
      assert.ok(reused);
      assert.deepEqual(next, [0, 0, 0, 0]);
    }
    assert.deepEqual(new ObjectPool([1]).acquire(), [0]);
  });

  test('[] gives empty arrays', () => {
    const { next, reused } = after(new ObjectPool([]), (array) => array.push({}, {}));
    assert.ok(reused);
    assert.deepEqual(next, []);
  });

  test('that a borrower has frozen is dropped', () => {
    assert.equal(after(new ObjectPool([2]), Object.freeze).reused, false);
    assert.equal(after(new ObjectPool([]), Object.freeze).reused, false);
  });
});

describe('buffers as template', () => {
  test('a number gives buffers of that many zero bytes, each with memory of its own', () => {
    const pool = new ObjectPool(16);
    const [a, b] = [pool.acquire(), pool.acquire()];
    assert.ok(Buffer.isBuffer(a));
    assert.deepEqual(a, Buffer.alloc(16));
    assert.equal(a.buffer.byteLength, 16, 'no part of the slab that others are in');
    assert.notEqual(a.buffer, b.buffer);
    const { next, reused } = after(pool, (buffer) => buffer.fill(7));
    assert.ok(reused);
    assert.deepEqual(next, Buffer.alloc(16));
  });

  test('a Buffer gives copies of it as it was', () => {
    const template = Buffer.from('head:    ');
    const pool = new ObjectPool(template);
    template.fill(0);
    const { next, reused } = after(pool, (buffer) => buffer.write('spoilt'));
    assert.ok(reused);
    assert.equal(next.toString(), 'head:    ');
    assert.equal(next.buffer.byteLength, 9);
    assert.notEqual(next.buffer, template.buffer);
    assert.equal(new ObjectPool(Buffer.alloc(0)).acquire().length, 0);
  });

  test('whose memory was transferred are dropped', () => {
    for (const template of [16, Buffer.from('text')]) {
      const { next, reused } = after(new ObjectPool(template), (buffer) => {
        structuredClone(buffer.buffer, { transfer: [buffer.buffer] });
        assert.equal(buffer.length, 0);
      });
      assert.equal(reused, false);
      assert.ok(next.length > 0);
    }
  });
});

describe('the reset option beside a template', () => {
  test('takes the place of what the template would do', () => {
    const reset = (object) => {
      object.a = 'mine';
    };
    const { next } = after(new ObjectPool({ a: 1, b: 2 }, { reset }), (object) => {
      object.b = 'kept';
      object.c = 'kept';
    });
    assert.deepEqual(next, { a: 'mine', b: 'kept', c: 'kept' });
  });

  test('false leaves objects as they are', () => {
    for (const template of [{ a: 1 }, {}, [2], [], 4, Buffer.from('abcd')]) {
      const { next, reused } = after(new ObjectPool(template, { reset: false }), (object) => {
        object[0] = 65;
      });
      assert.ok(reused);
      assert.equal(next[0], 65);
    }
    assert.ok(after(new ObjectPool(() => ({ a: 1 }), { reset: false }), () => {}).reused);
  });
});

test('objects of templates are checked, limited and prefilled as others are', () => {
  for (const template of [{ a: 1 }, {}, [2], [], 4, Buffer.from('abcd')]) {
    const pool = new ObjectPool(template, { min: 2, max: 2 });
    assert.equal(pool.stats().idle, 2);
    const [object, other] = [pool.acquire(), pool.acquire()];
    assert.notEqual(object, other);
    assertCode(() => pool.acquire(), 'ERR_HEAPWISE_POOL_EXHAUSTED', Error);
    pool.release(object);
    assertCode(() => pool.release(object), 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE', Error);
    assertCode(
      () => pool.release(new ObjectPool(template).acquire()),
      'ERR_HEAPWISE_POOL_FOREIGN_OBJECT',
      Error,
    );
  }
});

test('a reset by template keeps the hidden class, and leaves arrays without holes', async () => {
  const { code, stdout, stderr } = await runScript(
    `const assert = require('node:assert');
     const { ObjectPool } = require('heapwise');

     function shaped(template, spoil) {
       const pool = new ObjectPool(template);
       const [object, other] = [pool.acquire(), pool.acquire()];
       assert(%HaveSameMap(object, other), 'two new ones');
       spoil(object);
       spoil(other);
       pool.release(object);
       assert(pool.acquire() === object);
       assert(%HaveSameMap(object, other), 'one reset, one in use');
       assert(%HasFastProperties(object));
       pool.release(other);
       assert(pool.acquire() === other);
       assert(%HaveSameMap(object, other), 'two that were reset');
       // A new {} does not have the keys yet.
       assert(%HaveSameMap(object, pool.acquire()) || Object.keys(template).length === 0, 'and a new one');
     }
     shaped({ id: 0, ratio: 0, name: '', done: null, nested: { x: 1 } }, (object) => {
       object.id = 2 ** 40; object.ratio = 0.5; object.name = 'n'; object.done = () => {}; object.nested = null;
     });
     const twenty = { a: 0, b: 0, c: 0, d: 0, e: 0, f: 0, g: 0, h: 0, i: 0, j: 0, k: 0, l: 0, m: 0, n: 0, o: 0, p: 0, q: 0, r: 0, s: 0, t: 0 };
     shaped(twenty, (object) => { object.t = 'x'; });
     shaped({}, (object) => { object.sql = 'select'; object.params = []; });

     const arrays = new ObjectPool([1000]);
     const array = arrays.acquire();
     assert(%HasSmiElements(array) && !%HasHoleyElements(array), 'new');
     array[5] = 0.5;
     array.length = 10;
     arrays.release(array);
     assert(arrays.acquire() === array);
     assert(array.length === 1000 && %HasDoubleElements(array) && !%HasHoleyElements(array), 'reset');
     console.log('done');`,
    { flags: ['--allow-natives-syntax'] },
  );
  assert.equal(code, 0, stderr);
  assert.equal(stdout, 'done\n');
});
