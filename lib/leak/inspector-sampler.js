'use strict';

/**
 * V8's sampling heap profiler through the inspector: where there is no bridge. Each reading is a full collection.
 *
 * @param {number} interval bytes between two samples, on average
 * @param {number} stackDepth
 */
function createInspectorSampler(interval, stackDepth) {
  // Loaded on use: Node can be built without it.
  const { Session } = require('node:inspector');
  const session = new Session();
  session.connect();
  try {
    post(session, 'HeapProfiler.getSamplingProfile');
    // It answers only if a sampler runs, and that is somebody else's, which starting it here would take over.
  } catch {
    post(session, 'HeapProfiler.startSampling', { samplingInterval: interval, stackDepth });
  }
  return {
    /** @returns {string} the profile as JSON */
    read: () => JSON.stringify(post(session, 'HeapProfiler.getSamplingProfile').profile),
    // Ends the sampler, if it is this session's, without the collection of HeapProfiler.stopSampling.
    close: () => session.disconnect(),
  };
}

/**
 * These methods answer before `post` returns.
 *
 * @param {import('node:inspector').Session} session
 * @param {string} method
 * @param {object} [parameters]
 * @returns {any}
 */
function post(session, method, parameters) {
  /** @type {{ error: Error | null, result?: object }} */
  let answer = { error: new Error(`${method} did not answer`) };
  session.post(method, parameters, (error, result) => {
    answer = { error: error && new Error(error.message), result };
  });
  if (answer.error) {
    throw answer.error;
  }
  return answer.result;
}

module.exports = { createInspectorSampler };
