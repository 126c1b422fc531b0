'use strict';

const { once } = require('node:events');
const http = require('node:http');
const { after } = require('node:test');
const express = require('express');
const express4 = require('express4');
const { responseCache } = require('../lib/express.js');
const { manualClock } = require('./helper.js');

/** What the middleware is mounted on. */
const HOSTS = {
  'Express 5': (middlewares, handler) => mount(express(), middlewares, handler),
  'Express 4': (middlewares, handler) => mount(express4(), middlewares, handler),
  'plain http': (middlewares, handler) => (req, res) => {
    const chain = [...middlewares, handler];
    const step = (at) => (error) =>
      error === undefined ? chain[at](req, res, step(at + 1)) : res.writeHead(500).end(String(error.code));
    step(0)();
  },
  'http in front of Express 5': (middlewares, handler, cache) =>
    cache.inFrontOf(
      mount(
        express(),
        middlewares.filter((each) => each !== cache),
        handler,
      ),
    ),
};

function mount(app, middlewares, handler) {
  for (const middleware of middlewares) {
    app.use(middleware);
  }
  app.use(handler);
  app.use((error, _req, res, _next) => {
    res.status(500).end(String(error.code ?? error.message));
  });
  return app;
}

/**
 * A server with a cache in front of a handler, which is counted.
 *
 * @param {(req: any, res: any) => void} handler
 * @param {{ cache?: object, host?: keyof typeof HOSTS, before?: any[], behind?: any[] }} [given] options of the cache;
 *   middlewares before it and behind it
 */
async function serve(handler, { cache: options = {}, host = 'Express 5', before = [], behind = [] } = {}) {
  const clock = manualClock(Date.UTC(2026, 0, 1));
  const cache = responseCache({ now: clock.now, statusHeader: 'x-cache', ...options });
  const seen = [];
  const counted = (req, res, next) => {
    seen.push({ method: req.method, url: req.originalUrl ?? req.url, headers: { ...req.headers } });
    return handler(req, res, next);
  };
  const server = http.createServer(HOSTS[host]([...before, cache, ...behind], counted, cache));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  after(() => {
    cache.close();
    server.close();
    server.closeAllConnections();
  });
  return { cache, clock, port, seen, server, ask: (path, given) => ask(port, path, given) };
}

/**
 * One request, which sends what it is given and nothing else.
 *
 * @param {number} port
 * @param {string} path
 * @param {{ method?: string, headers?: object, body?: string | Buffer }} [given]
 */
async function ask(port, path, { method = 'GET', headers = {}, body } = {}) {
  const req = http.request({ port, host: '127.0.0.1', path, method, headers, agent: false });
  req.end(body);
  const [res] = await once(req, 'response');
  const chunks = [];
  for await (const chunk of res) {
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  return {
    status: res.statusCode,
    headers: res.headers,
    bytes,
    body: bytes.toString(),
    x: res.headers['x-cache'],
  };
}

/** A handler that answers with how often it was asked. */
function counter(headers = { 'Cache-Control': 'max-age=60' }, status = 200) {
  let count = 0;
  return (_req, res) => {
    res.writeHead(status, headers);
    res.end(`answer ${++count}`);
  };
}

module.exports = { HOSTS, ask, counter, serve };
