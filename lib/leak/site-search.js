'use strict';

const { describeSites } = require('./sites.js');

/** Readings of the profiler in one window. */
const READINGS_PER_WINDOW = 8;
/**
 * Windows for which a rise of the heap waits for a site that grows, and readings that it needs at least. After them it does no
 * more: what grows may be of a kind that is not seen, such as arrays that double.
 */
const PATIENCE = { windows: 8, readings: 16 };
/**
 * Windows for which the profiler goes on when nothing is suspected any more, as the next suspicion begins where it was; and
 * when the sites are known, as they become more exact.
 */
const LINGERING_WINDOWS = 4;
/** Share of the heap's growth that sites must explain, and how often over: more are stores that turn over. */
const EXPLAINED = { least: 0.4, most: 2 };
/** Samples of the leak that one window should bring: enough to tell growth from chance. */
const SAMPLES_PER_WINDOW = 100;
/** Samples a second that are affordable while there is a suspicion: each takes a stack, some 5 us. */
const SAMPLES_PER_SECOND = 4000;
/** Range of the interval between samples that is chosen here, in bytes. */
const FINEST_INTERVAL = 4096;
const COARSEST_INTERVAL = 512 * 1024;
const SECONDS_PER_HOUR = 3600;

/**
 * The search for what grows: when the profiler runs and how finely, and whether what it has found explains the verdict.
 *
 * @param {object} parts
 * @param {ReturnType<typeof import('./attribution.js').createAttribution>} parts.attribution
 * @param {import('../binding.js').LeakVerdict} parts.verdict
 * @param {ReturnType<typeof import('./options.js').readOptions>} parts.settings
 */
function createSiteSearch({ attribution, verdict, settings }) {
  const { window, confidence, samplingInterval } = settings;
  /** Sites of the newest reading; those of the last run once sampling has ended. @type {import('../..').LeakSite[]} */
  let sites = [];
  /** When a suspicion began, and the readings until then; undefined while there is none. @type {{ at: number, readings: number } | undefined} */
  let pursuit;
  /** Since when sites need not be looked for, because there is no suspicion, or they are known. */
  let restsFrom = Infinity;
  /** Whether this pursuit has come to its end. */
  let isOver = false;
  /** Bytes allocated per second, from the newest two points that have them. */
  let allocationRate = 0;
  /** @type {{ at: number, allocated: number } | undefined} */
  let lastAllocated;

  /** Fine enough to see what grows within a window, coarse enough for what the program allocates. */
  function chosenInterval() {
    const [heap] = verdict.dimensions();
    const perWindow = (Math.max(0, heap.growthPerHour) / SECONDS_PER_HOUR) * (window / 1000);
    const wanted = perWindow / SAMPLES_PER_WINDOW;
    const affordable = allocationRate / SAMPLES_PER_SECOND;
    const interval = Math.max(wanted, affordable, FINEST_INTERVAL);
    return Math.round(Math.min(interval, COARSEST_INTERVAL));
  }

  function start() {
    if (settings.attribution !== 'off') {
      attribution.start(samplingInterval || chosenInterval());
    }
  }

  /** Growth of all sites over that of the heap, for each unit of work where that is counted; 0 without sites. */
  function explained() {
    const [{ growthPerHour, workPerHour }] = verdict.dimensions();
    const isCounted = workPerHour > 0 && sites.every(({ growthPerWork }) => growthPerWork !== null);
    const whole = isCounted ? growthPerHour / workPerHour : growthPerHour;
    const growthOf = (/** @type {import('../..').LeakSite} */ site) =>
      (isCounted ? site.growthPerWork : site.growthPerHour) ?? 0;
    const total = sites.reduce((sum, site) => sum + growthOf(site), 0);
    return total === 0 ? 0 : total / Math.max(0, whole);
  }

  /** Whether the sites explain how the heap grows, and not much more. */
  function isExplained() {
    const share = explained();
    return share >= EXPLAINED.least && share <= EXPLAINED.most;
  }

  function isSettled() {
    const [heap, ...outside] = verdict.dimensions();
    if (heap.growth === 'rising') {
      return isExplained();
    }
    // What grows outside of the heap is held by objects too few and small to be compared. (The last is the resident set.)
    return outside.slice(0, -1).some(({ growth }) => growth === 'rising') && sites.length > 0;
  }

  /** Whether sites were looked for long enough since the suspicion began. */
  function isPatienceOver() {
    if (pursuit === undefined) {
      return false;
    }
    const readings = attribution.describe().readings - pursuit.readings;
    return performance.now() - pursuit.at > PATIENCE.windows * window && readings >= PATIENCE.readings;
  }

  return {
    get sites() {
      return sites;
    },
    /** Looks for sites from now on, but for no verdict: without harm to the program's speed. */
    start,
    stop() {
      pursuit = undefined;
      restsFrom = Infinity;
      attribution.stop();
    },
    /** There is a suspicion: looks closely. */
    pursue() {
      restsFrom = Infinity;
      isOver = false;
      start();
      attribution.sharpen();
      pursuit ??= { at: performance.now(), readings: attribution.describe().readings };
    },
    /** There is none any more; but what is sampled meanwhile must be seen as well, in case that there is another one. */
    relax() {
      pursuit = undefined;
      restsFrom = performance.now();
    },
    forget() {
      sites = [];
    },
    /**
     * A major collection has ended.
     *
     * @param {number} now
     * @param {import('../binding.js').GcPoint} newest
     */
    note(now, { age, allocated }) {
      const at = now - age;
      if (lastAllocated !== undefined && at > lastAllocated.at) {
        allocationRate = ((allocated - lastAllocated.allocated) / (at - lastAllocated.at)) * 1000;
      }
      lastAllocated = { at, allocated };
    },
    /**
     * Time for a reading, after a major collection.
     *
     * @param {number} now
     * @param {number} work done until then, in a unit of the program's own
     * @param {boolean} keep whether sites that were known stay known while none grow: of a leak the last ones are better
     *   than nothing, since what grows may rest for a while
     * @returns {boolean} whether there was one
     */
    read(now, work, keep) {
      if (!attribution.afterMajor(now, window / READINGS_PER_WINDOW, work)) {
        return false;
      }
      const found = attribution.growing(confidence);
      if (found.length > 0 || !keep) {
        sites = describeSites(found);
      }
      return true;
    },
    /**
     * Ends when the sites are known, or were looked for long enough, or when there is nothing to be found any more.
     *
     * @param {number} now
     * @param {boolean} mayStop whether nothing else wants the profiler
     * @returns {boolean} whether it has just ended
     */
    rest(now, mayStop) {
      const isIdle = (pursuit === undefined || isOver) && restsFrom === Infinity && attribution.running;
      if (isIdle && mayStop && settings.attribution !== 'always') {
        restsFrom = now;
      }
      if (now - restsFrom <= LINGERING_WINDOWS * window) {
        return false;
      }
      restsFrom = Infinity;
      isOver = true;
      attribution.blur();
      if (mayStop && settings.attribution !== 'always') {
        attribution.stop();
      }
      return true;
    },
    /** Whether a rise of the heap has to wait: its objects are being looked at, and what grows among them is not known yet. */
    holds: () => attribution.running && !isExplained() && !isPatienceOver(),
    /**
     * Of a leak: whether the sites are known. If so, or if they were looked for long enough, the search comes to its end.
     *
     * @returns {boolean}
     */
    conclude() {
      const settled = isSettled();
      if (!isOver && (settled || isPatienceOver())) {
        restsFrom = Math.min(restsFrom, performance.now());
      }
      return settled;
    },
    /** Whether there is something to be found still. */
    get isOpen() {
      return pursuit !== undefined && !isOver && restsFrom === Infinity;
    },
    /** The text of a `.heapprofile` file; undefined while nothing is sampled. */
    heapprofile: () => (attribution.running ? attribution.heapprofile() : undefined),
    /** How it is done, what it cost, and whether its result explains the verdict. */
    describe: () => ({ ...attribution.describe(), settled: isSettled() }),
  };
}

module.exports = { createSiteSearch };
