'use strict';

const assert = require('node:assert');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { cores, pinned, pinSelf } = require('./pinning.js');

/** To each app. */
const CONNECTIONS = 16;
/** For each app. */
const WARM_UP_S = 3;
const SAMPLE_S = 4;
const QUICK_WARM_UP_S = 1;
const QUICK_SAMPLE_S = 1;

/** @typedef {{ name: string, server: import('node:child_process').ChildProcess, origin: string }} App */

/**
 * Starts an app: a script that sends `{ port }` to its parent when it listens, and `{ cpuMicros }`, the processor time
 * that it has used so far, whenever it gets a message.
 *
 * @param {string} name
 * @param {string[]} script with its arguments
 * @param {number} [core] on which it is kept
 * @returns {Promise<App>}
 */
async function startApp(name, script, core) {
  const [command, ...args] = pinned(core, [process.execPath, ...script]);
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
 * What an app says of itself.
 *
 * @param {App} app
 * @param {string} [request] what it is to do before
 * @returns {Promise<{ cpuMicros: number, turns?: number, requests?: number, now?: number }>}
 */
async function askApp({ server }, request = 'how much') {
  const answer = once(server, 'message');
  server.send(request);
  const [said] = await answer;
  return said;
}

/**
 * All apps under load at the same time, each in a process of its own, all on one core; this process with the load
 * generator has another. What a request costs is taken from the processor time of its app, so whatever speeds the
 * core up or slows it down meanwhile hits all of them alike.
 *
 * @param {{ name: string, script: string[] }[]} given
 * @param {{ quick: boolean, path: string, headersFor?: (app: App) => Promise<object>,
 *   check?: (app: App) => Promise<void> }} options `check` is called after the load
 * @returns {Promise<{ cpuMicros: number, perSecond: number }[]>} processor time of a request; requests of a second
 */
async function loadTogether(given, { quick, path, headersFor, check }) {
  const [serverCore, ownCore] = cores();
  const apps = await Promise.all(given.map(({ name, script }) => startApp(name, script, serverCore)));
  pinSelf(ownCore);
  const headers = await Promise.all(apps.map((app) => headersFor?.(app)));
  await fire(apps, path, headers, (quick ? QUICK_WARM_UP_S : WARM_UP_S) * apps.length);
  const before = await Promise.all(apps.map((app) => askApp(app)));
  const results = await fire(apps, path, headers, (quick ? QUICK_SAMPLE_S : SAMPLE_S) * apps.length);
  const after = await Promise.all(apps.map((app) => askApp(app)));
  if (check !== undefined) {
    await Promise.all(apps.map(check));
  }
  await Promise.all(apps.map(stopApp));
  return results.map(({ requests, duration }, i) => ({
    cpuMicros: (after[i].cpuMicros - before[i].cpuMicros) / requests.total,
    perSecond: requests.total / duration,
  }));
}

/**
 * Load on one app, until the function that is returned is called.
 *
 * @param {App} app
 * @param {string} path
 */
function startLoad({ origin }, path) {
  const autocannon = require('autocannon');
  const running = autocannon({ url: `${origin}${path}`, connections: CONNECTIONS, duration: 3600 });
  return async () => {
    running.stop();
    assertAnswered(await running);
  };
}

/**
 * @param {App[]} apps
 * @param {string} path
 * @param {(object | undefined)[]} headers of the requests to each
 * @param {number} seconds
 */
async function fire(apps, path, headers, seconds) {
  const autocannon = require('autocannon');
  const results = await Promise.all(
    apps.map(({ origin }, i) =>
      autocannon({
        url: `${origin}${path}`,
        headers: headers[i],
        connections: CONNECTIONS,
        duration: seconds,
      }),
    ),
  );
  results.forEach(assertAnswered);
  return results;
}

/** A 304 is an answer as well. */
function assertAnswered({ errors, timeouts, '4xx': refused, '5xx': failed }) {
  assert.equal(errors + timeouts + refused + failed, 0, 'each request should be answered');
}

module.exports = { askApp, loadTogether, startApp, startLoad, stopApp };
