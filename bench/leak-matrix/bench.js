'use strict';

const { join } = require('node:path');
const { programs } = require('./cases.js');
const { preparePackages } = require('./packages.js');

const RULES = ['memwatch', 'leakage', 'regression'];

/** @param {boolean} said @param {boolean} leaky */
function outcome(said, leaky) {
  if (leaky) {
    return said ? 'detected' : 'missed';
  }
  return said ? 'FALSE ALARM' : 'silent';
}

/** @param {{ seconds: number, requests: number } | undefined} moment */
const after = (moment) => (moment === undefined ? '' : `${moment.seconds.toFixed(0)} s`);

const COLUMNS = {
  is: ({ leaky }) => (leaky ? 'leaky' : 'steady'),
  heapwise: ({ first, leaky }) => outcome(first.leak !== undefined, leaky),
  after: ({ first }) => after(first.leak),
  requests: ({ first }) => (first.leak === undefined ? '' : String(first.leak.requests)),
  package: ({ leaky, site, rightPackage }) => (leaky && site ? (rightPackage ? 'right' : site.package) : ''),
  file: ({ leaky, site, rightFile }) => (leaky && site ? (rightFile ? 'right' : site.file) : ''),
  ...Object.fromEntries(RULES.map((rule) => [rule, ({ others, leaky }) => outcome(others[rule], leaky)])),
};

module.exports = {
  summary: 'leaks of real packages and of a service, their fixed twins, and noisy programs: who is right',
  majors: ['20', '24'],
  contenders: programs.map(({ name }) => name),
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
  const all = Object.values(answers).filter(({ graded }) => !graded);
  const leaky = all.filter((answer) => answer.leaky);
  const steady = all.filter((answer) => !answer.leaky);
  const rules = { heapwise: ({ first }) => first.leak !== undefined };
  for (const rule of RULES) {
    rules[rule] = ({ others }) => others[rule];
  }
  const rows = Object.entries(rules).map(([rule, says]) => {
    const detected = leaky.filter(says).length;
    const alarms = steady.filter(says).length;
    const recall = (detected / leaky.length).toFixed(2);
    return [
      rule,
      String(detected),
      String(leaky.length - detected),
      recall,
      String(alarms),
      String(steady.length),
    ];
  });
  return [['', 'detected', 'missed', 'recall', 'false alarms', 'of steady'], ...rows];
}
