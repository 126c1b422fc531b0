'use strict';

/**
 * A worker that sets its keys in their order, round by round, without end. At any moment the first of them are of one round
 * and the others of the round before; a file that shows anything else is of no moment. Values tell whether they are whole.
 */

const assert = require('node:assert/strict');
const { isMainThread, parentPort: port, workerData } = require('node:worker_threads');
const { SharedCache } = require('..');

const KEYS = 3000;

/** Of all lengths, some above what a save copies. */
function valueOf(round, number) {
  const length = number % 500 === 499 ? 300_000 : ((round * 7 + number) % 11) * 60;
  return `${round}|${String.fromCharCode(97 + (round % 26)).repeat(length)}`;
}

const keyOf = (id, number) => `${id}/${number}`;

/** @param {SharedCache} cache that was loaded */
function check(cache, id) {
  let first;
  let last = Infinity;
  for (let number = 0; number < KEYS; number++) {
    const value = cache.get(keyOf(id, number));
    const round = parseInt(value, 10);
    assert.equal(value, valueOf(round, number), 'a value is torn');
    first ??= round;
    assert.ok(round <= last, `round ${round} after round ${last}`);
    assert.ok(first - round <= 1, `rounds ${first} and ${round} at one moment`);
    last = round;
  }
}

if (!isMainThread && workerData?.id !== undefined) {
  const cache = new SharedCache(workerData.options);
  for (let round = 0; ; round++) {
    for (let number = 0; number < KEYS; number++) {
      cache.set(keyOf(workerData.id, number), valueOf(round, number));
    }
    if (round === 0) {
      port.postMessage('');
    }
  }
}

module.exports = { KEYS, check };
