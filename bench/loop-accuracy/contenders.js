'use strict';

const { monitorEventLoopDelay } = require('node:perf_hooks');
const { stackDelay } = require('./stack-delay.js');

/** Of the samplers that take one, as their users set it. Milliseconds. */
const RESOLUTION = 10;

/**
 * Who says how long the loop was held.
 *
 * @typedef {object} Instrument
 * @property {() => void} reset what follows is a window of its own
 * @property {() => number} max the longest hold of the window that it tells of, in milliseconds
 * @property {() => number} [sum] of all holds, in milliseconds
 * @property {number} settle milliseconds that it needs around a block to tell of it
 * @property {typeof stackDelay} [stackDelay] of those that have the stack of a blocked loop while it is blocked
 * @property {() => void} [disable] stops measuring
 * @property {() => void} [enable] measures again
 */

/**
 * Each is started by its name. `from` is what packages of peers are required from.
 *
 * @type {Record<string, (from: NodeJS.Require) => Instrument | Promise<Instrument>>}
 */
const CONTENDERS = {
  'Node, interval': () => nodeDelay({ resolution: RESOLUTION }, RESOLUTION),
  'Node, samplePerIteration'() {
    const [major, minor] = process.versions.node.split('.').map(Number);
    if (!(major > 26 || (major === 26 && minor >= 5) || (major === 24 && minor >= 19))) {
      throw new Error('not in this Node');
    }
    return nodeDelay(/** @type {any} */ ({ samplePerIteration: true }), 0);
  },
  'event-loop-stats'(from) {
    const { sense } = from('event-loop-stats');
    let seen;
    return { reset: sense, max: () => (seen = sense()).max, sum: () => seen.sum, settle: 60 };
  },
  '@datadog/native-metrics'(from) {
    const metrics = from('@datadog/native-metrics');
    metrics.start();
    let seen;
    return {
      reset: () => metrics.stats(),
      max: () => (seen = metrics.stats()).eventLoop.max / 1e6,
      sum: () => seen.eventLoop.sum / 1e6,
      settle: 60,
      disable: () => metrics.stop(),
      enable: () => metrics.start(),
    };
  },
  'toobusy-js'(from) {
    const toobusy = from('toobusy-js');
    // Its average is over all the past; it says so itself.
    return {
      reset() {},
      max: () => toobusy.lag(),
      settle: toobusy.interval() + 60,
      disable: () => toobusy.shutdown(),
      // To set the interval starts it.
      enable: () => toobusy.interval(toobusy.interval()),
    };
  },
  'blocked-at'(from) {
    const blockedAt = from('blocked-at');
    let max = 0;
    const start = () => blockedAt((time) => (max = Math.max(max, time)), { threshold: 1 });
    let running = start();
    return {
      reset: () => (max = 0),
      max: () => max,
      settle: 60,
      disable: () => running.stop(),
      enable: () => (running = start()),
    };
  },
  loopbench(from) {
    const bench = from('loopbench')({ limit: 0 });
    let max = 0;
    bench.on('load', () => (max = Math.max(max, bench.delay)));
    return { reset: () => (max = 0), max: () => max, settle: 60 };
  },
  async '@fastify/under-pressure'(from) {
    const app = from('fastify')();
    app.register(from('@fastify/under-pressure'), { maxEventLoopDelay: 1e6 });
    await app.ready();
    return { reset() {}, max: () => app.memoryUsage().eventLoopDelay, settle: 1060 };
  },
  heapwise() {
    const { EventLoopMonitor } = require('../..');
    const monitor = new EventLoopMonitor().start();
    const window = monitor.window();
    let seen;
    return {
      reset: () => window.next(),
      max: () => (seen = window.next()).iterations.max,
      sum: () => seen.iterations.summary().sum,
      settle: 60,
      stackDelay,
      disable: () => monitor.stop(),
      enable: () => monitor.start(),
    };
  },
};

/**
 * @param {Parameters<typeof monitorEventLoopDelay>[0]} options
 * @param {number} interval that is in each of its values
 */
function nodeDelay(options, interval) {
  const histogram = monitorEventLoopDelay(options);
  histogram.enable();
  return {
    reset: () => histogram.reset(),
    max: () => Math.max(0, histogram.count === 0 ? 0 : histogram.max / 1e6 - interval),
    sum: () => histogram.count * (histogram.mean / 1e6 - interval),
    settle: 60,
    disable: () => histogram.disable(),
    enable: () => histogram.enable(),
  };
}

module.exports = { CONTENDERS };
