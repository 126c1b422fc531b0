'use strict';

/** What may watch a service's memory: each starts, and says how it is read, if that costs something. */

const { createRequire } = require('node:module');
const { join } = require('node:path');
const { LeakDetector } = require('../..');
const { withoutInlining } = require('../../lib/leak/inlining.js');
const { packagesFor } = require('../../scripts/nodes.js');

const PPROF = '@datadog/pprof';
const PPROF_VERSION = '5.20.0';

/** Installs what is compared with, once. @returns {NodeJS.Require} */
function peers() {
  const folder = packagesFor(process.execPath, 'leak-cost', { [PPROF]: PPROF_VERSION });
  return createRequire(join(folder, 'index.js'));
}

/** @returns {(interval: number) => Instrument} */
const sampled = (interval) => () => {
  const detector = new LeakDetector({ attribution: 'always', samplingInterval: interval, warmup: 0 }).start();
  return { pauses: () => detector.check().attribution };
};

/** Milliseconds after the start, when functions have been inlined. */
const SUSPECTED_AFTER = 3000;

/** As on suspicion: finely, and with nothing inlined from then on. */
function suspecting() {
  const { pauses } = sampled(8 * 1024)();
  let pause = 0;
  setTimeout(() => {
    const begin = performance.now();
    withoutInlining();
    pause = performance.now() - begin;
  }, SUSPECTED_AFTER).unref();
  return {
    pauses() {
      const { readings, longestPause, pauses: sum } = pauses();
      return { readings, longestPause: Math.max(longestPause, pause), pauses: sum };
    },
  };
}

/** @param {import('node:inspector').Session} session */
function post(session, method, parameters) {
  session.post(method, parameters, (error) => {
    if (error) {
      throw new Error(error.message);
    }
  });
}

/** Reads as often as `read` is called; remembers the pauses. */
function timed(read) {
  const pauses = [];
  return {
    read() {
      const begin = performance.now();
      read();
      pauses.push(performance.now() - begin);
    },
    pauses: () => ({
      readings: pauses.length,
      longestPause: Math.max(0, ...pauses),
      pauses: pauses.reduce((sum, pause) => sum + pause, 0),
    }),
  };
}

/**
 * @typedef {{ read?: () => void, pauses?: () => { readings: number, longestPause: number, pauses: number } }} Instrument
 * @type {Record<string, () => Instrument>}
 */
const INSTRUMENTS = {
  'no detector': () => ({}),
  'no detector, again': () => ({}),
  'heapwise, monitoring': () => {
    new LeakDetector({ attribution: 'off', warmup: 0 }).start();
    return {};
  },
  'heapwise, sampling at 512 KiB': sampled(512 * 1024),
  'heapwise, sampling at 64 KiB': sampled(64 * 1024),
  'heapwise, sampling at 8 KiB': sampled(8 * 1024),
  'heapwise, sampling at 8 KiB, no inlining': suspecting,
  [`${PPROF} ${PPROF_VERSION} at 512 KiB`]: () => {
    const { heap } = peers()(PPROF);
    heap.start(512 * 1024, 64);
    return timed(() => heap.profile());
  },
  'inspector at 64 KiB': () => {
    const { Session } = require('node:inspector');
    const session = new Session();
    session.connect();
    post(session, 'HeapProfiler.startSampling', { samplingInterval: 64 * 1024 });
    return timed(() => post(session, 'HeapProfiler.getSamplingProfile'));
  },
};

module.exports = { INSTRUMENTS, peers };
