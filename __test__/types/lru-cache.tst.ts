import type { LRUCache as Peer } from 'lru-cache';
import { describe, expect, test } from 'tstyche';
import type * as face from '../../lib/lru-cache.js';
import { LRUCache, type Perf } from '../../lru-cache.js';
import type * as contract from '../../lru-cache.js';

const cache = new LRUCache<string, number>({ max: 5 });

describe('wrong use is refused', () => {
  test('no bound, and time alone without a word on purging', () => {
    expect(LRUCache).type.not.toBeConstructableWith();
    expect(LRUCache).type.not.toBeConstructableWith({});
    expect(LRUCache).type.not.toBeConstructableWith({ ttl: 5 });
    expect(LRUCache).type.toBeConstructableWith({ ttl: 5, ttlAutopurge: true });
    expect(LRUCache).type.toBeConstructableWith({ maxSize: 5 });
    expect(LRUCache).type.toBeConstructableWith(cache);
  });

  test('options of the wrong type, and keys and values of another one', () => {
    expect(LRUCache).type.not.toBeConstructableWith({ max: '5' });
    expect(LRUCache).type.not.toBeConstructableWith({ max: 5, dispose: 5 });
    expect(cache.get).type.not.toBeCallableWith(5);
    expect(cache.set).type.not.toBeCallableWith('a', 'b');
    expect(cache.set).type.toBeCallableWith('a', undefined);
    expect(cache.set).type.not.toBeCallableWith('a', 1, { tll: 5 });
  });

  test('what is read-only', () => {
    expect(cache).type.toHaveProperty('max');
    expect<Pick<typeof cache, 'max'>>().type.toBe<{ readonly max: number }>();
    expect<Pick<typeof cache, 'ttl'>>().type.toBe<{ ttl: number }>();
  });
});

test('a context is required where it has a type of its own', () => {
  const withContext = new LRUCache<string, number, { id: number }>({ max: 5 });
  expect(withContext.fetch).type.not.toBeCallableWith('a');
  expect(withContext.fetch).type.not.toBeCallableWith('a', { context: 5 });
  expect(withContext.fetch).type.toBeCallableWith('a', { context: { id: 5 } });
  expect(withContext.memo).type.not.toBeCallableWith('a');
  const without = new LRUCache<string, number, void>({ max: 5 });
  expect(without.fetch).type.toBeCallableWith('a');
  expect(without.fetch).type.not.toBeCallableWith('a', { context: 5 });
});

test('results have the types of keys and values', () => {
  expect(cache.get('a')).type.toBe<number | undefined>();
  expect(cache.set('a', 1)).type.toBe<LRUCache<string, number>>();
  expect(cache.fetch('a')).type.toBe<Promise<number | undefined>>();
  expect(cache.forceFetch('a')).type.toBe<Promise<number>>();
  expect(cache.memo('a')).type.toBe<number>();
  expect([...cache]).type.toBe<[string, number][]>();
  expect([...cache.rvalues()]).type.toBe<number[]>();
  expect(cache.dump()).type.toBe<[string, LRUCache.Entry<number>][]>();
  expect(cache.perf).type.toBe<Perf>();
});

describe('what is typed for lru-cache fits', () => {
  type Key = string;
  type Value = { id: number };
  type Context = { by: string };

  test('options', () => {
    type Own = 'fetchMethod' | 'memoMethod';
    expect<Omit<Peer.OptionsBase<Key, Value, Context>, Own>>().type.toBe<
      Omit<LRUCache.OptionsBase<Key, Value, Context>, Own>
    >();
    expect<keyof Peer.Options<Key, Value, Context>>().type.toBe<
      keyof LRUCache.Options<Key, Value, Context>
    >();
    expect<Peer.SetOptions<Key, Value, Context>>().type.toBeAssignableTo<
      Omit<LRUCache.SetOptions<Key, Value, Context>, 'status'>
    >();
    expect<keyof Peer.FetchOptions<Key, Value, Context>>().type.toBe<
      keyof LRUCache.FetchOptions<Key, Value, Context>
    >();
    expect<keyof Peer.MemoOptions<Key, Value, Context>>().type.toBe<
      keyof LRUCache.MemoOptions<Key, Value, Context>
    >();
    expect<keyof Peer.OptionsBase<Key, Value, Context>>().type.toBe<
      keyof LRUCache.OptionsBase<Key, Value, Context>
    >();
  });

  test('callbacks, entries and statuses', () => {
    expect<Peer.Disposer<Key, Value>>().type.toBe<LRUCache.Disposer<Key, Value>>();
    expect<Peer.Inserter<Key, Value>>().type.toBe<LRUCache.Inserter<Key, Value>>();
    expect<Peer.SizeCalculator<Key, Value>>().type.toBe<LRUCache.SizeCalculator<Key, Value>>();
    expect<Peer.Entry<Value>>().type.toBe<LRUCache.Entry<Value>>();
    expect<Omit<Peer.Status<Key, Value>, 'cache'>>().type.toBe<Omit<LRUCache.Status<Key, Value>, 'cache'>>();
  });

  test('members', () => {
    expect<keyof Peer<Key, Value, Context>>().type.toBe<keyof LRUCache<Key, Value, Context>>();
  });
});

test('lib keeps what lru-cache.d.ts promises', () => {
  expect<keyof typeof face>().type.toBe<keyof typeof contract>();
  expect<keyof face.LRUCache<string, number, unknown>>().type.toBe<keyof LRUCache<string, number>>();
  type Lib = face.LRUCache<string, number, unknown>;
  type Own = LRUCache<string, number>;
  // Those know themselves, which is another type in each of them; and there is no optional property in JavaScript.
  type Apart = 'set' | 'find' | 'forEach' | 'rforEach' | 'sizeCalculation';
  expect<Lib>().type.toBeAssignableTo<Omit<Own, Apart>>();
  expect<Parameters<Lib['set']>>().type.toBeAssignableTo<Parameters<Own['set']>>();
});
