'use strict';

/**
 * Runs `http-cache-tests` (Mark Nottingham, cache-tests.fyi) through an Express app with our cache in front of a small
 * streaming proxy, and counts what passes, by group.
 */

const { once } = require('node:events');
const { existsSync, readFileSync } = require('node:fs');
const http = require('node:http');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');
const { pipeline } = require('node:stream');
const express = require('express');
const { responseCache } = require('heapwise/express');

/** The package, or a checkout of its repository, whose folders are named otherwise. */
const ROOT = process.env.HTTP_CACHE_TESTS ?? dirname(require.resolve('http-cache-tests/package.json'));
const IS_CHECKOUT = existsSync(join(ROOT, 'test-engine'));
/** Tests that run at a time; most of them wait. */
const AT_A_TIME = 100;

/** What the package shows of a result. */
const RESULTS = {
  '✅': 'pass',
  '⛔️': 'fail',
  '⚠️': 'optional fail',
  Y: 'yes',
  N: 'no',
  '⚪️': 'untested',
  '🔹': 'setup',
  '↻': 'retried',
  '⁉️': 'harness',
  '-': 'not run',
};

/** What the cache is told: nothing, and to do whatever RFC 9111 allows. */
const CONFIGURATIONS = {
  'as it is': {},
  'as far as the RFC goes': {
    authorization: true,
    heuristic: 0.1,
    ignoreCookies: true,
    setCookie: 'store',
    staleIfError: 60_000,
    statuses: 'any',
    targets: ['CDN-Cache-Control'],
  },
};

/** A module of the package. */
const load = (/** @type {string} */ path) =>
  import(join(ROOT, IS_CHECKOUT && !/^(tests|results)/.test(path) ? 'test-engine' : '', path));

/**
 * The server that the tests ask for answers, in this process.
 */
async function startOrigin() {
  const [config, state, test] = await Promise.all(
    ['config', 'state', 'test'].map((name) => load(`server/handle-${name}.mjs`)),
  );
  const handlers = { config: config.default, state: state.default, test: test.default };
  return listen((req, res) => {
    const [, name, ...segments] = new URL(req.url, 'http://origin').pathname.split('/');
    if (Object.hasOwn(handlers, name)) {
      handlers[name](segments, req, res);
    } else {
      res.writeHead(404).end();
    }
  });
}

/**
 * @param {number} port of the origin
 * @param {object} options of the cache
 */
async function startProxy(port, options) {
  const app = express();
  app.disable('x-powered-by');
  const cache = responseCache(options);
  app.use(cache);
  app.use((req, res) => forward(port, req, res));
  const server = await listen(app);
  server.on('close', () => cache.close());
  return server;
}

/**
 * @param {number} port
 * @param {any} req
 * @param {any} res
 */
function forward(port, req, res) {
  const headers = { ...req.headers, host: `127.0.0.1:${port}` };
  delete headers.connection;
  const upstream = http.request({ port, host: '127.0.0.1', method: req.method, path: req.url, headers });
  upstream.on('information', ({ statusCode, headers: early }) => {
    if (statusCode === 103) {
      res.writeEarlyHints(early);
    } else if (statusCode === 102) {
      res.writeProcessing();
    }
  });
  upstream.on('response', (answer) => {
    const fields = answer.rawHeaders.filter(
      (_, i) => !/^transfer-encoding$/i.test(answer.rawHeaders[i - (i % 2)]),
    );
    res.writeHead(answer.statusCode, answer.statusMessage, fields);
    pipeline(answer, res, () => {});
  });
  upstream.on('error', () => {
    if (!res.headersSent) {
      res.writeHead(502).end('the origin is gone');
    }
  });
  pipeline(req, upstream, () => {});
}

/** @param {http.RequestListener} listener */
async function listen(listener) {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

/** @param {http.Server} server */
const portOf = (server) => /** @type {import('node:net').AddressInfo} */ (server.address()).port;

/**
 * Once in a process: the package keeps its results in its modules.
 *
 * @param {object} options of the cache
 * @returns {Promise<Record<string, true | [string, string]>>} by id of the test
 */
async function run(options) {
  const { runTests, getResults } = await load('client/runner.mjs');
  const origin = await startOrigin();
  const proxy = await startProxy(portOf(origin), options);
  const suites = await loadSuites();
  try {
    const base = `http://127.0.0.1:${portOf(proxy)}`;
    // Newer ones bring a fetch of their own.
    const args = IS_CHECKOUT ? [] : [createRequire(join(ROOT, 'package.json'))('node-fetch')];
    await runTests(suites, ...args, false, base, AT_A_TIME);
  } finally {
    for (const server of [proxy, origin]) {
      server.close();
      server.closeAllConnections();
    }
  }
  return getResults();
}

/** All but those of Surrogate-Control, which no RFC knows. */
async function loadSuites() {
  return (await load('tests/index.mjs')).default;
}

/** What others got, as the package publishes it. */
async function published() {
  const { default: list } = await load('results/index.mjs');
  return list
    .filter(({ type }) => type !== 'browser')
    .map(({ file, name, version, type }) => ({
      name,
      version,
      type,
      results: JSON.parse(readFileSync(join(ROOT, 'results', file), 'utf8')),
    }));
}

/**
 * Each test's result.
 *
 * @param {any} results
 * @returns {Promise<{ suite: string, id: string, kind: string, name: string, result: string }[]>}
 */
async function judge(results) {
  const { determineTestResult } = await load(IS_CHECKOUT ? 'lib/results.mjs' : 'lib/display.mjs');
  const suites = await loadSuites();
  return suites.flatMap(({ id: suite, tests }) =>
    tests
      .filter((test) => test.browser_only !== true)
      .map(({ id, kind = 'required', name }) => ({
        suite,
        id,
        kind,
        name,
        result: RESULTS[determineTestResult(suites, id, results)[2]],
      })),
  );
}

module.exports = { CONFIGURATIONS, judge, loadSuites, published, run };
