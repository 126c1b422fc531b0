'use strict';

const { AsyncResource } = require('node:async_hooks');
const { channel } = require('node:diagnostics_channel');
const { LONGEST_TIMER, unrefTimers } = require('./timers.js');
const validate = require('./validate.js');

/** One acquire in so many is tracked with `track: 'sampled'`. */
const SAMPLED = 128;
/** Frames kept of the stack of an acquire. */
const FRAMES = 16;
/** Places that are remembered as reported. With more of them all are forgotten: code that is made at run time. */
const MOST_SITES = 1024;

/** One loan that is tracked. It does not know what was lent: nothing here keeps that alive. */
class Loan {
  /** Whether a report says that it is held too long. */
  reported = false;

  /**
   * @param {{ collected(loan: Loan): void }} tracker
   * @param {number} since milliseconds of the clock
   * @param {string} stack
   */
  constructor(tracker, since, stack) {
    this.tracker = tracker;
    this.since = since;
    this.stack = stack;
  }
}

/**
 * Watches loans and reports those that do not come back: held for longer than a threshold, or lent an object that was
 * collected. Of each place in the code that acquires, the first of each kind is reported, and again if it comes back.
 *
 * All trackers of a thread share one timer, which is set for the first loan that becomes due.
 *
 * @param {Pick<ReturnType<typeof unrefTimers>, 'now' | 'setTimeout' | 'clearTimeout'>} [clock]
 */
function createLoanTrackerClass(clock = unrefTimers(() => performance.now())) {
  /** @type {Set<LoanTracker>} those that have loans which may become due */
  const trackers = new Set();
  /** @type {any} */
  let timer;
  /** When the timer fires; Infinity without one. */
  let planned = Infinity;
  // A timer keeps the async context it was made in: that of a request, if an acquire made it.
  const outside = new AsyncResource('heapwise.LoanTracker');

  /** @param {number} due */
  function plan(due) {
    clock.clearTimeout(timer);
    planned = due;
    const delay = Math.max(Math.ceil(due - clock.now()), 1);
    timer = outside.runInAsyncScope(clock.setTimeout, undefined, sweep, delay);
  }

  function sweep() {
    planned = Infinity;
    let next = Infinity;
    for (const tracker of trackers) {
      const due = tracker.sweep(clock.now());
      if (due === Infinity) {
        trackers.delete(tracker);
      }
      next = Math.min(next, due);
    }
    if (next !== Infinity) {
      plan(next);
    }
  }

  /** @type {FinalizationRegistry<Loan>} */
  const lent = new FinalizationRegistry((loan) => loan.tracker.collected(loan));

  class LoanTracker {
    #threshold;
    #onLeak;
    #channel;
    /** Loans not reported yet, the oldest first. @type {Set<Loan>} */
    #open = new Set();
    /** How often each place has leaked, by kind and site. @type {Map<string, number>} */
    #sites = new Map();
    #leaked = 0;

    /**
     * @param {string} kind of pool, as in the name of its channel
     * @param {number} threshold milliseconds
     * @param {((report: import('..').LoanReport) => void) | undefined} onLeak
     */
    constructor(kind, threshold, onLeak) {
      this.#threshold = threshold;
      this.#onLeak = onLeak;
      this.#channel = channel(`heapwise:${kind}:leak`);
    }

    /** Loans that were held too long or lent what was collected. */
    get leaked() {
      return this.#leaked;
    }

    /**
     * @param {string} stack of who acquired, of `stackBelow`
     * @param {object} [object] what is lent, if it can be collected while it is
     */
    open(stack, object) {
      const now = clock.now();
      const loan = new Loan(this, now, stack);
      if (object !== undefined) {
        lent.register(object, loan, loan);
      }
      this.#open.add(loan);
      trackers.add(this);
      if (now + this.#threshold < planned) {
        plan(now + this.#threshold);
      }
      return loan;
    }

    /** @param {Loan} loan that ends as it should, late or not */
    close(loan) {
      lent.unregister(loan);
      this.#open.delete(loan);
      if (loan.reported) {
        this.#tell('returned', loan, this.#sites.get(keyOf('held', loan)) ?? 1);
      }
    }

    /** @param {Loan} loan whose object is gone */
    collected(loan) {
      // What was held for too long has been counted.
      if (this.#open.delete(loan)) {
        this.#leaked++;
      }
      this.#report('collected', loan);
    }

    /**
     * Reports what is due.
     *
     * @param {number} now
     * @returns {number} when the next loan is due; Infinity without one
     */
    sweep(now) {
      for (const loan of this.#open) {
        const due = loan.since + this.#threshold;
        if (due > now) {
          return due;
        }
        this.#open.delete(loan);
        this.#leaked++;
        loan.reported = this.#report('held', loan);
      }
      return Infinity;
    }

    /**
     * @param {'held' | 'collected'} kind
     * @param {Loan} loan
     * @returns {boolean} whether it was the first of its kind from there
     */
    #report(kind, loan) {
      const key = keyOf(kind, loan);
      const count = (this.#sites.get(key) ?? 0) + 1;
      if (count === 1 && this.#sites.size >= MOST_SITES) {
        this.#sites.clear();
      }
      this.#sites.set(key, count);
      if (count === 1) {
        this.#tell(kind, loan, count);
      }
      return count === 1;
    }

    /**
     * @param {import('..').LoanReport['kind']} kind
     * @param {Loan} loan
     * @param {number} count
     */
    #tell(kind, { since, stack }, count) {
      const report = { kind, heldFor: clock.now() - since, stack, site: siteOf(stack), count };
      // Not within the release, whose caller did nothing to hear of what a listener throws.
      process.nextTick(() => this.#publish(report));
    }

    /** @param {import('..').LoanReport} report */
    #publish(report) {
      if (this.#channel.hasSubscribers) {
        this.#channel.publish(report);
      } else if (this.#onLeak === undefined) {
        warn(report);
      }
      this.#onLeak?.(report);
    }
  }

  return LoanTracker;
}

/**
 * @param {'held' | 'collected'} kind
 * @param {Loan} loan
 */
function keyOf(kind, { stack }) {
  return `${kind} ${siteOf(stack)}`;
}

/**
 * The frames below a function that was called to acquire, as text at once: until it is text, a stack holds the functions and the `this` of its
 * frames, and these may hold what was lent.
 *
 * @param {Function} entry
 * @returns {string}
 */
function stackBelow(entry) {
  const limit = Error.stackTraceLimit;
  // The error's own capture would begin here.
  setStackTraceLimit(0);
  const holder = new Error('acquired');
  setStackTraceLimit(FRAMES);
  try {
    Error.captureStackTrace(holder, entry);
    const stack = String(holder.stack);
    return stack.slice(stack.indexOf('\n') + 1);
  } catch {
    // Somebody's Error.prepareStackTrace has failed: no reason to fail an acquire.
    return '';
  } finally {
    setStackTraceLimit(limit);
  }
}

/** @param {number} limit */
function setStackTraceLimit(limit) {
  try {
    Error.stackTraceLimit = limit;
  } catch {
    // Frozen by --frozen-intrinsics: stacks are as long as they are.
  }
}

/** @param {string} stack */
function siteOf(stack) {
  const [first] = stack.split('\n', 1);
  return first.trim().replace(/^at /, '') || '(unknown)';
}

/** @type {Record<import('..').LoanReport['kind'], (report: import('..').LoanReport) => string>} */
const MESSAGES = {
  held: ({ heldFor }) => `What was acquired ${Math.round(heldFor)} ms ago has not been released`,
  collected: () => 'What was acquired has been garbage-collected without having been released',
  returned: ({ heldFor }) => `What was reported as not released came back after ${Math.round(heldFor)} ms`,
};

/** @param {import('..').LoanReport} report */
function warn(report) {
  process.emitWarning(`${MESSAGES[report.kind](report)}: ${report.site}`, {
    type: 'HeapwiseLeakWarning',
    code: 'HEAPWISE_POOL_LEAK',
    detail: report.stack,
  });
}

/** The options of a pool that are about its loans. */
const LOAN_OPTIONS = ['leakThreshold', 'onLeak', 'track'];

/** @param {any} given options of a pool */
function loanOptions(given) {
  return {
    track: validate.oneOf(given.track, 'track', /** @type {const} */ (['off', 'sampled', 'all'])),
    leakThreshold: validate.number(given.leakThreshold, 'leakThreshold', {
      default: 60_000,
      above: 0,
      max: LONGEST_TIMER,
    }),
    onLeak: validate.fn(given.onLeak, 'onLeak', { optional: true }),
  };
}

/** Says which loans are tracked. */
class Sampling {
  #all;
  #left;

  /** @param {'sampled' | 'all'} track */
  constructor(track) {
    this.#all = track === 'all';
    this.#left = this.#interval();
  }

  /** Whether it is the turn of this one. */
  next() {
    if (--this.#left > 0) {
      return false;
    }
    this.#left = this.#interval();
    return true;
  }

  /** Left to chance, or a loop of two would show one of its two places only. */
  #interval() {
    return this.#all ? 1 : 1 + Math.floor(Math.random() * (2 * SAMPLED - 1));
  }
}

module.exports = { LOAN_OPTIONS, Loan, Sampling, createLoanTrackerClass, loanOptions, stackBelow };
