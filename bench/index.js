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
const { createProgress } = require('./lib/progress.js');
const { markdownReport, textReport } = require('./lib/report.js');
const { runCases } = require('./lib/runner.js');

async function main() {
  const args = readArgs(process.argv.slice(2));
  if (args.help) {
    console.log(USAGE);
  } else if (args.name === undefined) {
    console.log(listing());
  } else {
    print(await results(args), args.format);
  }
}

function listing() {
  const names = benchNames();
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name) => `  ${name.padEnd(width)}  ${loadBench(name).summary}`);
  return [...lines, '', USAGE].join('\n');
}

/** @param {ReturnType<typeof readArgs>} args */
async function results(args) {
  const { cases } = loadBench(args.name);
  const { node, v8 } = nodeInfo(args.node);
  const file = join(__dirname, 'results', `${args.name}-node${node.split('.')[0]}.json`);
  if (args.saved) {
    return readSaved(file);
  }
  const selected = selectCases(cases, args.case);
  const partial = selected.length < cases.length;
  // Taken before the run: the load says whether the machine was ours alone.
  const origin = { date: new Date().toISOString(), node, v8, ...commitInfo(), machine: machineInfo() };
  const progress = createProgress();
  let measured;
  try {
    measured = await runCases(args.name, selected, { ...args, progress });
  } finally {
    progress.end();
  }
  const document = { bench: args.name, ...origin, ...measured };
  // Figures that get quoted come from whole runs only.
  if (!args.quick && !partial) {
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

function print(document, format) {
  const render = { json: (it) => JSON.stringify(it, null, 2), markdown: markdownReport, text: textReport };
  console.log(render[format](document));
}

main().catch((error) => {
  const usage = error instanceof UsageError;
  console.error(usage ? error.message : error);
  process.exitCode = usage ? 2 : 1;
});
