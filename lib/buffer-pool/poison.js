'use strict';

const { error } = require('../errors.js');

/** What released memory is filled with: an unlikely text, number or length. */
const POISON = 0xde;
/** Memory is compared with this, piece by piece. */
const sample = Buffer.alloc(64 * 1024, POISON);

/**
 * Fills a released block and remembers where it was released.
 *
 * @param {import('./slab.js').Block} block
 * @param {Function} releasing not to be shown in the stack
 */
function poison(block, releasing) {
  block.bytes().fill(POISON);
  block.released = new Error('The buffer was released here');
  Error.captureStackTrace(block.released, releasing);
}

/**
 * The error for a block that was written since it was poisoned; undefined for one that was not. It is told once.
 *
 * @param {import('./slab.js').Block} block
 */
function writtenAfterRelease(block) {
  const { released } = block;
  if (released === undefined || block.slab.isDetached) {
    return undefined;
  }
  const bytes = block.bytes();
  const offset = firstWritten(bytes);
  if (offset < 0) {
    return undefined;
  }
  bytes.fill(POISON);
  const size = block.sizeClass.size;
  return Object.assign(error('ERR_HEAPWISE_BUFFER_POOL_WRITE_AFTER_RELEASE', offset, size), {
    offset,
    size,
    cause: released,
  });
}

/**
 * The first byte that is not poison; -1 if all are.
 *
 * @param {Uint8Array} bytes
 */
function firstWritten(bytes) {
  for (let at = 0; at < bytes.length; at += sample.length) {
    const end = Math.min(at + sample.length, bytes.length);
    if (sample.compare(bytes, at, end, 0, end - at) !== 0) {
      return bytes.findIndex((byte, index) => index >= at && byte !== POISON);
    }
  }
  return -1;
}

module.exports = { poison, writtenAfterRelease };
