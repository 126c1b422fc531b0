'use strict';

const { valueOf } = require('../../http-cache/fields.js');
const { stringList } = require('../../http-cache/string-list.js');
const { fieldsOf } = require('./outgoing.js');
const { PASSING, Tap } = require('./tap.js');

const nothing = () => {};

/**
 * Tells what a request that may have changed something leaves out of date, once its response says that it has succeeded
 * (RFC 9111, section 4.4; RFC 9875, section 3).
 *
 * @param {any} req
 * @param {any} res
 * @param {(names: { urls: string[], groups: string[] }) => void} tell
 */
function watchUnsafe(req, res, tell) {
  Tap.into(res, {
    onHead(status, _message, given) {
      if (status >= 200 && status < 400) {
        const { all } = fieldsOf(res, given, undefined);
        const url = req.originalUrl ?? req.url;
        const others = ['location', 'content-location'].map((name) =>
          sameOrigin(req, url, valueOf(all, name)),
        );
        tell({
          urls: [url, ...others.filter((other) => other !== undefined)],
          groups: stringList(valueOf(all, 'cache-group-invalidation')),
        });
      }
      return PASSING;
    },
    onBytes: () => false,
    onCopied: nothing,
    onSwallowed: nothing,
    onPassed: nothing,
  });
}

/**
 * Path and query of a reference; nothing if it leads to another host, which has no say here.
 *
 * @param {any} req
 * @param {string} url
 * @param {string | undefined} reference
 * @returns {string | undefined}
 */
function sameOrigin(req, url, reference) {
  if (reference === undefined) {
    return undefined;
  }
  const host = req.headers.host ?? req.headers[':authority'] ?? 'localhost';
  try {
    const base = new URL(url, `http://${host}`);
    const { host: other, pathname, search } = new URL(reference, base);
    return other === base.host ? pathname + search : undefined;
  } catch {
    return undefined;
  }
}

module.exports = { watchUnsafe };
