'use strict';

const { ROUTE } = require('./http-metrics.js');
const { PAGE } = require('./status-page.js');

const TEXT = 'text/plain; charset=utf-8';
const JSON_TYPE = 'application/json; charset=utf-8';

/** @typedef {(query: string) => Promise<[string, string]> | [string, string]} Route answers with media type and body */

/**
 * A request handler for Express, Connect or plain `http` that answers our three paths and passes on the rest.
 *
 * @param {object} parts
 * @param {{ metrics: string, health: string, page: string }} parts.paths
 * @param {() => Promise<{ type: string, text: string }>} parts.metrics
 * @param {() => object} parts.report
 * @param {() => { status: string }} parts.health
 * @returns {import('../..').MonitorHandler}
 */
function createHandler({ paths, metrics, report, health }) {
  const routes = new Map(
    /** @type {[string, Route][]} */ ([
      [
        paths.metrics,
        async () => metrics().then(({ type, text }) => /** @type {[string, string]} */ ([type, text])),
      ],
      [paths.health, () => [JSON_TYPE, JSON.stringify(health())]],
      [
        paths.page,
        (query) =>
          query === 'json' ? [JSON_TYPE, JSON.stringify(report())] : ['text/html; charset=utf-8', PAGE],
      ],
    ]),
  );

  return function heapwiseHandler(req, res, next) {
    const url = String(req.url);
    const mark = url.indexOf('?');
    const path = mark === -1 ? url : url.slice(0, mark);
    const route = routes.get(path);
    if (route === undefined) {
      if (next === undefined) {
        send(req, res, 404, TEXT, 'Not found\n');
      } else {
        next();
      }
      return;
    }
    // So that our own requests are told from those that no route matched.
    /** @type {any} */ (res)[ROUTE] = path;
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.setHeader('Allow', 'GET, HEAD');
      send(req, res, 405, TEXT, 'Method not allowed\n');
      return;
    }
    answer(req, res, route, mark === -1 ? '' : url.slice(mark + 1));
  };
}

/**
 * @param {import('node:http').IncomingMessage} req
 * @param {import('node:http').ServerResponse} res
 * @param {Route} route
 * @param {string} query
 */
async function answer(req, res, route, query) {
  try {
    const [type, body] = await route(query);
    send(req, res, 200, type, body);
  } catch (raised) {
    const { code, message } = /** @type {any} */ (raised);
    // Our own errors say what to do; anything else may hold what a stranger should not read.
    const known = typeof code === 'string' && code.startsWith('ERR_HEAPWISE_');
    const status = code === 'ERR_HEAPWISE_MONITOR_CLOSED' ? 503 : 500;
    send(req, res, status, TEXT, known ? `${message} (${code})\n` : 'The metrics could not be rendered\n');
  }
}

/**
 * @param {import('node:http').IncomingMessage} req
 * @param {import('node:http').ServerResponse} res
 * @param {number} status
 * @param {string} type
 * @param {string} body
 */
function send(req, res, status, type, body) {
  // The client may have gone while the metrics were rendered, or an outer handler may have timed out.
  if (res.headersSent || res.destroyed) {
    return;
  }
  res.statusCode = status;
  res.setHeader('Content-Type', type);
  res.setHeader('Content-Length', Buffer.byteLength(body));
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('X-Content-Type-Options', 'nosniff');
  res.end(req.method === 'HEAD' ? undefined : body);
}

module.exports = { createHandler };
