// node-flags: --max-old-space-size=12000
'use strict';

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { Cache } = require('../..');

/** More than a Map can hold. */
const COUNT = 20_000_000;

const KINDS = {
  integers: (i) => i,
  texts: (i) => `key:${i}`,
};

describe('a Cache of 20,000,000 entries', () => {
  for (const [kind, keyOf] of Object.entries(KINDS)) {
    for (const policy of ['lru', 's3fifo']) {
      test(`of ${kind} holds them all, and evicts as ${policy} does`, () => {
        const cache = new Cache({ max: COUNT, policy });
        for (let i = 0; i < COUNT; i++) {
          cache.set(keyOf(i), i);
        }
        assert.equal(cache.size, COUNT);
        for (let i = 0; i < COUNT; i += 97) {
          assert.equal(cache.get(keyOf(i)), i);
        }
        for (let i = COUNT; i < COUNT + 2_000_000; i++) {
          cache.set(keyOf(i), i);
          assert.equal(cache.peek(keyOf(i)), i);
        }
        assert.equal(cache.size, COUNT);
        assert.equal(cache.stats().evictions, 2_000_000);
      });
    }
  }

  test('whose keys are neither texts nor numbers does not end at 2^24 either', () => {
    const cache = new Cache({ max: COUNT });
    const keys = Array.from({ length: 17_000_000 }, (_, i) => BigInt(i));
    for (const key of keys) {
      cache.set(key, true);
    }
    assert.equal(cache.size, keys.length);
    for (let i = 0; i < keys.length; i += 97) {
      assert.equal(cache.get(keys[i]), true);
      assert.equal(cache.delete(keys[i]), true);
      assert.equal(cache.has(keys[i]), false);
    }
  });
});
