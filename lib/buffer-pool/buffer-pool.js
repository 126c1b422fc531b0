'use strict';

const { error, fromNative } = require('../errors.js');
const { Lease, useAndRelease } = require('../lease.js');
const validate = require('../validate.js');
const { poison, writtenAfterRelease } = require('./poison.js');
const { createPressureWatch } = require('./pressure.js');
const { SizeClasses } = require('./size-classes.js');
const { Loan, slabUnder } = require('./slab.js');
const { Store } = require('./store.js');

/** @typedef {import('./slab.js').Block} Block */

const OPTIONS = ['maxBytes', 'sizes', 'zero', 'name', 'idleTimeout', 'debug'];

/** Smallest budget: less holds no slab worth the name. */
const LEAST_BUDGET = 64 * 1024;
/** Largest class. Lengths up to here are integers of 32 bits, which is what makes finding a class cheap. */
const LARGEST = 2 ** 31;
const MOST_SIZES = 1000;

/**
 * The BufferPool class over native slabs. See `index.d.ts` for its contract.
 *
 * An acquire and a release are JavaScript alone, a pop and a push, as long as there is an idle block and the length is
 * that of the last loan of that block; else a view is made. Native calls take memory and give it back, no more.
 *
 * @param {{
 *   binding: Pick<typeof import('../binding.js'), 'SlabAccount' | 'pageSize'>,
 *   gc: import('./pressure.js').Collections,
 *   memory?: import('./pressure.js').MemoryReader,
 * }} parts
 */
function createBufferPoolClass({ binding, gc, memory }) {
  const pressure = createPressureWatch(gc, memory);

  class BufferPool {
    #classes;
    #largest;
    #store;
    #account;
    #maxBytes;
    #zero;
    #debug;
    /** Nothing to do with the bytes of a loan. */
    #plain;
    #acquired = 0;
    #used = 0;
    #peakUsed = 0;
    #requested = 0;

    /** @param {import('../..').BufferPoolOptions} options */
    constructor(options) {
      const given = validate.options(options, 'BufferPool', OPTIONS);
      this.#maxBytes = validate.number(given.maxBytes, 'maxBytes', {
        min: LEAST_BUDGET,
        max: Number.MAX_SAFE_INTEGER,
        integer: true,
      });
      const page = binding.pageSize();
      const most = Math.min(Math.floor(this.#maxBytes / page) * page, LARGEST);
      this.#classes = new SizeClasses(most, this.#maxBytes, sizesOf(given.sizes, most));
      this.#largest = this.#classes.largest;
      this.#zero = validate.oneOf(given.zero, 'zero', /** @type {const} */ (['never', 'release', 'acquire']));
      const name = nameOf(given.name);
      const idleTimeout = validate.number(given.idleTimeout, 'idleTimeout', {
        default: 10_000,
        above: 0,
        infinite: true,
      });
      this.#debug = validate.boolean(given.debug, 'debug', false);
      this.#plain = this.#zero === 'never' && !this.#debug;
      try {
        this.#account = new binding.SlabAccount(this.#maxBytes, name);
      } catch (raised) {
        throw fromNative(raised);
      }
      this.#store = new Store({
        classes: this.#classes,
        account: this.#account,
        name,
        idleTimeout,
        pressure,
        onDrop: this.#debug ? warnIfWritten : undefined,
      });
    }

    /**
     * @param {number} byteLength
     * @returns {Buffer}
     */
    acquire(byteLength) {
      // `>>>` leaves integers of 32 bits as they are, and no other number.
      if (
        typeof byteLength !== 'number' ||
        byteLength >>> 0 !== byteLength ||
        byteLength === 0 ||
        byteLength > this.#largest
      ) {
        throw refusedLength(byteLength, this.#largest);
      }
      const sizeClass = this.#classes.of(byteLength);
      let block = this.#store.next(sizeClass);
      if (block.view.length !== byteLength) {
        while (!block.show(byteLength)) {
          block = this.#store.next(sizeClass);
        }
      }
      if (!this.#plain) {
        this.#prepare(block);
      }
      block.lent = true;
      sizeClass.lent++;
      this.#acquired++;
      this.#requested += byteLength;
      this.#used += sizeClass.size;
      if (this.#used > this.#peakUsed) {
        this.#peakUsed = this.#used;
      }
      return block.view;
    }

    /** @param {Buffer} buffer */
    release(buffer) {
      let block;
      try {
        block = Loan.blockOf(buffer);
      } catch {
        // Not an object, or without our field. To ask first would cost more.
        throw this.#refusedBuffer(buffer);
      }
      if (block.store !== this.#store) {
        throw error('ERR_HEAPWISE_POOL_FOREIGN_OBJECT');
      }
      // Another view: that of a former loan, which ended with its release.
      if (block.view !== buffer || !block.lent) {
        throw error('ERR_HEAPWISE_POOL_DOUBLE_RELEASE');
      }
      const { sizeClass } = block;
      block.lent = false;
      sizeClass.lent--;
      this.#requested -= block.length;
      this.#used -= sizeClass.size;
      if (buffer.length !== block.length) {
        // The memory was transferred: it is somebody else's now.
        return;
      }
      if (!this.#plain) {
        this.#retire(block);
      }
      this.#store.put(block);
    }

    /**
     * @template R
     * @param {number} byteLength
     * @param {(buffer: Buffer) => R} fn
     * @returns {R}
     */
    use(byteLength, fn) {
      validate.fn(fn, 'fn');
      return useAndRelease(this, this.acquire(byteLength), fn);
    }

    /**
     * @param {number} byteLength
     * @returns {Lease<Buffer>}
     */
    lease(byteLength) {
      return new Lease(this, this.acquire(byteLength));
    }

    /** @returns {number} */
    trim() {
      if (this.#store.isClosed) {
        throw error('ERR_HEAPWISE_POOL_CLOSED');
      }
      return this.#store.giveBack();
    }

    /** @returns {import('../..').BufferPoolStats} */
    stats() {
      const classes = this.#classes.all
        .filter(({ lent, idle }) => lent + idle > 0)
        .map(({ size, lent, idle }) => ({ size, lent, idle }));
      const borrowed = classes.reduce((sum, { lent }) => sum + lent, 0);
      const { created, misses, trimmed, external } = this.#store;
      return {
        maxBytes: this.#maxBytes,
        committedBytes: this.#account.committed(),
        sharedBytes: this.#account.shared(),
        usedBytes: this.#used,
        requestedBytes: this.#requested,
        peakUsedBytes: this.#peakUsed,
        idleBytes: classes.reduce((sum, { size, idle }) => sum + size * idle, 0),
        trimmedBytes: trimmed,
        borrowed,
        idle: classes.reduce((sum, { idle }) => sum + idle, 0),
        acquired: this.#acquired,
        released: this.#acquired - borrowed,
        created,
        hits: this.#acquired - misses,
        misses,
        backing: external ? 'native' : 'v8',
        classes,
      };
    }

    close() {
      if (!this.#store.isClosed) {
        this.#store.close();
      }
    }

    [Symbol.dispose]() {
      this.close();
    }

    /**
     * Before a loan, where there is something to do with the bytes.
     *
     * @param {Block} block
     */
    #prepare(block) {
      const written = this.#debug ? writtenAfterRelease(block) : undefined;
      if (written !== undefined) {
        this.#store.put(block);
        throw written;
      }
      // Poison has taken the place of the zeros that a release left.
      if (this.#zero === 'acquire' || (this.#zero === 'release' && this.#debug)) {
        block.view.fill(0);
      }
    }

    /**
     * After a loan, where there is something to do with the bytes.
     *
     * @param {Block} block
     */
    #retire(block) {
      if (this.#debug) {
        poison(block, this.release);
        block.hide();
      } else if (this.#zero === 'release') {
        block.view.fill(0);
      }
    }

    /** @param {unknown} buffer without our field */
    #refusedBuffer(buffer) {
      const ours = slabUnder(buffer)?.store === this.#store;
      return error(ours ? 'ERR_HEAPWISE_BUFFER_POOL_SLICE' : 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT');
    }
  }
  return BufferPool;
}

/**
 * @param {unknown} sizes
 * @param {number} most
 * @returns {number[] | undefined}
 */
function sizesOf(sizes, most) {
  if (sizes === undefined) {
    return undefined;
  }
  if (!Array.isArray(sizes)) {
    throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'sizes', 'an array of numbers', sizes);
  }
  if (sizes.length === 0 || sizes.length > MOST_SIZES) {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'sizes', `1 to ${MOST_SIZES} sizes`, sizes);
  }
  let least = 1;
  for (const [index, size] of sizes.entries()) {
    validate.number(size, `sizes[${index}]`, { min: least, max: most, integer: true });
    least = size + 1;
  }
  return sizes;
}

/** @param {unknown} name */
function nameOf(name) {
  if (name !== undefined && validate.string(name, 'name') === '') {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'name', 'a string that is not empty', name);
  }
  return /** @type {string | undefined} */ (name);
}

/**
 * @param {unknown} byteLength
 * @param {number} largest
 */
function refusedLength(byteLength, largest) {
  const length = validate.number(byteLength, 'byteLength', { min: 1, integer: true });
  return error('ERR_HEAPWISE_BUFFER_POOL_TOO_LARGE', length, largest);
}

/** @param {Block} block whose memory goes; nobody is there to throw to */
function warnIfWritten(block) {
  const written = writtenAfterRelease(block);
  if (written !== undefined) {
    process.emitWarning(written);
  }
}

module.exports = { createBufferPoolClass };
