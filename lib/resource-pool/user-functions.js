'use strict';

const { AsyncResource } = require('node:async_hooks');
const { error } = require('../errors.js');
const { isThenable } = require('../thenable.js');
const { deadline } = require('./deadline.js');

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
  #clock;
  #options;
  #onError;

  /**
   * @param {import('./resource-pool.js').PoolClock} clock
   * @param {ReturnType<typeof import('./options.js').poolOptions>} options
   * @param {(step: string, cause: unknown) => void} onError told of failures of which nobody else is told
   */
  constructor(clock, options, onError) {
    this.#clock = clock;
    this.#options = options;
    this.#onError = onError;
  }

  /**
   * @param {(resource: R) => void} onLate gets a resource that comes when its time is over
   * @returns {R | Promise<R>} throws what `create` throws
   */
  create(onLate) {
    const { create, createTimeout } = this.#options;
    const made = this.#context.runInAsyncScope(create);
    return isThenable(made)
      ? deadline(this.#clock, createTimeout, made, () => tooLate('create'), onLate)
      : made;
  }

  /**
   * @param {R} resource
   * @returns {boolean | Promise<boolean>} false if it fails or takes too long
   */
  validate(resource) {
    const { validate, validateTimeout } = this.#options;
    return this.#answer('validate', validate, validateTimeout, resource, Boolean);
  }

  /**
   * @param {R} resource
   * @returns {boolean | Promise<boolean>} false if it fails or takes too long
   */
  reset(resource) {
    const { reset, resetTimeout } = this.#options;
    return this.#answer('reset', reset, resetTimeout, resource, done);
  }

  /**
   * @param {R} resource
   * @returns {boolean | Promise<boolean>} false if it fails or takes too long
   */
  destroy(resource) {
    const { destroy, destroyTimeout } = this.#options;
    return destroy === undefined || this.#answer('destroy', destroy, destroyTimeout, resource, done);
  }

  /**
   * @param {string} step
   * @param {any} call
   * @param {number} limit
   * @param {R} resource
   * @param {(value: any) => boolean} meaning of what it returns
   * @returns {boolean | Promise<boolean>}
   */
  #answer(step, call, limit, resource, meaning) {
    try {
      const given = this.#context.runInAsyncScope(call, undefined, resource);
      if (!isThenable(given)) {
        return meaning(given);
      }
      return deadline(this.#clock, limit, given, () => tooLate(step)).then(meaning, (cause) =>
        this.#failed(step, cause),
      );
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

/** @param {string} step */
function tooLate(step) {
  return error('ERR_HEAPWISE_RESOURCE_SLOW', step);
}

module.exports = { UserFunctions, tooLate };
