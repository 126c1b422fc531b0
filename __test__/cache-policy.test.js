'use strict';

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { describe, test } = require('node:test');
const { Cache } = require('..');
const { seeded } = require('./helper.js');

/** Misses of a cache that starts empty, and is asked for one key after the other. */
function misses(trace, options) {
  const cache = new Cache(options);
  for (const key of trace) {
    if (cache.get(key) === undefined) {
      cache.set(key, key);
    }
    assert.ok(cache.size <= (options.max ?? Infinity));
  }
  return cache.stats().misses;
}

/** The same for a policy written as plainly as possible, of whole numbers. */
function missesOf(trace, policy) {
  let count = 0;
  for (const key of trace) {
    if (!policy.hit(key)) {
      count++;
      policy.insert(key);
    }
  }
  return count;
}

class NaiveLru {
  keys = new Set();
  constructor(max) {
    this.max = max;
  }
  hit(key) {
    return this.keys.delete(key) && this.keys.add(key) !== undefined;
  }
  insert(key) {
    if (this.keys.size >= this.max) {
      this.keys.delete(this.keys.keys().next().value);
    }
    this.keys.add(key);
  }
}

/** The queue from oldest to newest, with whether each was visited. */
class NaiveSieve {
  queue = [];
  hand = 0;
  constructor(max) {
    this.max = max;
  }
  hit(key) {
    const found = this.queue.find((entry) => entry.key === key);
    if (found !== undefined) {
      found.visited = true;
    }
    return found !== undefined;
  }
  insert(key) {
    if (this.queue.length >= this.max) {
      while (this.queue[this.hand].visited) {
        this.queue[this.hand].visited = false;
        this.hand = (this.hand + 1) % this.queue.length;
      }
      this.queue.splice(this.hand, 1);
      this.hand = this.hand === this.queue.length ? 0 : this.hand;
    }
    this.queue.push({ key, visited: false });
  }
}

/** S3-FIFO with a ghost that forgets nothing too early. */
class NaiveS3Fifo {
  small = new Map();
  main = new Map();
  ghost = new Set();
  full = false;
  constructor(max) {
    this.max = max;
    this.smallMax = Math.floor(max / 10);
    this.ghostMax = Math.floor(max * 0.9);
  }
  hit(key) {
    const queue = this.small.has(key) ? this.small : this.main;
    if (!queue.has(key)) {
      return false;
    }
    queue.set(key, Math.min(3, queue.get(key) + 1));
    return true;
  }
  insert(key) {
    if (this.small.size + this.main.size >= this.max) {
      this.full = true;
      this.evict();
    }
    const known = this.ghost.delete(key);
    const toMain = known || (!this.full && this.small.size >= this.smallMax);
    (toMain ? this.main : this.small).set(key, 0);
  }
  evict() {
    if (this.main.size <= this.max - this.smallMax) {
      for (const [key, uses] of this.small) {
        this.small.delete(key);
        if (uses < 2) {
          this.ghost.add(key);
          if (this.ghost.size > this.ghostMax) {
            this.ghost.delete(this.ghost.keys().next().value);
          }
          return;
        }
        this.main.set(key, 0);
      }
    }
    for (const [key, uses] of this.main) {
      this.main.delete(key);
      if (uses === 0) {
        return;
      }
      this.main.set(key, uses - 1);
    }
  }
}

/** Popular keys, a drift of popularity, and scans that use each key once. */
function syntheticTrace(length, keyOf = (id) => id) {
  const random = seeded(7);
  const trace = [];
  let scan = 1e6;
  while (trace.length < length) {
    if (random.chance(0.02)) {
      for (let i = 0; i < 20; i++) {
        trace.push(keyOf(scan++));
      }
    } else {
      trace.push(keyOf(Math.floor(2000 * random.next() ** 4 + trace.length / 100)));
    }
  }
  return trace;
}

const within = (count, reference, share) => Math.abs(count - reference) <= share * reference;

describe('the policy of a Cache', () => {
  const trace = syntheticTrace(40_000);

  test('lru is that of a naive one, to the last miss', () => {
    for (const max of [1, 2, 10, 300]) {
      assert.equal(misses(trace, { max, policy: 'lru' }), missesOf(trace, new NaiveLru(max)), `max ${max}`);
    }
  });

  test('sieve is that of a naive one, to the last miss', () => {
    for (const max of [1, 2, 10, 300]) {
      assert.equal(
        misses(trace, { max, policy: 'sieve' }),
        missesOf(trace, new NaiveSieve(max)),
        `max ${max}`,
      );
    }
  });

  test('s3fifo is that of a naive one with an exact ghost, but for 1 % of the misses', () => {
    for (const max of [1, 2, 10, 300, 1000]) {
      const count = misses(trace, { max, policy: 's3fifo' });
      const naive = missesOf(trace, new NaiveS3Fifo(max));
      assert.ok(within(count, naive, 0.01), `max ${max}: ${count} for ${naive}`);
    }
  });

  test('does not depend on the type of the keys', () => {
    const texts = trace.map((id) => `user:${id}`);
    const floats = trace.map((id) => id + 0.5);
    for (const policy of ['lru', 'sieve']) {
      const expected = misses(trace, { max: 300, policy });
      assert.equal(misses(texts, { max: 300, policy }), expected);
      assert.equal(misses(floats, { max: 300, policy }), expected);
    }
    const expected = misses(trace, { max: 300, policy: 's3fifo' });
    for (const keys of [texts, floats]) {
      assert.ok(within(misses(keys, { max: 300, policy: 's3fifo' }), expected, 0.01));
    }
  });

  test('auto is lru while there are fewer than 1,000 entries', () => {
    assert.equal(misses(trace, { max: 999 }), missesOf(trace, new NaiveLru(999)));
  });

  test('auto, and the default, let through what is used once when there are more', () => {
    const long = syntheticTrace(200_000);
    const lru = misses(long, { max: 1200, policy: 'lru' });
    const auto = misses(long, { max: 1200 });
    assert.ok(auto < 0.95 * lru, `${auto} misses, lru ${lru}`);
    assert.equal(misses(long, { max: 1200, policy: 'auto' }), auto);
  });

  test('keeps to a bound in bytes as well', () => {
    const sizeOf = (id) => 1 + (id % 7);
    for (const policy of ['lru', 'sieve', 's3fifo', 'auto']) {
      const cache = new Cache({ maxSize: 4000, sizeOf, policy });
      for (const key of trace) {
        if (cache.get(key) === undefined) {
          cache.set(key, key);
        }
        assert.ok(cache.stats().totalSize <= 4000);
      }
      const { totalSize, hitRate } = cache.stats();
      const sum = Array.from(cache.keys(), sizeOf).reduce((a, b) => a + b, 0);
      assert.equal(totalSize, sum);
      assert.ok(totalSize > 3990, `${policy}: full`);
      assert.ok(hitRate > 0.3, `${policy}: ${hitRate}`);
    }
  });

  test('is that of the bound that is reached, whatever the other one', () => {
    const random = seeded(5);
    // What is popular is another thing every 6,000 requests: a main queue that nobody cleans would be found out.
    const phases = Array.from({ length: 60_000 }, (_, i) => 1e6 * Math.floor(i / 6000) + random.below(400));
    for (const policy of ['sieve', 's3fifo']) {
      const alone = misses(phases, { max: 300, policy });
      const both = misses(phases, { max: 300, maxSize: 1e9, sizeOf: () => 3, policy });
      assert.ok(within(both, alone, 0.012), `${policy}: ${both} for ${alone}`);
      const bytes = misses(phases, { max: 1e6, maxSize: 900, sizeOf: () => 3, policy });
      assert.ok(within(bytes, alone, 0.012), `${policy}: ${bytes} for ${alone}`);
    }
  });

  test('does not lose its way among sizes that are fractions, or 0', () => {
    const cache = new Cache({ max: 3, maxSize: 100, policy: 's3fifo' });
    cache.set(0, 1, { size: 0.6 });
    cache.set(1, 1, { size: 0.3 });
    cache.delete(1);
    cache.delete(0);
    for (let i = 0; i < 50; i++) {
      cache.set(`z${i}`, i, { size: i % 3 === 0 ? 0 : 0.1 });
      assert.equal(cache.get(`z${i}`), i);
      assert.equal(new Set(cache.keys()).size, cache.size);
    }
    assert.equal(cache.size, 3);
  });

  test('evicts no entry that is replaced, and counts each that makes room once', () => {
    for (const policy of ['lru', 'sieve', 's3fifo', 'auto']) {
      const told = [];
      const cache = new Cache({
        max: 50,
        maxSize: 300,
        policy,
        onEvict: (key, value, reason) => told.push([key, reason]),
      });
      const random = seeded(11);
      for (let i = 0; i < 20_000; i++) {
        const key = random.below(120);
        const size = 1 + random.below(12);
        assert.equal(cache.set(key, i, { size }), true);
        assert.equal(cache.peek(key), i, policy);
        if (random.chance(0.05)) {
          cache.delete(random.below(120));
        }
        cache.get(random.below(120));
      }
      const evicted = told.filter(([, reason]) => reason === 'evict').length;
      assert.equal(cache.stats().evictions, evicted, policy);
      assert.ok(evicted > 1000);
    }
  });
});

describe('the curve of a Cache', () => {
  /** Hit rate of a cache on that trace, and its curve. */
  function run(trace, options) {
    const cache = new Cache(options);
    for (const key of trace) {
      if (cache.get(key) === undefined) {
        cache.set(key, key);
      }
    }
    return cache.stats();
  }

  test('tells what larger caches find on the same trace', () => {
    const random = seeded(31);
    // Keys that are used alike, and enough of them: which ones are watched differs from process to process.
    const trace = Array.from({ length: 300_000 }, () => random.below(60_000));
    for (const policy of ['lru', 's3fifo']) {
      const { hitRate, curve } = run(trace, { max: 9000, policy });
      for (const { scale, hitRate: promised } of curve) {
        const real = run(trace, { max: 9000 * scale, policy }).hitRate;
        assert.ok(real > hitRate + 0.02);
        assert.ok(Math.abs(promised - real) < 0.08, `${policy} * ${scale}: ${promised}, really ${real}`);
      }
    }
  });

  test('promises nothing where nothing comes back, or where all fits', () => {
    const once = run(
      Array.from({ length: 50_000 }, (_, i) => i),
      { max: 1000 },
    );
    assert.ok(once.curve.every(({ hitRate }) => hitRate === 0));
    const fits = run(
      Array.from({ length: 50_000 }, (_, i) => i % 500),
      { max: 1000 },
    );
    assert.ok(fits.curve.every(({ hitRate }) => hitRate === fits.hitRate));
  });

  test('does not promise what would have been over', () => {
    let time = 1000;
    const cache = new Cache({ max: 1000, ttl: 1500, now: () => time });
    for (let i = 0; i < 100_000; i++) {
      time++;
      // Each comes back after 2000 others, when its time is over.
      if (cache.get(i % 2000) === undefined) {
        cache.set(i % 2000, i);
      }
    }
    assert.ok(cache.stats().curve.every(({ hitRate }) => hitRate < 0.01));
  });

  test('does not remember more than a few times the cache', () => {
    const { Curve } = require('../lib/cache/curve.js');
    const curve = new Curve();
    for (let hash = 1; hash <= 100_000; hash++) {
      curve.evict(hash, 0, 6400);
    }
    for (let hash = 1; hash <= 100_000; hash++) {
      curve.miss(hash, () => 0);
    }
    const remembered = (curve.points(0, 1e9)[3].hitRate * 1e9) / 64;
    assert.equal(Math.round(remembered), 300);
  });

  test('does not grow by the keys that have come back', () => {
    const { Curve } = require('../lib/cache/curve.js');
    const curve = new Curve();
    const before = process.memoryUsage().arrayBuffers;
    for (let hash = 1; hash <= 300_000; hash++) {
      curve.evict(hash, 0, 6400);
      curve.miss(hash, () => 0);
    }
    assert.ok(process.memoryUsage().arrayBuffers - before < 1e6);
    assert.equal(curve.points(0, 1e9)[0].hitRate, (300_000 * 64) / 1e9);
  });

  test('remembers what a list of the evicted keys has, whatever comes back, and however the cache shrinks', () => {
    const { Curve } = require('../lib/cache/curve.js');
    const SCALES = [1.25, 1.5, 2, 4];
    for (let seed = 1; seed <= 40; seed++) {
      const random = seeded(seed);
      const curve = new Curve();
      // The key that was evicted last comes first.
      const stages = SCALES.map(() => []);
      const hits = SCALES.map(() => 0);
      const anySize = () => 64 * (1 + random.below(random.chance(0.5) ? 4 : 60));
      let entries = anySize();
      const back = random.below(10) / 10;
      const keys = random.pick([8, 60, 600]);
      const ends = new Map();
      for (let i = 0; i < 5000; i++) {
        const hash = 1 + random.below(1 + random.below(keys));
        if (random.chance(back)) {
          const at = stages.findIndex((stage) => stage.includes(hash));
          curve.miss(hash, () => i);
          if (at !== -1) {
            stages[at] = stages[at].filter((it) => it !== hash);
            hits[at] += ends.get(hash) === 0 || ends.get(hash) > i ? 1 : 0;
          }
        } else {
          const end = random.chance(0.5) ? 0 : i + random.below(1000);
          ends.set(hash, end);
          curve.evict(hash, end, entries);
          stages.forEach((stage, at) => (stages[at] = stage.filter((it) => it !== hash)));
          stages[0].unshift(hash);
          for (let at = 0; at < 4; at++) {
            const limit = ((SCALES[at] - (SCALES[at - 1] ?? 1)) * entries) / 64;
            if (stages[at].length <= limit) {
              break;
            }
            for (let n = 0; n < 2 && stages[at].length > limit; n++) {
              const oldest = stages[at].pop();
              stages[at + 1]?.unshift(oldest);
            }
          }
        }
        if (random.chance(0.001)) {
          entries = anySize();
        }
        if (random.chance(0.0005)) {
          curve.forget();
          stages.forEach((stage) => stage.splice(0));
        }
      }
      let more = 0;
      const wanted = hits.map((count) => (more += count * 64) / 1e9);
      assert.deepEqual(
        curve.points(0, 1e9).map(({ hitRate }) => hitRate),
        wanted,
        `seed ${seed}`,
      );
    }
  });
});

/** Where the traces of the research lie, beside a checkout; they are not part of it. */
const folder = join(__dirname, '..', '..', 'shared', 'data', 'traces');
const xz = spawnSync('xz', ['--version']).status === 0;
const missing = existsSync(folder) ? (xz ? false : 'no xz to unpack with') : 'the traces are not here';

/** Misses of an exact LRU, by bound. */
const WEB = {
  web07: { 250: 45_207, 1000: 37_750, 4000: 29_821 },
  web12: { 250: 50_940, 1000: 33_725, 4000: 20_103 },
};

describe('real traces of a web shop', { skip: missing }, () => {
  for (const [name, counts] of Object.entries(WEB)) {
    test(`${name} misses an lru as often as the reference says`, () => {
      const { stdout } = spawnSync('xz', ['-dc', join(folder, `${name}.trace.xz`)], { maxBuffer: 2 ** 24 });
      const trace = Array.from({ length: stdout.length / 4 }, (_, i) => stdout.readInt32BE(4 * i));
      for (const [max, expected] of Object.entries(counts)) {
        assert.equal(misses(trace, { max: Number(max), policy: 'lru' }), expected);
        if (max >= 1000) {
          assert.ok(misses(trace, { max: Number(max) }) < 0.98 * expected, `default, ${max}`);
        }
      }
    });
  }
});
