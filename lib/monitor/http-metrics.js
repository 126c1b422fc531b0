'use strict';

const { read } = require('./read.js');
const { RequestsInFlight } = require('./requests-in-flight.js');

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
 * No object and no closure is created per request, and no call into Rust: latencies are gathered in a typed array.
 */
class HttpMetrics {
  /** @type {Map<string, Series>} */
  #series = new Map();
  /** @type {WeakMap<object, Latest>} by Express's object for the route */
  #latestOf = new WeakMap();
  #maxSeries;
  #latency;
  #batch = new Float64Array(BATCH);
  #gathered = 0;
  #inFlight = new RequestsInFlight((req, res, elapsed) => this.#finished(req, res, elapsed));
  #requests = 0;
  #errors = 0;
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
    const inFlight = this.#inFlight;
    return function heapwise(req, res, next) {
      inFlight.began(req, res);
      next();
    };
  }

  /**
   * @param {any} req
   * @param {any} res
   * @param {number} elapsed
   */
  #finished(req, res, elapsed) {
    this.#requests++;
    const status = read(res, 'statusCode');
    if (status >= 500) {
      this.#errors++;
    }
    this.#batch[this.#gathered++] = elapsed;
    if (this.#gathered === BATCH) {
      this.flush();
    }
    this.#seriesOf(req, res, status).record(elapsed / 1000);
  }

  /**
   * @param {any} req
   * @param {any} res
   * @param {number} status
   * @returns {Series}
   */
  #seriesOf(req, res, status) {
    const route = read(req, 'route');
    const method = read(req, 'method');
    if (route === undefined) {
      return this.#lookUp(method, read(res, ROUTE) ?? UNMATCHED, status);
    }
    // What a router is mounted under is the path as it was asked for, in Express; the cap on label sets is for mounts
    // with parameters.
    const baseUrl = read(req, 'baseUrl') ?? '';
    // To make and hash a key costs as much as all else that happens here.
    let latest = this.#latestOf.get(route);
    if (latest === undefined || latest.method !== method || latest.baseUrl !== baseUrl) {
      latest = new Latest(method, baseUrl);
      this.#latestOf.set(route, latest);
    }
    let series = latest.byStatus.get(status);
    if (series === undefined) {
      // Not `req.path`: a route's template has few values, paths have any number.
      series = this.#lookUp(method, baseUrl + route.path, status);
      // Each request beyond the cap is counted as such, so it comes here again.
      if (series.route !== OTHER) {
        latest.byStatus.set(status, series);
      }
    }
    return series;
  }

  /**
   * @param {string} method
   * @param {string} route
   * @param {number} status
   */
  #lookUp(method, route, status) {
    return this.#series.get(`${method} ${status} ${route}`) ?? this.#newSeries(method, route, status);
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
      // How long a client was willing to wait is not how long an answer took.
      aborted: this.#inFlight.aborted,
      inFlight: this.#inFlight.count,
      droppedLabelSets: this.#dropped,
    };
  }
}

/** The series of a route, as long as it is asked for by the same method and under the same path. */
class Latest {
  /** @type {Map<number, Series>} */
  byStatus = new Map();

  /**
   * @param {string} method
   * @param {string} baseUrl
   */
  constructor(method, baseUrl) {
    this.method = method;
    this.baseUrl = baseUrl;
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
