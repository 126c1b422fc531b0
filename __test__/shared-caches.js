'use strict';

const assert = require('node:assert/strict');
const { setTimeout: delay } = require('node:timers/promises');

/** Waits until something is so, which a thread brings about. */
async function until(condition) {
  for (let i = 0; i < 400; i++) {
    if (condition()) {
      return;
    }
    await delay(25);
  }
  assert.fail(`never: ${condition}`);
}

/** Text that compresses, but not to nothing. */
function textOf(length, seed = 1) {
  let text = '';
  for (let i = seed; text.length < length; i++) {
    text += `{"id":${(i * 7919) % 100_003},"name":"item ${i % 97}"},`;
  }
  return text.slice(0, length);
}

module.exports = { textOf, until };
