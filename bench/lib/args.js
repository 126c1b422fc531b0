'use strict';

const { parseArgs } = require('node:util');

/** A median of fewer says little. */
const MIN_ROUNDS = 7;

const USAGE = `usage: npm run bench -- NAME [options]

  --quick        3 short rounds, to see that it works; nothing is written to bench/results
  --rounds N     take the median of N rounds, ${MIN_ROUNDS} to 99 (default ${MIN_ROUNDS}): more of them where the machine is noisy
  --case TEXT    only the cases whose name contains TEXT; nothing is written either
  --node PATH    measure with another node binary than the bench asks for
  --saved        print the results of the last whole run again
  --markdown     print Markdown tables
  --json         print the results as JSON`;

const OPTIONS = /** @type {const} */ ({
  quick: { type: 'boolean', default: false },
  rounds: { type: 'string', default: String(MIN_ROUNDS) },
  case: { type: 'string', default: '' },
  node: { type: 'string' },
  saved: { type: 'boolean', default: false },
  markdown: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
});

/** Wrong use of the command line: one line for the user, exit code 2. */
class UsageError extends Error {}

/** @param {string[]} argv */
function readArgs(argv) {
  let values;
  let positionals;
  try {
    ({ values, positionals } = parseArgs({ args: argv, options: OPTIONS, allowPositionals: true }));
  } catch (error) {
    // The first sentence names the flag; the rest is advice about parseArgs itself.
    throw new UsageError(`${error.message.split('. ')[0]}; --help lists the options`);
  }
  if (positionals.length > 1) {
    throw new UsageError(`one bench at a time, got ${positionals.join(' ')}`);
  }
  if (values.json && values.markdown) {
    throw new UsageError('--json and --markdown exclude each other');
  }
  if (values.saved && (values.quick || values.case !== '')) {
    throw new UsageError('--saved prints a whole run: it takes neither --quick nor --case');
  }
  if (!/^[1-9]?\d$/.test(values.rounds) || Number(values.rounds) < MIN_ROUNDS) {
    throw new UsageError(`--rounds takes a whole number from ${MIN_ROUNDS} to 99, got ${values.rounds}`);
  }
  const { markdown, json, rounds, ...rest } = values;
  return {
    ...rest,
    rounds: Number(rounds),
    name: positionals[0],
    format: /** @type {'json' | 'markdown' | 'text'} */ (json ? 'json' : markdown ? 'markdown' : 'text'),
  };
}

module.exports = { USAGE, UsageError, readArgs };
