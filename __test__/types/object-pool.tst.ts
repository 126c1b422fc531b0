import { describe, expect, test } from 'tstyche';
import { type Lease, type LoanReport, ObjectPool, type ObjectPoolOptions, type ObjectPoolStats } from '../..';

const pool = new ObjectPool(() => new Float64Array(16));

describe('wrong use is refused', () => {
  test('a misspelt option', () => {
    expect(new ObjectPool(() => ({}), { maximum: 5 })).type.toRaiseError("'maximum' does not exist in type");
    expect<ObjectPoolOptions<object>>().type.not.toBeAssignableFrom({ trimOnGC: true });
  });

  test('an option of the wrong type', () => {
    expect(new ObjectPool(() => ({}), { max: '5' })).type.toRaiseError(
      "'string' is not assignable to type 'number'",
    );
    expect(new ObjectPool(() => ({}), { reset: true })).type.toRaiseError("'true' is not assignable to type");
  });

  test('no template, or a function that makes primitives', () => {
    expect(ObjectPool).type.not.toBeConstructableWith();
    expect(ObjectPool).type.not.toBeConstructableWith('text');
    expect(ObjectPool).type.not.toBeConstructableWith(null);
    expect(new ObjectPool(() => 5)).type.toRaiseError("'number' is not assignable to type 'object'");
  });

  test('a template that needs a function to be made', () => {
    expect(ObjectPool).type.not.toBeConstructableWith([1, 2]);
    expect(ObjectPool).type.not.toBeConstructableWith(['text']);
    expect(ObjectPool).type.not.toBeConstructableWith(new Map<string, number>());
    expect(ObjectPool).type.not.toBeConstructableWith(new Set<string>());
    expect(ObjectPool).type.not.toBeConstructableWith(new Date());
    expect(ObjectPool).type.not.toBeConstructableWith(new Float64Array(5));
    expect(ObjectPool).type.not.toBeConstructableWith(Promise.resolve({}));
  });

  test('a reset for other objects', () => {
    expect<ObjectPoolOptions<Date>>().type.not.toBeAssignableFrom({
      reset: (map: Map<string, number>) => map.clear(),
    });
  });

  test('the release of a foreign object', () => {
    expect(pool.release).type.toBeCallableWith(new Float64Array(1));
    expect(pool.release).type.not.toBeCallableWith(new Map());
    expect(pool.release).type.not.toBeCallableWith();
  });

  test('writing to a lease', () => {
    const lease = pool.lease();
    expect((lease.value = new Float64Array(1))).type.toRaiseError('read-only property');
  });
});

test('the type of the objects comes from create', () => {
  expect(new ObjectPool(() => new Map<string, number>())).type.toBe<ObjectPool<Map<string, number>>>();
  expect(new ObjectPool(() => new Date()).acquire()).type.toBe<Date>();
  expect(new ObjectPool(() => () => new Date()).acquire()()).type.toBe<Date>();
  const dates = new ObjectPool(() => new Date(), { reset: (object) => expect(object).type.toBe<Date>() });
  expect(dates).type.toBe<ObjectPool<Date>>();
});

test('the type of the objects comes from a template', () => {
  expect(new ObjectPool(1024)).type.toBe<ObjectPool<Buffer>>();
  expect(new ObjectPool(Buffer.from('text'))).type.toBe<ObjectPool<Buffer>>();
  expect(new ObjectPool([])).type.toBe<ObjectPool<any[]>>();
  expect(new ObjectPool([1000])).type.toBe<ObjectPool<any[]>>();
  expect(new ObjectPool({ x: 0, name: '' })).type.toBe<ObjectPool<{ x: number; name: string }>>();
  expect(new ObjectPool({ x: 0 }, { max: 5 }).acquire()).type.toBe<{ x: number }>();
  interface Job {
    id: number;
    done: (() => void) | null;
  }
  const job: Job = { id: 0, done: null };
  expect(new ObjectPool(job)).type.toBe<ObjectPool<Job>>();
  expect(new ObjectPool<Job>({ id: 0, done: null })).type.toBe<ObjectPool<Job>>();
  expect(new ObjectPool<Job>(() => ({ id: 0, done: null }))).type.toBe<ObjectPool<Job>>();
  const points = new ObjectPool({ x: 0 }, { reset: (object) => expect(object).type.toBe<{ x: number }>() });
  expect(points).type.toBe<ObjectPool<{ x: number }>>();
  expect(ObjectPool).type.toBeConstructableWith(64, { sizeOf: (buffer: Buffer) => buffer.length });
});

test('a class can extend it', () => {
  class Jobs extends ObjectPool<Date> {
    constructor() {
      super(() => new Date());
    }
  }
  expect(new Jobs().acquire()).type.toBe<Date>();
});

test('reports of leaks', () => {
  const dates = new ObjectPool(() => new Date(), {
    track: 'sampled',
    leakThreshold: 1000,
    onLeak: (report) => expect(report).type.toBe<LoanReport>(),
  });
  expect(dates).type.toBe<ObjectPool<Date>>();
  expect<LoanReport['kind']>().type.toBe<'held' | 'collected' | 'returned'>();
  expect<ObjectPoolOptions<Date>>().type.not.toBeAssignableFrom({ track: true });
});

test('all options may be left out or undefined', () => {
  expect(ObjectPool).type.toBeConstructableWith(() => ({}));
  expect(ObjectPool).type.toBeConstructableWith(() => ({}), {});
  expect(ObjectPool).type.toBeConstructableWith(() => ({}), {
    reset: undefined,
    max: undefined,
    min: undefined,
    maxIdle: undefined,
    trimOnGc: undefined,
    maxObjectBytes: undefined,
    sizeOf: undefined,
    check: undefined,
    track: undefined,
    leakThreshold: undefined,
    onLeak: undefined,
  });
  expect(ObjectPool).type.toBeConstructableWith(() => ({}), { reset: false });
});

test('use returns what its function returns', () => {
  expect(pool.use((array) => array.length)).type.toBe<number>();
  expect(pool.use(() => undefined)).type.toBe<undefined>();
  pool.use((array) => expect(array).type.toBe<Float64Array<ArrayBuffer>>());
});

test('use returns a promise for what its function promises', () => {
  expect(pool.use(async (array) => array.length)).type.toBe<Promise<number>>();
  const thenable = {} as PromiseLike<string>;
  expect(pool.use(() => thenable)).type.toBe<Promise<string>>();
});

test('a lease holds the object and can be used with using', () => {
  using lease = pool.lease();
  expect(lease).type.toBe<Lease<Float64Array<ArrayBuffer>>>();
  expect(lease.value).type.toBe<Float64Array<ArrayBuffer>>();
  expect(lease.release()).type.toBe<void>();
  using owner = new ObjectPool(() => ({}));
  expect(owner).type.toBeAssignableTo<Disposable>();
});

test('trim counts, stats are numbers', () => {
  expect(pool.trim()).type.toBe<number>();
  expect(pool.trim).type.toBeCallableWith(Infinity);
  expect(pool.stats()).type.toBe<ObjectPoolStats>();
  expect<ObjectPoolStats[keyof ObjectPoolStats]>().type.toBe<number>();
});
