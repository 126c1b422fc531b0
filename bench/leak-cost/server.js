'use strict';

/**
 * An Express service under one of the instruments: `node server.js NAME`, as lib/apps.js starts it. It has a heap of some
 * size, and each request leaves garbage, so that V8 has something to collect.
 */

const express = require('express');
const { INSTRUMENTS } = require('./instruments.js');

/** Products that are kept: some 60 MB. */
const KEPT = 150_000;
/** Milliseconds between two readings by instruments that do not choose that themselves. */
const READ_EVERY = 5000;

const catalogue = new Map();
for (let id = 0; id < KEPT; id++) {
  catalogue.set(id, { id, title: `product ${id}`, tags: [id % 7, id % 11], price: id * 1.5 });
}

const app = express();
let asked = 0;
app.get('/orders', (_req, res) => {
  const lines = [];
  for (let i = 0; i < 40; i++) {
    lines.push({ ...catalogue.get((asked * 40 + i) % KEPT), quantity: i });
  }
  asked++;
  res.json({ lines, total: lines.reduce((sum, { price, quantity }) => sum + price * quantity, 0) });
});

const instrument = INSTRUMENTS[process.argv[2]]();
if (instrument.read !== undefined) {
  setInterval(instrument.read, READ_EVERY).unref();
}

const server = app.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({
    cpuMicros: user + system,
    rss: process.memoryUsage.rss(),
    ...(instrument.pauses?.() ?? { readings: 0, longestPause: 0, pauses: 0 }),
  });
});
process.on('disconnect', () => process.exit());
