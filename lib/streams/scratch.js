'use strict';

const { error } = require('../errors.js');
const { Lease } = require('../lease.js');

/** The buffers that a stream has of its pool for the length of one call of its `transform` or `flush`. */
class Scratch {
  /** @type {Buffer[]} */
  #lent = [];
  #pool;

  /** @param {import('..').BufferPool | undefined} pool */
  constructor(pool) {
    this.#pool = pool;
  }

  /** @param {number} byteLength */
  acquire(byteLength) {
    if (this.#pool === undefined) {
      throw error('ERR_HEAPWISE_STREAM_SCRATCH', 'The stream has no "buffers" to take scratch memory from');
    }
    const buffer = this.#pool.acquire(byteLength);
    this.#lent.push(buffer);
    return buffer;
  }

  /**
   * Lets go of the buffer that a view lies in.
   *
   * @param {ArrayBufferView} view
   * @returns {{ release(): void } | undefined} undefined if it lies in none of these
   */
  take(view) {
    const start = view.byteOffset;
    const end = start + view.byteLength;
    const at = this.#lent.findIndex(
      (buffer) =>
        buffer.buffer === view.buffer &&
        buffer.byteOffset <= start &&
        end <= buffer.byteOffset + buffer.length,
    );
    return at < 0 ? undefined : new Lease(/** @type {any} */ (this.#pool), this.#lent.splice(at, 1)[0]);
  }

  /**
   * Gives all back.
   *
   * @returns {any} what went wrong, if anything did: that somebody has released one already
   */
  release() {
    const lent = this.#lent;
    this.#lent = [];
    let failure;
    for (const buffer of lent) {
      try {
        this.#pool?.release(buffer);
      } catch (thrown) {
        failure ??= thrown;
      }
    }
    return failure;
  }
}

module.exports = { Scratch };
