'use strict';

/**
 * What a monitor reads from; shared by its report, its page and its metrics.
 *
 * @typedef {object} Sources
 * @property {import('./http-metrics.js').HttpMetrics} http requests
 * @property {import('../..').EventLoopMonitor} loop lag and utilization
 * @property {ReturnType<typeof import('../gc.js').createGcSource>} gc collections of this thread
 * @property {import('../..').LeakDetector} leak verdict
 * @property {Map<string, import('../..').CacheLike>} caches by name
 * @property {Map<string, import('../..').PoolLike>} pools by name
 */

module.exports = {};
