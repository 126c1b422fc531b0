'use strict';

/**
 * Reads a property of a request or response. Express changes the prototype of both and then adds properties, which up
 * to V8 12 gives each of them a hidden class of its own: an inline cache misses at every read, and a miss costs more
 * than a look-up that has no cache.
 *
 * @type {(object: any, key: string | symbol) => any}
 */
const read =
  Number.parseInt(process.versions.v8, 10) < 13
    ? Reflect.get
    : (object, key) => /** @type {any} */ (object)[key];

module.exports = { read };
