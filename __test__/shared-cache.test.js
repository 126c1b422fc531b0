// node-flags: --expose-gc

'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { setTimeout: delay } = require('node:timers/promises');
const { SharedCache } = require('..');
const { runScript } = require('./run-script.js');
const { stress, stressWorkers, until } = require('./shared-caches.js');

const maxBytes = 4 << 20;

/** A cache that is closed with the test. */
function open(t, options) {
  const cache = new SharedCache({ maxBytes, ...options });
  t.after(() => cache.close());
  return cache;
}

const STRINGS = [
  '',
  'a',
  'plain text',
  '\0',
  'naïve café',
  '\xff\x80',
  'Ā',
  'шляпа',
  '日本語',
  '😀 and \ud83d',
  '\ud800',
  '\udc00\ud800',
  '\ufffd',
  'x'.repeat(65_535),
  'x'.repeat(65_537),
  'é'.repeat(100_000),
  '日'.repeat(100_000),
];

describe('what was stored comes back', () => {
  it('as the same string, whatever is in it', (t) => {
    for (const codec of [undefined, 'json', 'v8']) {
      const cache = open(t, { codec });
      for (const value of STRINGS) {
        cache.set('key', value);
        assert.ok(cache.get('key') === value, `${value.slice(0, 20)}, ${value.length}`);
        assert.ok(cache.getBuffer('key').equals(Buffer.from(value)) || /[\ud800-\udfff]/.test(value));
        const target = Buffer.alloc(400_000);
        const length = cache.getInto('key', target);
        assert.ok(target.subarray(0, length).equals(cache.getBuffer('key')));
      }
    }
  });

  it('under every key that is another one, and under a Buffer of the same bytes', (t) => {
    const cache = open(t);
    const keys = STRINGS.filter((key) => key !== '' && Buffer.byteLength(key) <= 65_535);
    keys.forEach((key, index) => cache.set(key, `value ${index}`));
    assert.equal(cache.size, keys.length, 'halves of pairs and U+FFFD are different keys');
    keys.forEach((key, index) => assert.equal(cache.get(key), `value ${index}`));
    cache.set(Buffer.from('日本語'), 'by bytes');
    assert.equal(cache.get('日本語'), 'by bytes');
    assert.equal(cache.get(new Uint8Array(Buffer.from('日本語'))), 'by bytes');
    cache.set(Buffer.from([0xff, 0xfe]), 'no text');
    assert.equal(cache.get(Buffer.from([0xff, 0xfe])), 'no text');
    assert.equal(cache.get('__proto__'), undefined);
    assert.equal(cache.get('constructor'), undefined);
  });

  it('as bytes or an array of the same class, which is a copy', (t) => {
    const cache = open(t);
    const bytes = Uint8Array.from({ length: 80 }, (_, index) => index * 7);
    const classes = [
      Uint8Array,
      Uint8ClampedArray,
      Int8Array,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
      BigInt64Array,
      BigUint64Array,
    ];
    for (const Class of classes) {
      const array = new Class(bytes.buffer, 8, 5);
      cache.set('key', array);
      const found = cache.get('key');
      assert.equal(found.constructor, Class);
      assert.deepEqual(found, array);
      found[0] = found[1];
      assert.deepEqual(cache.get('key'), array);
      assert.ok(cache.getBuffer('key').equals(Buffer.from(array.buffer, 8, array.byteLength)));
    }
    for (const length of [0, 1, 255, 65_535, 65_536, 65_537, 1_000_000]) {
      const buffer = Buffer.alloc(length, 'abcdefg');
      cache.set('key', buffer);
      const found = cache.get('key');
      assert.ok(Buffer.isBuffer(found) && found.equals(buffer), length);
      buffer.fill(0);
      assert.ok(cache.getBuffer('key').equals(found));
      const target = Buffer.alloc(length + 5, 'x');
      assert.equal(cache.getInto('key', target), length);
      assert.equal(target.toString('latin1', length), 'xxxxx');
      assert.equal(cache.get('no such key'), undefined);
    }
  });

  it('through a codec, however large', (t) => {
    const small = { id: 5, name: 'naïve 日本語', list: [1, null, { deep: true }] };
    const large = { text: 'x'.repeat(200_000), more: '日'.repeat(90_000) };
    const json = open(t, { codec: 'json' });
    const cloned = open(t, { codec: 'v8' });
    const own = open(t, {
      codec: { encode: (date) => date.toJSON(), decode: (stored) => new Date(stored) },
    });
    for (const value of [small, large, null, 5, true, [], 'text', Buffer.from('bytes')]) {
      json.set('key', value);
      assert.deepEqual(json.get('key'), value);
      cloned.set('key', value);
      assert.deepEqual(cloned.get('key'), value);
    }
    const map = new Map([[1, new Set(['a'])]]);
    cloned.set('key', { map, date: new Date(5), number: 10n });
    assert.deepEqual(cloned.get('key'), { map, date: new Date(5), number: 10n });
    own.set('key', new Date(12_345));
    assert.deepEqual(own.get('key'), new Date(12_345));
    json.set('key', small);
    assert.equal(json.getBuffer('key').toString(), JSON.stringify(small));
  });
});

describe('a shared cache', () => {
  it('replaces, deletes, clears and counts', (t) => {
    const cache = open(t, { max: 5000 });
    cache.set('a', '1');
    cache.set('a', 'longer than before'.repeat(100));
    cache.set('b', '2');
    assert.equal(cache.get('a'), 'longer than before'.repeat(100));
    assert.deepEqual(
      [cache.has('a'), cache.has('c'), cache.delete('b'), cache.delete('b')],
      [true, false, true, false],
    );
    assert.equal(cache.get('b'), undefined);
    const { overheadBytes, freeBytes, bytes, ...stats } = cache.stats();
    assert.deepEqual(stats, {
      entries: 1,
      max: 5000,
      maxBytes,
      keyBytes: 1,
      valueBytes: 1800,
      compressedEntries: 0,
      compressedBytes: 0,
      bytesBeforeCompression: 0,
      compressionRatio: 1,
      hits: 1,
      misses: 1,
      hitRate: 0.5,
      sets: 3,
      deletes: 1,
      evictions: 0,
      expirations: 0,
      invalidations: 0,
      loads: 0,
      loadErrors: 0,
      staleHits: 0,
    });
    assert.equal(bytes, 1801 + overheadBytes + freeBytes);
    cache.clear();
    assert.deepEqual([cache.size, cache.get('a')], [0, undefined]);
    cache.set('a', 'again');
    assert.equal(cache.get('a'), 'again');
  });

  it('stays within its budget with at most 64 bytes for each entry beside key and value', (t) => {
    for (const policy of ['lru', 's3fifo', 'sieve']) {
      for (const ttl of [0, 60_000]) {
        const cache = open(t, { maxBytes: 32 << 20, policy, ttl });
        for (let i = 0; i < 400_000; i++) {
          cache.set(`key:${i}`, 'v'.repeat(20 + (i % 100)));
        }
        const { entries, bytes, keyBytes, valueBytes, evictions } = cache.stats();
        assert.ok(bytes <= 32 << 20);
        assert.ok(evictions > 0);
        const overhead = (bytes - keyBytes - valueBytes) / entries;
        assert.ok(overhead <= 64 + (ttl === 0 ? 0 : 8), `${overhead} bytes with ${policy}, ttl ${ttl}`);
        cache.close();
      }
    }
  });

  it('evicts the entry that was not used for longest, exactly, with one shard', (t) => {
    const cache = open(t, { max: 3, policy: 'lru', shards: 1 });
    for (const key of ['a', 'b', 'c']) {
      cache.set(key, key);
    }
    cache.get('a');
    cache.set('d', 'd');
    cache.set('c', 'new');
    cache.set('e', 'e');
    assert.deepEqual(
      ['a', 'b', 'c', 'd', 'e'].filter((key) => cache.has(key)),
      ['c', 'd', 'e'],
    );
    assert.equal(cache.stats().evictions, 2);
  });

  it('never returns what has expired, and removes it without a get', async (t) => {
    const cache = open(t, { ttl: 50 });
    cache.set('short', 'value');
    cache.set('long', 'value', { ttl: 600_000 });
    cache.set('ever', 'value', { ttl: 0 });
    cache.set('infinite', 'value', { ttl: Infinity });
    assert.equal(cache.get('short'), 'value');
    await until(() => cache.size === 3);
    assert.equal(cache.get('short'), undefined);
    assert.equal(cache.has('ever') && cache.has('long') && cache.has('infinite'), true);
    assert.equal(cache.stats().expirations, 1);
  });

  it('gives memory back after a clear', async (t) => {
    const cache = open(t, { maxBytes: 64 << 20 });
    for (let i = 0; i < 50_000; i++) {
      cache.set(`key:${i}`, 'v'.repeat(1000));
    }
    assert.ok(cache.stats().bytes > 50e6);
    cache.clear();
    assert.equal(cache.size, 0);
    await until(() => cache.stats().bytes < 8e6);
    cache.set('key', 'value');
    assert.equal(cache.get('key'), 'value');
  });

  it('takes large values among small ones', (t) => {
    const cache = open(t, { maxBytes: 8 << 20 });
    for (let i = 0; i < 100_000; i++) {
      cache.set(`key:${i}`, `value ${i}`);
    }
    const large = Buffer.alloc(2_000_000, 'abcdefghijk');
    cache.set('large', large);
    assert.ok(cache.get('large').equals(large));
    cache.set('text', 'ш'.repeat(700_000));
    assert.ok(cache.get('text') === 'ш'.repeat(700_000));
    assert.ok(cache.size > 10_000);
  });

  it('of few large entries gives its memory back when it is cleared', async (t) => {
    const cache = open(t, { maxBytes: 256 << 20 });
    const value = Buffer.alloc(1 << 20, 1);
    for (let i = 0; i < 100; i++) {
      cache.set(`key ${i}`, value);
    }
    assert.ok(cache.stats().bytes > 100e6);
    cache.clear();
    await until(() => cache.stats().bytes < 8e6);
  });

  it('is the same one for all who open its name, until the last has closed it', (t) => {
    const first = open(t, { name: 'shared' });
    const second = open(t, { name: 'shared' });
    const other = open(t, { name: 'other' });
    const unnamed = open(t, {});
    first.set('key', 'value');
    assert.deepEqual(
      [second, other, unnamed].map((cache) => cache.get('key')),
      ['value', undefined, undefined],
    );
    assert.deepEqual([first.name, unnamed.name], ['shared', undefined]);
    first.close();
    assert.equal(second.get('key'), 'value');
    second.close();
    const third = open(t, { name: 'shared', ttl: 5 });
    assert.equal(third.get('key'), undefined, 'it ended');
  });

  it('is freed when it is forgotten', async () => {
    let cache = new SharedCache({ maxBytes, name: 'forgotten' });
    cache.set('key', 'value');
    cache = undefined;
    for (let i = 0; i < 10; i++) {
      global.gc();
      await delay(5);
    }
    const next = new SharedCache({ maxBytes: 2 * maxBytes, name: 'forgotten' });
    assert.equal(next.get('key'), undefined);
    next.close();
  });
});

describe('worker threads', () => {
  it('share entries, and never see a torn or foreign value', async (t) => {
    for (const policy of ['lru', 's3fifo', 'sieve']) {
      const options = { name: `stress ${policy}`, maxBytes: 2 << 20, policy, shards: 2 };
      const cache = open(t, options);
      await stress(options, 2000);
      assert.ok(cache.size > 0, 'the entries outlive the workers');
    }
  });

  it('that are terminated in the middle of a call leave no lock and no memory behind', async (t) => {
    const options = { name: 'terminated', maxBytes: 2 << 20 };
    const cache = open(t, options);
    for (let round = 0; round < 8; round++) {
      const workers = stressWorkers(options, { count: 3, time: 60_000 });
      await Promise.all(workers.map((worker) => once(worker, 'online')));
      const sets = cache.stats().sets;
      await until(() => cache.stats().sets > sets + 1000);
      await Promise.all(workers.map((worker) => worker.terminate()));
      cache.set('after', 'value');
      assert.equal(cache.get('after'), 'value');
    }
    cache.close();
    const next = open(t, { ...options, ttl: 5 });
    assert.equal(next.size, 0, 'nobody holds the old one');
  });
});

describe('a key in memory that another thread writes to', () => {
  it('is one key while it is stored, so that nothing is freed that is still found', async () => {
    const { code, stdout, stderr } = await runScript(`
      const { SharedCache } = require('heapwise');
      const { Worker } = require('node:worker_threads');
      const memory = new SharedArrayBuffer(64);
      const writer = new Worker(
        'const words = new Uint32Array(require("node:worker_threads").workerData);' +
          'for (;;) for (let i = 0; i < words.length; i++) words[i]++;',
        { eval: true, workerData: memory },
      );
      writer.on('online', () => {
        const cache = new SharedCache({ maxBytes: 1 << 20, policy: 'lru' });
        const key = new Uint8Array(memory);
        for (let i = 0; i < 300_000; i++) {
          cache.set(key, 'x'.repeat(i % 300));
        }
        const full = cache.stats();
        cache.clear();
        console.log(full.bytes <= 1 << 20, full.keyBytes === 64 * full.entries, cache.size);
        process.exit();
      });
    `);
    assert.deepEqual([code, stderr, stdout.trim()], [0, '', 'true true 0']);
  });
});

describe('a process', () => {
  it('ends by itself with open caches, filled ones and timed entries among them', async () => {
    const { code, stderr } = await runScript(`
      const { SharedCache } = require('heapwise');
      const { Worker } = require('node:worker_threads');
      const options = { name: 'left', maxBytes: 64 << 20, ttl: 100_000 };
      const cache = new SharedCache(options);
      new SharedCache({ maxBytes: 1 << 20 });
      for (let i = 0; i < 10_000; i++) cache.set('key ' + i, 'value');
      new Worker(
        "const { SharedCache } = require('heapwise'); new SharedCache(" + JSON.stringify(options) + ").set('a', 'b')",
        { eval: true },
      );
    `);
    assert.deepEqual([code, stderr], [0, '']);
  });
});

describe('a SharedCache in a new process', () => {
  it('removes what is over though nothing was ever cleared or closed', async () => {
    const { code, stdout, stderr } = await runScript(`
      const { SharedCache } = require('heapwise');
      const cache = new SharedCache({ maxBytes: 1 << 20 });
      cache.set('a', 'b', { ttl: 20 });
      let looks = 0;
      const timer = setInterval(() => {
        if (cache.size === 0 || ++looks === 400) {
          console.log(cache.size, cache.stats().expirations);
          clearInterval(timer);
        }
      }, 25);
    `);
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim(), '0 1');
  });
});
