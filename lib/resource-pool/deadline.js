'use strict';

/**
 * Waits for a promise no longer than so many milliseconds.
 *
 * @template R
 * @param {import('./resource-pool.js').PoolClock} clock
 * @param {number} limit milliseconds; Infinity for none
 * @param {PromiseLike<R>} promise
 * @param {() => Error} tooLate the error when the time is over
 * @param {(value: R) => void} [onLate] gets what comes after that
 * @returns {Promise<R>}
 */
function deadline(clock, limit, promise, tooLate, onLate) {
  if (limit === Infinity) {
    return Promise.resolve(promise);
  }
  return new Promise((resolve, reject) => {
    /** @type {any} */
    let timer = clock.setTimeout(() => {
      timer = undefined;
      reject(tooLate());
    }, limit);
    const settle = (/** @type {(outcome: any) => void} */ done, /** @type {unknown} */ outcome) => {
      if (timer !== undefined) {
        clock.clearTimeout(timer);
        done(outcome);
      } else if (done === resolve) {
        onLate?.(/** @type {R} */ (outcome));
      }
    };
    promise.then(
      (value) => settle(resolve, value),
      (reason) => settle(reject, reason),
    );
  });
}

module.exports = { deadline };
