// node-flags: --expose-gc
'use strict';

/**
 * Makes and drops thousands of everything and looks at what the process is left with. Not part of `npm test`: about a
 * minute and a half. Run it with `node scripts/test.js __test__/soak`.
 */

const { once } = require('node:events');
const { describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const {
  BufferPool,
  Cache,
  EventLoopMonitor,
  Histogram,
  LeakDetector,
  ObjectPool,
  createMonitor,
} = require('../..');
const { nextTurn } = require('../helper.js');
const { ROOT } = require('../run-script.js');
const { ROUNDS, soak } = require('./soak.js');

const OBJECTS = 2000;
const WORKERS = 1000;
/** Workers that run at a time. */
const ABREAST = 5;
/**
 * See `soak`. Between the two thirds lie 667 objects or 333 workers. A loss of 4 KiB with each, put in on purpose, is
 * noticed for workers, caches, detectors and event-loop monitors; pools, monitors and histograms need more, because
 * malloc has room left from their own use. (Node 24 and 26 themselves lose about 1.3 KiB with every worker that loads an
 * addon of napi-rs.)
 */
const TOLERANCE_MIB = { objects: 2, workers: 3 };

/**
 * One of each kind; all of them started, used and closed. Those that take much memory come last: what malloc keeps of
 * it would hide what the others lose.
 */
const KINDS = {
  pool: () => {
    const pool = new ObjectPool(() => ({}), { min: 10 });
    pool.release(pool.acquire());
    return () => pool.close();
  },
  'buffer pool': () => {
    const pool = new BufferPool({ maxBytes: 2 ** 20, idleTimeout: 1 });
    const [small, large] = [pool.acquire(100).fill(1), pool.acquire(100_000).fill(1)];
    pool.release(small);
    return () => {
      pool.close();
      pool.release(large);
    };
  },
  cache: () => {
    const cache = new Cache({ max: 100, ttl: 1000 });
    for (let i = 0; i < 200; i++) {
      cache.set(i, { i });
      cache.get(i - 50);
    }
    return () => cache.close();
  },
  'leak detector': () => {
    const detector = new LeakDetector({ warmup: 0, gcInterval: 10, maxGcShare: 1 }).start();
    return () => detector.close();
  },
  'event-loop monitor': () => {
    const monitor = new EventLoopMonitor({ blockedThreshold: 0.001 }).start();
    monitor.on('blocked', () => {});
    return () => monitor.stop();
  },
  monitor: () => {
    const cache = new Cache({ max: 10 });
    const monitor = createMonitor({ caches: { cache } }).start();
    monitor.report();
    return () => monitor.close();
  },
  histogram: () => {
    const histogram = new Histogram();
    histogram.record(5);
    histogram.merge(Histogram.decode(histogram.encode()));
    return () => histogram.reset();
  },
};

const WORKER = `
  const { BufferPool, Cache, EventLoopMonitor, createMonitor } = require(${JSON.stringify(ROOT)});
  const { parentPort, workerData } = require('node:worker_threads');
  const cache = new Cache({ max: 100, ttl: 50 });
  for (let i = 0; i < 2000; i++) { cache.set(i % 200, i); cache.get(i % 150); }
  const buffers = new BufferPool({ maxBytes: 2 ** 26, name: 'soak' });
  buffers.acquire(100).fill(1);
  buffers.release(buffers.acquire(100_000).fill(1));
  createMonitor({ caches: { cache }, leak: { warmup: 0, gcInterval: 10, maxGcShare: 1 } }).start();
  new EventLoopMonitor({ blockedThreshold: 1 }).start().on('blocked', () => {});
  const block = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
  const states = [
    () => setInterval(() => {}, 1000),
    () => setTimeout(() => block(5000), 1),
    () => setInterval(() => { globalThis.junk = Array.from({ length: 2e4 }, (_, i) => ({ i })); }, 0),
    () => setInterval(() => block(2), 0),
  ];
  states[workerData % states.length]();
  parentPort.postMessage('ready');`;

/** @param {number} number decides what the worker is doing when it is terminated */
async function worker(number) {
  const thread = new Worker(WORKER, { eval: true, workerData: number });
  await once(thread, 'message');
  await thread.terminate();
}

/** @param {number} first @param {number} count */
async function workers(first, count) {
  for (let i = first; i < first + count; i += ABREAST) {
    const numbers = Array.from({ length: Math.min(ABREAST, first + count - i) }, (_, k) => i + k);
    await Promise.all(numbers.map(worker));
  }
}

describe('memory, threads and files', () => {
  it(`do not grow with ${WORKERS} workers that are terminated`, { timeout: 400_000 }, async () => {
    const batch = WORKERS / ROUNDS;
    await soak('worker', TOLERANCE_MIB.workers, (round) => workers(round * batch, batch));
  });

  for (const [kind, make] of Object.entries(KINDS)) {
    it(`do not grow with ${OBJECTS} of kind ${kind}`, { timeout: 120_000 }, async () => {
      await soak(kind, TOLERANCE_MIB.objects, async () => {
        for (let i = 0; i < OBJECTS / ROUNDS; i += 5) {
          const closers = Array.from({ length: 5 }, make);
          await nextTurn();
          closers.forEach((close) => close());
        }
      });
    });
  }
});
