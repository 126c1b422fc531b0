'use strict';

let warned = false;

/**
 * Says once that a cache has no bound.
 *
 * @param {Function} by left out of the stack
 */
function warnUnbounded(by) {
  if (!warned) {
    warned = true;
    process.emitWarning(
      'TTL caching without ttlAutopurge, max, or maxSize can result in unbounded memory consumption.',
      'UnboundedCacheWarning',
      'LRU_CACHE_UNBOUNDED',
      by,
    );
  }
}

module.exports = { warnUnbounded };
