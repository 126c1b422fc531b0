'use strict';

const { ServerResponse } = require('node:http');
const { isNotModified, partOf } = require('../../http-cache/conditional.js');

/** The one of Node, which takes prepared headers without looking at each. */
const { writeHead } = ServerResponse.prototype;
const NOT_MODIFIED = 304;
const PARTIAL = 206;
const UNSATISFIABLE = 416;

/**
 * Answers a request with what is stored: all of it, a part, or that it has not changed.
 *
 * @param {any} res with nothing sent yet
 * @param {string} method GET or HEAD
 * @param {Record<string, string | undefined>} asked fields of the request
 * @param {import('../../http-cache/stored-response.js').StoredResponse} stored
 * @param {number} age milliseconds
 */
function serve(res, method, asked, stored, age) {
  for (const name of stored.absent) {
    res.removeHeader(name);
  }
  const ifNoneMatch = asked['if-none-match'];
  const ifModifiedSince = asked['if-modified-since'];
  const { range } = asked;
  if (
    (ifNoneMatch !== undefined || ifModifiedSince !== undefined) &&
    stored.status === 200 &&
    isNotModified(ifNoneMatch, ifModifiedSince, stored.terms)
  ) {
    head(res, NOT_MODIFIED, undefined, stored.notModifiedAt(age), stored.hasRepeats);
    res.end();
    return;
  }
  const fields = stored.fieldsAt(age);
  if (range !== undefined && method === 'GET' && stored.status === 200) {
    const part = partOf(range, asked['if-range'], stored.body.length, stored.terms);
    if (part !== 'whole') {
      servePart(res, fields, stored, part);
      return;
    }
  }
  head(res, stored.status, stored.message, fields, stored.hasRepeats);
  if (method === 'HEAD') {
    res.end();
  } else {
    res.end(stored.body);
  }
}

/**
 * @param {any} res
 * @param {string[]} fields
 * @param {import('../../http-cache/stored-response.js').StoredResponse} stored
 * @param {{ first: number, last: number } | 'none'} part
 */
function servePart(res, fields, { body, hasRepeats }, part) {
  const bytes = part === 'none' ? Buffer.alloc(0) : body.subarray(part.first, part.last + 1);
  const span = part === 'none' ? '*' : `${part.first}-${part.last}`;
  const sent = fields.filter((_, i) => !/^content-(length|range)$/i.test(fields[i - (i % 2)]));
  sent.push('Content-Range', `bytes ${span}/${body.length}`, 'Content-Length', String(bytes.length));
  head(res, part === 'none' ? UNSATISFIABLE : PARTIAL, undefined, sent, hasRepeats);
  res.end(bytes);
}

/**
 * @param {any} res
 * @param {number} status
 * @param {string | undefined} message
 * @param {string[]} fields
 * @param {boolean} hasRepeats
 */
function head(res, status, message, fields, hasRepeats) {
  // Where somebody in front has set fields, or changes them at the last moment (as `compression` does), or speaks
  // HTTP/2, they are set one by one.
  if (res.writeHead === writeHead && res.getHeaderNames().length === 0) {
    if (message === undefined) {
      res.writeHead(status, fields);
    } else {
      res.writeHead(status, message, fields);
    }
    return;
  }
  setFields(res, fields, hasRepeats);
  res.statusCode = status;
  if (message !== undefined) {
    res.statusMessage = message;
  }
  res.writeHead(status);
}

/**
 * @param {any} res
 * @param {string[]} fields
 * @param {boolean} hasRepeats whether some name has several lines
 */
function setFields(res, fields, hasRepeats) {
  if (hasRepeats) {
    for (let i = 0; i < fields.length; i += 2) {
      res.removeHeader(fields[i]);
    }
  }
  for (let i = 0; i < fields.length; i += 2) {
    if (hasRepeats) {
      res.appendHeader(fields[i], fields[i + 1]);
    } else {
      res.setHeader(fields[i], fields[i + 1]);
    }
  }
}

module.exports = { serve };
