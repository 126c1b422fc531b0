'use strict';

const os = require('node:os');

/**
 * @typedef {Pick<ReturnType<typeof import('../gc.js').createGcSource>, 'acquire' | 'release' | 'listen' | 'unlisten'>}
 *   Collections
 */
/** @typedef {() => { used: number, limit: number }} MemoryReader bytes */

/** Share of the memory limit from which idle memory is worth more to others than to its pool. */
const PRESSURE = 0.8;

/** The process's resident set, and the memory that it may have. */
function readMemory() {
  // 0, or more than there is, where nothing constrains the process.
  const constrained = process.constrainedMemory?.() || Infinity;
  return { used: process.memoryUsage.rss(), limit: Math.min(constrained, os.totalmem()) };
}

/**
 * Looks at the process's memory at the end of each major collection, for those of this thread that have something idle.
 * V8 has done then what it can; what is still too much must come from elsewhere.
 *
 * Members are held weakly: a forgotten pool is collected, and its memory with it.
 *
 * @param {Collections} gc
 * @param {MemoryReader} [memory]
 */
function createPressureWatch(gc, memory = readMemory) {
  /** @type {Set<WeakRef<import('./store.js').Store>>} */
  const refs = new Set();

  function onMajor() {
    const { used, limit } = memory();
    for (const member of members()) {
      if (used >= limit * PRESSURE) {
        member.giveBack();
      }
    }
  }

  /** Those that still exist. */
  function members() {
    const alive = [];
    for (const ref of refs) {
      const member = ref.deref();
      if (member === undefined) {
        leave(ref);
      } else {
        alive.push(member);
      }
    }
    return alive;
  }

  /** @param {WeakRef<import('./store.js').Store>} ref */
  function join(ref) {
    if (refs.size === 0) {
      gc.acquire();
      gc.listen(onMajor);
    }
    refs.add(ref);
  }

  /** @param {WeakRef<import('./store.js').Store>} ref */
  function leave(ref) {
    if (refs.delete(ref) && refs.size === 0) {
      gc.unlisten(onMajor);
      gc.release();
    }
  }

  return { join, leave, members };
}

module.exports = { createPressureWatch };
