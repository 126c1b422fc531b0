'use strict';

const assert = require('node:assert/strict');
const {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, describe, it } = require('node:test');
const { SharedCache } = require('..');
const { NOT_STRINGS, assertRejects, nextTurn, seeded } = require('./helper.js');
const { runScript } = require('./run-script.js');

const TYPE = 'ERR_HEAPWISE_INVALID_ARG_TYPE';
const VALUE = 'ERR_HEAPWISE_INVALID_ARG_VALUE';
const FILE = 'ERR_HEAPWISE_SHARED_CACHE_FILE';
const INVALID = 'ERR_HEAPWISE_SHARED_CACHE_FILE_INVALID';
const BUSY = 'ERR_HEAPWISE_SHARED_CACHE_SAVE_BUSY';
const maxBytes = 4 << 20;

const folder = mkdtempSync(join(tmpdir(), 'heapwise-files-'));
after(() => rmSync(folder, { recursive: true }));
const inFolder = (name) => join(folder, name);

/** A cache that is closed with the test. */
function make(t, options = { maxBytes }) {
  const cache = new SharedCache(options);
  t.after(() => cache.close());
  return cache;
}

describe('the arguments of a save and of an open', () => {
  const wrong = (call) =>
    Promise.all([
      ...[undefined, ...NOT_STRINGS].map((path) => assertRejects(call(path), TYPE, TypeError)),
      ...['', 'a\0b', new URL('http://localhost/x')].map((path) =>
        assertRejects(call(path), VALUE, RangeError),
      ),
    ]);

  it('have a path', async (t) => {
    const cache = make(t);
    await wrong((path) => cache.save(path));
    await wrong((path) => SharedCache.open(path, { maxBytes }));
  });

  it('have options that exist', async (t) => {
    const cache = make(t);
    const path = inFolder('never');
    for (const maxExtraBytes of [-1, 1.5, NaN, Infinity]) {
      await assertRejects(cache.save(path, { maxExtraBytes }), VALUE, RangeError);
    }
    await assertRejects(cache.save(path, { maxExtraBytes: '1' }), TYPE, TypeError);
    await assertRejects(cache.save(path, 5), TYPE, TypeError);
    const unknown = 'ERR_HEAPWISE_UNKNOWN_OPTION';
    const { message } = await assertRejects(cache.save(path, { maxExtraByte: 1 }), unknown, TypeError);
    assert.match(message, /maxExtraBytes/);
    await assertRejects(SharedCache.open(path, { maxBytes, ifMising: 'empty' }), unknown, TypeError);
    await assertRejects(SharedCache.open(path, { maxBytes, ifMissing: 'create' }), VALUE, RangeError);
    await assertRejects(SharedCache.open(path, {}), TYPE, TypeError);
    await assertRejects(SharedCache.open(path), TYPE, TypeError);
    assert.ok(!existsSync(path));
  });

  it('are not looked at by the constructor', () => {
    assert.throws(() => new SharedCache({ maxBytes, ifMissing: 'empty' }), /ifMissing/);
  });
});

describe('a save that cannot be', () => {
  it('rejects when the cache is closed', async () => {
    const cache = new SharedCache({ maxBytes });
    cache.close();
    await assertRejects(cache.save(inFolder('closed')), 'ERR_HEAPWISE_CACHE_CLOSED', Error);
  });

  it('says what the system says, and leaves no trace', async (t) => {
    const cache = make(t);
    cache.set('key', 'value');
    writeFileSync(inFolder('file'), 'mine');
    for (const [path, code] of [
      [join(folder, 'nowhere', 'cache'), 'ENOENT'],
      [folder, 'EISDIR'],
      [join(folder, 'file', 'cache'), 'ENOTDIR'],
      [inFolder('n'.repeat(250)), 'ENAMETOOLONG'],
    ]) {
      const { cause } = await assertRejects(cache.save(path), FILE, Error);
      assert.deepEqual([cause.code, cause.path], [code, path]);
      assert.ok(cause.errno < 0);
    }
    assert.equal(readFileSync(inFolder('file'), 'utf8'), 'mine');
    assert.equal(cache.get('key'), 'value');
    await cache.save(inFolder('works'));
  });

  it('does not replace a device', { skip: process.platform === 'win32' && 'there are none' }, async (t) => {
    await assertRejects(make(t).save('/dev/null'), FILE, Error);
    await assertRejects(SharedCache.open('/dev/null', { maxBytes }), FILE, Error);
    assert.equal(readFileSync('/dev/null', 'utf8'), '');
  });

  it('says so where it may not write', { skip: process.platform === 'win32' }, async () => {
    const closed = inFolder('closed-folder');
    mkdirSync(closed);
    const { stdout, stderr } = await runScript(`
      const { chmodSync } = require('node:fs');
      const { SharedCache } = require('heapwise');
      chmodSync(${JSON.stringify(closed)}, 0o500);
      if (process.getuid() === 0) {
        process.seteuid(65534);
      }
      new SharedCache({ maxBytes: ${maxBytes} })
        .save(${JSON.stringify(join(closed, 'cache'))})
        .catch(({ code, cause }) => console.log(code, cause.code));
    `);
    assert.equal(stdout.trim(), `${FILE} EACCES`, stderr);
  });

  it('is refused while another save of the cache, or to the same file, runs', async (t) => {
    const path = inFolder('busy');
    const [one, other] = [make(t, { maxBytes: 256 << 20 }), make(t)];
    const value = Buffer.alloc(1 << 20, 1);
    for (let i = 0; i < 200; i++) {
      one.set(`key ${i}`, value);
    }
    const first = one.save(path);
    await begun(path);
    await assertRejects(one.save(inFolder('elsewhere')), BUSY, Error);
    assert.ok(!existsSync(inFolder('elsewhere')) && !existsSync(inFolder('elsewhere.heapwise-save')));
    // By whatever name the file goes.
    await assertRejects(other.save(join(folder, 'x', '..', 'busy')), BUSY, Error);
    assert.equal((await first).entries, 200);
    await one.save(path);
    await other.save(path);
  });
});

/** Waits until a save to this path writes. */
async function begun(path) {
  while (!((statSync(`${path}.heapwise-save`, { throwIfNoEntry: false })?.size ?? 0) > 0)) {
    await nextTurn();
  }
}

describe('an open that cannot be', () => {
  it('rejects with a code of its own when there is no file', async () => {
    const missing = 'ERR_HEAPWISE_SHARED_CACHE_FILE_MISSING';
    await assertRejects(SharedCache.open(inFolder('none'), { maxBytes }), missing, Error);
    await assertRejects(SharedCache.open(join(folder, 'no', 'ne'), { maxBytes }), missing, Error);
    const { cause } = await assertRejects(SharedCache.open(folder, { maxBytes }), FILE, Error);
    assert.equal(cause.code, 'EISDIR');
  });

  it('leaves the cache of its name that is open as it is', async (t) => {
    const options = { maxBytes, name: 'is open' };
    const cache = make(t, options);
    cache.set('key', 'saved');
    const path = inFolder('named');
    await cache.save(path);
    cache.set('key', 'newer');
    const open = 'ERR_HEAPWISE_SHARED_CACHE_OPEN';
    await assertRejects(SharedCache.open(path, options), open, Error);
    assert.equal(cache.get('key'), 'newer');
    cache.close();

    // Opened by another way while the file is being read: who comes last is refused.
    const opening = SharedCache.open(path, options);
    const sooner = make(t, options);
    await assertRejects(opening, open, Error);
    assert.equal(sooner.size, 0);
    sooner.close();

    // Two at once: one of them has it.
    const both = await Promise.allSettled([1, 2].map(() => SharedCache.open(path, options)));
    const { value } = both.find(({ status }) => status === 'fulfilled');
    const { reason } = both.find(({ status }) => status === 'rejected');
    assert.equal(value.get('key'), 'saved');
    assert.equal(reason.code, open);
    value.close();
  });

  it('refuses values of another codec, but not strings and bytes', async (t) => {
    const path = inFolder('codec');
    const cache = make(t, { maxBytes, codec: 'json' });
    cache.set('string', 'text');
    await cache.save(path);
    const plain = await SharedCache.open(path, { maxBytes });
    assert.equal(plain.get('string'), 'text');
    plain.close();
    cache.set('object', { a: 1 });
    await cache.save(path);
    const codec = 'ERR_HEAPWISE_SHARED_CACHE_FILE_CODEC';
    for (const options of [{ maxBytes }, { maxBytes, codec: 'v8' }]) {
      const { message } = await assertRejects(SharedCache.open(path, options), codec, Error);
      assert.match(message, /"json"/);
    }
  });

  it('refuses what is no cache, or a part of one', async (t) => {
    const cache = make(t);
    for (let i = 0; i < 100; i++) {
      cache.set(`key ${i}`, `value ${i}`);
    }
    const path = inFolder('whole');
    await cache.save(path);
    const whole = readFileSync(path);
    const broken = inFolder('broken');
    const refusal = async (bytes) => {
      writeFileSync(broken, bytes);
      return assertRejects(SharedCache.open(broken, { maxBytes, name: 'broken' }), INVALID, Error);
    };
    for (const bytes of ['', 'text', '{}', Buffer.alloc(1000), JSON.stringify({ key: 'value' }).repeat(50)]) {
      assert.match((await refusal(bytes)).message, /begin/);
    }
    for (let length = 8; length < whole.length; length += 97) {
      assert.match((await refusal(whole.subarray(0, length))).message, /ends .*\(byte \d+\)/);
    }
    assert.match((await refusal(Buffer.concat([whole, whole]))).message, /goes on/);
    // What was refused has not taken the name.
    make(t, { maxBytes, name: 'broken' });
  });

  it('says that a file is from a newer version', async (t) => {
    const path = inFolder('newer');
    await make(t).save(path);
    const bytes = readFileSync(path);
    bytes[8]++;
    writeFileSync(path, bytes);
    const version = 'ERR_HEAPWISE_SHARED_CACHE_FILE_VERSION';
    const { message } = await assertRejects(SharedCache.open(path, { maxBytes }), version, Error);
    assert.match(message, /version 2 /);
  });

  it('survives any damage', async (t) => {
    const cache = make(t, { maxBytes, ttl: 60_000, slidingTtl: true });
    for (let i = 0; i < 300; i++) {
      cache.set(`key ${i}`, i % 3 === 0 ? Buffer.alloc(i, i) : `value ${i}`);
    }
    cache.set('large', Buffer.alloc(1_500_000, 7));
    const path = inFolder('damaged');
    await cache.save(path);
    const whole = readFileSync(path);
    const random = seeded(4);
    const allowed = new Set([INVALID, 'ERR_HEAPWISE_SHARED_CACHE_FILE_VERSION']);
    for (let i = 0; i < 150; i++) {
      const bytes = Buffer.from(whole);
      // The beginning has more kinds of bytes than the rest.
      const at = random.below(random.chance(0.5) ? 200 : bytes.length);
      bytes[at] ^= 1 << random.below(8);
      writeFileSync(path, bytes);
      const code = await SharedCache.open(path, { maxBytes }).then(
        () => 'opened',
        (error) => error.code,
      );
      assert.ok(allowed.has(code), `byte ${at}: ${code}`);
    }
  });
});
