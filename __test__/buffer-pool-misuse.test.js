// node-flags: --expose-gc
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { BufferPool, ObjectPool } = require('..');
const {
  NOT_BOOLEANS,
  NOT_FUNCTIONS,
  NOT_NUMBERS,
  NOT_OBJECTS,
  NOT_STRINGS,
  assertCode,
  nextTurn,
} = require('./helper.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const UNKNOWN = 'ERR_HEAPWISE_UNKNOWN_OPTION';
const DOUBLE = 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE';
const FOREIGN = 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT';
const SLICE = 'ERR_HEAPWISE_BUFFER_POOL_SLICE';
const TOO_LARGE = 'ERR_HEAPWISE_BUFFER_POOL_TOO_LARGE';
const EXHAUSTED = 'ERR_HEAPWISE_BUFFER_POOL_EXHAUSTED';
const BUDGET = 'ERR_HEAPWISE_BUFFER_POOL_BUDGET';
const WRITTEN = 'ERR_HEAPWISE_BUFFER_POOL_WRITE_AFTER_RELEASE';
const CLOSED = 'ERR_HEAPWISE_POOL_CLOSED';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Counts that must not change while a call is refused. */
function untouched(pool, misuse) {
  const before = pool.stats();
  misuse();
  assert.deepEqual(pool.stats(), before, 'a refused call changes no figure');
}

describe('the constructor of BufferPool', () => {
  test('without options, or with what are none, is refused', () => {
    assertCode(() => new BufferPool(), TYPE, TypeError);
    assertCode(() => new BufferPool({}), TYPE, TypeError);
    for (const wrong of NOT_OBJECTS) {
      assertCode(() => new BufferPool(wrong), TYPE, TypeError, wrong);
    }
    assert.throws(() => BufferPool({ maxBytes: MIB }), TypeError);
  });

  test('with a misspelt option is refused by the name probably meant', () => {
    const { message } = assertCode(
      () => new BufferPool({ maxBytes: MIB, zeros: 'never' }),
      UNKNOWN,
      TypeError,
    );
    assert.match(message, /"zeros" of BufferPool; did you mean "zero"/);
  });

  test('with a budget that no pool can have is refused', () => {
    for (const maxBytes of NOT_NUMBERS) {
      assertCode(() => new BufferPool({ maxBytes }), TYPE, TypeError, maxBytes);
    }
    for (const maxBytes of [NaN, -1, 0, 65_535, 65_536.5, Infinity, 2 ** 60]) {
      assertCode(() => new BufferPool({ maxBytes }), VALUE, RangeError, maxBytes);
    }
  });

  test('with sizes that are no ascending list within the budget is refused', () => {
    for (const sizes of [null, 4096, '4096', { 0: 4096 }, new Set([4096])]) {
      assertCode(() => new BufferPool({ maxBytes: MIB, sizes }), TYPE, TypeError, sizes);
    }
    for (const wrong of NOT_NUMBERS) {
      assertCode(() => new BufferPool({ maxBytes: MIB, sizes: [64, wrong] }), TYPE, TypeError, wrong);
    }
    for (const sizes of [[], [0], [64, 64], [128, 64], [64.5], [MIB + 1], [NaN], Array(1001).fill(1)]) {
      assertCode(() => new BufferPool({ maxBytes: MIB, sizes }), VALUE, RangeError, sizes);
    }
    // A hole is undefined.
    assertCode(() => new BufferPool({ maxBytes: MIB, sizes: [64, , 128] }), TYPE, TypeError); // eslint-disable-line no-sparse-arrays
  });

  test('with any other option out of its range is refused', () => {
    const wrong = (option) => () => new BufferPool({ maxBytes: MIB, ...option });
    for (const zero of ['always', '', null, true, 0]) {
      assertCode(wrong({ zero }), VALUE, RangeError, zero);
    }
    for (const name of NOT_STRINGS) {
      assertCode(wrong({ name }), TYPE, TypeError, name);
    }
    assertCode(wrong({ name: '' }), VALUE, RangeError);
    for (const idleTimeout of NOT_NUMBERS) {
      assertCode(wrong({ idleTimeout }), TYPE, TypeError, idleTimeout);
    }
    for (const idleTimeout of [0, -1, NaN, -Infinity]) {
      assertCode(wrong({ idleTimeout }), VALUE, RangeError, idleTimeout);
    }
    for (const debug of NOT_BOOLEANS) {
      assertCode(wrong({ debug }), TYPE, TypeError, debug);
    }
  });

  test('takes options that are given as undefined', () => {
    const nothing = { sizes: undefined, zero: undefined, name: undefined, idleTimeout: undefined };
    const pool = new BufferPool({ maxBytes: MIB, ...nothing, debug: undefined });
    assert.equal(pool.acquire(5).length, 5);
    pool.close();
  });

  test('with a budget of a name that has another one is refused, as long as there is one', () => {
    const name = 'misuse: another budget';
    const first = new BufferPool({ maxBytes: MIB, name });
    const { message } = assertCode(() => new BufferPool({ maxBytes: 2 * MIB, name }), BUDGET, RangeError);
    assert.match(message, new RegExp(String(MIB)));
    new BufferPool({ maxBytes: MIB, name }).close();
    new BufferPool({ maxBytes: 2 * MIB }).close();
    assert.equal(first.stats().sharedBytes, 0);
  });
});

describe('acquire of a BufferPool', () => {
  const pool = new BufferPool({ maxBytes: MIB });

  test('of what is no length is refused, without running code of it', () => {
    const hostile = {
      valueOf: () => assert.fail('valueOf'),
      [Symbol.toPrimitive]: () => assert.fail('toPrimitive'),
    };
    untouched(pool, () => {
      for (const wrong of [undefined, ...NOT_NUMBERS, hostile]) {
        const { message } = assertCode(() => pool.acquire(wrong), TYPE, TypeError, wrong);
        assert.match(message, /^"byteLength" must be a number/);
      }
      for (const wrong of [0, -0, -1, 0.5, 1.5, NaN, Infinity, -Infinity, 2 ** 32 + 0.5]) {
        assertCode(() => pool.acquire(wrong), VALUE, RangeError, wrong);
      }
    });
  });

  test('of more than any block holds is refused before memory is asked for', () => {
    untouched(pool, () => {
      for (const wrong of [MIB + 1, 2 ** 31, 2 ** 32 + 64, 2 ** 53]) {
        const { message } = assertCode(() => pool.acquire(wrong), TOO_LARGE, RangeError, wrong);
        assert.match(message, new RegExp(`${MIB}.*${wrong}`));
      }
    });
    const small = new BufferPool({ maxBytes: MIB, sizes: [100, 4000] });
    assertCode(() => small.acquire(4001), TOO_LARGE, RangeError);
    assert.equal(small.acquire(4000).length, 4000);
  });

  test('beyond the budget is refused, leaves the pool usable and works once something came back', () => {
    const all = pool.acquire(MIB);
    untouched(pool, () => {
      const { message } = assertCode(() => pool.acquire(1), EXHAUSTED, Error);
      assert.match(message, new RegExp(`${MIB} bytes are in use`));
    });
    pool.release(all);
    pool.release(pool.acquire(1));
    assert.ok(pool.stats().committedBytes < MIB, 'the large block made room for a small one');
  });
});

describe('release of a BufferPool', () => {
  for (const debug of [false, true]) {
    test(`twice does not lend one block to two${debug ? ', with debug' : ''}`, () => {
      const pool = new BufferPool({ maxBytes: MIB, debug });
      for (const length of [100, 100_000]) {
        const buffer = pool.acquire(length);
        pool.release(buffer);
        untouched(pool, () => assertCode(() => pool.release(buffer), DOUBLE, Error));
        const [one, two] = [pool.acquire(length), pool.acquire(length)];
        one.fill(1);
        two.fill(2);
        assert.ok(one.every((byte) => byte === 1));
        pool.release(one);
        pool.release(two);
      }
    });
  }

  test('of a view of a former loan is a second release of it, and leaves the present loan alone', () => {
    const pool = new BufferPool({ maxBytes: MIB });
    const old = pool.acquire(100_000);
    pool.release(old);
    const now = pool.acquire(99_999);
    assert.equal(now.buffer, old.buffer, 'the same memory');
    untouched(pool, () => assertCode(() => pool.release(old), DOUBLE, Error));
    pool.release(now);
  });

  test('with debug finds an old loan even if its length is that of the present one', () => {
    const pool = new BufferPool({ maxBytes: MIB, debug: true });
    const old = pool.acquire(100_000);
    pool.release(old);
    const now = pool.acquire(100_000);
    assert.equal(now.buffer, old.buffer, 'the same memory');
    untouched(pool, () => assertCode(() => pool.release(old), DOUBLE, Error));
    pool.release(now);
  });

  test('of what was never lent is refused, whatever it is', () => {
    const pool = new BufferPool({ maxBytes: MIB });
    const lent = pool.acquire(100);
    const others = [undefined, null, 5, 5n, 'text', Symbol('key'), {}, [], () => {}];
    const buffers = [Buffer.alloc(0), Buffer.alloc(100), new Uint8Array(100), new ArrayBuffer(100)];
    untouched(pool, () => {
      for (const wrong of [...others, ...buffers, new Proxy(lent, {}), Object.create(lent)]) {
        assertCode(() => pool.release(wrong), FOREIGN, Error, wrong);
      }
    });
    pool.release(lent);
  });

  test('of a buffer of another pool, of buffers or of objects, is refused', () => {
    const pool = new BufferPool({ maxBytes: MIB });
    const other = new BufferPool({ maxBytes: MIB });
    const objects = new ObjectPool(() => Buffer.alloc(100));
    const [theirs, object] = [other.acquire(100), objects.acquire()];
    untouched(pool, () => {
      assertCode(() => pool.release(theirs), FOREIGN, Error);
      assertCode(() => pool.release(theirs.subarray(1)), FOREIGN, Error);
      assertCode(() => pool.release(object), FOREIGN, Error);
    });
    other.release(theirs);
    objects.release(object);
  });

  test('of a part of a buffer is refused by name, and the buffer can still be released', () => {
    const pool = new BufferPool({ maxBytes: MIB });
    for (const length of [100, 100_000]) {
      const buffer = pool.acquire(length);
      const parts = [
        buffer.subarray(0),
        buffer.subarray(10, 20),
        buffer.subarray(0, 0),
        new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length),
        new DataView(buffer.buffer, buffer.byteOffset, 1),
      ];
      untouched(pool, () => {
        for (const part of parts) {
          const { message } = assertCode(() => pool.release(part), SLICE, Error, part);
          assert.match(message, /part of a buffer of this pool/);
        }
      });
      pool.release(buffer);
    }
  });

  test('of a buffer whose memory was transferred drops the block and gives nobody else that memory', (t) => {
    if (typeof ArrayBuffer.prototype.transfer !== 'function') {
      t.skip('this Node has no ArrayBuffer.prototype.transfer');
      return;
    }
    for (const options of [{}, { zero: 'release' }, { debug: true, zero: 'acquire' }]) {
      const pool = new BufferPool({ maxBytes: MIB, ...options });
      // Blocks that share the slab: one is lent, one idle, the others were never lent.
      for (const length of [1000, 100_000]) {
        const lent = pool.acquire(length);
        const idle = pool.acquire(length);
        pool.release(idle);
        const taken = new Uint8Array(lent.buffer.transfer()).fill(7);
        pool.release(lent);
        pool.trim();
        const next = pool.acquire(length);
        assert.equal(next.length, length);
        next.fill(1);
        assert.ok(
          taken.every((byte) => byte === 7),
          'the memory is that of its new owner',
        );
        assertCode(() => pool.release(lent), DOUBLE, Error);
        pool.release(next);
        // All blocks are idle now, and the memory is taken all the same.
        const alsoTaken = new Uint8Array(next.buffer.transfer()).fill(8);
        pool.trim();
        assert.ok(
          alsoTaken.every((byte) => byte === 8),
          'what is given back is not what was taken away',
        );
      }
      const { borrowed, usedBytes, requestedBytes } = pool.stats();
      assert.deepEqual(
        { borrowed, usedBytes, requestedBytes },
        { borrowed: 0, usedBytes: 0, requestedBytes: 0 },
      );
      pool.close();
    }
  });

  test('is not got round by a transfer to another thread: that is refused, or copies', () => {
    const pool = new BufferPool({ maxBytes: MIB });
    const buffer = pool.acquire(100_000).fill(5);
    const { port1, port2 } = new MessageChannel();
    const transfers = [
      () => structuredClone(buffer, { transfer: [buffer.buffer] }),
      () => port1.postMessage(buffer, [buffer.buffer]),
    ];
    for (const transfer of transfers) {
      try {
        transfer();
      } catch (thrown) {
        assert.equal(thrown.name, 'DataCloneError');
      }
      assert.equal(buffer.length, 100_000, 'it is still here');
      assert.equal(buffer[99_999], 5);
    }
    const copy = structuredClone(buffer);
    assert.notEqual(copy.buffer, buffer.buffer);
    pool.release(buffer);
    port1.close();
    port2.close();
  });
});

describe('use of a BufferPool', () => {
  test('without a function is refused before anything is lent', () => {
    const pool = new BufferPool({ maxBytes: MIB });
    untouched(pool, () => {
      for (const wrong of NOT_FUNCTIONS) {
        assertCode(() => pool.use(10, wrong), TYPE, TypeError, wrong);
      }
      assertCode(() => pool.use('10', () => {}), TYPE, TypeError);
    });
  });

  test('gives the buffer back when its function throws, rejects, or returns what only looks like a promise', async () => {
    const pool = new BufferPool({ maxBytes: MIB });
    const broken = new Error('broken');
    const fail = () => {
      throw broken;
    };
    assert.throws(() => pool.use(10, fail), broken);
    assert.equal(pool.stats().borrowed, 0);
    await assert.rejects(
      pool.use(10, async () => fail()),
      broken,
    );
    assert.equal(pool.stats().borrowed, 0);
    // oxlint-disable-next-line unicorn/no-thenable
    const notThenable = { then: 5 };
    assert.equal(
      pool.use(10, () => notThenable),
      notThenable,
    );
    assert.equal(pool.stats().borrowed, 0);
    const hostile = {
      // oxlint-disable-next-line unicorn/no-thenable
      get then() {
        return fail();
      },
    };
    assert.throws(() => pool.use(10, () => hostile), broken);
    assert.equal(pool.stats().borrowed, 0);
  });

  test('is told when its function has released the buffer itself', () => {
    const pool = new BufferPool({ maxBytes: MIB });
    assertCode(() => pool.use(10, (buffer) => pool.release(buffer)), DOUBLE, Error);
    assert.equal(pool.stats().borrowed, 0);
  });
});

describe('a write to released memory', () => {
  /** A buffer that is written at an index after its release. */
  function written(pool, length, index) {
    const buffer = pool.acquire(length);
    (function culprit() {
      pool.release(buffer);
    })();
    buffer[index] = 1;
  }

  test('is found by the next acquire, with its place, its size and the stack of the release', () => {
    const pool = new BufferPool({ maxBytes: MIB, debug: true });
    for (const [length, index, size] of [
      [100, 99, 112],
      [100_000, 0, 112 * KIB],
      [100_000, 65_536, 112 * KIB],
      [100_000, 99_999, 112 * KIB],
    ]) {
      written(pool, length, index);
      const borrowed = pool.stats();
      const thrown = assertCode(() => pool.acquire(length), WRITTEN, Error);
      assert.equal(thrown.offset, index);
      assert.equal(thrown.size, size);
      assert.match(thrown.message, new RegExp(`Byte ${index} of a block of ${size}`));
      assert.match(thrown.cause.stack, /culprit/);
      assert.doesNotMatch(thrown.cause.stack.split('\n')[1], /buffer-pool\.js/);
      assert.deepEqual(pool.stats(), borrowed, 'nothing was lent');
      pool.release(pool.acquire(length));
    }
  });

  test('beyond the end of the loan, into what rounding added, is found too', () => {
    const pool = new BufferPool({ maxBytes: MIB, debug: true });
    const buffer = pool.acquire(100_000);
    pool.release(buffer);
    new Uint8Array(buffer.buffer)[100_001] = 1;
    assert.equal(assertCode(() => pool.acquire(5e4 + 5e4), WRITTEN, Error).offset, 100_001);
  });

  /** The warnings of what a function does. */
  async function warningsOf(fn) {
    const warnings = [];
    const listen = (warning) => warnings.push(warning);
    process.on('warning', listen);
    fn();
    await nextTurn();
    process.off('warning', listen);
    return warnings;
  }

  test('is a warning where memory is given back, and keeps nothing from being given back', async () => {
    const pool = new BufferPool({ maxBytes: MIB, debug: true });
    const warnings = await warningsOf(() => {
      written(pool, 100_000, 3);
      assert.equal(pool.trim(), 112 * KIB);
      written(pool, 100_000, 4);
      pool.close();
    });
    assert.deepEqual(
      warnings.map(({ code, offset }) => [code, offset]),
      [
        [WRITTEN, 3],
        [WRITTEN, 4],
      ],
    );
    assert.equal(pool.stats().committedBytes, 0);
  });

  test('is not seen where nobody wrote: a loan that is used, fresh memory, zeroing, closing', async () => {
    const warnings = await warningsOf(() => {
      for (const zero of ['never', 'release', 'acquire']) {
        const pool = new BufferPool({ maxBytes: MIB, debug: true, zero });
        for (let round = 0; round < 5; round++) {
          const [small, large] = [pool.acquire(100 + round), pool.acquire(100_000 + round)];
          const expected = zero !== 'never' || round === 0 ? 0 : 0xde;
          assert.ok(
            large.every((byte) => byte === expected),
            `${large[0]} with ${zero}`,
          );
          small.fill(round);
          large.fill(round);
          pool.release(small);
          pool.release(large);
        }
        pool.close();
      }
    });
    assert.deepEqual(warnings, []);
  });

  test('does not crash after the memory went back to the system', async () => {
    const pool = new BufferPool({ maxBytes: MIB });
    const buffer = pool.acquire(200_000).fill(1);
    pool.release(buffer);
    pool.close();
    await nextTurn();
    globalThis.gc();
    await nextTurn();
    buffer.fill(2);
    assert.equal(buffer[199_999], 2);
  });
});

describe('a closed BufferPool', () => {
  test('lends nothing in any way, and cannot be trimmed', () => {
    const pool = new BufferPool({ maxBytes: MIB });
    pool.release(pool.acquire(100));
    pool.close();
    untouched(pool, () => {
      for (const call of [
        () => pool.acquire(100),
        () => pool.acquire(100_000),
        () => pool.use(100, () => assert.fail('called')),
        () => pool.lease(100),
        () => pool.trim(),
      ]) {
        assertCode(call, CLOSED, Error);
      }
    });
  });

  test('takes back what it lent, once, and then holds nothing', () => {
    for (const debug of [false, true]) {
      const pool = new BufferPool({ maxBytes: MIB, debug });
      const lent = [10, 10, 100, 5000, 100_000].map((length) => pool.acquire(length));
      pool.release(pool.acquire(200_000));
      pool.close();
      pool.close();
      pool[Symbol.dispose]();
      assert.ok(pool.stats().committedBytes < 600_000, 'the idle block is gone');
      for (const buffer of lent) {
        pool.release(buffer);
        untouched(pool, () => assertCode(() => pool.release(buffer), DOUBLE, Error));
      }
      const { committedBytes, usedBytes, idleBytes, borrowed, idle } = pool.stats();
      assert.deepEqual([committedBytes, usedBytes, idleBytes, borrowed, idle], [0, 0, 0, 0, 0]);
    }
  });
});
