'use strict';

const { parseArgs } = require('node:util');

const USAGE = `usage: npm start -- [--seconds N] [--port N] [--rate N] [--no-leak] [--json]`;

const OPTIONS = /** @type {const} */ ({
  seconds: { type: 'string' },
  port: { type: 'string', default: '3000' },
  rate: { type: 'string', default: '1200' },
  'no-leak': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
});

/** Wrong use of the command line: one line for the user, exit code 2. */
class UsageError extends Error {}

/**
 * @param {string | undefined} text
 * @param {string} flag
 * @param {number} min
 * @param {number} max
 */
function integer(text, flag, min, max) {
  const value = Number(text);
  if (text === '' || !Number.isInteger(value) || value < min || value > max) {
    throw new UsageError(`${flag} must be an integer from ${min} to ${max}, got "${text}"`);
  }
  return value;
}

/** @param {string[]} argv */
function readArgs(argv) {
  let values;
  try {
    ({ values } = parseArgs({ args: argv, options: OPTIONS, allowPositionals: false }));
  } catch (error) {
    // The first sentence names the flag; the rest is advice about parseArgs itself.
    const [sentence] = error.message.split(/\.?\n|\. /, 1);
    throw new UsageError(`${sentence}; ${USAGE}`);
  }
  return {
    help: values.help,
    /** Seconds to run; undefined until Ctrl-C. */
    seconds: values.seconds === undefined ? undefined : integer(values.seconds, '--seconds', 1, 864_000),
    port: integer(values.port, '--port', 0, 65_535),
    /** Requests per second. */
    rate: integer(values.rate, '--rate', 1, 100_000),
    leak: !values['no-leak'],
    json: values.json,
  };
}

module.exports = { USAGE, UsageError, readArgs };
