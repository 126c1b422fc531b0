'use strict';

/** An app behind a cache of its responses, and a client that tells how each of its requests was answered. */

const { once } = require('node:events');
const http = require('node:http');
const { setTimeout: wait } = require('node:timers/promises');
const express = require('express');
const { responseCache } = require('heapwise/express');

/** What the database takes, so to speak. Milliseconds. */
const WORK = 100;

const cache = responseCache({ maxBytes: 50e6, statusHeader: 'x-cache' });
const prices = [];
const app = express();

app.get('/prices', async (_req, res) => {
  await wait(WORK);
  res.set({ 'Cache-Control': 'public, max-age=60, stale-while-revalidate=600', 'Cache-Groups': '"prices"' });
  res.json(prices);
});
app.post('/prices/:price', (req, res) => {
  prices.push(Number(req.params.price));
  cache.invalidate({ group: 'prices' });
  res.sendStatus(204);
});

async function main() {
  const server = http.createServer(cache.inFrontOf(app)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const ask = async (what, path, options) => {
    const start = performance.now();
    const answer = await fetch(`http://127.0.0.1:${server.address().port}${path}`, options);
    const body = await answer.text();
    const took = (performance.now() - start).toFixed(1).padStart(6);
    console.log(`${what.padEnd(24)} ${answer.headers.get('x-cache') ?? '-'} ${took} ms  ${body}`);
  };

  await ask('the first one', '/prices');
  await ask('the second one', '/prices');
  await ask('with a session', '/prices', { headers: { cookie: 'session=1' } });
  await ask('a change', '/prices/100', { method: 'POST' });
  await Promise.all([1, 2, 3].map((i) => ask(`three at once, number ${i}`, '/prices')));
  console.log(cache.stats());
  server.close();
  server.closeAllConnections();
  cache.close();
}

main();
