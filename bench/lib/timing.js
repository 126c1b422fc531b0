'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');

const WARM_UP_MS = 300;
const SAMPLE_MS = 500;
const QUICK = 0.2;
/** Least time that one turn of the event loop runs operations. */
const TURN_MS = 2;

/**
 * Time per operation of `run(n)`, which does n operations (a power of two, at least 64) and returns a number, or a
 * promise of one, that depends on their results; the sum of these comes back too, so that nothing can be optimised
 * away and the caller can check that the operations did what they should.
 *
 * The time is that of a process doing nothing else, all in: garbage collection counts, and so do the timers and
 * finalizers that a contender leaves to the event loop, which turns every few milliseconds as in a service. A
 * contender that caches the time until the next turn is so measured with the clock it would have in real use.
 *
 * What `run.prepare(n)` does, where there is one, comes before each `run(n)` and does not count, but for the garbage that it
 * makes.
 *
 * @param {((n: number) => number | Promise<number>) & { prepare?: (n: number) => void }} run
 * @param {{ quick: boolean, warmUp?: number, sample?: number }} options milliseconds
 * @returns {Promise<{ value: number, ops: number, sum: number }>}
 */
async function time(run, { quick, warmUp = WARM_UP_MS, sample = SAMPLE_MS }) {
  const scale = quick ? QUICK : 1;
  const perTurn = await warm(run, warmUp * scale);
  let elapsed = 0;
  let ops = 0;
  let sum = 0;
  while (elapsed < sample * scale) {
    run.prepare?.(perTurn);
    const start = performance.now();
    sum += await run(perTurn);
    ops += perTurn;
    await nextTurn();
    elapsed += performance.now() - start;
  }
  return { value: (elapsed * 1e6) / ops, ops, sum };
}

/** Runs until the code is optimised, and returns how many operations make up a turn. */
async function warm(run, milliseconds) {
  const end = performance.now() + milliseconds;
  let n = 64;
  let now = performance.now();
  while (now < end) {
    run.prepare?.(n);
    const before = performance.now();
    await run(n);
    now = performance.now();
    if (now - before < TURN_MS) {
      n *= 2;
    }
    await nextTurn();
  }
  return n;
}

module.exports = { time };
