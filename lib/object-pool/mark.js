'use strict';

const { Borrowed } = require('../borrowed.js');

/**
 * What a pool writes on its objects: a small integer, the number of the pool times four plus what the object is to it.
 * An integer needs no write barrier, a reference to the pool would.
 */
class Mark extends Borrowed {
  #state = 0;

  /** @param {object} object */
  static has(object) {
    return #state in object;
  }

  /** @param {any} object */
  static get(object) {
    return object.#state;
  }

  /**
   * @param {any} object
   * @param {number} state
   */
  static set(object, state) {
    object.#state = state;
  }
}

/** Mark of an object that no pool holds any more; pools are numbered from 1. */
const DROPPED = 0;
const PER_POOL = 4;
let pools = 0;

/** @returns {number} the mark of the idle objects of a new pool; the three after it are the pool's too */
function nextMarks() {
  pools += PER_POOL;
  return pools;
}

module.exports = { DROPPED, Mark, nextMarks };
