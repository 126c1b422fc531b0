'use strict';

/**
 * One of the apps: `node server.js NAME`, started by load.js. Tells its port when it listens, and at each message
 * the CPU time it used so far, in microseconds. Ends with its parent.
 */

const express = require('express');

/** What each app has in front of its route; what it returns, if anything, is called once the route is there. */
const INSTRUMENTS = {
  'bare Express': () => {},
  'heapwise monitor': (app) => {
    const { createMonitor } = require('../..');
    const monitor = createMonitor().start();
    app.use(monitor.middleware());
    return () => app.use(monitor.handler());
  },
  // With what heapwise has too: labels for method and route, and metrics of the process.
  'express-prom-bundle': (app) => {
    const bundle = require('express-prom-bundle');
    app.use(bundle({ includeMethod: true, includePath: true, promClient: { collectDefaultMetrics: {} } }));
  },
};

const app = express();
app.disable('x-powered-by');
const behind = INSTRUMENTS[process.argv[2]](app);
app.get('/greeting', (_req, res) => {
  res.json({ hello: 'world', list: [1, 2, 3] });
});
behind?.();
const server = app.listen(0, '127.0.0.1', () => {
  process.send({ port: server.address().port });
});

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({ cpuMicros: user + system });
});
process.on('disconnect', () => process.exit());
