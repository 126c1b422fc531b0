'use strict';

const { join } = require('node:path');
const { isMainThread, threadId } = require('node:worker_threads');

/** Share of a control group's limit from which it is nearly full. */
const NEARLY_FULL = 0.92;

/** Tells the files of several detectors apart. */
let count = 0;

/**
 * Has the last report and the heap profile written before a limit ends the process: that of V8's heap, or of the control
 * group. Rust writes them; JavaScript cannot run any more, or is stopped at any moment.
 *
 * @param {object} parts
 * @param {typeof import('../binding.js')} parts.binding
 * @param {() => string | undefined} parts.bridgeRefused
 * @param {string} parts.directory
 * @param {number} parts.headroom bytes by which the heap may exceed its limit once
 * @param {(event: { limit: 'heap' | 'cgroup', files: string[], error: string | null }) => void} parts.onLimit
 */
function createGuard({ binding, bridgeRefused, directory, headroom, onLimit }) {
  const refused = bridgeRefused();
  if (refused !== undefined) {
    return { reason: refused, note() {}, close() {} };
  }
  const base = join(directory, `heapwise-limit-${process.pid}-${threadId}-${Date.now()}-${++count}`);
  try {
    const native = new binding.LeakGuard(
      base,
      headroom,
      NEARLY_FULL,
      !isMainThread,
      (limit, files, error) => {
        // Without a limit it only wakes the loop up, so that an interrupt can run.
        if (limit === 'heap' || limit === 'cgroup') {
          onLimit({ limit, files: files.split('\n').filter(Boolean), error: error || null });
        }
      },
    );
    return {
      reason: null,
      /** @param {string} report */
      note: (report) => native.note(report),
      close: () => native.close(),
    };
  } catch (raised) {
    return { reason: /** @type {Error} */ (raised).message, note() {}, close() {} };
  }
}

module.exports = { createGuard };
