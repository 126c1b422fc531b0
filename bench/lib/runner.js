'use strict';

const { execFile } = require('node:child_process');
const { join } = require('node:path');
const { ALL } = require('./benches.js');
const { packageVersion } = require('./environment.js');
const { median, summarize } = require('./statistics.js');

const CHILD = join(__dirname, 'child.js');
const QUICK_ROUNDS = 3;
/** A child that takes longer hangs. */
const TIMEOUT_MS = 120_000;

/**
 * Runs the cases one after another. Within a case the contenders take turns round by round, A B C A B C, so that
 * whatever else the machine does hits all of them alike; ratios are taken within a round, then their median.
 *
 * @param {string} benchName
 * @param {import('./benches.js').Case[]} cases
 * @param {{ quick: boolean, rounds: number, node: string, progress: import('./progress.js').Progress }} options
 */
async function runCases(benchName, cases, { quick, rounds: asked, node, progress }) {
  const rounds = quick ? QUICK_ROUNDS : asked;
  const children = cases.map(({ contenders, together }) => (together === undefined ? contenders.length : 1));
  progress.begin(children.reduce((sum, count) => sum + count, 0) * rounds);
  const results = [];
  for (const it of cases) {
    /** @type {import('./benches.js').Figures[][]} */
    const figures = it.contenders.map(() => []);
    const measure = (/** @type {string} */ name) => {
      progress.step(it.name, name);
      const args = [...(it.flags ?? []), CHILD, benchName, it.name, name];
      return runChild(node, quick ? [...args, 'quick'] : args);
    };
    for (let round = 0; round < rounds; round++) {
      if (it.together !== undefined) {
        const all = await measure(ALL);
        all.forEach((/** @type {import('./benches.js').Figures} */ one, /** @type {number} */ i) =>
          figures[i].push(one),
        );
      } else {
        for (const [i, { name }] of it.contenders.entries()) {
          figures[i].push(await measure(name));
        }
      }
    }
    results.push(caseResult(it, figures));
  }
  return { quick, rounds, cases: results };
}

/**
 * @param {string} node
 * @param {string[]} args
 * @returns {Promise<any>} figures of one contender, or of all
 */
function runChild(node, args) {
  // What the user's shell sets for other purposes must not change the figures.
  const env = { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '' };
  return new Promise((resolve, reject) => {
    execFile(node, args, { env, timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error) {
        const cause = error.killed ? `gave no answer in ${TIMEOUT_MS / 1000} s` : 'failed';
        reject(new Error(`a child ${cause}: ${node} ${args.join(' ')}\n${stderr}`));
      } else {
        resolve(JSON.parse(stdout));
      }
    });
  });
}

/**
 * @param {import('./benches.js').Case} benchCase
 * @param {import('./benches.js').Figures[][]} figures of each contender, round by round
 */
function caseResult({ name, measure, contenders }, figures) {
  const values = figures.map((rounds) => rounds.map(({ value }) => value));
  const ours = contenders.findIndex((contender) => contender.ours);
  const rows = contenders.map((contender, i) => ({
    contender: contender.name,
    ours: i === ours,
    version: contender.npm && packageVersion(contender.npm),
    ...summarize(values[i]),
    perSecond: measure.rate ? 1e9 / median(values[i]) : undefined,
    toFirst: medianRatio(values[i], values[0]),
    toOurs: ours === -1 ? undefined : medianRatio(values[i], values[ours]),
    extras: Object.fromEntries(
      Object.keys(measure.extras ?? {}).map((key) => [
        key,
        median(figures[i].map(({ extras }) => extras[key])),
      ]),
    ),
    values: values[i],
  }));
  return { name, measure, rows };
}

/**
 * @param {number[]} values
 * @param {number[]} others of the same rounds
 */
function medianRatio(values, others) {
  return median(values.map((value, round) => value / others[round]));
}

module.exports = { runCases };
