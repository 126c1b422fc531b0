'use strict';

const assert = require('node:assert/strict');
const { EventEmitter } = require('node:events');
const { describe, it } = require('node:test');
const { assertNoLeak } = require('..');

/** What the runtime itself does between tests must not decide: fewer calls would do for what leaks this much. */
const FEW = { operations: 100 };

/** @param {Promise<unknown>} promise */
async function rejection(promise) {
  try {
    await promise;
  } catch (raised) {
    return raised;
  }
  throw assert.fail('it should have been rejected');
}

describe('assertNoLeak refuses', () => {
  it('what is no function, and options out of range or misspelt', async () => {
    await assert.rejects(assertNoLeak(), { code: 'ERR_HEAPWISE_INVALID_ARG_TYPE' });
    await assert.rejects(
      assertNoLeak(() => {}, { operation: 5 }),
      {
        code: 'ERR_HEAPWISE_UNKNOWN_OPTION',
        message: /did you mean "operations"/,
      },
    );
    const wrong = { operations: [0, 1.5, NaN], confidence: [0.4, 1], maxGrowth: [-1], maxRounds: [9, 501] };
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        await assert.rejects(
          assertNoLeak(() => {}, { [name]: value }),
          {
            code: 'ERR_HEAPWISE_INVALID_ARG_VALUE',
          },
        );
      }
    }
  });

  it('to go on when the function throws, and says what it threw', async () => {
    let calls = 0;
    const fails = async () => {
      if (++calls === 250) {
        throw new Error('of the function');
      }
    };
    await assert.rejects(assertNoLeak(fails, FEW), { message: 'of the function' });
    assert.equal(calls, 250);
  });
});

describe('a function that leaks', () => {
  it('is found in few rounds, with its growth and its place', async () => {
    const kept = [];
    function keepAnOrder() {
      kept.push({ id: kept.length, lines: [1, 2, 3] });
    }
    const error = await rejection(assertNoLeak(keepAnOrder, FEW));
    assert.equal(error.code, 'ERR_HEAPWISE_LEAK');
    assert.equal(error.dimension, 'heap');
    assert.ok(error.rounds <= 25, `${error.rounds} rounds`);
    // An object of 2 fields, an array of 3, and their place in the list: 80 to 160 bytes.
    assert.ok(error.heap.growth > 60 && error.heap.growth < 250, `${error.heap.growth}`);
    assert.ok(error.heap.pValue < 0.01);
    const [site] = error.sites;
    assert.equal(site.function, 'keepAnOrder');
    assert.equal(site.file, '__test__/assert-no-leak.test.js');
    assert.equal(site.package.name, 'heapwise');
    assert.match(error.message, /keepAnOrder/);
  });

  it('of promises, of which only the waiting is forgotten, too', async () => {
    const bus = new EventEmitter().setMaxListeners(0);
    const error = await rejection(
      assertNoLeak(async () => {
        await Promise.resolve();
        bus.on('reply', () => {});
      }, FEW),
    );
    assert.equal(error.code, 'ERR_HEAPWISE_LEAK');
  });

  it('outside the heap is found as buffers', async () => {
    const kept = [];
    const error = await rejection(assertNoLeak(() => kept.push(Buffer.allocUnsafeSlow(8192)), FEW));
    assert.equal(error.code, 'ERR_HEAPWISE_LEAK');
    const { growth } = error.buffers;
    assert.ok(growth > 8000 && growth < 9000, `${growth}`);
  });
});

describe('a function that holds something for a while', () => {
  it('does not leak, though it grows from round to round', async () => {
    const result = await assertNoLeak(() => {
      const lines = Array.from({ length: 50 }, (_, line) => ({ line }));
      setTimeout(() => lines.length, 1200).unref();
    }, FEW);
    assert.ok(result.heap.growth < 100, JSON.stringify(result));
  });
});

describe('a function that does not leak', () => {
  const clean = {
    'leaves garbage': () => JSON.parse(JSON.stringify({ list: [1, 2, 3] })),
    awaits: async () => {
      await new Promise(setImmediate);
    },
    'fills a cache that is full': (() => {
      const cache = new Map();
      let next = 0;
      return () => {
        cache.set(next++, { next });
        cache.delete(next - 100);
      };
    })(),
  };
  for (const [what, operation] of Object.entries(clean)) {
    it(`but ${what} passes, surely`, async () => {
      const result = await assertNoLeak(operation);
      assert.ok(result.heap.growth < 4, JSON.stringify(result));
      assert.ok(result.rounds >= 7 && result.operations === result.rounds * 500);
    });
  }
});
