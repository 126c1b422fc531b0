import { describe, expect, test } from 'tstyche';
import {
  SharedCache,
  type SharedCacheRestoreInfo,
  type SharedCacheSaveInfo,
  type SharedCacheScan,
  type SharedCacheStats,
} from '../..';

const cache = new SharedCache({ maxBytes: 1 << 20 });

describe('wrong use is refused', () => {
  test('no budget, or options that do not exist', () => {
    expect(SharedCache).type.not.toBeConstructableWith();
    expect(SharedCache).type.not.toBeConstructableWith({});
    expect(new SharedCache({ maxBytes: 1, maxByte: 1 })).type.toRaiseError('does not exist in type');
    expect(SharedCache).type.not.toBeConstructableWith({ maxBytes: '1' });
    expect(SharedCache).type.not.toBeConstructableWith({ maxBytes: 1, policy: 'fifo' });
    expect(SharedCache).type.not.toBeConstructableWith({ maxBytes: 1, codec: 'xml' });
    expect(SharedCache).type.not.toBeConstructableWith({ maxBytes: 1, codec: { encode: String } });
    expect(SharedCache).type.not.toBeConstructableWith({ maxBytes: 1, compression: 'gzip' });
    expect(SharedCache).type.not.toBeConstructableWith({ maxBytes: 1, compression: { threshold: 5 } });
    expect(SharedCache).type.not.toBeConstructableWith({ maxBytes: 1, compression: true });
  });

  test('keys that are neither strings nor bytes', () => {
    expect(cache.get).type.not.toBeCallableWith(5);
    expect(cache.set).type.not.toBeCallableWith(Symbol('key'), 'value');
    expect(cache.set).type.not.toBeCallableWith('key', 'value', 1000);
    expect(cache.getInto).type.not.toBeCallableWith('key', new Float64Array(5));
    expect(cache.getAsync).type.not.toBeCallableWith(5);
    expect(cache.setAsync).type.not.toBeCallableWith('key', 'value', 1000);
  });
});

test('files have a path, and options that exist', () => {
  expect(cache.save).type.not.toBeCallableWith();
  expect(cache.save).type.not.toBeCallableWith(5);
  expect(cache.save).type.not.toBeCallableWith('path', { maxExtraBytes: '1' });
  expect(SharedCache.open).type.not.toBeCallableWith('path');
  expect(SharedCache.open).type.not.toBeCallableWith('path', {});
  expect(SharedCache.open).type.not.toBeCallableWith('path', { maxBytes: 1, ifMissing: 'create' });
  expect(cache.save(new URL('file:///path'), { maxExtraBytes: 5 })).type.toBe<Promise<SharedCacheSaveInfo>>();
  expect(SharedCache.open<string>('path', { maxBytes: 1, ifMissing: 'empty' })).type.toBe<
    Promise<SharedCache<string>>
  >();
  expect(cache.restored).type.toBe<SharedCacheRestoreInfo | undefined>();
});

test('values have the type that the cache was made for', () => {
  const users = new SharedCache<{ id: number }>({ maxBytes: 1 << 20, codec: 'json' });
  expect(users.get('key')).type.toBe<{ id: number } | undefined>();
  expect(users.set).type.not.toBeCallableWith('key', { name: 'Ann' });
  expect(users.getBuffer('key')).type.toBe<Buffer | undefined>();
  expect(users.getInto(Buffer.from('key'), Buffer.alloc(5))).type.toBe<number | undefined>();
  expect(users.getAsync('key')).type.toBe<Promise<{ id: number } | undefined>>();
  expect(users.setAsync('key', { id: 5 }, { ttl: 5 })).type.toBe<Promise<void>>();
  expect(users.setAsync).type.not.toBeCallableWith('key', { name: 'Ann' });
  expect(users.has('key')).type.toBe<boolean>();
  expect(users.stats()).type.toBe<SharedCacheStats>();
});

test('a codec of one type makes a cache of that type', () => {
  const codec = { encode: (date: Date) => date.toJSON(), decode: (stored: string) => new Date(stored) };
  const dates = new SharedCache({ maxBytes: 1 << 20, codec });
  expect(dates.get('key')).type.toBe<Date | undefined>();
});

test('what is loaded has the type of the cache, and the key that of the call', async () => {
  const users = new SharedCache<{ id: number }>({ maxBytes: 1 << 20, codec: 'json' });
  expect(users.getOrLoad('key', () => ({ id: 1 }))).type.toBe<Promise<{ id: number }>>();
  void users.getOrLoad('key', async (key, { signal }) => {
    expect<string>().type.toBeAssignableFrom(key);
    expect(signal).type.toBe<AbortSignal>();
    return { id: 1 };
  });
  expect(users.getOrLoad(Buffer.from('key'), (key: Buffer) => ({ id: key.length }))).type.toBe<
    Promise<{ id: number }>
  >();
  expect(users.getOrLoad).type.not.toBeCallableWith('key', () => 5);
  expect(users.getOrLoad).type.not.toBeCallableWith('key', () => ({ id: 1 }), { size: 5 });
  expect(users.getOrLoad).type.not.toBeCallableWith('key', () => ({ id: 1 }), { earlyRefresh: 1 });
  expect(users.getOrLoad).type.toBeCallableWith('key', () => ({ id: 1 }), { staleIfError: 5, tags: ['a'] });
  expect(users.getOrLoad).type.not.toBeCallableWith(5, () => ({ id: 1 }));
});

test('tags are strings', () => {
  cache.set('key', 'value', { tags: ['a'] as const, ttl: 5 });
  expect(cache.set).type.not.toBeCallableWith('key', 'value', { tags: 'a' });
  expect(cache.set).type.not.toBeCallableWith('key', 'value', { tags: [5] });
  expect(cache.invalidateTag('a')).type.toBe<boolean>();
  expect(cache.invalidateTag).type.not.toBeCallableWith(['a']);
});

test('keys are strings or Buffers, and Buffers only where that is asked for', () => {
  expect(cache.keys({ prefix: Buffer.from('a') })).type.toBe<IterableIterator<string | Buffer>>();
  expect(cache.keys({ buffers: true })).type.toBe<IterableIterator<Buffer>>();
  expect(cache.scan(5, { count: 10 })).type.toBe<SharedCacheScan>();
  expect(cache.scan(undefined, { buffers: true }).keys).type.toBe<Buffer[]>();
  expect(cache.scan().cursor).type.toBe<number | undefined>();
  expect(cache.deletePrefix('a')).type.toBe<Promise<number>>();
  expect(cache.keys).type.not.toBeCallableWith({ prefix: 5 });
  expect(cache.keys).type.not.toBeCallableWith({ count: 5 });
  const users = new SharedCache<{ id: number }>({ maxBytes: 1 << 20, codec: 'json' });
  expect(users.values()).type.toBe<IterableIterator<{ id: number }>>();
  expect([...users]).type.toBe<[string | Buffer, { id: number }][]>();
  expect(users.entries({ buffers: true })).type.toBe<IterableIterator<[Buffer, { id: number }]>>();
  expect(users.peek('a')).type.toBe<{ id: number } | undefined>();
});

test('compression is an algorithm, or one with settings', () => {
  expect(SharedCache).type.toBeConstructableWith({ maxBytes: 1, compression: 'lz4' });
  expect(SharedCache).type.toBeConstructableWith({
    maxBytes: 1,
    compression: { algorithm: 'zstd', level: 6 },
  });
  expect(SharedCache).type.toBeConstructableWith({
    maxBytes: 1,
    compression: { algorithm: 'lz4', threshold: 1 },
  });
  expect(cache.stats().compressionRatio).type.toBe<number>();
});
