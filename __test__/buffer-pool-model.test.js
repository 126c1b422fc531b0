'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { BufferPool } = require('..');
const { seeded } = require('./helper.js');

const MIB = 1024 * 1024;
const SCHEDULES = 60;
const STEPS = 400;

/** Sizes of the built-in series, worked out without it. */
function series(most) {
  const sizes = [];
  for (let base = 64; base < most; base *= 2) {
    sizes.push(base, base * 1.25, base * 1.5, base * 1.75);
  }
  return [...sizes.filter((size) => size < most), most];
}

/** What a pool must do, by the book: lent buffers with the byte that fills each, and sums over them. */
class Model {
  lent = [];
  back = [];
  acquired = 0;
  peak = 0;

  constructor(sizes) {
    this.sizes = sizes;
  }

  sizeOf({ length }) {
    return this.sizes.find((size) => size >= length);
  }

  sum(of) {
    return this.lent.reduce((sum, { buffer }) => sum + of(buffer), 0);
  }

  figures() {
    const usedBytes = this.sum((buffer) => this.sizeOf(buffer));
    this.peak = Math.max(this.peak, usedBytes);
    return {
      borrowed: this.lent.length,
      requestedBytes: this.sum(({ length }) => length),
      usedBytes,
      peakUsedBytes: this.peak,
      acquired: this.acquired,
      released: this.acquired - this.lent.length,
    };
  }
}

function check(pool, model, what) {
  const stats = pool.stats();
  const figures = model.figures();
  const told = Object.fromEntries(Object.keys(figures).map((name) => [name, stats[name]]));
  assert.deepEqual(told, figures, what);
  assert.ok(stats.usedBytes + stats.idleBytes <= stats.committedBytes, what);
  assert.ok(stats.committedBytes <= stats.maxBytes, what);
  assert.equal(stats.hits + stats.misses, stats.acquired, what);
}

function isFilled(buffer, byte) {
  return buffer[0] === byte && buffer.subarray(1).equals(buffer.subarray(0, -1));
}

/** No two lent buffers share a byte: each still holds what its holder put there. */
function assertUntouched({ buffer, byte }, what) {
  assert.ok(isFilled(buffer, byte), what);
}

function schedule(seed) {
  const random = seeded(seed);
  const own = random.chance(0.3) ? [48, 160, 4096, 50_000, 300_000] : undefined;
  const options = {
    maxBytes: random.pick([MIB, 4 * MIB]),
    zero: random.pick(['never', 'release', 'acquire']),
    debug: random.chance(0.3),
    idleTimeout: Infinity,
    ...(own && { sizes: own }),
  };
  const pool = new BufferPool(options);
  const model = new Model(own ?? series(options.maxBytes));
  const largest = model.sizes.at(-1);
  let refused = 0;

  function acquire() {
    const length = 1 + random.below(random.pick([100, 5000, 100_000, 300_000]));
    const byte = random.below(256);
    const buffer = pool.acquire(length);
    assert.equal(buffer.length, length);
    if (options.zero !== 'never') {
      assert.ok(isFilled(buffer, 0));
    }
    model.lent.push({ buffer: buffer.fill(byte), byte });
    model.acquired++;
  }

  function attempt() {
    try {
      acquire();
    } catch (thrown) {
      if (thrown.code !== 'ERR_HEAPWISE_BUFFER_POOL_EXHAUSTED') {
        throw thrown;
      }
      refused++;
    }
  }

  function release() {
    const [loan] = model.lent.splice(random.below(model.lent.length), 1);
    if (loan !== undefined) {
      assertUntouched(loan, `seed ${seed}`);
      pool.release(loan.buffer);
      model.back.push(loan.buffer);
    }
  }

  function misuse() {
    const buffer = random.pick(model.back);
    const again = model.lent.some((loan) => loan.buffer === buffer);
    if (buffer !== undefined && !again) {
      assert.throws(() => pool.release(buffer), { code: 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE' });
    }
    const lent = random.pick(model.lent);
    if (lent !== undefined) {
      assert.throws(() => pool.release(lent.buffer.subarray(0)), {
        code: 'ERR_HEAPWISE_BUFFER_POOL_SLICE',
      });
    }
    assert.throws(() => pool.acquire(largest + 1), { code: 'ERR_HEAPWISE_BUFFER_POOL_TOO_LARGE' });
  }

  function trim() {
    const { committedBytes } = pool.stats();
    const given = pool.trim();
    assert.equal(pool.stats().committedBytes, committedBytes - given);
  }

  for (let step = 0; step < STEPS; step++) {
    const [action] = random.pick([[attempt], [attempt], [attempt], [release], [release], [misuse], [trim]]);
    action();
    check(pool, model, `seed ${seed}, step ${step}, ${action.name}`);
  }
  const closeFirst = random.chance(0.5);
  if (closeFirst) {
    pool.close();
  }
  while (model.lent.length > 0) {
    release();
    check(pool, model, `seed ${seed}, at the end`);
  }
  pool.close();
  const { committedBytes, sharedBytes, idle } = pool.stats();
  assert.deepEqual([committedBytes, sharedBytes, idle], [0, 0, 0], `seed ${seed} leaves nothing`);
  return refused;
}

describe('a BufferPool under random schedules', () => {
  it('lends no byte twice, keeps its books and its budget, and gives all back', () => {
    let refused = 0;
    for (let seed = 1; seed <= SCHEDULES; seed++) {
      refused += schedule(seed);
    }
    assert.ok(refused > 50, `the budget was felt ${refused} times`);
  });
});
