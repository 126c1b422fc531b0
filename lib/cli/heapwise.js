#!/usr/bin/env node
'use strict';

const { UsageError, leakCommand } = require('./leak.js');

const USAGE = `usage: heapwise leak [options] -- command [arguments]

Runs a command, such as "node app.js" or "npm start", under the leak detector, and prints a report when a leak is found
or at the end.

  --warmup SECONDS      not looked at: modules load, caches fill (default 30)
  --window SECONDS      a third of what a verdict needs; longer than the program's own cycles (default 20)
  --confidence NUMBER   of the tests, 0.5 to 0.9999 (default 0.99)
  --min-growth BYTES    growth an hour that is not yet a leak (default 1048576)
  --keep-running        do not end the program when a leak is found; report at its end
  --format FORMAT       text (default), markdown or json
  --output FILE         write the report there instead of to standard error

Exit code: 3 when a leak was found, 2 for wrong use, else that of the command.`;

/** @param {string[]} argv */
async function main([command, ...rest]) {
  if (command === '--help' || command === '-h' || command === undefined) {
    process.stdout.write(`${USAGE}\n`);
    return command === undefined ? 2 : 0;
  }
  if (command !== 'leak') {
    throw new UsageError(`there is no command "${command}"; there is: leak`);
  }
  if (rest.includes('--help', 0) && !rest.slice(0, rest.indexOf('--help')).includes('--')) {
    process.stdout.write(`${USAGE}\n`);
    return 0;
  }
  return leakCommand(rest);
}

/** @param {string[]} argv */
async function run(argv) {
  try {
    process.exitCode = await main(argv);
  } catch (raised) {
    const usage = raised instanceof UsageError;
    process.stderr.write(`${usage ? `heapwise: ${raised.message}` : /** @type {Error} */ (raised).stack}\n`);
    process.exitCode = usage ? 2 : 1;
  }
}

void run(process.argv.slice(2));
