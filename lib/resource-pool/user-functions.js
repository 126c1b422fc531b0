'use strict';

const { AsyncResource } = require('node:async_hooks');
const { isThenable } = require('../thenable.js');
const { Pending, TimeLimit } = require('./time-limit.js');

/** @typedef {import('./entry.js').Entry} Entry */

/**
 * Told of what the functions did that did not answer at once, and of all that failed.
 *
 * @typedef {object} Listener
 * @property {(round: number, failed: boolean, outcome: any) => void} created the outcome is a resource, or why there is none
 * @property {(resource: any) => void} createdLate gets what comes when its time is over
 * @property {(entry: Entry, valid: boolean) => void} validated false too if it failed or took too long
 * @property {(entry: Entry, well: boolean) => void} cleaned after a reset; false as above
 * @property {(done: (() => void) | undefined, well: boolean) => void} destroyed false as above
 * @property {(step: string, cause: unknown) => void} failed those that `created` is not told of
 */

/**
 * The functions that the user gave a pool, each called with its time limit. What an entry is asked for has an entry wait
 * for it: it can be asked for one thing at a time.
 *
 * They run in the context in which the pool was made, not in that of whoever happened to ask for a resource or to give
 * one back: what they open outlives the one who asked.
 *
 * @template R
 */
class UserFunctions {
  #context = new AsyncResource('HeapwiseResourcePool');
  #options;
  #listener;
  #createLimit;
  #validateLimit;
  #resetLimit;
  #destroyLimit;

  /**
   * @param {import('../timers.js').Timers} clock
   * @param {ReturnType<typeof import('./options.js').poolOptions>} options
   * @param {Listener} listener
   */
  constructor(clock, options, listener) {
    this.#options = options;
    this.#listener = listener;
    this.#createLimit = new TimeLimit(
      clock,
      options.createTimeout,
      'create',
      (pending, failed, outcome) => listener.created(pending.subject, failed, outcome),
      (late) => listener.createdLate(late),
    );
    this.#validateLimit = new TimeLimit(
      clock,
      options.validateTimeout,
      'validate',
      (entry, failed, outcome) =>
        listener.validated(entry, failed ? this.#failed('validate', outcome) : Boolean(outcome)),
    );
    this.#resetLimit = new TimeLimit(clock, options.resetTimeout, 'reset', (entry, failed, outcome) =>
      listener.cleaned(entry, !failed || this.#failed('reset', outcome)),
    );
    this.#destroyLimit = new TimeLimit(clock, options.destroyTimeout, 'destroy', (pending, failed, outcome) =>
      listener.destroyed(pending.subject, !failed || this.#failed('destroy', outcome)),
    );
  }

  /**
   * @param {number} round for the listener
   * @returns {{ resource: R } | undefined} undefined if the listener will be told; throws what `create` throws
   */
  create(round) {
    const made = this.#context.runInAsyncScope(this.#options.create);
    if (!isThenable(made)) {
      return { resource: made };
    }
    this.#createLimit.watch(made, new Pending(round));
    return undefined;
  }

  /**
   * @param {Entry} entry
   * @returns {boolean | undefined} undefined if the listener will be told; false if it fails
   */
  validate(entry) {
    try {
      const valid = this.#context.runInAsyncScope(
        /** @type {any} */ (this.#options.validate),
        undefined,
        entry.resource,
      );
      if (!isThenable(valid)) {
        return Boolean(valid);
      }
      this.#validateLimit.watch(valid, entry);
      return undefined;
    } catch (cause) {
      return this.#failed('validate', cause);
    }
  }

  /**
   * @param {Entry} entry
   * @returns {boolean | undefined} undefined if the listener will be told; false if it fails
   */
  reset(entry) {
    return this.#done('reset', this.#options.reset, entry.resource, this.#resetLimit, entry);
  }

  /**
   * @param {unknown} resource
   * @param {(() => void) | undefined} done for the listener
   * @returns {boolean | undefined} undefined if the listener will be told; false if it fails
   */
  destroy(resource, done) {
    const { destroy } = this.#options;
    return (
      destroy === undefined || this.#done('destroy', destroy, resource, this.#destroyLimit, new Pending(done))
    );
  }

  /**
   * @param {string} step
   * @param {any} call
   * @param {unknown} resource
   * @param {TimeLimit} limit
   * @param {import('./time-limit.js').Awaited} it
   * @returns {boolean | undefined}
   */
  #done(step, call, resource, limit, it) {
    try {
      const done = this.#context.runInAsyncScope(call, undefined, resource);
      if (!isThenable(done)) {
        return true;
      }
      limit.watch(/** @type {any} */ (done), it);
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
    this.#listener.failed(step, cause);
    return false;
  }
}

module.exports = { UserFunctions };
