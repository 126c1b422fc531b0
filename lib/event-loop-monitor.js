'use strict';

const { EventEmitter } = require('node:events');
const { performance } = require('node:perf_hooks');
const { threadId } = require('node:worker_threads');
const { error, fromNative } = require('./errors.js');
const { blockedEvent, plainEvent } = require('./event-loop/blocked-event.js');
const { noInspector, startHelper } = require('./event-loop/inspector-stacks.js');
const { createLoopWindow, share, utilizationGiven } = require('./event-loop/loop-window.js');
const { checkStacks } = require('./event-loop/stack-check.js');
const { createTimerProbe } = require('./event-loop/timer-probe.js');
const { noBridge, notNode } = require('./runtime.js');
const validate = require('./validate.js');

const OPTIONS = ['blockedThreshold', 'captureStack', 'stackInterval', 'reportTo'];

/** How far the loop's idle time as the probe reads it may lie from what Node itself says, in milliseconds. */
const IDLE_TOLERANCE = 5;

/** @typedef {{ way: import('..').EventLoopStats['stacks'], reason: string | null }} Stacks */

const BY_TIMER = 'the loop is measured by a timer';

/** @type {Stacks} */
const NO_STACKS = Object.freeze({ way: 'none', reason: 'captureStack is false' });

/** @type {import('./event-loop/loop-window.js').Counters} */
const NOTHING = Object.freeze({ turns: 0, blocked: 0, blockedTime: 0, elapsed: 0, active: 0, gc: 0 });

/**
 * The public EventLoopMonitor class. See `index.d.ts` for its contract.
 *
 * Tier `libuv` is the probe of Rust (`src/lag`): no JavaScript runs for it. Tier `timer` serves where there is no
 * libuv loop, or where the probe does not do what it should: a timer that measures how late it is.
 *
 * @param {object} parts
 * @param {typeof import('./binding.js')} parts.binding
 * @param {ReturnType<typeof import('./gc.js').createGcSource>} parts.gc
 * @param {ReturnType<typeof import('./histogram.js').createHistogramClass>} parts.histograms
 * @param {() => string | undefined} [parts.probeRefused]
 * @param {() => string | undefined} [parts.bridgeRefused]
 */
function createEventLoopMonitorClass({
  binding,
  gc,
  histograms: { view, delays },
  probeRefused = notNode,
  bridgeRefused = noBridge,
}) {
  /** Why V8 itself gives no stacks; undefined where it does. Found out by the first monitor that wants them. */
  const noV8Stacks = once(() => bridgeRefused() ?? checkStacks(binding));

  const pauses = Object.freeze({
    minor: view(gc.pauses('minor')),
    major: view(gc.pauses('major')),
    incremental: view(gc.pauses('incremental')),
    weakCallbacks: view(gc.pauses('weakCallbacks')),
  });

  /** @augments {EventEmitter<import('..').EventLoopMonitorEvents>} */
  class EventLoopMonitor extends EventEmitter {
    #threshold;
    #stackInterval;
    #captureStack;
    #reportTo;
    #running = false;
    #closed = false;
    #probe = new binding.LoopProbe();
    #histogram = view(this.#probe.histogram());
    /** @type {ReturnType<typeof createTimerProbe> | undefined} */
    #timer;
    /** @type {string | null} why not the better tier */
    #reason = null;
    /** How stacks are captured, and why not in a better way. @type {Stacks} */
    #stacks = { way: 'none', reason: 'the monitor has not been started' };
    /** Counters of the starts before this one. */
    #before = NOTHING;
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
      this.#captureStack = validate.boolean(given.captureStack, 'captureStack', true);
      if (!this.#captureStack) {
        this.#stacks = NO_STACKS;
      }
      this.#stackInterval = validate.number(given.stackInterval, 'stackInterval', { default: 1000, min: 0 });
      this.#reportTo = validate.path(given.reportTo, 'reportTo');
    }

    /** @returns {import('..').BlockedEvent[]} */
    static blocks() {
      const gcKnown = gc.source().tier === 'v8';
      return binding.loopBlocks().map((block) => blockedEvent(block, gcKnown));
    }

    start() {
      if (this.#closed) {
        throw error('ERR_HEAPWISE_MONITOR_CLOSED');
      }
      if (this.#running) {
        return this;
      }
      gc.acquire();
      try {
        this.#reason = probeRefused() ?? this.#startProbe();
      } catch (thrown) {
        gc.release();
        throw thrown;
      }
      this.#running = true;
      this.#starts++;
      if (this.#reason === null) {
        this.#checkSoon();
        if (this.#stacks.way === 'inspector') {
          startHelper();
        }
      } else {
        this.#startTimer();
      }
      return this;
    }

    stop() {
      if (this.#running) {
        // First, because it ends the turn in progress, which counts.
        this.#probe.stop();
        this.#before = this.#counters();
        this.#running = false;
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

    get delay() {
      const { elapsed, active } = this.#counters();
      return delays(this.#histogram, elapsed - active);
    }

    get gc() {
      return pauses;
    }

    /** @param {import('..').LoopUtilization} [earlier] */
    utilization(earlier) {
      return share(this.#counters(), this.#gcKnown(), utilizationGiven(earlier));
    }

    window() {
      if (!this.#running) {
        throw error(this.#closed ? 'ERR_HEAPWISE_MONITOR_CLOSED' : 'ERR_HEAPWISE_MONITOR_STOPPED');
      }
      return createLoopWindow({
        running: () => this.#running,
        counters: () => this.#counters(),
        gcKnown: () => this.#gcKnown(),
        histogram: this.#histogram,
        delays,
      });
    }

    /** @returns {import('..').EventLoopStats} */
    stats() {
      const counters = this.#counters();
      const { turns, blocked, blockedTime, elapsed } = counters;
      const { way, reason } = this.#stacks;
      return {
        source: this.#reason === null ? 'libuv' : 'timer',
        reason: this.#reason,
        stacks: way,
        stacksReason: reason,
        running: this.#running,
        elapsed,
        turns,
        blocked,
        blockedTime,
        blockedThreshold: this.#threshold,
        utilization: share(counters, false).utilization,
        lag: this.#histogram.summary(),
      };
    }

    /** @returns {Stacks} */
    #chooseStacks() {
      if (!this.#captureStack) {
        return NO_STACKS;
      }
      const noV8 = noV8Stacks();
      if (noV8 === undefined) {
        return { way: 'v8', reason: null };
      }
      const none = noInspector();
      return none === undefined
        ? { way: 'inspector', reason: noV8 }
        : { way: 'none', reason: `${noV8}; ${none}` };
    }

    /** Why the probe does not work here; null once it does. */
    #startProbe() {
      this.#stacks = this.#chooseStacks();
      const options = {
        threshold: this.#threshold,
        thread: threadId,
        stackInterval: this.#stackInterval,
        stacks: this.#stacks.way,
        reportTo: this.#reportTo,
      };
      try {
        this.#probe.start(options, gc.watch, (id, duration) => this.#onBlocked(id, duration));
      } catch (raised) {
        const failed = /** @type {Error & { code?: string }} */ (raised);
        if (failed.code === 'ERR_HEAPWISE_REPORT_FILE') {
          throw fromNative(failed);
        }
        return failed.message;
      }
      const { idle } = this.#probe.counters();
      // Before the loop has started Node says 0 whatever libuv says.
      const said = performance.nodeTiming.idleTime;
      if (said > 0 && Math.abs(idle - said) > IDLE_TOLERANCE) {
        this.#probe.stop();
        return "the loop's idle time is not what Node says";
      }
      return null;
    }

    /**
     * Where the pointer is not the loop that runs us, the callback never comes. An immediate runs in the check phase,
     * after prepare: by the second one the probe has been called.
     */
    #checkSoon() {
      const start = this.#starts;
      setImmediate(() => setImmediate(() => this.#assertTurning(start)).unref()).unref();
    }

    /** @param {number} start */
    #assertTurning(start) {
      const current = this.#running && start === this.#starts;
      if (current && this.#reason === null && this.#probe.counters().turns === 0) {
        this.#probe.stop();
        this.#reason = 'the loop does not call its prepare handles';
        this.#startTimer();
      }
    }

    #startTimer() {
      this.#stacks = { way: 'none', reason: BY_TIMER };
      const record = (/** @type {number} */ lag) => this.#histogram.record(lag);
      this.#timer = createTimerProbe(this.#threshold, record, (lag) =>
        this.#announce(plainEvent(lag, threadId, BY_TIMER)),
      );
    }

    #gcKnown() {
      // The profiler's log is read seconds after the collections, so it cannot tell which turn they were in.
      return this.#reason === null && gc.source().tier === 'v8';
    }

    /** @returns {import('./event-loop/loop-window.js').Counters} over all starts, as the histogram is */
    #counters() {
      if (!this.#running) {
        return this.#before;
      }
      const now = this.#timer?.counters() ?? this.#probe.counters();
      const before = this.#before;
      return {
        turns: before.turns + now.turns,
        blocked: before.blocked + now.blocked,
        blockedTime: before.blockedTime + now.blockedTime,
        elapsed: before.elapsed + now.elapsed,
        active: before.active + now.active,
        gc: before.gc + now.gc,
      };
    }

    /**
     * @param {number} id
     * @param {number} duration
     */
    #onBlocked(id, duration) {
      const block = binding.loopBlock(id);
      this.#announce(
        block === null
          ? plainEvent(duration, threadId, 'too many other blocks came before JavaScript ran again')
          : blockedEvent(block, this.#gcKnown()),
      );
    }

    /** @param {import('..').BlockedEvent} event */
    #announce(event) {
      // Announced by a queue that may still hold a call from before the stop.
      if (this.#running) {
        this.emit('blocked', event);
      }
    }
  }

  return EventLoopMonitor;
}

/**
 * @template T
 * @param {() => T} work
 * @returns {() => T} works when it is first called, and remembers
 */
function once(work) {
  /** @type {{ result: T } | undefined} */
  let done;
  return () => (done ??= { result: work() }).result;
}

module.exports = { createEventLoopMonitorClass };
