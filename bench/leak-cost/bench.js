'use strict';

const { join } = require('node:path');
const { askApp, loadTogether, startApp, stopApp } = require('../lib/apps.js');
const { INSTRUMENTS, peers } = require('./instruments.js');

const SERVER = join(__dirname, 'server.js');

const contenders = Object.keys(INSTRUMENTS).map((name) => ({
  name,
  ours: name === 'heapwise, monitoring',
}));

/** @param {string[]} names @param {{ quick: boolean }} options */
async function underLoad(names, { quick }) {
  peers();
  const said = new Map();
  const given = names.map((name) => ({ name, script: [SERVER, name] }));
  const note = async (app) => said.set(app.name, await askApp(app));
  const costs = await loadTogether(given, { quick, path: '/orders', check: note });
  return costs.map(({ cpuMicros, perSecond }, i) => {
    const { readings, longestPause, pauses } = said.get(names[i]);
    const mean = readings === 0 ? 0 : pauses / readings;
    return { value: cpuMicros, extras: { perSecond, readings, mean, longest: longestPause } };
  });
}

/** @param {string} name @param {{ quick: boolean }} options */
async function memory(name, { quick }) {
  peers();
  const app = await startApp(name, [SERVER, name]);
  await new Promise((resolve) => setTimeout(resolve, quick ? 1000 : 5000));
  const { rss } = await askApp(app);
  await stopApp(app);
  return { value: rss / 2 ** 20 };
}

module.exports = {
  summary: 'what watching for leaks costs a service under load: processor time, pauses, memory',
  nodes: ['20', '24'],
  cases: [
    {
      name: 'a request of a service under load',
      measure: {
        unit: 'CPU µs/request',
        better: 'lower',
        extras: {
          perSecond: 'requests/s',
          readings: 'readings',
          mean: 'mean ms/reading',
          longest: 'longest ms',
        },
      },
      together: underLoad,
      contenders,
    },
    {
      name: 'memory of a service, 5 s after its start',
      measure: { unit: 'MiB', better: 'lower' },
      contenders: contenders.map(({ name, ours }) => ({
        name,
        ours,
        run: (options) => memory(name, options),
      })),
    },
  ],
};
