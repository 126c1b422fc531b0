'use strict';

const v8 = require('node:v8');
const { createTrial, shed } = require('./acts.js');
const { createEvidence, makeRoomForLastWords } = require('./evidence.js');
const { DIMENSIONS } = require('./report.js');

/** Milliseconds between two reports that are made for the time when there is none to be made any more. */
const NOTE_EVERY = 1000;
/** Share of a limit from which the profiler runs, so that there is something to write when the limit is met. */
const NEAR_LIMIT = 0.75;

/**
 * What is done about a leak besides telling it: evidence on disk, shedding, asking to drain, last words at a limit. Each only if
 * it was asked for.
 *
 * @param {object} parts
 * @param {typeof import('../binding.js')} parts.binding
 * @param {ReturnType<typeof import('./options.js').readOptions>} parts.settings
 * @param {import('../binding.js').LeakConfig} parts.config of the verdict on what came of shedding
 * @param {(settings: { directory: string, headroom: number, onLimit: (event: any) => void }) =>
 *   ReturnType<typeof import('./guard.js').createGuard>} parts.createGuard
 * @param {() => import('../..').LeakReport} parts.report
 * @param {() => string | undefined} parts.heapprofile
 * @param {(event: any) => void} parts.onLimit
 */
function createReactions({ binding, settings, config, createGuard, report, heapprofile, onLimit }) {
  const { drain, onLeak } = settings;
  const evidence = settings.evidence && createEvidence(settings.evidence);
  /** What the last writing came to. @type {import('../..').LeakEvidence | null} */
  let written = null;
  /** @type {ReturnType<typeof createGuard> | undefined} */
  let guard;
  /** When the guard was given its last report. */
  let notedAt = -Infinity;
  let askedToDrain = false;
  /** What came of shedding. @type {{ trial: ReturnType<typeof createTrial>, dimension: number, errors: string[] } | undefined} */
  let shedding;

  /** @param {{ belongsToLast?: boolean }} [how] */
  function writeEvidence(how) {
    if (evidence === undefined) {
      return;
    }
    /** @type {Record<string, string>} */
    const texts = { json: JSON.stringify(report()) };
    try {
      const profile = heapprofile();
      if (profile !== undefined) {
        texts.heapprofile = profile;
      }
      written = evidence.write(texts, performance.now(), how);
    } catch (raised) {
      written = { files: [], error: /** @type {Error} */ (raised).message };
    }
  }

  return {
    start() {
      if (settings.evidence !== undefined) {
        const { directory, headroom } = settings.evidence;
        makeRoomForLastWords(settings.evidence);
        guard = createGuard({ directory, headroom, onLimit });
        // The limit may be met in the first turn of the loop.
        guard.note(JSON.stringify(report()));
      }
    },
    stop() {
      guard?.close();
      guard = undefined;
    },
    reset() {
      shedding = undefined;
      askedToDrain = false;
    },
    /** A leak was found. */
    act() {
      writeEvidence();
      if (settings.shed.length > 0 && shedding === undefined) {
        const { dimension, growthPerHour: before } = report();
        const trial = createTrial({ binding, config, before });
        shedding = { trial, dimension: DIMENSIONS.indexOf(dimension ?? 'heap'), errors: shed(settings.shed) };
      }
      onLeak?.(report());
    },
    /** Its sites were found. */
    complete: () => writeEvidence({ belongsToLast: true }),
    /**
     * @param {import('../binding.js').GcPoint} point
     * @param {number} buffers
     * @param {number} work
     */
    push(point, buffers, work) {
      shedding?.trial.push(point, buffers, work);
    },
    /**
     * Whether there may soon be a time for last words.
     *
     * @param {number} used bytes of the heap
     * @param {import('../binding.js').MemorySampler | undefined} sampler asked only if there are to be last words
     */
    isNearLimit(used, sampler) {
      if (guard === undefined) {
        return false;
      }
      const { cgroupLimit = Infinity, cgroupUsed = 0 } = sampler?.latest() ?? {};
      return Math.max(used / v8.getHeapStatistics().heap_size_limit, cgroupUsed / cgroupLimit) > NEAR_LIMIT;
    },
    /** What each collection brings. @param {import('../..').LeakState} state */
    afterMajor(state) {
      if (guard === undefined && (drain === undefined || state !== 'leak')) {
        return;
      }
      const now = performance.now();
      if (now - notedAt < NOTE_EVERY) {
        return;
      }
      notedAt = now;
      const said = report();
      guard?.note(JSON.stringify(said));
      const [earliest] = said.timeToLimitRange ?? [null];
      const isTime = said.state === 'leak' && earliest !== null && earliest < (drain?.before ?? 0);
      if (isTime && !askedToDrain) {
        askedToDrain = true;
        drain?.ask(said);
      }
    },
    /** What was done, for reports. */
    describe: () => ({
      evidence: written,
      shed: shedding ? { ...shedding.trial.outcome(shedding.dimension), errors: shedding.errors } : null,
    }),
  };
}

module.exports = { createReactions };
