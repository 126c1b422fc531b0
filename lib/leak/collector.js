'use strict';

const v8 = require('node:v8');

/**
 * A collection is asked for only if the heap has changed by this many bytes since the last one: what allocates
 * nothing leaks nothing.
 */
const WORTH_COLLECTING = 256 * 1024;
/** Share of the time that collections asked for may take, judged by the median pause of the past ones. */
const GC_SHARE = 0.01;

/**
 * Has V8 collect where it does not by itself: a verdict needs what is alive, and an idle heap does not tell.
 *
 * @param {object} parts
 * @param {Pick<ReturnType<typeof import('../gc.js').createGcSource>, 'pauses' | 'requestGc'>} parts.gc
 * @param {number} parts.interval milliseconds from one collection to the next; 0 for none
 */
function createCollector({ gc, interval }) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  let from = Infinity;
  let lastMajor = 0;
  let lastUsed = 0;

  function collectIfQuiet() {
    const now = performance.now();
    if (now < from) {
      return;
    }
    // The median: one collection that had to wait for a core says nothing about the others.
    const { p50 } = gc.pauses('major').summary();
    // Half a period of slack, or a timer that is early by a millisecond would skip every second turn.
    const due = now - lastMajor >= Math.max(interval, p50 / GC_SHARE) - interval / 4;
    if (due && Math.abs(v8.getHeapStatistics().used_heap_size - lastUsed) >= WORTH_COLLECTING) {
      gc.requestGc();
    }
  }

  return {
    start() {
      lastMajor = performance.now();
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
    /**
     * A major collection has ended.
     *
     * @param {number} now
     * @param {number} used bytes that it has left
     */
    noteMajor(now, used) {
      lastMajor = now;
      lastUsed = used;
    },
  };
}

module.exports = { createCollector };
