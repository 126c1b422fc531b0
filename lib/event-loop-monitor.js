'use strict';

const { EventEmitter } = require('node:events');
const { performance } = require('node:perf_hooks');
const { error } = require('./errors.js');
const { notNode } = require('./runtime.js');
const validate = require('./validate.js');

const OPTIONS = ['blockedThreshold'];

/** Period of the fall-back's timer, in milliseconds. */
const TIMER_PERIOD = 20;
/** How far the loop's idle time as the probe reads it may lie from what Node itself says, in milliseconds. */
const IDLE_TOLERANCE = 5;

/**
 * The public EventLoopMonitor class. See `index.d.ts` for its contract.
 *
 * Tier `libuv` is the probe of Rust (`src/lag`): no JavaScript runs for it. Tier `timer` serves where there is no
 * libuv loop, or where the probe does not do what it should: a timer that measures how late it is.
 *
 * @param {object} parts
 * @param {typeof import('./binding.js')} parts.binding
 * @param {ReturnType<typeof import('./gc.js').createGcSource>} parts.gc
 * @param {(native: import('./binding.js').NativeHistogram) => import('..').Histogram} parts.view
 * @param {() => string | undefined} [parts.probeRefused]
 */
function createEventLoopMonitorClass({ binding, gc, view, probeRefused = notNode }) {
  /** @augments {EventEmitter<import('..').EventLoopMonitorEvents>} */
  class EventLoopMonitor extends EventEmitter {
    #threshold;
    #running = false;
    #closed = false;
    #probe = new binding.LoopProbe();
    #histogram = view(this.#probe.histogram());
    /** @type {ReturnType<typeof createTimerProbe> | undefined} */
    #timer;
    /** @type {string | null} why not the better tier */
    #reason = null;
    /** Counters as they were when the monitor stopped. */
    #last = { turns: 0, blocked: 0, utilization: 0, elapsed: 0 };
    /** Counters of the starts before this one. */
    #before = this.#last;
    /** Number of starts; what was planned in an earlier one is out of date. */
    #starts = 0;

    /** @param {import('..').EventLoopMonitorOptions} [options] */
    constructor(options) {
      super();
      const given = validate.options(options, 'EventLoopMonitor', OPTIONS);
      this.#threshold = validate.number(given.blockedThreshold, 'blockedThreshold', {
        default: 100,
        above: 0,
        max: 3_600_000,
      });
    }

    start() {
      if (this.#closed) {
        throw error('ERR_HEAPWISE_MONITOR_CLOSED');
      }
      if (this.#running) {
        return this;
      }
      this.#running = true;
      this.#starts++;
      gc.acquire();
      this.#reason = probeRefused() ?? this.#startProbe();
      if (this.#reason !== null) {
        this.#startTimer();
      }
      return this;
    }

    stop() {
      if (this.#running) {
        this.#last = this.#counters();
        this.#before = this.#last;
        this.#running = false;
        this.#probe.stop();
        this.#timer?.stop();
        this.#timer = undefined;
        gc.release();
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

    get histogram() {
      return this.#histogram;
    }

    utilization() {
      const { utilization, elapsed } = this.#counters();
      return { utilization, active: elapsed * utilization, idle: elapsed * (1 - utilization) };
    }

    /** @returns {import('..').EventLoopStats} */
    stats() {
      const { turns, blocked, utilization, elapsed } = this.#counters();
      return {
        source: this.#reason === null ? 'libuv' : 'timer',
        reason: this.#reason,
        running: this.#running,
        elapsed,
        turns,
        blocked,
        blockedThreshold: this.#threshold,
        utilization,
        lag: this.#histogram.summary(),
      };
    }

    /** Why the probe does not work here; null once it does. */
    #startProbe() {
      try {
        this.#probe.start(this.#threshold, gc.watch, (duration, collecting) => {
          // The profiler's log is read seconds after the collections, so it cannot tell which turn they were in.
          this.#blocked(duration, gc.source().tier === 'v8' ? collecting : null);
        });
      } catch (raised) {
        return /** @type {Error} */ (raised).message;
      }
      const { idle } = this.#probe.counters();
      // Before the loop has started Node says 0 whatever libuv says.
      const said = performance.nodeTiming.idleTime;
      if (said > 0 && Math.abs(idle - said) > IDLE_TOLERANCE) {
        this.#probe.stop();
        return "the loop's idle time is not what Node says";
      }
      // Where the pointer is not the loop that runs us, the callback never comes. An immediate runs in the check
      // phase, after prepare: by the second one the probe has been called.
      const start = this.#starts;
      setImmediate(() => setImmediate(() => this.#assertTurning(start)).unref()).unref();
      return null;
    }

    /** @param {number} start */
    #assertTurning(start) {
      const current = this.#running && start === this.#starts;
      if (current && this.#reason === null && this.#probe.counters().elapsed === 0) {
        this.#probe.stop();
        this.#reason = 'the loop does not call its prepare handles';
        this.#startTimer();
      }
    }

    #startTimer() {
      const record = (/** @type {number} */ lag) => this.#histogram.record(lag);
      this.#timer = createTimerProbe(this.#threshold, record, (lag) => this.#blocked(lag, null));
    }

    #counters() {
      if (!this.#running) {
        return this.#last;
      }
      const { turns, blocked, utilization, elapsed } = this.#timer?.counters() ?? this.#probe.counters();
      // Turns are counted over all starts, as the histogram is; utilization is that of this one.
      return {
        turns: this.#before.turns + turns,
        blocked: this.#before.blocked + blocked,
        utilization,
        elapsed,
      };
    }

    /**
     * @param {number} duration
     * @param {number | null} collecting
     */
    #blocked(duration, collecting) {
      // Announced by a queue that may still hold a call from before the stop.
      if (this.#running) {
        this.emit('blocked', { duration, gc: collecting, end: Date.now() });
      }
    }
  }

  return EventLoopMonitor;
}

/**
 * The fall-back: how late a timer comes. It wakes an idle loop, sees a block once, and cannot see one shorter than
 * the timer's own jitter.
 *
 * @param {number} threshold
 * @param {(lag: number) => void} record
 * @param {(lag: number) => void} onBlocked
 */
function createTimerProbe(threshold, record, onBlocked) {
  const start = performance.now();
  const utilization = performance.eventLoopUtilization?.();
  let last = start;
  let turns = 0;
  let blocked = 0;
  const timer = setTimeout(tick, TIMER_PERIOD);
  timer.unref?.();

  function tick() {
    const now = performance.now();
    const lag = Math.max(0, now - last - TIMER_PERIOD);
    last = now;
    turns++;
    record(lag);
    timer.refresh();
    if (lag >= threshold) {
      blocked++;
      onBlocked(lag);
    }
  }

  return {
    counters: () => ({
      turns,
      blocked,
      elapsed: performance.now() - start,
      utilization: utilization ? performance.eventLoopUtilization(utilization).utilization : 0,
    }),
    stop: () => clearTimeout(timer),
  };
}

module.exports = { createEventLoopMonitorClass };
