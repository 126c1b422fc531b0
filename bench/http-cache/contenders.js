'use strict';

function openOurs() {
  return require('../../lib/express.js').responseCache({ ttl: 3_600_000, maxBytes: 2 ** 30 });
}

/** What no middleware can be cheaper than: it looks at nothing but whether the client has the answer already. */
function openLeast(body) {
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.length,
    ETag: '"always"',
  };
  return (req, res) => {
    if (req.headers['if-none-match'] === headers.ETag) {
      res.writeHead(304, { ETag: headers.ETag }).end();
    } else {
      res.writeHead(200, headers).end(body);
    }
  };
}

/** The name of that. */
const LEAST = 'a middleware that always sends the same bytes';

/**
 * The middleware of each cache, told to keep what it gets for an hour. They are loaded here, since each process has one.
 *
 * @type {{ name: string, npm?: string, ours?: boolean, inFront?: boolean, open: (body: Buffer) => any }[]} `inFront` stands
 *   in front of the app; `body` is what the route answers
 */
const CONTENDERS = [
  { name: 'no cache', npm: 'express', open: () => (_req, _res, next) => next() },
  { name: 'apicache', npm: 'apicache', open: () => require('apicache').middleware('1 hour') },
  { name: 'apicache-plus', npm: 'apicache-plus', open: () => require('apicache-plus').middleware('1 hour') },
  { name: 'route-cache', npm: 'route-cache', open: () => require('route-cache').cacheSeconds(3600) },
  {
    name: 'express-expeditious',
    npm: 'express-expeditious',
    open: () => {
      const engine = require('expeditious-engine-memory')();
      return require('express-expeditious')({ namespace: 'bench', defaultTtl: '1 hour', engine });
    },
  },
  { name: LEAST, open: openLeast },
  { name: 'heapwise, as a middleware', open: openOurs },
  { name: 'heapwise, in front of the app', ours: true, inFront: true, open: openOurs },
];

module.exports = { CONTENDERS, LEAST };
