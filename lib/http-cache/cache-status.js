'use strict';

/**
 * How a request was answered.
 *
 * @typedef {object} Answer
 * @property {'HIT' | 'STALE' | 'REVALIDATED' | 'MISS' | 'BYPASS'} result in a word
 * @property {string} [forwarded] why the handler was asked: `fwd` of RFC 9211
 * @property {number} [status] of what the handler answered, if that is not what is sent
 * @property {boolean} [stored] whether it is stored
 * @property {boolean} [collapsed] whether it waited for another request
 * @property {number} [ttl] milliseconds that what is sent is fresh still
 * @property {string} [detail] anything else
 */

/**
 * The member of a Cache-Status field (RFC 9211).
 *
 * @param {string} name of this cache, a token
 * @param {Answer} answer
 */
function cacheStatus(name, { forwarded, status, stored, collapsed, ttl, detail }) {
  const parts = [name];
  if (forwarded === undefined) {
    parts.push('hit');
  } else {
    parts.push(`fwd=${forwarded}`);
  }
  if (status !== undefined) {
    parts.push(`fwd-status=${status}`);
  }
  if (ttl !== undefined) {
    parts.push(`ttl=${Math.floor(ttl / 1000)}`);
  }
  if (stored) {
    parts.push('stored');
  }
  if (collapsed) {
    parts.push('collapsed');
  }
  if (detail !== undefined) {
    parts.push(`detail=${detail}`);
  }
  return parts.join('; ');
}

module.exports = { cacheStatus };
