'use strict';

const { join } = require('node:path');
const { Worker, isMainThread } = require('node:worker_threads');

/** The helper of this process and how many monitors use it. */
let users = 0;
/** @type {Worker | undefined} */
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

/** One more monitor wants stacks. The first one starts the helper. */
function acquireHelper() {
  users++;
  if (helper === undefined) {
    helper = new Worker(join(__dirname, 'inspector-helper.js'), { stdout: true, stderr: true });
    helper.unref();
    // Without it blocks have no stack, and say so.
    helper.on('error', () => (helper = undefined));
  }
}

/** One less. The last one ends it. */
function releaseHelper() {
  if (users > 0 && --users === 0) {
    void helper?.terminate();
    helper = undefined;
  }
}

module.exports = { acquireHelper, noInspector, releaseHelper };
