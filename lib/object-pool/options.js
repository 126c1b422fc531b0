'use strict';

const { error } = require('../errors.js');
const validate = require('../validate.js');

const OPTIONS = [
  'check',
  'leakThreshold',
  'max',
  'maxIdle',
  'maxObjectBytes',
  'min',
  'onLeak',
  'reset',
  'sizeOf',
  'track',
  'trimOnGc',
];

/** What a timer of Node can wait for. */
const LONGEST_TIMER = 2 ** 31 - 1;

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
  const track = validate.oneOf(given.track, 'track', ['off', 'sampled', 'all']);
  if (check === 'off' && track !== 'off') {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'check', "'on' where loans are tracked", check);
  }
  return {
    check,
    track,
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
    leakThreshold: validate.number(given.leakThreshold, 'leakThreshold', {
      default: 60_000,
      above: 0,
      max: LONGEST_TIMER,
    }),
    onLeak: validate.fn(given.onLeak, 'onLeak', { optional: true }),
  };
}

module.exports = { poolOptions };
