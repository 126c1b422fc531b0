'use strict';

/**
 * Runs test files: `node scripts/test.js [directory or file...]`, by default the *.test.js directly in __test__/.
 *
 * Over `node --test` it adds three things, alike on every supported Node: one file at a time (the tests measure the
 * event loop's lag, so they must not compete for cores), Node flags asked for by a file's first line
 * (`// node-flags: --expose-gc`), and failure when nothing ran. The summary is always the last thing printed.
 */

const { existsSync, readFileSync, readdirSync, statSync } = require('node:fs');
const { join, relative, resolve } = require('node:path');
const { Readable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { run } = require('node:test');
const { spec: SpecReporter } = require('node:test/reporters');

const TOTALS = ['tests', 'suites', 'pass', 'fail', 'cancelled', 'skipped', 'todo', 'duration_ms'];
const TOTAL = new RegExp(`^(${TOTALS.join('|')}) ([\\d.]+)$`);

const totals = Object.fromEntries(TOTALS.map((name) => [name, 0]));
const problems = [];

function testFiles(path) {
  if (!existsSync(path)) {
    problems.push(`${path} does not exist`);
    return [];
  }
  if (!statSync(path).isDirectory()) {
    return [resolve(path)];
  }
  const names = readdirSync(path).filter((name) => name.endsWith('.test.js'));
  if (names.length === 0) {
    problems.push(`${path} holds no *.test.js`);
  }
  return names.toSorted().map((name) => resolve(path, name));
}

function nodeFlags(file) {
  const [firstLine] = readFileSync(file, 'utf8').split('\n', 1);
  return /^\/\/ node-flags: (.*\S)/.exec(firstLine)?.[1] ?? '';
}

// What the runs report, as one stream: their summaries are added up and left out.
async function* events(files) {
  for (const [flags, group] of groupBy(files, nodeFlags)) {
    // run() of Node 20 has no execArgv option, but every version hands on the flags of its own process.
    process.execArgv = flags.split(' ').filter(Boolean);
    for await (const event of run({ files: group, concurrency: 1 })) {
      const [, name, value] = summaryLine(event) ?? [];
      if (name) {
        totals[name] += Number(value);
      } else if (!isRunSummary(event)) {
        noticeEmptyFile(event, group);
        yield event;
      }
    }
  }
}

// Map.groupBy, which Node 20 lacks.
function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return groups;
}

function summaryLine({ type, data }) {
  return type === 'test:diagnostic' && data.nesting === 0 ? TOTAL.exec(data.message) : null;
}

/** The end of one run, on which the reporter would list the failed tests: it does so once, at the end of all. */
function isRunSummary({ type, data }) {
  return type === 'test:summary' && data.file === undefined;
}

/** A file that defines no test is reported as one passed test with the file's name. */
function noticeEmptyFile({ type, data }, files) {
  if (type === 'test:pass' && data.nesting === 0 && files.includes(resolve(data.name))) {
    problems.push(`${relative('', data.name)} ran no test`);
  }
}

async function main(paths) {
  const files = paths.flatMap(testFiles);
  await pipeline(Readable.from(events(files)), new SpecReporter(), process.stdout, { end: false });
  if (totals.tests === 0) {
    problems.push('no test ran');
  }
  for (const problem of problems) {
    console.log(`✖ ${problem}`);
  }
  for (const name of TOTALS) {
    console.log(`ℹ ${name} ${Number(totals[name].toFixed(3))}`);
  }
  if (totals.fail > 0 || totals.cancelled > 0 || problems.length > 0) {
    process.exitCode = 1;
  }
}

const paths = process.argv.slice(2);
main(paths.length > 0 ? paths : [join(__dirname, '..', '__test__')]);
