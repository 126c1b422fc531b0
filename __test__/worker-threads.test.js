'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const { describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const { ROOT, runScript } = require('./run-script.js');

/** One of each, started; then what `then` says. */
const BUSY = (then) => `
  const { BufferPool, Cache, EventLoopMonitor, Histogram, LeakDetector, ObjectPool, createMonitor } = require(${JSON.stringify(ROOT)});
  const { parentPort } = require('node:worker_threads');
  const cache = new Cache({ max: 100, ttl: 50 });
  for (let i = 0; i < 5000; i++) { cache.set(i % 200, i); cache.get(i % 150); }
  const pool = new ObjectPool(() => ({}), { min: 4 });
  pool.acquire();
  const buffers = new BufferPool({ maxBytes: 2 ** 26, name: 'io', idleTimeout: 20 });
  buffers.release(buffers.acquire(1e5));
  buffers.acquire(1e5).fill(1);
  buffers.acquire(100);
  const monitor = createMonitor({ caches: { cache }, pools: { pool, buffers }, leak: { warmup: 0, gcInterval: 20, maxGcShare: 1 } }).start();
  const tracked = new ObjectPool(64, { track: 'all', min: 2 });
  globalThis.held = tracked.acquire();
  const lag = new EventLoopMonitor({ blockedThreshold: 1 }).start();
  lag.on('blocked', () => {});
  const detector = new LeakDetector({ gcInterval: 10, maxGcShare: 1 }).start();
  new Histogram().record(1);
  const block = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
  ${then}
  parentPort.postMessage('ready');`;

/** What the worker is doing when it is terminated. */
const STATES = {
  'while it is idle': BUSY('setInterval(() => {}, 1000);'),
  'while it is blocked': BUSY('setTimeout(() => block(5000), 1);'),
  'while it collects garbage': BUSY(
    'setInterval(() => { const junk = []; for (let i = 0; i < 2e4; i++) junk.push({ i }); }, 0);',
  ),
  'while blocked events are on their way': BUSY('setInterval(() => block(3), 0);'),
};

/** Threads of this process, where the system tells. */
function threads() {
  return process.platform === 'linux' ? fs.readdirSync('/proc/self/task').length : 0;
}

async function terminated(source) {
  const worker = new Worker(source, { eval: true });
  await once(worker, 'message');
  await worker.terminate();
}

describe('a worker that uses everything', () => {
  it('may be terminated 200 times and leaves no handle and no thread behind', async () => {
    // The first one starts what the process keeps (V8's own helpers), so it is not counted.
    await terminated(STATES['while it is idle']);
    const before = { handles: process.getActiveResourcesInfo().toSorted(), threads: threads() };
    const sources = Object.values(STATES);
    for (let i = 0; i < 50; i++) {
      await Promise.all(sources.map(terminated));
    }
    const after = { handles: process.getActiveResourcesInfo().toSorted(), threads: threads() };
    assert.deepEqual(after.handles, before.handles);
    assert.ok(after.threads <= before.threads, `${after.threads} threads, ${before.threads} before`);
  });

  it('ends by itself, and by process.exit, as if nothing were running', async () => {
    for (const then of ['', 'parentPort.postMessage("exiting"); process.exit(3);']) {
      const worker = new Worker(BUSY(then), { eval: true });
      const [code] = await once(worker, 'exit');
      assert.equal(code, then === '' ? 0 : 3);
    }
  });

  it('measures its own loop, not the main one', async () => {
    const worker = new Worker(
      `const { EventLoopMonitor } = require(${JSON.stringify(ROOT)});
       const { parentPort } = require('node:worker_threads');
       const monitor = new EventLoopMonitor({ blockedThreshold: 60 }).start();
       monitor.on('blocked', (event) => {
         parentPort.postMessage({ event, stats: monitor.stats() });
         monitor.close();
       });
       setTimeout(() => { const end = performance.now() + 90; while (performance.now() < end); }, 20);
       setTimeout(() => {}, 300);`,
      { eval: true },
    );
    const exited = once(worker, 'exit');
    const [{ event, stats }] = await once(worker, 'message');
    assert.ok(event.duration >= 89.9, `${event.duration} ms`);
    assert.equal(stats.source, 'libuv', stats.reason);
    assert.equal(stats.blocked, 1);
    await exited;
  });
});

describe('an addon that only workers have loaded', () => {
  it('may be unloaded with the last of them', async () => {
    const { code, stderr } = await runScript(`
      const { Worker } = require('node:worker_threads');
      const source = ${JSON.stringify(BUSY(''))};
      (async () => {
        for (let i = 0; i < 10; i++) {
          await new Promise((resolve) => new Worker(source, { eval: true }).on('exit', resolve));
        }
      })();`);
    assert.equal(code, 0, stderr);
  });
});
