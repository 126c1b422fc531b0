'use strict';

const { error } = require('../errors.js');

/** @param {unknown} value */
function isPositiveInteger(value) {
  return Number.isInteger(value) && /** @type {number} */ (value) > 0;
}

/** In the words of lru-cache, for those who look for them. @param {string} reason */
function invalid(reason) {
  return error('ERR_HEAPWISE_LRU_CACHE_INVALID', reason);
}

/**
 * What the constructor is given, checked as lru-cache does it: names that it does not know are left alone, because it does so
 * as well.
 *
 * @param {any} options
 */
function checkedOptions(options) {
  if (options === null || typeof options !== 'object') {
    throw invalid('At least one of max, maxSize, or ttl is required');
  }
  const { max = 0, maxSize = 0, ttl = 0, maxEntrySize = 0, sizeCalculation, perf } = options;
  const { backgroundFetchSize = 1, ttlResolution = 1 } = options;
  if (perf !== undefined && typeof perf?.now !== 'function') {
    throw invalid('perf option must have a now() method if specified');
  }
  if (max !== 0 && !(isPositiveInteger(max) && Number.isSafeInteger(max))) {
    throw invalid('max option must be a nonnegative integer');
  }
  if (sizeCalculation) {
    if (!maxSize && !maxEntrySize) {
      throw invalid('cannot set sizeCalculation without setting maxSize or maxEntrySize');
    }
    if (typeof sizeCalculation !== 'function') {
      throw invalid('sizeCalculation set to non-function');
    }
  }
  for (const name of ['memoMethod', 'fetchMethod']) {
    if (options[name] !== undefined && typeof options[name] !== 'function') {
      throw invalid(`${name} must be a function if specified`);
    }
  }
  if (maxSize && !isPositiveInteger(maxSize)) {
    throw invalid('maxSize must be a positive integer if specified');
  }
  if (maxEntrySize && !isPositiveInteger(maxEntrySize)) {
    throw invalid('maxEntrySize must be a positive integer if specified');
  }
  checkFetchSize(backgroundFetchSize);
  if (ttl && !isPositiveInteger(ttl)) {
    throw invalid('ttl must be a positive integer if specified');
  }
  if (!max && !maxSize && !ttl) {
    throw invalid('At least one of max, maxSize, or ttl is required');
  }
  return {
    max,
    maxSize: maxSize || 0,
    ttl: ttl || 0,
    // Not checked further: lru-cache takes the default instead.
    ttlResolution: isPositiveInteger(ttlResolution) || ttlResolution === 0 ? ttlResolution : 1,
    maxEntrySize: maxEntrySize || maxSize || 0,
    backgroundFetchSize,
    // Asked for now: those who test with a clock of their own put it there.
    perf: perf ?? globalThis.performance ?? Date,
  };
}

/** @param {unknown} size */
function checkFetchSize(size) {
  if (size !== 0 && !isPositiveInteger(size)) {
    throw invalid('backgroundFetchSize must be a nonnegative integer');
  }
}

/**
 * The size of an entry, where sizes count.
 *
 * @param {unknown} key
 * @param {unknown} value
 * @param {any} size as given, if it is
 * @param {any} sizeCalculation
 * @returns {number}
 */
function sizeOf(key, value, size, sizeCalculation) {
  if (isPositiveInteger(size)) {
    return size;
  }
  if (!sizeCalculation) {
    throw invalid(
      'invalid size value (must be positive integer). When maxSize or maxEntrySize is used, sizeCalculation or size must be set.',
    );
  }
  if (typeof sizeCalculation !== 'function') {
    throw invalid('sizeCalculation must be a function');
  }
  const calculated = sizeCalculation(value, key);
  if (!isPositiveInteger(calculated)) {
    throw invalid('sizeCalculation return invalid (expect positive integer)');
  }
  return calculated;
}

const FETCH_OPTIONS = [
  'allowStale',
  'updateAgeOnGet',
  'noDeleteOnStaleGet',
  'ttl',
  'noDisposeOnSet',
  'sizeCalculation',
  'noUpdateTTL',
  'noDeleteOnFetchRejection',
  'allowStaleOnFetchRejection',
  'allowStaleOnFetchAbort',
  'ignoreFetchAbort',
];

/**
 * What `fetchMethod` sees, and may change.
 *
 * @param {any} defaults the cache
 * @param {any} given
 * @param {any} status
 */
function fetchOptions(defaults, given, status) {
  /** @type {any} */
  const options = { status, signal: given.signal, size: given.size ?? 0 };
  for (const name of FETCH_OPTIONS) {
    options[name] = given[name] === undefined ? defaults[name] : given[name];
  }
  return options;
}

module.exports = { checkFetchSize, checkedOptions, fetchOptions, invalid, sizeOf };
