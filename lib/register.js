'use strict';

/**
 * `node -r heapwise/register app.js`: runs a program under the leak detector without changing it. Configured by
 * HEAPWISE_LEAK_* variables; see docs/leak-detector.md.
 */

const { isMainThread } = require('node:worker_threads');

// NODE_OPTIONS reaches worker threads too; their heaps are their own, and who wants them watched makes a detector there.
if (isMainThread) {
  require('./leak/watch.js').watch(require('./index.js').LeakDetector, process.env);
}
