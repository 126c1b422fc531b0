'use strict';

const assert = require('node:assert');
const { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { setImmediate: nextTurn } = require('node:timers/promises');
const { heapwise, lruCache } = require('./contenders.js');
const { fill, keyOf, valueOf } = require('./operations.js');

/** Sets between two turns of the loop, as a request would make them. */
const SETS_A_TURN = 50;

/** A path for a file that goes with the process. */
function temporaryPath() {
  const folder = mkdtempSync(join(tmpdir(), 'heapwise-bench-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'cache');
}

/**
 * How long something takes, and the longest time for which the loop did not turn or an operation did not end meanwhile.
 *
 * @param {() => unknown} work
 * @param {() => void} operation done again and again meanwhile
 */
async function watched(work, operation = () => {}) {
  const state = { isDone: false };
  let longest = 0;
  let last = performance.now();
  const note = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const start = last;
  const done = Promise.resolve(work()).finally(() => {
    state.isDone = true;
  });
  note();
  while (!state.isDone) {
    for (let i = 0; i < SETS_A_TURN; i++) {
      operation();
      note();
    }
    await nextTurn();
    note();
  }
  const result = await done;
  return { value: performance.now() - start, longest, result };
}

/** Not by lru-cache's `dump`, which puts each entry before all others and so takes minutes for a million. */
function writeByHand(path, cache) {
  writeFileSync(path, JSON.stringify([...cache.rentries()]));
}

function readByHand(path, cache) {
  for (const [key, value] of JSON.parse(readFileSync(path, 'utf8'))) {
    cache.set(key, value);
  }
}

async function saveByHand({ entries, length }) {
  const cache = await lruCache.open(entries, length);
  fill(cache, entries, length);
  const path = temporaryPath();
  const { value, longest } = await watched(() => writeByHand(path, cache));
  return { value, extras: { longest, size: statSync(path).size / 1e6 } };
}

async function openByHand({ entries, length }) {
  const saved = await lruCache.open(entries, length);
  fill(saved, entries, length);
  const path = temporaryPath();
  writeByHand(path, saved);
  saved.clear();
  const cache = await lruCache.open(entries, length);
  const { value, longest } = await watched(() => readByHand(path, cache));
  check(cache, { entries, length });
  return { value, extras: { longest, size: statSync(path).size / 1e6 } };
}

/** @param {boolean} isBusy whether its values are set again meanwhile */
async function save({ entries, length }, isBusy) {
  const cache = await heapwise.open(entries, length);
  fill(cache, entries, length);
  let at = 0;
  const set = () => {
    at = (at + 7919) % entries;
    cache.set(keyOf(at), valueOf(at, length));
  };
  const path = temporaryPath();
  const { value, longest, result } = await watched(() => cache.save(path), isBusy ? set : undefined);
  assert.equal(result.entries, entries);
  return { value, extras: { longest, size: result.bytes / 1e6 } };
}

async function open({ entries, length }) {
  const { SharedCache } = require('../..');
  const saved = await heapwise.open(entries, length);
  fill(saved, entries, length);
  const path = temporaryPath();
  const { bytes } = await saved.save(path);
  const { maxBytes } = saved.stats();
  const { value, longest, result } = await watched(() => SharedCache.open(path, { maxBytes }));
  check(result, { entries, length });
  return { value, extras: { longest, size: bytes / 1e6 } };
}

function check(cache, { entries, length }) {
  assert.equal(cache.size, entries);
  for (let i = 0; i < entries; i += 997) {
    assert.equal(cache.get(keyOf(i)), valueOf(i, length));
  }
}

module.exports = { open, openByHand, save, saveByHand };
