'use strict';

const { CONTENDERS, LEAST } = require('./contenders.js');
const { loadTogether } = require('./load.js');
const { bytesPerEntry } = require('./memory.js');
const { runsOf } = require('./stampede.js');

const LOAD = {
  unit: 'requests per CPU second',
  better: 'higher',
  extras: { cpuMicros: 'CPU µs/request', perSecond: 'requests/s' },
};
const MEMORY = { unit: 'bytes/response', better: 'lower' };
const RUNS = { unit: 'runs of the handler', better: 'lower' };

/**
 * @param {(name: string, options: { quick: boolean }) => Promise<number>} [run]
 * @param {string[]} [without] names of contenders
 */
function rows(run, without = []) {
  return CONTENDERS.filter(({ name }) => !without.includes(name)).map(({ name, npm, ours }) => ({
    name,
    npm,
    ours,
    run: run && (async (options) => ({ value: await run(name, options) })),
  }));
}

module.exports = {
  summary: 'an Express app with a cache of responses beside others, and without',
  cases: [
    { name: 'a cached 10 KB of JSON', measure: LOAD, together: loadTogether, contenders: rows() },
    {
      name: 'the same, not modified',
      measure: LOAD,
      together: (names, options) => loadTogether(names, { ...options, conditional: true }),
      // Its 304 says how long the body would be, which autocannon waits for.
      contenders: rows(undefined, ['apicache']),
    },
    {
      name: 'memory of a cached 10 KB',
      measure: MEMORY,
      flags: ['--expose-gc'],
      // The first stores late, and of many at a time not all; the second takes hours for so many.
      contenders: rows(
        (name, { quick }) => bytesPerEntry(name, quick ? 500 : 5000),
        ['apicache-plus', 'express-expeditious', LEAST],
      ),
    },
    {
      name: '100 clients for what is not there yet',
      measure: RUNS,
      contenders: rows(runsOf, [LEAST]),
    },
  ],
};
