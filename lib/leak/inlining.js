'use strict';

const v8 = require('node:v8');

/**
 * V8's profiler sees calls of machine code: what an inlined function allocates counts as its caller's, and hot functions are
 * mostly inlined. So while it is asked where memory grows, nothing is inlined; what is already is compiled anew.
 *
 * The flags hold for all threads of the process, and concern only what V8 optimizes from then on. V8 forgets optimized code
 * when a recording of coverage starts, which is stopped at once.
 */

const FLAGS = ['turbo-inlining', 'maglev-inlining'];

/** Bytes of heap above which optimized code is not forgotten: V8 looks at every object for that, 0.6 ms for each MiB. */
const LARGEST_HEAP = 80 * 1024 * 1024;

/** How many want no inlining. */
let users = 0;

/** @returns {() => void} ends it */
function withoutInlining() {
  if (users++ === 0) {
    setFlags('--no-');
  }
  forgetOptimizedCode();
  let ended = false;
  return () => {
    if (!ended) {
      ended = true;
      if (--users === 0) {
        setFlags('--');
        forgetOptimizedCode();
      }
    }
  };
}

/** @param {string} prefix */
function setFlags(prefix) {
  for (const flag of FLAGS) {
    v8.setFlagsFromString(`${prefix}${flag}`);
  }
}

function forgetOptimizedCode() {
  // A recording that somebody else has started would end with ours.
  if (process.env.NODE_V8_COVERAGE || v8.getHeapStatistics().used_heap_size > LARGEST_HEAP) {
    return;
  }
  let session;
  try {
    const { Session } = require('node:inspector');
    session = new Session();
    session.connect();
  } catch {
    // Node can be built without it.
    return;
  }
  try {
    session.post('Profiler.enable');
    session.post('Profiler.startPreciseCoverage', { callCount: false, detailed: false });
    session.post('Profiler.stopPreciseCoverage');
    session.post('Profiler.disable');
  } finally {
    session.disconnect();
  }
}

module.exports = { withoutInlining };
