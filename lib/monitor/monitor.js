'use strict';

const { EventEmitter } = require('node:events');
const { performance } = require('node:perf_hooks');
const v8 = require('node:v8');
const { error } = require('../errors.js');
const validate = require('../validate.js');
const { createHandler } = require('./handler.js');
const { HttpMetrics } = require('./http-metrics.js');
const prometheus = require('./prometheus.js');

const OPTIONS = ['loop', 'leak', 'caches', 'pools', 'registry', 'paths', 'maxLabelSets'];
const PATHS = ['metrics', 'health', 'page'];
/** Blocked turns that a report lists. */
const BLOCKED_KEPT = 100;
/** Milliseconds: 1 us to 1 h, three figures. */
const LATENCY = /** @type {const} */ ([1e-3, 3_600_000, 3]);

/**
 * The class behind createMonitor(). See `index.d.ts` for its contract.
 *
 * @param {object} parts
 * @param {typeof import('../binding.js')} parts.binding
 * @param {ReturnType<typeof import('../gc.js').createGcSource>} parts.gc
 * @param {(native: import('../binding.js').NativeHistogram) => import('../..').Histogram} parts.view
 * @param {new (options?: any) => import('../..').EventLoopMonitor} parts.EventLoopMonitor
 * @param {new (options?: any) => import('../..').LeakDetector} parts.LeakDetector
 */
function createMonitorClass({ binding, gc, view, EventLoopMonitor, LeakDetector }) {
  /** @augments {EventEmitter<import('../..').MonitorEvents>} */
  class Monitor extends EventEmitter {
    #loop;
    #leak;
    #http;
    #latency;
    /** @type {Map<string, any>} */
    #caches;
    /** @type {Map<string, any>} */
    #pools;
    #paths;
    /** @type {import('./prometheus.js').Registry | undefined} */
    #registry;
    /** Takes our metrics out of the registry. @type {(() => void) | undefined} */
    #unregister;
    /** @type {import('../binding.js').MemorySampler | undefined} */
    #sampler;
    /** @type {import('../..').BlockedEvent[]} */
    #blocked = [];
    #blockedCount = 0;
    #started = 0;
    #elapsed = 0;
    #running = false;
    #closed = false;

    /** @param {import('../..').MonitorOptions} [options] */
    constructor(options) {
      super();
      const given = validate.options(options, 'createMonitor', OPTIONS);
      this.#caches = named(given.caches, 'caches');
      this.#pools = named(given.pools, 'pools');
      const paths = validate.options(given.paths, 'paths', PATHS);
      this.#paths = {
        metrics: path(paths.metrics, 'paths.metrics', '/metrics'),
        health: path(paths.health, 'paths.health', '/healthz'),
        page: path(paths.page, 'paths.page', '/heapwise'),
      };
      if (new Set(Object.values(this.#paths)).size < PATHS.length) {
        throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'paths', 'three different paths', 'equal ones');
      }
      const maxLabelSets = validate.number(given.maxLabelSets, 'maxLabelSets', {
        default: 1000,
        min: 1,
        max: 1_000_000,
        integer: true,
      });
      if (given.registry !== undefined && !prometheus.isRegistry(given.registry)) {
        throw error(
          'ERR_HEAPWISE_INVALID_ARG_TYPE',
          'registry',
          'a Registry of a Prometheus client',
          given.registry,
        );
      }
      const latency = new binding.NativeHistogram(...LATENCY);
      this.#latency = view(latency);
      this.#http = new HttpMetrics(latency, maxLabelSets);
      this.#loop = new EventLoopMonitor(given.loop);
      this.#leak = new LeakDetector(given.leak);
      this.#loop.on('blocked', (event) => this.#onBlocked(event));
      for (const state of /** @type {const} */ (['suspect', 'leak', 'clear'])) {
        this.#leak.on(state, (report) => this.emit(state, report));
      }
      if (given.registry !== undefined) {
        this.#useRegistry(/** @type {any} */ (given.registry));
      }
    }

    get loop() {
      return this.#loop;
    }

    get leak() {
      return this.#leak;
    }

    get latency() {
      this.#http.flush();
      return this.#latency;
    }

    start() {
      this.#assertOpen();
      if (!this.#running) {
        this.#sampler = new binding.MemorySampler();
        gc.acquire();
        try {
          this.#loop.start();
          this.#leak.start();
        } catch (thrown) {
          // Closed by somebody, or no thread to be had: nothing may stay half started.
          this.#release();
          throw thrown;
        }
        this.#running = true;
        this.#started = performance.now();
      }
      return this;
    }

    stop() {
      if (this.#running) {
        this.#elapsed = this.#uptime();
        this.#running = false;
        this.#release();
      }
      return this;
    }

    /** Undoes what start() has done. */
    #release() {
      this.#leak.stop();
      this.#loop.stop();
      gc.release();
      this.#sampler?.stop();
      this.#sampler = undefined;
    }

    close() {
      this.stop();
      if (!this.#closed) {
        this.#closed = true;
        this.#leak.close();
        this.#loop.close();
        this.#unregister?.();
      }
    }

    [Symbol.dispose]() {
      this.close();
    }

    /**
     * @param {string} name
     * @param {any} cache
     */
    addCache(name, cache) {
      this.#assertOpen();
      add(this.#caches, 'cache', name, cache);
      return this;
    }

    /**
     * @param {string} name
     * @param {any} pool
     */
    addPool(name, pool) {
      this.#assertOpen();
      add(this.#pools, 'pool', name, pool);
      return this;
    }

    /** @param {string} name */
    removeCache(name) {
      return this.#caches.delete(name);
    }

    /** @param {string} name */
    removePool(name) {
      return this.#pools.delete(name);
    }

    middleware() {
      this.#assertOpen();
      return this.#http.middleware();
    }

    handler() {
      this.#assertOpen();
      return createHandler({
        paths: this.#paths,
        metrics: () => this.metrics(),
        report: () => this.report(),
        health: () => this.#health(),
      });
    }

    /** @returns {Promise<{ type: string, text: string }>} */
    async metrics() {
      this.#assertOpen();
      if (this.#registry === undefined) {
        this.#useRegistry(new (prometheus.loadClient().Registry)());
      }
      const registry = /** @type {import('./prometheus.js').Registry} */ (this.#registry);
      return { type: registry.contentType, text: await registry.metrics() };
    }

    /** @returns {import('../..').MonitorReport} */
    report() {
      this.#assertOpen();
      this.#http.flush();
      const { requests, errors, aborted, inFlight } = this.#http.counts();
      const { lag, utilization, source, reason } = this.#loop.stats();
      return {
        uptime: this.#uptime(),
        requests,
        errors,
        aborted,
        inFlight,
        latency: this.#latency.summary(),
        lag,
        utilization,
        blockedCount: this.#blockedCount,
        blocked: [...this.#blocked],
        memory: this.#memory(),
        gc: { minor: gc.pauses('minor').summary(), major: gc.pauses('major').summary() },
        leak: this.#leak.check(),
        caches: statsOf(this.#caches),
        pools: statsOf(this.#pools),
        routes: [...this.#http.series()]
          .map(({ method, route, status, count, sum, max }) => ({
            method,
            route,
            status,
            count,
            mean: (sum / count) * 1000,
            max: max * 1000,
          }))
          .toSorted((a, b) => b.count - a.count),
        source: {
          loop: source,
          loopReason: reason,
          gc: gc.source().tier,
          gcReason: gc.source().reason ?? null,
        },
      };
    }

    #assertOpen() {
      if (this.#closed) {
        throw error('ERR_HEAPWISE_MONITOR_CLOSED');
      }
    }

    #uptime() {
      return this.#running ? performance.now() - this.#started : this.#elapsed;
    }

    #health() {
      this.#assertOpen();
      const { state } = this.#leak.check();
      const { lag, utilization } = this.#loop.stats();
      const status = state === 'leak' ? 'leak' : 'ok';
      return {
        status,
        uptime: this.#uptime(),
        utilization,
        lagP99: lag.p99,
        leak: state,
        memory: this.#memory(),
      };
    }

    #memory() {
      const { rss, external, arrayBuffers } = process.memoryUsage();
      const heap = v8.getHeapStatistics();
      const sample = this.#sampler?.latest();
      return {
        heapUsed: heap.used_heap_size,
        heapTotal: heap.total_heap_size,
        heapLimit: heap.heap_size_limit,
        external,
        arrayBuffers,
        rss,
        cgroupLimit: sample?.cgroupLimit ?? null,
        cgroupUsed: sample?.cgroupUsed ?? null,
      };
    }

    /** @param {import('./prometheus.js').Registry} registry */
    #useRegistry(registry) {
      const sources = {
        http: this.#http,
        loop: this.#loop,
        gc,
        leak: this.#leak,
        caches: this.#caches,
        pools: this.#pools,
      };
      this.#unregister = prometheus.register(registry, prometheus.metricsOf(sources));
      this.#registry = registry;
    }

    /** @param {import('../..').BlockedEvent} event */
    #onBlocked(event) {
      this.#blockedCount++;
      this.#blocked.push(event);
      if (this.#blocked.length > BLOCKED_KEPT) {
        this.#blocked.shift();
      }
      this.emit('blocked', event);
    }
  }

  return Monitor;
}

/**
 * Caches or pools by name, as given in the options.
 *
 * @param {unknown} given
 * @param {'caches' | 'pools'} option
 */
function named(given, option) {
  const things = new Map();
  if (given !== undefined && Object.prototype.toString.call(given) !== '[object Object]') {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', option, 'an object', given);
  }
  for (const [name, thing] of Object.entries(given ?? {})) {
    add(things, option === 'caches' ? 'cache' : 'pool', name, thing);
  }
  return things;
}

/**
 * @param {Map<string, any>} things
 * @param {'cache' | 'pool'} kind
 * @param {string} name
 * @param {any} thing
 */
function add(things, kind, name, thing) {
  validate.string(name, 'name');
  if (typeof thing?.stats !== 'function') {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', kind, `a ${kind} with stats()`, thing);
  }
  if (things.has(name)) {
    throw error('ERR_HEAPWISE_DUPLICATE_NAME', kind, name);
  }
  things.set(name, thing);
}

/** @param {Map<string, { stats(): any }>} things */
function statsOf(things) {
  return Object.fromEntries([...things].map(([name, thing]) => [name, thing.stats()]));
}

/**
 * @param {unknown} given
 * @param {string} name
 * @param {string} fallback
 */
function path(given, name, fallback) {
  const value = validate.string(given, name, fallback);
  if (!value.startsWith('/') || value.includes('?')) {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', name, 'a path that starts with "/" and has no "?"', value);
  }
  return value;
}

module.exports = { createMonitorClass };
