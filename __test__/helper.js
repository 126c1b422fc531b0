'use strict';

const assert = require('node:assert/strict');
const { setImmediate: nextTurn } = require('node:timers/promises');

/** What a caller may pass where a function, a number, a string or a plain object is wanted. */
const NOT_FUNCTIONS = [undefined, null, true, 0, 1n, '', 'name', Symbol('key'), {}, []];
const NOT_NUMBERS = [null, true, 1n, '', '5', Symbol('key'), {}, [], [5], () => 5, new Date(5)];
const NOT_STRINGS = [null, true, 5, 1n, Symbol('key'), {}, ['name'], () => 'name', Object('name')];
const NOT_OBJECTS = [null, true, 0, 5, 1n, '', 'name', Symbol('key'), [], () => {}];
const NOT_BOOLEANS = [null, 0, 1, 1n, '', 'true', Symbol('key'), {}, [], () => true, Object(true)];

/**
 * Asserts that a call throws a heapwise error: the code, exactly this class, and a message fit to be read.
 *
 * @param {() => unknown} call
 * @param {string} code
 * @param {ErrorConstructor} Base
 * @param {unknown} [passed] shown when the assertion fails
 * @returns {any} the error
 */
function assertCode(call, code, Base, passed) {
  let returned;
  try {
    returned = call();
  } catch (thrown) {
    return assertError(thrown, code, Base, passed);
  }
  assert.fail(`${code} expected for ${show(passed)}, but the call returned ${show(returned)}`);
}

/**
 * @param {Promise<unknown>} promise
 * @param {string} code
 * @param {ErrorConstructor} Base
 * @returns {Promise<any>} the error
 */
async function assertRejects(promise, code, Base) {
  assert.ok(promise instanceof Promise, 'a promise is returned');
  let value;
  try {
    value = await promise;
  } catch (thrown) {
    return assertError(thrown, code, Base);
  }
  assert.fail(`${code} expected, but the promise was fulfilled with ${show(value)}`);
}

function assertError(thrown, code, Base, passed) {
  const what = `${show(passed)} gave ${thrown?.stack}`;
  assert.equal(thrown?.code, code, what);
  assert.equal(thrown.constructor, Base, what);
  assert.equal(typeof thrown.message, 'string', what);
  assert.doesNotMatch(thrown.message, /^$|\[object/, what);
  return thrown;
}

function show(value) {
  return typeof value === 'object' && value !== null
    ? Object.prototype.toString.call(value)
    : String(value).slice(0, 60);
}

/**
 * A seeded random source (mulberry32), so that a schedule that fails once fails always.
 *
 * @param {number} seed
 */
function seeded(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (limit) => Math.floor(next() * limit);
  return {
    /** 0 <= number < 1 */
    next,
    /** 0 <= integer < limit */
    below,
    pick: (list) => list[below(list.length)],
    chance: (probability) => next() < probability,
  };
}

/** A clock that stands still until it is told to move on. */
function manualClock(start = 1000) {
  let time = start;
  return {
    now: () => time,
    advance(milliseconds) {
      time += milliseconds;
    },
    set(value) {
      time = value;
    },
  };
}

/**
 * Whether the garbage collector takes all of these. The file needs `// node-flags: --expose-gc`.
 *
 * @param {WeakRef<object>[]} refs
 */
async function collected(refs) {
  assert.equal(typeof globalThis.gc, 'function', 'run through scripts/test.js, which passes --expose-gc');
  for (let turn = 0; turn < 10; turn++) {
    // A WeakRef that was made or read keeps its object until the job is over.
    await nextTurn();
    globalThis.gc();
    if (refs.every((ref) => ref.deref() === undefined)) {
      return true;
    }
  }
  return false;
}

/** A promise with its ends, as Promise.withResolvers of newer Nodes. */
function deferred() {
  let resolve;
  let reject;
  const promise = new Promise((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

module.exports = {
  NOT_BOOLEANS,
  NOT_FUNCTIONS,
  NOT_NUMBERS,
  NOT_OBJECTS,
  NOT_STRINGS,
  assertCode,
  assertRejects,
  collected,
  deferred,
  manualClock,
  nextTurn,
  seeded,
};
