'use strict';

const { performance } = require('node:perf_hooks');

/**
 * Milliseconds on the time line of `performance.now()`, read as cheaply as the rate of reading deserves.
 *
 * `performance.now()` costs about 50 ns, a cell of a typed array about 1 ns. Few readers get the exact time. When
 * there are more than `MANY` reads in `WINDOW` ms, a thread of Rust (`src/clock/core.rs`) is asked to write the time
 * into the cell every millisecond for the next 100 ms; a cell that reads 0 is not being written. The thread sleeps
 * whenever nobody reads that often. Unlike a clock that a timer refreshes, the cell moves on inside one long
 * synchronous loop.
 */
const MANY = 256;
const WINDOW = 5;
/** Milliseconds for which one call keeps the cell fresh: `LEASE` of `src/clock/core.rs`. */
const LEASE = 100;

/**
 * @param {typeof import('./binding.js')} binding
 * @param {{ now(): number }} [exact]
 */
function createClock(binding, exact = performance) {
  /** @type {import('./binding.js').CoarseClock | undefined} */
  let native;
  /** @type {Float64Array} */
  let cell = new Float64Array(1);
  let usable = true;
  let reads = 0;
  let windowStart = -Infinity;

  /** @returns {number} */
  function now() {
    const time = cell[0];
    return time !== 0 ? time : readExact();
  }

  function readExact() {
    const time = exact.now();
    if (++reads === MANY) {
      if (usable && time - windowStart < WINDOW) {
        engage(time);
      }
      reads = 0;
      windowStart = time;
    }
    return time;
  }

  /** @param {number} time */
  function engage(time) {
    try {
      if (native === undefined) {
        native = new binding.CoarseClock();
        cell = native.cell();
      }
      native.engage(time);
    } catch {
      // No thread to be had: exact time for ever is a fine answer.
      usable = false;
      return;
    }
    // Where V8 may not map foreign memory (Electron), the array is a copy that never changes. Where this thread was
    // held up between the two calls, the lease may have ended: that says nothing.
    usable = cell[0] !== 0 || exact.now() - time > LEASE / 2;
  }

  return { now };
}

module.exports = { createClock };
