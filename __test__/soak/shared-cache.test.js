// node-flags: --expose-gc
'use strict';

/**
 * A shared cache under four threads that use it in all ways at once, others that are terminated in the middle of a call,
 * and a main thread that opens and forgets it. Not part of `npm test`: ten minutes.
 */

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { setTimeout: delay } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { SharedCache } = require('../..');

const STRESS = require.resolve('../shared-cache-stress.js');
const POLICIES = ['lru', 's3fifo', 'sieve'];
const TIME = 600_000 / POLICIES.length;
const maxBytes = 32 << 20;
/** Memory of the process that may be left after each of many threads and caches, beside what was there before. */
const TOLERANCE = 64 << 20;

describe('a shared cache', () => {
  for (const policy of POLICIES) {
    it(`with ${policy} stays whole, within its budget, and leaves nothing behind`, async () => {
      const rss = process.memoryUsage.rss();
      const options = { name: `soak ${policy}`, maxBytes, policy };
      const cache = new SharedCache(options);
      const workers = [1, 2, 3, 4].map(
        (seed) => new Worker(STRESS, { workerData: { options, seed, time: TIME } }),
      );
      const results = Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]));
      const end = performance.now() + TIME;
      for (let seed = 5; performance.now() < end; seed++) {
        const worker = new Worker(STRESS, { workerData: { options, seed, time: TIME } });
        await once(worker, 'online');
        await delay(200);
        await worker.terminate();
        // Forgotten, not closed.
        new SharedCache(options).set('main', 'value');
        global.gc();
        assert.ok(cache.stats().bytes <= maxBytes);
      }
      assert.ok((await results).every((hits) => hits > 10_000));
      cache.close();
      await delay(1000);
      global.gc();
      const grown = process.memoryUsage.rss() - rss;
      assert.ok(grown < TOLERANCE, `${grown} bytes are left`);
    });
  }
});
