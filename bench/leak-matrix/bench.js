'use strict';

const { join } = require('node:path');
const { programs } = require('./cases.js');
const { preparePackages } = require('./packages.js');
const { recorded } = require('./recorded.js');
const { names: RULES } = require('./rules.js');

/** @param {boolean} said @param {boolean | null} leaky */
function outcome(said, leaky) {
  if (leaky === null) {
    return said ? 'said to leak' : 'silent';
  }
  if (leaky) {
    return said ? 'detected' : 'missed';
  }
  return said ? 'FALSE ALARM' : 'silent';
}

/** @param {{ seconds: number, requests: number } | undefined} moment */
const after = (moment) => (moment === undefined ? '' : `${moment.seconds.toFixed(0)} s`);

/** @param {boolean | null} leaky */
const truth = (leaky) => (leaky === null ? '?' : leaky ? 'leaky' : 'steady');

const COLUMNS = {
  is: ({ leaky }) => truth(leaky),
  heapwise: ({ first, leaky }) => outcome(first.leak !== undefined, leaky),
  after: ({ first, share }) => (share === undefined ? after(first.leak) : `${Math.round(share * 100)} %`),
  requests: ({ first }) => String(first.leak?.requests ?? ''),
  package: ({ leaky, site, rightPackage }) => (leaky && site ? (rightPackage ? 'right' : site.package) : ''),
  file: ({ leaky, site, rightFile }) => (leaky && site ? (rightFile ? 'right' : site.file) : ''),
  ...Object.fromEntries(RULES.map((rule) => [rule, ({ others, leaky }) => outcome(others[rule], leaky)])),
};

module.exports = {
  summary: 'leaks of real packages and of a service, their fixed twins, and noisy programs: who is right',
  majors: ['20', '24'],
  contenders: [...programs, ...recorded].map(({ name }) => name),
  prepare: preparePackages,
  together: (names, packages, { quick }) => [
    join(__dirname, 'child.js'),
    packages,
    quick ? 'quick' : 'full',
    ...names,
  ],
  byNode: [],
  each: {
    title: 'what was said of each program',
    columns: Object.keys(COLUMNS),
    cell: (answer, column) => COLUMNS[column](answer),
  },
  summaries,
};

/** @param {Record<string, any>} answers */
function summaries(answers) {
  // The curve goes down to what cannot be found.
  const all = Object.values(answers).filter(({ graded, missing }) => !graded && missing === undefined);
  return [
    ['', 'detected', 'missed', 'recall', 'false alarms', 'of steady'],
    ...confusion(
      '',
      all.filter((answer) => !answer.recorded),
    ),
    ...confusion(
      'recorded: ',
      all.filter((answer) => answer.recorded),
    ),
  ];
}

/**
 * @param {string} prefix
 * @param {any[]} answers
 */
function confusion(prefix, answers) {
  if (answers.length === 0) {
    return [];
  }
  const leaky = answers.filter((answer) => answer.leaky === true);
  const steady = answers.filter((answer) => answer.leaky === false);
  const rules = { heapwise: ({ first }) => first.leak !== undefined };
  for (const rule of RULES) {
    rules[rule] = ({ others }) => others[rule];
  }
  return Object.entries(rules).map(([rule, says]) => {
    const detected = leaky.filter(says).length;
    const alarms = steady.filter(says).length;
    const recall = (detected / leaky.length).toFixed(2);
    const missed = leaky.length - detected;
    return [prefix + rule, `${detected}`, `${missed}`, recall, `${alarms}`, `${steady.length}`];
  });
}
