'use strict';

/**
 * What a request does with a package, whose version decides whether that leaks. Each takes `load`, which has the version
 * of this run, and returns what a request does; `i` counts requests.
 */

const { EventEmitter } = require('node:events');

const settled = () => Promise.resolve(1);

module.exports = {
  async debug({ load }) {
    const debug = await load('debug');
    return (i) => {
      debug(`request:${i}`);
    };
  },

  async 'component-emitter'({ load }) {
    const Emitter = await load('component-emitter');
    const emitter = new Emitter();
    const listener = () => {};
    return (i) => {
      emitter.on(`reply:${i}`, listener);
      emitter.off(`reply:${i}`, listener);
    };
  },

  async mem({ load }) {
    const mem = await load('mem');
    const price = mem((name) => ({ name }), { maxAge: 1 });
    return (i) => {
      price(`product ${i}`);
    };
  },

  async 'p-timeout'({ load }) {
    const pTimeout = await load('p-timeout');
    const { signal } = new AbortController();
    return () => pTimeout(settled(), { milliseconds: 1000, signal });
  },

  async 'p-map'({ load }) {
    const pMap = await load('p-map');
    const { signal } = new AbortController();
    return () => pMap([1, 2, 3], async (value) => value + 1, { signal });
  },

  async 'p-retry'({ load }) {
    const pRetry = await load('p-retry');
    const { signal } = new AbortController();
    return () => pRetry(settled, { signal });
  },

  async sessions({ load, leaky }) {
    const session = await load('express-session', 'leaky');
    const Bounded = leaky ? undefined : (await load('memorystore'))(session);
    const store = leaky ? new session.MemoryStore() : new Bounded({ max: 500 });
    return (i) => {
      const expires = new Date(Date.now() + 86_400_000);
      store.set(`session ${i}`, { cookie: { expires }, user: i }, () => {});
    };
  },

  async context({ load, leaky }) {
    if (!leaky) {
      const { AsyncLocalStorage } = require('node:async_hooks');
      const storage = new AsyncLocalStorage();
      return (i) => storage.run({ user: Promise.resolve(i) }, settled);
    }
    const namespace = (await load('cls-hooked')).createNamespace('shop');
    return (i) =>
      new Promise((resolve) => {
        namespace.run(() => {
          namespace.set('user', Promise.resolve(i));
          resolve(settled());
        });
      });
  },

  async metrics({ load, leaky }) {
    const { Counter } = await load('prom-client', 'leaky');
    const requests = new Counter({ name: 'requests', help: 'requests', labelNames: ['route'] });
    return (i) => {
      requests.inc({ route: leaky ? `/users/${i}` : `/users/${i % 50}` });
    };
  },

  async reload({ local, leaky }) {
    const name = leaky ? 'graceful-fs-leaky' : 'ms-fixed';
    const path = local.resolve(name);
    return (i) => {
      // Rarely: a request that loads a module is slow.
      if (i % 10 === 0) {
        delete require.cache[path];
        require(path);
        module.children.length = 0;
      }
    };
  },

  async watch({ load, leaky }) {
    const { mkdirSync, mkdtempSync, rmSync } = require('node:fs');
    const { tmpdir } = require('node:os');
    const { join } = require('node:path');
    const chokidar = await load('chokidar', 'leaky');
    const root = mkdtempSync(join(tmpdir(), 'heapwise-watch-'));
    process.on('exit', () => rmSync(root, { recursive: true, force: true }));
    const watcher = new chokidar.FSWatcher({ persistent: false, ignoreInitial: true });
    let folder = root;
    return (i) => {
      // Seldom: with each folder the package checks all that it was ever told to forget.
      if (i % 50 !== 0) {
        return;
      }
      // The upload before is finished when the next one begins.
      watcher.unwatch(folder);
      folder = join(root, `upload ${leaky ? i : i % 200}`);
      mkdirSync(folder, { recursive: true });
      watcher.add(folder);
    };
  },

  async 'lru-cache that fills'({ load }) {
    const { LRUCache } = await load('lru-cache', 'fixed');
    const cache = new LRUCache({ max: 4000 });
    return (i) => {
      cache.set(`page ${i}`, { body: `page ${i}`.repeat(20), hits: 0 });
    };
  },

  events: async () => {
    const bus = new EventEmitter();
    return (i) => {
      const listener = () => i;
      bus.on('order', listener);
      bus.emit('order', i);
      bus.off('order', listener);
    };
  },
};
