'use strict';

// Rounds follow each other: nothing is to be awaited at the same time.
/* oxlint-disable no-await-in-loop */

const { setImmediate: nextTurn, setTimeout: wait } = require('node:timers/promises');
const v8 = require('node:v8');
const { error } = require('../errors.js');
const validate = require('../validate.js');
const { percent, place } = require('./format.js');
const { describeSites } = require('./sites.js');

const OPTIONS = ['operations', 'confidence', 'maxGrowth', 'maxRounds'];
/** What is not looked at: so many rounds, and so many calls or milliseconds. */
const WARM_UP = { rounds: 3, calls: 1500, milliseconds: 1000 };
/** Bytes that a round may keep: the runtime keeps some of its own. */
const SLACK = 2048;
/** Milliseconds in which what is held for a while should go. */
const SETTLE = 1500;
/** Rounds at most when each is followed by that. */
const PAUSED_ROUNDS = 14;
/** What is looked at, each by itself. */
const DIMENSIONS = /** @type {const} */ (['heap', 'buffers']);
/** Rounds with the profiler, which say where. */
const LOCATING_ROUNDS = 12;
/** Samples of the leak that each of them should bring, and the finest interval, in bytes. */
const SAMPLES_PER_ROUND = 40;
const FINEST_INTERVAL = 64;
/** Sites that the message names; the error has all. */
const MOST_SITES = 3;

/** @typedef {typeof DIMENSIONS[number]} Dimension */

/**
 * Makes `assertNoLeak`. See `index.d.ts` for its contract.
 *
 * @param {object} parts
 * @param {typeof import('../binding.js')} parts.binding
 * @param {() => () => void} parts.fullGc
 * @param {() => ReturnType<typeof import('./attribution.js').createAttribution>} parts.createAttribution
 */
function createAssertNoLeak({ binding, fullGc, createAttribution }) {
  /**
   * @param {() => unknown} operation
   * @param {import('../..').AssertNoLeakOptions} [options]
   * @returns {Promise<import('../..').NoLeakResult>}
   */
  async function assertNoLeak(operation, options) {
    validate.fn(operation, 'operation');
    const given = validate.options(options, 'assertNoLeak', OPTIONS);
    const operations = validate.number(given.operations, 'operations', {
      default: 500,
      min: 1,
      integer: true,
    });
    const confidence = validate.number(given.confidence, 'confidence', {
      default: 0.99,
      min: 0.5,
      max: 0.9999,
    });
    const maxGrowth = validate.number(given.maxGrowth, 'maxGrowth', { default: 4, min: 0 });
    const maxRounds = validate.number(given.maxRounds, 'maxRounds', {
      default: 40,
      min: 10,
      max: 500,
      integer: true,
    });
    const settings = { operations, confidence, maxGrowth: Math.max(maxGrowth, SLACK / operations) };
    const experiment = createExperiment(operation, operations, fullGc());

    await experiment.warmUp();
    let outcome = await observe(experiment, { ...settings, rounds: maxRounds });
    if (outcome.leaking !== undefined && (await experiment.wasOnlyLate(outcome))) {
      // What is held for a while (a timer, a socket that idles) piles up within rounds, and is gone between them.
      experiment.pause = SETTLE;
      outcome = await observe(experiment, { ...settings, rounds: Math.min(maxRounds, PAUSED_ROUNDS) });
    }
    const { leaking, result } = outcome;
    if (leaking === undefined) {
      warnIfInconclusive(result, settings.maxGrowth);
      return result;
    }
    const sites = await locate(experiment, result[leaking].growth * operations);
    const message = describe(leaking, result, sites);
    throw Object.assign(error('ERR_HEAPWISE_LEAK', message), { dimension: leaking, sites, ...result });
  }

  /**
   * Rounds until it is sure.
   *
   * @param {ReturnType<typeof createExperiment>} experiment
   * @param {{ operations: number, confidence: number, maxGrowth: number, rounds: number }} settings
   */
  async function observe(experiment, { operations, confidence, maxGrowth, rounds: most }) {
    /** @type {Record<Dimension, number[]>} */
    const live = { heap: [], buffers: [] };
    // Both dimensions are looked at after each round.
    const looks = DIMENSIONS.length * most;
    const look = (/** @type {Dimension} */ dimension) =>
      binding.judgeExperiment(live[dimension], operations, confidence, looks, maxGrowth);
    let found = { heap: look('heap'), buffers: look('buffers') };
    const decided = (/** @type {string} */ decision) =>
      DIMENSIONS.filter((dimension) => found[dimension].decision === decision);
    while (
      live.heap.length < most &&
      decided('leaks').length === 0 &&
      decided('clean').length < DIMENSIONS.length
    ) {
      const { heap, buffers } = await experiment.round();
      live.heap.push(heap);
      live.buffers.push(buffers);
      found = { heap: look('heap'), buffers: look('buffers') };
    }
    const [leaking] = decided('leaks');
    const rounds = live.heap.length;
    const result = {
      rounds,
      operations: rounds * operations,
      conclusive: leaking !== undefined || decided('clean').length === DIMENSIONS.length,
      heap: figures(found.heap),
      buffers: figures(found.buffers),
    };
    return { leaking, result, live };
  }

  /**
   * A few more rounds under the profiler.
   *
   * @param {ReturnType<typeof createExperiment>} experiment
   * @param {number} growth bytes of a round
   */
  async function locate(experiment, growth) {
    const attribution = createAttribution();
    const interval = Math.max(FINEST_INTERVAL, Math.round(growth / SAMPLES_PER_ROUND));
    experiment.visible = true;
    attribution.start(interval);
    attribution.sharpen();
    try {
      for (let i = 0; i < LOCATING_ROUNDS; i++) {
        await experiment.round();
        attribution.take();
      }
      return describeSites(attribution.growing(0.99));
    } finally {
      attribution.stop();
    }
  }

  return assertNoLeak;
}

/**
 * Rounds of an operation.
 *
 * @param {() => unknown} operation
 * @param {number} operations in each round
 * @param {() => void} collect
 */
function createExperiment(operation, operations, collect) {
  async function settled() {
    // What waits for a turn of the loop (finalizers, closing handles) is not a leak.
    await nextTurn();
    collect();
    await nextTurn();
    collect();
    const { used_heap_size: heap, external_memory: buffers } = v8.getHeapStatistics();
    return { heap, buffers };
  }

  return {
    /** Milliseconds to wait at the end of each round. */
    pause: 0,
    /** Whether calls must be seen as such by the profiler, which knows nothing of functions that V8 has inlined. */
    visible: false,
    async round() {
      for (let left = operations; left > 0; left--) {
        // V8 inlines what a loop calls, but not what the queue of microtasks calls.
        await (this.visible ? Promise.resolve().then(/** @type {any} */ (operation)) : operation());
      }
      if (this.pause > 0) {
        await wait(this.pause);
      }
      return settled();
    },
    /** Compilers and caches warm up by calls, and by time. */
    async warmUp() {
      const begin = performance.now();
      for (let rounds = 0; rounds < WARM_UP.rounds || !isWarm(rounds * operations, begin); rounds++) {
        await this.round();
      }
    },
    /**
     * Whether most of what has grown is gone after a while.
     *
     * @param {{ leaking?: Dimension, live: Record<Dimension, number[]> }} outcome
     */
    async wasOnlyLate({ leaking = 'heap', live }) {
      const series = live[leaking];
      const [first, last] = [series[0], series[series.length - 1]];
      await wait(SETTLE);
      const after = (await settled())[leaking];
      return after - first < (last - first) / 2;
    },
  };
}

/**
 * @param {number} calls
 * @param {number} begin
 */
function isWarm(calls, begin) {
  return calls >= WARM_UP.calls || performance.now() - begin >= WARM_UP.milliseconds;
}

/**
 * A test that passes because of noise should not do so silently.
 *
 * @param {import('../..').NoLeakResult} result
 * @param {number} maxGrowth
 */
function warnIfInconclusive({ conclusive, rounds, heap, buffers }, maxGrowth) {
  const suspicious = [heap, buffers].find(({ growth, pValue }) => growth > maxGrowth && pValue < 0.05);
  if (!conclusive && suspicious !== undefined) {
    const { growth, pValue } = suspicious;
    process.emitWarning(
      `assertNoLeak could not decide in ${rounds} rounds: ${growth.toFixed(1)} bytes a call, p = ${pValue.toPrecision(2)}`,
      { code: 'HEAPWISE_NO_LEAK_INCONCLUSIVE' },
    );
  }
}

/** @param {import('../binding.js').ExperimentFinding} found */
function figures({ growth, growthLow, growthHigh, pValue }) {
  return { growth, growthLow, growthHigh, pValue };
}

/**
 * @param {'heap' | 'buffers'} dimension
 * @param {import('../..').NoLeakResult} result
 * @param {import('../..').LeakSite[]} sites
 */
function describe(dimension, result, sites) {
  const { growth, growthLow, growthHigh, pValue } = result[dimension];
  const range = `${growthLow.toFixed(1)} to ${growthHigh.toFixed(1)}`;
  const chance = `p = ${pValue.toPrecision(2)} after ${result.operations} calls`;
  const places = sites.slice(0, MOST_SITES).map((site) => `\n  ${percent(site.share)} of it: ${place(site)}`);
  return `Each call keeps ${growth.toFixed(1)} bytes of the ${dimension} (${range}; ${chance})${places.join('')}`;
}

module.exports = { createAssertNoLeak };
