'use strict';

const { join } = require('node:path');
const { preparePeers } = require('../loop-accuracy/peers.js');

const NONE = 'no instrument';

module.exports = {
  summary:
    'what instruments of the loop cost: a turn, an idle server, a server under load; all Node versions',
  contenders: [
    NONE,
    'Node, interval',
    'Node, samplePerIteration',
    '@datadog/native-metrics',
    'toobusy-js',
    'blocked-at',
    'heapwise',
  ],
  prepare: preparePeers,
  /** The arguments of a child that measures all contenders. */
  together: (contenders, packages, { quick }) => [
    join(__dirname, 'child.js'),
    packages,
    quick ? 'quick' : 'full',
    ...contenders,
  ],
  byNode: [
    {
      title: 'a turn of a loop of immediates, ns more than without',
      cell: ({ turn }) => turn.toFixed(0),
    },
    {
      title: 'turns of the loop of an idle server in a minute',
      cell: ({ idleTurns }) => (Number.isFinite(idleTurns) ? String(idleTurns) : 'not told'),
    },
    {
      title: 'processor time of an idle server, all threads, ms per second',
      cell: ({ idleCpu }) => idleCpu.toFixed(2),
    },
    {
      title: 'HTTP requests per second, with it on against off',
      cell: ({ throughput }) => ratio(throughput),
    },
    {
      title: 'HTTP requests per second of processor time, with it on against off',
      cell: ({ efficiency }) => ratio(efficiency),
    },
  ],
};

/** @param {{ ratio: number, error: number }} measured */
function ratio({ ratio: value, error }) {
  return `${value.toFixed(3)} ±${error.toFixed(3)}`;
}
