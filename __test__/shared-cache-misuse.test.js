'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { SharedCache } = require('..');
const { NOT_BOOLEANS, NOT_NUMBERS, NOT_OBJECTS, NOT_STRINGS, assertCode } = require('./helper.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const maxBytes = 1 << 20;

/** A cache that is closed with the test. */
function open(t, options) {
  const cache = new SharedCache(options);
  t.after(() => cache.close());
  return cache;
}

describe('the options of a shared cache', () => {
  it('must be known, and maxBytes must be there', () => {
    for (const options of NOT_OBJECTS) {
      assertCode(() => new SharedCache(options), TYPE, TypeError, options);
    }
    assertCode(() => new SharedCache(), TYPE, TypeError);
    assertCode(() => new SharedCache({}), TYPE, TypeError);
    assertCode(() => new SharedCache({ maxBytes, maxByte: 1 }), 'ERR_HEAPWISE_UNKNOWN_OPTION', TypeError);
  });

  it('must have the right types', () => {
    for (const name of ['maxBytes', 'max', 'ttl', 'maxTtl', 'jitter', 'shards']) {
      for (const value of NOT_NUMBERS) {
        assertCode(() => new SharedCache({ maxBytes, [name]: value }), TYPE, TypeError, [name, value]);
      }
    }
    for (const value of NOT_STRINGS) {
      assertCode(() => new SharedCache({ maxBytes, name: value }), TYPE, TypeError, value);
    }
    for (const value of NOT_BOOLEANS) {
      assertCode(() => new SharedCache({ maxBytes, slidingTtl: value }), TYPE, TypeError, value);
    }
  });

  it('must lie in their ranges', () => {
    const wrong = {
      maxBytes: [0, -1, NaN, Infinity, (1 << 20) - 1, 2 ** 36, 1_048_576.5],
      max: [0, -1, NaN, 1.5],
      ttl: [NaN, -1, -Infinity],
      maxTtl: [NaN, -1],
      jitter: [NaN, -0.1, 1.1, Infinity],
      shards: [0, 3, 512, 1.5],
      name: [''],
      policy: ['fifo', '', 5, null],
      codec: ['xml', 5, null, 'toString'],
    };
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        assertCode(() => new SharedCache({ maxBytes, [name]: value }), VALUE, RangeError, [name, value]);
      }
    }
    for (const codec of [{}, { encode() {} }, { encode: 1, decode() {} }]) {
      assertCode(() => new SharedCache({ maxBytes, codec }), TYPE, TypeError, codec);
    }
    const misspelt = { encode() {}, decode() {}, decod() {} };
    assertCode(
      () => new SharedCache({ maxBytes, codec: misspelt }),
      'ERR_HEAPWISE_UNKNOWN_OPTION',
      TypeError,
    );
  });

  it('must be those of the cache of that name that is open', (t) => {
    const options = { name: 'misuse', maxBytes, ttl: 5000 };
    const first = open(t, options);
    first.set('key', 'value');
    for (const other of [
      { maxBytes: 2 << 20 },
      { ttl: 5001 },
      { max: 5 },
      { policy: 'lru' },
      { codec: 'v8' },
    ]) {
      assertCode(
        () => new SharedCache({ ...options, ...other }),
        'ERR_HEAPWISE_SHARED_CACHE_SETTINGS',
        RangeError,
        other,
      );
    }
    assert.equal(first.get('key'), 'value');
  });
});

describe('what a shared cache is given', () => {
  it('keys are strings or bytes, neither empty nor too long', (t) => {
    const cache = open(t, { maxBytes });
    const calls = [
      (key) => cache.get(key),
      (key) => cache.getBuffer(key),
      (key) => cache.getInto(key, Buffer.alloc(5)),
      (key) => cache.has(key),
      (key) => cache.set(key, 'value'),
      (key) => cache.set(key, Buffer.from('value')),
      (key) => cache.delete(key),
    ];
    for (const call of calls) {
      for (const key of [
        undefined,
        null,
        5,
        5n,
        true,
        Symbol('key'),
        {},
        ['key'],
        () => 'key',
        new DataView(new ArrayBuffer(5)),
      ]) {
        assertCode(() => call(key), TYPE, TypeError, key);
      }
      for (const key of ['', Buffer.alloc(0), 'k'.repeat(65_536), 'ä'.repeat(32_768), Buffer.alloc(65_536)]) {
        assertCode(() => call(key), VALUE, RangeError);
      }
    }
    assert.equal(cache.size, 0);
    for (const key of ['k', 'k'.repeat(65_535), 'ä'.repeat(32_767), Buffer.alloc(65_535, 1)]) {
      cache.set(key, 'value');
      assert.equal(cache.get(key), 'value');
    }
  });

  it('values that no codec can store are refused, and the old one stays', (t) => {
    const failure = new Error('no');
    const custom = {
      encode(value) {
        if (value === 'old') {
          return 'unused';
        }
        if (value.wrong === undefined) {
          throw failure;
        }
        return value.wrong;
      },
      decode() {
        throw failure;
      },
    };
    const plain = open(t, { maxBytes });
    const json = open(t, { maxBytes, codec: 'json' });
    const cloned = open(t, { maxBytes, codec: 'v8' });
    const own = open(t, { maxBytes, codec: custom });
    for (const cache of [plain, json, cloned, own]) {
      cache.set('key', 'old');
    }
    for (const value of [undefined, null, 5, {}, [], () => {}, new DataView(new ArrayBuffer(5))]) {
      assertCode(() => plain.set('key', value), TYPE, TypeError, value);
    }
    const circular = {};
    circular.self = circular;
    const code = 'ERR_HEAPWISE_SHARED_CACHE_CODEC';
    for (const value of [undefined, () => {}, Symbol('value'), circular, 5n]) {
      assertCode(() => json.set('key', value), code, Error, value);
    }
    assert.ok(assertCode(() => json.set('key', circular), code, Error).cause instanceof TypeError);
    assertCode(() => cloned.set('key', () => {}), code, Error);
    assert.equal(assertCode(() => own.set('key', {}), code, Error).cause, failure);
    for (const wrong of [null, 5, {}, ['a'], new Float64Array(1)]) {
      assertCode(() => own.set('key', { wrong }), code, Error, wrong);
    }
    own.set('other', { wrong: 'stored' });
    assert.equal(assertCode(() => own.get('other'), code, Error).cause, failure);
    assert.equal(own.getBuffer('other').toString(), 'stored');
    for (const cache of [plain, json, cloned, own]) {
      assert.equal(cache.get('key'), 'old');
    }
  });

  it('a value over half of the budget is refused, and nothing else goes for it', (t) => {
    const cache = open(t, { maxBytes });
    cache.set('key', 'old');
    cache.set('other', 'kept');
    const code = 'ERR_HEAPWISE_SHARED_CACHE_TOO_LARGE';
    assertCode(() => cache.set('key', 'v'.repeat(maxBytes / 2)), code, RangeError);
    assertCode(() => cache.set('key', 'ш'.repeat(maxBytes / 4)), code, RangeError);
    assertCode(() => cache.set('key', Buffer.alloc(maxBytes)), code, RangeError);
    assert.equal(cache.get('key'), 'old');
    assert.equal(cache.get('other'), 'kept');
    assert.equal(cache.stats().evictions, 0);
  });

  it('options of a set and a target are checked', (t) => {
    const cache = open(t, { maxBytes });
    cache.set('key', 'value');
    for (const options of NOT_OBJECTS.filter((given) => given !== undefined)) {
      assertCode(() => cache.set('key', 'new', options), TYPE, TypeError, options);
    }
    for (const ttl of NOT_NUMBERS) {
      assertCode(() => cache.set('key', 'new', { ttl }), TYPE, TypeError, ttl);
    }
    for (const ttl of [NaN, -1, -Infinity]) {
      assertCode(() => cache.set('key', 'new', { ttl }), VALUE, RangeError, ttl);
    }
    assertCode(() => cache.set('key', 'new', { tll: 5 }), 'ERR_HEAPWISE_UNKNOWN_OPTION', TypeError);
    for (const target of [undefined, null, 'text', [], new ArrayBuffer(5), new Float64Array(5)]) {
      assertCode(() => cache.getInto('key', target), TYPE, TypeError, target);
    }
    const target = Buffer.alloc(4, 'x');
    assertCode(() => cache.getInto('key', target), 'ERR_HEAPWISE_SHARED_CACHE_TARGET', RangeError);
    assert.equal(target.toString(), 'xxxx');
    assert.equal(cache.get('key'), 'value');
  });

  it('nothing works after close but to close again', () => {
    const cache = new SharedCache({ maxBytes });
    cache.set('key', 'value');
    cache.close();
    cache.close();
    cache[Symbol.dispose]();
    const calls = [
      () => cache.get('key'),
      () => cache.getBuffer('key'),
      () => cache.getInto('key', Buffer.alloc(9)),
      () => cache.has('key'),
      () => cache.set('key', 'value'),
      () => cache.set('key', Buffer.alloc(5)),
      () => cache.delete('key'),
      () => cache.clear(),
      () => cache.size,
      () => cache.stats(),
    ];
    for (const call of calls) {
      assertCode(call, 'ERR_HEAPWISE_CACHE_CLOSED', Error, call);
    }
  });

  it('a codec that closes the cache has not stored the value', () => {
    const cache = new SharedCache({
      maxBytes,
      codec: {
        encode() {
          cache.close();
          return 'text';
        },
        decode: String,
      },
    });
    assertCode(() => cache.set('key', {}), 'ERR_HEAPWISE_CACHE_CLOSED', Error);
  });

  it('more shards than the budget has room for the tables of are refused', () => {
    assertCode(() => new SharedCache({ maxBytes: 1 << 20, shards: 4 }), VALUE, RangeError);
    new SharedCache({ maxBytes: 1 << 20, shards: 2 }).close();
    assertCode(() => new SharedCache({ maxBytes: 64 << 20, shards: 32 }), VALUE, RangeError);
    new SharedCache({ maxBytes: 64 << 20, shards: 16 }).close();
  });
});
