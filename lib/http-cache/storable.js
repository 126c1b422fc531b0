'use strict';

const { valueOf } = require('./fields.js');

/** Statuses that this cache understands, as `must-understand` means it. */
const UNDERSTOOD = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501]);

/**
 * What a response must be, and what may be known of its request, to be stored.
 *
 * @typedef {object} Policy
 * @property {boolean | ReadonlySet<number>} statuses true for any
 * @property {boolean} authorization whether a response that says so answers requests with Authorization
 * @property {'refuse' | 'strip' | 'store'} setCookie what becomes of it if it sets cookies
 */

/**
 * Why a shared cache must not store a response to a GET (RFC 9111, section 3), or nothing if it may. It is not asked
 * here whether it says how long it is fresh.
 *
 * @param {{ status: number, fields: import('./fields.js').Fields, directives: import('./directives.js').ResponseDirectives }} response
 * @param {{ authorization: string | undefined, origin: string | undefined }} request fields of it
 * @param {Policy} policy
 * @returns {import('../../express.js').RefusalReason | undefined}
 */
function refusal({ status, fields, directives }, { authorization, origin }, policy) {
  const { noStore, isPrivate, mustUnderstand } = directives;
  if (
    status < 200 ||
    status === 206 ||
    status === 304 ||
    !(policy.statuses === true || has(policy.statuses, status))
  ) {
    return 'status';
  }
  if (mustUnderstand ? !UNDERSTOOD.has(status) : noStore) {
    return 'no-store';
  }
  if (isPrivate) {
    return 'private';
  }
  if (authorization !== undefined && !(policy.authorization && isForAll(directives))) {
    return 'authorization';
  }
  if (policy.setCookie === 'refuse' && valueOf(fields, 'set-cookie') !== undefined) {
    return 'set-cookie';
  }
  return reflects(origin, fields) ? 'origin' : undefined;
}

/**
 * @param {boolean | ReadonlySet<number>} statuses
 * @param {number} status
 */
function has(statuses, status) {
  return typeof statuses === 'object' && statuses.has(status);
}

/**
 * Whether a response says that it is not only for whoever was authorised (RFC 9111, section 3.5).
 *
 * @param {import('./directives.js').ResponseDirectives} directives
 */
function isForAll({ isPublic, mustRevalidate, sMaxAge }) {
  return isPublic || mustRevalidate || sMaxAge !== undefined;
}

/**
 * Whether a response names the origin that asked, without a Vary that says so: others would get the wrong one.
 *
 * @param {string | undefined} origin
 * @param {import('./fields.js').Fields} fields
 */
function reflects(origin, fields) {
  return (
    origin !== undefined &&
    valueOf(fields, 'access-control-allow-origin') === origin &&
    !/(^|[\s,])(origin|\*)($|[\s,])/i.test(valueOf(fields, 'vary') ?? '')
  );
}

module.exports = { UNDERSTOOD, isForAll, refusal };
