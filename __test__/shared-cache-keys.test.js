'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { setImmediate: nextTurn, setTimeout: delay } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { SharedCache } = require('..');
const {
  NOT_BOOLEANS,
  NOT_NUMBERS,
  NOT_OBJECTS,
  NOT_STRINGS,
  assertCode,
  assertRejects,
} = require('./helper.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const CLOSED = 'ERR_HEAPWISE_CACHE_CLOSED';
const UNKNOWN = 'ERR_HEAPWISE_UNKNOWN_OPTION';
const maxBytes = 16 << 20;
const NO_PREFIXES = NOT_STRINGS.filter((value) => value !== undefined && !(value instanceof Uint8Array));

/** A cache that is closed with the test. */
function open(t, options) {
  const cache = new SharedCache({ maxBytes, ...options });
  t.after(() => cache.close());
  return cache;
}

describe('misuse of a walk over the keys', () => {
  it('is refused at once, not when the first key is asked for', async (t) => {
    const cache = open(t);
    for (const walk of ['keys', 'values', 'entries']) {
      for (const options of NOT_OBJECTS) {
        assertCode(() => cache[walk](options), TYPE, TypeError, options);
      }
      for (const prefix of NO_PREFIXES) {
        assertCode(() => cache[walk]({ prefix }), TYPE, TypeError, prefix);
      }
      for (const buffers of NOT_BOOLEANS) {
        assertCode(() => cache[walk]({ buffers }), TYPE, TypeError, buffers);
      }
      assertCode(() => cache[walk]({ count: 5 }), UNKNOWN, TypeError);
      assertCode(() => cache[walk]({ prefix: 'x'.repeat(65_536) }).next(), VALUE, RangeError);
    }
    for (const number of NOT_NUMBERS) {
      assertCode(() => cache.scan(number), TYPE, TypeError, number);
      assertCode(() => cache.scan(0, { count: number }), TYPE, TypeError, number);
    }
    for (const number of [-1, 0.5, NaN, Infinity]) {
      assertCode(() => cache.scan(number), VALUE, RangeError, number);
      assertCode(() => cache.scan(0, { count: number }), VALUE, RangeError, number);
    }
    assertCode(() => cache.scan(0, { counts: 5 }), UNKNOWN, TypeError);
    for (const prefix of [undefined, ...NO_PREFIXES]) {
      assertCode(() => cache.deletePrefix(prefix), TYPE, TypeError, prefix);
    }
    assertCode(() => cache.deletePrefix(''), VALUE, RangeError, 'an empty one would be all');
    await assertRejects(cache.deletePrefix('x'.repeat(65_536)), VALUE, RangeError);
  });

  it('that is closed is refused, in the middle of a walk as well', async (t) => {
    const cache = open(t);
    for (let i = 0; i < 50_000; i++) {
      cache.set(`key ${i}`, 'value');
    }
    const keys = cache.keys();
    const entries = cache.entries();
    keys.next();
    entries.next();
    const deleted = cache.deletePrefix('key ');
    cache.close();
    await assertRejects(deleted, CLOSED, Error);
    assertCode(() => [...keys], CLOSED, Error);
    assertCode(() => [...entries], CLOSED, Error);
    for (const walk of ['keys', 'values', 'entries', 'scan']) {
      assertCode(() => cache[walk](), CLOSED, Error, walk);
    }
    assertCode(() => [...cache], CLOSED, Error);
    assertCode(() => cache.deletePrefix('a'), CLOSED, Error);
    assertCode(() => cache.peek('a'), CLOSED, Error);
  });
});

describe('a walk over the keys', () => {
  it('finds every key once, and the value of each', (t) => {
    const cache = open(t);
    assert.deepEqual([...cache.keys()], []);
    assert.deepEqual(cache.scan(), { cursor: undefined, keys: [] });
    const all = new Map(Array.from({ length: 20_000 }, (_, i) => [`key ${i}`, `value ${i}`]));
    for (const [key, value] of all) {
      cache.set(key, value);
    }
    const keys = [...cache.keys()];
    assert.equal(keys.length, all.size);
    assert.deepEqual(new Set(keys), new Set(all.keys()));
    assert.deepEqual(new Map(cache), all);
    assert.deepEqual(new Set(cache.values()), new Set(all.values()));
    const { hits, misses } = cache.stats();
    assert.deepEqual([hits, misses], [0, 0], 'it counts nothing');
  });

  it('gives a string where there is one with such bytes, and Buffers for the others', (t) => {
    const cache = open(t);
    const strings = [
      'a',
      'naïve',
      '日本語',
      '😀',
      '\ud83d',
      '\ude00\ud83d',
      '\ufffd',
      '\0',
      'x'.repeat(65_535),
    ];
    const bytes = [
      Buffer.from([0xff, 0xfe]),
      Buffer.from([0x80]),
      Buffer.from([0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]),
    ];
    for (const key of [...strings, ...bytes]) {
      cache.set(key, key);
    }
    const found = [...cache.keys()];
    assert.deepEqual(new Set(found.filter((key) => typeof key === 'string')), new Set(strings));
    const hex = (keys) => keys.map((key) => key.toString('hex')).toSorted();
    assert.deepEqual(hex(found.filter((key) => Buffer.isBuffer(key))), hex(bytes));
    assert.ok(
      found.every((key) => cache.has(key)),
      'each finds its entry',
    );
    const buffers = [...cache.keys({ buffers: true })];
    assert.equal(buffers.length, found.length);
    assert.ok(buffers.every((key) => Buffer.isBuffer(key) && cache.has(key)));
    const [[key]] = cache.entries({ buffers: true, prefix: 'naï' });
    assert.equal(key.toString(), 'naïve');
  });

  it('finds what begins with a prefix, a string or bytes, and nothing else', (t) => {
    const cache = open(t);
    for (let i = 0; i < 3000; i++) {
      cache.set(`${i % 3 === 0 ? 'é:' : 'other:'}${i}`, String(i));
    }
    const wanted = new Set(Array.from({ length: 1000 }, (_, i) => `é:${i * 3}`));
    for (const prefix of ['é:', Buffer.from('é:'), new Uint8Array(Buffer.from('é:'))]) {
      assert.deepEqual(new Set(cache.keys({ prefix })), wanted);
    }
    assert.equal(
      [...cache.values({ prefix: Buffer.from('é').subarray(0, 1) })].length,
      1000,
      'half a character',
    );
    assert.deepEqual([...cache.keys({ prefix: 'none' })], []);
    assert.equal([...cache.keys({ prefix: '' })].length, 3000);
  });

  it('does not find what has expired or was cleared, and counts no use', async (t) => {
    const cache = open(t, { policy: 'lru', shards: 1, max: 2 });
    cache.set('a', '1', { ttl: 1 });
    await delay(3);
    assert.deepEqual([...cache.keys()], []);
    assert.equal(cache.peek('a'), undefined);
    cache.set('a', '1');
    cache.set('b', '2');
    assert.deepEqual([cache.peek('a'), new Map(cache).get('a')], ['1', '1']);
    cache.set('c', '3');
    assert.deepEqual(new Set(cache.keys()), new Set(['b', 'c']), 'a was used by nobody');
    cache.clear();
    assert.deepEqual([...cache], []);
  });

  it('goes on from any cursor, in any thread, in steps that look at few entries', async (t) => {
    const cache = open(t, { name: 'steps' });
    for (let i = 0; i < 5000; i++) {
      cache.set(`key ${i}`, 'value');
    }
    const seen = [];
    let steps = 0;
    for (let cursor = 0; cursor !== undefined; steps++) {
      const found = cache.scan(cursor, { count: 100 });
      assert.ok(found.keys.length < 150);
      seen.push(...found.keys);
      cursor = found.cursor;
    }
    assert.ok(steps >= 40, `${steps}`);
    assert.deepEqual([seen.length, new Set(seen).size], [5000, 5000]);
    const { cursor, keys } = cache.scan(0, { count: 2000 });
    const worker = new Worker(
      `const { SharedCache } = require(${JSON.stringify(require.resolve('..'))});
       const cache = new SharedCache({ name: 'steps', maxBytes: ${maxBytes} });
       const keys = [];
       for (let cursor = ${cursor}; cursor !== undefined;) {
         const found = cache.scan(cursor);
         keys.push(...found.keys);
         cursor = found.cursor;
       }
       require('node:worker_threads').parentPort.postMessage(keys);`,
      { eval: true },
    );
    const [others] = await once(worker, 'message');
    assert.deepEqual([keys.length + others.length, new Set([...keys, ...others]).size], [5000, 5000]);
    assert.deepEqual(cache.scan(Number.MAX_SAFE_INTEGER), { cursor: undefined, keys: [] });
  });

  it('may delete and add what it likes in its own loop', (t) => {
    const cache = open(t);
    for (let i = 0; i < 10_000; i++) {
      cache.set(`key ${i}`, 'value');
    }
    let count = 0;
    for (const key of cache.keys({ prefix: 'key ' })) {
      assert.equal(cache.delete(key), true);
      cache.set(`new ${count}`, 'value');
      cache.set(`more ${count++}`, 'value');
    }
    assert.deepEqual([count, cache.size], [10_000, 20_000]);
    for (const [key] of cache) {
      cache.clear();
      cache.set(key, 'value');
    }
    assert.equal(cache.size, 1);
  });

  it('leaves nothing behind when it is broken off', async (t) => {
    const cache = open(t);
    cache.set('a', '1');
    cache.set('b', '2');
    for (const key of cache.keys()) {
      assert.ok(cache.delete(key), 'no lock is held');
      break;
    }
    assert.equal(cache.size, 1);
  });

  it('sees what is there all the time exactly once while other threads set, delete and clear', async (t) => {
    const options = { name: 'walked', maxBytes, shards: 2 };
    const cache = open(t, options);
    const stay = new Set(Array.from({ length: 2000 }, (_, i) => `stay ${i}`));
    for (const key of stay) {
      cache.set(key, 'value');
    }
    const workers = [1, 2].map(
      (number) =>
        new Worker(
          `const { SharedCache } = require(${JSON.stringify(require.resolve('..'))});
           const cache = new SharedCache(${JSON.stringify(options)});
           for (let round = 0; ; round++) {
             for (let i = 0; i < 5000; i++) cache.set('go ${number} ' + round + ' ' + i, 'value');
             cache.set('stay ' + (round % 2000), 'another value');
             for (let i = 0; i < 5000; i++) cache.delete('go ${number} ' + round + ' ' + i);
           }`,
          { eval: true },
        ),
    );
    await Promise.all(workers.map((worker) => once(worker, 'online')));
    for (let round = 0; round < 100; round++) {
      const seen = [...cache.keys()];
      assert.equal(new Set(seen).size, seen.length, 'one came twice');
      assert.equal(seen.filter((key) => stay.has(key)).length, stay.size);
      await nextTurn();
    }
    await Promise.all(workers.map((worker) => worker.terminate()));
  });
});

describe('deletePrefix', () => {
  it('removes what begins with the prefix in turns of the event loop, and resolves with how many that were', async (t) => {
    const cache = open(t);
    for (let i = 0; i < 30_000; i++) {
      cache.set(`${i % 2 === 0 ? 'even' : 'odd'}:${i}`, 'value');
    }
    const deleted = cache.deletePrefix('even:');
    assert.ok(cache.size > 15_000, 'not all in the first turn');
    let turns = 0;
    const state = { done: false };
    void deleted.then(() => (state.done = true));
    while (!state.done) {
      turns++;
      await nextTurn();
    }
    assert.ok(turns > 3);
    assert.equal(await deleted, 15_000);
    assert.equal(cache.size, 15_000);
    assert.equal([...cache.keys({ prefix: 'odd:' })].length, 15_000);
    assert.equal(cache.stats().deletes, 15_000);
    assert.equal(await cache.deletePrefix(Buffer.from('even:')), 0);
    assert.equal(await cache.deletePrefix('o'), 15_000);
    assert.equal(cache.size, 0);
  });
});
