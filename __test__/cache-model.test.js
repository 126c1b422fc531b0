'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Cache } = require('..');
const { seeded } = require('./helper.js');

/**
 * What a cache does, written as plainly as possible: a Map in the order of use, oldest first. The real one may
 * remove expired entries at any set; the model learns of it from onEvict and checks that the time was over.
 */
class Model {
  entries = new Map();
  time = 1000;
  hits = 0;
  misses = 0;
  sets = 0;
  evictions = 0;

  constructor({ max = Infinity, maxSize = Infinity, ttl = 0 }) {
    Object.assign(this, { max, maxSize, ttl });
  }

  get totalSize() {
    return [...this.entries.values()].reduce((sum, { size }) => sum + size, 0);
  }

  alive(key) {
    const entry = this.entries.get(key);
    return entry !== undefined && entry.ends > this.time;
  }

  /** Keys whose time is not over, newest first. */
  keys() {
    return [...this.entries.keys()].filter((key) => this.alive(key)).toReversed();
  }

  /** Takes note of an entry that left because its time was over. */
  expire([key, value, reason]) {
    assert.equal(reason, 'expire');
    assert.ok(this.entries.has(key), `${key} was there`);
    assert.ok(!this.alive(key), `the time of ${key} was over`);
    assert.equal(this.entries.get(key).value, value);
    this.entries.delete(key);
  }

  /** get, peek or has: the value, and what onEvict has to say. */
  read(key, events, use) {
    const alive = this.alive(key);
    if (this.entries.has(key) && !alive) {
      this.expire(events.shift());
    }
    const entry = this.entries.get(key);
    if (use) {
      this[alive ? 'hits' : 'misses']++;
      if (alive) {
        this.entries.delete(key);
        this.entries.set(key, entry);
      }
    }
    return entry?.value;
  }

  set(key, value, { ttl = this.ttl, size = 0 }, events) {
    this.sets++;
    for (let swept = 0; swept < 2 && events[0]?.[2] === 'expire'; swept++) {
      this.expire(events.shift());
    }
    const old = this.entries.get(key);
    if (size > this.maxSize) {
      if (old !== undefined) {
        assert.deepEqual(events.shift(), [key, old.value, 'evict']);
        this.entries.delete(key);
      }
      return false;
    }
    if (old !== undefined && old.value !== value) {
      assert.deepEqual(events.shift(), [key, old.value, 'set']);
    }
    this.entries.delete(key);
    const ends = ttl === 0 || ttl === Infinity ? Infinity : this.time + ttl;
    while (
      this.entries.size >= this.max ||
      (this.maxSize < Infinity && this.totalSize + size > this.maxSize)
    ) {
      const [[oldest, entry]] = this.entries;
      const reason = this.alive(oldest) ? 'evict' : 'expire';
      assert.deepEqual(events.shift(), [oldest, entry.value, reason]);
      this.entries.delete(oldest);
      this.evictions += reason === 'evict' ? 1 : 0;
    }
    this.entries.set(key, { value, ends, size });
    return true;
  }

  delete(key, events) {
    const entry = this.entries.get(key);
    if (entry === undefined) {
      return false;
    }
    const alive = this.alive(key);
    assert.deepEqual(events.shift(), [key, entry.value, alive ? 'delete' : 'expire']);
    this.entries.delete(key);
    return alive;
  }

  clear(events) {
    const told = new Map(events.splice(0).map(([key, value, reason]) => [key, `${value} ${reason}`]));
    const known = new Map([...this.entries].map(([key, { value }]) => [key, `${value} clear`]));
    assert.deepEqual(told, known);
    this.entries.clear();
  }
}

/**
 * Runs a random schedule on a cache, on one without onEvict, which must answer alike, and on the model.
 */
function schedule(seed, { operations, keys, times = false, sizes = false, ...bounds }) {
  const random = seeded(seed);
  const model = new Model(bounds);
  const now = () => model.time;
  const events = [];
  const options = { ...bounds, now, sizeOf: sizes ? () => assert.fail('asked') : undefined };
  const cache = new Cache({ ...options, onEvict: (...event) => events.push(event) });
  const silent = new Cache(options);
  const both = (call) => {
    const result = call(cache);
    assert.deepEqual(call(silent), result);
    return result;
  };
  // Skewed, as real keys are.
  const key = () => Math.floor(keys * random.next() ** 2);
  const rest = () => {
    const given = {};
    if (times && random.chance(0.6)) {
      given.ttl = random.pick([0, Infinity, undefined, 1, 5, random.below(200), random.below(2000)]);
    }
    if (sizes) {
      given.size = random.chance(0.02) ? bounds.maxSize + random.below(3) : random.below(bounds.maxSize / 5);
    }
    return given;
  };
  let value = 0;
  const actions = {
    get() {
      const asked = key();
      const got = both((one) => one.get(asked));
      assert.equal(got, model.read(asked, events, true));
    },
    peek() {
      const asked = key();
      const got = both((one) => one.peek(asked));
      assert.equal(got, model.read(asked, events, false));
    },
    has() {
      const asked = key();
      const got = both((one) => one.has(asked));
      assert.equal(got, model.read(asked, events, false) !== undefined);
    },
    set() {
      const [asked, given] = [key(), rest()];
      // Now and then the value that is there already.
      const next = random.chance(0.1) ? (model.entries.get(asked)?.value ?? ++value) : ++value;
      const stored = both((one) => one.set(asked, next, given));
      assert.equal(stored, model.set(asked, next, given, events));
    },
    delete() {
      const asked = key();
      const deleted = both((one) => one.delete(asked));
      assert.equal(deleted, model.delete(asked, events));
    },
    clear() {
      if (random.chance(0.02)) {
        both((one) => one.clear());
        model.clear(events);
      }
    },
    wait() {
      model.time += times ? random.pick([0.5, 1, random.below(20), random.below(300)]) : 1;
    },
  };
  const names = [...Array(8).fill('get'), 'peek', 'has', ...Array(8).fill('set'), 'delete', 'clear', 'wait'];
  let largest = 0;
  for (let i = 0; i < operations; i++) {
    const name = random.pick(names);
    actions[name]();
    assert.deepEqual(events, [], `nothing else was told after operation ${i}, ${name}`);
    assert.equal(cache.size, model.entries.size, `after operation ${i}, ${name}`);
    assert.equal(silent.size, model.entries.size);
    largest = Math.max(largest, cache.size);
    if (i % 50 === 0) {
      check(i);
    }
  }
  check(operations);
  return { cache, model, largest };

  function check(i) {
    assert.deepEqual([...cache.keys()], model.keys(), `keys after operation ${i}`);
    assert.deepEqual([...silent.keys()], model.keys());
    // Iteration removes what has expired; the next call at the latest tells of it.
    cache.has('no key');
    for (const event of events.splice(0)) {
      model.expire(event);
    }
    const { entries, totalSize, hits, misses, sets, evictions } = both((one) => one.stats());
    assert.equal(entries, model.entries.size);
    assert.equal(totalSize, model.totalSize);
    assert.deepEqual([hits, misses, sets], [model.hits, model.misses, model.sets]);
    assert.ok(evictions >= model.evictions, `${evictions} evictions`);
  }
}

describe('Cache against a naive model', () => {
  test('no order of 50,000 calls breaks the order of use of a cache bounded by entries', () => {
    const { model, largest } = schedule(1, { operations: 50_000, keys: 150, max: 40 });
    assert.equal(largest, 40);
    assert.ok(model.hits > 5000 && model.misses > 5000, 'hits and misses are both tried');
  });

  test('no order of 50,000 calls breaks expiry', () => {
    const { cache, largest } = schedule(2, { operations: 50_000, keys: 300, max: 60, ttl: 50, times: true });
    assert.equal(largest, 60);
    assert.ok(cache.stats().expirations > 1000 && cache.stats().evictions > 100);
  });

  test('no order of 50,000 calls breaks the bound of the sizes', () => {
    const { cache } = schedule(3, { operations: 50_000, keys: 100, maxSize: 500, sizes: true });
    assert.ok(cache.stats().evictions > 5000);
  });

  test('no order of 50,000 calls breaks entries, times and sizes together', () => {
    schedule(4, { operations: 50_000, keys: 200, max: 25, maxSize: 900, ttl: 100, times: true, sizes: true });
  });

  test('no order of calls breaks a cache that grows, nor one of a single entry', () => {
    const { largest } = schedule(5, { operations: 20_000, keys: 3000, max: 1000, times: true });
    assert.ok(largest > 300);
    schedule(6, { operations: 10_000, keys: 3, max: 1, times: true });
  });
});
