'use strict';

/**
 * Whether a value is to be waited for, as `await` sees it.
 *
 * @param {any} value
 */
function isThenable(value) {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof value.then === 'function'
  );
}

module.exports = { isThenable };
