'use strict';

/**
 * Tells whoever asks that a major collection has ended, without asking V8 for anything: it collects a symbol that nobody
 * holds, and says so by a FinalizationRegistry. A symbol, because V8 makes these in the old generation, where no minor
 * collection looks; since V8 14 minor ones finalize young objects. One symbol serves all. The message comes with a later
 * turn of the loop, once for collections that followed each other within one.
 *
 * That is all that trimming needs, and it works in every runtime and costs nothing between collections, which the hooks
 * of `gc.js` do not: those are for who needs the figures of each collection.
 */

/** @typedef {{ target: WeakRef<object>, call: (target: any) => void }} Listener */

/** @type {Set<Listener>} */
const listeners = new Set();
const sentinels = new FinalizationRegistry(onMajorGc);
let armed = false;

function arm() {
  armed = true;
  sentinels.register(Symbol('until the next major collection'), undefined);
}

function onMajorGc() {
  armed = false;
  for (const listener of listeners) {
    const target = listener.target.deref();
    if (target === undefined) {
      listeners.delete(listener);
    } else {
      listener.call(target);
    }
  }
  if (listeners.size > 0) {
    arm();
  }
}

/**
 * @template {object} T
 * @param {T} target what is told; held weakly
 * @param {(target: T) => void} call must not hold the target
 * @returns {() => void} ends it
 */
function afterMajorGc(target, call) {
  const listener = { target: new WeakRef(target), call };
  listeners.add(listener);
  if (!armed) {
    arm();
  }
  return () => {
    listeners.delete(listener);
  };
}

module.exports = { afterMajorGc };
