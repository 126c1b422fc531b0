'use strict';

const { join } = require('node:path');
const { ALL } = require('./benches.js');
const { packageVersion } = require('./environment.js');
const { runChild } = require('./run-child.js');
const { median, summarize } = require('./statistics.js');

const CHILD = join(__dirname, 'child.js');
const QUICK_ROUNDS = 3;
/** Of one contender of a case, or of all at once. */
const TIMEOUT_MS = 300_000;

/**
 * Runs the cases one after another. Within a case the contenders take turns round by round, A B C A B C, so that
 * whatever else the machine does hits all of them alike; ratios are taken within a round, then their median.
 *
 * @param {string} benchName
 * @param {import('./benches.js').Case[]} cases
 * @param {{ quick: boolean, rounds: number, node: string, progress: import('./progress.js').Progress }} options
 */
async function runCases(benchName, cases, { quick, rounds: asked, node, progress }) {
  const usual = quick ? QUICK_ROUNDS : asked;
  const roundsOf = ({ rounds }) => rounds ?? usual;
  progress.begin(cases.reduce((sum, it) => sum + children(it).length * roundsOf(it), 0));
  const results = [];
  for (const it of cases) {
    /** @type {import('./benches.js').Figures[][]} */
    const figures = it.contenders.map(() => []);
    for (let round = 0; round < roundsOf(it); round++) {
      const all = [];
      for (const child of children(it)) {
        progress.step(it.name, child);
        const args = [...(it.flags ?? []), CHILD, benchName, it.name, child];
        all.push(...(await runChild(node, quick ? [...args, 'quick'] : args, TIMEOUT_MS)));
      }
      all.forEach((one, i) => figures[i].push(one));
    }
    results.push(caseResult(it, figures));
  }
  return { quick, rounds: usual, cases: results };
}

/**
 * What each child process of a round is to measure.
 *
 * @param {import('./benches.js').Case} benchCase
 */
function children({ contenders, together }) {
  return together === undefined ? contenders.map(({ name }) => name) : [ALL];
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
