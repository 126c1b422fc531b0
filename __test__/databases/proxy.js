'use strict';

const net = require('node:net');
const { once } = require('node:events');

const HOST = '127.0.0.1';

/**
 * A way to a server that can go dead as a firewall makes it: what is sent arrives nowhere, and nobody is told.
 *
 * @param {number} port of the server, on this machine
 */
async function proxyTo(port) {
  /** @type {Set<net.Socket[]>} */
  const pairs = new Set();
  const proxy = net.createServer((client) => {
    const server = net.connect(port, HOST);
    const pair = [client, server];
    pairs.add(pair);
    client.pipe(server).pipe(client);
    for (const socket of pair) {
      socket.on('error', () => {});
      socket.on('close', () => {
        pairs.delete(pair);
        pair.forEach((each) => each.destroy());
      });
    }
  });
  proxy.listen(0, HOST);
  await once(proxy, 'listening');
  return {
    port: proxy.address().port,
    /** The connections that there are now go dead. */
    mute() {
      for (const [client, server] of pairs) {
        client.unpipe(server).pause();
        server.unpipe(client).pause();
      }
    },
    async close() {
      proxy.close();
      for (const pair of pairs) {
        pair.forEach((socket) => socket.destroy());
      }
      await once(proxy, 'close');
    },
  };
}

module.exports = { proxyTo };
