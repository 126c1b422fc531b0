import { describe, expect, test } from 'tstyche';
import { BufferPool, type BufferPoolClass, type BufferPoolStats, type Lease, type PoolLike } from '../..';

const pool = new BufferPool({ maxBytes: 65_536 });

describe('wrong use is refused', () => {
  test('no budget', () => {
    expect(BufferPool).type.not.toBeConstructableWith();
    expect(BufferPool).type.not.toBeConstructableWith({});
  });

  test('a misspelt option, or one of the wrong type', () => {
    expect(new BufferPool({ maxBytes: 65_536, zeros: 'never' })).type.toRaiseError('does not exist in type');
    expect(BufferPool).type.not.toBeConstructableWith({ maxBytes: '65536' });
    expect(BufferPool).type.not.toBeConstructableWith({ maxBytes: 65_536, zero: true });
    expect(BufferPool).type.not.toBeConstructableWith({ maxBytes: 65_536, sizes: 4096 });
    expect(BufferPool).type.not.toBeConstructableWith({ maxBytes: 65_536, debug: 1 });
  });

  test('a length that is none, and the release of what is no Buffer', () => {
    expect(pool.acquire).type.not.toBeCallableWith();
    expect(pool.acquire).type.not.toBeCallableWith('5');
    expect(pool.release).type.not.toBeCallableWith(new Uint8Array(5));
    expect(pool.use).type.not.toBeCallableWith((buffer: Buffer) => buffer);
  });
});

test('all options but the budget may be left out or undefined', () => {
  expect(BufferPool).type.toBeConstructableWith({
    maxBytes: 65_536,
    sizes: undefined,
    zero: undefined,
    name: undefined,
    idleTimeout: undefined,
    debug: undefined,
  });
  const sizes: readonly number[] = [4096, 65_536];
  expect(BufferPool).type.toBeConstructableWith({ maxBytes: 65_536, sizes, zero: 'acquire', name: 'io' });
});

test('a buffer is lent, used and leased as a Buffer', () => {
  expect(pool.acquire(5)).type.toBe<Buffer>();
  expect(pool.release(pool.acquire(5))).type.toBe<void>();
  expect(pool.use(5, (buffer) => buffer.length)).type.toBe<number>();
  expect(pool.use(5, async (buffer) => buffer.length)).type.toBe<Promise<number>>();
  using lease = pool.lease(5);
  expect(lease).type.toBe<Lease<Buffer>>();
  expect(lease.value).type.toBe<Buffer>();
});

test('trim counts, stats are figures, and a monitor can read them', () => {
  expect(pool.trim()).type.toBe<number>();
  expect(pool.stats()).type.toBe<BufferPoolStats>();
  expect(pool.stats().classes).type.toBe<BufferPoolClass[]>();
  expect(pool).type.toBeAssignableTo<PoolLike>();
  using owner = new BufferPool({ maxBytes: 65_536 });
  expect(owner).type.toBeAssignableTo<Disposable>();
});
