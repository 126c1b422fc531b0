'use strict';

const { error } = require('../errors.js');
const validate = require('../validate.js');
const { farOf } = require('./far.js');

const OPTIONS = /** @type {const} */ ([
  'near',
  'far',
  'ttl',
  'nearTtl',
  'staleIfError',
  'timeout',
  'maxInFlight',
  'writeBehind',
  'breaker',
  'maxKept',
  'invalidation',
]);
const SET_OPTIONS = /** @type {const} */ (['ttl']);
const LOAD_OPTIONS = /** @type {const} */ (['ttl', 'negativeTtl', 'errorTtl', 'timeout', 'signal']);

const DURATION = { default: 0, min: 0, infinite: true };
const COUNT = { min: 1, integer: true };

/** @param {import('../..').TieredCacheOptions} options */
function settingsOf(options) {
  const given = validate.options(options, 'TieredCache', OPTIONS);
  return {
    near: nearOf(given.near),
    far: farOf(given.far),
    ttl: validate.number(given.ttl, 'ttl', DURATION),
    // As with a ttl, 0 is for ever.
    nearTtl: validate.number(given.nearTtl, 'nearTtl', DURATION) || Infinity,
    staleIfError: validate.number(given.staleIfError, 'staleIfError', { default: 0, min: 0 }),
    timeout: validate.timeout(given.timeout, 'timeout', 500),
    maxInFlight: validate.number(given.maxInFlight, 'maxInFlight', { ...COUNT, default: 1000 }),
    writeBehind: validate.number(given.writeBehind, 'writeBehind', { default: 0, min: 0, integer: true }),
    breaker: breakerOf(given.breaker),
    maxKept: validate.number(given.maxKept, 'maxKept', { ...COUNT, default: 10_000 }),
    invalidation: given.invalidation === false ? undefined : invalidationOf(given.invalidation),
  };
}

/** @param {any} near */
function nearOf(near) {
  const wanted = ['get', 'has', 'set', 'delete', 'clear', 'stats'];
  if (near === null || typeof near !== 'object' || wanted.some((name) => typeof near[name] !== 'function')) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'near', 'a Cache or a SharedCache', near);
  }
  return near;
}

/** @param {import('../..').TieredCacheBreakerOptions | undefined} options */
function breakerOf(options) {
  const given = validate.options(options, 'breaker', ['failures', 'window', 'cooldown', 'maxCooldown']);
  const cooldown = validate.timeout(given.cooldown, 'breaker.cooldown', 1000);
  return {
    failures: validate.number(given.failures, 'breaker.failures', { ...COUNT, default: 5 }),
    window: validate.number(given.window, 'breaker.window', { default: 10_000, above: 0 }),
    cooldown,
    maxCooldown: Math.max(cooldown, validate.timeout(given.maxCooldown, 'breaker.maxCooldown', 30_000)),
  };
}

/** @param {any} options */
function invalidationOf(options) {
  const given = validate.options(options, 'invalidation', ['bus', 'channel', 'heartbeat']);
  const { bus } = given;
  if (bus !== undefined && (typeof bus?.publish !== 'function' || typeof bus.subscribe !== 'function')) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'invalidation.bus', '{ publish, subscribe }', bus);
  }
  return {
    bus,
    channel: given.channel === undefined ? undefined : validate.string(given.channel, 'invalidation.channel'),
    heartbeat: validate.timeout(given.heartbeat, 'invalidation.heartbeat', 5000),
  };
}

/**
 * @param {import('../..').TieredCacheSetOptions | undefined} options
 * @param {number} ttl of the cache
 */
function ttlOf(options, ttl) {
  const given = validate.options(options, 'TieredCache.set', SET_OPTIONS);
  return validate.number(given.ttl, 'ttl', { ...DURATION, default: ttl });
}

/**
 * @param {import('../..').TieredCacheLoadOptions | undefined} options
 * @param {number} ttl of the cache
 */
function loadOptions(options, ttl) {
  const given = validate.options(options, 'TieredCache.getOrLoad', LOAD_OPTIONS);
  return {
    ttl: validate.number(given.ttl, 'ttl', { ...DURATION, default: ttl }),
    negativeTtl:
      given.negativeTtl === undefined
        ? undefined
        : validate.number(given.negativeTtl, 'negativeTtl', DURATION),
    errorTtl: validate.number(given.errorTtl, 'errorTtl', DURATION),
    timeout: validate.timeout(given.timeout, 'timeout', Infinity),
    signal: validate.signal(given.signal, 'signal'),
  };
}

/** @param {unknown} key */
function checkKey(key) {
  if (typeof key !== 'string') {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'key', 'a string', key);
  }
  if (key === '') {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'key', 'a string that is not empty', key);
  }
}

/** @param {unknown} value */
function isStorable(value) {
  return value !== undefined && typeof value !== 'function' && typeof value !== 'symbol';
}

/** @param {unknown} value */
function checkValue(value) {
  if (!isStorable(value)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'value', 'what JSON can say, or bytes', value);
  }
}

module.exports = { checkKey, checkValue, isStorable, loadOptions, settingsOf, ttlOf };
