'use strict';

const { grown } = require('../cache/columns.js');
const { later } = require('./timer.js');

/** So often the time is used before it is read again, also where no timer has fired: inside a long loop none does. */
const USES = 1000;

/**
 * Since when an entry lives, and for how long: columns by slot. A start of 0 is none.
 *
 * For how long is a column only once two entries differ in it.
 */
class Ages {
  /** @type {Float64Array} */
  #starts;
  /** @type {Float64Array | undefined} */
  #ttls;
  /** That of all entries that have one, as long as there is no column. */
  #common = 0;
  #owner;
  /** The time as it was read last; 0: it is to be read. */
  #now = 0;
  #uses = 0;

  /**
   * @param {number} capacity slots
   * @param {{ perf: { now(): number }, ttlResolution: number }} owner
   */
  constructor(capacity, owner) {
    this.#starts = new Float64Array(capacity);
    this.#owner = owner;
  }

  /**
   * @param {number} slot
   * @param {number} ttl 0: for ever
   * @param {number} start
   * @param {number} capacity slots
   */
  begin(slot, ttl, start, capacity) {
    if (slot >= this.#starts.length) {
      this.#starts = grown(this.#starts, new Float64Array(capacity));
      this.#ttls = this.#ttls && grown(this.#ttls, new Float64Array(capacity));
    }
    if (this.#ttls === undefined && ttl !== this.#common && ttl !== 0) {
      if (this.#common === 0) {
        this.#common = ttl;
      } else {
        this.#divide();
      }
    }
    if (ttl !== 0 && start === 0) {
      // Without a column it would have none.
      this.#divide();
    }
    this.#starts[slot] = ttl === 0 ? 0 : start;
    if (this.#ttls !== undefined) {
      this.#ttls[slot] = ttl;
    }
  }

  /** @param {number} slot */
  clear(slot) {
    this.#starts[slot] = 0;
    if (this.#ttls !== undefined) {
      this.#ttls[slot] = 0;
    }
  }

  /** Forgets all. @param {number} capacity slots */
  empty(capacity) {
    this.#starts = new Float64Array(capacity);
    this.#ttls = undefined;
    this.#common = 0;
  }

  /** @param {number} slot @returns {number} milliseconds; 0: for ever */
  ttlOf(slot) {
    if (this.#ttls !== undefined) {
      return this.#ttls[slot];
    }
    return this.#starts[slot] === 0 ? 0 : this.#common;
  }

  /** @param {number} slot @returns {number} 0: none */
  startOf(slot) {
    return this.#starts[slot];
  }

  /** @param {number} slot */
  isOver(slot) {
    const start = this.#starts[slot];
    if (start === 0) {
      return false;
    }
    const ttl = this.#ttls === undefined ? this.#common : this.#ttls[slot];
    return ttl !== 0 && this.now() - start > ttl;
  }

  /** When an entry is over. @param {number} slot @returns {number} Infinity: never */
  endOf(slot) {
    const start = this.#starts[slot];
    const ttl = this.ttlOf(slot);
    return start === 0 || ttl === 0 ? Infinity : start + ttl;
  }

  /** @param {number} slot @returns {number} milliseconds; Infinity: for ever */
  left(slot) {
    const start = this.#starts[slot];
    const ttl = this.ttlOf(slot);
    return start === 0 || ttl === 0 ? Infinity : ttl - (this.now() - start);
  }

  /** Begins it anew. @param {number} slot */
  renew(slot) {
    this.#starts[slot] = this.ttlOf(slot) === 0 ? 0 : this.#owner.perf.now();
  }

  /**
   * @param {any} status
   * @param {number} slot
   */
  tell(status, slot) {
    const start = this.#starts[slot];
    const ttl = this.ttlOf(slot);
    if (ttl !== 0 && start !== 0) {
      status.ttl = ttl;
      status.start = start;
      status.now = this.now();
      status.remainingTTL = ttl - (status.now - start);
    }
  }

  /** The time, as of `ttlResolution` ago at most, unless the thread is busy. */
  now() {
    if (this.#now !== 0 && --this.#uses > 0) {
      return this.#now;
    }
    return this.#read();
  }

  #read() {
    const waits = this.#now !== 0;
    const now = this.#owner.perf.now();
    const { ttlResolution } = this.#owner;
    if (ttlResolution > 0) {
      this.#now = now;
      this.#uses = USES;
      if (!waits) {
        later(() => {
          this.#now = 0;
        }, ttlResolution);
      }
    }
    return now;
  }

  #divide() {
    const common = this.#common;
    this.#ttls ??= this.#starts.map((start) => (start === 0 ? 0 : common));
  }
}

module.exports = { Ages };
