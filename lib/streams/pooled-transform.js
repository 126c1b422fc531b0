'use strict';

const { Transform } = require('node:stream');
const { slabUnder } = require('../buffer-pool/slab.js');
const { error } = require('../errors.js');

/**
 * @typedef {object} Handlers
 * @property {import('..').ObjectPool<object> | undefined} state where it comes from
 * @property {Function} transform the user's
 * @property {Function | undefined} flush the user's
 */

/**
 * A Transform whose state and scratch memory come from pools. The stream itself is made anew each time: a finished one
 * cannot be started again, and its state is what is costly.
 */
class PooledTransform extends Transform {
  #handlers;
  #scratch;
  /** @type {object | undefined} */
  #state;
  /** Between a call of a handler and its callback, when it may use what was lent, whatever becomes of the stream. */
  #running = false;
  /** No further call will come. */
  #ending = false;

  /**
   * @param {import('node:stream').TransformOptions} options
   * @param {Handlers} handlers
   * @param {import('./scratch.js').Scratch} scratch
   */
  constructor(options, handlers, scratch) {
    super(options);
    this.#handlers = handlers;
    this.#scratch = scratch;
  }

  get state() {
    if (this.#ending && !this.#running) {
      throw error('ERR_HEAPWISE_STREAM_ENDED');
    }
    this.#state ??= this.#handlers.state?.acquire();
    return this.#state;
  }

  /** @param {number} byteLength */
  scratch(byteLength) {
    if (!this.#running) {
      throw error(
        'ERR_HEAPWISE_STREAM_SCRATCH',
        'Scratch memory is lent during a call of transform or flush only',
      );
    }
    return this.#scratch.acquire(byteLength);
  }

  /**
   * Whoever reads the chunk may keep it, so what lies in the memory of a pool is copied.
   *
   * @param {any} chunk
   * @param {BufferEncoding} [encoding]
   */
  push(chunk, encoding) {
    return super.push(ownMemory(chunk), encoding);
  }

  /**
   * @param {any} chunk
   * @param {BufferEncoding} encoding
   * @param {import('node:stream').TransformCallback} callback
   */
  _transform(chunk, encoding, callback) {
    this.#call(callback, (done) => this.#handlers.transform.call(this, chunk, encoding, done));
  }

  /** @param {import('node:stream').TransformCallback} callback */
  _flush(callback) {
    this.#ending = true;
    this.#call(callback, (done) => {
      if (this.#handlers.flush === undefined) {
        done();
      } else {
        this.#handlers.flush.call(this, done);
      }
    });
  }

  /**
   * @param {Error | null} failure
   * @param {(failure?: Error | null) => void} callback
   */
  _destroy(failure, callback) {
    this.#ending = true;
    const raised = this.#running ? undefined : this.#giveBack();
    callback(failure ?? raised);
  }

  /**
   * Runs a handler; gives scratch memory back when its callback comes, and the state too if it was the last call.
   *
   * @param {import('node:stream').TransformCallback} callback
   * @param {(done: import('node:stream').TransformCallback) => void} handler
   */
  #call(callback, handler) {
    this.#running = true;
    let isDone = false;
    /** @type {import('node:stream').TransformCallback} */
    const done = (failure, data) => {
      if (isDone) {
        // Node says what is wrong with that.
        callback(failure, data);
        return;
      }
      isDone = true;
      if (!failure && data !== null && data !== undefined) {
        // Before the scratch memory goes that it may lie in.
        this.push(data);
      }
      this.#running = false;
      const raised = this.#giveBack();
      callback(failure ?? raised);
    };
    try {
      handler(done);
    } catch (thrown) {
      if (isDone) {
        throw thrown;
      }
      // The stream would otherwise stand still for ever, with what was lent to it.
      done(/** @type {Error} */ (thrown));
    }
  }

  /**
   * Gives back what nobody uses any more.
   *
   * @returns {any} what went wrong, if anything did
   */
  #giveBack() {
    let failure = this.#scratch.release();
    const state = this.#state;
    if (this.#ending && state !== undefined) {
      this.#state = undefined;
      try {
        this.#handlers.state?.release(state);
      } catch (thrown) {
        failure ??= thrown;
      }
    }
    return failure;
  }
}

/**
 * A chunk that shares no memory with a pool.
 *
 * @param {any} chunk
 */
function ownMemory(chunk) {
  if (slabUnder(chunk) === undefined) {
    return chunk;
  }
  if (Buffer.isBuffer(chunk)) {
    return Buffer.from(chunk);
  }
  const { buffer, byteOffset, byteLength, constructor: View } = chunk;
  return new View(buffer.slice(byteOffset, byteOffset + byteLength));
}

module.exports = { PooledTransform, ownMemory };
