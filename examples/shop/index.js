'use strict';

/**
 * `npm start`: an Express service under a real load, and what heapwise sees of it.
 */

const { fork } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');
const { USAGE, UsageError, readArgs } = require('./args.js');
const { createShop } = require('./app.js');
const { createSampler } = require('./sampler.js');
const { HEADER, UNITS, blockedLine, leakLine, row } = require('./table.js');

const INTERVAL_MS = 3000;
const HEADER_EVERY = 15;
/** How long customers get to finish when the shop closes. */
const CLOSING_MS = 5000;

async function main() {
  const args = readArgs(process.argv.slice(2));
  if (args.help) {
    console.log(USAGE);
    return;
  }
  const print = args.json ? () => {} : (line) => console.log(line);
  const shop = createShop(args);
  const server = await listen(shop.app, args.port);
  const { port } = server.address();
  const url = `http://127.0.0.1:${port}`;
  print(`shop at ${url}, status ${url}/heapwise, metrics ${url}/metrics, health ${url}/healthz`);
  print(
    `${args.rate} requests/s from a second process; ${args.leak ? 'the order route leaks' : 'no leak'}; ${UNITS}`,
  );

  shop.monitor.on('blocked', (event) => print(blockedLine(event)));
  for (const state of ['suspect', 'leak', 'clear']) {
    shop.monitor.on(state, (report) => print(leakLine(report)));
  }
  shop.monitor.start();
  const load = fork(join(__dirname, 'load.js'), [String(port), String(args.rate)]);
  const sampler = createSampler(shop);
  let rows = 0;
  const table = setInterval(() => {
    if (rows++ % HEADER_EVERY === 0) {
      print(HEADER);
    }
    print(row(sampler.read()));
  }, INTERVAL_MS);

  await untilTheEnd(args.seconds, load);
  clearInterval(table);
  const customers = await stopLoad(load);
  const report = summary(shop, customers);
  await close(server);
  shop.monitor.close();
  shop.catalogue.close();
  shop.images.close();
  console.log(args.json ? JSON.stringify(report) : finalText(report));
}

/**
 * @param {import('express').Express} app
 * @param {number} port
 * @returns {Promise<import('node:http').Server>}
 */
async function listen(app, port) {
  const server = app.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    const taken = error.code === 'EADDRINUSE';
    throw new UsageError(
      taken ? `port ${port} is taken; pass --port` : `cannot listen on ${port}: ${error.message}`,
    );
  }
  return server;
}

/** Resolves after the given time or on Ctrl-C; rejects when the load dies. */
async function untilTheEnd(seconds, load) {
  const end = new AbortController();
  const interrupted = new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  const over = seconds === undefined ? new Promise(() => {}) : delay(seconds * 1000, end.signal);
  const died = once(load, 'exit', { signal: end.signal }).then(([code]) => {
    throw new Error(`the load generator ended by itself with code ${code}`);
  });
  try {
    await Promise.race([interrupted, over, died]);
  } finally {
    died.catch(() => {});
    end.abort();
  }
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 */
function delay(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => clearTimeout(timer));
  });
}

/** Asks the load to stop; its own count of what went wrong. */
async function stopLoad(load) {
  const counted = once(load, 'message');
  const gone = once(load, 'exit');
  load.send('stop');
  const [result] = await counted;
  await gone;
  return result;
}

/** @param {import('node:http').Server} server */
async function close(server) {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), CLOSING_MS);
  await closed;
  clearTimeout(timer);
}

function summary({ monitor }, customers) {
  const report = monitor.report();
  const { catalogue } = report.caches;
  const { images } = report.pools;
  return {
    seconds: Math.round(report.uptime / 1000),
    requests: report.requests,
    // What customers saw go wrong, and what the service itself answered with 5xx: the same failures mostly.
    errors: Math.max(report.errors, customers.errors + customers.timeouts + customers.non2xx),
    latency: figures(report.latency),
    lag: figures(report.lag),
    utilization: report.utilization,
    blockedCount: report.blockedCount,
    blocked: report.blocked,
    gc: { minor: figures(report.gc.minor), major: figures(report.gc.major) },
    memory: report.memory,
    leak: report.leak,
    cache: { hitRate: catalogue.hitRate, entries: catalogue.entries, evictions: catalogue.evictions },
    pool: {
      borrowed: images.borrowed,
      peakBorrowed: images.peakBorrowed,
      idle: images.idle,
      acquired: images.acquired,
    },
    source: report.source,
  };
}

const figures = ({ count, mean, p50, p95, p99, max }) => ({ count, mean, p50, p95, p99, max });

function finalText({ seconds, requests, errors, latency, lag, blocked, blockedCount, leak, cache, pool }) {
  const longest = Math.max(0, ...blocked.map(({ duration }) => duration));
  return [
    '',
    `After ${seconds} s: ${requests} requests, ${errors} errors`,
    `  latency   p50 ${latency.p50.toFixed(1)} ms, p99 ${latency.p99.toFixed(1)} ms`,
    `  loop      p50 ${lag.p50.toFixed(2)} ms, p99 ${lag.p99.toFixed(1)} ms, max ${lag.max.toFixed(1)} ms`,
    `  blocked   ${blockedCount} times, longest ${longest.toFixed(1)} ms`,
    `  cache     ${(cache.hitRate * 100).toFixed(1)} % hits`,
    `  pool      ${pool.acquired} buffers lent, ${pool.peakBorrowed} at once, ${pool.borrowed} still lent`,
    leak.dimension === null ? `  leak      ${leak.state}` : `  ${leakLine(leak).slice(4)}`,
  ].join('\n');
}

main().catch((error) => {
  const usage = error instanceof UsageError;
  console.error(usage ? error.message : error);
  // Not process.exit: what is printed must reach a pipe. Nothing has been started when the usage is wrong.
  process.exitCode = usage ? 2 : 1;
});
