'use strict';

const { performance } = require('node:perf_hooks');

/** Period of the timer, in milliseconds. */
const PERIOD = 20;

/**
 * The fall-back where there is no libuv loop: how late a timer comes. It wakes an idle loop, sees a block once, and
 * cannot see one shorter than the timer's own jitter.
 *
 * @param {number} threshold
 * @param {(lag: number) => void} record
 * @param {(lag: number) => void} onBlocked
 */
function createTimerProbe(threshold, record, onBlocked) {
  const start = performance.now();
  const utilization = performance.eventLoopUtilization?.();
  let last = start;
  let turns = 0;
  let blocked = 0;
  let blockedTime = 0;
  const timer = setTimeout(tick, PERIOD);
  timer.unref?.();

  function tick() {
    const now = performance.now();
    const lag = Math.max(0, now - last - PERIOD);
    last = now;
    turns++;
    record(lag);
    timer.refresh();
    if (lag >= threshold) {
      blocked++;
      blockedTime += lag;
      onBlocked(lag);
    }
  }

  return {
    counters: () => ({
      turns,
      blocked,
      blockedTime,
      elapsed: performance.now() - start,
      active: utilization ? performance.eventLoopUtilization(utilization).active : 0,
      gc: 0,
    }),
    stop: () => clearTimeout(timer),
  };
}

module.exports = { createTimerProbe };
