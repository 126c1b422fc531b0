'use strict';

const assert = require('node:assert');
const { TIME } = require('../lib/measures.js');
const { time } = require('../lib/timing.js');
const { CACHES } = require('./contenders.js');
const { SET_EVERY, getHit, getMiss, mixed, setEvicting } = require('./operations.js');
const { bytesPerEntry } = require('./memory.js');

const SIZES = [10_000, 100_000];
const KEYS = [
  { kind: 'short strings', keyOf: (i) => `key:${i}` },
  { kind: 'integers', keyOf: (i) => i },
];
/** No entry's time ends during a run: what is measured is the price of looking. Milliseconds. */
const TTL = 600_000;

/** @type {import('../lib/measures.js').Measure} */
const BYTES = { unit: 'bytes/entry', better: 'lower' };
/** @type {import('../lib/measures.js').Measure} */
const TIME_AND_HITS = { ...TIME, extras: { hits: 'hits %' } };

/** What a run must have found, given its operations: a fast cache that loses entries is no cache. */
const all = (found, ops) => assert.equal(found, ops, 'each get should hit');
const nothing = (found) => assert.equal(found, 0, 'no get should hit');
const hitRate = (found, ops) => ({ hits: (found / (ops * (1 - 1 / SET_EVERY))) * 100 });

const OPERATIONS = [
  { name: 'get hit', operation: getHit, outcome: all },
  { name: 'get miss', operation: getMiss, outcome: nothing },
  { name: 'set that evicts', operation: setEvicting, outcome: nothing },
  { name: '90 % get, 10 % set, Zipf', operation: mixed, outcome: hitRate, measure: TIME_AND_HITS },
  { name: 'get hit with TTL', operation: getHit, outcome: all, ttl: TTL },
  { name: 'set that evicts with TTL', operation: setEvicting, outcome: nothing, ttl: TTL },
];

function timed({ name, operation, outcome, measure = TIME, ttl }, kind, keyOf, max) {
  const caches = CACHES.filter((cache) => ttl === undefined || cache.ttl);
  const contenders = caches.map(({ name: cacheName, npm, ours, open }) => ({
    name: cacheName,
    npm,
    ours,
    async run(options) {
      const cache = await open(max, ttl);
      const { value, ops, sum } = await time(operation(cache, keyOf, max), options);
      return { value, extras: outcome(sum, ops) };
    },
  }));
  return { name: caseName(name, kind, max), measure, contenders };
}

function memory(kind, keyOf, max) {
  const contenders = CACHES.map(({ name, npm, ours, open }) => ({
    name,
    npm,
    ours,
    run: async () => ({ value: await bytesPerEntry(open, keyOf, max) }),
  }));
  return { name: caseName('memory', kind, max), measure: BYTES, flags: ['--expose-gc'], contenders };
}

const caseName = (what, kind, max) => `${what}, ${kind}, ${max.toLocaleString('en-US')} entries`;

/** Every key kind with every size. */
const variants = (make) => KEYS.flatMap(({ kind, keyOf }) => SIZES.map((max) => make(kind, keyOf, max)));

module.exports = {
  summary: 'Cache beside a Map and four LRU packages: time of gets and sets, memory of an entry',
  cases: [
    ...OPERATIONS.flatMap((operation) => variants((...variant) => timed(operation, ...variant))),
    ...variants(memory),
  ],
};
