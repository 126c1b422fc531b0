'use strict';

const { AsyncResource } = require('node:async_hooks');
const { isThenable } = require('../thenable.js');
const { TimeLimit } = require('./time-limit.js');

/**
 * Gets the answer of a function that did not answer at once; false too if it failed or took too long.
 *
 * @typedef {(well: boolean) => void} Later
 */

/**
 * The functions that the user gave a pool, each called with its time limit.
 *
 * They run in the context in which the pool was made, not in that of whoever happened to ask for a resource or to give
 * one back: what they open outlives the one who asked.
 *
 * @template R
 */
class UserFunctions {
  #context = new AsyncResource('HeapwiseResourcePool');
  #options;
  #onError;
  #createLimit;
  #validateLimit;
  #resetLimit;
  #destroyLimit;

  /**
   * @param {import('./resource-pool.js').PoolClock} clock
   * @param {ReturnType<typeof import('./options.js').poolOptions>} options
   * @param {(step: string, cause: unknown) => void} onError told of failures of which nobody else is told
   */
  constructor(clock, options, onError) {
    this.#options = options;
    this.#onError = onError;
    this.#createLimit = new TimeLimit(clock, options.createTimeout);
    this.#validateLimit = new TimeLimit(clock, options.validateTimeout);
    this.#resetLimit = new TimeLimit(clock, options.resetTimeout);
    this.#destroyLimit = new TimeLimit(clock, options.destroyTimeout);
  }

  /**
   * @param {(failed: boolean, outcome: any) => void} settled gets the resource, or why there is none; at once or later
   * @param {(resource: R) => void} onLate gets a resource that comes when its time is over
   */
  create(settled, onLate) {
    let made;
    try {
      made = this.#context.runInAsyncScope(this.#options.create);
      if (isThenable(made)) {
        this.#createLimit.watch(made, 'create', settled, onLate);
        return;
      }
    } catch (cause) {
      settled(true, cause);
      return;
    }
    settled(false, made);
  }

  /**
   * @param {R} resource
   * @param {Later} later
   * @returns {boolean | undefined} undefined if `later` will be told
   */
  validate(resource, later) {
    return this.#answer('validate', this.#options.validate, this.#validateLimit, resource, Boolean, later);
  }

  /**
   * @param {R} resource
   * @param {Later} later
   * @returns {boolean | undefined}
   */
  reset(resource, later) {
    return this.#answer('reset', this.#options.reset, this.#resetLimit, resource, done, later);
  }

  /**
   * @param {R} resource
   * @param {Later} later
   * @returns {boolean | undefined}
   */
  destroy(resource, later) {
    const { destroy } = this.#options;
    return destroy === undefined
      ? true
      : this.#answer('destroy', destroy, this.#destroyLimit, resource, done, later);
  }

  /**
   * @param {string} step
   * @param {any} call
   * @param {TimeLimit} limit
   * @param {R} resource
   * @param {(value: any) => boolean} meaning of what it returns
   * @param {Later} later
   * @returns {boolean | undefined}
   */
  #answer(step, call, limit, resource, meaning, later) {
    try {
      const given = this.#context.runInAsyncScope(call, undefined, resource);
      if (!isThenable(given)) {
        return meaning(given);
      }
      limit.watch(given, step, (failed, outcome) =>
        later(failed ? this.#failed(step, outcome) : meaning(outcome)),
      );
      return undefined;
    } catch (cause) {
      return this.#failed(step, cause);
    }
  }

  /**
   * @param {string} step
   * @param {unknown} cause
   */
  #failed(step, cause) {
    this.#onError(step, cause);
    return false;
  }
}

function done() {
  return true;
}

module.exports = { UserFunctions };
