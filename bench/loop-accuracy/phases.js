'use strict';

const dns = require('node:dns');
const fs = require('node:fs');
const net = require('node:net');

/** A socket whose peer writes a byte when asked to. */
async function echo() {
  const server = net
    .createServer((peer) => peer.on('data', (byte) => peer.write(byte)))
    .listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const socket = net.connect(server.address().port, '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

function spin(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    // Holds the thread.
  }
}

function wait(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Collections, one after the other; the last one ends late, which the truth shows. */
function collect(ms) {
  const end = performance.now() + ms;
  do {
    global.gc();
  } while (performance.now() < end);
}

/**
 * Where in the loop code can block it: `call` has the loop call back in that phase.
 *
 * @type {Record<string, { call: (callback: () => void, socket: net.Socket) => unknown, hold?: (ms: number) => void }>}
 */
const PHASES = {
  timer: { call: (callback) => setTimeout(callback, 5) },
  immediate: { call: (callback) => setImmediate(callback) },
  socket: {
    call(callback, socket) {
      socket.once('data', callback);
      socket.write('x');
    },
  },
  fs: { call: (callback) => fs.stat(__filename, callback) },
  microtask: {
    async call(callback) {
      await fs.promises.stat(__filename);
      callback();
    },
  },
  nextTick: { call: (callback) => fs.stat(__filename, () => process.nextTick(callback)) },
  close: {
    call(callback) {
      // Closed in a later turn than it is opened in, which takes its own time.
      const server = net
        .createServer()
        .listen(0, '127.0.0.1', () => setTimeout(() => server.close(callback), 20));
    },
  },
  dns: { call: (callback) => dns.lookup('localhost', callback) },
  native: { call: (callback) => fs.stat(__filename, callback), hold: wait },
  gc: { call: (callback) => fs.stat(__filename, callback), hold: collect },
};

module.exports = { PHASES, echo, spin };
