'use strict';

/**
 * What the instruments cost on the Node that runs this: `node child.js PACKAGES SPEED NAME...`; the first name stands for
 * no instrument. Prints what each costs as one line of JSON, `{ missing }` for those that cannot run.
 */

const { spawnSync } = require('node:child_process');
const { join } = require('node:path');
const { setTimeout: rest } = require('node:timers/promises');
const { askApp, loadTogether, startApp, stopApp } = require('../lib/apps.js');
const { cores, pinned } = require('../lib/pinning.js');
const { median } = require('../lib/statistics.js');

const PROGRAM = join(__dirname, 'program.js');
const FULL = { rounds: 7, idle: 60_000 };
const QUICK = { rounds: 1, idle: 3000 };

async function main([packages, speed, ...names]) {
  const { rounds, idle } = speed === 'quick' ? QUICK : FULL;
  const program = (mode) => (name) => ({ name, script: [PROGRAM, mode, name, packages] });
  // One run of each says which of them this Node can have.
  const available = names.filter((name) => nanosecondsOfATurn(program('turns')(name)) !== undefined);
  const turns = repeat(rounds, () => available.map(program('turns')).map(nanosecondsOfATurn));
  const idleness = await costOfIdleness(available.map(program('server')), idle);
  const loads = [];
  for (let round = 0; round < rounds; round++) {
    // Short samples: there are many instruments, and four Nodes.
    const costs = await loadTogether(available.map(program('server')), { quick: true, path: '/' });
    loads.push(costs.map(({ cpuMicros }) => cpuMicros));
  }
  const answers = available.map((name, i) => [
    name,
    {
      // Differences and ratios are taken within a round.
      turn: median(turns.map((round) => round[i] - round[0])),
      ...idleness[i],
      load: median(loads.map((costs) => costs[0] / costs[i])),
    },
  ]);
  const missing = names.map((name) => [name, { missing: 'it does not run on this Node' }]);
  return Object.fromEntries([...missing, ...answers]);
}

function repeat(times, work) {
  return Array.from({ length: times }, work);
}

/** @returns {number | undefined} undefined where the instrument cannot be had */
function nanosecondsOfATurn({ script }) {
  const [command, ...args] = pinned(cores()[0], [process.execPath, ...script]);
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? Number(stdout) : undefined;
}

/** All of them idle at the same time: turns of the loop, and processor time of all threads in milliseconds per second. */
async function costOfIdleness(programs, duration) {
  const apps = await Promise.all(programs.map(({ name, script }) => startApp(name, script)));
  // What starting leaves to be done.
  await rest(2000);
  const before = await Promise.all(apps.map(askApp));
  await rest(duration);
  const after = await Promise.all(apps.map(askApp));
  await Promise.all(apps.map(stopApp));
  return apps.map((_, i) => ({
    idleTurns: after[i].turns - before[i].turns,
    idleCpu: (after[i].cpuMicros - before[i].cpuMicros) / 1000 / (duration / 1000),
  }));
}

async function print(args) {
  process.stdout.write(`${JSON.stringify(await main(args))}\n`);
}

void print(process.argv.slice(2));
