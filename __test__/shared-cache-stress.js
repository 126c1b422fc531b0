'use strict';

/**
 * A worker that uses a shared cache in all ways at once for a while, and tells how often a get found something. Values
 * tell by themselves whether they are whole and whose they are; one that is not, and a cache over its budget, is an error.
 */

const { parentPort: port, workerData } = require('node:worker_threads');
const { SharedCache } = require('..');

const { options, seed, time } = workerData;
/** Operations between two looks at the clock. */
const BATCH = 500;
const KEYS = 3000;
const LONGEST = 60_000;

const cache = new SharedCache(options);
const target = Buffer.alloc(2 * LONGEST + 100);
let random = seed;
let hits = 0;

function below(end) {
  random = (Math.imul(random, 1664525) + 1013904223) >>> 0;
  return Math.floor((random / 2 ** 32) * end);
}

const bodyOf = (length) => String.fromCharCode(97 + (length % 26)).repeat(length);
const valueOf = (key, length) => `${key}|${bodyOf(length)}`;

function check(key, text) {
  const at = text.indexOf('|') + 1;
  if (text.slice(0, at) !== `${key}|` || text.slice(at) !== bodyOf(text.length - at)) {
    throw new Error(`the value of "${key}" is torn or another one's: ${text.slice(0, 50)}`);
  }
  hits++;
}

/** What was begun and has not ended. */
let pending = [];

const LATER = [
  (key, length) => cache.setAsync(key, valueOf(key, length * 2)),
  async (key) => {
    const found = await cache.getAsync(key);
    if (found !== undefined) {
      check(key, String(found));
    }
  },
];

const OPERATIONS = [
  (key, length) => cache.set(key, valueOf(key, length)),
  (key, length) => cache.set(key, valueOf(key, length)),
  (key, length) => cache.set(key, Buffer.from(valueOf(key, length)), { ttl: 20 }),
  (key) => {
    const length = cache.getInto(key, target);
    if (length !== undefined) {
      check(key, target.latin1Slice(0, length));
    }
  },
  (key) => {
    if (below(50) === 0) {
      cache.delete(key);
    }
    if (below(20_000) === 0) {
      cache.clear();
    }
  },
];

function get(key) {
  const found = cache.get(key);
  if (found !== undefined) {
    check(key, String(found));
  }
}

async function run() {
  for (const end = Date.now() + time; Date.now() < end;) {
    for (let i = 0; i < BATCH; i++) {
      const key = `key ${below(KEYS)}`;
      const length = below(below(100) === 0 ? LONGEST : 500);
      (OPERATIONS[below(8)] ?? get)(key, length);
      if (options.compression !== undefined && below(20) === 0) {
        pending.push(LATER[below(2)](key, below(LONGEST)));
      }
    }
    await Promise.all(pending);
    pending = [];
    const { bytes } = cache.stats();
    if (bytes > options.maxBytes) {
      throw new Error(`${bytes} bytes, more than the budget`);
    }
  }
  port.postMessage(hits);
}

run();
