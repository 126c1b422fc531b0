'use strict';

/**
 * What the instruments cost on the Node that runs this: `node child.js PACKAGES SPEED NAME...`; one of the names stands
 * for no instrument and shows the noise. Prints what each costs as one line of JSON, `{ missing }` for those that cannot
 * run.
 */

const { spawnSync } = require('node:child_process');
const { join } = require('node:path');
const { setTimeout: rest } = require('node:timers/promises');
const { askApp, fire, startApp, stopApp } = require('../lib/apps.js');
const { cores, pinned, pinSelf } = require('../lib/pinning.js');
const { median } = require('../lib/statistics.js');

const PROGRAM = join(__dirname, 'program.js');
const FULL = { idle: 60_000, warmUp: 3, pairs: 40 };
const QUICK = { idle: 3000, warmUp: 1, pairs: 2 };
/** Milliseconds of a stretch under load, and those after the instrument was started or stopped, which do not count. */
const STRETCH = 400;
const SETTLE = 100;

async function main([packages, speed, ...names]) {
  const { idle, warmUp, pairs } = speed === 'quick' ? QUICK : FULL;
  const program = (mode) => (name) => ({ name, script: [PROGRAM, mode, name, packages] });
  const turns = new Map(names.map((name) => [name, nanosecondsOfATurn(program('turns')(name))]));
  // Which of them this Node can have.
  const available = names.filter((name) => turns.get(name) !== undefined);
  const servers = available.map(program('server'));
  const idleness = await costOfIdleness(servers, idle);
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

/** All of them idle at the same time: turns of the loop, and processor time of all threads in milliseconds per second. */
async function costOfIdleness(programs, duration) {
  const apps = await Promise.all(programs.map(({ name, script }) => startApp(name, script)));
  // What starting leaves to be done.
  await rest(2000);
  const before = await Promise.all(apps.map((app) => askApp(app)));
  await rest(duration);
  const after = await Promise.all(apps.map((app) => askApp(app)));
  await Promise.all(apps.map(stopApp));
  return apps.map((_, i) => ({
    idleTurns: after[i].turns - before[i].turns,
    idleCpu: (after[i].cpuMicros - before[i].cpuMicros) / 1000 / (duration / 1000),
  }));
}

/**
 * One server under steady load, whose instrument is on in one stretch and off in the next: what a process owes to
 * chance, such as the layout of its heap, is the same for both.
 */
async function costUnderLoad({ name, script }, { core, warmUp, pairs }) {
  const app = await startApp(name, script, core);
  const seconds = warmUp + (pairs * 2 * (STRETCH + SETTLE)) / 1000;
  const load = fire([app], '/', Math.ceil(seconds) + 1);
  await rest(warmUp * 1000);
  const ratios = [];
  for (let i = 0; i < pairs; i++) {
    const pair = {};
    for (const side of i % 2 === 0 ? ['enable', 'disable'] : ['disable', 'enable']) {
      pair[side] = await stretch(app, side);
    }
    ratios.push({
      throughput: pair.enable.perSecond / pair.disable.perSecond,
      efficiency: pair.enable.perCpuSecond / pair.disable.perCpuSecond,
    });
  }
  await load;
  await stopApp(app);
  return {
    throughput: median(ratios.map(({ throughput }) => throughput)),
    efficiency: median(ratios.map(({ efficiency }) => efficiency)),
  };
}

async function stretch(app, side) {
  await askApp(app, side);
  await rest(SETTLE);
  const before = await askApp(app);
  await rest(STRETCH);
  const after = await askApp(app);
  const requests = after.requests - before.requests;
  return {
    perSecond: (requests / (after.now - before.now)) * 1000,
    perCpuSecond: (requests / (after.cpuMicros - before.cpuMicros)) * 1e6,
  };
}

async function print(args) {
  process.stdout.write(`${JSON.stringify(await main(args))}\n`);
}

void print(process.argv.slice(2));
