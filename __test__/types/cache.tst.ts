import { describe, expect, test } from 'tstyche';
import {
  Cache,
  type CacheCurvePoint,
  type CacheDump,
  type CacheLoadOptions,
  type CachePolicy,
  type CacheOptions,
  type CacheStats,
  type EvictReason,
} from '../..';

interface User {
  id: number;
  name: string;
}
const users = new Cache<number, User>({ max: 100 });
declare const user: User;

describe('wrong use is refused', () => {
  test('no bound', () => {
    expect(Cache).type.not.toBeConstructableWith();
    expect(new Cache({})).type.toRaiseError('is not assignable to');
    expect(new Cache({ ttl: 5 })).type.toRaiseError('is not assignable to');
    expect(new Cache({ max: undefined })).type.toRaiseError('is not assignable to');
  });

  test('a misspelt option', () => {
    expect(new Cache({ max: 5, tll: 5 })).type.toRaiseError("'tll' does not exist in type");
    expect(users.set(1, user, { tll: 5 })).type.toRaiseError("'tll' does not exist in type");
    expect(users.getOrLoad(1, () => user, { maxAge: 5 })).type.toRaiseError(
      "'maxAge' does not exist in type",
    );
  });

  test('an option of the wrong type', () => {
    expect(new Cache({ max: '5' })).type.toRaiseError("'string' is not assignable to type");
    expect(new Cache({ max: 5, policy: 'fifo' })).type.toRaiseError('"fifo"');
    expect(new Cache({ max: 5, now: new Date() })).type.toRaiseError("'Date' is not assignable to type");
    expect(users.set(1, user, { ttl: '1m' })).type.toRaiseError(
      "'string' is not assignable to type 'number'",
    );
  });

  test('keys and values of other types', () => {
    expect(users.get).type.not.toBeCallableWith('1');
    expect(users.set).type.not.toBeCallableWith(1, 'Ada');
    expect(users.getOrLoad).type.not.toBeCallableWith(1, () => 'Ada');
    expect(users.load).type.not.toBeCallableWith([['1', user, { ttl: 0, size: 0 }]]);
  });

  test('writing to the size', () => {
    expect((users.size = 5)).type.toRaiseError('read-only property');
  });
});

test('either bound will do, or both', () => {
  expect(Cache).type.toBeConstructableWith({ max: 5 });
  expect(Cache).type.toBeConstructableWith({ maxSize: 5 });
  expect(Cache).type.toBeConstructableWith({ max: 5, maxSize: 5 });
  expect(Cache).type.toBeConstructableWith({ max: 5, maxSize: undefined });
});

test('all other options may be left out or undefined', () => {
  expect<CacheOptions<string, string>>().type.toBeAssignableFrom({
    max: 5,
    sizeOf: undefined,
    ttl: undefined,
    policy: undefined,
    onEvict: undefined,
    now: undefined,
  });
});

test('callbacks see keys and values', () => {
  const cache = new Cache<number, User>({
    maxSize: 1000,
    policy: 'lru',
    sizeOf: (value, key) => {
      expect(value).type.toBe<User>();
      expect(key).type.toBe<number>();
      return value.name.length;
    },
    onEvict: (key, value, reason) => {
      expect(key).type.toBe<number>();
      expect(value).type.toBe<User>();
      expect(reason).type.toBe<EvictReason>();
    },
  });
  expect(cache.size).type.toBe<number>();
});

test('types can come from the callbacks', () => {
  const cache = new Cache({ maxSize: 5, sizeOf: (value: string, key: number) => value.length + key });
  expect(cache).type.toBe<Cache<number, string>>();
});

test('a get may find nothing', () => {
  expect(users.get(1)).type.toBe<User | undefined>();
  expect(users.peek(1)).type.toBe<User | undefined>();
  expect(users.has(1)).type.toBe<boolean>();
  expect(users.set(1, user, { ttl: 5, size: 5 })).type.toBe<boolean>();
  expect(users.delete(1)).type.toBe<boolean>();
  expect(users.size).type.toBe<number>();
});

test('getOrLoad finds something, from a value or a promise', () => {
  expect(users.getOrLoad(1, () => user)).type.toBe<Promise<User>>();
  expect(users.getOrLoad(1, async () => user, { ttl: 5 })).type.toBe<Promise<User>>();
  users.getOrLoad(1, (id, { signal }) => {
    expect(id).type.toBe<number>();
    expect(signal).type.toBe<AbortSignal>();
    return user;
  });
});

test('a load has options that a set has not', () => {
  const options: CacheLoadOptions = {
    ttl: 5,
    size: 5,
    tags: ['a'],
    negativeTtl: 5,
    errorTtl: 5,
    staleWhileRevalidate: 5,
    staleIfError: 5,
    earlyRefresh: 1,
    timeout: 5,
    signal: AbortSignal.timeout(5),
  };
  expect(users.getOrLoad).type.toBeCallableWith(1, () => user, options);
  expect(users.set(1, user, { staleIfError: 5 })).type.toRaiseError("'staleIfError' does not exist in type");
  expect(users.getOrLoad(1, () => user, { tags: 'a' })).type.toRaiseError(
    "'string' is not assignable to type",
  );
  expect(users.invalidateTag('a')).type.toBe<boolean>();
  expect(users.invalidateTag).type.not.toBeCallableWith(5);
});

test('times can slide, be capped and scattered', () => {
  expect(Cache).type.toBeConstructableWith({ max: 5, ttl: 5, slidingTtl: true, maxTtl: 50, jitter: 0.1 });
  expect<CachePolicy>().type.toBe<'auto' | 'lru' | 's3fifo' | 'sieve'>();
});

test('it can be iterated', () => {
  for (const entry of users) {
    expect(entry).type.toBe<[number, User]>();
  }
  expect([...users.keys()]).type.toBe<number[]>();
  expect([...users.values()]).type.toBe<User[]>();
  expect(new Map(users.entries())).type.toBe<Map<number, User>>();
});

test('a dump can be loaded', () => {
  const dump = users.dump();
  expect(dump).type.toBe<CacheDump<number, User>>();
  expect(users.load).type.toBeCallableWith(dump);
  for (const [key, value, { ttl, size, tags }] of dump) {
    expect(key).type.toBe<number>();
    expect(value).type.toBe<User>();
    expect(ttl).type.toBe<number>();
    expect(size).type.toBe<number | null>();
    expect(tags).type.toBe<string[] | undefined>();
  }
});

test('stats are numbers, and a curve', () => {
  expect(users.stats()).type.toBe<CacheStats>();
  expect<CacheStats[keyof CacheStats]>().type.toBe<number | CacheCurvePoint[]>();
});

test('it can be used with using', () => {
  using cache = new Cache<string, string>({ max: 5 });
  expect(cache).type.toBeAssignableTo<Disposable>();
});
