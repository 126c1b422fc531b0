'use strict';

const { CACHES } = require('../cache/contenders.js');
const { hasShop, shop, twitter } = require('./traces.js');

/** @type {import('../lib/measures.js').Measure} */
const MISSES = { unit: 'misses', better: 'lower', extras: { ratio: 'miss %' } };

/** What libCacheSim 0.3.5 counts, by policy. An exact LRU from an ordered dictionary counts the same. */
const REFERENCES = {
  'twitter_cluster52, 1,435 entries': { LRU: 337_587, SIEVE: 321_586, 'S3-FIFO': 303_120 },
  'twitter_cluster52, 14,354 entries': { LRU: 206_786, SIEVE: 197_254, 'S3-FIFO': 187_630 },
};

/** A policy of ours by name. */
const policy = (name) => ({
  name: `heapwise, policy: '${name}'`,
  async open(max) {
    const { Cache } = require('../..');
    return new Cache({ max, policy: name });
  },
});

const OURS = CACHES.find(({ ours }) => ours);
const CONTENDERS = [
  ...CACHES.filter(({ evicts, name }) => evicts !== false && !name.startsWith('heapwise')),
  ...['lru', 'sieve', 's3fifo'].map(policy),
  { ...OURS, name: 'heapwise Cache (auto)' },
];

/**
 * @param {import('../cache/contenders.js').AnyCache} cache
 * @param {any[]} trace
 */
function misses(cache, trace) {
  let count = 0;
  for (const key of trace) {
    if (cache.get(key) === undefined) {
      count++;
      cache.set(key, true);
    }
  }
  return count;
}

/**
 * @param {string} trace
 * @param {() => any[]} read
 * @param {number} max
 */
function hitRatio(trace, read, max) {
  const name = `${trace}, ${max.toLocaleString('en-US')} entries`;
  const figures = (value, length) => ({ value, extras: { ratio: (100 * value) / length } });
  const contenders = CONTENDERS.map(({ name: cache, npm, ours, open }) => ({
    name: cache,
    npm,
    ours,
    async run() {
      const keys = read();
      return figures(misses(await open(max), keys), keys.length);
    },
  }));
  const references = Object.entries(REFERENCES[name] ?? {}).map(([reference, value]) => ({
    name: `libCacheSim ${reference}`,
    run: async () => figures(value, 1e6),
  }));
  return { name, measure: MISSES, rounds: 1, contenders: [...contenders, ...references] };
}

const SHOP = ['web07', 'web12'].flatMap((name) =>
  [250, 1000, 4000].map((max) => hitRatio(name, () => shop(name), max)),
);

module.exports = {
  summary: 'how often Cache and nine other caches miss on recorded accesses, beside libCacheSim',
  cases: [
    ...[1435, 14_354].map((max) => hitRatio('twitter_cluster52', twitter, max)),
    ...(hasShop ? SHOP : []),
  ],
};
