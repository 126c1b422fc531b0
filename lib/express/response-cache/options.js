'use strict';

const { error } = require('../../errors.js');
const { LONGEST_TIMER } = require('../../timers.js');
const validate = require('../../validate.js');
const { UNDERSTOOD } = require('../../http-cache/storable.js');

const OPTIONS = [
  'authorization',
  'clientMayBypass',
  'groups',
  'heuristic',
  'ignoreCookies',
  'key',
  'maxBytes',
  'maxEntryBytes',
  'name',
  'normalize',
  'now',
  'setCookie',
  'staleIfError',
  'staleWhileRevalidate',
  'statuses',
  'statusHeader',
  'targets',
  'ttl',
  'waitTimeout',
];
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_ENTRY_BYTES = 1024 * 1024;
const DEFAULT_WAIT = 5000;
/** What names of fields and of cookies are made of. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;

/**
 * @typedef {object} Settings
 * @property {number} maxBytes all that is kept
 * @property {number} maxEntryBytes of one body
 * @property {number} ttl of what does not say
 * @property {number} heuristic share of the age of a document
 * @property {number} staleWhileRevalidate of what does not say
 * @property {number} staleIfError of what does not say
 * @property {number} waitTimeout for another request
 * @property {boolean} authorization whether it is looked at
 * @property {boolean | ReadonlySet<string>} ignoreCookies true for all
 * @property {'refuse' | 'strip' | 'store'} setCookie what becomes of a response that sets cookies
 * @property {boolean | ReadonlySet<number>} statuses true for any
 * @property {readonly string[]} targets in lower case
 * @property {Record<string, (value: string) => string>} normalize by field in lower case, without a prototype
 * @property {boolean} clientMayBypass whether `no-cache` counts
 * @property {'x-cache' | 'cache-status' | undefined} statusHeader which one, if any
 * @property {string} name of this cache
 * @property {(req: any) => string | null | undefined} key of a request
 * @property {((req: any, res: any) => Iterable<string>) | undefined} groups of a response
 * @property {() => number} now milliseconds since 1970
 */

/**
 * @param {import('../../../express.js').ResponseCacheOptions} [options]
 * @returns {Settings}
 */
function settingsOf(options) {
  const given = validate.options(options, 'responseCache', OPTIONS);
  const maxBytes = validate.number(given.maxBytes, 'maxBytes', {
    default: DEFAULT_MAX_BYTES,
    min: 1,
    integer: true,
  });
  const time = (/** @type {'ttl' | 'staleWhileRevalidate' | 'staleIfError'} */ name) =>
    validate.number(given[name], name, { default: 0, min: 0 });
  const statusHeader = validate.oneOf(given.statusHeader, 'statusHeader', [
    'none',
    'x-cache',
    'cache-status',
  ]);
  return {
    maxBytes,
    maxEntryBytes: validate.number(given.maxEntryBytes, 'maxEntryBytes', {
      default: Math.min(DEFAULT_MAX_ENTRY_BYTES, maxBytes),
      min: 1,
      max: maxBytes,
      integer: true,
    }),
    ttl: time('ttl'),
    heuristic: validate.number(given.heuristic, 'heuristic', { default: 0, min: 0, max: 1 }),
    staleWhileRevalidate: time('staleWhileRevalidate'),
    staleIfError: time('staleIfError'),
    waitTimeout: validate.number(given.waitTimeout, 'waitTimeout', {
      default: DEFAULT_WAIT,
      min: 0,
      max: LONGEST_TIMER,
    }),
    authorization: validate.boolean(given.authorization, 'authorization', false),
    ignoreCookies: cookies(given.ignoreCookies),
    setCookie: validate.oneOf(given.setCookie, 'setCookie', ['refuse', 'strip', 'store']),
    statuses: statuses(given.statuses),
    targets: tokens(given.targets, 'targets').map((name) => name.toLowerCase()),
    normalize: normalizers(given.normalize),
    clientMayBypass: validate.boolean(given.clientMayBypass, 'clientMayBypass', true),
    statusHeader: statusHeader === 'none' ? undefined : statusHeader,
    name: cacheName(given.name),
    key: validate.fn(given.key, 'key', { optional: true }) ?? keyOf,
    groups: validate.fn(given.groups, 'groups', { optional: true }),
    now: validate.fn(given.now, 'now', { optional: true }) ?? Date.now,
  };
}

/**
 * The URI of a request, as far as it is known here. What proxies say of it belongs to it as it stands: a handler that
 * believes them must not have its answer served to others.
 *
 * @param {any} req
 */
function keyOf(req) {
  const { headers } = req;
  const scheme = req.socket?.encrypted === true ? 'https' : 'http';
  const host = headers.host ?? headers[':authority'] ?? '';
  const proto = headers['x-forwarded-proto'];
  const forwarded = headers['x-forwarded-host'];
  const url = req.originalUrl ?? req.url;
  // A line feed comes in neither.
  return proto === undefined && forwarded === undefined
    ? `${scheme}://${host}${url}`
    : `${scheme}://${host}${url}\n${proto}\n${forwarded}`;
}

/** Of structured fields, a token begins with a letter. @param {unknown} given */
function cacheName(given) {
  const name = validate.string(given, 'name', 'heapwise');
  if (!TOKEN.test(name) || !/^[A-Za-z]/.test(name)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'name', 'a token that begins with a letter', given);
  }
  return name;
}

/** @param {unknown} given */
function cookies(given) {
  return Array.isArray(given)
    ? new Set(tokens(given, 'ignoreCookies'))
    : validate.boolean(given, 'ignoreCookies', false);
}

/** @param {unknown} given */
function statuses(given) {
  if (given === undefined) {
    return UNDERSTOOD;
  }
  if (given === 'any') {
    return true;
  }
  if (!Array.isArray(given)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'statuses', "'any' or an array of statuses", given);
  }
  const range = { min: 200, max: 599, integer: true };
  return new Set(given.map((status, i) => validate.number(status, `statuses[${i}]`, range)));
}

/**
 * @param {unknown} given
 * @param {string} name
 * @returns {string[]}
 */
function tokens(given, name) {
  if (given === undefined) {
    return [];
  }
  if (!Array.isArray(given)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', name, 'an array of names', given);
  }
  for (const each of given) {
    if (!TOKEN.test(validate.string(each, name))) {
      throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', name, 'a name without spaces', each);
    }
  }
  return given;
}

/**
 * @param {unknown} given
 * @returns {Record<string, (value: string) => string>}
 */
function normalizers(given) {
  const found = Object.create(null);
  if (given === undefined) {
    return found;
  }
  if (given === null || typeof given !== 'object' || Array.isArray(given)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'normalize', 'an object of functions by field', given);
  }
  for (const [name, normalizer] of Object.entries(given)) {
    found[name.toLowerCase()] = guarded(validate.fn(normalizer, `normalize.${name}`));
  }
  return found;
}

/**
 * One that throws would do so in the middle of an answer. The value as it is selects as well, if less often the same.
 *
 * @param {(value: string) => unknown} normalizer
 * @returns {(value: string) => string}
 */
function guarded(normalizer) {
  return (value) => {
    try {
      return String(normalizer(value));
    } catch {
      return value;
    }
  };
}

module.exports = { settingsOf };
