'use strict';

const { EventEmitter } = require('node:events');
const v8 = require('node:v8');
const { error } = require('./errors.js');
const { LONGEST_TIMER } = require('./timers.js');
const validate = require('./validate.js');

const OPTIONS = [
  'warmup',
  'window',
  'minPoints',
  'confidence',
  'minGrowthPerHour',
  'confirmations',
  'gcInterval',
];
const DIMENSIONS = /** @type {const} */ (['heap', 'external', 'arrayBuffers', 'rss']);

/**
 * A collection is asked for only if the heap has changed by this many bytes since the last one: what allocates
 * nothing leaks nothing.
 */
const WORTH_COLLECTING = 256 * 1024;
/** Share of the time that collections asked for may take, judged by the median pause of the past ones. */
const GC_SHARE = 0.01;
const MILLISECONDS_PER_HOUR = 3_600_000;

/**
 * The public LeakDetector class. See `index.d.ts` for its contract.
 *
 * @param {object} parts
 * @param {typeof import('./binding.js')} parts.binding
 * @param {ReturnType<typeof import('./gc.js').createGcSource>} parts.gc
 */
function createLeakDetectorClass({ binding, gc }) {
  /** @augments {EventEmitter<import('..').LeakDetectorEvents>} */
  class LeakDetector extends EventEmitter {
    #verdict;
    #gcInterval;
    #warmup;
    /** When the warm-up ends; what is collected before serves nobody. */
    #warmAt = Infinity;
    #running = false;
    #closed = false;
    /** @type {import('./binding.js').MemorySampler | undefined} */
    #sampler;
    /** @type {NodeJS.Timeout | undefined} */
    #timer;
    #lastMajor = 0;
    #lastUsed = 0;
    /** @type {import('..').LeakState} */
    #announced = 'warming';
    /** @type {number | null} */
    #leakSince = null;
    /** @type {(points: import('./binding.js').GcPoint[]) => void} */
    #onMajor = (points) => this.#take(points);

    /** @param {import('..').LeakDetectorOptions} [options] */
    constructor(options) {
      super();
      const given = validate.options(options, 'LeakDetector', OPTIONS);
      this.#warmup = validate.number(given.warmup, 'warmup', { default: 60_000, min: 0 });
      this.#verdict = new binding.LeakVerdict({
        warmup: this.#warmup,
        window: validate.number(given.window, 'window', { default: 120_000, above: 0 }),
        minPoints: validate.number(given.minPoints, 'minPoints', {
          default: 12,
          min: 6,
          max: 64,
          integer: true,
        }),
        confidence: validate.number(given.confidence, 'confidence', { default: 0.99, min: 0.5, max: 0.9999 }),
        floor: validate.number(given.minGrowthPerHour, 'minGrowthPerHour', { default: 1024 * 1024, min: 0 }),
        confirmations: validate.number(given.confirmations, 'confirmations', {
          default: 3,
          min: 1,
          max: 1000,
          integer: true,
        }),
      });
      this.#gcInterval = validate.number(given.gcInterval, 'gcInterval', {
        default: 15_000,
        min: 0,
        max: LONGEST_TIMER,
      });
    }

    start() {
      this.#assertOpen();
      if (this.#running) {
        return this;
      }
      // First, because it can fail: no thread to be had.
      this.#sampler = new binding.MemorySampler();
      this.#running = true;
      gc.acquire();
      gc.listen(this.#onMajor);
      this.#begin();
      this.#lastMajor = performance.now();
      if (this.#gcInterval > 0) {
        // Twice per interval, so that a collection comes at most half an interval late.
        this.#timer = setInterval(() => this.#collectIfQuiet(), this.#gcInterval / 2);
        this.#timer.unref();
      }
      return this;
    }

    stop() {
      if (this.#running) {
        this.#running = false;
        gc.unlisten(this.#onMajor);
        gc.release();
        this.#sampler?.stop();
        this.#sampler = undefined;
        clearInterval(this.#timer);
      }
      return this;
    }

    close() {
      this.stop();
      this.#closed = true;
    }

    [Symbol.dispose]() {
      this.close();
    }

    reset() {
      this.#assertOpen();
      this.#verdict.reset();
      this.#warmAt = Infinity;
      if (this.#running) {
        this.#begin();
      }
      this.#announced = 'warming';
      this.#leakSince = null;
    }

    /** @returns {import('..').LeakReport} */
    check() {
      this.#assertOpen();
      if (this.#running) {
        gc.refresh();
      }
      this.#evaluate();
      return this.#report();
    }

    #begin() {
      this.#verdict.begin();
      this.#warmAt = Math.min(this.#warmAt, performance.now() + this.#warmup);
    }

    #assertOpen() {
      if (this.#closed) {
        throw error('ERR_HEAPWISE_DETECTOR_CLOSED');
      }
    }

    /** @param {import('./binding.js').GcPoint[]} points */
    #take(points) {
      const newest = points[points.length - 1];
      // V8 does not count array buffers apart, Node does, but only for now: this belongs to the newest point alone.
      const { arrayBuffers } = process.memoryUsage();
      for (const point of points) {
        const { age, used, external } = point;
        this.#verdict.push(age, used, external, point === newest ? arrayBuffers : NaN);
      }
      this.#lastUsed = newest.used;
      this.#lastMajor = performance.now();
      this.#evaluate();
    }

    #collectIfQuiet() {
      const now = performance.now();
      if (now < this.#warmAt) {
        return;
      }
      // The median: one collection that had to wait for a core says nothing about the others.
      const { p50 } = gc.pauses('major').summary();
      const interval = Math.max(this.#gcInterval, p50 / GC_SHARE);
      // Half a period of slack, or a timer that is early by a millisecond would skip every second turn.
      const due = now - this.#lastMajor >= interval - this.#gcInterval / 4;
      if (due && Math.abs(v8.getHeapStatistics().used_heap_size - this.#lastUsed) >= WORTH_COLLECTING) {
        gc.requestGc();
      }
    }

    #evaluate() {
      const state = /** @type {import('..').LeakState} */ (this.#verdict.evaluate());
      const before = this.#announced;
      if (state === before) {
        return;
      }
      this.#announced = state;
      this.#leakSince = state === 'leak' ? Date.now() : null;
      if (state === 'leak' || state === 'suspect') {
        this.emit(state, this.#report());
      } else if (before !== 'warming') {
        this.emit('clear', this.#report());
      }
    }

    /** @returns {import('..').LeakReport} */
    #report() {
      const found = this.#verdict.dimensions();
      const dimensions = /** @type {import('..').LeakReport['dimensions']} */ (
        Object.fromEntries(DIMENSIONS.map((name, i) => [name, found[i]]))
      );
      const rising = DIMENSIONS.find((name) => dimensions[name].growth === 'rising') ?? 'heap';
      const memory = this.#sampler?.latest() ?? null;
      const limits = {
        heap: v8.getHeapStatistics().heap_size_limit,
        cgroup: memory?.cgroupLimit ?? null,
        machine: memory?.total ?? null,
      };
      const { growthPerHour, growthPerHourLow, growthPerHourHigh, pValue } = dimensions[rising];
      const outside = roomOutside(memory);
      // The heap meets whichever comes first: V8's limit, or that of the container or machine around it.
      const room = rising === 'heap' ? Math.min(limits.heap - dimensions.heap.current, outside) : outside;
      const leaking = dimensions[rising].growth === 'rising';
      return {
        state: this.#announced,
        since: this.#leakSince,
        dimension: leaking ? rising : null,
        growthPerHour: leaking ? growthPerHour : 0,
        confidence: leaking ? 1 - pValue : 0,
        timeToLimit: leaking ? timeTo(room, growthPerHour) : null,
        timeToLimitRange: leaking ? [timeTo(room, growthPerHourHigh), timeTo(room, growthPerHourLow)] : null,
        limits,
        dimensions,
        source: gc.source().tier,
      };
    }
  }

  return LeakDetector;
}

/**
 * Bytes by which the process may still grow: what the control group leaves, or the machine; Infinity when not known.
 *
 * @param {import('./binding.js').MemoryReading | null} memory
 */
function roomOutside(memory) {
  if (memory === null) {
    return Infinity;
  }
  const { cgroupLimit = Infinity, cgroupUsed = 0, available } = memory;
  return Math.min(cgroupLimit - cgroupUsed, available);
}

/**
 * Milliseconds until `room` is used up; null when never, or when the room is not known.
 *
 * @param {number} room
 * @param {number} growthPerHour
 */
function timeTo(room, growthPerHour) {
  if (room === Infinity || growthPerHour <= 0) {
    return null;
  }
  return (Math.max(0, room) / growthPerHour) * MILLISECONDS_PER_HOUR;
}

module.exports = { createLeakDetectorClass };
