'use strict';

const { loadTogether } = require('./load.js');

module.exports = {
  summary:
    'an Express app with the heapwise middleware and monitor beside a bare one and express-prom-bundle',
  cases: [
    {
      name: 'one JSON route',
      measure: {
        unit: 'requests per CPU second',
        better: 'higher',
        extras: { cpuMicros: 'CPU µs/request', perSecond: 'requests/s' },
      },
      together: loadTogether,
      contenders: [
        { name: 'bare Express', npm: 'express' },
        { name: 'heapwise monitor', ours: true },
        { name: 'express-prom-bundle', npm: 'express-prom-bundle' },
      ],
    },
  ],
};
