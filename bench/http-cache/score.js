'use strict';

/**
 * `node bench/http-cache/score.js` prints, as Markdown, what http-cache-tests says of responseCache(), by group, beside
 * what it has published of others. With HTTP_CACHE_TESTS=DIR it takes the tests of a checkout of their repository.
 */

const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { CONFIGURATIONS, judge, loadSuites, published, run } = require('./conformance.js');

const KINDS = { required: ['pass'], optimal: ['pass'], check: ['yes'] };

/**
 * One configuration in a process of its own, since the package keeps its results in its modules.
 *
 * @param {string} name of the configuration
 * @returns {Promise<Awaited<ReturnType<typeof judge>>>}
 */
async function scoreOf(name) {
  const { stdout } = await promisify(execFile)(process.execPath, [__filename, 'run', name], {
    maxBuffer: 2 ** 24,
  });
  return JSON.parse(stdout.slice(stdout.indexOf('\n[') + 1));
}

async function table() {
  const names = Object.keys(CONFIGURATIONS);
  const ours = await Promise.all(names.map(scoreOf));
  const others = await published();
  const columns = [
    ...ours.map((tests, i) => ({ title: `heapwise, ${names[i]}`, tests })),
    ...(await Promise.all(
      others.map(async ({ name, version, results }) => ({
        title: `${name} ${version.split('-')[0]}`,
        tests: await judge(results),
      })),
    )),
  ];
  const row = (title, cellOf) => [title, ...columns.map(({ tests }) => cellOf(tests))];
  const rows = (await loadSuites()).map(({ id, name }) =>
    row(name, (tests) => cell(tests.filter(({ suite }) => suite === id))),
  );
  const totals = Object.keys(KINDS).map((kind) =>
    row(`**${kind}**`, (tests) => `**${passed(tests, kind)}**`),
  );
  return [['group', ...columns.map(({ title }) => title)], ...rows, ...totals];
}

/** @param {any[]} tests */
function cell(tests) {
  return ['required', 'optimal'].map((kind) => passed(tests, kind)).join(', ');
}

/**
 * @param {any[]} tests
 * @param {string} wanted
 */
function passed(tests, wanted) {
  const of = tests.filter(({ kind }) => kind === wanted);
  return of.length === 0
    ? '-'
    : `${of.filter(({ result }) => KINDS[wanted].includes(result)).length}/${of.length}`;
}

async function main([command, name]) {
  if (command === 'run') {
    const tests = await judge(await run(CONFIGURATIONS[name]));
    // Whoever serves as the origin prints lines of its own.
    process.stdout.write(`\n${JSON.stringify(tests)}\n`, () => process.exit());
    return;
  }
  const [head, ...rows] = await table();
  const lines = [head, head.map((_, i) => (i === 0 ? '---' : '---:')), ...rows];
  console.log(lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n'));
}

if (require.main === module) {
  main(process.argv.slice(2));
}

module.exports = { scoreOf };
