'use strict';

/** A shop that runs out of memory after some days. README.md shows how to find out why. */

const express = require('express');
const { recommendationsFor } = require('./recommendations.js');

let visits = 0;
const app = express();

app.get('/products/:id', (req, res) => {
  res.json({ id: req.params.id, title: `product ${req.params.id}`, price: 9.5 });
});

app.get('/users/:id', (req, res) => {
  visits++;
  res.json({ id: req.params.id, recommended: recommendationsFor(req.params.id, visits) });
});

module.exports = { app };
