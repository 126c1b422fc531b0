'use strict';

const { performance } = require('node:perf_hooks');

/** Label of requests that no route matched. Their paths are whatever a scanner makes up, so they are not labels. */
const UNMATCHED = '(unmatched)';
/** Label of routes beyond the cap. */
const OTHER = '(other)';
/** Methods that get a label of their own: RFC 9110 and PATCH. Others are `_OTHER`, as in OpenTelemetry. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);
/** Upper bounds in seconds: those that OpenTelemetry's HTTP conventions advise. */
const BUCKETS = Object.freeze([0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]);
/** Property of a response under which our own handler leaves the label of its route. */
const ROUTE = Symbol('heapwise.route');
/** Latencies gathered before one call hands them to the native histogram. */
const BATCH = 1024;

/**
 * Latency of HTTP requests, by method, route template and status code.
 *
 * No object and no closure is created per request: one listener function serves all responses. No call into Rust either:
 * latencies are gathered in a typed array.
 *
 * What is remembered of a response lies beside it, not in it: Express changes the prototype of each response, and a
 * property added after that gives, up to V8 12, each response a hidden class of its own, which makes every later access
 * to it slow (measured on Node 20: 30,000 instructions a request, of 600,000).
 */
class HttpMetrics {
  /** @type {WeakMap<object, number>} when each response in flight began */
  #starts = new WeakMap();
  /** @type {Map<string, Series>} */
  #series = new Map();
  #maxSeries;
  #latency;
  #batch = new Float64Array(BATCH);
  #gathered = 0;
  #inFlight = 0;
  #requests = 0;
  #errors = 0;
  #aborted = 0;
  #dropped = 0;

  /**
   * @param {import('../binding.js').NativeHistogram} latency in milliseconds
   * @param {number} maxSeries
   */
  constructor(latency, maxSeries) {
    this.#latency = latency;
    this.#maxSeries = maxSeries;
  }

  /** @returns {(req: any, res: any, next: () => void) => void} */
  middleware() {
    const metrics = this;
    const starts = this.#starts;
    // `close` comes exactly once for each response, finished or aborted; `finish` never comes for an aborted one.
    /** @this {any} */
    function onClose() {
      metrics.#closed(this);
    }
    return function heapwise(_req, res, next) {
      // Mounted twice: the outer one measures.
      if (!starts.has(res)) {
        starts.set(res, performance.now());
        metrics.#inFlight++;
        res.on('close', onClose);
      }
      next();
    };
  }

  /** @param {any} res */
  #closed(res) {
    const elapsed = performance.now() - /** @type {number} */ (this.#starts.get(res));
    this.#inFlight--;
    if (!res.writableFinished) {
      // How long a client was willing to wait is not how long an answer took.
      this.#aborted++;
      return;
    }
    this.#requests++;
    if (res.statusCode >= 500) {
      this.#errors++;
    }
    this.#batch[this.#gathered++] = elapsed;
    if (this.#gathered === BATCH) {
      this.flush();
    }
    this.#seriesOf(res).record(elapsed / 1000);
  }

  /**
   * @param {any} res
   * @returns {Series}
   */
  #seriesOf(res) {
    const { req, statusCode } = res;
    // Not `req.path`: a route's template has few values, paths have any number. (What a router is mounted under is the
    // path as it was asked for, in Express; the cap on label sets is for mounts with parameters.)
    const route = req.route === undefined ? (res[ROUTE] ?? UNMATCHED) : (req.baseUrl ?? '') + req.route.path;
    const key = `${req.method} ${statusCode} ${route}`;
    return this.#series.get(key) ?? this.#newSeries(req.method, route, statusCode);
  }

  /**
   * The series of labels that were not seen in this spelling before.
   *
   * @param {string} method
   * @param {string} route
   * @param {number} status
   */
  #newSeries(method, route, status) {
    const known = METHODS.has(method) ? method : '_OTHER';
    // Methods and status codes are few, so the series beyond the cap add a bounded number.
    const full = this.#series.size >= this.#maxSeries && !this.#series.has(`${known} ${status} ${route}`);
    if (full) {
      this.#dropped++;
    }
    const label = full ? OTHER : route;
    const key = `${known} ${status} ${label}`;
    let series = this.#series.get(key);
    if (series === undefined) {
      series = new Series(known, label, status);
      this.#series.set(key, series);
    }
    return series;
  }

  /** Hands what was gathered to the native histogram. */
  flush() {
    if (this.#gathered > 0) {
      this.#latency.recordMany(this.#batch, this.#gathered);
      this.#gathered = 0;
    }
  }

  /** @returns {Iterable<Series>} */
  series() {
    return this.#series.values();
  }

  counts() {
    return {
      requests: this.#requests,
      errors: this.#errors,
      aborted: this.#aborted,
      inFlight: this.#inFlight,
      droppedLabelSets: this.#dropped,
    };
  }
}

/** One label set: counts per bucket, sum and count, in seconds. */
class Series {
  /**
   * @param {string} method
   * @param {string} route
   * @param {number} status
   */
  constructor(method, route, status) {
    this.method = method;
    this.route = route;
    this.status = status;
    this.count = 0;
    this.sum = 0;
    this.max = 0;
    /** Not cumulative; the last one is beyond the last bound. */
    this.buckets = new Float64Array(BUCKETS.length + 1);
  }

  /** @param {number} seconds */
  record(seconds) {
    let bucket = 0;
    while (bucket < BUCKETS.length && seconds > BUCKETS[bucket]) {
      bucket++;
    }
    this.buckets[bucket]++;
    this.count++;
    this.sum += seconds;
    if (seconds > this.max) {
      this.max = seconds;
    }
  }
}

module.exports = { BUCKETS, HttpMetrics, ROUTE };
