'use strict';

const { error } = require('../errors.js');
const validate = require('../validate.js');
const { POLICIES } = require('./policy.js');
const { checkedSize, sizeOf } = require('./size-of.js');

const CACHE_OPTIONS = [
  'max',
  'maxSize',
  'sizeOf',
  'ttl',
  'slidingTtl',
  'maxTtl',
  'jitter',
  'policy',
  'onEvict',
  'now',
];
const SET_OPTIONS = ['ttl', 'size', 'tags'];
const LOAD_OPTIONS = [
  ...SET_OPTIONS,
  'negativeTtl',
  'errorTtl',
  'staleWhileRevalidate',
  'staleIfError',
  'earlyRefresh',
  'timeout',
  'signal',
];

/** Twice as many and their growth is what an array of V8 can hold. */
const MAX_ENTRIES = 2 ** 25;

const DURATION = { default: 0, min: 0, infinite: true };

/**
 * @param {any} options
 * @param {() => number} clock used unless the options bring their own
 */
function cacheOptions(options, clock) {
  const given = validate.options(options, 'Cache', CACHE_OPTIONS);
  if (given.max === undefined && given.maxSize === undefined) {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'max', 'given, unless "maxSize" is', undefined);
  }
  return {
    max: validate.number(given.max, 'max', {
      default: MAX_ENTRIES,
      min: 1,
      max: MAX_ENTRIES,
      integer: true,
    }),
    maxSize: validate.number(given.maxSize, 'maxSize', { default: Infinity, above: 0, infinite: true }),
    sizeOf: validate.fn(given.sizeOf, 'sizeOf', { optional: true }) ?? sizeOf,
    ttl: validate.number(given.ttl, 'ttl', DURATION),
    sliding: validate.boolean(given.slidingTtl, 'slidingTtl', false),
    // As with a ttl, 0 is none.
    maxTtl: validate.number(given.maxTtl, 'maxTtl', DURATION) || Infinity,
    jitter: validate.number(given.jitter, 'jitter', { default: 0, min: 0, max: 1 }),
    policy: validate.oneOf(given.policy, 'policy', POLICIES),
    onEvict: validate.fn(given.onEvict, 'onEvict', { optional: true }),
    now: validate.fn(given.now, 'now', { optional: true }) ?? clock,
  };
}

/**
 * @param {any} options
 * @param {string} owner
 * @param {number} ttl of the cache
 */
function setOptions(options, owner, ttl) {
  const given = validate.options(options, owner, SET_OPTIONS);
  return entryOptions(given, ttl);
}

/**
 * @param {any} given
 * @param {number} ttl
 */
function entryOptions(given, ttl) {
  return {
    ttl: validate.number(given.ttl, 'ttl', { ...DURATION, default: ttl }),
    size: checkedSize(given.size),
    tags: tagList(given.tags),
  };
}

/**
 * @param {any} options
 * @param {number} ttl of the cache
 * @param {string} [owner]
 * @param {readonly string[]} [known]
 * @returns {import('./loader.js').LoadOptions}
 */
function loadOptions(options, ttl, owner = 'Cache.getOrLoad', known = LOAD_OPTIONS) {
  const given = validate.options(options, owner, known);
  return {
    ...entryOptions(given, ttl),
    negativeTtl:
      given.negativeTtl === undefined
        ? undefined
        : validate.number(given.negativeTtl, 'negativeTtl', DURATION),
    errorTtl: validate.number(given.errorTtl, 'errorTtl', DURATION),
    staleWhileRevalidate: validate.number(given.staleWhileRevalidate, 'staleWhileRevalidate', DURATION),
    staleIfError: validate.number(given.staleIfError, 'staleIfError', DURATION),
    earlyRefresh: validate.number(given.earlyRefresh, 'earlyRefresh', { default: 0, min: 0 }),
    timeout: validate.timeout(given.timeout, 'timeout', Infinity),
    signal: validate.signal(given.signal, 'signal'),
  };
}

/**
 * @param {unknown} tags
 * @returns {string[] | undefined} each once
 */
function tagList(tags) {
  if (!isTagList(tags)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'tags', 'an array of strings', tags);
  }
  return tags === undefined || tags.length === 0 ? undefined : [...new Set(tags)];
}

/**
 * @param {unknown} tags
 * @returns {tags is string[] | undefined}
 */
function isTagList(tags) {
  return tags === undefined || (Array.isArray(tags) && tags.every((tag) => typeof tag === 'string'));
}

module.exports = { MAX_ENTRIES, cacheOptions, isTagList, loadOptions, setOptions, tagList };
