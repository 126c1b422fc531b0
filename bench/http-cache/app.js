'use strict';

const http = require('node:http');
const express = require('express');
const { CONTENDERS } = require('./contenders.js');

/** About 10 KB of JSON. */
const PRODUCTS = Array.from({ length: 100 }, (_, id) => ({
  id,
  name: `product number ${id}`,
  price: id * 100 + 99,
  tags: ['in stock', 'new'],
  rating: id / 20,
}));

/**
 * The server of an app with the cache of this name and one route, which answers with 10 KB of JSON whatever is behind
 * its slash.
 *
 * @param {string} name
 * @param {() => void | Promise<void>} [onRun] called in the handler
 */
function open(name, onRun = () => {}) {
  const app = express();
  const contender = CONTENDERS.find((each) => each.name === name);
  const cache = contender.open(Buffer.from(JSON.stringify(PRODUCTS)));
  if (!contender.inFront) {
    app.use(cache);
  }
  app.get('/products/:id', async (_req, res) => {
    await onRun();
    res.json(PRODUCTS);
  });
  return http.createServer(contender.inFront ? cache.inFrontOf(app) : app);
}

module.exports = { open };
