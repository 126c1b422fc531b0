'use strict';

// Names the line that blocks the event loop: node examples/blocked.js
const { EventLoopMonitor } = require('..');

const monitor = new EventLoopMonitor({ blockedThreshold: 100 }).start();
monitor.on('blocked', ({ duration, stack }) =>
  console.log(`blocked for ${Math.round(duration)} ms\n${stack}`),
);

setTimeout(function careless() {
  const end = Date.now() + 300;
  while (Date.now() < end) {}
}, 50);
setTimeout(() => {}, 500);
