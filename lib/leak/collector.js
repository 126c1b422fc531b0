'use strict';

const v8 = require('node:v8');

/**
 * A collection is asked for only if the heap has changed by this many bytes since the last one: what allocates
 * nothing leaks nothing.
 */
const WORTH_COLLECTING = 256 * 1024;
/** Milliseconds of a core that a collection takes for each byte alive: marking, mostly on other threads, and sweeping. */
const COST_PER_BYTE = 1000 / 2 ** 30;
/** Threads that work on a collection while the program waits for it: its own, and one of V8's at least. */
const THREADS = 2;
/** By how much slower than usual a machine may be; what takes longer has waited for the program. */
const MOST_UNUSUAL = 2;
/** By how much the share is larger while there is something to be found. */
const HURRY = 5;

/**
 * When a collection is due, so that those asked for take their share of a core's time and no more. Times are milliseconds.
 *
 * @param {object} parts
 * @param {number} parts.interval from one collection to the next, at least
 * @param {number} parts.share of a core's time that may be spent
 */
function createPace({ interval, share }) {
  let ended = 0;
  let alive = 0;
  /** When a collection was asked for that has not ended yet; Infinity when there is none. */
  let asked = Infinity;
  /** How long the last one took. */
  let took = 0;
  let isInHurry = false;

  /** Time of a core that a collection will take. */
  function cost() {
    const usual = alive * COST_PER_BYTE;
    return Math.min(Math.max(usual, took * THREADS), MOST_UNUSUAL * usual);
  }

  return {
    /** @param {number} now */
    isDue(now) {
      const allowed = Math.min(1, isInHurry ? HURRY * share : share);
      // Half a period of slack, or a timer that is early by a millisecond would skip every second turn.
      return now - ended >= Math.max(interval, cost() / allowed) - interval / 4;
    },
    /** Nothing that was asked for earlier comes any more. @param {number} now */
    begin(now) {
      ended = now;
      asked = Infinity;
    },
    /** One was asked for. @param {number} now */
    ask(now) {
      asked = Math.min(asked, now);
    },
    /**
     * One has ended, asked for or not.
     *
     * @param {number} at
     * @param {number} used bytes that it has left
     */
    end(at, used) {
      if (at >= asked) {
        took = at - asked;
        asked = Infinity;
      }
      ended = at;
      alive = used;
    },
    /** Whether the heap has changed enough for one. @param {number} used */
    isWorth: (used) => Math.abs(used - alive) >= WORTH_COLLECTING,
    /** Whether there is something to be found. @param {boolean} value */
    set hurry(value) {
      isInHurry = value;
    },
  };
}

/**
 * Has V8 collect where it does not by itself: a verdict needs what is alive, and an idle heap does not tell.
 *
 * @param {object} parts
 * @param {Pick<ReturnType<typeof import('../gc.js').createGcSource>, 'requestGc'>} parts.gc
 * @param {number} parts.interval milliseconds from one collection to the next, at least; 0 for none
 * @param {number} parts.share of a core's time that may be spent
 */
function createCollector({ gc, interval, share }) {
  const pace = createPace({ interval, share });
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  let from = Infinity;

  function collectIfQuiet() {
    const now = performance.now();
    if (now >= from && pace.isDue(now) && pace.isWorth(v8.getHeapStatistics().used_heap_size)) {
      pace.ask(now);
      gc.requestGc();
    }
  }

  return {
    start() {
      pace.begin(performance.now());
      if (interval > 0) {
        // Twice per interval, so that a collection comes at most half an interval late.
        timer = setInterval(collectIfQuiet, interval / 2);
        timer.unref();
      }
    },
    stop() {
      clearInterval(timer);
    },
    /** What is collected before serves nobody. @param {number} moment */
    waitUntil(moment) {
      from = moment;
    },
    noteMajor: pace.end,
    /** Whether there is something to be found, so that it may cost more. @param {boolean} value */
    set hurry(value) {
      pace.hurry = value;
    },
  };
}

module.exports = { createCollector, createPace };
