'use strict';

/**
 * The customers, in a process of their own: a fixed rate of requests, so that a service that stalls does not slow
 * down those who measure it (autocannon corrects for coordinated omission at a fixed rate).
 *
 * Started by index.js with the port and the rate; stops when told to, or when its parent is gone.
 */

const autocannon = require('autocannon');
const { PRODUCTS } = require('./products.js');

const CONNECTIONS = 20;

const [port, rate] = process.argv.slice(2).map(Number);

/** Popular products are asked for more often: a power of a uniform number leans towards 0. */
function nextPath() {
  const dice = Math.random();
  if (dice < 0.6) {
    return `/products/${Math.floor(Math.random() ** 4 * PRODUCTS)}`;
  }
  if (dice < 0.75) {
    return `/images/${Math.floor(Math.random() * 256)}`;
  }
  return dice < 0.77 ? '/recommendations' : '/orders';
}

const running = autocannon({
  url: `http://127.0.0.1:${port}`,
  connections: CONNECTIONS,
  overallRate: rate,
  // Until told to stop.
  duration: 1_000_000,
  timeout: 10,
  requests: [{ setupRequest: (request) => ({ ...request, path: nextPath() }) }],
});
running.on('done', (result) => {
  const { errors, timeouts, non2xx } = result;
  process.send?.({ requests: result.requests.total, errors, timeouts, non2xx }, () => process.disconnect());
});
running.on('error', (error) => {
  console.error(`load: ${error.message}`);
  process.exit(1);
});

// Ctrl-C reaches the whole group of processes; the parent decides when the load ends.
process.on('SIGINT', () => {});
process.on('message', () => running.stop());
process.on('disconnect', () => process.exit());
