import KeyvRedis from '@keyv/redis';
import { Keyv } from 'keyv';
import { Keyv as Keyv6 } from 'keyv6';
import { describe, expect, test } from 'tstyche';
import { Cache, type InvalidationBus, SharedCache, TieredCache, type TieredCacheStats } from '../..';
import { KeyvSharedCache } from '../../keyv.js';

interface User {
  name: string;
}

const near = new Cache<string, User>({ max: 10 });
const far = new Keyv();
const cache = new TieredCache({ near, far });

describe('wrong use is refused', () => {
  test('tiers that are none, and options that do not exist', () => {
    expect(TieredCache).type.not.toBeConstructableWith();
    expect(TieredCache).type.not.toBeConstructableWith({ near });
    expect(TieredCache).type.not.toBeConstructableWith({ near: far, far });
    expect(TieredCache).type.not.toBeConstructableWith({ near, far: 'redis://localhost' });
    expect(TieredCache).type.not.toBeConstructableWith({ near, far, breaker: { failure: 5 } });
    expect(TieredCache).type.not.toBeConstructableWith({ near, far, invalidation: true });
  });

  test('keys that are no strings, and values of another type', () => {
    expect(cache.get).type.not.toBeCallableWith(5);
    expect(cache.set).type.not.toBeCallableWith('key', { id: 5 });
    expect(cache.set).type.not.toBeCallableWith('key', { name: 'Ada' }, 1000);
    expect(cache.getOrLoad).type.not.toBeCallableWith('key', () => 5);
    expect(cache.getOrLoad).type.not.toBeCallableWith('key', () => ({ name: 'Ada' }), { tags: [] });
  });
});

test('values have the type of the near tier', () => {
  expect(cache.get('key')).type.toBe<Promise<User | undefined>>();
  expect(cache.getMany(['key'])).type.toBe<Promise<(User | undefined)[]>>();
  expect(cache.getOrLoad('key', async (key) => ({ name: key }))).type.toBe<Promise<User>>();
  expect(cache.set('key', { name: 'Ada' }, { ttl: 1000 })).type.toBe<Promise<boolean>>();
  expect(cache.stats()).type.toBe<TieredCacheStats>();
  expect(cache.close()).type.toBe<Promise<void>>();
});

test('any Keyv and any of its adapters may be the far tier', () => {
  const shared = new SharedCache({ maxBytes: 1 << 20 });
  expect(TieredCache).type.toBeConstructableWith({ near: shared, far: new Keyv6() });
  expect(TieredCache).type.toBeConstructableWith({ near, far: new KeyvRedis('redis://localhost') });
  expect(TieredCache).type.toBeConstructableWith({ near, far: new KeyvSharedCache(shared) });
});

test('a bus of one own, or none', () => {
  const bus: InvalidationBus = {
    publish: async () => {},
    subscribe: () => ({ ready: Promise.resolve(), close() {} }),
  };
  expect(TieredCache).type.toBeConstructableWith({ near, far, invalidation: { bus, heartbeat: 1000 } });
  expect(TieredCache).type.toBeConstructableWith({ near, far, invalidation: false });
});

test('events tell what has happened', () => {
  cache.on('state', (state) => expect(state).type.toBe<'closed' | 'open' | 'half-open'>());
  cache.on('subscription', (up) => expect(up).type.toBe<boolean>());
  cache.on('failure', (reason, operation) => {
    expect(reason).type.toBe<unknown>();
    expect(operation).type.toBe<string>();
  });
});
