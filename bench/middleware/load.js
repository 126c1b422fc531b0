'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');
const { cores, pinned, pinSelf } = require('./pinning.js');

/** To each app. */
const CONNECTIONS = 16;
/** For each app. */
const WARM_UP_S = 3;
const SAMPLE_S = 4;
const QUICK_WARM_UP_S = 1;
const QUICK_SAMPLE_S = 1;

/**
 * All apps under load at the same time, each in a process of its own, all on one core; this process with the load
 * generator has another. What a request costs is taken from the processor time of its app, so whatever speeds the
 * core up or slows it down meanwhile hits all of them alike.
 *
 * @param {string[]} names of the apps
 * @param {{ quick: boolean }} options
 * @returns {Promise<import('../lib/benches.js').Figures[]>}
 */
async function loadTogether(names, { quick }) {
  const [serverCore, ownCore] = cores();
  const apps = await Promise.all(names.map((name) => startApp(name, serverCore)));
  pinSelf(ownCore);
  await fire(apps, (quick ? QUICK_WARM_UP_S : WARM_UP_S) * apps.length);
  const before = await Promise.all(apps.map(cpuMicros));
  const results = await fire(apps, (quick ? QUICK_SAMPLE_S : SAMPLE_S) * apps.length);
  const after = await Promise.all(apps.map(cpuMicros));
  await Promise.all(apps.map(checkMetrics));
  await Promise.all(apps.map(stopApp));
  return results.map(({ requests, duration }, i) => {
    const used = (after[i] - before[i]) / requests.total;
    return { value: 1e6 / used, extras: { cpuMicros: used, perSecond: requests.total / duration } };
  });
}

/** @typedef {{ name: string, server: import('node:child_process').ChildProcess, origin: string }} App */

/**
 * @param {string} name
 * @param {number | undefined} core
 * @returns {Promise<App>}
 */
async function startApp(name, core) {
  const [command, ...args] = pinned(core, [process.execPath, join(__dirname, 'server.js'), name]);
  // Its stdout is our stderr: what it prints must not get into the line of figures.
  const server = spawn(command, args, { stdio: ['ignore', 2, 2, 'ipc'] });
  server.on('exit', (code) => assert.equal(code, 0, `the server of "${name}" should end well`));
  const [{ port }] = await once(server, 'message');
  return { name, server, origin: `http://127.0.0.1:${port}` };
}

/** @param {App} app */
async function stopApp({ server }) {
  server.disconnect();
  await once(server, 'exit');
}

/**
 * @param {App[]} apps
 * @param {number} seconds
 */
async function fire(apps, seconds) {
  const autocannon = require('autocannon');
  const results = await Promise.all(
    apps.map(({ origin }) =>
      autocannon({ url: `${origin}/greeting`, connections: CONNECTIONS, duration: seconds }),
    ),
  );
  for (const { errors, timeouts, non2xx } of results) {
    assert.equal(errors + timeouts + non2xx, 0, 'each request should be answered with 200');
  }
  return results;
}

/** @param {App} app */
async function cpuMicros({ server }) {
  const answer = once(server, 'message');
  server.send('cpu');
  const [{ cpuMicros: used }] = await answer;
  return used;
}

/** An instrument that counts nothing would be cheap. */
async function checkMetrics({ name, origin }) {
  const answer = await fetch(`${origin}/metrics`);
  const counted = answer.ok && /_count\{[^}]*\/greeting[^}]*\} [1-9]\d{2}/.test(await answer.text());
  assert.equal(counted, name !== 'bare Express', `${name} should count requests unless it is bare`);
}

module.exports = { loadTogether };
