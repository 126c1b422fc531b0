'use strict';

const { EventEmitter } = require('node:events');
const { error } = require('../errors.js');
const { createCollector } = require('./collector.js');
const { matchKnownLeaks } = require('./known-leaks.js');
const { readOptions } = require('./options.js');
const { createReactions } = require('./reactions.js');
const { buildVerdict } = require('./report.js');
const { createSiteSearch } = require('./site-search.js');

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
    #collector;
    #search;
    #reactions;
    /** When the warm-up ends; Infinity until it has begun. */
    #warmAt = Infinity;
    #running = false;
    #closed = false;
    /** @type {import('../binding.js').MemorySampler | undefined} */
    #sampler;
    /** @type {import('../..').LeakState} */
    #announced = 'warming';
    /** @type {number | null} */
    #leakSince = null;
    /** Whether `located` was emitted for this leak. */
    #located = false;
    /** @type {{ sites: import('../..').LeakSite[], leaks: import('../..').KnownLeak[] } | undefined} */
    #known;
    /** @type {(points: import('../binding.js').GcPoint[]) => void} */
    #onMajor = (points) => this.#take(points);

    /** @param {import('../..').LeakDetectorOptions} [options] */
    constructor(options) {
      super();
      const settings = readOptions(options);
      const { warmup, window, minPoints, confidence, floor, confirmations } = settings;
      const config = { warmup, window, minPoints, confidence, floor, confirmations };
      this.#settings = settings;
      this.#verdict = new binding.LeakVerdict(config);
      this.#collector = createCollector({
        gc,
        interval: settings.gcInterval,
        share: settings.maxGcShare,
      });
      this.#search = createSiteSearch({
        attribution: createAttribution(),
        verdict: this.#verdict,
        settings,
      });
      this.#reactions = createReactions({
        binding,
        settings,
        config,
        createGuard,
        report: () => this.#report(),
        heapprofile: this.#search.heapprofile,
        onLimit: (event) => this.emit('limit', event),
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
      this.#collector.start();
      this.#reactions.start();
      if (this.#settings.attribution === 'always') {
        this.#search.start();
      }
      if (this.#announced === 'suspect' || this.#announced === 'leak') {
        this.#search.pursue();
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
        this.#collector.stop();
        this.#search.stop();
        this.#reactions.stop();
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
      this.#search.relax();
      this.#search.forget();
      this.#reactions.reset();
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

    #begin() {
      this.#verdict.begin();
      this.#warmAt = Math.min(this.#warmAt, performance.now() + this.#settings.warmup);
      this.#collector.waitUntil(this.#warmAt);
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
      const work = this.#push(points);
      this.#collector.noteMajor(now - newest.age, newest.used);
      this.#search.note(now, newest);
      const isNearLimit = this.#reactions.isNearLimit(newest.used, this.#sampler);
      if (isNearLimit) {
        this.#search.start();
      }
      const hasRead = this.#search.read(now, work, this.#announced === 'leak');
      if (hasRead && !this.#located && this.#announced === 'leak') {
        this.#announceSites();
      }
      this.#evaluate();
      if (this.#search.rest(now, !isNearLimit) && this.#announced === 'steady') {
        this.#search.forget();
      }
      this.#collector.hurry = this.#search.isOpen;
      this.#reactions.afterMajor(this.#announced);
    }

    /**
     * @param {import('../binding.js').GcPoint[]} points the newest last
     * @returns {number} the work done until now
     */
    #push(points) {
      const newest = points[points.length - 1];
      // V8 does not count array buffers apart, Node does, but only for now: this belongs to the newest point alone. So
      // does the user's counter.
      const { arrayBuffers } = process.memoryUsage();
      const { operations } = this.#settings;
      let work = NaN;
      for (const point of points) {
        const { age, used, external, allocated } = point;
        const isNewest = point === newest;
        if (operations === undefined || isNewest) {
          work = operations === undefined ? allocated : Number(operations());
          const buffers = isNewest ? arrayBuffers : NaN;
          this.#verdict.push(age, used, external, buffers, work);
          this.#reactions.push(point, buffers, work);
        }
      }
      return work;
    }

    #evaluate() {
      const state = /** @type {import('../..').LeakState} */ (this.#verdict.evaluate(this.#search.holds()));
      const before = this.#announced;
      if (state === before) {
        return;
      }
      this.#announced = state;
      this.#leakSince = state === 'leak' ? Date.now() : null;
      if (state === 'leak' || state === 'suspect') {
        if (this.#running) {
          this.#search.pursue();
        }
        if (state === 'leak') {
          this.#reactions.act();
        }
        this.#located = false;
        this.emit(state, this.#report());
        // A listener may have closed or reset it.
        if (this.#announced === 'leak' && this.#running) {
          this.#announceSites();
        }
        return;
      }
      this.#search.relax();
      if (before !== 'warming') {
        this.emit('clear', this.#report());
      }
    }

    #announceSites() {
      this.#located = this.#search.conclude();
      if (this.#located) {
        this.#reactions.complete();
        this.emit('located', this.#report());
      }
    }

    /** What a first verdict still needs. @param {import('../binding.js').LeakDimension[]} found */
    #needs([heap]) {
      const { warmup, window, minPoints } = this.#settings;
      const warm = Math.max(0, Math.min(warmup, this.#warmAt - performance.now()));
      return {
        time: warm + Math.max(0, 3 * window - heap.span),
        points: Math.max(0, minPoints - heap.points),
      };
    }

    /** Those of the sites, looked up once for them: it goes through all loaded modules, and reports are made often. */
    #knownLeaks() {
      const { sites } = this.#search;
      if (this.#known?.sites !== sites) {
        this.#known = { sites, leaks: matchKnownLeaks(sites) };
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
        sites: this.#search.sites,
        attribution: this.#search.describe(),
        ...this.#reactions.describe(),
        knownLeaks: this.#announced === 'leak' ? this.#knownLeaks() : [],
        source: gc.source().tier,
      };
    }
  }

  return LeakDetector;
}

module.exports = { createLeakDetectorClass };
