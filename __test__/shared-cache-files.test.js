'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const {
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, describe, it } = require('node:test');
const { setTimeout: pause } = require('node:timers/promises');
const { pathToFileURL } = require('node:url');
const { Worker } = require('node:worker_threads');
const { SharedCache } = require('..');
const { nextTurn } = require('./helper.js');
const { runScript } = require('./run-script.js');

const maxBytes = 8 << 20;
const folder = mkdtempSync(join(tmpdir(), 'heapwise-files-'));
after(() => rmSync(folder, { recursive: true }));
const inFolder = (name) => join(folder, name);

/** A cache that is closed with the test. */
function make(t, options = { maxBytes }) {
  const cache = new SharedCache(options);
  t.after(() => cache.close());
  return cache;
}

async function open(t, path, options = { maxBytes }) {
  const cache = await SharedCache.open(path, options);
  t.after(() => cache.close());
  return cache;
}

/** Resolves when a file is gone. */
async function gone(path) {
  while (statSync(path, { throwIfNoEntry: false })) {
    await pause(1);
  }
}

/** Whether a promise is settled, for loops that do something until then. */
function watched(promise) {
  const state = { isSettled: false };
  const note = () => {
    state.isSettled = true;
  };
  promise.then(note, note);
  return state;
}

/** Fills a cache with so many megabytes, and returns how many entries it has. */
function fill(cache, megabytes) {
  const value = 'v'.repeat(1000);
  for (let i = 0; i < megabytes * 1000; i++) {
    cache.set(`key ${i}`, value);
  }
  return megabytes * 1000;
}

const VALUES = {
  'a string': 'text',
  'a string of bytes': 'café',
  'a string of units': '京都 \u{1F980}',
  'half of a pair': 'a\uD800',
  'an empty string': '',
  'a large string': 'x'.repeat(600_000),
  'a large string of units': '京'.repeat(300_000),
  'a Buffer': Buffer.from([0, 255, 3]),
  'an empty Buffer': Buffer.alloc(0),
  'a large Buffer': Buffer.alloc(2_000_000, 'heapwise'),
  'a Uint8Array': new Uint8Array([1, 2]),
  'a Float64Array': new Float64Array([1.5, -0, NaN]),
  'a BigInt64Array': new BigInt64Array([-1n, 2n ** 62n]),
  'an Int16Array': new Int16Array([-5, 300]),
  'an object': { a: [1, { b: 'c' }], d: null },
};

describe('a cache that was saved and opened', () => {
  for (const codec of ['json', 'v8']) {
    it(`has every kind of value that it had, with the codec ${codec}`, async (t) => {
      const options = { maxBytes: 32 << 20, codec };
      const cache = make(t, options);
      const values = codec === 'v8' ? { ...VALUES, 'a Map': new Map([[1, new Date(5)]]) } : VALUES;
      for (const [key, value] of Object.entries(values)) {
        cache.set(key, value);
      }
      const odd = ['k'.repeat(65_535), 'ключ', '\uD800', Buffer.from([0, 1, 255])];
      for (const key of odd) {
        cache.set(key, 'odd');
      }
      const path = inFolder(`kinds ${codec}`);
      const { entries } = await cache.save(path);
      assert.equal(entries, cache.size);
      const opened = await open(t, path, options);
      assert.equal(opened.size, entries);
      for (const [key, value] of Object.entries(values)) {
        assert.deepEqual(opened.get(key), value, key);
        assert.deepEqual(opened.getBuffer(key), cache.getBuffer(key), key);
      }
      for (const key of odd) {
        assert.equal(opened.get(key), 'odd');
      }
    });
  }

  it('tells what was done', async (t) => {
    const cache = make(t);
    fill(cache, 2);
    const before = Date.now();
    const path = inFolder('info');
    const saved = await cache.save(path);
    assert.equal(saved.entries, 2000);
    assert.equal(saved.bytes, statSync(path).size);
    assert.equal(saved.extraBytes, 0);
    assert.ok(saved.savedAt >= before && saved.savedAt <= Date.now());
    assert.ok(saved.duration > 0);
    const { restored, name, size } = await open(t, path);
    const { entries, expired, leftOut, bytes, savedAt, duration } = restored;
    assert.deepEqual(
      { entries, expired, leftOut, bytes, savedAt },
      {
        entries: 2000,
        expired: 0,
        leftOut: 0,
        bytes: saved.bytes,
        savedAt: saved.savedAt,
      },
    );
    assert.ok(duration > 0);
    assert.deepEqual([name, size], [undefined, 2000]);
    assert.equal(cache.restored, undefined);
  });

  it('is the cache of its name for all threads', async (t) => {
    const path = inFolder('threads');
    const options = { maxBytes, name: 'restored' };
    const cache = make(t, options);
    cache.set('key', 'value');
    await cache.save(path);
    cache.close();
    const opened = await open(t, path, options);
    const worker = new Worker(
      `const { SharedCache } = require(${JSON.stringify(join(__dirname, '..'))});
      const { parentPort, workerData } = require('node:worker_threads');
      const cache = new SharedCache(workerData);
      parentPort.postMessage(cache.get('key'));
      cache.set('key', 'new');`,
      { eval: true, workerData: options },
    );
    const [[value]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
    assert.equal(value, 'value');
    assert.equal(opened.get('key'), 'new');
  });

  it('counts the time that has passed', async (t) => {
    const path = inFolder('ttl');
    const cache = make(t);
    cache.set('short', 'value', { ttl: 40 });
    cache.set('long', 'value', { ttl: 60_000 });
    const { entries, savedAt } = await cache.save(path);
    assert.equal(entries, 2);
    while (Date.now() < savedAt + 41) {
      await pause(5);
    }
    const opened = await open(t, path);
    assert.deepEqual([opened.restored.expired, opened.size], [1, 1]);
    assert.deepEqual([opened.get('short'), opened.get('long')], [undefined, 'value']);
    // It expires here as well.
    const limited = await open(t, path, { maxBytes, maxTtl: 1 });
    while (limited.size > 0) {
      await pause(5);
    }
    assert.equal(limited.stats().expirations, 1);
  });

  it('keeps the order of eviction, and what is worth most if it is smaller', async (t) => {
    const cache = make(t, { maxBytes: 32 << 20, policy: 'lru', shards: 1 });
    fill(cache, 10);
    cache.get('key 0');
    const path = inFolder('order');
    await cache.save(path);
    const smaller = await open(t, path, { maxBytes: 32 << 20, max: 100, policy: 'lru' });
    assert.equal(smaller.size, 100);
    assert.ok(smaller.has('key 0') && smaller.has('key 9999') && !smaller.has('key 9900'));
    assert.equal(smaller.restored.leftOut, 9900);
    const few = await open(t, path, { maxBytes: 1 << 20 });
    assert.equal(few.restored.entries, few.size);
    assert.equal(few.restored.entries + few.restored.leftOut, 10_000);
    assert.ok(few.stats().bytes <= 1 << 20 && few.size > 500);
  });

  it('may be missing, where that is said', async (t) => {
    const path = inFolder('first start');
    const options = { maxBytes, ifMissing: 'empty' };
    const cache = await open(t, path, options);
    assert.deepEqual([cache.size, cache.restored.savedAt, cache.restored.bytes], [0, undefined, 0]);
    cache.set('key', 'value');
    await cache.save(path);
    assert.equal((await open(t, path, options)).get('key'), 'value');
  });

  it('is an instance of the class that opens it', async (t) => {
    class Pages extends SharedCache {}
    const path = inFolder('class');
    await make(t).save(path);
    const pages = await Pages.open(path, { maxBytes });
    t.after(() => pages.close());
    assert.ok(pages instanceof Pages);
  });
});

describe('the file', () => {
  it('is for its owner only, at the path or URL, and alone', async (t) => {
    const cache = make(t);
    const own = mkdtempSync(join(folder, 'own-'));
    await cache.save(join(own, 'cache'));
    await cache.save(pathToFileURL(join(own, 'c#che?')));
    assert.deepEqual(readdirSync(own), ['c#che?', 'cache']);
    if (process.platform !== 'win32') {
      assert.equal(statSync(join(own, 'cache')).mode & 0o777, 0o600);
    }
    await open(t, pathToFileURL(join(own, 'c#che?')));
  });

  it('replaces what a link points to', { skip: process.platform === 'win32' }, async (t) => {
    const cache = make(t);
    const [path, link] = [inFolder('linked'), inFolder('link')];
    writeFileSync(path, 'old');
    symlinkSync(path, link);
    await cache.save(link);
    assert.equal((await open(t, path)).restored.entries, 0);
    assert.equal((await open(t, link)).restored.entries, 0);
  });

  it('is the same whatever folder the process goes to', async (t) => {
    const cache = make(t);
    const before = process.cwd();
    process.chdir(folder);
    t.after(() => process.chdir(before));
    const saving = cache.save('relative');
    process.chdir(before);
    await saving;
    await open(t, inFolder('relative'));
  });
});

describe('while it is saved, a cache', () => {
  it('can be closed: the save goes on', async (t) => {
    const cache = new SharedCache({ maxBytes: 64 << 20 });
    const entries = fill(cache, 20);
    const path = inFolder('closed');
    const saving = cache.save(path);
    cache.close();
    assert.equal((await saving).entries, entries);
    assert.equal((await open(t, path, { maxBytes: 64 << 20 })).size, entries);
  });

  it('can be cleared and changed: the file has the moment before', async (t) => {
    const cache = make(t, { maxBytes: 64 << 20 });
    const entries = fill(cache, 40);
    const path = inFolder('cleared');
    const saving = cache.save(path);
    // The moment comes soon after the call, so not before the file is there.
    while (!((statSync(`${path}.heapwise-save`, { throwIfNoEntry: false })?.size ?? 0) > 0)) {
      await nextTurn();
    }
    cache.clear();
    cache.set('key', 'new');
    assert.equal((await saving).entries, entries);
    const opened = await open(t, path, { maxBytes: 64 << 20 });
    assert.deepEqual([opened.size, opened.has('key'), opened.has('key 7')], [entries, false, true]);
    assert.equal(cache.size, 1);
  });

  it('fails the save if too much is changed, and goes on', async (t) => {
    const cache = make(t, { maxBytes: 64 << 20 });
    fill(cache, 40);
    const path = inFolder('overrun');
    await cache.save(path);
    const saving = cache.save(path, { maxExtraBytes: 0 }).then(
      () => 'saved',
      ({ code }) => code,
    );
    const state = watched(saving);
    for (let i = 0; !state.isSettled; i++) {
      for (let key = 0; key < 1000; key++) {
        cache.set(`key ${39_000 - key * 30 - (i % 30)}`, `new ${i}`);
      }
      await nextTurn();
    }
    assert.equal(await saving, 'ERR_HEAPWISE_SHARED_CACHE_SAVE_OVERRUN');
    assert.equal((await open(t, path, { maxBytes: 64 << 20 })).get('key 5').length, 1000, 'the old file');
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('overrun.')),
      [],
    );
    assert.equal((await cache.save(path)).entries, cache.size);
  });

  it('does not keep the loop from turning, nor does an open', async (t) => {
    const cache = make(t, { maxBytes: 128 << 20 });
    fill(cache, 80);
    const path = inFolder('turns');
    const turns = async (promise) => {
      const state = watched(promise);
      let turned = 0;
      for (; !state.isSettled; turned++) {
        await nextTurn();
      }
      return turned;
    };
    assert.ok((await turns(cache.save(path))) > 5);
    const opening = SharedCache.open(path, { maxBytes: 128 << 20 });
    assert.ok((await turns(opening)) > 5);
    (await opening).close();
  });

  it('is written by two threads, and the file has one moment of both', async (t) => {
    const options = { maxBytes: 64 << 20, name: 'moment' };
    const cache = make(t, options);
    const workers = [1, 2].map(
      (id) => new Worker(join(__dirname, 'shared-cache-rounds.js'), { workerData: { options, id } }),
    );
    const { KEYS, check } = require('./shared-cache-rounds.js');
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    const path = inFolder('moment');
    let kept = 0;
    for (let i = 0; i < 8; i++) {
      const { entries, extraBytes } = await cache.save(path);
      kept += extraBytes;
      assert.equal(entries, KEYS * workers.length);
      const saved = await SharedCache.open(path, { maxBytes: 64 << 20 });
      assert.equal(saved.size, entries);
      workers.forEach((_, at) => check(saved, at + 1));
      saved.close();
    }
    assert.ok(kept > 0, 'the threads did change what was being saved');
    await Promise.all(workers.map((worker) => worker.terminate()));
  });
});

describe('the thread that asked for a save', () => {
  it('can be terminated: the old file stays, and nothing beside it', async (t) => {
    const options = { maxBytes: 512 << 20, name: 'terminated' };
    const cache = make(t, options);
    const path = inFolder('terminated');
    cache.set('key', 'old');
    await cache.save(path);
    const value = Buffer.alloc(1 << 20, 1);
    for (let i = 0; i < 200; i++) {
      cache.set(`key ${i}`, value);
    }
    const worker = new Worker(
      `const { SharedCache } = require(${JSON.stringify(join(__dirname, '..'))});
      const { parentPort, workerData } = require('node:worker_threads');
      new SharedCache(workerData.options).save(workerData.path);
      parentPort.postMessage('');`,
      { eval: true, workerData: { options, path } },
    );
    await once(worker, 'message');
    await worker.terminate();
    await gone(`${path}.heapwise-save`);
    const restored = await open(t, path);
    assert.ok([1, 201].includes(restored.size), 'the old one or, if it was quick, the new one');
    // And the cache can be saved again.
    let saved;
    while (!saved) {
      saved = await cache.save(path).catch(({ code }) => {
        assert.equal(code, 'ERR_HEAPWISE_SHARED_CACHE_SAVE_BUSY');
      });
    }
    assert.equal(saved.entries, 201);
  });

  it('keeps the process alive until it is saved', async (t) => {
    const path = inFolder('alive');
    const { code, stderr } = await runScript(`
      const { SharedCache } = require('heapwise');
      const cache = new SharedCache({ maxBytes: ${maxBytes} });
      cache.set('key', 'value');
      cache.save(${JSON.stringify(path)});
    `);
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal((await open(t, path)).get('key'), 'value');
  });

  it('can exit: the process ends at once, and the next save removes what is left', async (t) => {
    const path = inFolder('exit');
    const cache = make(t);
    cache.set('key', 'old');
    await cache.save(path);
    const { code, stdout, stderr } = await runScript(`
      const { SharedCache } = require('heapwise');
      const { statSync } = require('node:fs');
      const cache = new SharedCache({ maxBytes: 1 << 30 });
      const value = Buffer.alloc(1 << 20, 1);
      for (let i = 0; i < 400; i++) cache.set('key ' + i, value);
      cache.save(${JSON.stringify(path)}).then(() => console.log('saved'));
      const temporary = ${JSON.stringify(path)} + '.heapwise-save';
      while (!(statSync(temporary, { throwIfNoEntry: false })?.size > 0)) {}
      process.exit(7);
    `);
    assert.deepEqual([code, stdout, stderr], [7, '', '']);
    assert.equal(readFileSync(path).includes('old'), true);
    await cache.save(path);
    assert.ok(!statSync(`${path}.heapwise-save`, { throwIfNoEntry: false }));
  });
});
