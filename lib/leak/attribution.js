'use strict';

const { withoutInlining } = require('./inlining.js');
const { createInspectorSampler } = require('./inspector-sampler.js');
const { checkOn } = require('./known-allocation.js');

/** Frames of a call path at most. */
const STACK_DEPTH = 32;
/** Interval of the sampler while it is checked: each object of the check is sampled, nearly. */
const CHECK_INTERVAL = 64;
/** Share of the time that readings may take, each judged by the one before. */
const READING_SHARE = 0.005;

/** @typedef {'v8' | 'shared' | 'inspector' | 'off'} AttributionSource */

/**
 * Where memory grows: V8's sampling heap profiler, read after major collections, and the test of what survives.
 *
 * There is one sampler per thread. Through the bridge a reading takes microseconds and forces nothing. Where there is no
 * bridge, the inspector reads, and each reading is a full collection. A sampler that somebody else has started is read and
 * left running.
 *
 * @param {object} parts
 * @param {typeof import('../binding.js')} parts.binding
 * @param {() => string | undefined} parts.bridgeRefused
 */
function createAttribution({ binding, bridgeRefused }) {
  const native = new binding.LeakSites();
  /** @type {AttributionSource} */
  let source = 'off';
  /** @type {string | null} why not the better source */
  let reason = null;
  /** @type {ReturnType<typeof createInspectorSampler> | undefined} */
  let inspector;
  let interval = 0;
  let readings = 0;
  let longestPause = 0;
  let pauses = 0;
  let lastReading = -Infinity;
  let lastPause = 0;
  /** @type {(() => void) | undefined} */
  let inlineAgain;

  /** @returns {string | undefined} why the bridge cannot be used */
  function startBridge() {
    const refused = bridgeRefused() ?? brokenBridge(native);
    if (refused !== undefined) {
      return refused;
    }
    startNative();
    return undefined;
  }

  function startNative() {
    source = native.start(interval, STACK_DEPTH) ? 'v8' : 'shared';
  }

  function startInspector() {
    try {
      inspector = createInspectorSampler(interval, STACK_DEPTH);
      source = 'inspector';
    } catch (raised) {
      reason = `${reason}; ${/** @type {Error} */ (raised).message}`;
    }
  }

  /**
   * Reads what is alive.
   *
   * @param {number} work
   * @returns {boolean} whether a sampler runs
   */
  function read(work) {
    if (inspector !== undefined) {
      native.takeJson(inspector.read(), work);
      return true;
    }
    return native.take(work);
  }

  /**
   * @param {number} now
   * @param {number} work
   * @returns {boolean} whether there was something to read
   */
  function take(now, work) {
    lastReading = now;
    try {
      if (!read(work)) {
        // Whoever ran it has stopped it: ours takes its place, and begins anew.
        native.clear();
        readings = 0;
        startNative();
        return false;
      }
    } catch (raised) {
      stop();
      reason = /** @type {Error} */ (raised).message;
      return false;
    }
    lastPause = performance.now() - now;
    longestPause = Math.max(longestPause, lastPause);
    pauses += lastPause;
    readings++;
    return true;
  }

  function blur() {
    inlineAgain?.();
    inlineAgain = undefined;
  }

  function stop() {
    blur();
    native.stop();
    inspector?.close();
    inspector = undefined;
    source = 'off';
  }

  return {
    /**
     * @param {number} wanted bytes between two samples, on average
     */
    start(wanted) {
      if (source !== 'off') {
        return;
      }
      interval = wanted;
      native.clear();
      readings = 0;
      lastReading = -Infinity;
      reason = null;
      try {
        reason = startBridge() ?? null;
      } catch (raised) {
        reason = /** @type {Error} */ (raised).message;
      }
      if (source === 'off') {
        startInspector();
      }
      longestPause = 0;
      pauses = 0;
    },
    stop,
    /** Has no functions inlined from now on, so that each is seen as what it is: while sites are looked for, and as long as the sampler runs for that. */
    sharpen() {
      if (source !== 'off' && inlineAgain === undefined) {
        const begin = performance.now();
        inlineAgain = withoutInlining();
        const pause = performance.now() - begin;
        longestPause = Math.max(longestPause, pause);
        pauses += pause;
      }
    },
    blur,
    /**
     * A major collection has ended: time for a reading, unless the last one was within `pause` milliseconds or took so
     * long that it is too early.
     *
     * @param {number} now
     * @param {number} pause
     * @param {number} work that the program has done, in a unit of its own; NaN where not known
     * @returns {boolean} whether there was one
     */
    afterMajor(now, pause, work) {
      const due = now - lastReading >= Math.max(pause, lastPause / READING_SHARE);
      return source !== 'off' && due && take(now, work);
    },
    /** A reading, whatever it costs; a major collection has ended since the last one. */
    take: () => source !== 'off' && take(performance.now(), NaN),
    /** @param {number} confidence */
    growing: (confidence) => native.growing(confidence),
    /** @returns {string} the text of a `.heapprofile` file */
    heapprofile: () => inspector?.read() ?? native.heapprofile(),
    get running() {
      return source !== 'off';
    },
    /** How it is done, and what it cost. */
    describe: () => ({ source, reason, interval, readings, longestPause, pauses }),
  };
}

/** Why the bridge's profiler cannot be used; null while nothing speaks against it. @type {string | null} */
let broken = null;

/**
 * Whether the bridge reads back what was just allocated.
 *
 * @param {import('../binding.js').LeakSites} native
 * @returns {string | undefined} why not
 */
function brokenBridge(native) {
  if (broken !== null || native.isChecked()) {
    return broken ?? undefined;
  }
  if (!native.start(CHECK_INTERVAL, STACK_DEPTH)) {
    // Somebody else's sampler, with an interval of its own: nothing to compare with, and no time to wait for another.
    return 'a sampler runs already, so the bridge could not be checked';
  }
  try {
    broken = checkOn(native) ? null : 'the heap profile does not show what was just allocated';
  } catch (raised) {
    broken = /** @type {Error} */ (raised).message;
  } finally {
    native.stop();
  }
  return broken ?? undefined;
}

module.exports = { createAttribution };
