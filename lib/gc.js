'use strict';

const v8 = require('node:v8');
const { noBridge } = require('./runtime.js');

/** Milliseconds after which the profiler's log is read and begun anew: it holds 3 to 4 KB for each collection. */
const ROTATE = 5000;
/** How far the bridge's reading of the heap may lie from JavaScript's own, taken just before and after it. */
const TOLERANCE_BYTES = 4 * 1024 * 1024;

const DISTRUSTED = 'V8 called back with something unexpected';

const MINOR = 0;
const MAJOR = 1;
const INCREMENTAL = 2;
const WEAK_CALLBACKS = 3;

/** @type {Record<string, number>} */
const PROFILER_KINDS = {
  Scavenge: MINOR,
  MinorMarkCompact: MINOR,
  MinorMarkSweep: MINOR,
  MarkSweepCompact: MAJOR,
  IncrementalMarking: INCREMENTAL,
  ProcessWeakCallbacks: WEAK_CALLBACKS,
};

/**
 * The collections of this thread, for all who want to know of them: one set of hooks however many monitors there are.
 *
 * Two tiers. `v8`: V8's own callbacks through the bridge, checked against `v8.getHeapStatistics()` first. `profiler`:
 * `v8.GCProfiler`, whose figures are taken at the same moments but arrive a few seconds late.
 *
 * @param {typeof import('./binding.js')} binding
 * @param {() => string | undefined} [bridgeRefused]
 */
function createGcSource(binding, bridgeRefused = noBridge) {
  const watch = new binding.GcWatch();
  /** @type {Set<(points: import('./binding.js').GcPoint[]) => void>} */
  const listeners = new Set();
  // Views, made once: see GcWatch.pauses.
  const pauses = {
    minor: watch.pauses(MINOR),
    major: watch.pauses(MAJOR),
    incremental: watch.pauses(INCREMENTAL),
    weakCallbacks: watch.pauses(WEAK_CALLBACKS),
  };
  let users = 0;
  /** @type {'v8' | 'profiler' | 'off'} */
  let tier = 'off';
  /** @type {string | undefined} why not the better tier */
  let reason;
  /** @type {NodeJS.Timeout | undefined} */
  let rotation;
  /** @type {v8.GCProfiler | undefined} */
  let profiler;

  function acquire() {
    if (users++ > 0) {
      return;
    }
    reason = bridgeRefused() ?? tryBridge();
    tier = reason === undefined ? 'v8' : 'profiler';
    if (tier === 'profiler') {
      startProfiler();
    }
  }

  function release() {
    if (users === 0 || --users > 0) {
      return;
    }
    watch.unhook();
    stopProfiler();
    tier = 'off';
  }

  /** Why the bridge does not work here; undefined once it does. */
  function tryBridge() {
    if (watch.distrusted()) {
      return DISTRUSTED;
    }
    try {
      const before = v8.getHeapStatistics();
      const bridge = watch.heap();
      const after = v8.getHeapStatistics();
      const near = (/** @type {number} */ value, /** @type {number} */ a, /** @type {number} */ b) =>
        value >= Math.min(a, b) - TOLERANCE_BYTES && value <= Math.max(a, b) + TOLERANCE_BYTES;
      if (
        bridge.limit !== before.heap_size_limit ||
        !near(bridge.used, before.used_heap_size, after.used_heap_size) ||
        !near(bridge.external, before.external_memory, after.external_memory)
      ) {
        return "the bridge reads other heap statistics than JavaScript's own";
      }
      watch.hook(onMajor);
      return undefined;
    } catch (raised) {
      return /** @type {Error} */ (raised).message;
    }
  }

  function onMajor() {
    if (watch.distrusted() && tier === 'v8') {
      watch.unhook();
      reason = DISTRUSTED;
      tier = 'profiler';
      startProfiler();
    }
    drain();
  }

  /** Hands new points of the live set to all listeners. */
  function drain() {
    const points = watch.drainPoints();
    if (points.length > 0) {
      listeners.forEach((listener) => tell(listener, points));
    }
  }

  function startProfiler() {
    if (typeof v8.GCProfiler !== 'function') {
      reason = 'the runtime has no v8.GCProfiler';
      return;
    }
    profiler = new v8.GCProfiler();
    profiler.start();
    rotation = setInterval(rotate, ROTATE);
    rotation.unref();
  }

  function stopProfiler() {
    clearInterval(rotation);
    readProfiler();
    profiler = undefined;
  }

  function rotate() {
    readProfiler();
    profiler = new v8.GCProfiler();
    profiler.start();
    drain();
  }

  function readProfiler() {
    const log = profiler?.stop();
    for (const { gcType, cost, beforeGC, afterGC } of log?.statistics ?? []) {
      const found = beforeGC.heapStatistics.usedHeapSize;
      const { usedHeapSize, externalMemory } = afterGC.heapStatistics;
      // The profiler's cost is in microseconds.
      watch.record(
        PROFILER_KINDS[gcType] ?? WEAK_CALLBACKS,
        cost / 1000,
        found,
        usedHeapSize,
        externalMemory,
      );
    }
  }

  return {
    acquire,
    release,
    /** What the loop probe reads collection time from. */
    watch,
    /** @param {(points: import('./binding.js').GcPoint[]) => void} listener told after each major collection */
    listen(listener) {
      listeners.add(listener);
    },
    /** @param {(points: import('./binding.js').GcPoint[]) => void} listener */
    unlisten(listener) {
      listeners.delete(listener);
    },
    /** Brings what is known up to date; only the profiler tier has anything to catch up on. */
    refresh() {
      if (profiler !== undefined) {
        rotate();
      } else {
        drain();
      }
    },
    /** Asks V8 to start an incremental collection; false where it cannot be asked. */
    requestGc: () => watch.requestGc(),
    /** @param {keyof typeof pauses} kind */
    pauses: (kind) => pauses[kind],
    /** Which tier is in use, and why not the better one. */
    source: () => ({ tier, reason }),
  };
}

/**
 * What a user's listener throws is an uncaught exception, as from any emitter, but it comes alone: the other
 * listeners get their points.
 *
 * @param {(points: import('./binding.js').GcPoint[]) => void} listener
 * @param {import('./binding.js').GcPoint[]} points
 */
function tell(listener, points) {
  try {
    listener(points);
  } catch (raised) {
    process.nextTick(() => {
      throw raised;
    });
  }
}

module.exports = { createGcSource };
