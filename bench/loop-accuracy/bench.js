'use strict';

const { join } = require('node:path');
const { CONTENDERS } = require('./contenders.js');
const { preparePeers } = require('./peers.js');
const { PHASES } = require('./phases.js');

/** Milliseconds of the injected blocks. */
const LENGTHS = [1, 5, 20, 100, 200];
const QUICK_LENGTHS = [20, 200];
/** A block is found if what is said of it is right to this many milliseconds, or to one percent. */
const TOLERANCE = 1;

/** @typedef {{ phase: string, length: number, truth: number, said: number }} Block */
/** @typedef {{ said: number, active: number }} Compared */
/** @typedef {{ median: number, longest: number }} Stack */
/** @typedef {{ blocks: Block[], quiet: Compared, total: Compared | null, stack: Stack | null } | { missing: string }} Answer */

module.exports = {
  summary:
    'blocks of known length in every phase of the loop, and what each instrument says of them; all Node versions',
  contenders: Object.keys(CONTENDERS),
  prepare: preparePeers,
  /** The arguments of a child that measures one contender. */
  child: (contender, packages, { quick }) => [
    '--expose-gc',
    join(__dirname, 'child.js'),
    contender,
    packages,
    JSON.stringify(quick ? QUICK_LENGTHS : LENGTHS),
  ],
  /** Tables of a row for each contender and a column for each Node. */
  byNode: [
    {
      title: `blocks found, right to ${TOLERANCE} ms or 1 % (of all that were injected)`,
      cell: ({ blocks }) => `${blocks.filter(found).length} of ${blocks.length}`,
    },
    {
      title: 'largest error of a block, ms',
      cell: ({ blocks }) => figure(Math.max(...blocks.map(errorOf))),
    },
    {
      title: 'longest hold said of a quiet server in 2 s, ms (the loop was active for)',
      cell: ({ quiet: { said, active } }) => `${figure(said)} (${figure(active)})`,
    },
    {
      title: 'sum of all holds against the active time of eventLoopUtilization(), %',
      cell: ({ total }) => (total === null ? '-' : figure((total.said / total.active) * 100 - 100)),
    },
    {
      title:
        'stack of a blocked loop, read by another thread: ms after the threshold, median (longest of 21)',
      cell: ({ stack }) => (stack === null ? '-' : `${figure(stack.median)} (${figure(stack.longest)})`),
    },
  ],
  /** Tables of a row for each contender and a column for each of these, one table for each Node. */
  each: {
    title: 'said of the longest block, by phase, ms',
    columns: Object.keys(PHASES),
    cell({ blocks }, phase) {
      const { said } = blocks.findLast((block) => block.phase === phase);
      return figure(said);
    },
  },
};

/** @param {Block} block */
function errorOf({ truth, said }) {
  return Math.abs(said - truth);
}

/** @param {Block} block */
function found(block) {
  return errorOf(block) <= Math.max(TOLERANCE, block.truth / 100);
}

/** @param {number} value */
function figure(value) {
  return value.toFixed(Math.abs(value) < 10 ? 2 : 0);
}
