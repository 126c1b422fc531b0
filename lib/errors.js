'use strict';

/**
 * Every error of heapwise: its code, its base class and its message. Codes never change; messages may.
 * Errors that Rust raises (`src/error.rs`) carry codes of this table as well.
 *
 * @type {Record<string, { base: ErrorConstructor, message: (...details: any[]) => string }>}
 */
const table = {
  ERR_HEAPWISE_BINDING_MISSING: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_INVALID_ARG_TYPE: {
    base: TypeError,
    message: (name, wanted, got) => `"${name}" must be ${wanted}, got ${describe(got)}`,
  },
  ERR_HEAPWISE_INVALID_ARG_VALUE: {
    base: RangeError,
    message: (name, wanted, got) => `"${name}" must be ${wanted}, got ${describe(got)}`,
  },
  ERR_HEAPWISE_UNKNOWN_OPTION: {
    base: TypeError,
    message: (name, owner, nearest) =>
      `Unknown option "${name}" of ${owner}` + (nearest ? `; did you mean "${nearest}"?` : ''),
  },
  ERR_HEAPWISE_POOL_DOUBLE_RELEASE: {
    base: Error,
    message: () => 'The object was released twice: it is in the pool already, or the pool has dropped it',
  },
  ERR_HEAPWISE_POOL_FOREIGN_OBJECT: {
    base: Error,
    message: () => 'The object was not lent by this pool',
  },
  ERR_HEAPWISE_POOL_EXHAUSTED: {
    base: Error,
    message: (max) => `All ${max} objects of the pool are lent`,
  },
  ERR_HEAPWISE_POOL_INVALID_OBJECT: {
    base: TypeError,
    message: (reason) => `The pool's create function returned ${reason}`,
  },
  ERR_HEAPWISE_POOL_INVALID_TEMPLATE: {
    base: TypeError,
    message: (path, what) =>
      `"${path}" cannot be copied, being ${what}; pass a function that creates the objects`,
  },
  ERR_HEAPWISE_POOL_OBJECT_SIZE: {
    base: TypeError,
    message: (got) =>
      `The size of an object must be a non-negative number, got ${describe(got)}; pass "sizeOf"`,
  },
  ERR_HEAPWISE_POOL_RESPONSE_OVER: {
    base: Error,
    message: () =>
      'The response is over: what "req.pooled" had was given back, and may be lent to another request by now',
  },
  ERR_HEAPWISE_POOL_CLOSED: { base: Error, message: () => 'The pool is closed' },
  ERR_HEAPWISE_BUFFER_POOL_BUDGET: { base: RangeError, message: (reason) => reason },
  ERR_HEAPWISE_BUFFER_POOL_EXHAUSTED: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_BUFFER_POOL_TOO_LARGE: {
    base: RangeError,
    message: (byteLength, largest) => `The pool lends at most ${largest} bytes at a time, not ${byteLength}`,
  },
  ERR_HEAPWISE_BUFFER_POOL_SLICE: {
    base: Error,
    message: () => 'This is a part of a buffer of this pool: release the buffer itself',
  },
  ERR_HEAPWISE_BUFFER_POOL_WRITE_AFTER_RELEASE: {
    base: Error,
    message: (offset, size) => `Byte ${offset} of a block of ${size} was written after it had been released`,
  },
  ERR_HEAPWISE_STREAM_ENDED: {
    base: Error,
    message: () => 'The stream has ended, and its state has gone back to the pool',
  },
  ERR_HEAPWISE_STREAM_SCRATCH: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_RESOURCE_TIMEOUT: {
    base: Error,
    message: (waited, stats, holders) =>
      `No resource came within ${waited} ms: ${stats.borrowed} of ${stats.max} are lent, ${stats.creating} in the making, ` +
      `${stats.waiting} others wait${holders && `; held by ${holders}`}`,
  },
  ERR_HEAPWISE_RESOURCE_QUEUE_FULL: { base: Error, message: (max) => `${max} wait for a resource already` },
  ERR_HEAPWISE_RESOURCE_CREATE: {
    base: Error,
    message: (cause) => `A resource could not be created: ${cause?.message ?? describe(cause)}`,
  },
  ERR_HEAPWISE_RESOURCE_SLOW: {
    base: Error,
    message: (step) => `The pool's "${step}" took longer than its time-out`,
  },
  ERR_HEAPWISE_RESOURCE_DRAIN: {
    base: Error,
    message: (limit, stats, holders) =>
      `The pool did not drain within ${limit} ms: ${stats.borrowed} resources are lent${holders && `, ${holders}`}`,
  },
  ERR_HEAPWISE_CACHE_CLOSED: { base: Error, message: () => 'The cache is closed' },
  ERR_HEAPWISE_CACHE_LOAD_TIMEOUT: {
    base: Error,
    message: (timeout) => `The value was not loaded within ${timeout} ms`,
  },
  ERR_HEAPWISE_CACHE_SIZE: {
    base: TypeError,
    message: (got) =>
      `The size of a value must be a non-negative number, got ${describe(got)}; pass "sizeOf" or "size"`,
  },
  ERR_HEAPWISE_LRU_CACHE_INVALID: { base: TypeError, message: (reason) => reason },
  ERR_HEAPWISE_LRU_CACHE_NO_MEMO: { base: Error, message: () => 'no memoMethod provided to constructor' },
  ERR_HEAPWISE_LRU_CACHE_NO_VALUE: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_LRU_CACHE_FETCH_ABORTED: { base: Error, message: (why) => why },
  ERR_HEAPWISE_SHARED_CACHE_SETTINGS: { base: RangeError, message: (reason) => reason },
  ERR_HEAPWISE_SHARED_CACHE_MEMORY: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_SHARED_CACHE_TOO_LARGE: {
    base: RangeError,
    message: (most) => `The entry is too large: the cache takes at most ${most} bytes for one`,
  },
  ERR_HEAPWISE_SHARED_CACHE_TARGET: {
    base: RangeError,
    message: () => 'The target is too small for the value: "getBuffer" makes one that is large enough',
  },
  ERR_HEAPWISE_SHARED_CACHE_DAMAGED: {
    base: Error,
    message: () => 'The stored value cannot be decompressed: its bytes are not those that were stored',
  },
  ERR_HEAPWISE_SHARED_CACHE_CODEC: {
    base: Error,
    message: (step, what) => `The cache's codec failed: "${step}" ${what}`,
  },
  ERR_HEAPWISE_SHARED_CACHE_LOAD: {
    base: Error,
    message: (reason) => `The load of another thread has failed: ${reason}`,
  },
  ERR_HEAPWISE_SHARED_CACHE_OPEN: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_SHARED_CACHE_SAVE_BUSY: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_SHARED_CACHE_SAVE_OVERRUN: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_SHARED_CACHE_FILE: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_SHARED_CACHE_FILE_MISSING: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_SHARED_CACHE_FILE_INVALID: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_SHARED_CACHE_FILE_VERSION: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_SHARED_CACHE_FILE_CODEC: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_MONITOR_CLOSED: { base: Error, message: () => 'The monitor is closed' },
  ERR_HEAPWISE_MONITOR_STOPPED: {
    base: Error,
    message: () => 'The monitor is stopped, and has measured nothing in that window: start it first',
  },
  ERR_HEAPWISE_LEAK: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_DETECTOR_CLOSED: { base: Error, message: () => 'The leak detector is closed' },
  ERR_HEAPWISE_HISTOGRAM_RANGE: { base: RangeError, message: (reason) => reason },
  ERR_HEAPWISE_HISTOGRAM_MERGE: { base: TypeError, message: (reason) => reason },
  ERR_HEAPWISE_HISTOGRAM_DECODE: { base: TypeError, message: (reason) => reason },
  ERR_HEAPWISE_REPORT_FILE: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_UNSUPPORTED: { base: Error, message: (reason) => reason },
  ERR_HEAPWISE_PROMETHEUS_MISSING: {
    base: Error,
    message: () =>
      'Metrics need the package "@prometheus-io/client" (Node >= 22) or "prom-client": install one, or pass a "registry"',
  },
  ERR_HEAPWISE_DUPLICATE_NAME: {
    base: RangeError,
    message: (kind, name) => `There is another ${kind} named "${name}" already`,
  },
};

/**
 * A short description of a value for an error message; never throws and never prints a secret at length.
 *
 * @param {unknown} value
 * @returns {string}
 */
function describe(value) {
  if (value === null) {
    return 'null';
  }
  switch (typeof value) {
    case 'string':
      return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value);
    case 'function':
      return 'a function';
    case 'object':
      return Array.isArray(value) ? 'an array' : 'an object';
    default:
      return String(value);
  }
}

/**
 * Makes an error of the table.
 *
 * @param {string} code
 * @param {...unknown} details what the message of this code takes
 * @returns {Error & { code: string }}
 */
function error(code, ...details) {
  const { base: Base, message } = table[code];
  const made = new Base(message(...details));
  // Not part of the frames that a user looks for.
  Error.captureStackTrace(made, error);
  return Object.assign(made, { code });
}

/**
 * Gives an error that came from Rust the base class that its code has here. Others are passed on as they are.
 *
 * @param {any} raised
 * @returns {Error}
 */
function fromNative(raised) {
  const known = raised instanceof Error && Object.hasOwn(table, /** @type {any} */ (raised).code);
  return known ? error(/** @type {any} */ (raised).code, raised.message) : raised;
}

module.exports = { codes: Object.freeze(Object.keys(table)), describe, error, fromNative };
