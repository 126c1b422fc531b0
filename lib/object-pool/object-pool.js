'use strict';

const { describe, error } = require('../errors.js');
const { isThenable } = require('../thenable.js');
const validate = require('../validate.js');
const { Lease } = require('./lease.js');
const { DROPPED, Mark, nextMarks } = require('./mark.js');

const OPTIONS = ['max', 'min', 'reset'];

/**
 * A pool of reusable objects. See `index.d.ts` for its contract.
 *
 * Idle objects lie in a flat array used as a stack, because the object released last is the one most likely still in
 * a CPU cache. An emptied slot is overwritten, so that the pool never keeps a lent object alive.
 *
 * @template {object} T
 */
class ObjectPool {
  /** @type {any[]} */
  #items = [];
  #idle = 0;
  #size = 0;
  #idleMark;
  #lentMark;
  /** @type {() => T} */
  #create;
  /** @type {((object: T) => void) | undefined} */
  #reset;
  #max;
  #closed = false;
  #acquired = 0;
  #released = 0;
  #created = 0;
  #discarded = 0;
  #peak = 0;
  /** Fewest objects idle since the size last changed: size minus this is the most that were lent meanwhile. */
  #fewestIdle = 0;

  /**
   * @param {() => T} create
   * @param {import('../..').ObjectPoolOptions<T>} [options]
   */
  constructor(create, options) {
    this.#create = validate.fn(create, 'create');
    const given = validate.options(options, 'ObjectPool', OPTIONS);
    this.#reset = validate.fn(given.reset, 'reset', { optional: true });
    this.#max = validate.number(given.max, 'max', {
      default: Infinity,
      min: 1,
      integer: true,
      infinite: true,
    });
    const min = validate.number(given.min, 'min', {
      default: 0,
      min: 0,
      max: Math.min(this.#max, 2 ** 30),
      integer: true,
    });
    this.#idleMark = nextMarks();
    this.#lentMark = this.#idleMark + 1;
    for (let i = 0; i < min; i++) {
      this.#items[this.#idle++] = this.#make(this.#idleMark);
    }
    this.#fewestIdle = this.#idle;
  }

  /** @returns {T} */
  acquire() {
    const top = this.#idle - 1;
    if (top < 0) {
      return this.#grow();
    }
    const object = this.#items[top];
    this.#items[top] = undefined;
    this.#idle = top;
    if (top < this.#fewestIdle) {
      this.#fewestIdle = top;
    }
    this.#acquired++;
    Mark.set(object, this.#lentMark);
    return object;
  }

  /** @param {T} object */
  release(object) {
    let state;
    try {
      state = Mark.get(object);
    } catch {
      // Not an object, or without our mark. To ask first (`#state in object`) would cost as much as all the rest.
      throw error('ERR_HEAPWISE_POOL_FOREIGN_OBJECT');
    }
    if (state !== this.#lentMark) {
      throw this.#refusal(state);
    }
    if (this.#closed) {
      this.#drop(object);
      this.#released++;
      return;
    }
    // Marked before the reset runs, so that a reset which releases the object again is caught too.
    Mark.set(object, this.#idleMark);
    this.#released++;
    if (this.#reset !== undefined) {
      this.#resetOrDrop(object);
      return;
    }
    this.#items[this.#idle++] = object;
  }

  /**
   * @template R
   * @param {(object: T) => R} fn
   * @returns {R}
   */
  use(fn) {
    validate.fn(fn, 'fn');
    const object = this.acquire();
    let result;
    let pending;
    try {
      result = fn(object);
      pending = isThenable(result);
    } catch (thrown) {
      this.release(object);
      throw thrown;
    }
    if (pending) {
      return /** @type {any} */ (Promise.resolve(result).finally(() => this.release(object)));
    }
    this.release(object);
    return result;
  }

  /** @returns {Lease<T>} */
  lease() {
    return new Lease(this, this.acquire());
  }

  /**
   * @param {number} [keep]
   * @returns {number}
   */
  trim(keep = 0) {
    validate.number(keep, 'keep', { min: 0, integer: true, infinite: true });
    if (this.#closed) {
      throw error('ERR_HEAPWISE_POOL_CLOSED');
    }
    return this.#shrink(keep);
  }

  /** @param {number} keep */
  #shrink(keep) {
    const before = this.#idle;
    while (this.#idle > keep) {
      this.#drop(this.#items[--this.#idle]);
    }
    this.#items.length = this.#idle;
    return before - this.#idle;
  }

  /** @returns {import('../..').ObjectPoolStats} */
  stats() {
    const borrowed = this.#acquired - this.#released;
    return {
      size: this.#size,
      borrowed,
      idle: this.#idle,
      peakBorrowed: this.#peakNow(),
      max: this.#max,
      acquired: this.#acquired,
      released: this.#released,
      created: this.#created,
      discarded: this.#discarded,
    };
  }

  close() {
    if (!this.#closed) {
      this.#closed = true;
      this.#shrink(0);
    }
  }

  [Symbol.dispose]() {
    this.close();
  }

  /** The way of an acquire that finds nothing idle; also that of a closed pool, whose stack is empty. */
  #grow() {
    if (this.#closed) {
      throw error('ERR_HEAPWISE_POOL_CLOSED');
    }
    if (this.#size >= this.#max) {
      throw error('ERR_HEAPWISE_POOL_EXHAUSTED', this.#max);
    }
    const object = this.#make(this.#lentMark);
    this.#fewestIdle = 0;
    this.#acquired++;
    return object;
  }

  #peakNow() {
    return Math.max(this.#peak, this.#size - this.#fewestIdle);
  }

  /**
   * @param {number} state the mark of the new object
   * @returns {T}
   */
  #make(state) {
    // Counted before it exists: a create function that acquires from this pool must not get past `max`.
    this.#size++;
    let made = false;
    try {
      const object = this.#create();
      if (object === null || (typeof object !== 'object' && typeof object !== 'function')) {
        throw error('ERR_HEAPWISE_POOL_INVALID_OBJECT', `${describe(object)}, which is not an object`);
      }
      if (!Mark.has(object)) {
        // eslint-disable-next-line no-new
        new Mark(object);
      } else if (Mark.get(object) !== DROPPED) {
        throw error('ERR_HEAPWISE_POOL_INVALID_OBJECT', 'an object that is in a pool already');
      }
      Mark.set(object, state);
      this.#created++;
      made = true;
      return object;
    } finally {
      if (!made) {
        this.#size--;
      }
    }
  }

  /** @param {T} object */
  #resetOrDrop(object) {
    try {
      /** @type {(object: T) => void} */ (this.#reset)(object);
    } catch (thrown) {
      // In an unknown state: nobody may get it.
      this.#drop(object);
      throw thrown;
    }
    if (this.#closed) {
      this.#drop(object);
    } else {
      this.#items[this.#idle++] = object;
    }
  }

  /** @param {T} object */
  #drop(object) {
    this.#peak = this.#peakNow();
    Mark.set(object, DROPPED);
    this.#size--;
    this.#fewestIdle = this.#idle;
    this.#discarded++;
  }

  /** @param {number} state of an object that is not lent by this pool */
  #refusal(state) {
    const twice = state === this.#idleMark || state === DROPPED;
    return error(twice ? 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE' : 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT');
  }
}

module.exports = { ObjectPool };
