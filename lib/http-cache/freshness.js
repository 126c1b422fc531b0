'use strict';

const { parseDate } = require('./dates.js');
const { splitList } = require('./directives.js');
const { valueOf } = require('./fields.js');

/** Statuses whose responses may be stored without a word about it (RFC 9110, section 15.1). */
const HEURISTIC_STATUSES = new Set([200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501]);
/** However old a document is, it is not taken for fresh longer than this without a word. */
const LONGEST_GUESS = 24 * 3600 * 1000;

/**
 * How long a response is fresh, from the moment at which it was made (RFC 9111, section 4.2.1). Milliseconds; undefined
 * if it does not say, and nothing may be assumed.
 *
 * @param {{ status: number, fields: import('./fields.js').Fields, directives: import('./directives.js').ResponseDirectives,
 *   date: number, isTargeted: boolean }} response
 * @param {{ ttl: number, heuristic: number, now: number }} assumed what holds where it does not say
 * @returns {number | undefined}
 */
function lifetimeOf({ status, fields, directives, date, isTargeted }, { ttl, heuristic, now }) {
  const maxAge = directives.sMaxAge ?? directives.maxAge;
  if (maxAge !== undefined) {
    return maxAge * 1000;
  }
  const expires = isTargeted ? undefined : valueOf(fields, 'expires');
  if (expires !== undefined) {
    // What is no date, 0 above all, is in the past; so are two dates.
    const time = parseDate(expires, now);
    return Number.isNaN(time) ? 0 : Math.max(0, time - date);
  }
  if (directives.noCache || !(HEURISTIC_STATUSES.has(status) || directives.isPublic)) {
    return undefined;
  }
  return guess(valueOf(fields, 'last-modified'), date, heuristic, now) ?? (ttl > 0 ? ttl : undefined);
}

/**
 * A document that has not changed for long will not change soon (RFC 9111, section 4.2.2).
 *
 * @param {string | undefined} lastModified
 * @param {number} date
 * @param {number} heuristic share of its age
 * @param {number} now
 */
function guess(lastModified, date, heuristic, now) {
  if (heuristic === 0 || lastModified === undefined) {
    return undefined;
  }
  const age = date - parseDate(lastModified, now);
  return age >= 0 ? Math.min(age * heuristic, LONGEST_GUESS) : undefined;
}

/**
 * How old a response was when it came (RFC 9111, section 4.2.3). Milliseconds.
 *
 * @param {{ age: string | undefined, date: number, requested: number, received: number }} response `age` is its field
 * @returns {number}
 */
function initialAge({ age, date, requested, received }) {
  const apparent = Math.max(0, received - date);
  const corrected = ageSeconds(age) * 1000 + (received - requested);
  return Math.max(apparent, corrected);
}

/**
 * Of several the first; what is no number is ignored (RFC 9111, section 5.1).
 *
 * @param {string | undefined} age
 */
function ageSeconds(age) {
  const [first] = splitList(age ?? '');
  return /^\d+$/.test(first) ? Math.min(Number(first), 2 ** 31) : 0;
}

/**
 * How long a response may be served once it is stale, while it is validated and if that fails. What it says itself
 * counts beside `s-maxage`, which otherwise forbids it, as CDNs have it (RFC 5861; RFC 9111, section 5.2.2.10).
 *
 * @param {import('./directives.js').ResponseDirectives} directives
 * @param {{ staleWhileRevalidate: number, staleIfError: number }} assumed where it says nothing; milliseconds
 */
function staleTerms({ noCache, mustRevalidate, proxyRevalidate, sMaxAge, ...said }, assumed) {
  const never = noCache || mustRevalidate || proxyRevalidate;
  const strict = never || sMaxAge !== undefined;
  /** @param {'staleWhileRevalidate' | 'staleIfError'} name */
  const term = (name) => {
    const own = said[name];
    return never ? 0 : own === undefined ? (strict ? 0 : assumed[name]) : own * 1000;
  };
  return { strict, staleWhileRevalidate: term('staleWhileRevalidate'), staleIfError: term('staleIfError') };
}

/**
 * @typedef {object} Freshness of a stored response; times in milliseconds
 * @property {number} lifetime for which it is fresh
 * @property {boolean} noCache whether it must be validated each time
 * @property {boolean} strict whether a client that takes stale responses must not get it
 * @property {number} staleWhileRevalidate after that, while it is validated
 */

/**
 * What may be done with a stored response: `fresh`, serve it; `stale`, serve it and validate it meanwhile; `allowed`,
 * serve it because this client takes stale ones; `validate` it first.
 *
 * @param {Freshness} stored
 * @param {number} age
 * @param {import('./directives.js').RequestDirectives} request
 * @returns {'fresh' | 'stale' | 'allowed' | 'validate'}
 */
function verdict({ lifetime, noCache, strict, staleWhileRevalidate }, age, request) {
  // A clock that was put back: nobody knows how old it is.
  if (noCache || request.noCache || age < 0 || age >= request.maxAge * 1000) {
    return 'validate';
  }
  if (age < lifetime - request.minFresh * 1000) {
    return 'fresh';
  }
  if (request.minFresh > 0) {
    return 'validate';
  }
  if (age < lifetime + staleWhileRevalidate) {
    return 'stale';
  }
  return !strict && age < lifetime + request.maxStale * 1000 ? 'allowed' : 'validate';
}

module.exports = { initialAge, lifetimeOf, staleTerms, verdict };
