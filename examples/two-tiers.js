'use strict';

/**
 * Two processes, so to speak, with a cache each in front of one store: what a miss costs, who loads for whom, how one
 * hears of what the other changes, and what happens while the store is away.
 *
 * The store is a Redis if REDIS_URL says where, otherwise a Keyv in memory.
 */

const { EventEmitter } = require('node:events');
const { setTimeout: wait } = require('node:timers/promises');
const { default: KeyvRedis } = require('@keyv/redis');
const { Cache, TieredCache } = require('heapwise');
const { Keyv } = require('keyv');

/** What the database takes, so to speak. Milliseconds. */
const WORK = 100;
const { REDIS_URL } = process.env;

const memory = new Map();
let isAway = false;

/** A store in memory that can be away. A Redis can be by itself: stop it while this runs. */
function storeInMemory() {
  const store = new Keyv({ store: memory });
  for (const method of ['getRaw', 'set', 'delete']) {
    const call = store[method].bind(store);
    store[method] = async (...args) => {
      if (isAway) {
        throw new Error('the store is away');
      }
      return call(...args);
    };
  }
  return store;
}

/** What Redis does with publish and subscribe: any other way to reach all processes would do. */
const channel = new EventEmitter();
const bus = {
  publish: async (message) => channel.emit('message', message),
  subscribe(onMessage) {
    channel.on('message', onMessage);
    return { ready: Promise.resolve(), close: () => channel.off('message', onMessage) };
  },
};

function cacheOfProcess(name) {
  const cache = new TieredCache({
    near: new Cache({ max: 1000 }),
    far: REDIS_URL ? new Keyv({ store: new KeyvRedis(REDIS_URL), namespace: 'two-tiers' }) : storeInMemory(),
    ttl: 60_000,
    breaker: { cooldown: 200 },
    ...(REDIS_URL ? {} : { invalidation: { bus } }),
  });
  cache.on('state', (state) => console.log(`  (${name}: the breaker is ${state})`));
  return cache;
}

async function loadUser(id) {
  await wait(WORK);
  return { id, name: 'Ada' };
}

async function timed(what, action) {
  const start = performance.now();
  const value = await action();
  const took = (performance.now() - start).toFixed(1).padStart(6);
  console.log(`${what.padEnd(42)} ${took} ms  ${JSON.stringify(value)}`);
}

async function main() {
  const [a, b] = [cacheOfProcess('A'), cacheOfProcess('B')];
  // Opens the store's connections: waiting for ready() alone would not keep this process alive.
  await Promise.all([a.clear(), b.clear()]);
  await Promise.all([a.ready(), b.ready()]);

  await timed('A loads once for a hundred', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => a.getOrLoad('5', loadUser)));
    return all[0];
  });
  await timed('A has it in its near tier', () => a.getOrLoad('5', loadUser));
  await timed('B finds it in the far tier', () => b.getOrLoad('5', loadUser));
  await timed('A changes it', () => a.set('5', { id: '5', name: 'Ada Lovelace' }));
  await wait(10);
  await timed('B has heard of it', () => b.getOrLoad('5', loadUser));

  if (!REDIS_URL) {
    isAway = true;
    for (const id of ['6', '7', '8', '9', '10', '11']) {
      await timed(`the store is away: A loads ${id}`, () => a.getOrLoad(id, loadUser));
    }
    await timed('A changes what the store cannot be told', () => a.set('5', { id: '5', name: 'Countess' }));
    isAway = false;
    while (a.stats().far.kept > 0) {
      await wait(20);
    }
    console.log('the store is back: what it had wrong is removed, and B told');
    await timed('B loads it anew', () => b.getOrLoad('5', loadUser));
  }

  const { hits, misses, loads, far, invalidation } = a.stats();
  console.log(`A: ${JSON.stringify({ hits, misses, loads, far, invalidation })}`);
  await Promise.all([a.close(), b.close()]);
  // The connections of the stores are ours, not the caches'.
  process.exit();
}

main();
