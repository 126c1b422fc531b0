'use strict';

const { parseDate } = require('./dates.js');
const { responseDirectives } = require('./directives.js');
const { valueOf } = require('./fields.js');
const { initialAge, lifetimeOf, staleTerms } = require('./freshness.js');
const { isForAll, refusal } = require('./storable.js');
const { stringList } = require('./string-list.js');
const { targetedDirectives } = require('./targeted.js');
const { selectingFields } = require('./vary.js');

/**
 * The head of a response as it came from a handler, and what is to be known of its request.
 *
 * @typedef {object} Head
 * @property {number} status of the response
 * @property {import('./fields.js').Fields} fields all of them
 * @property {string | undefined} authorization field of the request
 * @property {string | undefined} origin field of the request
 * @property {number} requested when it was asked for, milliseconds since 1970
 * @property {number} received when it came
 */

/**
 * What a response may be stored for. Times in milliseconds.
 *
 * @typedef {object} Terms
 * @property {number} born when it was made, by this clock
 * @property {number} date what its Date says, or when it came
 * @property {number} lifetime for which it is fresh
 * @property {boolean} noCache whether it must be validated each time
 * @property {boolean} strict whether clients that take stale ones must not get it
 * @property {number} staleWhileRevalidate after that, while it is validated
 * @property {number} staleIfError after that, if the handler fails
 * @property {boolean} forAll whether requests with Authorization may have it
 * @property {string | undefined} etag its ETag
 * @property {string | undefined} lastModified its Last-Modified
 * @property {string[]} vary names of the fields that select it
 * @property {string[]} groups those that it belongs to
 */

/**
 * @typedef {import('./storable.js').Policy & { ttl: number, heuristic: number, staleWhileRevalidate: number,
 *   staleIfError: number, targets: readonly string[] }} Rules
 */

/**
 * Whether a response to a GET may be stored, and for how long.
 *
 * @param {Head} head
 * @param {Rules} rules
 * @returns {{ refused: import('../../express.js').RefusalReason, terms?: undefined, without?: undefined } |
 *   { refused?: undefined, terms: Terms, without: string[] }} `without` names fields that are not to be stored
 */
function assess(head, rules) {
  const { status, fields, received, requested } = head;
  const { directives, isTargeted } = directivesOf(fields, rules.targets);
  const refused = refusal({ status, fields, directives }, head, rules);
  if (refused !== undefined) {
    return { refused };
  }
  const vary = selectingFields(valueOf(fields, 'vary'));
  if (vary === undefined) {
    return { refused: 'vary' };
  }
  const said = parseDate(valueOf(fields, 'date') ?? '', received);
  const date = Number.isNaN(said) ? received : said;
  const etag = valueOf(fields, 'etag');
  const lastModified = valueOf(fields, 'last-modified');
  const lifetime = lifetimeOf(
    { status, fields, directives, date, isTargeted },
    { ttl: rules.ttl, heuristic: rules.heuristic, now: received },
  );
  const age = initialAge({ age: valueOf(fields, 'age'), date, requested, received });
  const stale = staleTerms(directives, rules);
  const canBeValidated = etag !== undefined || lastModified !== undefined;
  const isUseful =
    lifetime === undefined
      ? directives.noCache && canBeValidated
      : canBeValidated || age < lifetime + Math.max(stale.staleWhileRevalidate, stale.staleIfError);
  if (!isUseful) {
    return { refused: 'freshness' };
  }
  const terms = {
    born: received - age,
    date,
    lifetime: lifetime ?? 0,
    noCache: directives.noCache,
    ...stale,
    forAll: isForAll(directives),
    etag,
    lastModified,
    vary,
    groups: stringList(valueOf(fields, 'cache-groups')),
  };
  const without = ['age', ...(directives.noCacheFields ?? [])];
  return { terms, without: rules.setCookie === 'strip' ? [...without, 'set-cookie'] : without };
}

/**
 * @param {import('./fields.js').Fields} fields
 * @param {readonly string[]} targets names of fields that go before Cache-Control, in this order
 */
function directivesOf(fields, targets) {
  for (const name of targets) {
    const field = valueOf(fields, name);
    const directives = field === undefined ? undefined : targetedDirectives(field);
    if (directives !== undefined) {
      return { directives, isTargeted: true };
    }
  }
  return { directives: responseDirectives(valueOf(fields, 'cache-control')), isTargeted: false };
}

module.exports = { assess };
