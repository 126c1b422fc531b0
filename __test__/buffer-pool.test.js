// node-flags: --expose-gc
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { setTimeout: wait } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { BufferPool, createMonitor } = require('..');
const binding = require('../lib/binding.js');
const { createBufferPoolClass } = require('../lib/buffer-pool/buffer-pool.js');
const { SizeClasses } = require('../lib/buffer-pool/size-classes.js');
const { collected, nextTurn, seeded } = require('./helper.js');
const { ROOT, runScript } = require('./run-script.js');

const KIB = 1024;
const MIB = 1024 * KIB;

/** A collection source that collects when it is told to, and counts its users. */
function fakeGc() {
  const listeners = new Set();
  let users = 0;
  return {
    acquire: () => users++,
    release: () => users--,
    listen: (listener) => listeners.add(listener),
    unlisten: (listener) => listeners.delete(listener),
    collect: () => listeners.forEach((listener) => listener([])),
    users: () => [users, listeners.size],
  };
}

/** Lends that many bytes in blocks of 1 MiB, touches every page, and gives all back. */
function lendAndRelease(pool, bytes) {
  const buffers = Array.from({ length: bytes / MIB }, () => pool.acquire(MIB).fill(1));
  buffers.forEach((buffer) => pool.release(buffer));
}

/** Waits until a condition holds; says whether it did in that time. */
async function within(milliseconds, condition) {
  const end = performance.now() + milliseconds;
  while (!condition()) {
    if (performance.now() > end) {
      return false;
    }
    await wait(5);
  }
  return true;
}

describe('the size classes', () => {
  it('hold every length in the smallest block that fits, a quarter larger at most', () => {
    const classes = new SizeClasses(2 ** 31, 2 ** 40);
    const sizes = classes.all.map(({ size }) => size);
    assert.deepEqual(sizes.slice(0, 10), [64, 80, 96, 112, 128, 160, 192, 224, 256, 320]);
    assert.equal(sizes.at(-1), 2 ** 31);
    const lengths = Array.from({ length: 5000 }, (_, i) => i + 1);
    for (const size of sizes) {
      lengths.push(size - 1, size, Math.min(size + 1, 2 ** 31));
    }
    for (const length of lengths) {
      const { size } = classes.of(length);
      assert.equal(size, sizes[sizes.findIndex((each) => each >= length)], `${length} bytes`);
      assert.ok(length <= 64 || size <= length * 1.25, `${length} bytes in ${size}`);
    }
  });

  it('may be given, and are found as well', () => {
    const { pick, below } = seeded(1);
    for (let round = 0; round < 50; round++) {
      const given = new Set(
        Array.from({ length: 1 + below(20) }, () => 1 + below(pick([100, 5000, 100_000]))),
      );
      const sizes = [...given].toSorted((a, b) => a - b);
      const rounded = sizes.map((size) => Math.ceil(size / 16) * 16);
      const classes = new SizeClasses(2 ** 20, 2 ** 20, sizes);
      for (let length = 1; length <= sizes.at(-1); length += 1 + below(50)) {
        const { size } = classes.of(length);
        assert.equal(
          size,
          rounded.find((each) => each >= length),
          `${length} bytes of ${sizes}`,
        );
      }
    }
  });

  it('end at the budget, even if that is none of the series', () => {
    const pool = new BufferPool({ maxBytes: 1_000_000 });
    const page = binding.pageSize();
    const largest = Math.floor(1_000_000 / page) * page;
    pool.release(pool.acquire(largest));
    assert.deepEqual(pool.stats().classes, [{ size: largest, lent: 0, idle: 1 }]);
    assert.throws(() => pool.acquire(largest + 1), { code: 'ERR_HEAPWISE_BUFFER_POOL_TOO_LARGE' });
  });
});

describe('a buffer of a BufferPool', () => {
  const pool = new BufferPool({ maxBytes: 64 * MIB });

  it('is a Buffer of exactly the length asked for, over memory of its own', () => {
    const lengths = [1, 2, 63, 64, 65, 100, 4095, 4096, 4097, 40_000, 65_535, 65_536, 65_537, MIB, 3 * MIB];
    const buffers = [...lengths, ...lengths].map((length) => pool.acquire(length));
    buffers.forEach((buffer, i) => {
      assert.ok(Buffer.isBuffer(buffer));
      assert.equal(Object.getPrototypeOf(buffer), Buffer.prototype);
      assert.equal(buffer.length, lengths[i % lengths.length]);
      assert.equal(buffer.byteOffset % 16, 0, 'any typed array may be laid over it');
      buffer.fill(i + 1);
    });
    buffers.forEach((buffer, i) => assert.ok(buffer.every((byte) => byte === i + 1)));
    buffers.forEach((buffer) => pool.release(buffer));
  });

  it('is the one released last, and the same object when its length is the same', () => {
    for (const length of [100, 100_000]) {
      const [one, two] = [pool.acquire(length), pool.acquire(length)];
      pool.release(one);
      pool.release(two);
      assert.equal(pool.acquire(length), two);
      assert.equal(pool.acquire(length), one);
      pool.release(one);
      const other = pool.acquire(length - 1);
      assert.equal(other.length, length - 1);
      assert.equal(other.buffer, one.buffer);
      assert.equal(other.byteOffset, one.byteOffset);
      pool.release(two);
      pool.release(other);
    }
  });

  it('holds what its last user left, or zeros, as the pool was told', () => {
    for (const [zero, expected] of [
      ['never', 7],
      ['release', 0],
      ['acquire', 0],
    ]) {
      const zeroing = new BufferPool({ maxBytes: MIB, zero });
      const buffer = zeroing.acquire(100_000).fill(7);
      const view = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
      zeroing.release(buffer);
      assert.equal(view[0], zero === 'release' ? 0 : 7, 'zeroed when it comes back, or not yet');
      assert.ok(
        zeroing.acquire(99_999).every((byte) => byte === expected),
        zero,
      );
    }
  });

  it('goes back at the end of a function, of its promise, and of a lease', async () => {
    const lent = () => pool.stats().borrowed;
    assert.equal(
      pool.use(10, (buffer) => buffer.length + lent()),
      11,
    );
    assert.equal(lent(), 0);
    const promise = pool.use(10, async (buffer) => {
      await nextTurn();
      return buffer.length + lent();
    });
    assert.equal(lent(), 1);
    assert.equal(await promise, 11);
    assert.equal(lent(), 0);
    const lease = pool.lease(10);
    assert.equal(lease.value.length, 10);
    assert.equal(lent(), 1);
    lease.release();
    lease[Symbol.dispose]();
    assert.equal(lent(), 0);
  });
});

describe('the figures of a BufferPool', () => {
  it('count what is lent, idle, committed, asked for and missed', () => {
    const pool = new BufferPool({ maxBytes: 10 * MIB });
    const first = pool.acquire(100_000);
    const second = pool.acquire(100_000);
    pool.release(first);
    const third = pool.acquire(MIB);
    const { classes, ...figures } = pool.stats();
    assert.deepEqual(figures, {
      maxBytes: 10 * MIB,
      committedBytes: 2 * 112 * KIB + MIB,
      sharedBytes: 2 * 112 * KIB + MIB,
      usedBytes: 112 * KIB + MIB,
      requestedBytes: 100_000 + MIB,
      peakUsedBytes: 112 * KIB + MIB,
      idleBytes: 112 * KIB,
      trimmedBytes: 0,
      borrowed: 2,
      idle: 1,
      acquired: 3,
      released: 1,
      created: 3,
      hits: 0,
      misses: 3,
      backing: 'native',
    });
    assert.deepEqual(classes, [
      { size: 112 * KIB, lent: 1, idle: 1 },
      { size: MIB, lent: 1, idle: 0 },
    ]);
    pool.release(pool.acquire(90_000 + 10_000));
    assert.equal(pool.stats().hits, 1);
    pool.release(second);
    pool.release(third);
    assert.equal(pool.trim(), 2 * 112 * KIB + MIB);
    const { committedBytes, trimmedBytes, idleBytes, usedBytes } = pool.stats();
    assert.deepEqual([committedBytes, trimmedBytes, idleBytes, usedBytes], [0, 2 * 112 * KIB + MIB, 0, 0]);
  });

  it('can be watched by a monitor', () => {
    const pool = new BufferPool({ maxBytes: MIB });
    pool.acquire(100);
    const monitor = createMonitor({ pools: { pool } });
    assert.equal(monitor.report().pools.pool.borrowed, 1);
    monitor.close();
  });

  it('count what rounding takes: a budget is never exceeded, however many sizes share it', () => {
    const { below, chance } = seeded(2);
    const pool = new BufferPool({ maxBytes: MIB });
    const lent = [];
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      if (chance(0.6)) {
        try {
          lent.push(pool.acquire(1 + below(below(20) === 0 ? 300_000 : 5000)));
        } catch ({ code }) {
          assert.equal(code, 'ERR_HEAPWISE_BUFFER_POOL_EXHAUSTED');
          refused++;
        }
      } else if (lent.length > 0) {
        pool.release(lent.splice(below(lent.length), 1)[0]);
      }
      const { committedBytes, usedBytes, idleBytes } = pool.stats();
      assert.ok(committedBytes <= MIB && usedBytes + idleBytes <= committedBytes);
    }
    assert.ok(refused > 10, 'the budget was felt');
    lent.forEach((buffer) => pool.release(buffer));
    pool.trim();
    assert.equal(pool.stats().committedBytes, 0, 'nothing is lost');
  });
});

describe('V8', () => {
  it('knows of the memory while it is there and not after', async () => {
    const external = () => process.memoryUsage().external;
    // What other tests left is taken first.
    let before = Infinity;
    for (let turn = 0; turn < 20 || external() < before; turn++) {
      before = external();
      globalThis.gc();
      await nextTurn();
    }
    const pool = new BufferPool({ maxBytes: 64 * MIB });
    const buffers = Array.from({ length: 32 }, () => pool.acquire(MIB));
    const there = external() - before;
    assert.ok(there >= 31 * MIB && there <= 34 * MIB, `${there} bytes`);
    buffers.splice(0).forEach((buffer) => pool.release(buffer));
    pool.trim();
    for (let turn = 0; turn < 50 && external() - before > 2 * MIB; turn++) {
      await nextTurn();
      globalThis.gc();
    }
    assert.ok(external() - before <= 2 * MIB, `${external() - before} bytes`);
  });

  it('collects a forgotten pool with its memory, and lent memory that nobody has any more', async () => {
    const name = 'test: forgotten';
    const watching = new BufferPool({ maxBytes: 64 * MIB, name });
    (() => {
      const forgotten = new BufferPool({ maxBytes: 64 * MIB, name, idleTimeout: Infinity });
      forgotten.release(forgotten.acquire(MIB));
      const lent = Array.from({ length: 5 }, () => watching.acquire(MIB));
      lent.forEach((buffer) => watching.release(buffer));
      // Once off the stack of idle blocks, once of new memory.
      assert.equal(lent.map(() => watching.acquire(MIB)).at(-1), lent[0]);
    })();
    assert.equal(watching.stats().sharedBytes, 6 * MIB);
    for (let turn = 0; turn < 50 && watching.stats().sharedBytes > 0; turn++) {
      await nextTurn();
      globalThis.gc();
    }
    const { sharedBytes, committedBytes, borrowed } = watching.stats();
    assert.deepEqual(
      { sharedBytes, committedBytes, borrowed },
      { sharedBytes: 0, committedBytes: 0, borrowed: 5 },
    );
  });

  it('does not collect a pool while a buffer of it is lent', async () => {
    const buffer = (() => new BufferPool({ maxBytes: MIB }).acquire(100_000))();
    buffer.fill(1);
    assert.equal(await collected([new WeakRef({})]), true);
    assert.ok(buffer.every((byte) => byte === 1));
  });
});

const NO_RSS =
  process.platform === 'linux' ? false : 'only Linux takes pages out of the resident set at once';

describe('memory that is idle', () => {
  const BYTES = 64 * MIB;
  const rss = () => process.memoryUsage.rss();

  /** Asserts that the resident set falls within a second of what `giveBack` does. */
  async function falls(pool, giveBack) {
    lendAndRelease(pool, BYTES);
    const before = rss();
    await giveBack();
    const fallen = await within(1000, () => rss() < before - 0.9 * BYTES);
    assert.ok(fallen, `${(before - rss()) / MIB} MiB of ${BYTES / MIB}`);
    const { committedBytes, idle, trimmedBytes } = pool.stats();
    assert.deepEqual([committedBytes, idle, trimmedBytes], [0, 0, BYTES]);
  }

  it('leaves the resident set within a second of a trim', { skip: NO_RSS }, async () => {
    const pool = new BufferPool({ maxBytes: BYTES, idleTimeout: Infinity });
    await falls(pool, () => assert.equal(pool.trim(), BYTES));
  });

  it('leaves it within a second of close', { skip: NO_RSS }, async () => {
    const pool = new BufferPool({ maxBytes: BYTES, idleTimeout: Infinity });
    await falls(pool, () => pool.close());
  });

  it('leaves it within a second of the idle time', { skip: NO_RSS }, async () => {
    const pool = new BufferPool({ maxBytes: BYTES, idleTimeout: 100 });
    await falls(pool, () => wait(100));
  });

  it(
    'leaves it when a major collection ends short of memory, and not otherwise',
    { skip: NO_RSS },
    async () => {
      const gc = fakeGc();
      const memory = { used: 79, limit: 100 };
      const Pool = createBufferPoolClass({ binding, gc, memory: () => memory });
      const pool = new Pool({ maxBytes: BYTES, idleTimeout: Infinity });
      await falls(pool, () => {
        assert.deepEqual(gc.users(), [1, 1]);
        gc.collect();
        assert.equal(pool.stats().committedBytes, BYTES, 'nothing is short');
        memory.used = 80;
        gc.collect();
      });
    },
  );

  it('goes back by itself in a process that is short of memory', async () => {
    // A limit of the process below what it uses: every major collection ends short of memory.
    const { code, stdout, stderr } = await runScript(
      `process.constrainedMemory = () => 1;
       const { BufferPool } = require('heapwise');
       const pool = new BufferPool({ maxBytes: 2 ** 20, idleTimeout: Infinity });
       pool.release(pool.acquire(1e5));
       globalThis.gc();
       const timer = setInterval(() => {
         if (pool.stats().idle === 0) { clearInterval(timer); console.log('back'); }
       }, 10);`,
      { flags: ['--expose-gc'] },
    );
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'back\n', stderr: '' });
  });

  it('asks nothing of the collector and of the loop while there is none', async () => {
    const gc = fakeGc();
    const Pool = createBufferPoolClass({ binding, gc });
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const pool = new Pool({ maxBytes: MIB, idleTimeout: 20 });
    const buffer = pool.acquire(100_000);
    assert.deepEqual(gc.users(), [0, 0]);
    pool.release(buffer);
    assert.deepEqual(gc.users(), [1, 1]);
    assert.ok(await within(1000, () => pool.stats().idle === 0));
    assert.deepEqual(gc.users(), [0, 0], 'it has gone back');
    pool.release(pool.acquire(100_000));
    assert.deepEqual(gc.users(), [1, 1], 'and is watched anew');
    pool.close();
    assert.deepEqual(gc.users(), [0, 0]);
    assert.equal(timers(), 0);
  });

  it('stays while it is in use again and again, and only what is too much goes back', async () => {
    const pool = new BufferPool({ maxBytes: 8 * MIB, idleTimeout: 40 });
    lendAndRelease(pool, 4 * MIB);
    const kept = pool.acquire(MIB);
    pool.release(kept);
    const gone = await within(2000, () => {
      assert.equal(pool.acquire(MIB), kept, 'the one in use is kept');
      pool.release(kept);
      return pool.stats().idle === 1;
    });
    assert.ok(gone);
    assert.equal(pool.stats().trimmedBytes, 3 * MIB);
    pool.close();
  });

  it('in a slab with a lent neighbour waits for it, without a timer', async () => {
    const gc = fakeGc();
    const Pool = createBufferPoolClass({ binding, gc });
    const pool = new Pool({ maxBytes: MIB, idleTimeout: 20 });
    const [one, two] = [pool.acquire(1000), pool.acquire(1000)];
    pool.release(one);
    assert.ok(await within(1000, () => gc.users()[0] === 0), 'it stops looking');
    assert.equal(pool.trim(), 0);
    assert.equal(pool.acquire(1000), one);
    pool.release(one);
    pool.release(two);
    assert.ok(await within(1000, () => pool.stats().committedBytes === 0));
  });

  it('of one size makes room for another, what has been idle longest first', async () => {
    // A tick every 100 ms.
    const pool = new BufferPool({ maxBytes: MIB, idleTimeout: 400 });
    const [one, two] = [64 * KIB, 512 * KIB].map((size) => pool.acquire(size));
    pool.release(two);
    await wait(110);
    pool.release(one);
    const large = pool.acquire(896 * KIB);
    assert.deepEqual(pool.stats().classes, [
      { size: 64 * KIB, lent: 0, idle: 1 },
      { size: 896 * KIB, lent: 1, idle: 0 },
    ]);
    pool.release(large);
    pool.close();
  });
});

describe('where the runtime forbids external buffers', () => {
  /** A binding whose slabs come as those of Electron do. */
  const forbidding = {
    pageSize: binding.pageSize,
    SlabAccount: class {
      constructor(...args) {
        this.native = new binding.SlabAccount(...args);
      }
      allocate(bytes, external) {
        const slab = this.native.allocate(bytes, external);
        return slab && external
          ? { arrayBuffer: () => null, decommit: () => slab.decommit(), footprint: () => slab.footprint() }
          : slab;
      }
      committed() {
        return this.native.committed();
      }
      shared() {
        return this.native.shared();
      }
      lacking(bytes) {
        return this.native.lacking(bytes);
      }
      othersStarve() {
        return this.native.othersStarve();
      }
    },
  };

  /** What must hold of a pool over memory of V8. */
  function works(pool) {
    const buffers = [100, 100_000, 100].map((length) => pool.acquire(length));
    buffers.forEach((buffer, i) => buffer.fill(i));
    buffers.forEach((buffer, i) => assert.ok(buffer.every((byte) => byte === i)));
    assert.equal(pool.stats().backing, 'v8');
    const { committedBytes } = pool.stats();
    assert.ok(committedBytes >= 100_200 && committedBytes < 300_000, `${committedBytes} bytes`);
    assert.throws(() => pool.acquire(MIB), { code: 'ERR_HEAPWISE_BUFFER_POOL_EXHAUSTED' });
    buffers.forEach((buffer) => pool.release(buffer));
    assert.equal(pool.trim(), committedBytes);
    assert.equal(pool.stats().committedBytes, 0);
    pool.close();
  }

  it('memory is that of V8, with the same budget', () => {
    const Pool = createBufferPoolClass({ binding: forbidding, gc: fakeGc() });
    const pool = new Pool({ maxBytes: MIB });
    assert.equal(pool.stats().backing, 'native', 'not known yet');
    works(pool);
  });

  it('or where HEAPWISE_EXTERNAL_BUFFERS turns them off', (t) => {
    process.env.HEAPWISE_EXTERNAL_BUFFERS = 'off';
    t.after(() => delete process.env.HEAPWISE_EXTERNAL_BUFFERS);
    works(new BufferPool({ maxBytes: MIB }));
  });
});

describe('a budget with a name', () => {
  it('is shared by the pools of a thread, which give back what is idle for each other', () => {
    const name = 'test: one thread';
    const [first, second] = [0, 1].map(() => new BufferPool({ maxBytes: MIB, name }));
    const lent = first.acquire(512 * KIB);
    first.release(first.acquire(512 * KIB - 1 - 64 * KIB));
    assert.ok(first.stats().idleBytes > 0);
    const other = second.acquire(512 * KIB);
    assert.equal(first.stats().idleBytes, 0, 'the idle block has made room');
    assert.throws(() => second.acquire(1), { code: 'ERR_HEAPWISE_BUFFER_POOL_EXHAUSTED' });
    assert.deepEqual([second.stats().committedBytes, second.stats().sharedBytes], [512 * KIB, MIB]);
    first.release(lent);
    second.release(other);
    first.close();
    second.close();
    assert.equal(first.stats().sharedBytes, 0);
  });

  it('is shared with workers: one that is refused gets what is idle here', async () => {
    const name = 'test: a worker';
    const pool = new BufferPool({ maxBytes: MIB, name, idleTimeout: Infinity });
    pool.release(pool.acquire(MIB));
    const worker = new Worker(
      `const { BufferPool } = require(${JSON.stringify(ROOT)});
       const { parentPort } = require('node:worker_threads');
       const pool = new BufferPool({ maxBytes: ${MIB}, name: '${name}' });
       (function attempt() {
         try {
           pool.acquire(${MIB}).fill(1);
           parentPort.postMessage(pool.stats().sharedBytes);
         } catch ({ code }) {
           parentPort.postMessage(code);
           setTimeout(attempt, 50);
         }
       })();
       setInterval(() => {}, 1000);`,
      { eval: true },
    );
    const [refused] = await once(worker, 'message');
    assert.equal(refused, 'ERR_HEAPWISE_BUFFER_POOL_EXHAUSTED');
    const answers = [];
    worker.on('message', (answer) => answers.push(answer));
    assert.ok(await within(5000, () => answers.includes(MIB)), answers.join());
    const { idle, sharedBytes, committedBytes } = pool.stats();
    assert.deepEqual([idle, sharedBytes, committedBytes], [0, MIB, 0]);
    await worker.terminate();
    assert.ok(await within(5000, () => pool.stats().sharedBytes === 0), 'the worker has left nothing');
  });

  it('gets everything back from 50 workers that are terminated with buffers in use', async () => {
    const name = 'test: terminated';
    const pool = new BufferPool({ maxBytes: 64 * MIB, name });
    const source = `
      const { BufferPool } = require(${JSON.stringify(ROOT)});
      const { parentPort } = require('node:worker_threads');
      const pool = new BufferPool({ maxBytes: ${64 * MIB}, name: '${name}' });
      const lent = [100, 5000, 100_000, ${2 * MIB}].map((length) => pool.acquire(length).fill(1));
      pool.release(pool.acquire(${MIB}).fill(1));
      setInterval(() => pool.release(pool.acquire(50_000)), 0);
      parentPort.postMessage(pool.stats().committedBytes);`;
    const run = async () => {
      const worker = new Worker(source, { eval: true });
      const [committed] = await once(worker, 'message');
      assert.ok(committed > 3 * MIB && pool.stats().sharedBytes >= committed);
      await worker.terminate();
    };
    await Promise.all(Array.from({ length: 5 }, run));
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 9; i++) {
      await Promise.all(Array.from({ length: 5 }, run));
    }
    assert.equal(pool.stats().sharedBytes, 0);
    const grown = (process.memoryUsage.rss() - before) / MIB;
    // Each had more than 3 MiB: 150 in all.
    assert.ok(grown < 40, `${grown} MiB more`);
  });
});
