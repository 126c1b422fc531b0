'use strict';

const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { EventLoopMonitor } = require('../..');
const { median } = require('../lib/statistics.js');
const { spin } = require('./phases.js');

const BLOCKS = 21;
/** Milliseconds. */
const THRESHOLD = 100;
const LENGTH = 130;

/** Tells when it first sees the stack of a block of the main thread, by the clock that all threads share. */
const WATCHER = `
  const { parentPort } = require('node:worker_threads');
  const { EventLoopMonitor } = require(${JSON.stringify(require.resolve('../..'))});
  const cell = new Int32Array(new SharedArrayBuffer(4));
  let last = 0;
  const look = () => {
    const block = EventLoopMonitor.blocks().at(-1);
    if (block && block.id !== last && block.frames !== null) {
      last = block.id;
      parentPort.postMessage(process.hrtime.bigint());
    }
    Atomics.wait(cell, 0, 0, 0.1);
    setImmediate(look);
  };
  look();`;

/**
 * How long after a turn of this thread has passed the threshold another thread can read its stack, in milliseconds.
 *
 * @returns {Promise<{ median: number, longest: number }>}
 */
async function stackDelay() {
  const watcher = new Worker(WATCHER, { eval: true });
  await once(watcher, 'online');
  const monitor = new EventLoopMonitor({ blockedThreshold: THRESHOLD, stackInterval: 0 }).start();
  const delays = [];
  for (let i = 0; i < BLOCKS; i++) {
    const seen = once(watcher, 'message');
    const start = await new Promise((resolve) => {
      setTimeout(() => {
        const now = process.hrtime.bigint();
        spin(LENGTH);
        resolve(now);
      }, 20);
    });
    const [at] = await seen;
    delays.push(Number(at - start) / 1e6 - THRESHOLD);
  }
  monitor.close();
  await watcher.terminate();
  return { median: median(delays), longest: Math.max(...delays) };
}

module.exports = { stackDelay };
