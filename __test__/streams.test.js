'use strict';

const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const { Readable, Writable } = require('node:stream');
const { pipeline } = require('node:stream/promises');
const { describe, it } = require('node:test');
const zlib = require('node:zlib');
const { BufferPool, ObjectPool } = require('..');
const { pooledTransform, release } = require('../lib/streams.js');
const { NOT_BOOLEANS, NOT_FUNCTIONS, NOT_OBJECTS, assertCode, nextTurn, seeded } = require('./helper.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const UNKNOWN = 'ERR_HEAPWISE_UNKNOWN_OPTION';
const ENDED = 'ERR_HEAPWISE_STREAM_ENDED';
const SCRATCH = 'ERR_HEAPWISE_STREAM_SCRATCH';
const DOUBLE = 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE';
const FOREIGN = 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT';
const MIB = 1024 * 1024;

/** Pools whose every object and buffer that is lent twice at a time would be found. */
function pools(options) {
  const state = new ObjectPool(() => ({ chunks: 0 }), {
    reset: (object) => {
      object.chunks = 0;
    },
  });
  return { state, buffers: new BufferPool({ maxBytes: 16 * MIB, debug: true, ...options }) };
}

function assertAllBack({ state, buffers }, states = 1) {
  const { borrowed, acquired, released } = state.stats();
  assert.deepEqual({ borrowed, acquired, released }, { borrowed: 0, acquired: states, released: states });
  assert.equal(buffers.stats().borrowed, 0, 'scratch memory is back');
}

/** Adds 1 to every byte, through scratch memory. */
function increment(chunk, encoding, callback) {
  this.state.chunks++;
  const out = this.scratch(chunk.length);
  for (let i = 0; i < chunk.length; i++) {
    out[i] = chunk[i] + 1;
  }
  callback(null, out);
}

const incremented = (chunks) => Buffer.concat(chunks).map((byte) => byte + 1);

function chunksOf(seed, count, most) {
  const { below } = seeded(seed);
  return Array.from({ length: count }, () =>
    Buffer.from(Array.from({ length: 1 + below(most) }, () => below(256))),
  );
}

describe('pooledTransform', () => {
  it('refuses what is no option, and options that cannot work', () => {
    const transform = increment;
    for (const wrong of NOT_OBJECTS) {
      assertCode(() => pooledTransform(wrong), TYPE, TypeError, wrong);
    }
    for (const wrong of NOT_FUNCTIONS) {
      assertCode(() => pooledTransform({ transform: wrong }), TYPE, TypeError, wrong);
    }
    for (const wrong of NOT_FUNCTIONS.slice(1)) {
      assertCode(() => pooledTransform({ transform, flush: wrong }), TYPE, TypeError, wrong);
    }
    for (const wrong of [null, 5, {}, [], () => {}, new Map(), { acquire: () => {} }]) {
      assertCode(() => pooledTransform({ transform, state: wrong }), TYPE, TypeError, wrong);
      assertCode(() => pooledTransform({ transform, buffers: wrong }), TYPE, TypeError, wrong);
    }
    for (const wrong of NOT_BOOLEANS) {
      assertCode(() => pooledTransform({ transform, lend: wrong }), TYPE, TypeError, wrong);
    }
    for (const name of ['write', 'read', 'destroy', 'final', 'construct', 'writev', 'transfrom']) {
      assertCode(() => pooledTransform({ transform, [name]: () => {} }), UNKNOWN, TypeError, name);
    }
    assert.throws(() => pooledTransform({ transform, highWaterMark: -1 }), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => pooledTransform({ transform, signal: {} }), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  it('lends no scratch memory without a pool for it, or outside of a call', async () => {
    const stream = pooledTransform({
      transform(chunk, encoding, callback) {
        assertCode(() => this.scratch(10), SCRATCH, Error);
        assert.equal(this.state, undefined);
        callback(null, chunk);
      },
    });
    stream.end('text');
    assert.equal(String(await stream.toArray()), 'text');
    const { state, buffers } = pools();
    const other = pooledTransform({ state, buffers, transform: increment });
    assertCode(() => other.scratch(10), SCRATCH, Error);
    other.destroy();
    assertCode(() => other.state, ENDED, Error);
    assertAllBack({ state, buffers }, 0);
  });

  it('acquires nothing until it is asked for', () => {
    const { state, buffers } = pools();
    pooledTransform({ state, buffers, transform: increment });
    assertAllBack({ state, buffers }, 0);
  });
});

describe('a pooled Transform', () => {
  it('takes one state for its life and gives it back once at the end', async () => {
    const all = pools();
    const input = chunksOf(1, 50, 3000);
    let counted;
    const stream = pooledTransform({
      ...all,
      transform: increment,
      flush(callback) {
        counted = this.state.chunks;
        callback(null, this.scratch(3).fill('x'));
      },
    });
    const output = [];
    await pipeline(Readable.from(input), stream, async (source) => {
      for await (const chunk of source) {
        output.push(chunk);
      }
    });
    assert.equal(counted, 50);
    assert.deepEqual(Buffer.concat(output), Buffer.concat([incremented(input), Buffer.from('xxx')]));
    assertAllBack(all);
    assertCode(() => stream.state, ENDED, Error);
    stream.destroy();
    assertAllBack(all);
  });

  it('hands out chunks that may be kept for ever: pooled memory is copied, whatever is pushed of it', async () => {
    const all = pools();
    const foreign = new BufferPool({ maxBytes: MIB });
    const theirs = foreign.acquire(100).fill(9);
    const pushed = [];
    const stream = pooledTransform({
      ...all,
      transform(chunk, encoding, callback) {
        const out = this.scratch(200_000).fill(chunk[0]);
        const views = [
          out.subarray(5, 10),
          out.subarray(100),
          new Uint8Array(out.buffer, out.byteOffset, 20),
          theirs,
          theirs.subarray(3),
        ];
        views.forEach((view) => this.push(view));
        pushed.push(...views.map((view) => Buffer.from(view)));
        callback(null, out.subarray(0, 7));
        pushed.push(Buffer.alloc(7, chunk[0]));
      },
    });
    for (let i = 0; i < 20; i++) {
      stream.write(Buffer.from([i]));
    }
    stream.end();
    const kept = [];
    await once(
      stream.on('data', (chunk) => kept.push(chunk)),
      'end',
    );
    assertAllBack(all, 0);
    theirs.fill(1);
    foreign.release(theirs);
    // All memory of the pools is lent anew and written over, and given back to the system.
    for (let i = 0; i < 40; i++) {
      all.buffers.acquire(200_000).fill(0xee);
    }
    all.buffers.close();
    foreign.close();
    assert.equal(kept.length, pushed.length);
    kept.forEach((chunk, i) => assert.ok(chunk.equals(pushed[i]), `chunk ${i}`));
  });

  it('copies views of other kinds as what they are, in object mode', async () => {
    const all = pools();
    const stream = pooledTransform({
      ...all,
      objectMode: true,
      transform(value, encoding, callback) {
        const out = this.scratch(16).fill(0);
        const numbers = new Float64Array(out.buffer, out.byteOffset, 2).fill(value);
        this.push(numbers);
        this.push(new DataView(out.buffer, out.byteOffset + 8, 8));
        callback(null, { value });
      },
    });
    stream.end(1.5);
    const [numbers, view, object] = await stream.toArray();
    assert.deepEqual(numbers, Float64Array.of(1.5, 1.5));
    assert.equal(view.constructor, DataView);
    assert.equal(new Float64Array(view.buffer)[0], 1.5);
    assert.deepEqual(object, { value: 1.5 });
    assertAllBack(all, 0);
  });

  it('gives back all when transform fails, throws, or flush does', async () => {
    const broken = new Error('broken');
    const failing = {
      'transform fails': { transform: (chunk, encoding, callback) => callback(broken) },
      'transform fails later': { transform: (chunk, encoding, callback) => setImmediate(callback, broken) },
      'transform throws': {
        transform: () => {
          throw broken;
        },
      },
      'flush fails': {
        transform: (chunk, encoding, callback) => callback(),
        flush: (callback) => callback(broken),
      },
      'flush throws': {
        transform: (chunk, encoding, callback) => callback(),
        flush: () => {
          throw broken;
        },
      },
    };
    for (const [what, { transform, flush }] of Object.entries(failing)) {
      const all = pools();
      const stream = pooledTransform({
        ...all,
        transform(...args) {
          this.state.chunks++;
          this.scratch(100);
          transform(...args);
        },
        flush,
      });
      await assert.rejects(pipeline(Readable.from(['a', 'b']), stream, drain), broken, what);
      assertAllBack(all);
    }
  });

  it('does not hide what is thrown after the callback', () => {
    const all = pools();
    const broken = new Error('broken');
    const stream = pooledTransform({
      ...all,
      transform(chunk, encoding, callback) {
        callback();
        throw broken;
      },
    });
    assert.throws(() => stream.write('a'), broken);
    stream.destroy();
    assertAllBack(all, 0);
  });

  it('is told by Node of a second callback, and still gives back once', async () => {
    const all = pools();
    const stream = pooledTransform({
      ...all,
      transform(chunk, encoding, callback) {
        this.state.chunks++;
        this.scratch(10);
        callback();
        callback();
      },
    });
    stream.write('a');
    const [{ code }] = await once(stream, 'error');
    assert.equal(code, 'ERR_MULTIPLE_CALLBACK');
    assertAllBack(all);
  });

  it('says so when its user has released scratch memory, and gives back the rest', async () => {
    const all = pools();
    const stream = pooledTransform({
      ...all,
      transform(chunk, encoding, callback) {
        all.buffers.release([1, 2, 3].map((size) => this.scratch(size))[1]);
        callback(null, this.state && chunk);
      },
    });
    stream.write('a');
    const [{ code }] = await once(stream, 'error');
    assert.equal(code, DOUBLE);
    assertAllBack(all);
  });

  it('fails when a pool has nothing left or its reset throws, and not the process', async () => {
    const exhausted = new ObjectPool(() => ({}), { max: 1 });
    exhausted.acquire();
    const broken = new Error('broken');
    const throwing = new ObjectPool(() => ({}), {
      reset: () => {
        throw broken;
      },
    });
    for (const [state, wanted] of [
      [exhausted, { code: 'ERR_HEAPWISE_POOL_EXHAUSTED' }],
      [throwing, broken],
    ]) {
      const stream = pooledTransform({
        state,
        transform(chunk, encoding, callback) {
          callback(null, this.state && chunk);
        },
      });
      await assert.rejects(pipeline(Readable.from(['a']), stream, drain), wanted);
    }
    assert.equal(throwing.stats().borrowed, 0);
  });

  it('destroyed in the middle of a transform keeps what that uses until it calls back', async () => {
    for (const [late, destroy] of [
      [null, (stream) => stream.destroy()],
      [new Error('late'), (stream) => stream.destroy(new Error('early'))],
    ]) {
      const all = pools();
      let callback;
      const stream = pooledTransform({
        ...all,
        transform(chunk, encoding, done) {
          this.state.chunks++;
          this.scratch(1000).fill(1);
          callback = done;
        },
      });
      stream.on('error', () => {});
      stream.write('a');
      stream.write('b');
      const closed = once(stream, 'close').catch(() => {});
      destroy(stream);
      await closed;
      await nextTurn();
      assert.equal(all.state.stats().borrowed, 1);
      assert.equal(all.buffers.stats().borrowed, 1);
      assert.equal(stream.state.chunks, 1, 'it is still its own');
      stream.scratch(500).fill(2);
      callback(late, 'too late');
      assertAllBack(all);
      assertCode(() => stream.state, ENDED, Error);
      assertCode(() => stream.scratch(1), SCRATCH, Error);
      assert.equal(stream.read(), null);
    }
  });

  it('is destroyed by a signal, also by one that was aborted before', async () => {
    for (const early of [true, false]) {
      const all = pools();
      const controller = new AbortController();
      if (early) {
        controller.abort();
      }
      const stream = pooledTransform({ ...all, transform: increment, signal: controller.signal });
      stream.write('a', () => {});
      controller.abort();
      const [{ name }] = await once(stream, 'error');
      assert.equal(name, 'AbortError');
      assertAllBack(all, early ? 0 : 1);
    }
  });

  it('holds one state however slowly its reader takes, and scratch memory for one chunk', async () => {
    const all = pools();
    const input = chunksOf(3, 200, 2000);
    const stream = pooledTransform({ ...all, transform: increment, highWaterMark: 1000 });
    const output = [];
    const slow = new Writable({
      highWaterMark: 500,
      write(chunk, encoding, callback) {
        assert.ok(all.state.stats().borrowed <= 1);
        assert.ok(all.buffers.stats().borrowed <= 1);
        output.push(chunk);
        setImmediate(callback);
      },
    });
    await pipeline(Readable.from(input), stream, slow);
    assert.deepEqual(Buffer.concat(output), Buffer.from(incremented(input)));
    assertAllBack(all);
    assert.ok(all.buffers.stats().peakUsedBytes <= 2048);
  });

  it('carries real load: many pipelines at a time through an asynchronous codec', async () => {
    const all = pools();
    const codec = (work) =>
      function transform(chunk, encoding, callback) {
        this.state.chunks++;
        work(chunk, (failure, result) => {
          if (failure) {
            callback(failure);
            return;
          }
          // A length before each piece, so that the other side can cut.
          const out = this.scratch(4 + result.length);
          out.writeUInt32BE(result.length);
          result.copy(out, 4);
          callback(null, out);
        });
      };
    const run = async (seed) => {
      const input = chunksOf(seed, 30, 5000);
      const sent = createHash('sha256');
      input.forEach((chunk) => sent.update(chunk));
      const got = createHash('sha256');
      let rest = Buffer.alloc(0);
      await pipeline(
        Readable.from(input),
        pooledTransform({ ...all, transform: codec(zlib.deflate) }),
        pooledTransform({
          ...all,
          transform(chunk, encoding, callback) {
            rest = Buffer.concat([rest, chunk]);
            const pieces = [];
            while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
              const end = 4 + rest.readUInt32BE();
              pieces.push(zlib.inflateSync(rest.subarray(4, end)));
              rest = rest.subarray(end);
            }
            const whole = Buffer.concat(pieces);
            const out = whole.length > 0 ? this.scratch(whole.length) : Buffer.alloc(0);
            whole.copy(out);
            callback(null, out);
          },
        }),
        async (source) => {
          for await (const chunk of source) {
            got.update(chunk);
          }
        },
      );
      assert.equal(got.digest('hex'), sent.digest('hex'), `seed ${seed}`);
    };
    await Promise.all(Array.from({ length: 10 }, (_, seed) => run(seed)));
    const { borrowed, created } = all.state.stats();
    assert.deepEqual([borrowed, all.buffers.stats().borrowed], [0, 0]);
    assert.ok(created <= 10, `${created} states for 10 pipelines`);
  });
});

async function drain(source) {
  for await (const chunk of source) {
    assert.ok(chunk);
  }
}

describe('a pooled Transform that lends its chunks', () => {
  const lending = (all, options) => pooledTransform({ ...all, lend: true, transform: increment, ...options });

  it('pushes its scratch memory itself, and has it back when its reader hands it back', async () => {
    const all = pools();
    const input = chunksOf(4, 100, 3000);
    const output = [];
    await pipeline(Readable.from(input), lending(all), async (source) => {
      for await (const chunk of source) {
        assert.ok(all.buffers.stats().borrowed > 0);
        output.push(Buffer.from(chunk));
        release(chunk);
      }
    });
    assert.deepEqual(Buffer.concat(output), Buffer.from(incremented(input)));
    assertAllBack(all);
    assert.ok(all.buffers.stats().misses < 50, 'memory was reused');
  });

  it('recycles no chunk under a reader that keeps all of them', async () => {
    const all = pools();
    const input = chunksOf(5, 40, 3000);
    const kept = [];
    await pipeline(Readable.from(input), lending(all), async (source) => {
      for await (const chunk of source) {
        kept.push(chunk);
      }
    });
    assert.equal(all.buffers.stats().borrowed, 40);
    all.buffers.use(3000, (buffer) => buffer.fill(0));
    assert.deepEqual(Buffer.concat(kept), Buffer.from(incremented(input)));
    kept.forEach(release);
    assertAllBack(all);
  });

  it('refuses a chunk that comes back twice, or that it did not lend', async () => {
    const all = pools({ debug: false });
    const stream = lending(all);
    stream.write('a');
    const chunk = stream.read();
    release(chunk);
    assertCode(() => release(chunk), DOUBLE, Error);
    // The same memory, lent anew, is not released by the former chunk.
    stream.write('b');
    assertCode(() => release(chunk), DOUBLE, Error);
    release(stream.read());
    for (const wrong of [undefined, null, 5, 'text', {}, Buffer.alloc(5), chunk.subarray(0)]) {
      assertCode(() => release(wrong), FOREIGN, Error, wrong);
    }
    stream.destroy();
    assertAllBack(all);
  });

  it('keeps the very memory that was pushed, and gives back what lies beside it', async () => {
    const all = pools();
    const stream = lending(all, {
      transform(chunk, encoding, callback) {
        const [before, out, after] = ['x', 'o', 'y'].map((letter) => this.scratch(100).fill(letter));
        assert.equal(new Set([before, out, after].map(({ buffer }) => buffer)).size, 1, 'of one slab');
        callback(null, out.subarray(10, 20));
      },
    });
    stream.end('a');
    const [chunk] = await stream.toArray();
    assert.equal(all.buffers.stats().borrowed, 1);
    assert.equal(String(chunk), 'o'.repeat(10));
    release(chunk);
    assertAllBack(all, 0);
  });

  it('takes back chunks that lie in no pool, strings too, and copies what is not its own', async () => {
    const all = pools();
    const foreign = new BufferPool({ maxBytes: MIB });
    const stream = lending(all, {
      transform(chunk, encoding, callback) {
        this.push('text');
        this.push('7a', 'hex');
        this.push(chunk);
        this.push(chunk);
        foreign.use(3, (buffer) => this.push(buffer.fill('f')));
        const out = this.scratch(10).fill('s');
        this.push(out.subarray(0, 2));
        // The scratch memory was handed over with the first push: this is a copy.
        this.push(out.subarray(2, 4));
        assert.throws(() => this.push(5), { code: TYPE });
        callback();
      },
    });
    stream.end('own');
    const chunks = await stream.toArray();
    foreign.close();
    assert.deepEqual(chunks.map(String), ['text', 'z', 'own', 'own', 'fff', 'ss', 'ss']);
    assert.ok(chunks.every((chunk) => Buffer.isBuffer(chunk)));
    assert.equal(all.buffers.stats().borrowed, 1);
    chunks.forEach(release);
    assertAllBack(all, 0);
  });

  it('releases what was not read when it is destroyed, and nothing that was', async () => {
    const all = pools();
    const stream = lending(all);
    for (let i = 0; i < 5; i++) {
      stream.write(Buffer.alloc(1000, i));
    }
    const read = [stream.read(), stream.read()];
    stream.destroy();
    await once(stream, 'close');
    assert.equal(all.buffers.stats().borrowed, 2);
    assert.equal(stream.read(), null, 'what is left is not given out');
    read.forEach((chunk, i) => assert.ok(chunk.every((byte) => byte === i + 1)));
    read.forEach(release);
    assertAllBack(all);
  });

  it('is read through pipe and events alike', async () => {
    const all = pools();
    const input = chunksOf(6, 60, 500);
    const total = [];
    const destination = new Writable({
      highWaterMark: 100,
      write(chunk, encoding, callback) {
        setImmediate(() => {
          total.push(Buffer.from(chunk));
          release(chunk);
          callback();
        });
      },
    });
    await pipeline(Readable.from(input), lending(all), destination);
    assert.deepEqual(Buffer.concat(total), Buffer.from(incremented(input)));
    assertAllBack(all);
  });
});
