'use strict';

/**
 * Cache-Control of requests and responses (RFC 9111, section 5.2). What forbids something counts however badly it is
 * written; what allows something counts only if it is written well.
 */

/**
 * Of a response. Times are in seconds, undefined where the directive is absent.
 *
 * @typedef {object} ResponseDirectives
 * @property {boolean} noStore `no-store`
 * @property {boolean} noCache without field names
 * @property {string[] | undefined} noCacheFields names, in lower case, of `no-cache="..."`
 * @property {boolean} isPrivate with field names or without
 * @property {boolean} isPublic `public`
 * @property {boolean} mustRevalidate `must-revalidate`
 * @property {boolean} proxyRevalidate `proxy-revalidate`
 * @property {boolean} mustUnderstand `must-understand`
 * @property {number | undefined} maxAge `max-age`
 * @property {number | undefined} sMaxAge `s-maxage`
 * @property {number | undefined} staleWhileRevalidate `stale-while-revalidate`
 * @property {number | undefined} staleIfError `stale-if-error`
 */

/**
 * Of a request. Times are in seconds.
 *
 * @typedef {object} RequestDirectives
 * @property {boolean} noCache `no-cache`
 * @property {boolean} noStore `no-store`
 * @property {boolean} onlyIfCached `only-if-cached`
 * @property {number} maxAge Infinity if absent
 * @property {number} minFresh 0 if absent
 * @property {number} maxStale 0 if absent, Infinity without a value
 */

/** @typedef {{ value: string | undefined, wellFormed: boolean }} Directive */

/** Largest number of seconds that is told apart from more (RFC 9111, section 1.2.2). */
const LONGEST = 2 ** 31;

/** Of a request without Cache-Control and Pragma. @type {RequestDirectives} */
const NO_DIRECTIVES = Object.freeze({
  noCache: false,
  noStore: false,
  onlyIfCached: false,
  maxAge: Infinity,
  minFresh: 0,
  maxStale: 0,
});

/**
 * @param {string} field all lines, joined with commas
 * @returns {Map<string, Directive>} by name in lower case; of several with one name the first
 */
function parse(field) {
  /** @type {Map<string, Directive>} */
  const found = new Map();
  for (const part of splitList(field)) {
    const equals = part.indexOf('=');
    const raw = equals === -1 ? part : part.slice(0, equals);
    const name = raw.trim().toLowerCase();
    if (name !== '' && !found.has(name)) {
      found.set(name, equals === -1 ? { value: undefined, wellFormed: true } : directive(part, equals));
    }
  }
  return found;
}

/**
 * @param {string} part
 * @param {number} equals where the sign is
 * @returns {Directive}
 */
function directive(part, equals) {
  const value = part.slice(equals + 1);
  const spaced = /\s$/.test(part.slice(0, equals)) || /^\s/.test(value);
  const quoted = /^\s*"((?:[^"\\]|\\.)*)"$/.exec(value);
  return { value: quoted === null ? value : quoted[1].replaceAll(/\\(.)/g, '$1'), wellFormed: !spaced };
}

/**
 * Members of a list, trimmed. A comma within quotes does not separate, unless the quotes never end: what stands behind
 * them is not to be lost.
 *
 * @param {string} field
 * @returns {string[]}
 */
function splitList(field) {
  /** @type {string[]} */
  const members = [];
  let start = 0;
  let quoted = false;
  for (let at = 0; at < field.length; at++) {
    const char = field[at];
    if (char === '"') {
      quoted = !quoted;
    } else if (char === '\\' && quoted) {
      at++;
    } else if (char === ',' && !quoted) {
      members.push(field.slice(start, at).trim());
      start = at + 1;
    }
  }
  const rest = field.slice(start);
  return members.concat((quoted ? rest.split(',') : [rest]).map((member) => member.trim()));
}

/**
 * Seconds; `invalid` if they are no whole number.
 *
 * @template T
 * @param {Directive | undefined} given
 * @param {T} invalid
 * @returns {number | T | undefined}
 */
function seconds(given, invalid) {
  if (given === undefined) {
    return undefined;
  }
  const { value, wellFormed } = given;
  return wellFormed && value !== undefined && /^\d+$/.test(value)
    ? Math.min(Number(value), LONGEST)
    : invalid;
}

/**
 * @param {string | undefined} field
 * @returns {ResponseDirectives}
 */
function responseDirectives(field) {
  return fromParsed(parse(field ?? ''));
}

/**
 * A time that is no whole number is 0: what has invalid freshness is better called stale (RFC 9111, section 4.2.1).
 *
 * @param {Map<string, Directive>} found
 * @returns {ResponseDirectives}
 */
function fromParsed(found) {
  const noCache = found.get('no-cache');
  const fields = noCache?.value?.split(',').map((name) => name.trim().toLowerCase());
  return {
    noStore: found.has('no-store'),
    noCache: noCache !== undefined && fields === undefined,
    noCacheFields: fields,
    isPrivate: found.has('private'),
    isPublic: found.has('public'),
    mustRevalidate: found.has('must-revalidate'),
    proxyRevalidate: found.has('proxy-revalidate'),
    mustUnderstand: found.has('must-understand'),
    maxAge: seconds(found.get('max-age'), 0),
    sMaxAge: seconds(found.get('s-maxage'), 0),
    staleWhileRevalidate: seconds(found.get('stale-while-revalidate'), 0),
    staleIfError: seconds(found.get('stale-if-error'), 0),
  };
}

/**
 * @param {string | undefined} cacheControl
 * @param {string | undefined} pragma counts only where there is no Cache-Control (RFC 9111, section 5.4)
 * @returns {RequestDirectives}
 */
function requestDirectives(cacheControl, pragma) {
  if (cacheControl === undefined) {
    return pragma === undefined || !parse(pragma).has('no-cache')
      ? NO_DIRECTIVES
      : { ...NO_DIRECTIVES, noCache: true };
  }
  const found = parse(cacheControl);
  const maxStale = found.get('max-stale');
  return {
    noCache: found.has('no-cache'),
    noStore: found.has('no-store'),
    onlyIfCached: found.has('only-if-cached'),
    maxAge: seconds(found.get('max-age'), 0) ?? Infinity,
    minFresh: seconds(found.get('min-fresh'), 0) ?? 0,
    maxStale: maxStale !== undefined && maxStale.value === undefined ? Infinity : (seconds(maxStale, 0) ?? 0),
  };
}

module.exports = { NO_DIRECTIVES, fromParsed, requestDirectives, responseDirectives, splitList };
