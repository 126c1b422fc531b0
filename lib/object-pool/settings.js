'use strict';

const { error } = require('../errors.js');
const { LOAN_OPTIONS, loanOptions } = require('../loan-tracker.js');
const validate = require('../validate.js');
const { nextMarks } = require('./mark.js');
const { templateOf } = require('./template.js');

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

/** Of the objects of a pool with `check: 'off'`, which carry no mark. */
const UNMARKED = 0;

/**
 * All that a pool is told when it is made.
 *
 * @param {unknown} template
 * @param {import('../..').ObjectPoolOptions<any> | undefined} options
 */
function settingsOf(template, options) {
  const given = poolOptions(options);
  const { create, restore, measurable = true } = templateOf(template);
  const limited = given.maxObjectBytes < Infinity;
  if (limited && !measurable && given.sizeOf === undefined) {
    throw error('ERR_HEAPWISE_POOL_OBJECT_SIZE', NaN);
  }
  const number = given.check === 'on' ? nextMarks() : UNMARKED;
  // Negative where loans are tracked, so that one comparison in `acquire` tells all three kinds of pool apart.
  const mark = given.track === 'off' ? number : -number;
  const reset = given.reset === false ? undefined : given.reset;
  return {
    ...given,
    create,
    reset,
    /** What takes the place of a reset that was not given. */
    restore: given.reset === undefined ? restore : undefined,
    limited,
    idleMark: mark,
    lentMark: mark === UNMARKED ? UNMARKED : mark + 1,
    trackedMark: mark + 2,
    /** Whether a released object must be looked at before it is idle again: all that is optional about a release. */
    settles:
      reset !== undefined ||
      (given.reset === undefined && restore !== undefined) ||
      limited ||
      given.maxIdle < Infinity,
  };
}

module.exports = { UNMARKED, settingsOf };
