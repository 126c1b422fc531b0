'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');
const { cores, pinned, pinSelf } = require('./pinning.js');

const CONNECTIONS = 32;
const WARM_UP_S = 3;
const SAMPLE_S = 5;
const QUICK_WARM_UP_S = 1;
const QUICK_SAMPLE_S = 2;

/**
 * One app under as much load as it can take. The app has a process and a core of its own, this process with the
 * load generator another one, so that all that an instrument does, in whatever thread, costs requests.
 *
 * @param {string} name of the app
 * @param {{ quick: boolean }} options
 * @returns {Promise<import('../lib/benches.js').Figures>}
 */
async function load(name, { quick }) {
  const [serverCore, ownCore] = cores();
  const [command, ...args] = pinned(serverCore, [process.execPath, join(__dirname, 'server.js'), name]);
  // Its stdout is our stderr: what it prints must not get into the line of figures.
  const server = spawn(command, args, { stdio: ['ignore', 2, 2, 'ipc'] });
  server.on('exit', (code) => assert.equal(code, 0, `the server of "${name}" should end well`));
  const [{ port }] = await once(server, 'message');
  pinSelf(ownCore);
  const origin = `http://127.0.0.1:${port}`;
  await fire(origin, quick ? QUICK_WARM_UP_S : WARM_UP_S);
  const before = await cpuMicros(server);
  const { requests, duration, latency } = await fire(origin, quick ? QUICK_SAMPLE_S : SAMPLE_S);
  const used = (await cpuMicros(server)) - before;
  await checkMetrics(name, origin);
  server.disconnect();
  await once(server, 'exit');
  return {
    value: requests.total / duration,
    extras: {
      p99Ms: latency.p99,
      cpuMicros: used / requests.total,
      cpuPercent: (used / (duration * 1e6)) * 100,
    },
  };
}

/**
 * @param {string} origin
 * @param {number} seconds
 */
async function fire(origin, seconds) {
  const autocannon = require('autocannon');
  const result = await autocannon({ url: `${origin}/greeting`, connections: CONNECTIONS, duration: seconds });
  assert.equal(
    result.errors + result.timeouts + result.non2xx,
    0,
    'each request should be answered with 200',
  );
  return result;
}

/** @param {import('node:child_process').ChildProcess} server */
async function cpuMicros(server) {
  const answer = once(server, 'message');
  server.send('cpu');
  const [{ cpuMicros: used }] = await answer;
  return used;
}

/** An instrument that counts nothing would be cheap. */
async function checkMetrics(name, origin) {
  const answer = await fetch(`${origin}/metrics`);
  const counted = answer.ok && /_count\{[^}]*\/greeting[^}]*\} [1-9]\d{2}/.test(await answer.text());
  assert.equal(counted, name !== 'bare Express', `${name} should count requests unless it is bare`);
}

module.exports = { load };
