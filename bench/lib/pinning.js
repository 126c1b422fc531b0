'use strict';

const { execFileSync } = require('node:child_process');
const { readFileSync } = require('node:fs');

/** @type {number[] | undefined} */
let found;

/** The same at each call: once this process is pinned it may use one only. */
function cores() {
  return (found ??= findCores());
}

/**
 * The first two cores that this process may use; none where processes cannot be pinned (other than Linux, no
 * taskset, a single core).
 *
 * @returns {number[]}
 */
function findCores() {
  try {
    execFileSync('taskset', ['--version'], { stdio: 'ignore' });
    const [, list] = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'));
    const allowed = list.split(',').flatMap(range);
    return allowed.length < 2 ? [] : allowed.slice(0, 2);
  } catch {
    return [];
  }
}

/** The numbers of `3` or `0-7`. */
function range(text) {
  const [first, last = first] = text.split('-').map(Number);
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

/**
 * A command line that runs on one core.
 *
 * @param {number | undefined} core
 * @param {string[]} command
 */
function pinned(core, command) {
  return core === undefined ? command : ['taskset', '-c', String(core), ...command];
}

/**
 * Keeps all threads of this process on one core.
 *
 * @param {number | undefined} core
 */
function pinSelf(core) {
  if (core !== undefined) {
    execFileSync('taskset', ['-a', '-p', '-c', String(core), String(process.pid)], { stdio: 'ignore' });
  }
}

module.exports = { cores, pinSelf, pinned };
