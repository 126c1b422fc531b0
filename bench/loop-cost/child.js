'use strict';

/**
 * What the instruments cost on the Node that runs this: `node child.js PACKAGES SPEED NAME...`; one of the names stands
 * for no instrument and shows the noise. Prints what each costs as one line of JSON, `{ missing }` for those that cannot
 * run.
 */

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const { join } = require('node:path');
const { setTimeout: rest } = require('node:timers/promises');
const { askApp, startApp, startLoad, stopApp } = require('../lib/apps.js');
const { inTurn } = require('../lib/in-turn.js');
const { cores, pinned, pinSelf } = require('../lib/pinning.js');
const { middleRatio } = require('../lib/statistics.js');

const PROGRAM = join(__dirname, 'program.js');
const FULL = { rest: 20_000, idle: 60_000, warmUp: 3, pairs: 160 };
const QUICK = { rest: 500, idle: 3000, warmUp: 1, pairs: 8 };
/**
 * Milliseconds of a stretch under load, and those after the instrument was started or stopped, which do not count. Short,
 * because what else the machine does changes within a second.
 */
const STRETCH = 100;
const SETTLE = 30;

async function main([packages, speed, ...names]) {
  const { rest: before, idle, warmUp, pairs } = speed === 'quick' ? QUICK : FULL;
  const program = (mode) => (name) => ({ name, script: [PROGRAM, mode, name, packages] });
  const turns = new Map(names.map((name) => [name, nanosecondsOfATurn(program('turns')(name))]));
  // Which of them this Node can have.
  const available = names.filter((name) => turns.get(name) !== undefined);
  const servers = available.map(program('server'));
  const idleness = await costOfIdleness(servers, before, idle);
  const [serverCore, ownCore] = cores();
  pinSelf(ownCore);
  const answers = [];
  for (const [i, server] of servers.entries()) {
    const load = await costUnderLoad(server, { core: serverCore, warmUp, pairs });
    answers.push([server.name, { turn: turns.get(server.name), ...idleness[i], ...load }]);
  }
  const missing = names.map((name) => [name, { missing: 'it does not run on this Node' }]);
  return Object.fromEntries([...missing, ...answers]);
}

/** @returns {number | undefined} undefined where the instrument cannot be had */
function nanosecondsOfATurn({ script }) {
  const [command, ...args] = pinned(cores()[0], [process.execPath, ...script]);
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? Number(stdout) : undefined;
}

/**
 * All of them idle at the same time: turns of the loop, and processor time of all threads in milliseconds per second.
 *
 * @param {{ name: string, script: string[] }[]} programs
 * @param {number} before milliseconds of rest: V8 cleans up in small steps, each a turn, some seconds after the start
 * @param {number} duration milliseconds
 */
async function costOfIdleness(programs, before, duration) {
  const apps = await Promise.all(programs.map(({ name, script }) => startApp(name, script)));
  await rest(before);
  const first = await Promise.all(apps.map((app) => askApp(app)));
  await rest(duration);
  const after = await Promise.all(apps.map((app) => askApp(app)));
  await Promise.all(apps.map(stopApp));
  return apps.map((_, i) => ({
    idleTurns: after[i].turns - first[i].turns,
    idleCpu: (after[i].cpuMicros - first[i].cpuMicros) / 1000 / (duration / 1000),
  }));
}

/**
 * One server under steady load, whose instrument is on in one stretch and off in the next: what a process owes to
 * chance, such as the layout of its heap, is the same for both.
 */
async function costUnderLoad({ name, script }, { core, warmUp, pairs }) {
  const app = await startApp(name, script, core);
  const endLoad = startLoad(app, '/');
  await rest(warmUp * 1000);
  const measured = await inTurn(pairs, (side) => stretch(app, side));
  await endLoad();
  await stopApp(app);
  const ratio = (figure) =>
    middleRatio(measured.map(({ enable, disable }) => enable[figure] / disable[figure]));
  return { throughput: ratio('perSecond'), efficiency: ratio('perCpuSecond') };
}

async function stretch(app, side) {
  await askApp(app, side);
  await rest(SETTLE);
  const before = await askApp(app);
  await rest(STRETCH);
  const after = await askApp(app);
  const requests = after.requests - before.requests;
  assert.ok(requests > 0, 'the server should be under load');
  return {
    perSecond: (requests / (after.now - before.now)) * 1000,
    perCpuSecond: (requests / (after.cpuMicros - before.cpuMicros)) * 1e6,
  };
}

async function print(args) {
  process.stdout.write(`${JSON.stringify(await main(args))}\n`);
}

void print(process.argv.slice(2));
