'use strict';

/**
 * What the tests of @sentry-internal/node-native-stacktrace (github.com/getsentry/sentry-javascript-node-native-stacktrace:
 * test/e2e.test.mjs and the programs that it runs, commit 3f5c888) ask of the stacks of stalled threads, asked of ours.
 * docs/loop-lag.md says what was left out.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { ROOT, runScript } = require('../run-script.js');

const skip = process.platform === 'win32' && "V8's names are not known on Windows";

/** Work of some hundreds of milliseconds to seconds, in many short native calls, as theirs. */
const LONG_WORK = `
  const { pbkdf2Sync } = require('node:crypto');
  function longWork(rounds) {
    for (let i = 0; i < rounds; i++) {
      pbkdf2Sync('password', 'salt', 1000, 64, 'sha512');
    }
  }`;

/** @param {string} source @param {number} [timeout] */
async function eventsOf(source, timeout) {
  const { code, stdout, stderr } = await runScript(source, { timeout });
  assert.equal(code, 0, stderr);
  return stdout
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** @param {{ frames: { functionName: string | null, fileName: string, line: number, column: number }[] }} block */
function assertLongWork({ frames }) {
  const at = frames.findIndex(({ functionName }) => functionName === 'longWork');
  assert.ok(at >= 0, JSON.stringify(frames));
  for (const { fileName, line, column } of frames) {
    assert.equal(typeof fileName, 'string');
    assert.ok(line >= 1 && column >= 1);
  }
  assert.ok(frames.length > at + 1, 'and its caller');
}

describe('the stacks of node-native-stacktrace', { skip }, () => {
  it('are had of the main thread and of a worker that are stalled at the same time', async () => {
    const blocks = await eventsOf(`
      const { Worker } = require('node:worker_threads');
      const { EventLoopMonitor } = require('heapwise');
      ${LONG_WORK}
      const monitor = new EventLoopMonitor({ blockedThreshold: 100 }).start();
      const worker = new Worker(\`
        const { parentPort } = require('node:worker_threads');
        const { EventLoopMonitor } = require(${JSON.stringify(ROOT)});
        ${LONG_WORK}
        new EventLoopMonitor({ blockedThreshold: 100 }).start();
        parentPort.once('message', () => longWork(600));
        parentPort.postMessage('ready');\`, { eval: true });
      worker.once('message', () => {
        worker.postMessage('go');
        setTimeout(() => longWork(600), 5);
      });
      // Blocks of all threads are read wherever it is wanted.
      worker.once('exit', () => EventLoopMonitor.blocks().forEach((block) => console.log(JSON.stringify(block))));`);
    const threads = new Set(blocks.filter(({ frames }) => frames !== null).map(({ threadId }) => threadId));
    assert.equal(threads.size, 2, JSON.stringify(blocks));
    for (const block of blocks.filter(({ stack }) => stack?.includes('longWork'))) {
      assertLongWork(block);
      threads.delete(block.threadId);
    }
    assert.equal(threads.size, 0, 'longWork in both');
  });

  it('are had of a worker that is stalled for ever, by the main thread, which goes on', async () => {
    const [block] = await eventsOf(`
      const { Worker } = require('node:worker_threads');
      const { EventLoopMonitor } = require('heapwise');
      const worker = new Worker(\`
        const { EventLoopMonitor } = require(${JSON.stringify(ROOT)});
        ${LONG_WORK}
        new EventLoopMonitor({ blockedThreshold: 100 }).start();
        setTimeout(() => longWork(Infinity), 5);\`, { eval: true });
      const timer = setInterval(() => {
        const block = EventLoopMonitor.blocks().find(({ threadId, frames }) => threadId === worker.threadId && frames);
        if (block) {
          clearInterval(timer);
          console.log(JSON.stringify(block));
          worker.terminate();
        }
      }, 10);`);
    assert.equal(block.ended, false);
    assertLongWork(block);
  });

  it('do not come where they are not wanted', async () => {
    const [event] = await eventsOf(`
      const { EventLoopMonitor } = require('heapwise');
      ${LONG_WORK}
      const monitor = new EventLoopMonitor({ blockedThreshold: 100, captureStack: false }).start();
      monitor.once('blocked', (event) => console.log(JSON.stringify(event)));
      setTimeout(() => longWork(600), 5);
      setTimeout(() => {}, 100);`);
    assert.deepEqual([event.frames, event.stack], [null, null]);
  });
});
