'use strict';

/** A TieredCache in front of a real Redis, that is killed, stopped, and lied to. */

const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { join } = require('node:path');
const { after, before, beforeEach, describe, it } = require('node:test');
const { createClient } = require('@keyv/redis');
const { runScript } = require('../run-script.js');
const { proxyTo } = require('./proxy.js');
const { redis, serverOf } = require('./servers.js');
const { WAYS, tieredOn } = require('./tiered-ways.js');

const { missing, start } = serverOf(redis);

/** Fulfilled at an event with these details; the test's own time-out ends the wait. */
async function until(emitter, event, wanted) {
  for (;;) {
    const [what] = await once(emitter, event);
    if (what === wanted) {
      return;
    }
  }
}

/** A tiered cache in a process of its own. */
function processOf(t, way, url, options) {
  const child = fork(join(__dirname, 'tiered-process.js'), [JSON.stringify({ way, url, options })], {
    execArgv: [],
  });
  t.after(() => child.kill('SIGKILL'));
  let id = 0;
  const answers = new Map();
  const events = [];
  child.on('message', ({ id: of, answer, event, what }) => {
    if (event === undefined) {
      answers.get(of)(answer);
    } else {
      events.push([event, what]);
      child.emit(event, what);
    }
  });
  const call = (method, ...args) =>
    new Promise((resolve, reject) => {
      answers.set(++id, resolve);
      child.once('exit', () => reject(new Error('the process has ended')));
      child.send({ id, method, args });
    });
  return { child, call, events };
}

describe('a tiered cache on Redis', { skip: missing ?? false, timeout: 120_000 }, () => {
  let server;
  let url;
  let admin;

  before(async () => {
    server = await start();
    const { host, port } = server.connection;
    url = `redis://${host}:${port}`;
    admin = createClient({ url, socket: { reconnectStrategy: 20 } }).on('error', () => {});
    await admin.connect();
  });

  after(async () => {
    admin?.destroy();
    await server?.close();
  });

  for (const way of Object.keys(WAYS)) {
    describe(way, () => {
      beforeEach(() => admin.flushAll());

      /** What a key is called in Redis. */
      const nameOf = async (key) => (await admin.keys('*')).find((name) => name.endsWith(key));

      /** A cache that is up, and is closed with its connection at the end of the test. */
      const tiered = async (t, options) => {
        const made = tieredOn(way, options?.url ?? url, options?.options);
        t.after(async () => {
          await made.cache.close();
          await made.far.disconnect().catch(() => {});
        });
        await made.cache.ready();
        return made;
      };

      it('what one sets with a time is there for the other with what is left of it', async (t) => {
        const [a, b] = [await tiered(t), await tiered(t)];
        const since = Date.now();
        assert.equal(await a.cache.set('key', { a: 1 }, { ttl: 60_000 }), true);
        const key = await nameOf('key');
        const left = await admin.pTTL(key);
        assert.ok(left > 0 && left <= 60_000, `${left}`);
        const given = t.mock.method(b.near, 'set');
        assert.deepEqual(await b.cache.get('key'), { a: 1 });
        const { ttl } = given.mock.calls[0].arguments[2];
        const expires = Date.now() + ttl;
        assert.ok(ttl <= 60_000 && expires >= since + 60_000 && expires <= Date.now() + 60_000, `${ttl}`);
        assert.equal(await a.cache.set('for ever', 1), true);
        const other = await nameOf('for ever');
        assert.equal(await admin.pTTL(other), -1);
      });

      it('a process drops what another one sets, deletes or clears', async (t) => {
        const { cache, near } = await tiered(t);
        const other = processOf(t, way, url, { invalidation: { channel: `test:${way}` } });
        await other.call('ready');
        for (const [change, expected] of [
          [['set', 'key', 1], 1],
          [['set', 'key', 2], 2],
          [['delete', 'key'], undefined],
          [['set', 'key', 3], 3],
          [['clear'], undefined],
        ]) {
          near.set('key', 'stale');
          const gone = new Promise((resolve) => {
            for (const name of ['delete', 'clear']) {
              const method = near[name];
              t.mock.method(near, name, (...args) => {
                const answer = method.apply(near, args);
                resolve();
                return answer;
              });
            }
          });
          await other.call(...change);
          await gone;
          assert.deepEqual(await cache.get('key'), expected, change.join(' '));
          t.mock.restoreAll();
        }
      });

      it('what is corrupt there is loaded anew, and put right', async (t) => {
        const { cache, near } = await tiered(t);
        await cache.set('key', 'right');
        const key = await nameOf('key');
        for (const text of ['{', 'not JSON', '5', 'null', '\u0000\u00ff']) {
          near.clear();
          await admin.set(key, text);
          assert.equal(await cache.getOrLoad('key', () => text.length), text.length);
          while (cache.stats().far.writing > 0) {
            await new Promise(setImmediate);
          }
          assert.match(await admin.get(key), /"value":/);
        }
        assert.equal(cache.stats().far.state, 'closed');
      });

      it('killed in the middle of traffic it fails nobody, and is put right when it is back', async (t) => {
        const [a, b] = [await tiered(t), await tiered(t)];
        await a.cache.set('kept', 'old');
        assert.equal(await b.cache.get('kept'), 'old');
        const open = until(a.cache, 'state', 'open');
        const going = new AbortController();
        let answered = 0;
        const traffic = Array.from({ length: 20 }, async (_, i) => {
          for (let n = 0; !going.signal.aborted; n++) {
            const key = `traffic ${i} ${n % 10}`;
            const value = await a.cache.getOrLoad(key, () => 'loaded', { ttl: 60_000 });
            assert.ok(['loaded', 'set'].includes(value), value);
            await (n % 3 === 0 ? a.cache.delete(key) : a.cache.set(key, 'set'));
            answered++;
            // Others have their turn: with the near tier alone nothing here waits.
            await new Promise(setImmediate);
          }
        });
        await server.stop({ crash: true });
        await open;
        const answeredThen = answered;
        assert.equal(await a.cache.set('kept', 'new'), false);
        assert.equal(await a.cache.getOrLoad('while away', () => 5), 5);
        assert.equal(await a.cache.get('kept'), 'new');
        assert.ok(a.cache.stats().far.kept > 0);
        const [up, closed] = [until(b.cache, 'subscription', true), until(a.cache, 'state', 'closed')];
        await server.start();
        await Promise.all([up, closed]);
        going.abort();
        await Promise.all(traffic);
        assert.ok(answered > answeredThen);
        while (a.cache.stats().far.kept > 0) {
          await new Promise(setImmediate);
        }
        assert.equal(b.near.has('kept'), false);
        // It was on the disk of the server, and is not true any more.
        assert.equal(await b.cache.getOrLoad('kept', () => 'loaded'), 'loaded');
      });

      it('standing still it costs a time-out until it is left alone, and is asked again when it goes on', async (t) => {
        const { cache, near } = await tiered(t, {
          options: { timeout: 50, breaker: { cooldown: 50, failures: 3 } },
        });
        await cache.set('key', 'old');
        const open = until(cache, 'state', 'open');
        server.pause();
        for (let i = 0; cache.stats().far.state !== 'open'; i++) {
          assert.equal(await cache.getOrLoad(`slow ${i}`, () => i), i);
        }
        await open;
        assert.ok(cache.stats().far.timeouts >= 3);
        assert.equal(await cache.set('key', 'new'), false);
        assert.equal(await cache.get('key'), 'new');
        const closed = until(cache, 'state', 'closed');
        server.resume();
        await closed;
        while (cache.stats().far.kept > 0) {
          await new Promise(setImmediate);
        }
        near.clear();
        assert.equal(await cache.get('key'), undefined, 'not the old one');
        assert.equal(await cache.set('key', 'newest'), true);
      });

      it('after a subscription that was cut, nothing is served that was missed', async (t) => {
        const [a, b] = [await tiered(t), await tiered(t)];
        await a.cache.set('key', 1);
        assert.equal(await b.cache.get('key'), 1);
        const up = until(b.cache, 'subscription', true);
        await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
        // Not over the cache: its message is what is missed.
        const key = await nameOf('key');
        await admin.set(key, JSON.stringify({ value: 2 }));
        await up;
        assert.equal(await b.cache.get('key'), 2);
        assert.equal(b.cache.stats().invalidation.resets, 2);
      });

      it('a subscription that goes dead without a word is noticed, and made anew', async (t) => {
        const { host, port } = server.connection;
        const proxy = await proxyTo(port);
        t.after(() => proxy.close());
        const { cache } = await tiered(t, {
          url: `redis://${host}:${proxy.port}`,
          options: { timeout: 50, invalidation: { channel: `test:${way}`, heartbeat: 50 } },
        });
        const [down, up] = [until(cache, 'subscription', false), until(cache, 'subscription', true)];
        proxy.mute();
        await down;
        await up;
        assert.equal(cache.stats().invalidation.state, 'up');
      });
    });
  }

  // Nobody listens on port 1. The client of @keyv/redis would try again for ever, and keep its process alive by itself.
  const AWAY = 'redis://127.0.0.1:1';
  for (const [what, way, target] of [
    ['is there', 'Keyv 5 on @keyv/redis', undefined],
    ['is there', 'Keyv 5 on @keyv/valkey', undefined],
    ['is away', 'Keyv 5 on @keyv/redis', { url: AWAY, socket: { reconnectStrategy: false } }],
    ['is away', 'Keyv 5 on @keyv/valkey', AWAY],
  ]) {
    it(`a process that leaves a tiered cache open ends if its store ${what}: ${way}`, async () => {
      const { code, signal, stderr } = await runScript(
        `
        const { tieredOn } = require(${JSON.stringify(join(__dirname, 'tiered-ways.js'))});
        const { cache, far } = tieredOn(${JSON.stringify(way)}, ${JSON.stringify(target ?? url)});
        (async () => {
          await cache.set('key', 1);
          ${target === undefined ? 'await cache.ready();' : ''}
          // The store's own connection is its owner's affair; that of the subscription is not.
          await far.disconnect();
        })();`,
        { timeout: 20_000 },
      );
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr);
    });
  }
});
