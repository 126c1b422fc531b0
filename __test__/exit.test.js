'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { runScript } = require('./run-script.js');

const ONE_OF_EACH = `
  const { Cache, EventLoopMonitor, Histogram, LeakDetector, ObjectPool, createMonitor } = require('heapwise');
  const cache = new Cache({ max: 10, ttl: 1000 });
  cache.set('a', 1);
  const pool = new ObjectPool(() => ({}), { min: 2 });
  pool.acquire();
  const lag = new EventLoopMonitor({ blockedThreshold: 5 }).start();
  lag.on('blocked', () => {});
  const leak = new LeakDetector({ gcInterval: 10 }).start();
  leak.on('leak', () => {});
  new Histogram().record(5);
  const monitor = createMonitor({ caches: { cache }, pools: { pool } }).start();
  const block = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
`;

/** How the script goes on, and the exit code that it must end with. */
const ENDINGS = {
  'with nothing left to do': ['', 0],
  'after a block that is announced': ['setTimeout(() => block(30), 5);', 0],
  'by process.exit in the middle of a turn': ['setTimeout(() => { block(30); process.exit(4); }, 5);', 4],
  'by an uncaught exception': ['setTimeout(() => { throw new Error("x"); }, 5);', 1],
  'when everything is closed twice': [
    'for (const it of [cache, pool, lag, leak, monitor]) { it.close(); it.close(); it[Symbol.dispose](); }',
    0,
  ],
};

for (const bridge of ['', 'off']) {
  describe(`a process ends${bridge ? ' without the V8 bridge' : ''}`, () => {
    for (const [ending, [then, expected]] of Object.entries(ENDINGS)) {
      it(ending, async () => {
        const { code, signal, stderr } = await runScript(ONE_OF_EACH + then, {
          env: { HEAPWISE_V8_BRIDGE: bridge },
        });
        assert.equal(signal, null, stderr);
        assert.equal(code, expected, stderr);
        if (expected === 0) {
          assert.equal(stderr, '');
        }
      });
    }
  });
}

describe('several copies of the package', () => {
  it('live in one process and measure the same', async () => {
    const { code, stdout, stderr } = await runScript(`
      const path = require('node:path');
      const first = require('heapwise');
      const root = path.dirname(require.resolve('heapwise/package.json'));
      for (const key of Object.keys(require.cache)) delete require.cache[key];
      const second = require('heapwise');
      if (first === second || first.Cache === second.Cache) throw new Error('one copy only');
      const seen = [];
      for (const { EventLoopMonitor } of [first, second]) {
        const monitor = new EventLoopMonitor({ blockedThreshold: 30 }).start();
        monitor.on('blocked', ({ duration }) => seen.push(duration));
      }
      setTimeout(() => { const end = performance.now() + 50; while (performance.now() < end); }, 10);
      setTimeout(() => console.log(JSON.stringify(seen)), 150);`);
    assert.equal(code, 0, stderr);
    const seen = JSON.parse(stdout);
    assert.equal(seen.length, 2);
    assert.ok(seen.every((duration) => duration >= 49.9));
  });
});
