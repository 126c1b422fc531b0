'use strict';

/**
 * Judges recorded series, then runs programs of the matrix, four at a time for each core, which they use a tenth of:
 * `node child.js PACKAGES SPEED NAME...`. Prints the answers by name as one line of JSON.
 */

const { availableParallelism } = require('node:os');
const { join } = require('node:path');
const { runChild } = require('../lib/run-child.js');
const { recorded, replay } = require('./recorded.js');

const PROGRAM = join(__dirname, 'program.js');
const SECONDS = { full: 60, quick: 30 };
const LANES = 4 * availableParallelism();
/** Milliseconds for what a program needs beside. */
const SLACK = 60_000;

async function main([packages, speed, ...names]) {
  const seconds = SECONDS[speed];
  const waiting = [];
  const answers = {};
  for (const name of names) {
    const series = recorded.find((one) => one.name === name);
    if (series === undefined) {
      waiting.push(name);
    } else {
      answers[name] = replayed(series);
    }
  }
  const lane = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const args = [PROGRAM, name, packages, String(seconds)];
      try {
        answers[name] = await runChild(process.execPath, args, seconds * 1000 + SLACK);
      } catch (raised) {
        // One program that does not run is not to be the end of all others.
        console.error(raised);
        answers[name] = { missing: raised.message };
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return answers;
}

/** @param {import('./recorded.js').Recorded} series */
function replayed(series) {
  try {
    return replay(series);
  } catch (raised) {
    // Where there is no way to fetch it.
    return { missing: raised.message };
  }
}

async function print(args) {
  process.stdout.write(`${JSON.stringify(await main(args))}\n`);
}

void print(process.argv.slice(2));
