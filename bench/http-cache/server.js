'use strict';

/**
 * One of the apps: `node server.js NAME`. Tells its port when it listens, and at each message the CPU time it used so
 * far, in microseconds. Ends with its parent.
 */

const { open } = require('./app.js');

const server = open(process.argv[2]).listen(0, '127.0.0.1', () => {
  process.send({ port: server.address().port });
});

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({ cpuMicros: user + system });
});
process.on('disconnect', () => process.exit());
