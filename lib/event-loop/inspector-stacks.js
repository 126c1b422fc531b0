'use strict';

const { join } = require('node:path');
const { Worker, isMainThread } = require('node:worker_threads');

/** The helper of this process. @type {Worker | undefined} */
let helper;

/**
 * Why stacks cannot be captured through the inspector here; undefined where they can.
 *
 * @returns {string | undefined}
 */
function noInspector() {
  if (!isMainThread) {
    return 'the inspector reaches the main thread only';
  }
  if (!process.features.inspector) {
    return 'Node was built without the inspector';
  }
  // A person is at work, whose pauses and breakpoints are not ours to touch.
  return require('node:inspector').url() === undefined ? undefined : 'a debugger is attached';
}

/**
 * Starts the helper, unless there is one.
 *
 * It is never ended before the process: a worker that ends while the main thread still answers its inspector session
 * makes Node abort (seen on Node 20: the mutex of the worker's message queue is destroyed while it is locked). When the
 * process ends the main thread waits for its workers and answers nothing.
 */
function startHelper() {
  if (helper === undefined) {
    helper = new Worker(join(__dirname, 'inspector-helper.js'), { stdout: true, stderr: true });
    helper.unref();
    // Without it blocks have no stack, and say so.
    helper.on('error', () => (helper = undefined));
  }
}

module.exports = { noInspector, startHelper };
