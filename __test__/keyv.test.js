'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { setTimeout: delay } = require('node:timers/promises');
const { SharedCache } = require('..');
const { KeyvSharedCache } = require('heapwise/keyv');
const { Keyv: Keyv5 } = require('keyv');
const { Keyv: Keyv6 } = require('keyv6');
const { NOT_OBJECTS, NOT_STRINGS, assertCode, assertRejects } = require('./helper.js');

const MB = 2 ** 20;

/** A cache of its own that ends with the test. */
function cacheOf(t, options) {
  const cache = new SharedCache({ maxBytes: 4 * MB, ...options });
  t.after(() => cache.close());
  return cache;
}

async function all(iterator) {
  const found = [];
  for await (const entry of iterator) {
    found.push(entry);
  }
  return found.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** What is told of errors. */
function errorsOf(emitter) {
  const errors = [];
  emitter.on('error', (error) => errors.push(error.code ?? error));
  return errors;
}

describe('wrong use', () => {
  it('of the constructor is refused', (t) => {
    const cache = cacheOf(t);
    for (const options of NOT_OBJECTS) {
      assertCode(
        () => new KeyvSharedCache(cache, options),
        'ERR_HEAPWISE_INVALID_ARG_TYPE',
        TypeError,
        options,
      );
    }
    assertCode(() => new KeyvSharedCache(cache, { name: 'a' }), 'ERR_HEAPWISE_UNKNOWN_OPTION', TypeError);
    for (const keyv of [4, '6', null]) {
      assertCode(
        () => new KeyvSharedCache(cache, { keyv }),
        'ERR_HEAPWISE_INVALID_ARG_VALUE',
        RangeError,
        keyv,
      );
    }
    assertCode(() => new KeyvSharedCache(), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError);
    assertCode(() => new KeyvSharedCache({ maxBytes: 1 }), 'ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError);
  });

  it('of a namespace is refused, and leaves the one there was', (t) => {
    const store = new KeyvSharedCache(cacheOf(t), { namespace: 'mine' });
    for (const namespace of NOT_STRINGS) {
      assertCode(() => (store.namespace = namespace), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError, namespace);
    }
    assertCode(() => (store.namespace = 'a\0b'), 'ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError);
    assert.equal(store.namespace, 'mine');
  });

  it('a time to live where Keyv 6 passes a point in time is an error, not an entry that is never found', async (t) => {
    const keyv = new Keyv5({ store: new KeyvSharedCache(cacheOf(t), { keyv: 6 }) });
    const errors = errorsOf(keyv);
    assert.equal(await keyv.set('key', 1, 60_000), false);
    assert.deepEqual(errors, ['ERR_HEAPWISE_INVALID_ARG_VALUE']);
  });

  it('a value that the cache does not take is an error, and leaves the old one', async (t) => {
    for (const [Keyv, options] of [
      [Keyv5, { serialize: undefined, deserialize: undefined }],
      [Keyv6, { serialization: false }],
    ]) {
      const store = new KeyvSharedCache(cacheOf(t));
      const keyv = new Keyv({ store, ...options });
      const errors = errorsOf(keyv);
      assert.equal(await keyv.set('key', { a: 1 }), false);
      assert.deepEqual(errors, ['ERR_HEAPWISE_INVALID_ARG_TYPE']);
    }
  });

  it('of setMany stores what can be stored', async (t) => {
    const store = new KeyvSharedCache(cacheOf(t));
    const errors = errorsOf(store);
    const results = await store.setMany([
      { key: 'a', value: '1' },
      { key: 'b', value: Symbol('b') },
      { key: 'c', value: '3' },
    ]);
    assert.deepEqual(results, [true, false, true]);
    assert.deepEqual(errors, ['ERR_HEAPWISE_INVALID_ARG_TYPE']);
    assert.deepEqual(await store.getMany(['a', 'b', 'c']), ['1', undefined, '3']);
  });

  it('after disconnect() everything rejects, and disconnect does no harm', async () => {
    const store = new KeyvSharedCache({ maxBytes: MB });
    await store.disconnect();
    await store.disconnect();
    const calls = [
      store.get('key'),
      store.getMany(['key']),
      store.set('key', 'value'),
      store.delete('key'),
      store.deleteMany(['key']),
      store.has('key'),
      store.hasMany(['key']),
      store.clear(),
      all(store.iterator()),
    ];
    for (const call of calls) {
      await assertRejects(call, 'ERR_HEAPWISE_CACHE_CLOSED', Error);
    }
    assert.deepEqual(await store.setMany([{ key: 'key', value: 'value' }]), [false]);
  });

  it('a get that fails is told to those who listen, though Keyv 5 takes it for a miss', async () => {
    const store = new KeyvSharedCache({ maxBytes: MB });
    const keyv = new Keyv5({ store });
    const errors = errorsOf(keyv);
    await keyv.disconnect();
    assert.equal(await keyv.get('key'), undefined);
    assert.deepEqual(errors, ['ERR_HEAPWISE_CACHE_CLOSED']);
  });
});

/** Keyv and the option that it is used with. */
const WAYS = [
  ['Keyv 5', Keyv5, {}],
  ['Keyv 6', Keyv6, { keyv: 6 }],
  ['Keyv 6 through its bridge', Keyv6, {}],
];

for (const [name, Keyv, options] of WAYS) {
  describe(name, () => {
    /** Several of the same cache, each with a store of its own. */
    const keyvsOf = (t, ...namespaces) => {
      const cache = cacheOf(t);
      return namespaces.map((namespace) => {
        const keyv = new Keyv({ store: new KeyvSharedCache(cache, options), namespace });
        keyv.on('error', (error) => assert.fail(error));
        return keyv;
      });
    };

    it('keeps what JSON can say, and bytes', async (t) => {
      const [keyv] = keyvsOf(t, 'values');
      const values = [0, '', false, null, 'text', ':colon', '"', { a: [1, { b: 2 }] }, Buffer.from([0, 255])];
      for (const value of values) {
        assert.equal(await keyv.set('key', value), true);
        assert.deepEqual(await keyv.get('key'), value);
      }
    });

    it('its namespaces have nothing in common, whatever they are called', async (t) => {
      const names = ['a', 'a:', 'a::b', 'a:b', 'b'];
      const keyvs = keyvsOf(t, ...names);
      // Not 'b:key': Keyv 5 takes that for 'key' in the namespace 'b'.
      const keys = ['key', ':b:key', '::key', 'a', 'x\0y'];
      for (const [i, keyv] of keyvs.entries()) {
        for (const key of keys) {
          await keyv.set(key, `${names[i]} ${key}`);
        }
      }
      await keyvs[0].clear();
      for (const [i, keyv] of keyvs.entries()) {
        const expected = keys.map((key) => (i === 0 ? undefined : `${names[i]} ${key}`));
        assert.deepEqual(await keyv.getMany(keys), expected, names[i]);
      }
    });

    it('iterates over the entries of its namespace only', async (t) => {
      const [a, b, empty] = keyvsOf(t, 'a', 'b', 'empty');
      await a.setMany([
        { key: 'x', value: 1 },
        { key: 'ü:€', value: 2 },
      ]);
      await b.set('x', 3);
      assert.deepEqual(await all(a.iterator()), [
        ['x', 1],
        ['ü:€', 2],
      ]);
      assert.deepEqual(await all(b.iterator()), [['x', 3]]);
      assert.deepEqual(await all(empty.iterator()), []);
    });

    it('clears thousands of entries, and no other namespace', async (t) => {
      const [a, b] = keyvsOf(t, 'a', 'b');
      await a.setMany(Array.from({ length: 5000 }, (_, i) => ({ key: `k${i}`, value: i })));
      await b.set('key', 'kept');
      await a.clear();
      assert.deepEqual(await all(a.iterator()), []);
      assert.equal(await b.get('key'), 'kept');
    });

    it('has, hasMany, delete and deleteMany say what there was', async (t) => {
      const [keyv] = keyvsOf(t, 'has');
      await keyv.set('a', 1);
      await keyv.set('b', 2);
      assert.equal(await keyv.has('a'), true);
      assert.equal(await keyv.has('z'), false);
      assert.deepEqual(await keyv.hasMany(['a', 'z']), [true, false]);
      assert.equal(await keyv.delete('a'), true);
      assert.equal(await keyv.delete('a'), false);
      const deleted = await keyv.deleteMany(['a', 'b']);
      assert.equal(await keyv.has('b'), false);
      assert.deepEqual(deleted, options.keyv === 6 ? [false, true] : Keyv === Keyv5 ? false : [false, false]);
    });

    it('an entry ends with its time, in the cache as well', async (t) => {
      const cache = cacheOf(t);
      const keyv = new Keyv({ store: new KeyvSharedCache(cache, options) });
      await keyv.set('short', 1, 20);
      await keyv.set('long', 2, 60_000);
      await keyv.setMany([
        { key: 'short, too', value: 1, ttl: 20 },
        { key: 'for ever', value: 2 },
      ]);
      assert.equal(await keyv.get('short'), 1);
      await delay(25);
      const keys = ['short', 'long', 'short, too', 'for ever'];
      assert.deepEqual(await keyv.getMany(keys), [undefined, 2, undefined, 2]);
      // Not only Keyv's own look at the time.
      assert.equal([...cache.keys()].length, 2);
    });
  });
}

describe('the store itself', () => {
  it('with Keyv 6 keeps nothing whose time is over, and removes what was there', async (t) => {
    const store = new KeyvSharedCache(cacheOf(t), { keyv: 6 });
    await store.set('key', 'old');
    assert.equal(await store.set('key', 'new', Date.now() - 500), true);
    assert.equal(await store.get('key'), undefined);
    assert.deepEqual(await store.setMany([{ key: 'key', value: 'new', expires: Date.now() - 1 }]), [true]);
    assert.equal(await store.has('key'), false);
  });

  it('with nothing to do does nothing', async (t) => {
    const store = new KeyvSharedCache(cacheOf(t), { keyv: 6 });
    for (const method of ['getMany', 'setMany', 'deleteMany', 'hasMany']) {
      assert.deepEqual(await store[method]([]), [], method);
    }
  });

  it('is used by Keyv 6 as it is, or through its bridge', (t) => {
    const cache = cacheOf(t);
    const direct = new KeyvSharedCache(cache, { keyv: 6 });
    assert.equal(new Keyv6({ store: direct }).store, direct);
    assert.notEqual(new Keyv6({ store: new KeyvSharedCache(cache) }).store.constructor, KeyvSharedCache);
  });

  it('has no namespace until it is given one', (t) => {
    const store = new KeyvSharedCache(cacheOf(t));
    assert.equal(store.namespace, undefined);
    store.namespace = 'test';
    assert.equal(store.namespace, 'test');
    store.namespace = undefined;
    assert.equal(store.namespace, undefined);
  });

  it('without a namespace iterates over and clears the whole cache, whose other keys may be bytes', async (t) => {
    const cache = cacheOf(t);
    const store = new KeyvSharedCache(cache);
    cache.set('a', '1');
    cache.set(Buffer.from([0xff, 0xfe]), '2');
    assert.deepEqual(await all(store.iterator()), [['a', '1']]);
    await store.clear();
    assert.equal([...cache.keys()].length, 0);
  });

  it('leaves a cache open that it was given, and closes one that it has made', async (t) => {
    const cache = cacheOf(t);
    const store = new KeyvSharedCache(cache);
    await store.set('key', 'value');
    await store.disconnect();
    assert.equal(cache.get('key'), 'value');
    assert.equal(store.cache, cache);
  });

  it('shares its entries with all that open a cache of the same name', async (t) => {
    const options = { name: 'keyv test', maxBytes: MB };
    const [a, b] = [new KeyvSharedCache(options), new KeyvSharedCache(options)];
    t.after(() => [a, b].map((store) => store.disconnect()));
    await a.set('key', 'value');
    assert.equal(await b.get('key'), 'value');
  });
});
