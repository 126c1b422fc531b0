'use strict';

const { Readable } = require('node:stream');
const { error } = require('../errors.js');
const { PooledTransform, ownMemory } = require('./pooled-transform.js');

/**
 * What is to be given back for each chunk; null when it was.
 *
 * @type {WeakMap<Buffer, { release(): void } | null>}
 */
const loans = new WeakMap();
/** The loan of a chunk that lies in no pool. */
const NOTHING = { release() {} };

/**
 * A PooledTransform that pushes scratch memory as it is: who reads the chunks has promised to hand each back to
 * `release`.
 *
 * Readable in object mode, because a stream of bytes joins chunks for those who read it, and cuts them. Each chunk is a
 * view of its own, so that none can be released twice unnoticed.
 */
class LendingTransform extends PooledTransform {
  #scratch;
  /**
   * Chunks that were pushed and not read. Nobody will hand them back if the stream ends before.
   *
   * @type {Set<Buffer>}
   */
  #unread = new Set();

  /**
   * @param {import('node:stream').TransformOptions} options
   * @param {import('./pooled-transform.js').Handlers} handlers
   * @param {import('./scratch.js').Scratch} scratch
   */
  constructor(options, handlers, scratch) {
    super({ ...options, readableObjectMode: true }, handlers, scratch);
    this.#scratch = scratch;
  }

  /**
   * @param {any} chunk
   * @param {BufferEncoding} [encoding]
   */
  push(chunk, encoding) {
    if (chunk === null) {
      return super.push(null);
    }
    const loan = ArrayBuffer.isView(chunk) ? this.#scratch.take(chunk) : undefined;
    const view = loan === undefined ? viewOf(own(chunk, encoding)) : viewOf(chunk);
    loans.set(view, loan ?? NOTHING);
    this.#unread.add(view);
    // Not super.push, which would copy it.
    return Readable.prototype.push.call(this, view);
  }

  /**
   * @param {number} [size]
   * @returns {any}
   */
  read(size) {
    // What is left then was given back.
    return this.destroyed ? null : super.read(size);
  }

  /**
   * @param {string | symbol} name
   * @param {...any} values
   */
  emit(name, ...values) {
    if (name === 'data') {
      this.#unread.delete(values[0]);
    }
    return super.emit(name, ...values);
  }

  /**
   * @param {Error | null} failure
   * @param {(failure?: Error | null) => void} callback
   */
  _destroy(failure, callback) {
    const unread = this.#unread;
    this.#unread = new Set();
    unread.forEach(release);
    // oxlint-disable-next-line eslint/no-underscore-dangle -- Node calls it so
    super._destroy(failure, callback);
  }
}

/**
 * What is no scratch memory of the stream, as memory that nobody else uses.
 *
 * @param {any} chunk
 * @param {BufferEncoding} [encoding]
 * @returns {ArrayBufferView}
 */
function own(chunk, encoding) {
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, encoding);
  }
  if (!ArrayBuffer.isView(chunk)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'chunk', 'a string, Buffer, TypedArray or DataView', chunk);
  }
  return ownMemory(chunk);
}

/** @param {ArrayBufferView} view */
function viewOf({ buffer, byteOffset, byteLength }) {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/**
 * Takes a chunk back that a stream with `lend` has given out.
 *
 * @param {any} chunk
 */
function release(chunk) {
  const loan = loans.get(chunk);
  if (loan === undefined) {
    throw error('ERR_HEAPWISE_POOL_FOREIGN_OBJECT');
  }
  if (loan === null) {
    throw error('ERR_HEAPWISE_POOL_DOUBLE_RELEASE');
  }
  loans.set(chunk, null);
  loan.release();
}

module.exports = { LendingTransform, release };
