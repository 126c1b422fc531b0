'use strict';

const { error } = require('../errors.js');
const { LOAN_OPTIONS, loanOptions } = require('../loan-tracker.js');
const validate = require('../validate.js');

const OPTIONS = [
  ...LOAN_OPTIONS,
  'check',
  'max',
  'maxIdle',
  'maxObjectBytes',
  'min',
  'reset',
  'sizeOf',
  'trimOnGc',
];

/**
 * The options of an ObjectPool with their defaults.
 *
 * @param {import('../..').ObjectPoolOptions<any> | undefined} options
 */
function poolOptions(options) {
  const given = validate.options(options, 'ObjectPool', OPTIONS);
  const max = validate.number(given.max, 'max', { default: Infinity, min: 1, integer: true, infinite: true });
  const min = validate.number(given.min, 'min', {
    default: 0,
    min: 0,
    max: Math.min(max, 2 ** 30),
    integer: true,
  });
  const check = validate.oneOf(given.check, 'check', ['on', 'off']);
  const loans = loanOptions(given);
  if (check === 'off' && loans.track !== 'off') {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'check', "'on' where loans are tracked", check);
  }
  return {
    ...loans,
    check,
    max,
    min,
    maxIdle: validate.number(given.maxIdle, 'maxIdle', {
      default: Infinity,
      min,
      integer: true,
      infinite: true,
    }),
    maxObjectBytes: validate.number(given.maxObjectBytes, 'maxObjectBytes', {
      default: Infinity,
      min: 0,
      infinite: true,
    }),
    sizeOf: validate.fn(given.sizeOf, 'sizeOf', { optional: true }),
    reset:
      given.reset === false
        ? /** @type {const} */ (false)
        : validate.fn(given.reset, 'reset', { optional: true }),
    trimOnGc: validate.boolean(given.trimOnGc, 'trimOnGc', true),
  };
}

module.exports = { poolOptions };
