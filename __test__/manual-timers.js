'use strict';

const assert = require('node:assert/strict');

/**
 * A clock that moves when it is told to, and calls what is due in order.
 *
 * @param {() => number} random
 */
function manualTimers(random) {
  let now = 1000;
  let number = 0;
  const planned = new Map();
  return {
    now: () => now,
    random,
    setTimeout(fn, ms) {
      assert.ok(ms > 0 && ms < 2 ** 31, `a timer of ${ms} ms`);
      planned.set(++number, { at: now + ms, fn });
      return number;
    },
    clearTimeout: (timer) => planned.delete(timer),
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const [due] = [...planned].filter(([, { at }]) => at <= end).toSorted(([, a], [, b]) => a.at - b.at);
        if (due === undefined) {
          break;
        }
        planned.delete(due[0]);
        now = Math.max(now, due[1].at);
        due[1].fn();
      }
      now = end;
    },
    get planned() {
      return planned.size;
    },
  };
}

module.exports = { manualTimers };
