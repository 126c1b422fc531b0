'use strict';

const { MAJORS, nodeOf } = require('../../scripts/nodes.js');
const { runChild } = require('./run-child.js');

/** Of one contender, or of all, on one Node. */
const TIMEOUT_MS = 1_200_000;

/**
 * A bench that measures on every supported Node and has them as columns.
 *
 * @typedef {object} NodeBench
 * @property {string} summary one line for the list of benches
 * @property {string[]} contenders the rows
 * @property {string[]} [majors] of Node on which it runs; all that are supported if there are none
 * @property {(answers: Record<string, any>) => string[][]} [summaries] a further table for each Node, over all rows
 * @property {(node: string, major: string) => string} prepare installs what it needs; given to `child`
 * @property {(contender: string, prepared: string, options: { quick: boolean }) => string[]} [child] arguments of node
 * @property {(contenders: string[], prepared: string, options: { quick: boolean }) => string[]} [together] measures all of
 *   them in one child, which prints the answers by name; instead of `child`
 * @property {{ title: string, cell: (answer: any) => string }[]} byNode tables with a column for each Node
 * @property {{ title: string, columns: string[], cell: (answer: any, column: string) => string }} [each] a table for each
 *   Node
 */

/**
 * @param {NodeBench} bench
 * @param {{ quick: boolean, progress: import('./progress.js').Progress }} options
 */
async function runOnEveryNode(bench, { quick, progress }) {
  const nodes = (bench.majors ?? MAJORS)
    .map((major) => ({ major, path: nodeOf(major) }))
    .filter(({ path }) => path);
  const prepared = nodes.map(({ path, major }) => bench.prepare(path, major));
  const { contenders, child, together } = bench;
  progress.begin(nodes.length * (together ? 1 : contenders.length));
  /** @type {{ node: string, answers: Record<string, any> }[]} */
  const results = [];
  for (const [i, { path, major }] of nodes.entries()) {
    let answers = {};
    if (together) {
      progress.step(`Node ${major}`, 'all');
      answers = await runChild(path, together(contenders, prepared[i], { quick }), TIMEOUT_MS);
    } else {
      for (const contender of contenders) {
        progress.step(`Node ${major}`, contender);
        answers[contender] = await runChild(path, child(contender, prepared[i], { quick }), TIMEOUT_MS);
      }
    }
    results.push({ node: major, answers });
  }
  return { quick, nodes: results };
}

/**
 * The tables of a document, as lists of rows of cells.
 *
 * @param {NodeBench} bench
 * @param {Awaited<ReturnType<typeof runOnEveryNode>>} document
 */
function tables({ contenders, byNode, each, summaries }, { nodes }) {
  const shown = (answer, cell) => (answer.missing === undefined ? cell(answer) : '-');
  const table = (title, columns, cellsOf) => ({
    title,
    rows: [['', ...columns], ...contenders.map((name) => [name, ...cellsOf(name)])],
  });
  const versions = nodes.map(({ node }) => `Node ${node}`);
  const wide = byNode.map(({ title, cell }) =>
    table(title, versions, (name) => nodes.map(({ answers }) => shown(answers[name], cell))),
  );
  if (each === undefined) {
    return wide;
  }
  const { title, columns, cell } = each;
  const apart = nodes.map(({ answers }, i) =>
    table(`${versions[i]}: ${title}`, columns, (name) =>
      columns.map((column) => shown(answers[name], (answer) => cell(answer, column))),
    ),
  );
  const over = nodes.map(({ answers }, i) => ({
    title: `${versions[i]}: all together`,
    rows: summaries?.(answers),
  }));
  return [...wide, ...apart, ...over.filter(({ rows }) => rows !== undefined)];
}

module.exports = { runOnEveryNode, tables };
