'use strict';

const { describe, error } = require('../errors.js');
const { Lease, useAndRelease } = require('../lease.js');
const { Sampling, stackBelow } = require('../loan-tracker.js');
const validate = require('../validate.js');
const { DROPPED, Mark } = require('./mark.js');
const { UNMARKED, settingsOf } = require('./settings.js');
const { bytesOf } = require('./size.js');

/**
 * The public ObjectPool class. See `index.d.ts` for its contract.
 *
 * Idle objects lie in a flat array used as a stack, because the object released last is the one most likely still in
 * a CPU cache. An emptied slot is overwritten, so that the pool never keeps a lent object alive.
 *
 * What an option adds is paid by those who use it: acquire and release ask for it by one field each.
 *
 * @param {object} parts
 * @param {typeof import('../major-gc.js').afterMajorGc} parts.afterMajorGc
 * @param {ReturnType<typeof import('../loan-tracker.js').createLoanTrackerClass>} parts.LoanTracker
 */
function createObjectPoolClass({ afterMajorGc, LoanTracker }) {
  /** @type {any} those of the pool that is being made */
  let settings;

  /**
   * Reads the arguments before the fields are made, so that these are written once, where they are declared. V8 takes a
   * field that was never written again for a constant, and leaves out what `acquire` and `release` would do for other
   * options where the pool itself is a constant.
   */
  class Settings {
    /**
     * @param {unknown} template
     * @param {import('../..').ObjectPoolOptions<any>} [options]
     */
    constructor(template, options) {
      settings = settingsOf(template, options);
    }
  }

  /** @template {object} T */
  class ObjectPool extends Settings {
    /** @type {any[]} */
    #items = [];
    #idle = 0;
    /**
     * Fewest objects idle since the last major collection, as if those that were created or dropped meanwhile had been
     * there or gone all the time: it moves with every change of size, so that what is not busy less this is the most
     * that were lent at a time. One comparison in `acquire` serves the peak and the trimming.
     */
    #fewestIdle = 0;
    #released = 0;
    /** Idle, lent and busy ones. */
    #size = 0;
    /** Objects that are being created or reset: neither idle nor lent. */
    #busy = 0;
    #created = 0;
    #discarded = 0;
    #oversized = 0;
    /** Most objects lent at a time until the last major collection. */
    #peak = 0;
    /** Objects at the bottom of the stack that nobody needed between the last two major collections. */
    #victims = 0;
    #closed = false;

    /** @type {number} */
    #idleMark = settings.idleMark;
    /** @type {number} */
    #lentMark = settings.lentMark;
    /** @type {number} */
    #trackedMark = settings.trackedMark;
    /** @type {() => T} */
    #create = settings.create;
    /** @type {((object: T) => void) | undefined} what the user gave */
    #reset = settings.reset;
    /** @type {((object: T) => boolean) | undefined} what the template has; false when the object cannot be restored */
    #restore = settings.restore;
    /** @type {((object: T) => number) | undefined} */
    #sizeOf = settings.sizeOf;
    /** @type {boolean} whether objects have a largest size */
    #limited = settings.limited;
    /** @type {number} */
    #maxObjectBytes = settings.maxObjectBytes;
    /** @type {number} */
    #max = settings.max;
    /** @type {number} */
    #min = settings.min;
    /** @type {number} 0 once the pool is closed */
    #maxIdle = settings.maxIdle;
    /** @type {boolean} see `settingsOf`; also true once the pool is closed */
    #settles = settings.settles;

    /** @type {InstanceType<typeof LoanTracker> | undefined} */
    #tracker =
      settings.track === 'off'
        ? undefined
        : new LoanTracker('object-pool', settings.leakThreshold, settings.onLeak);
    /** @type {any} a WeakMap from object to loan */
    #loans = this.#tracker && new WeakMap();
    /** @type {Sampling | undefined} */
    #sampling = settings.track === 'off' ? undefined : new Sampling(settings.track);
    /** @type {Function | undefined} the public method through which an acquire came, where it is another one */
    #entry = undefined;

    /** @type {(() => void) | undefined} */
    #stopTrimming = settings.trimOnGc ? afterMajorGc(this, ObjectPool.#afterMajorGc) : undefined;

    /**
     * @param {unknown} template
     * @param {import('../..').ObjectPoolOptions<T>} [options]
     */
    constructor(template, options) {
      super(template, options);
      settings = undefined;
      for (let i = 0; i < this.#min; i++) {
        this.#items[this.#idle] = this.#make(this.#idleMark);
        this.#idle++;
      }
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
      const mark = this.#lentMark;
      if (mark > UNMARKED) {
        Mark.set(object, mark);
      } else if (mark !== UNMARKED) {
        this.#lendTracked(object);
      }
      return object;
    }

    /** @param {T} object */
    release(object) {
      const mark = this.#lentMark;
      if (mark !== UNMARKED) {
        let state;
        try {
          state = Mark.get(object);
        } catch {
          // Not an object, or without our mark. To ask first (`#state in object`) would cost as much as all the rest.
          throw error('ERR_HEAPWISE_POOL_FOREIGN_OBJECT');
        }
        if (state !== mark) {
          this.#endTracking(object, state);
        }
        // Marked before a reset runs, so that a reset which releases the object again is caught too.
        Mark.set(object, this.#idleMark);
      }
      this.#released++;
      if (this.#settles) {
        this.#settle(object);
        return;
      }
      const idle = this.#idle;
      this.#items[idle] = object;
      this.#idle = idle + 1;
    }

    /**
     * @template R
     * @param {(object: T) => R} fn
     * @returns {R}
     */
    use(fn) {
      validate.fn(fn, 'fn');
      return useAndRelease(this, this.#acquireFor(use), fn);
    }

    /** @returns {Lease<T>} */
    lease() {
      return new Lease(this, this.#acquireFor(lease));
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

    /** @returns {import('../..').ObjectPoolStats} */
    stats() {
      const borrowed = this.#lentNow();
      return {
        size: this.#size,
        borrowed,
        idle: this.#idle,
        peakBorrowed: this.#peakNow(),
        max: this.#max,
        // Not counted: an object that was lent is still lent or was released.
        acquired: this.#released + borrowed,
        released: this.#released,
        created: this.#created,
        discarded: this.#discarded,
        oversized: this.#oversized,
        leaked: this.#tracker === undefined ? 0 : this.#tracker.leaked,
      };
    }

    close() {
      if (!this.#closed) {
        this.#closed = true;
        this.#maxIdle = 0;
        this.#settles = true;
        this.#shrink(0);
        this.#stopTrimming?.();
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
      // Not 0 when the create function released something.
      this.#fewestIdle = Math.min(this.#fewestIdle, this.#idle);
      if (this.#tracker !== undefined) {
        this.#lendTracked(object);
      }
      return object;
    }

    /**
     * @param {number} mark of the new object
     * @returns {T}
     */
    #make(mark) {
      // Counted before it exists: a create function that acquires from this pool must not get past `max`.
      this.#size++;
      this.#busy++;
      let made = false;
      try {
        const create = this.#create;
        const object = create();
        if (object === null || (typeof object !== 'object' && typeof object !== 'function')) {
          throw error('ERR_HEAPWISE_POOL_INVALID_OBJECT', `${describe(object)}, which is not an object`);
        }
        if (this.#limited && this.#sizeOf === undefined && Number.isNaN(bytesOf(object))) {
          // Now, when its maker can be told, and not when somebody gives it back.
          throw error('ERR_HEAPWISE_POOL_OBJECT_SIZE', NaN);
        }
        if (mark !== UNMARKED) {
          stamp(object, mark);
        }
        this.#created++;
        this.#fewestIdle++;
        made = true;
        return object;
      } finally {
        this.#busy--;
        if (!made) {
          this.#size--;
        }
      }
    }

    /**
     * Puts a released object back once it is fit for the next one, or drops it.
     *
     * @param {T} object
     */
    #settle(object) {
      if (this.#idle >= this.#maxIdle) {
        this.#drop(object);
        return;
      }
      this.#busy++;
      this.#fewestIdle--;
      let fit = false;
      try {
        fit = this.#isFit(object);
      } finally {
        this.#busy--;
        this.#fewestIdle++;
        // Else dropped, also when a reset threw: in what state it is then nobody knows.
        if (fit && this.#idle < this.#maxIdle) {
          this.#items[this.#idle] = object;
          this.#idle++;
        } else {
          this.#drop(object);
        }
      }
    }

    /** @param {T} object */
    #isFit(object) {
      if (this.#limited && this.#bytesOf(object) > this.#maxObjectBytes) {
        this.#oversized++;
        return false;
      }
      const restore = this.#restore;
      if (restore !== undefined) {
        return isRestored(restore, object);
      }
      const reset = this.#reset;
      if (reset !== undefined) {
        reset(object);
      }
      return true;
    }

    /** @param {T} object */
    #bytesOf(object) {
      const sizeOf = this.#sizeOf ?? bytesOf;
      const bytes = sizeOf(object);
      if (typeof bytes !== 'number' || !(bytes >= 0)) {
        throw error('ERR_HEAPWISE_POOL_OBJECT_SIZE', bytes);
      }
      return bytes;
    }

    /** @param {number} keep */
    #shrink(keep) {
      const before = this.#idle;
      while (this.#idle > keep) {
        this.#idle--;
        this.#drop(this.#items[this.#idle]);
      }
      this.#items.length = this.#idle;
      return before - this.#idle;
    }

    /**
     * Counts an object out that is neither in the stack nor busy any more.
     *
     * @param {T} object
     */
    #drop(object) {
      if (this.#lentMark !== UNMARKED) {
        Mark.set(object, DROPPED);
      }
      this.#size--;
      this.#fewestIdle--;
      this.#discarded++;
    }

    #lentNow() {
      return this.#size - this.#idle - this.#busy;
    }

    #peakNow() {
      return Math.max(this.#peak, this.#size - this.#busy - this.#fewestIdle);
    }

    /**
     * As Go's `sync.Pool` does it (src/sync/pool.go): what was not needed between two major collections becomes the
     * victim, and victims that are not needed until the next one go. So a burst does not cost its objects, and they do
     * not stay for ever. What was not needed lies at the bottom of the stack, as far up as it was never emptied.
     *
     * @param {ObjectPool<any>} pool
     */
    static #afterMajorGc(pool) {
      pool.#peak = pool.#peakNow();
      const unused = Math.max(Math.min(pool.#fewestIdle, pool.#idle), 0);
      const surplus = Math.max(Math.min(unused, pool.#victims, pool.#size - pool.#min), 0);
      if (surplus > 0) {
        pool.#items.length = pool.#idle;
        pool.#idle -= surplus;
        for (const object of pool.#items.splice(0, surplus)) {
          pool.#drop(object);
        }
      }
      pool.#victims = unused - surplus;
      pool.#fewestIdle = pool.#idle;
    }

    /** @param {number} state of an object that is not lent by this pool, or that is tracked */
    #refusal(state) {
      const twice = state === this.#idleMark || state === DROPPED;
      return error(twice ? 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE' : 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT');
    }

    /**
     * As `acquire`, for a method whose caller is the one who acquires.
     *
     * @param {Function} entry the method
     * @returns {T}
     */
    #acquireFor(entry) {
      if (this.#tracker === undefined) {
        return this.acquire();
      }
      this.#entry = entry;
      try {
        return this.acquire();
      } finally {
        this.#entry = undefined;
      }
    }

    /**
     * Marks an object as lent, and has the loan tracked if it is its turn.
     *
     * @param {T} object
     */
    #lendTracked(object) {
      if (!(/** @type {Sampling} */ (this.#sampling).next())) {
        Mark.set(object, this.#lentMark);
        return;
      }
      Mark.set(object, this.#trackedMark);
      const loan = /** @type {any} */ (this.#tracker).open(stackBelow(this.#entry ?? acquire), object);
      this.#loans.set(object, loan);
    }

    /**
     * @param {T} object
     * @param {number} state which is not that of a lent object without tracking
     */
    #endTracking(object, state) {
      if (state !== this.#trackedMark) {
        throw this.#refusal(state);
      }
      /** @type {any} */ (this.#tracker).close(this.#loans.get(object));
      this.#loans.delete(object);
    }
  }

  const { acquire, lease, use } = ObjectPool.prototype;
  return ObjectPool;
}

/**
 * @param {object} object as `create` returned it
 * @param {number} mark
 */
function stamp(object, mark) {
  if (!Mark.has(object)) {
    // eslint-disable-next-line no-new
    new Mark(object);
  } else if (Mark.get(object) !== DROPPED) {
    throw error('ERR_HEAPWISE_POOL_INVALID_OBJECT', 'an object that is in a pool already');
  }
  Mark.set(object, mark);
}

/**
 * @param {(object: any) => boolean} restore of a template
 * @param {object} object
 */
function isRestored(restore, object) {
  try {
    return restore(object);
  } catch {
    // Somebody has frozen it, or put a setter on it.
    return false;
  }
}

module.exports = { createObjectPoolClass };
