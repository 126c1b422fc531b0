'use strict';

const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { setTimeout: delay } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { SharedCache } = require('..');
const binding = require('../lib/binding.js');
const { createSharedCacheClass } = require('../lib/shared-cache/shared-cache.js');
const { NOT_NUMBERS, NOT_OBJECTS, assertCode, assertRejects } = require('./helper.js');
const { runScript } = require('./run-script.js');
const { stress, textOf } = require('./shared-caches.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const CLOSED = 'ERR_HEAPWISE_CACHE_CLOSED';
const maxBytes = 16 << 20;
/** Long enough for another thread, whatever the algorithm. */
const LONG = 300_000;
const ALGORITHMS = ['lz4', 'zstd'];

/** A cache that is closed with the test. */
function open(t, options) {
  const cache = new SharedCache({ maxBytes, ...options });
  t.after(() => cache.close());
  return cache;
}

describe('the option "compression"', () => {
  it('is an algorithm that exists, with settings that it has', () => {
    for (const compression of ['gzip', '', 'LZ4', 5, true, null, {}, { algorithm: 'brotli' }, { level: 3 }]) {
      assertCode(() => new SharedCache({ maxBytes, compression }), VALUE, RangeError, compression);
    }
    const misspelt = { algorithm: 'lz4', treshold: 5 };
    assertCode(
      () => new SharedCache({ maxBytes, compression: misspelt }),
      'ERR_HEAPWISE_UNKNOWN_OPTION',
      TypeError,
    );
    const wrong = {
      threshold: [-1, NaN, Infinity, -Infinity],
      level: [0, -1, 20, 1.5, NaN, Infinity],
    };
    for (const [name, values] of Object.entries(wrong)) {
      for (const value of values) {
        const compression = { algorithm: 'zstd', [name]: value };
        assertCode(() => new SharedCache({ maxBytes, compression }), VALUE, RangeError, [name, value]);
      }
      for (const value of NOT_NUMBERS) {
        const compression = { algorithm: 'zstd', [name]: value };
        assertCode(() => new SharedCache({ maxBytes, compression }), TYPE, TypeError, [name, value]);
      }
    }
    const levelled = { algorithm: 'lz4', level: 3 };
    assertCode(() => new SharedCache({ maxBytes, compression: levelled }), VALUE, RangeError);
  });

  it('is the same for all who open a name', (t) => {
    const options = { name: 'compressed', compression: { algorithm: 'zstd', threshold: 500 } };
    const first = open(t, options);
    first.set('key', textOf(5000));
    for (const compression of [
      undefined,
      'lz4',
      'zstd',
      { algorithm: 'zstd', threshold: 501 },
      { algorithm: 'zstd', threshold: 500, level: 2 },
    ]) {
      assertCode(
        () => new SharedCache({ maxBytes, name: 'compressed', compression }),
        'ERR_HEAPWISE_SHARED_CACHE_SETTINGS',
        RangeError,
        compression,
      );
    }
    const second = open(t, { ...options, compression: { algorithm: 'zstd', threshold: 499.5, level: 3 } });
    assert.equal(second.get('key'), textOf(5000));
  });
});

describe('setAsync and getAsync', () => {
  it('reject what set and get refuse, and leave the old value', async (t) => {
    const cache = open(t, { compression: 'lz4' });
    cache.set('key', 'old');
    for (const key of [undefined, null, 5, {}, Symbol('key')]) {
      await assertRejects(cache.setAsync(key, 'value'), TYPE, TypeError);
      await assertRejects(cache.getAsync(key), TYPE, TypeError);
    }
    for (const key of ['', Buffer.alloc(0), 'k'.repeat(65_536)]) {
      await assertRejects(cache.setAsync(key, textOf(LONG)), VALUE, RangeError);
      await assertRejects(cache.getAsync(key), VALUE, RangeError);
    }
    for (const value of [undefined, null, 5, {}, new DataView(new ArrayBuffer(5))]) {
      await assertRejects(cache.setAsync('key', value), TYPE, TypeError);
    }
    for (const options of NOT_OBJECTS.filter((given) => given !== undefined)) {
      await assertRejects(cache.setAsync('key', 'new', options), TYPE, TypeError);
    }
    await assertRejects(cache.setAsync('key', 'new', { ttl: -1 }), VALUE, RangeError);
    const large = 'ERR_HEAPWISE_SHARED_CACHE_TOO_LARGE';
    await assertRejects(cache.setAsync('key', 'v'.repeat(maxBytes / 2)), large, RangeError);
    assert.equal(await cache.getAsync('key'), 'old');
    const circular = {};
    circular.self = circular;
    const json = open(t, { compression: 'lz4', codec: 'json' });
    await assertRejects(json.setAsync('key', circular), 'ERR_HEAPWISE_SHARED_CACHE_CODEC', Error);
    cache.close();
    await assertRejects(cache.setAsync('key', textOf(LONG)), CLOSED, Error);
    await assertRejects(cache.getAsync('key'), CLOSED, Error);
  });

  it('work without compression, at once', async (t) => {
    const cache = open(t, {});
    const stored = cache.setAsync('key', textOf(LONG), { ttl: 60_000 });
    assert.equal(cache.get('key'), textOf(LONG));
    await stored;
    assert.equal(await cache.getAsync('key'), textOf(LONG));
    assert.equal(await cache.getAsync('no such key'), undefined);
  });
});

describe('values come back as they were', () => {
  const CLASSES = [Uint8Array, Int16Array, Float64Array, BigInt64Array];
  const LENGTHS = [0, 1, 99, 100, 101, 1000, 10_240, 65_535, 65_536, 65_537, LONG];
  const BODIES = {
    ASCII: textOf,
    'Latin-1': (n) => 'é'.repeat(n),
    UTF16: (n) => '日本語\ud800'.repeat(n / 4),
  };

  /** A value set and got in all four ways. */
  async function checkWays(cache, value, bytes) {
    for (const set of ['set', 'setAsync']) {
      await cache[set]('key', value);
      for (const get of ['get', 'getAsync']) {
        assert.deepEqual(await cache[get]('key'), value);
      }
      assert.ok(cache.getBuffer('key').equals(bytes));
      const memory = bytes.length + 5;
      for (const target of [Buffer.alloc(memory, 'x'), Buffer.from(new SharedArrayBuffer(memory))]) {
        assert.equal(cache.getInto('key', target), bytes.length);
        assert.ok(target.subarray(0, bytes.length).equals(bytes));
        if (bytes.length > 0) {
          const code = 'ERR_HEAPWISE_SHARED_CACHE_TARGET';
          assertCode(() => cache.getInto('key', target.subarray(0, bytes.length - 1)), code, RangeError);
        }
      }
      assert.equal(cache.getInto('no such key', Buffer.from(new SharedArrayBuffer(5))), undefined);
    }
  }

  for (const algorithm of ALGORITHMS) {
    const compression = { algorithm, threshold: 100 };

    it(`strings of every kind and length, with ${algorithm}`, async (t) => {
      const cache = open(t, { compression });
      for (const [name, bodyOf] of Object.entries(BODIES)) {
        for (const length of LENGTHS) {
          const value = bodyOf(length);
          cache.set('whole', value);
          assert.ok(cache.get('whole') === value, `${name}, ${length}`);
          await checkWays(cache, value, cache.getBuffer('whole'));
          assert.ok(name === 'UTF16' || cache.getBuffer('whole').equals(Buffer.from(value)));
        }
      }
      assert.ok(cache.stats().compressedEntries > 0);
    });

    it(`bytes and arrays, of the same class, with ${algorithm}`, async (t) => {
      const cache = open(t, { compression });
      for (const length of LENGTHS) {
        const buffer = Buffer.from(textOf(length));
        await checkWays(cache, buffer, buffer);
        assert.ok(Buffer.isBuffer(cache.get('key')) && Buffer.isBuffer(await cache.getAsync('key')));
      }
      for (const Class of CLASSES) {
        const array = new Class(Buffer.from(textOf(8000)).buffer.slice(0, 8000 * 8)).subarray(3, 800);
        await checkWays(cache, array, Buffer.from(array.buffer, array.byteOffset, array.byteLength));
        const long = new Class(LONG).fill(array[5]);
        await checkWays(cache, long, Buffer.from(long.buffer));
        assert.equal((await cache.getAsync('key')).constructor, Class);
      }
    });

    it(`values of codecs, with ${algorithm}`, async (t) => {
      const values = [
        { text: textOf(10_240), list: [1, null] },
        { text: 'ä日'.repeat(LONG / 2) },
        [textOf(LONG)],
      ];
      for (const codec of ['json', 'v8']) {
        const cache = open(t, { compression, codec });
        for (const value of values) {
          cache.set('whole', value);
          await checkWays(cache, value, cache.getBuffer('whole'));
        }
      }
    });

    it(`in pieces, between many small ones, with ${algorithm}`, async (t) => {
      const cache = open(t, { maxBytes: 4 << 20, compression, shards: 1 });
      for (let i = 0; i < 60_000; i++) {
        cache.set(`key ${i}`, `value ${i}`);
      }
      const large = Buffer.concat([Buffer.from(textOf(800_000)), randomBytes(300_000)]);
      for (let i = 0; i < 5; i++) {
        await cache.setAsync(`large ${i}`, large);
        assert.ok((await cache.getAsync(`large ${i}`)).equals(large));
        assert.ok(cache.get(`large ${i}`).equals(large));
      }
      assert.ok(cache.stats().compressedEntries > 0);
      assert.ok(cache.stats().bytes <= 4 << 20);
    });
  }

  it('at the highest level as well', async (t) => {
    const cache = open(t, { compression: { algorithm: 'zstd', level: 19 }, codec: 'json' });
    const value = { text: textOf(LONG) };
    await cache.setAsync('key', value);
    assert.deepEqual(cache.get('key'), value);
  });

  it('which are copies, whatever is done to the Buffer that was set', async (t) => {
    const cache = open(t, { compression: 'zstd' });
    const expected = Buffer.from(textOf(LONG));
    for (const value of [
      Buffer.from(expected),
      Buffer.from(new SharedArrayBuffer(LONG)).fill(expected),
      new Uint8Array(expected),
    ]) {
      const stored = cache.setAsync('key', value);
      value.fill(0);
      structuredClone(value.buffer, value.buffer instanceof ArrayBuffer ? { transfer: [value.buffer] } : {});
      await stored;
      assert.ok(cache.getBuffer('key').equals(expected));
    }
    const found = cache.getAsync('key');
    cache.set('key', 'another');
    assert.ok(
      (await found).every((byte, index) => byte === expected[index]),
      'what it was when it was asked for',
    );
  });
});

describe('a cache with compression', () => {
  it('says what it has saved, and counts what is stored', (t) => {
    for (const compression of ALGORITHMS) {
      const cache = open(t, { compression, codec: 'json' });
      const before = cache.stats();
      assert.deepEqual(
        [
          before.compressedEntries,
          before.compressedBytes,
          before.bytesBeforeCompression,
          before.compressionRatio,
        ],
        [0, 0, 0, 1],
      );
      cache.set('short', textOf(1023));
      cache.set('noise', randomBytes(5000));
      assert.equal(cache.stats().compressedEntries, 0, 'one is too short, the other would not get smaller');
      assert.equal(cache.stats().valueBytes, 6023);
      cache.set('text', textOf(1024));
      cache.set('bytes', Buffer.alloc(5000, 'abc'));
      cache.set('wide', '日本'.repeat(1000));
      const stats = cache.stats();
      assert.equal(stats.compressedEntries, 3);
      assert.equal(stats.bytesBeforeCompression, 1024 + 5000 + 4000);
      assert.equal(stats.valueBytes, 6023 + stats.compressedBytes);
      assert.ok(stats.compressedBytes < 1500);
      assert.equal(stats.compressionRatio, stats.bytesBeforeCompression / stats.compressedBytes);
      assert.equal(
        stats.bytes,
        stats.keyBytes + stats.valueBytes + stats.overheadBytes + stats.freeBytes,
        'nothing is counted twice',
      );
      cache.set('text', 'short');
      cache.delete('bytes');
      assert.equal(cache.stats().compressedEntries, 1);
      cache.clear();
      assert.deepEqual([cache.stats().compressedEntries, cache.stats().compressedBytes], [0, 0]);
    }
  });

  it('has room for more', (t) => {
    const sizes = [undefined, 'lz4', 'zstd'].map((compression) => {
      const cache = open(t, { maxBytes: 4 << 20, compression });
      for (let i = 0; i < 4000; i++) {
        cache.set(`key ${i}`, textOf(10_240, i));
      }
      assert.ok(cache.stats().bytes <= 4 << 20);
      return cache.size;
    });
    assert.ok(sizes[1] > 2 * sizes[0] && sizes[2] > sizes[1], `${sizes}`);
  });

  it('refuses what is too large before it is compressed, so that content does not decide', (t) => {
    const cache = open(t, { maxBytes: 1 << 20, compression: 'zstd' });
    const code = 'ERR_HEAPWISE_SHARED_CACHE_TOO_LARGE';
    assertCode(() => cache.set('key', 'a'.repeat(600_000)), code, RangeError);
    cache.set('key', 'a'.repeat(500_000));
    assert.ok(cache.stats().valueBytes < 1000);
  });

  it('answers with a coded error where stored bytes are damaged', async () => {
    const DAMAGED = -6;
    const native = {
      get: () => DAMAGED,
      getBytes: () => DAMAGED,
      getInto: () => DAMAGED,
      getLater: () => DAMAGED,
      close() {},
    };
    const damaged = () =>
      new (createSharedCacheClass({ binding: { ...binding, openSharedCache: () => native } }))({
        maxBytes,
        compression: 'lz4',
      });
    const code = 'ERR_HEAPWISE_SHARED_CACHE_DAMAGED';
    assertCode(() => damaged().get('key'), code, Error);
    assertCode(() => damaged().getBuffer('key'), code, Error);
    assertCode(() => damaged().getInto('key', Buffer.alloc(5)), code, Error);
    await assertRejects(damaged().getAsync('key'), code, Error);
    // Bytes that are found, and turn out to be damaged when they are decompressed.
    native.get = () => 3 + 32 * LONG;
    native.getLater = () => -64 - native.get();
    native.take = () => DAMAGED;
    native.takeLater = () => Promise.resolve(DAMAGED);
    assertCode(() => damaged().get('key'), code, Error);
    await assertRejects(damaged().getAsync('key'), code, Error);
  });
});

describe('what is done to a key after a setAsync wins', () => {
  /** Sets a large value, does something else, and says what is there when both are done. */
  async function after(t, then) {
    const cache = open(t, { compression: { algorithm: 'zstd', level: 6 } });
    cache.set('key', 'first');
    const slow = cache.setAsync('key', textOf(LONG));
    assert.equal(cache.get('key'), 'first', 'not stored before the promise says so');
    const fast = then(cache);
    await Promise.all([slow, fast]);
    return cache.get('key');
  }

  it('another setAsync, small or large', async (t) => {
    assert.equal(await after(t, (cache) => cache.setAsync('key', 'small')), 'small');
    assert.equal(
      await after(t, (cache) => cache.setAsync(Buffer.from('key'), textOf(20_000))),
      textOf(20_000),
    );
    const values = Array.from({ length: 20 }, (_, i) => textOf(LONG - i * 10_000, i + 1));
    const all = (cache) => Promise.all(values.map((value) => cache.setAsync('key', value)));
    assert.ok((await after(t, all)) === values.at(-1));
  });

  it('a set, a delete and a clear', async (t) => {
    assert.equal(await after(t, (cache) => cache.set('key', 'second')), 'second');
    assert.equal(await after(t, (cache) => cache.delete('key')), undefined);
    assert.equal(await after(t, (cache) => cache.clear()), undefined);
  });

  it('but not what was refused, nor what is done to other keys', async (t) => {
    const large = textOf(LONG);
    const refused = (cache) => assert.throws(() => cache.set('key', 'a'.repeat(maxBytes)));
    assert.ok((await after(t, refused)) === large);
    assert.ok((await after(t, (cache) => cache.set('other', 'value'))) === large);
    assert.ok((await after(t, (cache) => cache.delete('other'))) === large);
  });

  it('its time to live begins when it is stored', async (t) => {
    const cache = open(t, { compression: 'lz4' });
    await cache.setAsync('key', textOf(LONG), { ttl: 30 });
    assert.ok(cache.has('key'));
    while (cache.has('key')) {
      await delay(5);
    }
    assert.equal(await cache.getAsync('key'), undefined);
  });
});

describe('work that is under way', () => {
  it('when the cache is closed stores nothing, and says so', async (t) => {
    const options = { name: 'closing', compression: 'zstd' };
    const other = open(t, options);
    const cache = open(t, options);
    other.set('found', textOf(LONG));
    const found = cache.getAsync('found');
    const sets = Array.from({ length: 20 }, (_, i) => cache.setAsync(`key ${i}`, textOf(LONG)));
    cache.close();
    const settled = await Promise.allSettled(sets);
    assert.deepEqual([...new Set(settled.map(({ reason }) => reason?.code))], [CLOSED]);
    assert.ok((await found) === textOf(LONG), 'a get has had its bytes');
    assert.equal(other.size, 1);
  });

  it('is finished before the process ends, and then keeps it no longer', async () => {
    const { code, stdout, stderr } = await runScript(`
      const { SharedCache } = require('heapwise');
      const cache = new SharedCache({ maxBytes: 64 << 20, compression: { algorithm: 'zstd', level: 12 } });
      const value = 'some text '.repeat(100_000);
      cache.setAsync('key', value).then(() => cache.getAsync('key')).then((found) => console.log(found === value));
    `);
    assert.deepEqual([code, stdout.trim(), stderr], [0, 'true', '']);
  });

  it('does not keep process.exit waiting', async () => {
    const { code, stderr } = await runScript(`
      const { SharedCache } = require('heapwise');
      const cache = new SharedCache({ maxBytes: 64 << 20, compression: { algorithm: 'zstd', level: 12 } });
      for (let i = 0; i < 50; i++) cache.setAsync('key ' + i, ('text ' + i).repeat(100_000));
      setImmediate(() => process.exit(3));
    `);
    assert.deepEqual([code, stderr], [3, '']);
  });

  it('in a worker that is terminated harms nobody, and leaves whole values', async (t) => {
    const options = { name: 'terminated later', maxBytes, compression: { algorithm: 'zstd', level: 3 } };
    const cache = open(t, options);
    const script = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { SharedCache } = require(${JSON.stringify(require.resolve('..'))});
      const cache = new SharedCache(workerData);
      const value = 'value of a worker '.repeat(20_000);
      for (let i = 0; i < 30; i++) {
        cache.setAsync('key ' + i, value).then(() => cache.getAsync('key ' + i));
      }
      parentPort.postMessage('busy');
      setInterval(() => {}, 1000);
    `;
    for (let round = 0; round < 10; round++) {
      const workers = [1, 2].map(() => new Worker(script, { eval: true, workerData: options }));
      await Promise.all(workers.map((worker) => once(worker, 'message')));
      await Promise.all(workers.map((worker) => worker.terminate()));
      for (let i = 0; i < 30; i++) {
        const found = cache.get(`key ${i}`);
        assert.ok(found === undefined || found === 'value of a worker '.repeat(20_000));
      }
      await cache.setAsync('after', textOf(LONG));
      assert.ok(cache.get('after') === textOf(LONG));
      cache.clear();
    }
  });
});

describe('worker threads', () => {
  it('share compressed entries, and never see a torn or foreign value', async (t) => {
    for (const algorithm of ALGORITHMS) {
      const compression = { algorithm, threshold: 200 };
      const options = {
        name: `stress ${algorithm}`,
        maxBytes: 2 << 20,
        policy: 's3fifo',
        shards: 2,
        compression,
      };
      const cache = open(t, options);
      await stress(options, 1500);
      assert.ok(cache.stats().compressedEntries > 0);
    }
  });
});
