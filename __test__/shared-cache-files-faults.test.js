'use strict';

const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, describe, it } = require('node:test');
const { SharedCache } = require('..');
const { assertRejects, nextTurn } = require('./helper.js');

const FILE = 'ERR_HEAPWISE_SHARED_CACHE_FILE';
const maxBytes = 256 << 20;
const skip = process.platform === 'win32' && 'there are no such signals and limits';

const folder = mkdtempSync(join(tmpdir(), 'heapwise-faults-'));
after(() => rmSync(folder, { recursive: true }));

/** Saves 100 MB, in small entries and large ones, and stops itself when so many of them are written. */
const STOPPED_IN_THE_MIDDLE = `
  const [, , path, bytes] = process.argv;
  const { statSync } = require('node:fs');
  const { SharedCache } = require(${JSON.stringify(join(__dirname, '..'))});
  const cache = new SharedCache({ maxBytes: ${maxBytes} });
  const [small, large] = ['s'.repeat(1000), 'l'.repeat(1 << 20)];
  for (let i = 0; i < 50_000; i++) cache.set('new ' + i, small);
  for (let i = 0; i < 50; i++) cache.set('large ' + i, large);
  cache.save(path).then(() => process.exit(1));
  while (!(statSync(path + '.heapwise-save', { throwIfNoEntry: false })?.size > Number(bytes))) {}
  process.kill(process.pid, 'SIGSTOP');
`;

/** A process that has stopped, as one that hangs. */
async function stoppedInTheMiddle(path, bytes) {
  const script = join(folder, 'script.js');
  writeFileSync(script, STOPPED_IN_THE_MIDDLE);
  const child = spawn(process.execPath, [script, path, String(bytes)], { stdio: 'inherit' });
  await once(child, 'spawn');
  while (!/^State:\s+T/m.test(readFileSync(`/proc/${child.pid}/status`, 'utf8'))) {
    assert.equal(child.exitCode, null, 'it was saved before it could stop');
    await nextTurn();
  }
  return child;
}

async function saveOne(path, value) {
  const cache = new SharedCache({ maxBytes: 1 << 20 });
  cache.set('key', value);
  await cache.save(path);
  cache.close();
}

async function valueIn(path) {
  const cache = await SharedCache.open(path, { maxBytes: 1 << 20 });
  const value = cache.get('key');
  cache.close();
  return value;
}

describe(
  'a process that is killed in the middle of a save',
  { skip: skip || !existsSync('/proc/self/status') },
  () => {
    for (const bytes of [0, 1 << 20, 20 << 20, 60 << 20, 70 << 20]) {
      it(`leaves the old file whole, after ${bytes} bytes`, async () => {
        const path = join(folder, `killed-${bytes}`);
        await saveOne(path, 'old');
        const child = await stoppedInTheMiddle(path, bytes);
        // It may go on at any time: nobody takes its file away.
        await assertRejects(
          saveOne(path, 'from somebody else'),
          'ERR_HEAPWISE_SHARED_CACHE_SAVE_BUSY',
          Error,
        );
        assert.equal(await valueIn(path), 'old');
        child.kill('SIGKILL');
        await once(child, 'exit');
        assert.equal(await valueIn(path), 'old');
        assert.ok(statSync(`${path}.heapwise-save`).size > bytes, 'it was in the middle');
        await saveOne(path, 'new');
        assert.equal(await valueIn(path), 'new');
        assert.ok(!existsSync(`${path}.heapwise-save`), 'what it left is gone');
      });
    }
  },
);

describe('a disk that is full', { skip }, () => {
  /** Saves 40 MB and then little, in a process that a shell has limited. */
  async function saveIn(shell, path) {
    const script = join(folder, 'full.js');
    writeFileSync(
      script,
      `const { SharedCache } = require(${JSON.stringify(join(__dirname, '..'))});
      const cache = new SharedCache({ maxBytes: ${maxBytes} });
      for (let i = 0; i < 40_000; i++) cache.set('key ' + i, 's'.repeat(1000));
      cache.save(${JSON.stringify(path)}).catch(async ({ code, cause }) => {
        console.log(code, cause.code, cache.size, cache.get('key 5').length);
        cache.clear();
        cache.set('key', 'new');
        await cache.save(${JSON.stringify(path)});
        console.log('saved');
      });`,
    );
    const child = spawn('sh', ['-c', `${shell}; exec "$0" "$1"`, process.execPath, script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    const [code] = await once(child, 'close');
    return { code, lines: stdout.trim().split('\n') };
  }

  it('fails the save: the old file stays, the new one goes, and the cache goes on', async (t) => {
    const small = join(folder, 'small');
    mkdirSync(small);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', small], { stdio: 'ignore' });
    } catch {
      t.skip('no file system may be mounted here');
      return;
    }
    try {
      const path = join(small, 'cache');
      await saveOne(path, 'old');
      const cache = new SharedCache({ maxBytes });
      for (let i = 0; i < 10_000; i++) {
        cache.set(`key ${i}`, 's'.repeat(1000));
      }
      for (let i = 0; i < 3; i++) {
        const { cause } = await assertRejects(cache.save(path), FILE, Error);
        assert.equal(cause.code, 'ENOSPC');
        assert.deepEqual(readdirSync(small), ['cache']);
        assert.equal(await valueIn(path), 'old');
        assert.equal(cache.size, 10_000);
      }
      cache.clear();
      cache.set('key', 'new');
      await cache.save(path);
      assert.equal(await valueIn(path), 'new');
      cache.close();
    } finally {
      execFileSync('umount', [small]);
    }
  });

  it('is no different from a limit on the size of files', async () => {
    const path = join(folder, 'limited');
    await saveOne(path, 'old');
    // In units of 512 or 1024 bytes, which differs between shells.
    const { code, lines } = await saveIn('ulimit -f 20000', path);
    assert.deepEqual(lines, [`${FILE} EFBIG 40000 1000`, 'saved']);
    assert.equal(code, 0);
    assert.ok(!existsSync(`${path}.heapwise-save`));
    assert.equal(await valueIn(path), 'new');
  });
});
