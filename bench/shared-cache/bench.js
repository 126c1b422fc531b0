'use strict';

const assert = require('node:assert');
const { TIME } = require('../lib/measures.js');
const { time } = require('../lib/timing.js');
const { heapwise, lmdb, lruCache, memory, nothing } = require('./contenders.js');
const { documents } = require('./documents.js');
const { many } = require('./many.js');
const { mixed } = require('./mixed.js');
const { fill, inRandomOrder, valueOf } = require('./operations.js');
const { open, openByHand, save, saveByHand } = require('./warm-restart.js');

const LENGTH = 256;
const SIZES = [10_000, 1_000_000];

const emptyCall = {
  name: 'an empty Node-API call',
  run(options) {
    const binding = require('../../lib/binding.js');
    const settings = { maxBytes: 1 << 20, max: 0, ttl: 0, maxTtl: 0, jitter: 0, sliding: false };
    const { empty } = binding.openSharedCache({ ...settings, policy: 'lru', codec: '' }, Buffer.alloc(64));
    return time((n) => {
      for (let i = 0; i < n; i++) {
        empty();
      }
      return 0;
    }, options);
  },
};

/** Each makes an operation on a key out of a full cache; the operation returns 1 if all is well. */
const GET = (cache) => (key) => Number(cache.get(key).length === LENGTH);
const HAS = (cache) => (key) => Number(cache.has(key));
const SET = (cache) => {
  const value = valueOf(7, LENGTH);
  return (key) => {
    cache.set(key, value);
    return 1;
  };
};
const GET_INTO = (cache) => {
  const target = Buffer.alloc(LENGTH);
  return (key) => Number(cache.getInto(key, target) === LENGTH);
};
const GET_BUFFER = (cache) => (key) => Number(cache.getBuffer(key).length === LENGTH);

function timed(contender, operationOf, max, name = contender.name) {
  return {
    name,
    npm: contender.npm,
    ours: contender.ours,
    async run(options) {
      const cache = await contender.open(max, LENGTH);
      fill(cache, max, LENGTH);
      const { value, ops, sum } = await time(inRandomOrder(max, operationOf(cache)), options);
      assert.equal(sum, ops, 'each operation should succeed');
      return { value };
    },
  };
}

const count = (number) => number.toLocaleString('en-US');

function casesOf(max) {
  const peers = max <= SIZES[0] ? [lruCache, lmdb] : [lruCache];
  const operation = (what, operationOf, others = []) => ({
    name: `${what}, ${LENGTH} bytes, ${count(max)} entries`,
    measure: TIME,
    contenders: [
      emptyCall,
      ...peers.map((peer) => timed(peer, operationOf, max)),
      timed(heapwise, operationOf, max),
      ...others.map(([name, other]) => timed({ ...heapwise, ours: false }, other, max, name)),
    ],
  });
  return [
    operation('get', GET, [
      ['heapwise getInto', GET_INTO],
      ['heapwise getBuffer', GET_BUFFER],
    ]),
    operation('has', HAS),
    operation('set over the old value', SET),
  ];
}

/** @type {import('../lib/measures.js').Measure} */
const WORK = {
  unit: 'ms of work',
  better: 'lower',
  extras: { longestGc: 'longest GC pause, ms', heap: 'V8 heap, MB', memory: 'RSS / (keys + values)' },
};
/** @type {import('../lib/measures.js').Measure} */
const FILL = {
  unit: 'ns/set',
  better: 'lower',
  rate: true,
  extras: { longest: 'longest operation, ms', memory: 'RSS, GB', overhead: 'bytes beside key and value' },
};

const MIXED = { entries: 2_000_000, operations: 4_000_000, length: 512 };
const MIXED_QUICK = { entries: 100_000, operations: 200_000, length: 512 };

function mixedContender(contender, kind, make) {
  return {
    name: kind === undefined ? contender.name : `${contender.name}, ${kind}`,
    npm: contender.npm,
    ours: contender.ours,
    run({ quick }) {
      const { entries, operations, length } = quick ? MIXED_QUICK : MIXED;
      const payload = entries * (length + 'key:1234567'.length);
      return mixed(
        (max) => contender.open(max, length),
        (i) => make(i, length),
        { entries, operations, payload },
      );
    },
  };
}

const MANY = 50_000_000;
const MANY_QUICK = 500_000;

const FILE = { entries: 1_000_000, length: 256 };
const FILE_QUICK = { entries: 50_000, length: 256 };

/** @type {import('../lib/measures.js').Measure} */
const WHOLE = {
  unit: 'ms',
  better: 'lower',
  extras: { longest: 'longest stall, ms', size: 'file, MB' },
};

function fileContender(contender, name, work) {
  return {
    name: `${contender.name}${name}`,
    npm: contender.npm,
    ours: contender.ours,
    run: ({ quick }) => work(quick ? FILE_QUICK : FILE),
  };
}

module.exports = {
  summary:
    'SharedCache beside lru-cache and lmdb: time of gets and sets, compression, a mixed load, 50 million entries, warm restart',
  cases: [
    ...SIZES.flatMap(casesOf),
    ...[1 << 10, 10 << 10, 200 << 10].map(documents),
    {
      name: 'two gets for each set, with garbage; 2,000,000 entries of 512 bytes',
      measure: WORK,
      flags: ['--expose-gc', '--max-old-space-size=8192'],
      contenders: [
        mixedContender(nothing, undefined, valueOf),
        mixedContender(lruCache, 'strings', valueOf),
        mixedContender(lruCache, 'Buffers', (i, length) => Buffer.from(valueOf(i, length), 'latin1')),
        mixedContender(heapwise, undefined, valueOf),
      ],
    },
    {
      name: `fill, ${count(MANY)} entries of 64 bytes`,
      measure: FILL,
      contenders: [nothing, memory, heapwise].map((contender) => ({
        name: contender.name,
        ours: contender.ours,
        run: ({ quick }) => many(contender, quick ? MANY_QUICK : MANY),
      })),
    },
    {
      name: `save to a file, ${count(FILE.entries)} entries of ${FILE.length} bytes`,
      measure: WHOLE,
      contenders: [
        fileContender(lruCache, ', entries and JSON.stringify', saveByHand),
        fileContender(heapwise, ' save', (size) => save(size, false)),
        fileContender(heapwise, ' save, while it is written to', (size) => save(size, true)),
      ],
    },
    {
      name: `open from a file, ${count(FILE.entries)} entries of ${FILE.length} bytes`,
      measure: WHOLE,
      contenders: [
        fileContender(lruCache, ', JSON.parse and set', openByHand),
        fileContender(heapwise, ' open', open),
      ],
    },
  ],
};
