'use strict';

function openOurs() {
  return require('../../lib/express.js').responseCache({ ttl: 3_600_000, maxBytes: 2 ** 30 });
}

/**
 * The middleware of each cache, told to keep what it gets for an hour. They are loaded here, since each process has one.
 *
 * @type {{ name: string, npm?: string, ours?: boolean, inFront?: boolean, open: () => any }[]} `inFront` stands in front
 *   of the app
 */
module.exports = [
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
  { name: 'heapwise, as a middleware', open: openOurs },
  { name: 'heapwise, in front of the app', ours: true, inFront: true, open: openOurs },
];
