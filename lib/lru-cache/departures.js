'use strict';

const { error } = require('../errors.js');

/** Room for so many is kept when all were told. */
const KEPT = 1024;

/** A list of three values each that is emptied from the front, without an array for each time that it is filled. */
class Line {
  /** @type {any[]} */
  #items = [];
  #from = 0;
  #to = 0;

  get empty() {
    return this.#to === 0;
  }

  /**
   * @param {unknown} value
   * @param {unknown} key
   * @param {unknown} reason
   */
  add(value, key, reason) {
    const items = this.#items;
    const at = this.#to;
    items[at] = value;
    items[at + 1] = key;
    items[at + 2] = reason;
    this.#to = at + 3;
  }

  /**
   * Takes out the first one, and hands it over. It is out by then: one that throws must not be told again and again.
   *
   * @param {(value: any, key: any, reason: any) => void} fn
   * @param {unknown} self
   */
  hand(fn, self) {
    const items = this.#items;
    const at = this.#from;
    const value = items[at];
    const key = items[at + 1];
    const reason = items[at + 2];
    items[at] = undefined;
    items[at + 1] = undefined;
    this.#from = at + 3;
    if (this.#from === this.#to) {
      this.#from = 0;
      this.#to = 0;
      if (items.length > 3 * KEPT) {
        this.#items = [];
      }
    }
    fn.call(self, value, key, reason);
  }
}

/**
 * Who has left the cache, and has yet to be told of: `dispose`, `disposeAfter`, and fetches that are to be aborted. All of
 * them may use the cache, so they are called when it is whole again, at the end of each operation; one after another, so that
 * one that throws does not lose those after it.
 */
class Departures {
  #self;
  #dispose;
  #disposeAfter;
  #left = new Line();
  #disposed = new Line();
  #tellOne;

  /**
   * @param {unknown} self what the callbacks have as `this`
   * @param {((value: any, key: any, reason: any) => void) | undefined} dispose
   * @param {((value: any, key: any, reason: any) => void) | undefined} disposeAfter
   */
  constructor(self, dispose, disposeAfter) {
    this.#self = self;
    this.#dispose = dispose;
    this.#disposeAfter = disposeAfter;
    this.#tellOne = this.#tell.bind(this);
    /** Whether anybody wants to know of values. */
    this.heard = dispose !== undefined || disposeAfter !== undefined;
  }

  /**
   * @param {unknown} value
   * @param {unknown} key
   * @param {string} reason
   */
  add(value, key, reason) {
    if (this.heard) {
      this.#left.add(value, key, reason);
    }
  }

  /**
   * @param {{ controller: AbortController }} fetch
   * @param {'deleted' | 'evicted' | 'replaced'} why
   */
  abort(fetch, why) {
    this.#left.add(fetch, why, undefined);
  }

  /** Calls `dispose`, and aborts. */
  tell() {
    while (!this.#left.empty) {
      this.#left.hand(this.#tellOne, undefined);
    }
  }

  /** Calls `disposeAfter`. */
  tellAfter() {
    while (!this.#disposed.empty) {
      this.#disposed.hand(/** @type {any} */ (this.#disposeAfter), this.#self);
    }
  }

  /**
   * @param {any} value
   * @param {any} key
   * @param {string | undefined} reason none for a fetch that is to be aborted
   */
  #tell(value, key, reason) {
    if (reason === undefined) {
      value.controller.abort(error('ERR_HEAPWISE_LRU_CACHE_FETCH_ABORTED', key));
      return;
    }
    if (this.#disposeAfter !== undefined) {
      this.#disposed.add(value, key, reason);
    }
    this.#dispose?.call(this.#self, value, key, reason);
  }
}

module.exports = { Departures };
