'use strict';

const { IncomingMessage, ServerResponse } = require('node:http');
const { Duplex } = require('node:stream');

/** Property of a request that nobody has sent. */
const SHADOW = Symbol('heapwise.shadow');
/** Fields that say what the client has, or how it is connected. */
const OF_THE_CLIENT = new Set([
  'cache-control',
  'connection',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'keep-alive',
  'pragma',
  'range',
]);

/** Takes what is written and says nothing. What a handler may ask of a connection, it does not mind. */
class Sink extends Duplex {
  setTimeout() {
    return this;
  }

  setKeepAlive() {
    return this;
  }

  setNoDelay() {
    return this;
  }

  _read() {}

  /**
   * @param {unknown} _chunk
   * @param {unknown} _encoding
   * @param {() => void} callback
   */
  _write(_chunk, _encoding, callback) {
    callback();
  }
}

/**
 * A function that lets the server answer a request once more, to nobody: what the handler says goes to a cache only.
 * Whatever stands in front of the cache sees that request as well. The function takes what the cache is to find at
 * `req[SHADOW]`, and calls back once, when the request was answered or given up.
 *
 * @param {any} req
 * @returns {((shadow: object, onOver: () => void) => void) | undefined} undefined if there is no server to ask
 */
function askAgain(req) {
  const server = req.socket?.server;
  if (typeof server?.emit !== 'function' || req.httpVersionMajor !== 1) {
    return undefined;
  }
  const { remoteAddress, remoteFamily, remotePort, localAddress, localPort, encrypted } = req.socket;
  // Now, because a connection that is closed has no addresses any more.
  const addresses = { remoteAddress, remoteFamily, remotePort, localAddress, localPort, encrypted };
  return (shadow, onOver) => ask(req, server, addresses, shadow, onOver);
}

/**
 * @param {any} req
 * @param {any} server
 * @param {Record<string, unknown>} addresses of the connection
 * @param {object} shadow
 * @param {() => void} onOver
 */
function ask(req, server, addresses, shadow, onOver) {
  /** @type {any} */
  const socket = Object.assign(new Sink(), { server });
  for (const [name, value] of Object.entries(addresses)) {
    Object.defineProperty(socket, name, { value, configurable: true });
  }
  const again = new IncomingMessage(socket);
  again.method = 'GET';
  again.url = req.originalUrl ?? req.url;
  again.httpVersion = req.httpVersion;
  again.httpVersionMajor = 1;
  again.httpVersionMinor = req.httpVersionMinor;
  for (let i = 0; i < req.rawHeaders.length; i += 2) {
    const name = req.rawHeaders[i];
    if (!OF_THE_CLIENT.has(name.toLowerCase())) {
      again.rawHeaders.push(name, req.rawHeaders[i + 1]);
    }
  }
  again.headers = Object.fromEntries(
    Object.entries(req.headers).filter(([name]) => !OF_THE_CLIENT.has(name)),
  );
  again.complete = true;
  again.push(null);
  /** @type {any} */ (again)[SHADOW] = shadow;
  const res = new ServerResponse(again);
  res.assignSocket(socket);
  // The end of the socket is that of the response, as with any other.
  res.once('finish', () => socket.destroy());
  res.once('close', onOver);
  server.emit('request', again, res);
}

module.exports = { SHADOW, askAgain };
