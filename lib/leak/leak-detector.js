'use strict';

const { EventEmitter } = require('node:events');
const v8 = require('node:v8');
const { error } = require('../errors.js');
const { createTrial, shed } = require('./acts.js');
const { createEvidence } = require('./evidence.js');
const { matchKnownLeaks } = require('./known-leaks.js');
const { readOptions } = require('./options.js');
const { DIMENSIONS, buildVerdict } = require('./report.js');
const { describeSites } = require('./sites.js');

/**
 * A collection is asked for only if the heap has changed by this many bytes since the last one: what allocates
 * nothing leaks nothing.
 */
const WORTH_COLLECTING = 256 * 1024;
/** Share of the time that collections asked for may take, judged by the median pause of the past ones. */
const GC_SHARE = 0.01;
/** Readings of the profiler in one window. */
const READINGS_PER_WINDOW = 8;
/**
 * Readings for which a rise of the heap waits for a site that grows. After them it does no more: what grows may be of a kind
 * that is not seen, such as arrays that double.
 */
const MOST_READINGS = 8 * READINGS_PER_WINDOW;
/**
 * Windows for which the profiler goes on when nothing is suspected any more, as the next suspicion begins where it was; and
 * when the sites are known, as they become more exact.
 */
const LINGERING_WINDOWS = 4;
/** Share of the heap's growth that sites must explain, and how often over: more are stores that turn over. */
const EXPLAINED = { least: 0.4, most: 4 };
/** Samples of the leak that one window should bring: enough to tell growth from chance. */
const SAMPLES_PER_WINDOW = 100;
/** Samples a second that are affordable: each takes a stack, some 5 us. */
const SAMPLES_PER_SECOND = 1000;
/** Range of the interval between samples that is chosen here, in bytes. */
const FINEST_INTERVAL = 4096;
const COARSEST_INTERVAL = 512 * 1024;
const SECONDS_PER_HOUR = 3600;
/** Milliseconds between two reports that are made for the time when there is none to be made any more. */
const NOTE_EVERY = 1000;
/** Share of a limit from which the profiler runs, so that there is something to write when the limit is met. */
const NEAR_LIMIT = 0.75;

/**
 * The public LeakDetector class. See `index.d.ts` for its contract.
 *
 * @param {object} parts
 * @param {typeof import('../binding.js')} parts.binding
 * @param {ReturnType<typeof import('../gc.js').createGcSource>} parts.gc
 * @param {() => ReturnType<typeof import('./attribution.js').createAttribution>} parts.createAttribution
 * @param {(settings: { directory: string, headroom: number, onLimit: (event: any) => void }) =>
 *   ReturnType<typeof import('./guard.js').createGuard>} parts.createGuard
 */
function createLeakDetectorClass({ binding, gc, createAttribution, createGuard }) {
  /** @augments {EventEmitter<import('../..').LeakDetectorEvents>} */
  class LeakDetector extends EventEmitter {
    #settings;
    #verdict;
    /** When the warm-up ends; what is collected before serves nobody. */
    #warmAt = Infinity;
    #running = false;
    #closed = false;
    /** @type {import('../binding.js').MemorySampler | undefined} */
    #sampler;
    /** @type {NodeJS.Timeout | undefined} */
    #timer;
    #lastMajor = 0;
    #lastUsed = 0;
    /** Bytes allocated per second, from the newest two points that have them. */
    #allocationRate = 0;
    /** @type {{ at: number, allocated: number } | undefined} */
    #lastAllocated;
    /** @type {import('../..').LeakState} */
    #announced = 'warming';
    /** @type {number | null} */
    #leakSince = null;
    /** Since when sites need not be looked for, because there is no suspicion, or they are known. */
    #restsFrom = Infinity;
    #attribution;
    /** Sites of the newest reading; those of the last run once sampling has ended. @type {import('../..').LeakSite[]} */
    #sites = [];
    /** @type {{ sites: import('../..').LeakSite[], leaks: import('../..').KnownLeak[] } | undefined} */
    #known;
    /** @type {ReturnType<typeof createEvidence> | undefined} */
    #evidence;
    /** What the last writing came to. @type {import('../..').LeakEvidence | null} */
    #written = null;
    /** @type {ReturnType<typeof createGuard> | undefined} */
    #guard;
    /** What came of shedding. @type {{ trial: ReturnType<typeof createTrial>, dimension: number, errors: string[] } | undefined} */
    #shedding;
    #askedToDrain = false;
    /** When the guard was given its last report. */
    #notedAt = -Infinity;
    /** Whether `located` was emitted for this leak. */
    #located = false;
    /** @type {(points: import('../binding.js').GcPoint[]) => void} */
    #onMajor = (points) => this.#take(points);

    /** @param {import('../..').LeakDetectorOptions} [options] */
    constructor(options) {
      super();
      this.#settings = readOptions(options);
      this.#verdict = new binding.LeakVerdict(this.#config());
      this.#attribution = createAttribution();
      const { evidence } = this.#settings;
      if (evidence !== undefined) {
        this.#evidence = createEvidence(evidence);
      }
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
      const { gcInterval, attribution, evidence } = this.#settings;
      if (gcInterval > 0) {
        // Twice per interval, so that a collection comes at most half an interval late.
        this.#timer = setInterval(() => this.#collectIfQuiet(), gcInterval / 2);
        this.#timer.unref();
      }
      if (evidence !== undefined) {
        const { directory, headroom } = evidence;
        this.#guard = createGuard({ directory, headroom, onLimit: (event) => this.emit('limit', event) });
      }
      if (attribution === 'always') {
        this.#startAttribution();
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
        this.#attribution.stop();
        this.#guard?.close();
        this.#guard = undefined;
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
      this.#sites = [];
      this.#shedding = undefined;
      this.#askedToDrain = false;
    }

    /** @returns {import('../..').LeakReport} */
    check() {
      this.#assertOpen();
      if (this.#running) {
        gc.refresh();
      }
      this.#evaluate();
      return this.#report();
    }

    /** @returns {import('../binding.js').LeakConfig} */
    #config() {
      const { warmup, window, minPoints, confidence, floor, confirmations } = this.#settings;
      return { warmup, window, minPoints, confidence, floor, confirmations };
    }

    #begin() {
      this.#verdict.begin();
      this.#warmAt = Math.min(this.#warmAt, performance.now() + this.#settings.warmup);
    }

    #assertOpen() {
      if (this.#closed) {
        throw error('ERR_HEAPWISE_DETECTOR_CLOSED');
      }
    }

    /** @param {import('../binding.js').GcPoint[]} points */
    #take(points) {
      const now = performance.now();
      const newest = points[points.length - 1];
      // V8 does not count array buffers apart, Node does, but only for now: this belongs to the newest point alone. So
      // does the user's counter.
      const { arrayBuffers } = process.memoryUsage();
      const { operations, window } = this.#settings;
      for (const point of points) {
        const { age, used, external, allocated } = point;
        const isNewest = point === newest;
        if (operations === undefined || isNewest) {
          const work = operations === undefined ? allocated : Number(operations());
          const buffers = isNewest ? arrayBuffers : NaN;
          this.#verdict.push(age, used, external, buffers, work);
          this.#shedding?.trial.push(point, buffers, work);
        }
      }
      this.#noteAllocation(now - newest.age, newest.allocated);
      if (this.#isNearLimit(newest.used)) {
        this.#startAttribution();
      }
      this.#lastUsed = newest.used;
      this.#lastMajor = now;
      if (this.#attribution.afterMajor(now, window / READINGS_PER_WINDOW)) {
        this.#locate();
      }
      this.#evaluate();
      this.#restAttribution(now);
      this.#afterVerdict();
    }

    /**
     * Ends what looks for sites when it has found them, or for long enough, or when there is nothing to find any more.
     *
     * @param {number} now
     */
    #restAttribution(now) {
      const { attribution, window } = this.#settings;
      const isOver = now - this.#restsFrom > LINGERING_WINDOWS * window;
      if (!isOver) {
        return;
      }
      this.#restsFrom = Infinity;
      this.#attribution.blur();
      if (attribution !== 'always' && !this.#isNearLimit(this.#lastUsed)) {
        this.#attribution.stop();
      }
      if (this.#announced === 'steady') {
        this.#sites = [];
      }
    }

    /** @param {number} used bytes of the heap */
    #isNearLimit(used) {
      if (this.#guard === undefined) {
        return false;
      }
      const { cgroupLimit = Infinity, cgroupUsed = 0 } = this.#sampler?.latest() ?? {};
      const share = Math.max(used / v8.getHeapStatistics().heap_size_limit, cgroupUsed / cgroupLimit);
      return share > NEAR_LIMIT;
    }

    /** What each collection brings once there is a verdict. */
    #afterVerdict() {
      const { drain } = this.#settings;
      if (this.#guard === undefined && (drain === undefined || this.#announced !== 'leak')) {
        return;
      }
      const now = performance.now();
      if (now - this.#notedAt < NOTE_EVERY) {
        return;
      }
      this.#notedAt = now;
      const report = this.#report();
      this.#guard?.note(JSON.stringify(report));
      const [earliest] = report.timeToLimitRange ?? [null];
      const isTime = report.state === 'leak' && earliest !== null && earliest < (drain?.before ?? 0);
      if (isTime && !this.#askedToDrain) {
        this.#askedToDrain = true;
        drain?.ask(report);
      }
    }

    #actOnLeak() {
      const { shed: holders, onLeak } = this.#settings;
      this.#writeEvidence();
      if (holders.length > 0 && this.#shedding === undefined) {
        const { dimension, growthPerHour: before } = this.#report();
        const trial = createTrial({ binding, config: this.#config(), before });
        const index = DIMENSIONS.indexOf(dimension ?? 'heap');
        this.#shedding = { trial, dimension: index, errors: shed(holders) };
      }
      onLeak?.(this.#report());
    }

    /** @param {{ belongsToLast?: boolean }} [how] */
    #writeEvidence(how) {
      if (this.#evidence === undefined) {
        return;
      }
      /** @type {Record<string, string>} */
      const texts = { json: JSON.stringify(this.#report()) };
      try {
        if (this.#attribution.running) {
          texts.heapprofile = this.#attribution.heapprofile();
        }
        this.#written = this.#evidence.write(texts, performance.now(), how);
      } catch (raised) {
        this.#written = { files: [], error: /** @type {Error} */ (raised).message };
      }
    }

    /**
     * @param {number} at
     * @param {number} allocated
     */
    #noteAllocation(at, allocated) {
      const last = this.#lastAllocated;
      if (last !== undefined && at > last.at) {
        this.#allocationRate = ((allocated - last.allocated) / (at - last.at)) * 1000;
      }
      this.#lastAllocated = { at, allocated };
    }

    #collectIfQuiet() {
      const now = performance.now();
      if (now < this.#warmAt) {
        return;
      }
      const { gcInterval } = this.#settings;
      // The median: one collection that had to wait for a core says nothing about the others.
      const { p50 } = gc.pauses('major').summary();
      const interval = Math.max(gcInterval, p50 / GC_SHARE);
      // Half a period of slack, or a timer that is early by a millisecond would skip every second turn.
      const due = now - this.#lastMajor >= interval - gcInterval / 4;
      if (due && Math.abs(v8.getHeapStatistics().used_heap_size - this.#lastUsed) >= WORTH_COLLECTING) {
        gc.requestGc();
      }
    }

    #evaluate() {
      const state = /** @type {import('../..').LeakState} */ (this.#verdict.evaluate(this.#holds()));
      const before = this.#announced;
      if (state === before) {
        return;
      }
      this.#announced = state;
      this.#leakSince = state === 'leak' ? Date.now() : null;
      if (state === 'leak' || state === 'suspect') {
        this.#restsFrom = Infinity;
        this.#startAttribution();
        this.#attribution.sharpen();
        if (state === 'leak') {
          this.#actOnLeak();
        }
        this.emit(state, this.#report());
        this.#located = false;
        if (state === 'leak') {
          this.#announceSites();
        }
        return;
      }
      this.#restsFrom = performance.now();
      this.#attribution.blur();
      if (before !== 'warming') {
        this.emit('clear', this.#report());
      }
    }

    /** Whether a rise of the heap has to wait: its objects are being looked at, and what grows among them is not known yet. */
    #holds() {
      const { source, readings } = this.#attribution.describe();
      return source !== 'off' && readings < MOST_READINGS && !this.#isSettled();
    }

    /** Growth of all sites over that of the heap; 0 without sites, infinite while the heap's is not known. */
    #explained() {
      const total = this.#sites.reduce((sum, { growthPerHour }) => sum + growthPerHour, 0);
      const [{ growthPerHour }] = this.#verdict.dimensions();
      return total === 0 ? 0 : total / Math.max(0, growthPerHour);
    }

    #startAttribution() {
      const { attribution, samplingInterval } = this.#settings;
      if (this.#running && attribution !== 'off') {
        this.#attribution.start(samplingInterval || this.#chosenInterval());
      }
    }

    /** Fine enough to see what grows within a window, coarse enough for what the program allocates. */
    #chosenInterval() {
      const [heap] = this.#verdict.dimensions();
      const { window } = this.#settings;
      const perWindow = (Math.max(0, heap.growthPerHour) / SECONDS_PER_HOUR) * (window / 1000);
      const wanted = perWindow / SAMPLES_PER_WINDOW;
      const affordable = this.#allocationRate / SAMPLES_PER_SECOND;
      const interval = Math.max(wanted, affordable, FINEST_INTERVAL);
      return Math.round(Math.min(interval, COARSEST_INTERVAL));
    }

    #locate() {
      const found = this.#attribution.growing(this.#settings.confidence);
      // Of a leak the last that was known is better than nothing: what grows may rest for a while.
      if (found.length > 0 || this.#announced !== 'leak') {
        this.#sites = describeSites(found);
      }
      if (!this.#located && this.#announced === 'leak') {
        this.#announceSites();
      }
    }

    #announceSites() {
      const { readings } = this.#attribution.describe();
      this.#located = this.#isSettled();
      if (this.#located || readings >= MOST_READINGS) {
        this.#restsFrom = performance.now();
      }
      if (this.#located) {
        this.#writeEvidence({ belongsToLast: true });
        this.emit('located', this.#report());
      }
    }

    /** Whether the sites explain what grows, and not much more. */
    #isSettled() {
      const [heap] = this.#verdict.dimensions();
      if (heap.growth !== 'rising') {
        // What grows is outside of it, held by objects too few and small to be compared.
        return this.#sites.length > 0;
      }
      const explained = this.#explained();
      return explained >= EXPLAINED.least && explained <= EXPLAINED.most;
    }

    /** What a first verdict still needs. @param {import('../binding.js').LeakDimension[]} found */
    #needs([heap]) {
      const { window, minPoints } = this.#settings;
      const warm = Math.max(0, Math.min(this.#settings.warmup, this.#warmAt - performance.now()));
      return {
        time: warm + Math.max(0, 3 * window - heap.span),
        points: Math.max(0, minPoints - heap.points),
      };
    }

    /** Those of the sites, looked up once for them: it goes through all loaded modules, and reports are made often. */
    #knownLeaks() {
      if (this.#known?.sites !== this.#sites) {
        this.#known = { sites: this.#sites, leaks: matchKnownLeaks(this.#sites) };
      }
      return this.#known.leaks;
    }

    /** @returns {import('../..').LeakReport} */
    #report() {
      const found = this.#verdict.dimensions();
      return {
        ...buildVerdict({
          state: this.#announced,
          since: this.#leakSince,
          needs: this.#needs(found),
          found,
          memory: this.#sampler?.latest() ?? null,
          unit: this.#settings.operations === undefined ? 'allocated byte' : 'operation',
        }),
        sites: this.#sites,
        attribution: { ...this.#attribution.describe(), settled: this.#isSettled() },
        evidence: this.#written,
        shed:
          this.#shedding === undefined
            ? null
            : {
                ...this.#shedding.trial.outcome(this.#shedding.dimension),
                errors: this.#shedding.errors,
              },
        knownLeaks: this.#announced === 'leak' ? this.#knownLeaks() : [],
        source: gc.source().tier,
      };
    }
  }

  return LeakDetector;
}

module.exports = { createLeakDetectorClass };
