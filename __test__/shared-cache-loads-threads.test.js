// node-flags: --expose-gc

'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const { SharedCache } = require('..');
const { collected, deferred, nextTurn } = require('./helper.js');
const { runScript } = require('./run-script.js');

const WORKER = require.resolve('./shared-cache-loads-worker.js');
const HEAPWISE = JSON.stringify(require.resolve('..'));
const LOAD = 'ERR_HEAPWISE_SHARED_CACHE_LOAD';
const maxBytes = 8 << 20;
let opened = 0;

const never = () => assert.fail('it need not be loaded');

/** A thread with the same cache, that can be told to load and asked what has come of it. */
class Peer {
  #worker;
  #told = [];
  #asked = [];
  #calls = 0;

  constructor(options) {
    this.#worker = new Worker(WORKER, { workerData: { options } });
    this.#worker.on('message', (message) => {
      this.#told.push(message);
      this.#asked = this.#asked.filter((look) => !look());
    });
  }

  /** Resolves with what was told of a call. */
  heard(call, what) {
    return new Promise((resolve) => {
      const look = () => {
        const found = this.#told.find((each) => each.call === call && each.what === what);
        if (found !== undefined) {
          resolve(found.value);
        }
        return found !== undefined;
      };
      if (!look()) {
        this.#asked.push(look);
      }
    });
  }

  has(call, what) {
    return this.#told.some((each) => each.call === call && each.what === what);
  }

  async do(command, message) {
    const call = message?.call ?? `call ${++this.#calls}`;
    this.#worker.postMessage({ command, ...message, call });
    await this.heard(call, command);
    return call;
  }

  /** Begins to load a key. */
  load(key, options, more) {
    return this.do('load', { key, options, ...more });
  }

  /** Ends it from outside. */
  terminate() {
    return this.#worker.terminate();
  }

  /** Ends itself. */
  async exit() {
    const exited = once(this.#worker, 'exit');
    this.#worker.postMessage({ command: 'exit', call: 'exit' });
    await exited;
  }
}

/** A cache of this thread and as many others, closed and ended with the test. */
async function peers(t, count, more) {
  const options = { name: `loads ${++opened}`, maxBytes, ...more };
  const cache = new SharedCache(options);
  const others = Array.from({ length: count }, () => new Peer(options));
  t.after(async () => {
    cache.close();
    await Promise.all(others.map((peer) => peer.terminate()));
  });
  return [cache, ...others];
}

describe('a load in another thread', () => {
  it('is waited for, and what it has stored is read', async (t) => {
    const [cache, peer, other] = await peers(t, 2);
    const call = await peer.load('key');
    await peer.heard(call, 'loading');
    const all = [cache.getOrLoad('key', never), cache.getOrLoad('key', never)];
    const second = await other.load('key');
    await peer.do('resolve', { call, value: 'value' });
    assert.deepEqual(await Promise.all(all), ['value', 'value']);
    assert.equal(await other.heard(second, 'value'), 'value');
    assert.equal(other.has(second, 'loading'), false);
    assert.equal(cache.stats().loads, 1);
  });

  it('that fails is an error with a code in all others, which they do not try again for errorTtl', async (t) => {
    const [cache, peer, other] = await peers(t, 2);
    const call = await peer.load('key', { errorTtl: 60_000 });
    await peer.heard(call, 'loading');
    const here = cache.getOrLoad('key', never);
    const there = await other.load('key');
    await peer.do('reject', { call, value: 'the database is away' });
    await assert.rejects(here, { code: LOAD, message: /the database is away/ });
    assert.equal((await other.heard(there, 'error')).code, LOAD);
    assert.equal((await peer.heard(call, 'error')).message, 'the database is away');
    await assert.rejects(cache.getOrLoad('key', never), { code: LOAD });
    cache.delete('key');
    assert.equal(await cache.getOrLoad('key', () => 'value'), 'value');
    assert.deepEqual([cache.stats().loads, cache.stats().loadErrors], [2, 1]);
  });

  it('whose value the cache does not take is done again by each thread that waits', async (t) => {
    const [cache, peer, other] = await peers(t, 2);
    const call = await peer.load('key');
    await peer.heard(call, 'loading');
    let calls = 0;
    const load = () => `here ${++calls}`;
    const here = [cache.getOrLoad('key', load), cache.getOrLoad('key', load)];
    const there = await other.load('key');
    await peer.do('resolve', { call, value: Buffer.alloc(maxBytes) });
    assert.deepEqual(await Promise.all(here), ['here 1', 'here 1']);
    await other.heard(there, 'loading');
    await other.do('resolve', { call: there, value: 'there' });
    assert.equal(await other.heard(there, 'value'), 'there');
    assert.equal(cache.has('key'), false);
    assert.equal(cache.stats().loads, 3);
  });

  it('gives way to a newer value, which those who wait get at once', async (t) => {
    const [cache, peer] = await peers(t, 1);
    const call = await peer.load('key');
    await peer.heard(call, 'loading');
    const here = cache.getOrLoad('key', never);
    cache.set('key', 'newer');
    assert.equal(await here, 'newer');
    await peer.do('resolve', { call, value: 'older' });
    assert.equal(await peer.heard(call, 'value'), 'older');
    assert.equal(cache.get('key'), 'newer');
  });

  it('is done anew after a delete or an invalidation in between', async (t) => {
    const [cache, peer] = await peers(t, 1);
    for (const change of [() => cache.delete('key'), () => cache.invalidateTag('x'), () => cache.clear()]) {
      cache.clear();
      const call = await peer.load('key', { tags: ['x'] });
      await peer.heard(call, 'loading');
      const before = cache.getOrLoad('key', () => 'newer', { tags: ['x'] });
      change();
      assert.equal(await cache.getOrLoad('key', () => 'newer', { tags: ['x'] }), 'newer');
      await peer.do('resolve', { call, value: 'older' });
      assert.equal(await peer.heard(call, 'value'), 'older');
      assert.equal(await before, 'newer');
      assert.equal(cache.get('key'), 'newer');
    }
  });

  it('is not waited for by those who are content with what is stale', async (t) => {
    const [cache, peer] = await peers(t, 1);
    const options = { ttl: 1, staleWhileRevalidate: 60_000 };
    await cache.getOrLoad('key', () => 'stale', options);
    while (cache.has('key')) {
      await nextTurn();
    }
    const call = await peer.load('key');
    await peer.heard(call, 'loading');
    assert.equal(await cache.getOrLoad('key', never, options), 'stale');
    await peer.do('resolve', { call, value: 'fresh' });
    assert.equal(await peer.heard(call, 'value'), 'fresh');
    assert.equal(await cache.getOrLoad('key', never, options), 'fresh');
  });

  it('goes on when all of its own callers have left but somebody waits in another thread', async (t) => {
    const [cache, peer] = await peers(t, 1);
    const call = await peer.load('key', { signal: true });
    await peer.heard(call, 'loading');
    const here = cache.getOrLoad('key', never);
    await peer.do('abort', { call });
    assert.equal((await peer.heard(call, 'error')).message, 'left');
    assert.equal(peer.has(call, 'aborted'), false);
    await peer.do('resolve', { call, value: 'value' });
    assert.equal(await here, 'value');
  });

  it('is aborted when the last one has left, in whichever thread he was', async (t) => {
    const [cache, peer] = await peers(t, 1);
    const call = await peer.load('key', { signal: true });
    await peer.heard(call, 'loading');
    const controller = new AbortController();
    const here = cache.getOrLoad('key', never, { signal: controller.signal });
    controller.abort(new Error('left'));
    await assert.rejects(here, /left/);
    const late = cache.getOrLoad('key', never, { timeout: 1 });
    await assert.rejects(late, { code: 'ERR_HEAPWISE_CACHE_LOAD_TIMEOUT' });
    await peer.do('abort', { call });
    await peer.heard(call, 'aborted');
    assert.equal(await cache.getOrLoad('key', () => 'value'), 'value', 'nobody loads it any more');
  });
});

describe('a shared cache that is forgotten', () => {
  it('is collected after it has waited for another thread, and not while it waits', async (t) => {
    const [cache, peer] = await peers(t, 1);
    const call = await peer.load('key');
    await peer.heard(call, 'loading');
    const [ref, here] = (() => {
      const second = new SharedCache({ name: cache.name, maxBytes });
      return [new WeakRef(second), second.getOrLoad('key', never)];
    })();
    assert.equal(await collected([ref]), false);
    await peer.do('resolve', { call, value: 'value' });
    assert.equal(await here, 'value');
    assert.equal(await collected([ref]), true);
  });
});

describe('a thread that ends', () => {
  /** How a thread can end. */
  const ENDS = {
    'that is terminated': (peer) => peer.terminate(),
    'that exits': (peer) => peer.exit(),
  };
  for (const [name, end] of Object.entries(ENDS)) {
    it(`${name} while it loads leaves its load to one of those who wait`, async (t) => {
      const [cache, leader, first, second] = await peers(t, 3);
      const led = await leader.load('key');
      await leader.heard(led, 'loading');
      const calls = [await first.load('key'), await second.load('key')];
      const here = cache.getOrLoad('key', () => 'loaded here');
      const followers = [first, second];
      await end(leader);
      // Whoever it is, one loads, and the others get that.
      const loading = followers.map((peer, index) => peer.heard(calls[index], 'loading').then(() => index));
      const who = await Promise.race([...loading, here.then(() => -1)]);
      if (who !== -1) {
        await followers[who].do('resolve', { call: calls[who], value: 'loaded there' });
      }
      const value = await here;
      assert.equal(value, who === -1 ? 'loaded here' : 'loaded there');
      assert.deepEqual(await Promise.all(followers.map((peer, index) => peer.heard(calls[index], 'value'))), [
        value,
        value,
      ]);
      assert.equal(cache.stats().loads, 2);
    });
  }

  it('that is terminated in the middle of its load function leaves its load as well', async (t) => {
    const [cache, leader] = await peers(t, 1);
    leader.load('key', undefined, { blocks: true }).catch(() => {});
    while (cache.stats().loads === 0) {
      await nextTurn();
    }
    const here = cache.getOrLoad('key', () => 'value');
    await leader.terminate();
    assert.equal(await here, 'value');
  });

  it('that closes its cache leaves its load, and gets what it has loaded', async (t) => {
    const [cache, leader] = await peers(t, 1);
    const led = await leader.load('key');
    await leader.heard(led, 'loading');
    const here = cache.getOrLoad('key', () => 'here');
    await leader.do('close');
    assert.equal(await here, 'here');
    await leader.do('resolve', { call: led, value: 'there' });
    assert.equal(await leader.heard(led, 'value'), 'there');
    assert.equal(cache.get('key'), 'here');
  });

  it('that waits is not waited for, nor told', async (t) => {
    const [cache, waiter] = await peers(t, 1);
    const { promise, resolve } = deferred();
    const controller = new AbortController();
    let signal;
    const load = (_key, context) => {
      ({ signal } = context);
      return promise;
    };
    const here = cache.getOrLoad('key', load, { signal: controller.signal });
    await waiter.load('key');
    await waiter.terminate();
    controller.abort(new Error('left'));
    await assert.rejects(here, /left/);
    assert.equal(signal.aborted, true, 'nobody else waits');
    resolve('value');
  });

  it('at any moment leaves nobody waiting', async (t) => {
    const options = { name: `ends ${++opened}`, maxBytes };
    const cache = new SharedCache(options);
    t.after(() => cache.close());
    const script = `
      const { parentPort: port } = require('node:worker_threads');
      const { SharedCache } = require(${HEAPWISE});
      const cache = new SharedCache(${JSON.stringify(options)});
      (async () => {
        for (let i = 0; ; i++) {
          await cache.getOrLoad('key ' + (i % 20), async () => {
            if (i % 3 === 0) await new Promise(setImmediate);
            return 'value ' + i;
          }, { tags: ['tag'] });
          if (i % 20 === 0) cache.invalidateTag('tag');
        }
      })();`;
    for (let round = 0; round < 8; round++) {
      // What has no tag would never be loaded again.
      cache.clear();
      const workers = [1, 2, 3].map(() => new Worker(script, { eval: true }));
      await Promise.all(workers.map((worker) => once(worker, 'online')));
      const { loads } = cache.stats();
      for (let i = 0; i < 200 || cache.stats().loads < loads + 500; i++) {
        const value = await cache.getOrLoad(`key ${i % 20}`, async () => 'value here', { tags: ['tag'] });
        assert.match(value, /^value/);
        if (i % 100 === 0) {
          await nextTurn();
        }
      }
      const left = Promise.all(
        Array.from({ length: 20 }, (_, i) => cache.getOrLoad(`key ${i}`, () => 'value here')),
      );
      await Promise.all(workers.map((worker) => worker.terminate()));
      await left;
    }
    cache.set('after', 'value');
    assert.equal(cache.get('after'), 'value');
  });
});

describe('four threads and many keys', () => {
  it('load each key exactly once, in each round, and all get the same value', async (t) => {
    const options = { name: `once ${++opened}`, maxBytes: 64 << 20 };
    const cache = new SharedCache(options);
    t.after(() => cache.close());
    const keys = 3000;
    const counts = new Int32Array(new SharedArrayBuffer(4 * keys));
    const script = `
      const { parentPort: port, workerData: { counts, seed } } = require('node:worker_threads');
      const { SharedCache } = require(${HEAPWISE});
      const cache = new SharedCache(${JSON.stringify(options)});
      port.on('message', async (round) => {
        const order = Array.from({ length: ${keys} }, (_, i) => i);
        for (let i = order.length - 1; i > 0; i--) {
          const j = Math.max(0, i - (i * 7 + seed) % 4);
          [order[i], order[j]] = [order[j], order[i]];
        }
        const load = async (key) => {
          const number = Number(key.slice(4));
          const nth = Atomics.add(counts, number, 1) + 1;
          if (number % 2 === 0) await new Promise(setImmediate);
          return 'value ' + number + ' of ' + nth;
        };
        for (let i = 0; i < order.length; i += 50) {
          const part = order.slice(i, i + 50);
          const values = await Promise.all(part.map((number) => cache.getOrLoad('key ' + number, load, { tags: ['round'] })));
          values.forEach((value, index) => {
            if (value !== 'value ' + part[index] + ' of ' + round) throw new Error(value + ' in round ' + round);
          });
        }
        port.postMessage(round);
      });
      port.postMessage('ready');`;
    const workers = [1, 2, 3, 4].map(
      (seed) => new Worker(script, { eval: true, workerData: { counts, seed } }),
    );
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    for (let round = 1; round <= 5; round++) {
      const done = workers.map((worker) => once(worker, 'message'));
      for (const worker of workers) {
        worker.postMessage(round);
      }
      await Promise.all(done);
      assert.ok(counts.every((count) => count === round));
      assert.equal(cache.stats().loads, round * keys);
      assert.equal(cache.invalidateTag('round'), true);
    }
    await Promise.all(workers.map((worker) => worker.terminate()));
  });
});

describe('a process with loads', () => {
  it('ends by itself when a load never does, and whoever waits in another thread does not end before', async () => {
    const { code, stdout, stderr } = await runScript(`
      const { SharedCache } = require('heapwise');
      const { Worker } = require('node:worker_threads');
      const options = { name: 'left', maxBytes: 1 << 20 };
      const cache = new SharedCache(options);
      cache.getOrLoad('never', () => new Promise(() => {}));
      const { promise, resolve } = Promise.withResolvers?.() ?? (() => {
        const ends = {};
        ends.promise = new Promise((resolve) => (ends.resolve = resolve));
        return ends;
      })();
      cache.getOrLoad('key', () => promise);
      // It has nothing else to do than to wait.
      const worker = new Worker(
        "const { SharedCache } = require('heapwise'); const cache = new SharedCache(" + JSON.stringify(options) + ");" +
        "cache.getOrLoad('key', () => 'not here').then((value) => console.log('got', value));" +
        "require('node:worker_threads').parentPort.postMessage('waits');",
        { eval: true },
      );
      worker.once('message', () => setTimeout(resolve, 100, 'value'));
      worker.once('exit', () => console.log('exit'));
    `);
    assert.deepEqual([code, stderr, stdout.trim().split('\n')], [0, '', ['got value', 'exit']]);
  });
});
