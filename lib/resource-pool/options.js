'use strict';

const { error } = require('../errors.js');
const { LOAN_OPTIONS, loanOptions } = require('../loan-tracker.js');
const { LONGEST_TIMER } = require('../timers.js');
const validate = require('../validate.js');

const POOL_OPTIONS = [
  ...LOAN_OPTIONS,
  'create',
  'destroy',
  'validate',
  'reset',
  'min',
  'max',
  'maxWaiting',
  'order',
  'acquireTimeout',
  'createTimeout',
  'validateTimeout',
  'resetTimeout',
  'destroyTimeout',
  'idleTimeout',
  'maxLifetime',
  'maxUses',
  'jitter',
  'validateAfter',
  'backoff',
];
const ACQUIRE_OPTIONS = ['timeout', 'signal', 'priority', 'owner'];

/**
 * @param {unknown} value
 * @param {string} name
 * @param {number} fallback
 */
function time(value, name, fallback) {
  return validate.number(value, name, { default: fallback, above: 0, max: Infinity, infinite: true });
}

/** @param {any} value */
function poolOptions(value) {
  if (value === undefined) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'options of ResourcePool', 'an object', value);
  }
  const given = validate.options(value, 'ResourcePool', POOL_OPTIONS);
  const max = validate.number(given.max, 'max', { default: 10, min: 1, integer: true });
  const delays = validate.options(given.backoff, 'backoff', ['min', 'max']);
  const shortest = validate.number(delays.min, 'backoff.min', { default: 100, min: 1, max: LONGEST_TIMER });
  return Object.freeze({
    create: validate.fn(given.create, 'create'),
    destroy: validate.fn(given.destroy, 'destroy', { optional: true }),
    validate: validate.fn(given.validate, 'validate', { optional: true }),
    reset: validate.fn(given.reset, 'reset', { optional: true }),
    max,
    min: validate.number(given.min, 'min', { default: 0, min: 0, max, integer: true }),
    maxWaiting: validate.number(given.maxWaiting, 'maxWaiting', {
      default: Infinity,
      min: 0,
      integer: true,
      infinite: true,
    }),
    lifo: validate.oneOf(given.order, 'order', ['lifo', 'fifo']) === 'lifo',
    acquireTimeout: validate.timeout(given.acquireTimeout, 'acquireTimeout', 30_000),
    createTimeout: validate.timeout(given.createTimeout, 'createTimeout', 30_000),
    validateTimeout: validate.timeout(given.validateTimeout, 'validateTimeout', 5000),
    resetTimeout: validate.timeout(given.resetTimeout, 'resetTimeout', 5000),
    destroyTimeout: validate.timeout(given.destroyTimeout, 'destroyTimeout', 5000),
    idleTimeout: time(given.idleTimeout, 'idleTimeout', 30_000),
    maxLifetime: time(given.maxLifetime, 'maxLifetime', Infinity),
    maxUses: validate.number(given.maxUses, 'maxUses', {
      default: Infinity,
      min: 1,
      integer: true,
      infinite: true,
    }),
    jitter: validate.number(given.jitter, 'jitter', { default: 0.1, min: 0, max: 1 }),
    validateAfter: validate.number(given.validateAfter, 'validateAfter', { default: 0, min: 0 }),
    backoff: {
      min: shortest,
      max: validate.number(delays.max, 'backoff.max', {
        default: Math.max(10_000, shortest),
        min: shortest,
        max: LONGEST_TIMER,
      }),
    },
    ...loanOptions(given),
  });
}

/**
 * @param {any} value
 * @param {number} acquireTimeout
 */
function acquireOptions(value, acquireTimeout) {
  const given = validate.options(value, 'acquire', ACQUIRE_OPTIONS);
  const { owner } = given;
  return {
    signal: validate.signal(given.signal, 'signal'),
    owner: owner === undefined ? undefined : validate.string(owner, 'owner'),
    timeout: validate.timeout(given.timeout, 'timeout', acquireTimeout),
    priority: validate.number(given.priority, 'priority', { default: 0, integer: true }),
  };
}

/**
 * The time that a call waits at most.
 *
 * @param {any} value
 * @param {string} owner
 * @param {number} fallback milliseconds
 */
function waitOptions(value, owner, fallback) {
  const given = validate.options(value, owner, ['timeout']);
  return validate.timeout(given.timeout, 'timeout', fallback);
}

module.exports = { acquireOptions, poolOptions, waitOptions };
