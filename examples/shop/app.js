'use strict';

const express = require('express');
// debug 4.1.1 keeps every instance it ever made in an array: github.com/debug-js/debug/issues/678.
const leakyDebug = require('debug-leaky');
const { Cache, ObjectPool, createMonitor } = require('../..');
const { PRODUCTS } = require('./products.js');

const IMAGE_BYTES = 64 * 1024;
/** The recommendations are computed anew this often, and for this long. */
const RECOMPUTE_EVERY_MS = 5000;
const RECOMPUTE_MS = 150;

/**
 * A shop with one fault of each kind that heapwise is for.
 *
 * @param {{ leak: boolean }} options whether the order route leaks
 */
function createShop({ leak }) {
  const catalogue = new Cache({ max: 2000, ttl: 30_000 });
  const images = new ObjectPool(() => Buffer.allocUnsafeSlow(IMAGE_BYTES), { max: 512, min: 16 });
  const monitor = createMonitor({
    caches: { catalogue },
    pools: { images },
    // A demonstration cannot wait as long as a service can: a minute must be enough for a verdict.
    leak: { warmup: 8000, window: 10_000, gcInterval: 2000, maxGcShare: 0.05 },
  });

  const app = express();
  app.disable('x-powered-by');
  app.use(monitor.middleware());

  app.get('/products/:id', async (req, res) => {
    res.json(await catalogue.getOrLoad(req.params.id, loadProduct));
  });

  app.get('/images/:id', (req, res) => {
    const image = images.acquire();
    // `close` comes exactly once, also when the client goes away.
    res.on('close', () => images.release(image));
    image.fill(Number(req.params.id) & 255);
    res.type('image/x-portable-graymap').send(image);
  });

  let computedAt = performance.now();
  let recommended = [1, 2, 3];
  app.get('/recommendations', (_req, res) => {
    if (performance.now() - computedAt >= RECOMPUTE_EVERY_MS) {
      recommended = computeRecommendations();
      computedAt = performance.now();
    }
    res.json(recommended);
  });

  let orders = 0;
  const orderLog = leakyDebug('order');
  app.get('/orders', (_req, res) => {
    const number = ++orders;
    // The leak: a logger for each order. The cure: one logger for all.
    const log = leak ? leakyDebug(`req:${number}`) : orderLog;
    log('order %d', number);
    res.json({ number });
  });

  // Behind the routes, where it costs them nothing.
  app.use(monitor.handler());
  return { app, monitor, catalogue, images };
}

/** Stands for a query of a database. */
async function loadProduct(id) {
  await new Promise(setImmediate);
  const tags = Array.from({ length: 12 }, (_, i) => `tag-${(Number(id) * 7 + i * 13) % 97}`);
  return {
    id,
    name: `Product ${id}`,
    price: (Number(id) % 500) + 0.99,
    tags,
    text: 'Lorem ipsum '.repeat(20),
  };
}

/** A computation that nobody should do on the event loop. */
function computeRecommendations() {
  const end = performance.now() + RECOMPUTE_MS;
  let score = 0;
  while (performance.now() < end) {
    for (let i = 1; i < 1000; i++) {
      score += Math.sqrt(i) / (1 + (score % 7));
    }
  }
  return [1, 2, 3].map((rank) => (Math.floor(score) * rank) % PRODUCTS);
}

module.exports = { createShop };
