import { Keyv } from 'keyv';
import { Keyv as Keyv6 } from 'keyv6';
import { describe, expect, test } from 'tstyche';
import { SharedCache } from '../..';
import { KeyvSharedCache, type KeyvSharedCacheEntry } from '../../keyv.js';

const cache = new SharedCache({ maxBytes: 1 << 20 });
const store = new KeyvSharedCache(cache);

describe('wrong use is refused', () => {
  test('no cache, or a Keyv of another time', () => {
    expect(KeyvSharedCache).type.not.toBeConstructableWith();
    expect(KeyvSharedCache).type.not.toBeConstructableWith({ max: 5 });
    expect(KeyvSharedCache).type.not.toBeConstructableWith(cache, { keyv: 4 });
    expect(KeyvSharedCache).type.not.toBeConstructableWith(cache, { name: 'mine' });
  });

  test('keys that are no strings', () => {
    expect(store.get).type.not.toBeCallableWith(5);
    expect(store.setMany).type.not.toBeCallableWith([{ key: 5, value: 1 }]);
  });
});

test('both Keyvs take it as a store', () => {
  expect(Keyv).type.toBeConstructableWith({ store, namespace: 'five' });
  expect(Keyv6).type.toBeConstructableWith({ store: new KeyvSharedCache(cache, { keyv: 6 }) });
  expect(Keyv6).type.toBeConstructableWith(store);
});

test('its methods answer as those of Keyv do', () => {
  const entries: KeyvSharedCacheEntry[] = [{ key: 'a', value: 'b', ttl: 1000 }];
  expect(store.setMany(entries)).type.toBe<Promise<boolean[]>>();
  expect(store.deleteMany(['a'])).type.toBe<Promise<boolean | boolean[]>>();
  expect(store.hasMany(['a'])).type.toBe<Promise<boolean[]>>();
  expect(store.iterator('namespace')).type.toBe<AsyncGenerator<[string, any], void>>();
  expect(store.namespace).type.toBe<string | undefined>();
  expect(store.cache).type.toBe<SharedCache>();
});
