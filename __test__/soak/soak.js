'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { nextTurn } = require('../helper.js');

/** Of which the first third warms up, and the other two are compared. */
const ROUNDS = 40;
/** What the heap in use may grow by between them: see `soak`. */
const HEAP_TOLERANCE_MIB = 0.5;
/** V8 and malloc take memory in leaps of up to 6 MiB, once: only what grows again in every try is a leak. */
const TRIES = 3;
const MIB = 1024 * 1024;

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
  const grew = Math.min(rss.growth, outside.growth) > tolerance || heap.growth > HEAP_TOLERANCE_MIB;
  return { grew, line };
}

/**
 * Fails when threads, files, handles or memory are left behind by what `run` makes and drops.
 *
 * @param {string} what
 * @param {number} tolerance in MiB: by how much the median of the last third of the rounds may lie above that of the
 *   second third
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

module.exports = { ROUNDS, soak };
