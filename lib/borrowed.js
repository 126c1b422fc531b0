'use strict';

/**
 * Attaches a private field to an object that somebody else made: a constructor that returns an object makes the
 * derived class install its fields there. The field carries the mark by which a pool knows its objects; it is
 * invisible to users, works on frozen objects and proxies, and is read without a hash lookup, which is what makes
 * the check for double and foreign releases affordable (a WeakSet lookup costs several times a whole acquire).
 */
class Borrowed {
  /** @param {object} object */
  constructor(object) {
    return object;
  }
}

module.exports = { Borrowed };
