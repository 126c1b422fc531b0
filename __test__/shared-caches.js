'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { setTimeout: delay } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');

const STRESS = require.resolve('./shared-cache-stress.js');

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

/** Workers that use a cache in all ways at once, for so many milliseconds. */
function stressWorkers(options, { count, time }) {
  return Array.from(
    { length: count },
    (_, i) => new Worker(STRESS, { workerData: { options, seed: i + 1, time } }),
  );
}

/** Four of them, each of which must find what it looks for, and nothing else. */
async function stress(options, time) {
  const workers = stressWorkers(options, { count: 4, time });
  const hits = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
  assert.ok(
    hits.every((count) => count > 100),
    `${hits}`,
  );
}

module.exports = { stress, stressWorkers, textOf, until };
