'use strict';

const { error } = require('../errors.js');

/**
 * What a load has in common with those who wait for it, in a Cache and in a SharedCache.
 */

/** A load under way. @template V */
class Load {
  /** Not there yet while the load function itself runs. @type {Promise<V> | undefined} */
  promise = undefined;
  /** Those who wait and may leave; Infinity once somebody waits who cannot. */
  waiting = 0;
  /** Made when the load function asks for its signal. @type {AbortController | undefined} */
  controller = undefined;
  /** Nobody waits any more, and nobody will. */
  abandoned = false;

  abandon() {
    this.abandoned = true;
    this.controller?.abort();
  }
}

/** What a load function gets besides the key. The signal is made when it is asked for: most do not. */
class LoadContext {
  #load;

  /** @param {Load<any>} load */
  constructor(load) {
    this.#load = load;
  }

  /** Aborted when nobody waits for the value any more. */
  get signal() {
    const load = this.#load;
    load.controller ??= new AbortController();
    if (load.abandoned) {
      load.controller.abort();
    }
    return load.controller.signal;
  }
}

/**
 * The promise for one who waits: for as long as he wants to, and content with what is stale if he said so.
 *
 * @template V
 * @param {Promise<V>} promise
 * @param {Load<V> | undefined} load whose promise it is; none where there is nothing to leave
 * @param {{ signal: AbortSignal | undefined, timeout: number }} options
 * @param {object} means
 * @param {import('../timers.js').Timers} means.timers
 * @param {((reason: unknown) => V) | undefined} means.inNeed a stale value in place of a reason, or throws that
 * @param {(load: Load<V>) => void} means.leave he does not wait any more
 * @param {(load: Load<V>) => void} means.tooLate nor does he, but the load is to go on for those who come next
 * @returns {Promise<V>}
 */
function waitFor(promise, load, { signal, timeout }, { timers, inNeed, leave, tooLate }) {
  // Nobody is served something stale who has gone.
  let gone = false;
  const answer =
    inNeed === undefined
      ? promise
      : promise.catch((reason) => (gone ? Promise.reject(reason) : inNeed(reason)));
  if (load === undefined || (signal === undefined && timeout === Infinity)) {
    if (load !== undefined) {
      load.waiting = Infinity;
    }
    return answer;
  }
  load.waiting++;
  return new Promise((resolve, reject) => {
    /** @type {any} */
    let timer;
    const onAbort = () => {
      gone = true;
      timers.clearTimeout(timer);
      reject(/** @type {AbortSignal} */ (signal).reason);
      leave(load);
    };
    const settle = () => {
      timers.clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    answer.then(resolve, reject).finally(settle);
    if (signal?.aborted) {
      // By the load function itself.
      onAbort();
      return;
    }
    signal?.addEventListener('abort', onAbort, { once: true });
    if (timeout !== Infinity) {
      timer = timers.setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        tooLate(load);
        gone = true;
        const late = error('ERR_HEAPWISE_CACHE_LOAD_TIMEOUT', timeout);
        try {
          if (inNeed === undefined) {
            throw late;
          }
          resolve(inNeed(late));
        } catch {
          reject(late);
        }
      }, timeout);
    }
  });
}

module.exports = { Load, LoadContext, waitFor };
