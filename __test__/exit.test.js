'use strict';

const assert = require('node:assert/strict');
const { cpSync, mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { describe, it } = require('node:test');
const { ROOT, runScript } = require('./run-script.js');

const REQUIRE = `
  const { BufferPool, Cache, EventLoopMonitor, Histogram, LeakDetector, ObjectPool, createMonitor } = require(${JSON.stringify(ROOT)});
  const block = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };`;

const ONE_OF_EACH = `${REQUIRE}
  const cache = new Cache({ max: 10, ttl: 1000 });
  cache.set('a', 1);
  const pool = new ObjectPool(() => ({}), { min: 2 });
  pool.acquire();
  const buffers = new BufferPool({ maxBytes: 2 ** 20, name: 'io' });
  buffers.release(buffers.acquire(1e5));
  buffers.acquire(1e5);
  buffers.acquire(100);
  const tracked = new ObjectPool(64, { track: 'all', min: 2 });
  globalThis.held = tracked.acquire();
  const lag = new EventLoopMonitor({ blockedThreshold: 5 }).start();
  lag.on('blocked', () => {});
  const leak = new LeakDetector({ gcInterval: 10, maxGcShare: 1 }).start();
  leak.on('leak', () => {});
  new Histogram().record(5);
  const monitor = createMonitor({ caches: { cache }, pools: { pool, buffers } }).start();
`;

/** A worker that does that with a monitor of its own, and what the main thread does when it hears of it. */
function blockedWorker(then, onMessage) {
  const source = `${REQUIRE}
    const { parentPort } = require('node:worker_threads');
    new EventLoopMonitor({ blockedThreshold: 5 }).start();
    setTimeout(() => { ${then} }, 5);`;
  return `new (require('node:worker_threads').Worker)(${JSON.stringify(source)}, { eval: true })
    .on('message', () => setTimeout(() => { ${onMessage} }, 50));`;
}

/** How the script goes on, and the exit code that it must end with. */
const ENDINGS = {
  'with nothing left to do': ['', 0],
  'after a block that is announced': ['setTimeout(() => block(30), 5);', 0],
  'by process.exit in the middle of a turn': ['setTimeout(() => { block(30); process.exit(4); }, 5);', 4],
  'by process.exit after a native call, from within which no stack could be had': [
    'setTimeout(() => { require("node:crypto").pbkdf2Sync("a", "b", 1e5, 64, "sha512"); process.exit(4); }, 5);',
    4,
  ],
  'by a signal while it is blocked': [
    'setTimeout(() => { process.kill(process.pid, "SIGTERM"); for (;;); }, 5);',
    'SIGTERM',
  ],
  'while a worker is blocked for ever': [
    blockedWorker('parentPort.postMessage("x"); for (;;);', 'process.exit(4)'),
    4,
  ],
  'when a worker that has been blocked ends the process': [
    blockedWorker('block(30); process.exit();', ''),
    0,
  ],
  'by an uncaught exception': ['setTimeout(() => { throw new Error("x"); }, 5);', 1],
  'when everything is closed twice': [
    'for (const it of [cache, pool, tracked, buffers, lag, leak, monitor]) { it.close(); it.close(); it[Symbol.dispose](); }',
    0,
  ],
};

for (const bridge of ['', 'off']) {
  describe(`a process ends${bridge ? ' without the V8 bridge' : ''}`, () => {
    for (const [ending, [then, expected]] of Object.entries(ENDINGS)) {
      it(ending, async () => {
        const { code, signal, stderr } = await runScript(ONE_OF_EACH + then, {
          env: { HEAPWISE_V8_BRIDGE: bridge },
        });
        assert.equal(signal ?? code, expected, stderr);
        if (expected === 0) {
          assert.equal(stderr, '');
        }
      });
    }
  });
}

describe('several copies of the package', () => {
  /** Two copies, had as `load` says, that watch the same block; what each of them says of it. */
  async function watchedByTwo(load) {
    const { code, stdout, stderr } = await runScript(`
      const first = require('heapwise');
      const second = ${load};
      if (first === second || first.Cache === second.Cache) throw new Error('one copy only');
      const seen = [];
      for (const { EventLoopMonitor } of [first, second]) {
        const monitor = new EventLoopMonitor({ blockedThreshold: 30 }).start();
        monitor.on('blocked', (event) => seen.push({ ...event, ...monitor.stats() }));
      }
      setTimeout(function culprit() { const end = performance.now() + 90; while (performance.now() < end); }, 10);
      setTimeout(() => console.log(JSON.stringify(seen)), 150);`);
    assert.equal(code, 0, stderr);
    const seen = JSON.parse(stdout);
    assert.equal(seen.length, 2);
    for (const { duration, stacks, frames } of seen) {
      assert.ok(duration >= 89.9, `${duration} ms`);
      assert.ok(stacks !== 'v8' || frames.some(({ functionName }) => functionName === 'culprit'));
    }
  }

  it('that share a binary measure the same', () =>
    watchedByTwo(`(() => {
      for (const key of Object.keys(require.cache)) delete require.cache[key];
      return require('heapwise');
    })()`));

  it('that have a binary each measure the same', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'heapwise-copy-'));
    for (const part of ['lib', 'package.json']) {
      cpSync(join(ROOT, part), join(folder, part), { recursive: true });
    }
    await watchedByTwo(`require(${JSON.stringify(folder)})`);
    rmSync(folder, { recursive: true });
  });
});
