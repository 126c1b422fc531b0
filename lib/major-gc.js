'use strict';

/**
 * Tells whoever asks that a major collection has ended, without asking V8 for anything: it collects an object that
 * nobody holds, and says so by a FinalizationRegistry. A minor collection keeps such objects. One object serves all;
 * the message comes with a later turn of the loop, once for collections that followed each other within one. That is
 * all that trimming needs, and it works in every runtime and costs nothing between collections, which the hooks of
 * `gc.js` do not: those are for who needs the figures of each collection.
 */

/** @typedef {{ target: WeakRef<object>, call: (target: any) => void }} Listener */

/** @type {Set<Listener>} */
const listeners = new Set();
const sentinels = new FinalizationRegistry(onMajorGc);
let armed = false;

function arm() {
  armed = true;
  sentinels.register({}, undefined);
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
