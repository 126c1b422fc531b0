'use strict';

const assert = require('node:assert');
const { TIME } = require('../lib/measures.js');
const { time } = require('../lib/timing.js');
const { CACHES } = require('./contenders.js');
const { KEYS } = require('./keys.js');
const { SET_EVERY, getHit, getHitNew, getMiss, mixed, setEvicting } = require('./operations.js');
const { bytesPerEntry } = require('./memory.js');

const SIZES = [10_000, 100_000];
/** What each operation is measured with, the first one in both sizes; get and set with all kinds of keys besides. */
const USUAL = KEYS.slice(0, 2);
const [SMALL] = SIZES;
/** No entry's time ends during a run: what is measured is the price of looking. Milliseconds. */
const TTL = 600_000;
/** Of operations that take nanoseconds there are millions in so many milliseconds, and here are 3,000 processes to run. */
const SHORT = { warmUp: 200, sample: 250 };

/** @type {import('../lib/measures.js').Measure} */
const BYTES = { unit: 'bytes/entry', better: 'lower' };
/** @type {import('../lib/measures.js').Measure} */
const TIME_AND_HITS = { ...TIME, extras: { hits: 'hits %' } };

/** What a run must have found, given its operations: a fast cache that loses entries is no cache. */
const all = (found, ops) => assert.equal(found, ops, 'each get should hit');
const nothing = (found) => assert.equal(found, 0, 'no get should hit');
const hitRate = (found, ops) => ({ hits: (found / (ops * (1 - 1 / SET_EVERY))) * 100 });

const GET = { name: 'get hit', operation: getHit, outcome: all };
const GET_NEW = { name: 'get hit by new strings', operation: getHitNew, outcome: all, strings: true };
const SET = { name: 'set that evicts', operation: setEvicting, outcome: nothing, evicting: true };
const OPERATIONS = [
  GET,
  GET_NEW,
  { name: 'get miss', operation: getMiss, outcome: nothing },
  SET,
  {
    name: '90 % get, 10 % set, Zipf',
    operation: mixed,
    outcome: hitRate,
    measure: TIME_AND_HITS,
    evicting: true,
  },
  { name: 'get hit with TTL', operation: getHit, outcome: all, ttl: TTL },
  { name: 'set that evicts with TTL', operation: setEvicting, outcome: nothing, ttl: TTL, evicting: true },
];

/** The caches that can do what a case asks for. */
const able = ({ ttl, evicting }, { text }) =>
  CACHES.filter(
    (cache) =>
      (ttl === undefined || cache.ttl) &&
      (!evicting || cache.evicts !== false) &&
      (text || cache.keys !== 'text'),
  );

function timed(it, keys, max) {
  const { name, operation, outcome, measure = TIME, ttl } = it;
  const contenders = able(it, keys).map(({ name: cacheName, npm, ours, open }) => ({
    name: cacheName,
    npm,
    ours,
    async run(options) {
      const cache = await open(max, ttl);
      const { value, ops, sum } = await time(operation(cache, keys.keyOf, max), { ...options, ...SHORT });
      return { value, extras: outcome(sum, ops) };
    },
  }));
  return { name: caseName(name, keys.kind, max), measure, contenders };
}

function memory(keys, max) {
  const contenders = able({ evicting: true }, keys).map(({ name, npm, ours, open }) => ({
    name,
    npm,
    ours,
    run: async () => ({ value: await bytesPerEntry(open, keys.keyOf, max) }),
  }));
  return { name: caseName('memory', keys.kind, max), measure: BYTES, flags: ['--expose-gc'], contenders };
}

/** Whether an operation can be done with such keys. */
const suits = ({ strings }, { keyOf }) => !strings || typeof keyOf(0) === 'string';

const caseName = (what, kind, max) => `${what}, ${kind}, ${max.toLocaleString('en-US')} entries`;

/** The usual kinds of keys. */
const variants = (make) =>
  USUAL.flatMap((keys, i) => (i === 0 ? SIZES : [SMALL]).flatMap((max) => make(keys, max)));

module.exports = {
  summary:
    'Cache beside a Map and nine other caches: time of gets and sets by kind of key, memory of an entry',
  nodes: ['20', '24'],
  cases: [
    ...OPERATIONS.flatMap((it) => variants((keys, max) => (suits(it, keys) ? timed(it, keys, max) : []))),
    ...[GET, GET_NEW, SET].flatMap((it) =>
      KEYS.slice(USUAL.length)
        .filter((keys) => suits(it, keys))
        .map((keys) => timed(it, keys, SMALL)),
    ),
    ...variants(memory),
  ],
};
