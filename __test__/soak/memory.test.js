// node-flags: --expose-gc
'use strict';

/**
 * Makes and drops thousands of everything and looks at what the process is left with. Not part of `npm test`: about a
 * minute and a half. Run it with `node scripts/test.js __test__/soak`.
 */

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const { describe, it } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { Cache, EventLoopMonitor, Histogram, LeakDetector, ObjectPool, createMonitor } = require('../..');
const { nextTurn } = require('../helper.js');
const { ROOT } = require('../run-script.js');

const OBJECTS = 2000;
const WORKERS = 1000;
const ROUNDS = 40;
/** Workers that run at a time. */
const ABREAST = 5;
/**
 * How much the median RSS of the last third of the rounds may lie above that of the second third. V8's and malloc's
 * own breathing was up to 3 MiB here (Node 20 to 26); 1 KiB lost with each of the objects would be 4 MiB by then.
 */
const TOLERANCE_MIB = { objects: 4, workers: 6 };
const MIB = 1024 * 1024;

/** One of each kind; all of them started, used and closed. */
const KINDS = {
  'event-loop monitor': () => {
    const monitor = new EventLoopMonitor({ blockedThreshold: 0.001 }).start();
    monitor.on('blocked', () => {});
    return () => monitor.stop();
  },
  'leak detector': () => {
    const detector = new LeakDetector({ warmup: 0, gcInterval: 10 }).start();
    return () => detector.close();
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
  cache: () => {
    const cache = new Cache({ max: 100, ttl: 1000 });
    for (let i = 0; i < 200; i++) {
      cache.set(i, { i });
      cache.get(i - 50);
    }
    return () => cache.close();
  },
  pool: () => {
    const pool = new ObjectPool(() => ({}), { min: 10 });
    pool.release(pool.acquire());
    return () => pool.close();
  },
};

const WORKER = `
  const { Cache, EventLoopMonitor, createMonitor } = require(${JSON.stringify(ROOT)});
  const { parentPort, workerData } = require('node:worker_threads');
  const cache = new Cache({ max: 100, ttl: 50 });
  for (let i = 0; i < 2000; i++) { cache.set(i % 200, i); cache.get(i % 150); }
  createMonitor({ caches: { cache }, leak: { warmup: 0, gcInterval: 10 } }).start();
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

/** Lets everything end that is about to: closing handles, finalizers, threads. */
async function settle() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc();
    await nextTurn();
  }
}

function left() {
  const count = (/** @type {string} */ folder) =>
    process.platform === 'linux' ? fs.readdirSync(folder).length : 0;
  return {
    threads: count('/proc/self/task'),
    files: count('/proc/self/fd'),
    resources: process.getActiveResourcesInfo().toSorted(),
  };
}

/** @param {number[]} values */
function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/**
 * @param {string} what
 * @param {number} tolerance in MiB
 * @param {number[]} rss after each round, in bytes
 */
function assertPlateau(what, tolerance, rss) {
  const third = Math.floor(rss.length / 3);
  const second = median(rss.slice(third, 2 * third)) / MIB;
  const last = median(rss.slice(-third)) / MIB;
  const line =
    `${what}: RSS ${(rss[0] / MIB).toFixed(1)} MiB after the first of ${rss.length} rounds, ` +
    `median ${second.toFixed(1)} in the second third, ${last.toFixed(1)} in the last`;
  console.log(line);
  assert.ok(last - second <= tolerance, `${line}; more than ${tolerance} MiB of growth`);
}

/**
 * @param {string} what
 * @param {number} tolerance in MiB
 * @param {(round: number) => Promise<void>} run
 */
async function soak(what, tolerance, run) {
  // The first round starts what the process keeps: helper threads of V8 and libuv, the clock's thread.
  await run(0);
  await settle();
  await sleep(200);
  const before = left();
  const rss = [];
  for (let round = 0; round < ROUNDS; round++) {
    await run(round);
    await settle();
    rss.push(process.memoryUsage.rss());
  }
  // The coarse clock of an environment that has ended is joined by then; a timer of V8's may need a moment.
  await sleep(200);
  await settle();
  const after = left();
  console.log(`${what}: ${after.threads} threads and ${after.files} files, as before`);
  assert.deepEqual(after, before);
  assertPlateau(what, tolerance, rss);
}

describe('memory, threads and files', () => {
  for (const [kind, make] of Object.entries(KINDS)) {
    it(`do not grow with ${OBJECTS} of kind ${kind}`, { timeout: 60_000 }, async () => {
      await soak(kind, TOLERANCE_MIB.objects, async () => {
        for (let i = 0; i < OBJECTS / ROUNDS; i += 5) {
          const closers = Array.from({ length: 5 }, make);
          await nextTurn();
          closers.forEach((close) => close());
        }
      });
    });
  }

  it(`do not grow with ${WORKERS} workers that are terminated`, { timeout: 400_000 }, async () => {
    const batch = WORKERS / ROUNDS;
    await soak('worker', TOLERANCE_MIB.workers, (round) => workers(round * batch, batch));
  });
});
