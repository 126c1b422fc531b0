'use strict';

const { channel, tracingChannel } = require('node:diagnostics_channel');

/** The channels of lru-cache, by its names: whoever listens there hears of these caches as well. */
const metrics = channel('lru-cache:metrics');
const tracing = tracingChannel('lru-cache');

/** Whether anybody traces. */
function traced() {
  // Node 20.12 knows only of the single ones.
  return (
    tracing.hasSubscribers ??
    [tracing.start, tracing.end, tracing.asyncStart, tracing.asyncEnd, tracing.error].some(
      (each) => each.hasSubscribers,
    )
  );
}

/**
 * @param {Promise<unknown>} promise of a fetch
 * @param {any} status
 */
function trace(promise, status) {
  status.trace = true;
  tracing.tracePromise(() => promise, status).catch(() => {});
}

/** @param {any} status */
function publish(status) {
  if (metrics.hasSubscribers) {
    metrics.publish(status);
  }
}

/**
 * @param {object} cache
 * @param {unknown} key
 * @param {string} reason
 */
function publishDelete(cache, key, reason) {
  if (metrics.hasSubscribers) {
    metrics.publish({ op: 'delete', delete: reason, key, cache });
  }
}

module.exports = { metrics, publish, publishDelete, trace, traced };
