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
 * By how much the median of the last third of the rounds may lie above that of the second third. Between the two lie
 * 667 objects or 333 workers. A loss of 4 KiB with each, put in on purpose, is noticed for workers, caches, detectors
 * and event-loop monitors; pools, monitors and histograms need more, because malloc has room left from their own use.
 * (Node 24 and 26 themselves lose about 1.3 KiB with every worker that loads an addon of napi-rs.)
 */
const TOLERANCE_MIB = { objects: 2, workers: 3, heap: 0.5 };
/** V8 and malloc take memory in leaps of up to 6 MiB, once: only what grows again in every try is a leak. */
const TRIES = 3;
const MIB = 1024 * 1024;

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
  cache: () => {
    const cache = new Cache({ max: 100, ttl: 1000 });
    for (let i = 0; i < 200; i++) {
      cache.set(i, { i });
      cache.get(i - 50);
    }
    return () => cache.close();
  },
  'leak detector': () => {
    const detector = new LeakDetector({ warmup: 0, gcInterval: 10 }).start();
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
 * @param {number[]} values after each round, in bytes
 * @returns {{ second: number, last: number, growth: number }} medians of the second and last third, in MiB
 */
function trend(values) {
  const third = Math.floor(values.length / 3);
  const second = median(values.slice(third, 2 * third)) / MIB;
  const last = median(values.slice(-third)) / MIB;
  return { second, last, growth: last - second };
}

/**
 * One try: all rounds, and what memory did meanwhile.
 *
 * @param {string} what
 * @param {number} tolerance in MiB
 * @param {(round: number) => Promise<void>} run
 */
async function rounds(what, tolerance, run) {
  const samples = [];
  for (let round = 0; round < ROUNDS; round++) {
    await run(round);
    await settle();
    samples.push(process.memoryUsage());
  }
  const rss = trend(samples.map((sample) => sample.rss));
  // What V8 holds in reserve for its heap comes and goes with its mood.
  const outside = trend(samples.map((sample) => sample.rss - sample.heapTotal));
  const heap = trend(samples.map((sample) => sample.heapUsed));
  const line =
    `${what}: RSS ${(samples[0].rss / MIB).toFixed(1)} MiB after the first of ${ROUNDS} rounds, median ` +
    `${rss.second.toFixed(1)} in the second third, ${rss.last.toFixed(1)} in the last ` +
    `(outside V8's heap ${outside.second.toFixed(1)} and ${outside.last.toFixed(1)}); ` +
    `heap in use ${heap.second.toFixed(2)} and ${heap.last.toFixed(2)}`;
  console.log(line);
  const grew = Math.min(rss.growth, outside.growth) > tolerance || heap.growth > TOLERANCE_MIB.heap;
  return { grew, line };
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
  const grown = [];
  while (grown.length < TRIES) {
    const { grew, line } = await rounds(what, tolerance, run);
    if (!grew) {
      break;
    }
    grown.push(line);
  }
  await sleep(200);
  await settle();
  const after = left();
  console.log(
    `${what}: ${before.threads} threads and ${before.files} files before, ${after.threads} and ${after.files} after`,
  );
  assert.deepEqual(after, before);
  assert.ok(grown.length < TRIES, `memory grew in every try:\n${grown.join('\n')}`);
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
