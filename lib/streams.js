'use strict';

const { addAbortSignal } = require('node:stream');
const { LendingTransform, release } = require('./streams/lending-transform.js');
const { PooledTransform } = require('./streams/pooled-transform.js');
const { Scratch } = require('./streams/scratch.js');
const { error } = require('./errors.js');
const validate = require('./validate.js');

const OWN_OPTIONS = ['buffers', 'flush', 'lend', 'signal', 'state', 'transform'];
/** Options of `stream.Transform` that are handed on. Its methods are not among them: they are what is pooled here. */
const STREAM_OPTIONS = [
  'allowHalfOpen',
  'autoDestroy',
  'decodeStrings',
  'defaultEncoding',
  'emitClose',
  'highWaterMark',
  'objectMode',
  'readableHighWaterMark',
  'readableObjectMode',
  'writableHighWaterMark',
  'writableObjectMode',
];
const OPTIONS = [...OWN_OPTIONS, ...STREAM_OPTIONS];

/**
 * A Transform whose state and scratch memory come from pools. See `streams.d.ts` for its contract.
 *
 * @param {any} options
 * @returns {any}
 */
function pooledTransform(options) {
  const given = /** @type {any} */ (validate.options(options, 'pooledTransform', OPTIONS));
  const handlers = {
    state: pool(given.state, 'state'),
    transform: validate.fn(given.transform, 'transform'),
    flush: validate.fn(given.flush, 'flush', { optional: true }),
  };
  const scratch = new Scratch(pool(given.buffers, 'buffers'));
  const Class = validate.boolean(given.lend, 'lend', false) ? LendingTransform : PooledTransform;
  const entries = STREAM_OPTIONS.filter((name) => given[name] !== undefined).map((name) => [
    name,
    given[name],
  ]);
  const stream = new Class(Object.fromEntries(entries), handlers, scratch);
  // Not left to the constructor of Transform: one that is aborted already would destroy a stream that is half made.
  return given.signal === undefined ? stream : addAbortSignal(given.signal, stream);
}

/**
 * @param {any} value
 * @param {string} name
 */
function pool(value, name) {
  if (value !== undefined && (typeof value?.acquire !== 'function' || typeof value.release !== 'function')) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', name, 'a pool', value);
  }
  return value;
}

module.exports = { pooledTransform, release };
