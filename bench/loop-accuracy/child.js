'use strict';

/**
 * One contender on the Node that runs this: `node --expose-gc child.js CONTENDER PACKAGES LENGTHS`. Prints what it said
 * of each injected block and of a quiet loop, beside the truth, as one line of JSON; `{ missing }` where it cannot run.
 */

const { createRequire } = require('node:module');
const http = require('node:http');
const { join } = require('node:path');
const { performance } = require('node:perf_hooks');
const { setTimeout: rest } = require('node:timers/promises');
const { CONTENDERS } = require('./contenders.js');
const { PHASES, echo, spin } = require('./phases.js');

/** Milliseconds of the quiet stretch. */
const QUIET = 2000;
/** Blocks of no length, before those that count. */
const WARM_UPS = 5;

async function main([name, packages, lengths]) {
  let instrument;
  try {
    instrument = await CONTENDERS[name](createRequire(join(packages, 'index.js')));
  } catch (error) {
    // Not the message: it names folders of this machine.
    return { missing: error.code ?? error.name };
  }
  const socket = await echo();
  await rest(instrument.settle);
  const blocks = [];
  for (const [phase, { call, hold = spin }] of Object.entries(PHASES)) {
    const block = (length) =>
      held(
        (callback) => call(callback, socket),
        () => hold(length),
        instrument.settle,
      );
    // What is loaded and compiled when it is first called takes its time in the same turn.
    for (let i = 0; i < WARM_UPS; i++) {
      await block(0);
    }
    for (const length of JSON.parse(lengths)) {
      instrument.reset();
      const truth = await block(length);
      blocks.push({ phase, length, truth, said: instrument.max() });
    }
  }
  return {
    blocks,
    quiet: await quiet(instrument),
    total: await total(instrument),
    stack: (await instrument.stackDelay?.()) ?? null,
  };
}

/** The time that the callback held the thread; told `settle` milliseconds later, so that its turn does nothing else. */
function held(call, hold, settle) {
  return new Promise((resolve) => {
    call(() => {
      const start = performance.now();
      hold();
      setTimeout(resolve, settle, performance.now() - start);
    });
  });
}

/** What it says of a server that waits, and answers one request. */
async function quiet(instrument) {
  const server = http.createServer((_request, response) => response.end('x')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const ask = () => fetch(`http://127.0.0.1:${server.address().port}`).then((answer) => answer.text());
  // What is compiled and connected for the first time takes its time.
  await ask();
  await rest(500);
  instrument.reset();
  const before = performance.eventLoopUtilization();
  await rest(QUIET / 2);
  await ask();
  await rest(QUIET / 2);
  const { active } = performance.eventLoopUtilization(before);
  const said = instrument.max();
  server.closeAllConnections();
  server.close();
  return { said, active };
}

/** Its sum over a second of turns of many lengths, and the time that the loop was active by Node's own account. */
async function total(instrument) {
  if (instrument.sum === undefined) {
    return null;
  }
  await rest(20);
  instrument.reset();
  const before = performance.eventLoopUtilization();
  for (let i = 0; i < 40; i++) {
    await rest(10);
    spin(i % 8 === 0 ? 60 : 8);
  }
  await rest(1);
  const { active } = performance.eventLoopUtilization(before);
  instrument.max();
  return { said: instrument.sum(), active };
}

async function print(args) {
  const result = await main(args);
  // Some peers keep the process alive.
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
}

void print(process.argv.slice(2));
