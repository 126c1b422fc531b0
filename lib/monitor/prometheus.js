'use strict';

const { getHeapStatistics } = require('node:v8');
const { error } = require('../errors.js');
const { BUCKETS } = require('./http-metrics.js');

/** Upper bounds in seconds of the event-loop histogram. */
const LOOP_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Those of prom-client's own collection metric. */
const GC_BUCKETS = [0.001, 0.01, 0.1, 1, 2, 5];
const GC_KINDS = /** @type {const} */ ({
  minor: 'minor',
  major: 'major',
  incremental: 'incremental',
  weakcb: 'weakCallbacks',
});

/**
 * @typedef {{ labels: Record<string, string | number>, value: number, metricName?: string }} Value
 * @typedef {{ name: string, help: string, type: 'counter' | 'gauge' | 'histogram', values: () => Value[] }} Metric
 */

/**
 * The package that renders metrics. Loaded on use: it is an optional peer dependency.
 *
 * @returns {{ Registry: new () => Registry }}
 */
function loadClient() {
  // prom-client moved to the Prometheus organisation under a new name, which needs Node 22.
  const modern = Number(process.versions.node.split('.', 1)[0]) >= 22;
  const candidates = modern
    ? ['@prometheus-io/client', 'prom-client']
    : ['prom-client', '@prometheus-io/client'];
  for (const name of candidates) {
    try {
      return require(name);
    } catch (raised) {
      if (/** @type {any} */ (raised).code !== 'MODULE_NOT_FOUND') {
        throw raised;
      }
    }
  }
  throw error('ERR_HEAPWISE_PROMETHEUS_MISSING');
}

/**
 * What is used of a registry of either package.
 *
 * @typedef {import('../..').PrometheusRegistry} Registry
 */

/** @param {unknown} value */
function isRegistry(value) {
  const registry = /** @type {any} */ (value);
  return (
    value !== null &&
    typeof value === 'object' &&
    typeof registry.registerMetric === 'function' &&
    typeof registry.metrics === 'function' &&
    typeof registry.getSingleMetric === 'function' &&
    typeof registry.removeSingleMetric === 'function'
  );
}

/**
 * Puts our metrics into a registry. Each is read when the registry is, from the same cumulative data, so any number
 * of scrapers see the same. A name that is taken (by the client's own default metrics, say) is left to its owner.
 *
 * @param {Registry} registry
 * @param {Metric[]} metrics
 * @returns {() => void} takes them out again
 */
function register(registry, metrics) {
  const own = metrics.filter(({ name }) => registry.getSingleMetric(name) === undefined);
  for (const { name, help, type, values } of own) {
    registry.registerMetric({
      name,
      help,
      type,
      aggregator: 'sum',
      get: () => ({ name, help, type, aggregator: 'sum', values: values() }),
      reset() {
        // Counters that go back make rates wrong for every other reader.
      },
    });
  }
  return () => own.forEach(({ name }) => registry.removeSingleMetric(name));
}

/**
 * The rows of one label set of a histogram.
 *
 * @param {string} name
 * @param {Record<string, string | number>} labels
 * @param {readonly number[]} bounds
 * @param {ArrayLike<number>} cumulative one per bound
 * @param {number} sum
 * @param {number} count
 * @returns {Value[]}
 */
function histogramRows(name, labels, bounds, cumulative, sum, count) {
  const bucket = `${name}_bucket`;
  const rows = bounds.map((le, i) => ({
    metricName: bucket,
    labels: { ...labels, le },
    value: cumulative[i],
  }));
  return [
    ...rows,
    { metricName: bucket, labels: { ...labels, le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

/**
 * Rows from a native histogram in milliseconds.
 *
 * @param {string} name
 * @param {Record<string, string | number>} labels
 * @param {readonly number[]} bounds seconds
 * @param {{ summary(): { sum: number, count: number }, countsAtOrBelow(bounds: number[]): number[] }} histogram
 */
function nativeRows(name, labels, bounds, histogram) {
  const { sum, count } = histogram.summary();
  const cumulative = histogram.countsAtOrBelow(bounds.map((seconds) => seconds * 1000));
  return histogramRows(name, labels, bounds, cumulative, sum / 1000, count);
}

/** @param {number} value */
const single = (value) => [{ labels: {}, value }];

/**
 * @param {import('./sources.js').Sources} sources
 * @returns {Metric[]}
 */
function metricsOf({ http, loop, gc, leak, caches, pools }) {
  return [
    ...httpMetrics(http),
    ...loopMetrics(loop, gc),
    ...processMetrics(),
    ...namedMetrics('cache', caches, CACHE_METRICS),
    ...namedMetrics('pool', pools, POOL_METRICS),
    ...leakMetrics(leak),
  ];
}

/**
 * @param {import('./http-metrics.js').HttpMetrics} http
 * @returns {Metric[]}
 */
function httpMetrics(http) {
  const name = 'http_request_duration_seconds';
  return [
    {
      name,
      help: 'Time from the middleware to the end of the response, by method, route template and status code.',
      type: 'histogram',
      values: () =>
        [...http.series()].flatMap(({ method, route, status, buckets, sum, count }) => {
          let below = 0;
          const cumulative = BUCKETS.map((_, i) => (below += buckets[i]));
          return histogramRows(name, { method, route, status_code: status }, BUCKETS, cumulative, sum, count);
        }),
    },
    {
      name: 'http_requests_aborted_total',
      help: 'Requests whose client went away before the response was complete.',
      type: 'counter',
      values: () => single(http.counts().aborted),
    },
    {
      name: 'http_requests_in_flight',
      help: 'Requests being answered now.',
      type: 'gauge',
      values: () => single(http.counts().inFlight),
    },
    {
      name: 'heapwise_http_label_sets_dropped_total',
      help: 'Requests counted under route "(other)" because the cap on label sets was reached.',
      type: 'counter',
      values: () => single(http.counts().droppedLabelSets),
    },
  ];
}

/**
 * @param {import('../..').EventLoopMonitor} loop
 * @param {ReturnType<typeof import('../gc.js').createGcSource>} gc
 * @returns {Metric[]}
 */
function loopMetrics(loop, gc) {
  const iteration = 'nodejs_eventloop_iteration_seconds';
  const delay = 'nodejs_eventloop_delay_seconds';
  const collection = 'nodejs_gc_duration_seconds';
  return [
    {
      name: iteration,
      help: 'How long each turn of the event loop held the thread, waiting for events not included.',
      type: 'histogram',
      values: () => nativeRows(iteration, {}, LOOP_BUCKETS, loop.histogram),
    },
    {
      name: delay,
      help: 'What an event waits for the loop that comes at a random moment; one for each microsecond.',
      type: 'histogram',
      values: () => nativeRows(delay, {}, LOOP_BUCKETS, loop.delay),
    },
    {
      name: 'nodejs_eventloop_blocked_total',
      help: 'Turns of the event loop that reached the blocked threshold.',
      type: 'counter',
      values: () => single(loop.stats().blocked),
    },
    {
      name: 'nodejs_eventloop_blocked_seconds_total',
      help: 'How long those turns held the thread.',
      type: 'counter',
      values: () => single(loop.stats().blockedTime / 1000),
    },
    {
      name: 'nodejs_eventloop_time_seconds_total',
      help: 'Time since the start by state of the loop: active, or idle, which is waiting for events.',
      type: 'counter',
      values() {
        const { active, idle } = loop.utilization();
        return Object.entries({ active, idle }).map(([state, milliseconds]) => ({
          labels: { state },
          value: milliseconds / 1000,
        }));
      },
    },
    {
      name: 'nodejs_eventloop_utilization',
      help: 'Share of the time since the start that the event loop was not waiting, 0 to 1.',
      type: 'gauge',
      values: () => single(loop.utilization().utilization),
    },
    {
      name: collection,
      help: 'Garbage collection pauses by kind: major, minor, incremental or weakcb.',
      type: 'histogram',
      values: () =>
        Object.entries(GC_KINDS).flatMap(([label, kind]) =>
          nativeRows(collection, { kind: label }, GC_BUCKETS, gc.pauses(kind)),
        ),
    },
  ];
}

/** @returns {Metric[]} */
function processMetrics() {
  const started = Math.round(Date.now() / 1000 - process.uptime());
  /** @type {[string, string, 'gauge' | 'counter', () => number][]} */
  const rows = [
    ['process_resident_memory_bytes', 'Resident memory.', 'gauge', () => process.memoryUsage.rss()],
    ['process_start_time_seconds', 'Start of the process since the Unix epoch.', 'gauge', () => started],
    ['process_cpu_user_seconds_total', 'User CPU time.', 'counter', () => process.cpuUsage().user / 1e6],
    [
      'process_cpu_system_seconds_total',
      'System CPU time.',
      'counter',
      () => process.cpuUsage().system / 1e6,
    ],
    ['nodejs_heap_size_used_bytes', 'Heap in use.', 'gauge', () => getHeapStatistics().used_heap_size],
    ['nodejs_heap_size_total_bytes', 'Heap allocated.', 'gauge', () => getHeapStatistics().total_heap_size],
    ['nodejs_heap_size_limit_bytes', 'Heap limit.', 'gauge', () => getHeapStatistics().heap_size_limit],
    [
      'nodejs_external_memory_bytes',
      'Memory outside the heap held by it.',
      'gauge',
      () => process.memoryUsage().external,
    ],
    [
      'nodejs_array_buffers_bytes',
      'Memory of array buffers.',
      'gauge',
      () => process.memoryUsage().arrayBuffers,
    ],
  ];
  return rows.map(([name, help, type, read]) => ({ name, help, type, values: () => single(read()) }));
}

/** @type {[string, string, 'gauge' | 'counter', (stats: any) => number][]} */
const CACHE_METRICS = [
  ['heapwise_cache_hits_total', 'Gets that found a value.', 'counter', (stats) => stats.hits],
  ['heapwise_cache_misses_total', 'Gets that found none.', 'counter', (stats) => stats.misses],
  ['heapwise_cache_evictions_total', 'Entries removed to make room.', 'counter', (stats) => stats.evictions],
  [
    'heapwise_cache_expirations_total',
    'Entries whose time was over.',
    'counter',
    (stats) => stats.expirations,
  ],
  ['heapwise_cache_entries', 'Entries now.', 'gauge', (stats) => stats.entries],
];

/**
 * Those below the first four are of the pools that have such a figure.
 *
 * @type {[string, string, 'gauge' | 'counter', (stats: any) => number | undefined][]}
 */
const POOL_METRICS = [
  ['heapwise_pool_borrowed', 'Objects lent now.', 'gauge', (stats) => stats.borrowed],
  ['heapwise_pool_idle', 'Objects waiting in the pool now.', 'gauge', (stats) => stats.idle],
  ['heapwise_pool_acquired_total', 'Objects lent.', 'counter', (stats) => stats.acquired],
  ['heapwise_pool_created_total', 'Objects created.', 'counter', (stats) => stats.created],
  ['heapwise_pool_waiting', 'Acquires that wait now.', 'gauge', (stats) => stats.waiting],
  [
    'heapwise_pool_wait_seconds_total',
    'Time that acquires have waited.',
    'counter',
    ({ waitTime }) => (waitTime === undefined ? undefined : waitTime / 1000),
  ],
  ['heapwise_pool_timeouts_total', 'Acquires whose time was over.', 'counter', (stats) => stats.timedOut],
  ['heapwise_pool_create_failures_total', 'Creations that failed.', 'counter', (stats) => stats.createFailed],
  ['heapwise_pool_leaked_total', 'Watched loans that lasted too long.', 'counter', (stats) => stats.leaked],
  ['heapwise_pool_memory_bytes', 'Memory held.', 'gauge', (stats) => stats.committedBytes],
  ['heapwise_pool_memory_limit_bytes', 'Most memory to be held.', 'gauge', (stats) => stats.maxBytes],
];

/**
 * @param {string} label
 * @param {Map<string, { stats(): object }>} things
 * @param {[string, string, 'gauge' | 'counter', (stats: any) => number | undefined][]} rows
 * @returns {Metric[]}
 */
function namedMetrics(label, things, rows) {
  return rows.map(([name, help, type, read]) => ({
    name,
    help,
    type,
    values: () =>
      [...things].flatMap(([thing, it]) => {
        const value = read(it.stats());
        return value === undefined ? [] : [{ labels: { [label]: thing }, value }];
      }),
  }));
}

/**
 * @param {import('../..').LeakDetector} leak
 * @returns {Metric[]}
 */
function leakMetrics(leak) {
  const states = /** @type {const} */ (['warming', 'steady', 'suspect', 'leak']);
  return [
    {
      name: 'heapwise_leak_state',
      help: 'The leak verdict: 1 for the state that holds.',
      type: 'gauge',
      values: () => {
        const { state } = leak.check();
        return states.map((name) => ({ labels: { state: name }, value: Number(name === state) }));
      },
    },
    {
      name: 'heapwise_leak_growth_bytes_per_second',
      help: 'Theil-Sen slope of the live set, by dimension; 0 until there are enough points.',
      type: 'gauge',
      values: () =>
        Object.entries(leak.check().dimensions).map(([dimension, { growthPerHour }]) => ({
          labels: { dimension },
          value: growthPerHour / 3600,
        })),
    },
  ];
}

module.exports = { isRegistry, loadClient, metricsOf, register };
