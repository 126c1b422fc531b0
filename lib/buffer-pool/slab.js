'use strict';

const { Borrowed } = require('../borrowed.js');

/** The slabs by their memory, of all pools: asked only when a wrong buffer was released. */
const slabs = new WeakMap();

/** A piece of memory that is cut into blocks of one size. */
class Slab {
  /** How many of its blocks are idle; known only while a pool counts them to give memory back. */
  resting = 0;

  /**
   * @param {import('../binding.js').NativeSlab} native
   * @param {ArrayBuffer} arrayBuffer its memory
   * @param {import('./size-classes.js').SizeClass} sizeClass
   * @param {import('./store.js').Store} store
   */
  constructor(native, arrayBuffer, sizeClass, store) {
    this.native = native;
    this.arrayBuffer = arrayBuffer;
    this.sizeClass = sizeClass;
    this.store = store;
    slabs.set(arrayBuffer, this);
  }

  /** Whether somebody took the memory away, with `ArrayBuffer.prototype.transfer`. It is theirs then. */
  get isDetached() {
    return this.arrayBuffer.byteLength === 0;
  }

  /** Bytes that it takes of the budget. */
  get footprint() {
    return this.isDetached ? 0 : this.native.footprint();
  }

  /** Gives the memory back to the system and the bytes to the budget. Doing it twice does no harm. */
  decommit() {
    if (!this.isDetached) {
      this.native.decommit();
    }
  }
}

/**
 * The private field by which a buffer is known: it holds the buffer's block. A field on the buffer is read in a fraction
 * of the time of a look-up in a WeakMap, and the buffer keeps its block alive, not the other way round: memory that was
 * lent and forgotten is collected.
 */
class Loan extends Borrowed {
  #block;

  /**
   * @param {Buffer} buffer
   * @param {Block | undefined} block
   */
  constructor(buffer, block) {
    super(buffer);
    this.#block = block;
  }

  /**
   * Throws for what was never lent.
   *
   * @param {any} buffer
   */
  static blockOf(buffer) {
    return buffer.#block;
  }
}

/** The view of a block that has none. With the field, so that buffers seen here have one hidden class. */
const NO_VIEW = Buffer.alloc(0);
// eslint-disable-next-line no-new
new Loan(NO_VIEW, undefined);

/** A part of a slab that is lent as a buffer. */
class Block {
  /** The buffer that it was last lent as. */
  view = NO_VIEW;
  /** Length of `view` when it was made. */
  length = 0;
  lent = false;
  /** When it was released, in the ticks of its pool. */
  epoch = 0;
  /** With `debug`: an error made where it was last released; the memory is poisoned then. */
  /** @type {Error | undefined} */
  released = undefined;

  /**
   * @param {Slab} slab
   * @param {number} offset in the slab
   */
  constructor(slab, offset) {
    this.slab = slab;
    this.store = slab.store;
    this.sizeClass = slab.sizeClass;
    this.offset = offset;
  }

  /**
   * Makes a view of that length; false if the memory is gone.
   *
   * @param {number} byteLength
   */
  show(byteLength) {
    if (this.slab.isDetached) {
      return false;
    }
    this.view = Buffer.from(this.slab.arrayBuffer, this.offset, byteLength);
    this.length = byteLength;
    // eslint-disable-next-line no-new
    new Loan(this.view, this);
    return true;
  }

  /** Forgets its view, so that the next loan has another one. */
  hide() {
    this.view = NO_VIEW;
  }

  /** All its bytes, more than were lent. */
  bytes() {
    return new Uint8Array(this.slab.arrayBuffer, this.offset, this.sizeClass.size);
  }
}

/**
 * The slab that a view lies in, if it lies in any.
 *
 * @param {unknown} value
 * @returns {Slab | undefined}
 */
function slabUnder(value) {
  return ArrayBuffer.isView(value) ? slabs.get(value.buffer) : undefined;
}

module.exports = { Block, Loan, Slab, slabUnder };
