'use strict';

/**
 * Objects that were just made, to check what the sampling heap profiler says of them: by reading them back, a wrong idea of
 * how V8 lays out its profile is found before anybody relies on it.
 */

/** How many, and between how many bytes they take, with the array that holds them. */
const COUNT = 4000;
const LEAST_BYTES = COUNT * 12;
const MOST_BYTES = COUNT * 200;

/** @returns {object[]} */
function allocateForTheCheck() {
  const made = [];
  for (let number = 0; number < COUNT; number++) {
    made.push({ number });
  }
  return made;
}

/** The caller, whose name must be on the call path. */
function callForTheCheck() {
  return allocateForTheCheck();
}

/**
 * The line on which `allocateForTheCheck` begins, as V8 counts it: it is not to be had from the function, but from this
 * file's text.
 */
function lineOfTheCheck() {
  const { readFileSync } = require('node:fs');
  const before = readFileSync(__filename, 'utf8').split(`function ${allocateForTheCheck.name}(`, 1)[0];
  return before.split('\n').length;
}

/**
 * Lets a sampler that has just been started see them.
 *
 * @param {import('../binding.js').LeakSites} native
 * @returns {boolean} whether it reads back what there is
 */
function checkOn(native) {
  const made = callForTheCheck();
  const names = /** @type {const} */ ([allocateForTheCheck.name, callForTheCheck.name]);
  return native.check(...names, __filename, lineOfTheCheck(), LEAST_BYTES, MOST_BYTES) && made.length > 0;
}

module.exports = { checkOn };
