'use strict';

const { setImmediate: nextTurn } = require('node:timers/promises');

/** Bytes in use once nothing is left to collect: heap, and what lies outside of it. Needs --expose-gc. */
async function used() {
  for (let i = 0; i < 6; i++) {
    global.gc();
    await nextTurn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

module.exports = { used };
