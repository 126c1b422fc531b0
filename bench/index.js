'use strict';

/**
 * `npm run bench`: lists the benches; `npm run bench -- NAME` runs one, every peer beside us in the same run.
 * README.md in this folder says how the figures come about and how to read them.
 */

const { readFileSync, writeFileSync } = require('node:fs');
const { join, relative } = require('node:path');
const { USAGE, UsageError, readArgs } = require('./lib/args.js');
const { benchNames, loadBench, selectCases } = require('./lib/benches.js');
const { commitInfo, machineInfo, nodeInfo } = require('./lib/environment.js');
const { runOnEveryNode, tables } = require('./lib/every-node.js');
const { createProgress } = require('./lib/progress.js');
const { markdownReport, textReport } = require('./lib/report.js');
const { runCases } = require('./lib/runner.js');
const { nodeOf } = require('../scripts/nodes.js');

async function main() {
  const args = readArgs(process.argv.slice(2));
  if (args.help) {
    console.log(USAGE);
  } else if (args.name === undefined) {
    console.log(listing());
  } else {
    const bench = loadBench(args.name);
    if (bench.byNode) {
      const document = await resultsOfEveryNode(bench, args);
      print(document, args.format, tables(bench, document));
      return;
    }
    for (const node of nodesFor(bench, args)) {
      print(await results(bench, { ...args, node }), args.format);
    }
  }
}

/**
 * The node binaries to measure with.
 *
 * @param {import('./lib/benches.js').Bench} bench
 * @param {ReturnType<typeof readArgs>} args
 * @returns {string[]}
 */
function nodesFor({ nodes }, args) {
  if (args.node !== undefined) {
    return [args.node];
  }
  return nodes?.map((major) => nodeOf(major)).filter((path) => path !== undefined) ?? [process.execPath];
}

function listing() {
  const names = benchNames();
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name) => `  ${name.padEnd(width)}  ${loadBench(name).summary}`);
  return [...lines, '', USAGE].join('\n');
}

/**
 * @param {import('./lib/benches.js').Bench} bench
 * @param {ReturnType<typeof readArgs> & { node: string }} args
 */
async function results({ cases }, args) {
  const { node, v8 } = nodeInfo(args.node);
  const file = join(__dirname, 'results', `${args.name}-node${node.split('.')[0]}.json`);
  if (args.saved) {
    return readSaved(file);
  }
  const selected = selectCases(cases, args.case);
  const partial = selected.length < cases.length;
  const measure = (progress) => runCases(args.name, selected, { ...args, progress });
  // Figures that get quoted come from whole runs only.
  return recorded(args.name, { node, v8 }, measure, args.quick || partial ? undefined : file);
}

/**
 * @param {import('./lib/every-node.js').NodeBench} bench
 * @param {ReturnType<typeof readArgs>} args
 */
async function resultsOfEveryNode(bench, { name, quick, saved }) {
  const file = join(__dirname, 'results', `${name}.json`);
  if (saved) {
    return readSaved(file);
  }
  const measure = (progress) => runOnEveryNode(bench, { quick, progress });
  return recorded(name, {}, measure, quick ? undefined : file);
}

/**
 * @param {string} bench
 * @param {{ node?: string, v8?: string }} runtime
 * @param {(progress: import('./lib/progress.js').Progress) => Promise<object>} measure
 * @param {string} [file] where the document is written
 */
async function recorded(bench, runtime, measure, file) {
  // Taken before the run: the load says whether the machine was ours alone.
  const origin = { date: new Date().toISOString(), ...runtime, ...commitInfo(), machine: machineInfo() };
  const progress = createProgress();
  let measured;
  try {
    measured = await measure(progress);
  } finally {
    progress.end();
  }
  const document = { bench, ...origin, ...measured };
  if (file !== undefined) {
    writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
    console.error(`written to ${relative('', file)}`);
  }
  return document;
}

/** @param {string} file */
function readSaved(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw new UsageError(`there is no ${relative('', file)}; run without --saved and --quick first`);
  }
}

function print(document, format, given) {
  const render = { json: (it) => JSON.stringify(it, null, 2), markdown: markdownReport, text: textReport };
  console.log(render[format](document, given));
}

main().catch((error) => {
  const usage = error instanceof UsageError;
  console.error(usage ? error.message : error);
  process.exitCode = usage ? 2 : 1;
});
