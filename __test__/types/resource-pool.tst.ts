import { describe, expect, test } from 'tstyche';
import { type ResourceHolder, type ResourceLease, ResourcePool, type ResourcePoolStats } from '../..';

class Connection {
  query(sql: string): Promise<number[]> {
    return Promise.resolve([sql.length]);
  }
}

const pool = new ResourcePool({ create: async () => new Connection(), max: 5 });

describe('wrong use is refused', () => {
  test('a misspelt option, or none', () => {
    expect(new ResourcePool({ create: () => 1, maximum: 5 })).type.toRaiseError('does not exist in type');
    expect(ResourcePool).type.not.toBeConstructableWith();
    expect(ResourcePool).type.not.toBeConstructableWith({ max: 5 });
  });

  test('an option of the wrong type', () => {
    expect(new ResourcePool({ create: () => 1, order: 'FIFO' })).type.toRaiseError(
      '\'"FIFO"\' is not assignable',
    );
    expect(new ResourcePool({ create: () => 1, destroy: (text: string) => text })).type.toRaiseError();
    expect(pool.acquire).type.not.toBeCallableWith({ signal: new AbortController() });
  });

  test('a foreign resource', () => {
    expect(pool.release).type.not.toBeCallableWith(new Map());
    expect(pool.evict).type.not.toBeCallableWith(new Map());
  });

  test('writing to a lease', async () => {
    const lease = await pool.lease();
    expect((lease.value = new Connection())).type.toRaiseError('read-only property');
  });
});

describe('a pool', () => {
  test('has resources of what create makes, at once or later', () => {
    expect(pool).type.toBe<ResourcePool<Connection>>();
    expect(new ResourcePool({ create: () => 5 })).type.toBe<ResourcePool<number>>();
    expect(pool.acquire()).type.toBe<Promise<Connection>>();
    expect(pool.tryAcquire()).type.toBe<Connection | undefined>();
    expect(pool.lease({ owner: 'me', timeout: 5 })).type.toBe<Promise<ResourceLease<Connection>>>();
  });

  test('answers with what the function answers', () => {
    expect(pool.use((connection) => connection.query('SELECT 1'))).type.toBe<Promise<number[]>>();
    expect(pool.use(() => 5, { priority: 1 })).type.toBe<Promise<number>>();
  });

  test('tells of itself', () => {
    expect(pool.stats()).type.toBe<ResourcePoolStats>();
    expect(pool.evict(new Connection())).type.toBe<boolean>();
    expect(pool.holders()).type.toBe<ResourceHolder[]>();
    expect(pool.holders()[0]!.owner).type.toBe<string | null>();
    expect(pool.drain({ timeout: 5 })).type.toBe<Promise<void>>();
  });
});
