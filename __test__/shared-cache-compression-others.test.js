'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const { SharedCache, TieredCache } = require('..');
const { KeyvSharedCache } = require('heapwise/keyv');
const { Keyv: Keyv5 } = require('keyv');
const { Keyv: Keyv6 } = require('keyv6');
const { assertCode, assertRejects, deferred } = require('./helper.js');
const { textOf, until } = require('./shared-caches.js');

const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const DAMAGED = 'ERR_HEAPWISE_SHARED_CACHE_DAMAGED';
const HEAPWISE = JSON.stringify(require.resolve('..'));
const maxBytes = 16 << 20;
/** Long enough for another thread, whatever the algorithm. */
const LONG = 300_000;
const WAYS = [
  { algorithm: 'lz4', threshold: 100 },
  { algorithm: 'zstd', threshold: 100 },
];
const folder = mkdtempSync(join(tmpdir(), 'heapwise-compressed-'));
after(() => rmSync(folder, { recursive: true }));

/** A cache that is closed with the test. */
function make(t, options) {
  const cache = new SharedCache({ maxBytes, ...options });
  t.after(() => cache.close());
  return cache;
}

async function open(t, path, options) {
  const cache = await SharedCache.open(path, { maxBytes, ...options });
  t.after(() => cache.close());
  return cache;
}

/** One value of each way in which values are stored and handed out: small, larger than the window, large enough to wait for. */
function valuesOf() {
  const values = [];
  for (const length of [500, 80_000, LONG]) {
    const text = textOf(length);
    values.push(
      text,
      `é${text}`,
      `€${text}`,
      Buffer.from(text),
      Uint8Array.from(Buffer.from(text)),
      Float64Array.from({ length }, (_, i) => i % 50),
      { text },
      { text: `€${text}` },
    );
  }
  return values;
}

describe('compressed values with tags', () => {
  for (const compression of WAYS) {
    it(`are hidden by them: ${compression.algorithm}`, async (t) => {
      const cache = make(t, { compression, codec: 'json' });
      for (const value of valuesOf()) {
        cache.set('set', value, { tags: ['a', 'b'] });
        await cache.setAsync('later', value, { tags: ['b', 'c'] });
        assert.equal(cache.stats().compressedEntries, 2);
        assert.deepEqual(cache.get('set'), value);
        assert.deepEqual(await cache.getAsync('later'), value);
        assert.equal(cache.invalidateTag('a'), true);
        assert.equal(cache.get('set'), undefined);
        assert.deepEqual(cache.get('later'), value);
        assert.equal(cache.invalidateTag('c'), true);
        assert.equal(await cache.getAsync('later'), undefined);
      }
    });
  }

  it('that are too many reject a setAsync, large or small', async (t) => {
    const cache = make(t, { compression: 'lz4' });
    cache.set('key', 'old');
    for (const tags of [Array.from({ length: 256 }, (_, i) => `${i}`), ['x'.repeat(16_385)]]) {
      for (const value of ['new', textOf(LONG)]) {
        await assertRejects(cache.setAsync('key', value, { tags }), VALUE, RangeError);
      }
    }
    await assertRejects(
      cache.setAsync('key', 'new', { tags: 'x' }),
      'ERR_HEAPWISE_INVALID_ARG_TYPE',
      TypeError,
    );
    const { message } = await assertRejects(
      cache.setAsync('key', 'new', { tag: ['x'] }),
      'ERR_HEAPWISE_UNKNOWN_OPTION',
      TypeError,
    );
    assert.match(message, /setAsync/u);
    assert.equal(cache.get('key'), 'old');
  });
});

describe('a setAsync under way', () => {
  /** Begins one over an old value, and says what is there when it and what `then` does are done. */
  async function overtaken(t, then) {
    const cache = make(t, { compression: { algorithm: 'zstd', level: 6 } });
    cache.set('user:1', 'first');
    const slow = cache.setAsync('user:1', textOf(LONG), { tags: ['a', 'b'] });
    assert.equal(cache.peek('user:1'), 'first', 'it is under way');
    const other = then(cache);
    await slow;
    await other;
    return cache.get('user:1');
  }

  it('is overtaken by an invalidateTag of its tags, which leaves nothing older either', async (t) => {
    const invalidate = (cache) => assert.equal(cache.invalidateTag('b'), true);
    assert.equal(await overtaken(t, invalidate), undefined);
    const other = (cache) => assert.equal(cache.invalidateTag('c'), false);
    assert.ok((await overtaken(t, other)) === textOf(LONG));
  });

  it('is overtaken by a deletePrefix of its key, and not by another one', async (t) => {
    assert.equal(await overtaken(t, (cache) => cache.deletePrefix('user:')), undefined);
    assert.ok((await overtaken(t, (cache) => cache.deletePrefix('users:'))) === textOf(LONG));
  });

  it('is overtaken by what a later getOrLoad loads', async (t) => {
    const load = async (cache) => {
      cache.clear();
      const slow = cache.setAsync('user:1', textOf(LONG));
      assert.equal(await cache.getOrLoad('user:1', () => 'loaded'), 'loaded');
      await slow;
    };
    assert.equal(await overtaken(t, load), 'loaded');
  });

  it('overtakes what was being loaded before', async (t) => {
    const cache = make(t, { compression: 'zstd' });
    const { promise, resolve } = deferred();
    const loaded = cache.getOrLoad('key', () => promise);
    const slow = cache.setAsync('key', textOf(LONG));
    resolve('older');
    assert.equal(await loaded, 'older');
    assert.notEqual(cache.peek('key'), 'older', 'not even for a while');
    await slow;
    assert.ok(cache.get('key') === textOf(LONG));
  });
});

describe('getOrLoad with compression', () => {
  for (const compression of WAYS) {
    it(`stores what was loaded compressed, and reads it: ${compression.algorithm}`, async (t) => {
      const cache = make(t, { compression, codec: 'json' });
      for (const [index, value] of valuesOf().entries()) {
        const key = `key ${index}`;
        assert.deepEqual(await cache.getOrLoad(key, () => value), value);
        const hit = await cache.getOrLoad(key, () => assert.fail('it is there'));
        assert.deepEqual(hit, value);
        assert.equal(hit.constructor, value.constructor);
        assert.equal(cache.stats().compressedEntries, 1);
        cache.delete(key);
      }
      for (const nothing of [undefined, null]) {
        const key = `${nothing}`;
        await cache.getOrLoad(key, () => nothing);
        assert.equal(await cache.getOrLoad(key, () => 5), nothing);
        assert.equal(cache.getBuffer(key), undefined);
        assert.equal(cache.getInto(key, Buffer.alloc(5)), undefined);
        assert.equal(await cache.getAsync(key), nothing);
      }
      assert.equal(cache.stats().compressedEntries, 0);
    });

    it(`copies memory that other threads may write to: ${compression.algorithm}`, async (t) => {
      const cache = make(t, { compression });
      const shared = new Uint8Array(new SharedArrayBuffer(LONG)).fill(7);
      await cache.getOrLoad('key', () => shared);
      assert.deepEqual(cache.get('key'), new Uint8Array(LONG).fill(7));
      assert.equal(cache.stats().compressedEntries, 1);
    });

    it(`serves what is stale, and replaces it: ${compression.algorithm}`, async (t) => {
      const cache = make(t, { compression, codec: 'json' });
      for (const [index, value] of valuesOf().entries()) {
        const key = `key ${index}`;
        const terms = { ttl: 1, staleWhileRevalidate: 60_000, staleIfError: 60_000 };
        await cache.getOrLoad(key, () => value, terms);
        await until(() => !cache.has(key));
        const failing = { ...terms, staleWhileRevalidate: 0 };
        const served = await cache.getOrLoad(key, () => Promise.reject(new Error('away')), failing);
        assert.deepEqual(served, value, 'in need');
        const stale = await cache.getOrLoad(key, () => 'fresh', { ...terms, ttl: 60_000 });
        assert.deepEqual(stale, value, 'while it is loaded again');
        await until(() => cache.get(key) === 'fresh');
      }
    });
  }

  it('hands it to a thread that waits', async (t) => {
    const options = { maxBytes, name: 'compressed-loads', compression: 'zstd', codec: 'json' };
    const cache = make(t, options);
    const { promise, resolve } = deferred();
    const loaded = cache.getOrLoad('key', () => promise);
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       const { SharedCache } = require(${HEAPWISE});
       const cache = new SharedCache(workerData);
       const waited = cache.getOrLoad('key', () => 'its own');
       parentPort.postMessage('waits');
       waited.then((value) => {
         parentPort.postMessage(value);
         cache.close();
       });`,
      { eval: true, workerData: options },
    );
    const exited = once(worker, 'exit');
    await once(worker, 'message');
    resolve({ text: textOf(LONG) });
    const [value] = await once(worker, 'message');
    assert.deepEqual(value, { text: textOf(LONG) });
    assert.deepEqual(await loaded, value);
    await exited;
    assert.equal(cache.stats().compressedEntries, 1);
  });
});

describe('compressed values in a walk', () => {
  for (const compression of WAYS) {
    it(`and for a peek are what they were: ${compression.algorithm}`, (t) => {
      const cache = make(t, { compression, codec: 'json' });
      const values = valuesOf();
      for (const [index, value] of values.entries()) {
        cache.set(`key ${index}`, value);
      }
      assert.equal(cache.stats().compressedEntries, values.length);
      const found = new Map(cache.entries());
      assert.equal(found.size, values.length);
      for (const [index, value] of values.entries()) {
        assert.deepEqual(found.get(`key ${index}`), value);
        assert.deepEqual(cache.peek(`key ${index}`), value);
      }
      assert.equal([...cache.values({ prefix: 'key 1' })].length, 1 + 10);
      assert.equal(cache.stats().hits, 0);
    });
  }
});

describe('compressed values in a file', () => {
  for (const compression of WAYS) {
    for (const other of [compression, undefined, WAYS[compression.algorithm === 'lz4' ? 1 : 0]]) {
      const name = `${compression.algorithm} to ${other?.algorithm ?? 'none'}`;
      it(`come back as what they were: ${name}`, async (t) => {
        const from = make(t, { compression, codec: 'json' });
        const values = valuesOf();
        for (const [index, value] of values.entries()) {
          from.set(`key ${index}`, value, { tags: [`${index % 2}`], ttl: 3_600_000 });
        }
        const path = join(folder, name);
        const { bytes } = await from.save(path);
        assert.ok(bytes < from.stats().bytesBeforeCompression / 2, 'stored as they are');
        const to = await open(t, path, { compression: other, codec: 'json' });
        for (const figure of ['compressedEntries', 'compressedBytes', 'bytesBeforeCompression']) {
          assert.equal(to.stats()[figure], from.stats()[figure]);
        }
        for (const [index, value] of values.entries()) {
          const key = `key ${index}`;
          assert.deepEqual(to.get(key), value);
          assert.deepEqual(await to.getAsync(key), value);
          const buffer = from.getBuffer(key);
          assert.ok(to.getBuffer(key).equals(buffer));
          for (const memory of [ArrayBuffer, SharedArrayBuffer]) {
            const target = new Uint8Array(new memory(buffer.length + 5));
            assert.equal(to.getInto(key, target), buffer.length);
            assert.ok(buffer.equals(target.subarray(0, buffer.length)));
            const small = new Uint8Array(new memory(buffer.length - 1));
            assertCode(() => to.getInto(key, small), 'ERR_HEAPWISE_SHARED_CACHE_TARGET', RangeError);
          }
        }
        to.invalidateTag('0');
        assert.equal([...to.keys()].length, values.length / 2);
        await to.save(path);
        const again = await open(t, path, { codec: 'json' });
        assert.deepEqual(again.get('key 1'), values[1]);
        again.set('key 1', values[3]);
        assert.equal(again.stats().compressedEntries, values.length / 2 - 1, 'it compresses nothing itself');
      });
    }
  }

  it('are refused where another codec has made them, and only then', async (t) => {
    const from = make(t, { compression: 'lz4', codec: 'json' });
    const path = join(folder, 'codec');
    from.set('text', textOf(5000));
    await from.save(path);
    assert.equal((await open(t, path, { codec: 'v8' })).get('text'), textOf(5000));
    for (const length of [5000, 5_000_000]) {
      from.set('object', { text: textOf(length) });
      await from.save(path);
      const codec = 'ERR_HEAPWISE_SHARED_CACHE_FILE_CODEC';
      await assertRejects(SharedCache.open(path, { maxBytes, codec: 'v8' }), codec, Error);
    }
  });

  it('that were damaged are an error for who gets them, and for nobody else', async (t) => {
    const from = make(t, { compression: 'zstd' });
    const numbers = Float64Array.from({ length: 1000 }, (_, i) => i % 50);
    from.set('damaged', numbers);
    from.set('other', textOf(5000));
    const path = join(folder, 'damaged');
    await from.save(path);
    const whole = readFileSync(path);
    const at = whole.indexOf('damaged') + 'damaged'.length;
    const first = whole[at];
    const damages = {
      'what it was: no value': [0, (first & ~31) | 15],
      'what it was: compressed twice': [0, (first & ~31) | 31],
      'what it was: no kind': [0, (first & ~31) | 25],
      'by an algorithm that there is not': [0, first & 31],
      'by another algorithm': [0, (first & 31) | 32],
      'half an element': [1, 0xff],
      gigabytes: [4, 0xff],
      'longer than it is': [2, 0x7f],
      'the bytes of the algorithm': [5, 0],
    };
    for (const [what, [offset, byte]] of Object.entries(damages)) {
      const file = Buffer.from(whole);
      file[at + offset] = byte;
      writeFileSync(path, resealed(file));
      const cache = await open(t, path, { compression: 'zstd' });
      assertCode(() => cache.get('damaged'), DAMAGED, Error, what);
      assertCode(() => cache.peek('damaged'), DAMAGED, Error, what);
      assertCode(() => cache.getBuffer('damaged'), DAMAGED, Error, what);
      assertCode(() => cache.getInto('damaged', Buffer.alloc(1 << 16)), DAMAGED, Error, what);
      assertCode(() => [...cache.values()], DAMAGED, Error, what);
      await assertRejects(cache.getAsync('damaged'), DAMAGED, Error);
      await assertRejects(
        cache.getOrLoad('damaged', () => numbers),
        DAMAGED,
        Error,
      );
      assert.equal(cache.get('other'), textOf(5000));
      cache.stats();
      cache.set('damaged', numbers);
      assert.deepEqual(cache.get('damaged'), numbers);
      cache.close();
    }
  });

  it('are no such values where there is no room for what they begin with', async (t) => {
    const from = make(t, {});
    from.set('short', 'value');
    const path = join(folder, 'short');
    await from.save(path);
    const file = readFileSync(path);
    const record = file.indexOf('short') - 10;
    assert.equal(file.readUInt32LE(record + 4), 5, 'where the length of the value is');
    for (const kind of [31, 20, 30]) {
      file[record] = kind;
      writeFileSync(path, resealed(file));
      const invalid = 'ERR_HEAPWISE_SHARED_CACHE_FILE_INVALID';
      await assertRejects(SharedCache.open(path, { maxBytes }), invalid, Error);
    }
  });
});

/** A file whose checksums are right again: `src/cache/persist/blocks.rs`. */
function resealed(file) {
  const prefix = file.subarray(0, 16);
  const checksums = [];
  for (let at = prefix.length, block = 0; at < file.length; block++) {
    const end = at + 12 + file.readUInt32LE(at + 4);
    if (file.toString('latin1', at, at + 4) === 'DONE') {
      file.writeUInt32LE(crc32(Buffer.concat(checksums)), end - 4);
    }
    const number = Buffer.alloc(4);
    number.writeUInt32LE(block);
    const parts = [number, file.subarray(at, at + 8), file.subarray(at + 12, end)];
    file.writeUInt32LE(crc32(Buffer.concat(block === 0 ? [prefix, ...parts] : parts)), at + 8);
    checksums.push(file.subarray(at + 8, at + 12));
    at = end;
  }
  return file;
}

/** Not every Node that is supported has one. */
function crc32(bytes) {
  let crc = 0xff_ff_ff_ff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xed_b8_83_20 : 0);
    }
  }
  return (crc ^ 0xff_ff_ff_ff) >>> 0;
}

describe('a cache with compression under another one', () => {
  for (const compression of WAYS) {
    for (const [version, Keyv] of Object.entries({ 5: Keyv5, 6: Keyv6 })) {
      it(`is a store of Keyv ${version}: ${compression.algorithm}`, async (t) => {
        const cache = make(t, { compression });
        const store = new KeyvSharedCache(cache, { namespace: 'mine', keyv: Number(version) });
        const keyv = new Keyv({ store, namespace: 'mine' });
        const values = [textOf(500), { text: textOf(80_000) }, { text: `€${textOf(LONG)}` }];
        for (const [index, value] of values.entries()) {
          await keyv.set(`key ${index}`, value, 60_000);
          assert.deepEqual(await keyv.get(`key ${index}`), value);
        }
        assert.deepEqual(await keyv.get(['key 0', 'key 1', 'key 2']), values);
        assert.equal(cache.stats().compressedEntries, values.length);
        const found = [];
        for await (const [key, value] of store.iterator('mine')) {
          found.push([key, JSON.parse(value).value]);
        }
        assert.equal(found.length, values.length);
        const [, last] = found.find(([key]) => key.endsWith('key 2'));
        assert.ok(last.text === values[2].text);
        await keyv.clear();
        assert.equal(await keyv.get('key 0'), undefined);
      });
    }

    it(`is both tiers of a TieredCache: ${compression.algorithm}`, async (t) => {
      const near = make(t, { compression, codec: 'json' });
      const far = make(t, { compression });
      const tiered = new TieredCache({ near, far: new KeyvSharedCache(far) });
      t.after(() => tiered.close());
      const value = { text: textOf(80_000) };
      await tiered.set('key', value);
      assert.deepEqual([near.stats().compressedEntries, far.stats().compressedEntries], [1, 1]);
      assert.deepEqual(await tiered.get('key'), value);
      near.clear();
      assert.deepEqual(await tiered.get('key'), value, 'from the far tier');
      const loaded = { text: textOf(LONG) };
      assert.deepEqual(await tiered.getOrLoad('other', () => loaded), loaded);
      assert.deepEqual(near.get('other'), loaded);
      assert.deepEqual([near.stats().compressedEntries, far.stats().compressedEntries], [2, 2]);
    });
  }
});
