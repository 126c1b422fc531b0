// node-flags: --expose-gc
'use strict';

/**
 * Ten thousand workers with an event-loop monitor, terminated in all that they can be doing, beside a main thread that
 * serves HTTP and is blocked now and then itself. Not part of `npm test`: some ten minutes.
 */

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const { EventLoopMonitor } = require('../..');
const { ROOT } = require('../run-script.js');
const { ROUNDS, soak } = require('./soak.js');

const WORKERS = 10_000;
/** Workers that run at a time. */
const ABREAST = 8;
/** Between the thirds that are compared lie 3333 workers, of each of which Node 24 and 26 keep about 1.3 KiB. */
const TOLERANCE_MIB = 8;

const WORKER = `
  const { EventLoopMonitor } = require(${JSON.stringify(ROOT)});
  const { parentPort, workerData } = require('node:worker_threads');
  const monitor = new EventLoopMonitor({ blockedThreshold: 2, stackInterval: 0 }).start();
  monitor.on('blocked', () => {});
  const block = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const states = [
    () => setInterval(() => {}, 1000),
    () => setTimeout(() => block(60_000), 0),
    () => setTimeout(() => Atomics.wait(cell, 0, 0, 60_000), 0),
    () => setInterval(() => { globalThis.junk = Array.from({ length: 2e4 }, (_, i) => ({ i })); }, 0),
    () => setInterval(() => block(3), 0),
    () => setInterval(() => { monitor.stop(); monitor.start(); }, 0),
    () => setTimeout(() => process.exit(), 5),
  ];
  states[workerData % states.length]();
  parentPort.postMessage('ready');`;

function hold(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    // Holds the thread.
  }
}

/** One request, on a connection of its own: what is left open would be counted. */
function request(port) {
  return new Promise((resolve, reject) => {
    const sent = http.get({ host: '127.0.0.1', port, agent: false }, (response) =>
      response.resume().once('close', resolve),
    );
    sent.once('error', reject);
  });
}

async function loadUntil(signal, port) {
  while (!signal.aborted) {
    await request(port);
  }
}

/** @param {number} number decides what the worker is doing when it is terminated */
async function worker(number) {
  const thread = new Worker(WORKER, { eval: true, workerData: number });
  const exited = once(thread, 'exit');
  await once(thread, 'message');
  // Every third one is terminated when it has been at it for a while.
  if (number % 3 === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await thread.terminate();
  await exited;
}

/** @param {number} first @param {number} end */
async function workers(first, end) {
  let next = first;
  const lane = async () => {
    while (next < end) {
      await worker(next++);
    }
  };
  await Promise.all(Array.from({ length: ABREAST }, lane));
}

describe('threads, files and memory', () => {
  it(
    `do not grow with ${WORKERS} workers that are terminated under load`,
    { timeout: 3_600_000 },
    async () => {
      const monitor = new EventLoopMonitor({ blockedThreshold: 20, stackInterval: 0 }).start();
      let blocked = 0;
      monitor.on('blocked', () => blocked++);
      let answered = 0;
      const server = http.createServer((_request, response) => {
        answered++;
        if (answered % 100 === 0) {
          hold(30);
        }
        response.end('ok');
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const batch = WORKERS / ROUNDS;
      await soak('workers with a monitor', TOLERANCE_MIB, async (round) => {
        const over = new AbortController();
        const load = loadUntil(over.signal, server.address().port);
        await workers(round * batch, (round + 1) * batch);
        over.abort();
        await load;
      });
      assert.ok(
        answered > 1000 && blocked > 10,
        `${answered} requests, ${blocked} blocks of the main thread`,
      );
      monitor.close();
      server.closeAllConnections();
      server.close();
    },
  );
});
