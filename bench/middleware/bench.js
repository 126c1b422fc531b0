'use strict';

const { load } = require('./load.js');

/** @type {import('../lib/measures.js').Measure} */
const THROUGHPUT = {
  unit: 'requests/s',
  better: 'higher',
  extras: { p99Ms: 'p99 ms', cpuMicros: 'CPU µs/request', cpuPercent: 'server CPU %' },
};

const contender = (name, about) => ({ name, ...about, run: (options) => load(name, options) });

module.exports = {
  summary:
    'an Express app with the heapwise middleware and monitor beside a bare one and express-prom-bundle',
  cases: [
    {
      name: 'one JSON route',
      measure: THROUGHPUT,
      contenders: [
        contender('bare Express', { npm: 'express' }),
        contender('heapwise monitor', { ours: true }),
        contender('express-prom-bundle', { npm: 'express-prom-bundle' }),
      ],
    },
  ],
};
