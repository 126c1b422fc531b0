'use strict';

const { isAboutValue } = require('./far.js');

/** In place of an answer: the store was not asked. */
const SKIPPED = Symbol('skipped');
/** In place of an answer: the store has failed, or did not answer in time. It may have done what it was asked, or do it yet. */
const FAILED = Symbol('failed');
/** In place of an answer: the store is there, but the value cannot be decoded, or encoded. */
const CORRUPT = Symbol('corrupt');

/** Operations that decode or encode a value. */
const OF_VALUES = new Set(['get', 'getMany', 'set']);

/** @typedef {typeof SKIPPED | typeof FAILED | typeof CORRUPT} NoAnswer */

/**
 * Calls of the far tier, none of which throws or takes longer than it may.
 *
 * A store of Keyv reports failures in three ways: it throws; it emits `error` and returns as if there were nothing; or it
 * takes for ever. What was emitted during a call whose answer may mean anything is taken for its failure.
 */
class Guard {
  counts = { calls: 0, failures: 0, timeouts: 0, skipped: 0, corrupt: 0 };
  #breaker;
  #settings;
  #timers;
  #onFailure;
  /** Calls that somebody waits for. */
  #active = 0;
  /** Those that took too long as well. */
  #unsettled = 0;
  /** Errors that the store has emitted, and those of them that are about one value. */
  #emitted = 0;
  #emittedOfValues = 0;
  /** @type {unknown} */
  #last = undefined;
  /** Called once nothing is unsettled. @type {(() => void)[]} */
  #whenSettled = [];

  /**
   * @param {import('./breaker.js').Breaker} breaker
   * @param {{ timeout: number, maxInFlight: number }} settings
   * @param {import('../timers.js').Timers} timers
   * @param {(reason: unknown, operation: string) => void} onFailure
   */
  constructor(breaker, settings, timers, onFailure) {
    this.#breaker = breaker;
    this.#settings = settings;
    this.#timers = timers;
    this.#onFailure = onFailure;
  }

  /** The store has emitted an error. @param {unknown} reason */
  noticed(reason) {
    this.#emitted++;
    this.#emittedOfValues += isAboutValue(reason) ? 1 : 0;
    this.#last = reason;
  }

  /** @param {() => void} then called when no call is unsettled, at once if none is */
  whenSettled(then) {
    if (this.#unsettled === 0) {
      then();
    } else {
      this.#whenSettled.push(then);
    }
  }

  /**
   * @template T
   * @param {string} operation for those who are told of failures
   * @param {() => Promise<T>} call
   * @param {(answer: T) => boolean} doubtful whether a store that has swallowed a failure may have given that answer
   * @param {number} [timeout] milliseconds
   * @returns {Promise<T | NoAnswer>}
   */
  async call(operation, call, doubtful, timeout = this.#settings.timeout) {
    const { counts } = this;
    const tooMany = this.#breaker.state === 'closed' && this.#active >= this.#settings.maxInFlight;
    const turn = tooMany ? 0 : this.#breaker.enter();
    if (turn === 0) {
      counts.skipped++;
      return SKIPPED;
    }
    counts.calls++;
    const [emitted, ofValues] = [this.#emitted, this.#emittedOfValues];
    this.#active++;
    let reason;
    let isOfValue;
    try {
      const answer = await this.#within(call(), timeout);
      if (this.#emitted === emitted || !doubtful(answer)) {
        this.#breaker.succeeded(turn);
        return answer;
      }
      reason = this.#last;
      isOfValue = this.#emitted - emitted === this.#emittedOfValues - ofValues;
    } catch (thrown) {
      reason = thrown;
      isOfValue = isAboutValue(thrown);
    } finally {
      this.#active--;
    }
    isOfValue &&= OF_VALUES.has(operation);
    if (isOfValue) {
      counts.corrupt++;
      this.#breaker.succeeded(turn);
    } else {
      counts.failures++;
      this.#breaker.failed(turn);
    }
    this.#onFailure(reason, operation);
    return isOfValue ? CORRUPT : FAILED;
  }

  /**
   * @template T
   * @param {Promise<T>} promise
   * @param {number} timeout
   * @returns {Promise<T>}
   */
  #within(promise, timeout) {
    this.#unsettled++;
    return new Promise((resolve, reject) => {
      const tooLong = () => {
        this.counts.timeouts++;
        const message = `The far tier did not answer within ${timeout} ms`;
        reject(Object.assign(new Error(message), { code: 'ETIMEDOUT' }));
      };
      const timer = timeout === Infinity ? undefined : this.#timers.setTimeout(tooLong, timeout);
      promise.then(resolve, reject).finally(() => {
        this.#timers.clearTimeout(timer);
        if (--this.#unsettled === 0) {
          this.#whenSettled.splice(0).forEach((then) => then());
        }
      });
    });
  }
}

/** Any answer may be that of a store that has swallowed a failure. */
function always() {
  return true;
}

/**
 * @template T
 * @param {T | NoAnswer} answer
 * @returns {answer is T}
 */
function isAnswer(answer) {
  return answer !== SKIPPED && answer !== FAILED && answer !== CORRUPT;
}

module.exports = { CORRUPT, FAILED, Guard, always, isAnswer };
