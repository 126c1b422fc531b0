'use strict';

const { existsSync, readdirSync } = require('node:fs');
const { join } = require('node:path');
const { UsageError } = require('./args.js');

/**
 * A bench is a folder beside this one with a `bench.js` that exports a Bench.
 *
 * @typedef {object} Bench
 * @property {string} summary one line for the list of benches
 * @property {Case[]} cases each becomes a table
 * @property {string[]} [nodes] majors of Node on which it runs one after another, unless `--node` names one; the running
 *   Node if there are none
 */

/**
 * @typedef {object} Case
 * @property {string} name unique within its bench
 * @property {import('./measures.js').Measure} measure what the figures are
 * @property {string[]} [flags] of the child's node
 * @property {number} [rounds] instead of those asked for, where all give the same figures
 * @property {(names: string[], options: { quick: boolean }) => Promise<Figures[]>} [together] measures all contenders
 *   at the same time, in a process of its own; instead of their `run`
 * @property {Contender[]} contenders the first one is what the others are compared with
 */

/**
 * @typedef {object} Contender
 * @property {string} name unique within its case
 * @property {boolean} [ours] true for heapwise
 * @property {string} [npm] the package whose version the table shows
 * @property {(options: { quick: boolean }) => Promise<Figures>} [run] measures once, in a process of its own
 */

/**
 * @typedef {object} Figures
 * @property {number} value in the unit of the measure
 * @property {Record<string, number>} [extras] further columns: the keys of the measure's extras
 */

/** Stands for all contenders of a case where the child's command line names one. */
const ALL = '*';

const root = join(__dirname, '..');

function benchNames() {
  return readdirSync(root)
    .filter((name) => existsSync(join(root, name, 'bench.js')))
    .toSorted();
}

/**
 * @param {string} name
 * @returns {Bench}
 */
function loadBench(name) {
  const names = benchNames();
  if (!names.includes(name)) {
    throw new UsageError(`there is no bench "${name}"; there are ${names.join(', ')}`);
  }
  return require(join(root, name, 'bench.js'));
}

/**
 * @param {Case[]} cases
 * @param {string} text
 */
function selectCases(cases, text) {
  const selected = cases.filter(({ name }) => name.includes(text));
  if (selected.length === 0) {
    throw new UsageError(`no case contains "${text}"; the first is "${cases[0].name}"`);
  }
  return selected;
}

module.exports = { ALL, benchNames, loadBench, selectCases };
