'use strict';

/**
 * A timer that does not keep the process alive. `setTimeout` is asked for each time, and need not be that of Node: those who
 * test with a clock of their own put another one in its place.
 *
 * @param {() => void} fn
 * @param {number} ms
 */
function later(fn, ms) {
  const timer = setTimeout(fn, ms);
  timer.unref?.();
  return timer;
}

module.exports = { later };
