'use strict';

const { parseDate } = require('./dates.js');
const { splitList } = require('./directives.js');

/**
 * What a stored response is compared by.
 *
 * @typedef {object} Validators
 * @property {string | undefined} etag its ETag
 * @property {string | undefined} lastModified its Last-Modified
 * @property {number} date of the response, milliseconds
 */

/**
 * Whether whoever asks has what is stored already, so that a 304 will do (RFC 9111, section 4.3.2).
 *
 * @param {string | undefined} ifNoneMatch
 * @param {string | undefined} ifModifiedSince
 * @param {Validators} stored
 */
function isNotModified(ifNoneMatch, ifModifiedSince, { etag, lastModified, date }) {
  if (ifNoneMatch !== undefined) {
    return matches(ifNoneMatch, etag);
  }
  if (ifModifiedSince === undefined) {
    return false;
  }
  const since = parseDate(ifModifiedSince, date);
  const modified = lastModified === undefined ? date : parseDate(lastModified, date);
  return modified <= since;
}

/**
 * The weak comparison of RFC 9110, section 8.8.3.2.
 *
 * @param {string} ifNoneMatch
 * @param {string | undefined} etag
 */
function matches(ifNoneMatch, etag) {
  if (ifNoneMatch === '*' || ifNoneMatch === etag) {
    return true;
  }
  return etag !== undefined && splitList(ifNoneMatch).some((each) => opaque(each) === opaque(etag));
}

/** @param {string} etag */
function opaque(etag) {
  return etag.startsWith('W/') ? etag.slice(2) : etag;
}

/**
 * The part of a body that a Range asks for: `whole` if it is to be ignored, `none` if there is no such part. One range
 * is enough: whoever asks for several may as well get everything (RFC 9110, section 14.2).
 *
 * @param {string} range
 * @param {string | undefined} ifRange
 * @param {number} length of the body
 * @param {Validators} stored
 * @returns {{ first: number, last: number } | 'whole' | 'none'}
 */
function partOf(range, ifRange, length, stored) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range.replaceAll(/\s/g, ''));
  if (match === null || (match[1] === '' && match[2] === '') || !isSame(ifRange, stored)) {
    return 'whole';
  }
  if (match[1] === '') {
    const suffix = Number(match[2]);
    return suffix === 0 || length === 0 ? 'none' : { first: Math.max(0, length - suffix), last: length - 1 };
  }
  const first = Number(match[1]);
  const last = match[2] === '' ? length - 1 : Math.min(Number(match[2]), length - 1);
  if (match[2] !== '' && Number(match[2]) < first) {
    return 'whole';
  }
  return first >= length ? 'none' : { first, last };
}

/**
 * If-Range compares strongly (RFC 9110, section 13.1.5).
 *
 * @param {string | undefined} ifRange
 * @param {Validators} stored
 */
function isSame(ifRange, { etag, lastModified }) {
  return ifRange === undefined || (ifRange.startsWith('"') && ifRange === etag) || ifRange === lastModified;
}

module.exports = { isNotModified, partOf };
