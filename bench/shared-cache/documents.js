'use strict';

const assert = require('node:assert');
const { setImmediate: nextTurn } = require('node:timers/promises');
const { EventLoopMonitor } = require('../..');
const { createRandom } = require('../lib/random.js');
const { compressed } = require('./compressed.js');

/** Requests that are served at the same time, each with one document in a turn of the event loop. */
const AT_A_TIME = 4;
/** Bytes of all documents. */
const ALL = 24 << 20;
/** What is set and got before it counts, as a part of all. */
const WARM_UP = 0.2;

/** @type {import('../lib/measures.js').Measure} */
const DOCUMENTS = {
  unit: 'µs for a set and a get',
  better: 'lower',
  extras: {
    set: 'set, µs',
    get: 'get, µs',
    work: 'µs of the loop',
    p99: '99 % of turns, ms',
    longest: 'longest turn, ms',
    stored: 'stored / JSON',
    memory: 'RSS / JSON',
  },
};

const WORDS =
  'the of and to in is you that it he was for on are as with his they at be this have from or one had by word but not what all';

/** A source of documents like those of an API, the same in each process. */
function source() {
  const words = WORDS.split(' ');
  const random = createRandom();
  const below = (end) => Math.floor(random() * end);
  const text = (count) => Array.from({ length: count }, () => words[below(words.length)]).join(' ');
  const digits = (count) => Array.from({ length: count }, () => below(16).toString(16)).join('');
  const item = () => ({
    id: digits(24),
    name: text(4),
    description: text(18),
    price: below(100_000) / 100,
    currency: ['EUR', 'USD', 'GBP'][below(3)],
    inStock: below(2) === 1,
    rating: below(50) / 10,
    createdAt: new Date(1.7e12 + below(1e9)).toJSON(),
    url: `https://shop.example.com/products/${digits(8)}?ref=${below(1000)}`,
  });
  return function document(bytes) {
    const items = [];
    for (let length = 30; length < bytes;) {
      items.push(item());
      length += JSON.stringify(items.at(-1)).length + 1;
    }
    return JSON.stringify({ total: items.length, items });
  };
}

/**
 * Does something with each number, a few at a time, and measures the turns of the event loop meanwhile.
 *
 * @param {number} count
 * @param {(i: number) => unknown} work
 */
async function serve(count, work) {
  let next = 0;
  const request = async () => {
    while (next < count) {
      await work(next++);
      await nextTurn();
    }
  };
  const monitor = new EventLoopMonitor().start();
  const before = performance.eventLoopUtilization();
  const start = performance.now();
  await Promise.all(Array.from({ length: AT_A_TIME }, request));
  const elapsed = performance.now() - start;
  const { active } = performance.eventLoopUtilization(before);
  const { p99, max } = monitor.histogram.summary();
  monitor.close();
  return { micros: (elapsed * 1e3) / count, work: (active * 1e3) / count, p99, longest: max };
}

/**
 * @param {import('./compressed.js').Store} store
 * @param {number} bytes
 */
function contender(store, bytes) {
  return {
    name: store.name,
    npm: store.npm,
    ours: store.ours,
    async run({ quick }) {
      const count = Math.floor((quick ? ALL / 4 : ALL) / bytes);
      const next = source();
      const texts = Array.from({ length: count }, () => Buffer.from(next(bytes), 'latin1'));
      const json = texts.reduce((sum, { length }) => sum + length, 0);
      global.gc();
      const rss = process.memoryUsage.rss();
      const cache = await store.open(count, 2 * json);
      // A new string each time, as one that was just made.
      const set = (i) => cache.set(`key ${i}`, texts[i].latin1Slice());
      const get = async (i) => assert.equal((await cache.get(`key ${i}`)).length, texts[i].length);
      await serve(Math.floor(count * WARM_UP), set);
      const sets = await serve(count, set);
      global.gc();
      const memory = (process.memoryUsage.rss() - rss) / json;
      await serve(Math.floor(count * WARM_UP), get);
      const gets = await serve(count, get);
      assert.equal(await cache.get('key 1'), texts[1].latin1Slice());
      return {
        value: sets.micros + gets.micros,
        extras: {
          set: sets.micros,
          get: gets.micros,
          work: sets.work + gets.work,
          p99: Math.max(sets.p99, gets.p99),
          longest: Math.max(sets.longest, gets.longest),
          stored: cache.bytes() / json,
          memory,
        },
      };
    },
  };
}

/** @param {number} bytes */
function documents(bytes) {
  return {
    name: `JSON of ${Math.round(bytes / 1024)} KB, ${AT_A_TIME} at a time`,
    measure: DOCUMENTS,
    flags: ['--expose-gc'],
    contenders: compressed.map((store) => contender(store, bytes)),
  };
}

module.exports = { documents };
