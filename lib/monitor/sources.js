'use strict';

/**
 * What a monitor reads from; shared by its report, its page and its metrics.
 *
 * @typedef {object} Sources
 * @property {import('./http-metrics.js').HttpMetrics} http
 * @property {import('..').EventLoopMonitor} loop
 * @property {ReturnType<typeof import('../gc.js').createGcSource>} gc
 * @property {import('..').LeakDetector} leak
 * @property {Map<string, import('..').Cache<any, any>>} caches
 * @property {Map<string, import('..').ObjectPool<any>>} pools
 */

module.exports = {};
