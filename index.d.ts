/// <reference types="node" />

/**
 * heapwise: object and buffer pools, an LRU/TTL cache, event-loop lag, a leak verdict and an Express middleware that shows them.
 *
 * ```js
 * const express = require('express');
 * const { Cache, createMonitor } = require('heapwise');
 *
 * const users = new Cache({ max: 10_000, ttl: 60_000 });
 * const monitor = createMonitor({ caches: { users } }).start();
 * monitor.on('leak', ({ dimension, growthPerHour }) => console.error(`${dimension} grows`, growthPerHour));
 * const app = express();
 * app.use(monitor.middleware());
 * app.get('/users/:id', async (req, res) => res.json(await users.getOrLoad(req.params.id, loadUser)));
 * app.use(monitor.handler()); // GET /metrics, /healthz and /heapwise
 * app.listen(3000);
 * ```
 *
 * Holds for everything below unless a comment says otherwise:
 * - Times are in milliseconds, sizes in bytes. Exported metrics use seconds and bytes.
 * - Every error made here has a `code`, one of {@link HeapwiseErrorCode}. Unknown options are errors too.
 * - An option that is `undefined` takes its default.
 * - Reading changes nothing that is measured; `reset()` is explicit.
 * - `close()` may be called any number of times, and `using` calls it at the end of a block.
 * - Nothing keeps the process alive. Each worker has its own instances; a budget of {@link BufferPool} and the list of
 *   blocked turns are all that threads share.
 *
 * @module
 */

import { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';

// ---------------------------------------------------------------------------------------------------- errors

/** The `code` of every error of this package. Codes never change; messages may. */
export type HeapwiseErrorCode =
  /** An argument or option has the wrong type. `TypeError` */
  | 'ERR_HEAPWISE_INVALID_ARG_TYPE'
  /** An argument or option has the right type but lies outside its range. `RangeError` */
  | 'ERR_HEAPWISE_INVALID_ARG_VALUE'
  /** An option is not known; the message names the one that was probably meant. `TypeError` */
  | 'ERR_HEAPWISE_UNKNOWN_OPTION'
  /** An object or buffer was released that the pool holds already or has dropped. `Error` */
  | 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE'
  /** An object or buffer was released that this pool did not lend. `Error` */
  | 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT'
  /** As many objects are lent as `max` allows. `Error` */
  | 'ERR_HEAPWISE_POOL_EXHAUSTED'
  /** `create` returned a primitive, or an object that is in a pool already. `TypeError` */
  | 'ERR_HEAPWISE_POOL_INVALID_OBJECT'
  /** A template holds something that cannot be copied; the message names where. `TypeError` */
  | 'ERR_HEAPWISE_POOL_INVALID_TEMPLATE'
  /** With `maxObjectBytes`: the size of an object is not a number >= 0, or is not known. `TypeError` */
  | 'ERR_HEAPWISE_POOL_OBJECT_SIZE'
  /** `req.pooled` of `heapwise/express` was read when the response was over. `Error` */
  | 'ERR_HEAPWISE_POOL_RESPONSE_OVER'
  /** The pool is closed. `Error` */
  | 'ERR_HEAPWISE_POOL_CLOSED'
  /** Pools of one name ask for different `maxBytes`. `RangeError` */
  | 'ERR_HEAPWISE_BUFFER_POOL_BUDGET'
  /** The memory asked for does not fit into `maxBytes`, or the system has none. `Error` */
  | 'ERR_HEAPWISE_BUFFER_POOL_EXHAUSTED'
  /** More bytes were asked for at a time than the pool lends. `RangeError` */
  | 'ERR_HEAPWISE_BUFFER_POOL_TOO_LARGE'
  /** What was released is a part of a lent buffer, not the buffer. `Error` */
  | 'ERR_HEAPWISE_BUFFER_POOL_SLICE'
  /** Memory was written after it had been released; found with `debug`. `Error` */
  | 'ERR_HEAPWISE_BUFFER_POOL_WRITE_AFTER_RELEASE'
  /** The state of a stream was asked for after the stream had ended. `Error` */
  | 'ERR_HEAPWISE_STREAM_ENDED'
  /** Scratch memory was asked for outside of a call of `transform` or `flush`, or without `buffers`. `Error` */
  | 'ERR_HEAPWISE_STREAM_SCRATCH'
  /** No resource came in time; `holders` has who had what. `Error` */
  | 'ERR_HEAPWISE_RESOURCE_TIMEOUT'
  /** As many wait for a resource as `maxWaiting` allows. `Error` */
  | 'ERR_HEAPWISE_RESOURCE_QUEUE_FULL'
  /** `create` of a resource pool failed; `cause` is what it failed with. `Error` */
  | 'ERR_HEAPWISE_RESOURCE_CREATE'
  /** A function given to a resource pool took longer than it may, or `ready` than it was to. `Error` */
  | 'ERR_HEAPWISE_RESOURCE_SLOW'
  /** Resources were still lent when the time of a drain was over; `holders` has who had them. `Error` */
  | 'ERR_HEAPWISE_RESOURCE_DRAIN'
  /** The cache is closed. `Error` */
  | 'ERR_HEAPWISE_CACHE_CLOSED'
  /** A value was not loaded within the time that the caller of `getOrLoad` was ready to wait. `Error` */
  | 'ERR_HEAPWISE_CACHE_LOAD_TIMEOUT'
  /** The size of a value is not a finite number >= 0, or is not known. `TypeError` */
  | 'ERR_HEAPWISE_CACHE_SIZE'
  /** An option or a size that an `LRUCache` of heapwise/lru-cache cannot take. `TypeError` */
  | 'ERR_HEAPWISE_LRU_CACHE_INVALID'
  /** `memo` of an `LRUCache` without a `memoMethod`. `Error` */
  | 'ERR_HEAPWISE_LRU_CACHE_NO_MEMO'
  /** `forceFetch` of an `LRUCache` found no value. `Error` */
  | 'ERR_HEAPWISE_LRU_CACHE_NO_VALUE'
  /** The key was set, deleted or evicted while an `LRUCache` fetched it. `Error` */
  | 'ERR_HEAPWISE_LRU_CACHE_FETCH_ABORTED'
  /** `RangeError` */
  | 'ERR_HEAPWISE_SHARED_CACHE_SETTINGS'
  /** `Error` */
  | 'ERR_HEAPWISE_SHARED_CACHE_MEMORY'
  /** `RangeError` */
  | 'ERR_HEAPWISE_SHARED_CACHE_TOO_LARGE'
  /** `RangeError` */
  | 'ERR_HEAPWISE_SHARED_CACHE_TARGET'
  /** `Error` */
  | 'ERR_HEAPWISE_SHARED_CACHE_CODEC'
  /** A load of another thread has failed, for which this one has waited. `Error` */
  | 'ERR_HEAPWISE_SHARED_CACHE_LOAD'
  /** A cache of that name is open, so that none can be loaded. `Error` */
  | 'ERR_HEAPWISE_SHARED_CACHE_OPEN'
  /** Another save to the same file, or of the same cache, is running. `Error` */
  | 'ERR_HEAPWISE_SHARED_CACHE_SAVE_BUSY'
  /** The cache changed faster than it was saved: `maxExtraBytes` were not enough. `Error` */
  | 'ERR_HEAPWISE_SHARED_CACHE_SAVE_OVERRUN'
  /** The system refused something that concerns the file of a cache; `cause` has its code. `Error` */
  | 'ERR_HEAPWISE_SHARED_CACHE_FILE'
  /** There is no file of that name. `Error` */
  | 'ERR_HEAPWISE_SHARED_CACHE_FILE_MISSING'
  /** The file is damaged, not whole, or no cache; the message says what is wrong, and where. `Error` */
  | 'ERR_HEAPWISE_SHARED_CACHE_FILE_INVALID'
  /** The file is from a newer version of heapwise, or from a machine with another byte order. `Error` */
  | 'ERR_HEAPWISE_SHARED_CACHE_FILE_VERSION'
  /** The values in the file were made by another codec. `Error` */
  | 'ERR_HEAPWISE_SHARED_CACHE_FILE_CODEC'
  /** The bytes of a compressed value are not those that were stored. `Error` */
  | 'ERR_HEAPWISE_SHARED_CACHE_DAMAGED'
  /** The monitor is closed. `Error` */
  | 'ERR_HEAPWISE_MONITOR_CLOSED'
  /** The event-loop monitor does not run, and nothing was measured in the stretch that was asked for. `Error` */
  | 'ERR_HEAPWISE_MONITOR_STOPPED'
  /** A function leaks; raised by `assertNoLeak`. `Error` */
  | 'ERR_HEAPWISE_LEAK'
  /** The leak detector is closed. `Error` */
  | 'ERR_HEAPWISE_DETECTOR_CLOSED'
  /** No histogram can have these bounds. `RangeError` */
  | 'ERR_HEAPWISE_HISTOGRAM_RANGE'
  /** Two histograms have different bounds, or one is no earlier state of the other. `TypeError` */
  | 'ERR_HEAPWISE_HISTOGRAM_MERGE'
  /** The bytes are not what `encode()` wrote. `TypeError` */
  | 'ERR_HEAPWISE_HISTOGRAM_DECODE'
  /** The file of `reportTo` cannot be opened. `Error` */
  | 'ERR_HEAPWISE_REPORT_FILE'
  /** The system refused something that is needed, such as a thread. `Error` */
  | 'ERR_HEAPWISE_UNSUPPORTED'
  /** No Prometheus client is installed. `Error` */
  | 'ERR_HEAPWISE_PROMETHEUS_MISSING'
  /** There is another cache or pool of that name already. `RangeError` */
  | 'ERR_HEAPWISE_DUPLICATE_NAME'
  /** The native addon could not be loaded; raised by `require('heapwise')`. `Error` */
  | 'ERR_HEAPWISE_BINDING_MISSING';

/** What a `catch` block gets from this package. */
export interface HeapwiseError extends Error {
  /** Which error it is; stable. */
  readonly code: HeapwiseErrorCode;
}

// ------------------------------------------------------------------------------------------------ ObjectPool

/** Options of {@link ObjectPool}. */
export interface ObjectPoolOptions<T extends object> {
  /**
   * Brings an object back into its first state. Called by `release`, before anybody can get the object again. If it
   * throws, the pool drops the object and `release` throws the same. It should let go of what the object refers to, and
   * must not `delete` properties: that makes an object slow for good.
   *
   * @default that of the template, see {@link ObjectPoolConstructor}; with a function none: objects go back as they are.
   *   `false` means none in any case
   */
  reset?: ((object: T) => void) | false | undefined;

  /**
   * Most objects that exist at a time, lent and idle together. An integer >= 1, or `Infinity`.
   *
   * @default Infinity, which means that `acquire` always finds or creates one
   */
  max?: number | undefined;

  /**
   * Objects to create at once, in the constructor, and below which `trimOnGc` does not go. An integer from 0 to `max`,
   * and to 2^30. The pool does not create objects to return to this number: `trim` goes below it.
   *
   * @default 0, which means that the first object is created by the first `acquire`
   */
  min?: number | undefined;

  /**
   * Most objects that are kept idle. What is released beyond that is dropped, without `reset`. An integer >= `min`, or
   * `Infinity`.
   *
   * @default Infinity
   */
  maxIdle?: number | undefined;

  /**
   * Whether idle objects that are not needed are dropped: those that nobody needed from one major garbage collection to
   * the next are marked, and those not needed until the one after it go, as in Go's `sync.Pool`. `min` objects stay.
   *
   * @default true. It costs nothing between collections, and no timer
   */
  trimOnGc?: boolean | undefined;

  /**
   * Largest object that is kept, in bytes: a larger one is dropped when it is released, without `reset`, and counted as
   * `oversized`. One buffer that has grown to 10 MB should not stay for all the small ones. A number >= 0, or `Infinity`.
   *
   * Buffers, typed arrays, `DataView`s and `ArrayBuffer`s have their `byteLength`, arrays 8 bytes an element. For others,
   * and for what these refer to, there is `sizeOf`; without it they are refused with `ERR_HEAPWISE_POOL_OBJECT_SIZE`, as
   * a template by the constructor, from a function by `acquire`.
   *
   * @default Infinity, which means that nothing is measured
   */
  maxObjectBytes?: number | undefined;

  /**
   * The size of an object for `maxObjectBytes`, in bytes. Called by `release`. If it throws, or returns anything but a
   * number >= 0, the pool drops the object and `release` throws.
   *
   * @default what `maxObjectBytes` says. Not called without `maxObjectBytes`
   */
  sizeOf?: ((object: T) => number) | undefined;

  /**
   * Whether `release` refuses objects that are not lent by this pool.
   *
   * - `'on'`: a double and a foreign release throw. The pool puts a private field on each object, which nobody can see.
   * - `'off'`: nothing is looked at, and no field is put on. An object that is released twice is lent to two callers, a
   *   foreign one is lent as if it were the pool's, and the counts are wrong from then on. Saves a small part of an
   *   acquire: for code that is known to be right.
   *
   * @default 'on'
   */
  check?: 'on' | 'off' | undefined;

  /**
   * Which loans are watched, to find those that never come back. A loan that is watched costs some microseconds, for the
   * stack of its `acquire`; the lent object is not kept alive. Cannot be had with `check: 'off'`.
   *
   * - `'off'`: none; costs nothing.
   * - `'sampled'`: one in 128 on average, at random. For production: a place that leaks does it often.
   * - `'all'`: every one.
   *
   * A loan is reported when it is older than `leakThreshold` (`held`), when its object is garbage-collected (`collected`),
   * and when what was reported as held is released after all (`returned`). Of each place that acquires only the first of
   * each kind is reported; `stats().leaked` counts all. Reports go to `onLeak` and to the channel
   * `heapwise:object-pool:leak` of `node:diagnostics_channel`. With neither, a warning is emitted on `process`, with the
   * code `HEAPWISE_POOL_LEAK`.
   *
   * @default 'off'
   */
  track?: 'off' | 'sampled' | 'all' | undefined;

  /**
   * For how many milliseconds a watched loan may last until it is reported. A number > 0, at most 2,147,483,647. All pools
   * of a thread share one timer, which does not keep the process alive.
   *
   * @default 60_000
   */
  leakThreshold?: number | undefined;

  /**
   * Called with each report of a leak, later than what led to it and not within `release`. What it throws is an uncaught
   * exception.
   *
   * @default undefined
   */
  onLeak?: ((report: LoanReport) => void) | undefined;
}

/** Something that was lent and did not come back in time. */
export interface LoanReport {
  /**
   * `held`: lent for longer than the threshold. `collected`: nobody has the object any more, so it will never be released.
   * `returned`: what was reported as held has been released now.
   */
  kind: 'held' | 'collected' | 'returned';
  /** How long it has been lent, or was. Milliseconds. */
  heldFor: number;
  /** Where it was acquired, innermost frame first, as in an error's `stack` below its first line; 16 frames at most. */
  stack: string;
  /** The first frame of `stack`, by which loans are told apart. */
  site: string;
  /** Loans from that place that were held too long or collected, whichever this is about, until now. Count. */
  count: number;
}

/** The figures of an {@link ObjectPool} at one moment. */
export interface ObjectPoolStats {
  /** Objects that exist: lent, idle, being created or reset. Count. */
  size: number;
  /** Objects lent now. Count. */
  borrowed: number;
  /** Objects waiting in the pool now. Count. */
  idle: number;
  /** Most objects that were ever lent at a time. Count. */
  peakBorrowed: number;
  /** The `max` option. Count; `Infinity` when there is no bound (`null` once in JSON). */
  max: number;
  /** Objects lent since the pool was made. Count. */
  acquired: number;
  /** Objects given back since the pool was made, dropped ones included. Count. */
  released: number;
  /** Objects created since the pool was made, those of `min` included. Count. */
  created: number;
  /**
   * Objects dropped since the pool was made: by `trim`, `trimOnGc` or `close`, above `maxIdle` or `maxObjectBytes`, because
   * `reset` threw, or because they no longer fit the template. Count.
   */
  discarded: number;
  /** Those of the discarded that were larger than `maxObjectBytes`. Count. */
  oversized: number;
  /** Watched loans that were held for too long or whose object was collected; 0 without `track`. Count. */
  leaked: number;
}

/** A lent object that goes back at the end of a `using` block. Made by {@link ObjectPool.lease}. */
export interface Lease<T extends object> {
  /** The lent object. Not to be used after `release`: it may be somebody else's by then. */
  readonly value: T;

  /**
   * Gives the object back. Doing it twice does no harm.
   *
   * @throws {Error} `ERR_HEAPWISE_POOL_DOUBLE_RELEASE` when the object was given back to the pool behind the lease;
   *   and what `reset` throws
   */
  release(): void;

  /** As `release`. */
  [Symbol.dispose](): void;
}

/**
 * A pool of reusable objects, for objects that are costly to make: parsers, big arrays, buffers. Small plain objects
 * are faster made anew.
 *
 * Idle objects are reused last in, first out. The pool holds no reference to a lent object: one that is never
 * released can be collected, but counts as lent for ever. An object can be in one pool only.
 *
 * ```js
 * const pool = new ObjectPool(() => new Float64Array(4096), { reset: (array) => array.fill(0), max: 100 });
 * const sum = pool.use((array) => fillAndSum(array));
 * ```
 */
export interface ObjectPool<T extends object> {
  /**
   * Lends an object: the one released last, or a new one when none is idle. Whoever takes it gives it to `release`,
   * once.
   *
   * @throws {Error} `ERR_HEAPWISE_POOL_EXHAUSTED` when `max` objects are lent; `ERR_HEAPWISE_POOL_CLOSED`
   * @throws {TypeError} `ERR_HEAPWISE_POOL_INVALID_OBJECT` when `create` returned no new object;
   *   `ERR_HEAPWISE_POOL_OBJECT_SIZE` when its size is not known but limited; and what `create` throws
   */
  acquire(): T;

  /**
   * Takes a lent object back. In a closed pool it is dropped, without `reset`.
   *
   * @throws {Error} `ERR_HEAPWISE_POOL_DOUBLE_RELEASE` when it is not lent (any more);
   *   `ERR_HEAPWISE_POOL_FOREIGN_OBJECT` when it is not of this pool; and what `reset` and `sizeOf` throw, after which the
   *   object is dropped
   * @throws {TypeError} `ERR_HEAPWISE_POOL_OBJECT_SIZE` when `sizeOf` returned no size, after which it is dropped as well
   */
  release(object: T): void;

  /**
   * Lends an object to `fn` and takes it back when `fn` has returned or thrown. When `fn` returns a promise, the
   * object goes back when the promise is settled; the result is then a native promise for the same value.
   *
   * @throws what `acquire`, `fn` and `release` throw; if both `fn` and `release` throw, what `release` throws
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE` when `fn` is no function
   */
  use<R>(fn: (object: T) => PromiseLike<R>): Promise<R>;
  use<R>(fn: (object: T) => R): R;

  /**
   * Lends an object with an owner, for `using`:
   *
   * ```js
   * using lease = pool.lease();
   * work(lease.value);
   * ```
   *
   * Costs one more object than `acquire`.
   *
   * @throws as `acquire`
   */
  lease(): Lease<T>;

  /**
   * Drops idle objects until `keep` are left. Lent ones are not touched.
   *
   * @param keep idle objects to keep: an integer >= 0, or `Infinity`, which drops none. @default 0
   * @returns how many were dropped
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
   */
  trim(keep?: number): number;

  /** The figures now. Works after `close` as well. */
  stats(): ObjectPoolStats;

  /**
   * Drops all idle objects. After this `acquire`, `use` and `lease` throw `ERR_HEAPWISE_POOL_CLOSED`, and objects
   * still lent are dropped when they are released.
   */
  close(): void;

  /** As `close`. */
  [Symbol.dispose](): void;
}

/** What cannot be a template with its keys: it needs a function that creates it. */
type NoShape =
  | ((...args: any) => unknown)
  | readonly unknown[]
  | ArrayBufferView
  | Date
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | PromiseLike<unknown>;

/**
 * Makes an {@link ObjectPool}, of what a function creates or of objects like a template. A template is read once, by the
 * constructor; later changes of it have no effect. Unless `reset` is given, a released object is made what the template
 * says, and dropped where that is not possible.
 *
 * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`, `ERR_HEAPWISE_POOL_INVALID_TEMPLATE`,
 *   `ERR_HEAPWISE_POOL_OBJECT_SIZE`; with `min` also `ERR_HEAPWISE_POOL_INVALID_OBJECT`, and what `create` throws
 * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
 */
export interface ObjectPoolConstructor {
  /**
   * Buffers with memory of their own.
   *
   * @param template their length in bytes, an integer >= 1: they are zeros, and filled with zeros when they are released.
   *   Or a Buffer: they begin as copies of it, and it is copied into them when they are released. Either takes time in
   *   proportion to the length; `reset: false` saves it where every borrower writes before reading
   */
  new (template: number | Buffer, options?: ObjectPoolOptions<Buffer>): ObjectPool<Buffer>;

  /**
   * Arrays, of whatever the borrowers put in.
   *
   * @param template `[length]`, with one integer from 1 to 33,554,432: arrays of that many zeros and without holes, which
   *   get their length back and are filled with zeros when they are released. A place keeps the fastest representation
   *   that all its values so far have fitted in: integers, then doubles, then anything.
   *   Or `[]`: empty arrays, which are emptied when they are released; V8 frees their memory then, so that nothing is
   *   gained over a new `[]`
   */
  new (
    template: readonly [] | readonly [length: number],
    options?: ObjectPoolOptions<any[]>,
  ): ObjectPool<any[]>;

  /**
   * Plain objects with the keys of a template, in the same order, so that all have one hidden class.
   *
   * @param template its primitives and functions are taken as they are, plain objects and arrays in it are copied at every
   *   depth. Anything else (instances of classes, Map, Buffer, accessors, symbols as keys) is refused.
   *   When an object is released, each key gets its first value back, objects in it a new copy each time. An object with
   *   keys more or less, in another order, or with another prototype is dropped; symbols as keys are not looked at. This
   *   costs several times an acquire.
   *   Or `{}`: when an object is released, its own keys get the value `undefined` and stay, for to delete them would make
   *   the object slow; so the next borrower sees them. One with more than 64 keys is dropped. To use objects as maps, pool
   *   `Map`s with a `reset` that clears them
   */
  new <T extends object>(
    template: T & (T extends NoShape ? never : unknown),
    options?: ObjectPoolOptions<T>,
  ): ObjectPool<T>;

  /**
   * @param create makes one object or function, a new one each time. Must not return a promise: the pool would lend
   *   the promise. A class is no such function: `() => new Parser()`
   */
  new <T extends object>(create: () => T, options?: ObjectPoolOptions<T>): ObjectPool<T>;
}

export const ObjectPool: ObjectPoolConstructor;

// ------------------------------------------------------------------------------------------------ BufferPool

/** Options of {@link BufferPool}. */
export interface BufferPoolOptions {
  /**
   * Bytes of memory that the pool may hold, lent and idle together, with all that is lost to rounding. An integer >=
   * 65,536. It is taken as it is needed, not at once.
   */
  maxBytes: number;

  /**
   * Sizes of the blocks, instead of the built-in series: 1 to 1000 ascending integers >= 1, none larger than `maxBytes`.
   * Each is rounded up to a multiple of 16. A buffer is lent in the smallest block that holds it.
   *
   * @default undefined: 64, 80, 96, 112, 128, 160 and so on, four for each power of two, up to `maxBytes` or 2 GiB: a
   *   block is at most a quarter larger than what was asked for, but for those below 64 bytes
   */
  sizes?: readonly number[] | undefined;

  /**
   * When bytes are set to 0: `release` does it when a buffer comes back, so that secrets do not stay in memory; `acquire`
   * when it is lent, which also covers what was written after its release. Either takes as long as `buffer.fill(0)`.
   *
   * @default 'never': a lent buffer holds what its last user left in it
   */
  zero?: 'never' | 'release' | 'acquire' | undefined;

  /**
   * Pools of one name share one budget, in all threads of the process. They must agree on `maxBytes`. Memory itself is
   * not shared: what one of them has idle is of use to another when it has been given back, which it is within about
   * half a second when another is refused. A string that is not empty.
   *
   * @default undefined: a budget of its own
   */
  name?: string | undefined;

  /**
   * Milliseconds after which idle memory goes back to the system, within a second after that. A number > 0, or
   * `Infinity`, with which it goes back by `trim`, by `close` and when memory is short.
   *
   * @default 10_000
   */
  idleTimeout?: number | undefined;

  /**
   * Looks for those who write to a buffer after they have released it. Released memory is filled with 0xDE and looked at
   * before it is lent again or given back. Then `acquire` throws `ERR_HEAPWISE_BUFFER_POOL_WRITE_AFTER_RELEASE`, whose
   * `cause` has the stack of the release; other methods, which have nothing to do with it, emit it as a warning of the
   * process. Besides, each loan is another object, so that a release of an old one is always found. Costs two passes
   * over the block and a stack for each loan: for tests.
   *
   * @default false
   */
  debug?: boolean | undefined;
}

/** Blocks of one size of a {@link BufferPool}. */
export interface BufferPoolClass {
  /** Bytes of a block. */
  size: number;
  /** Blocks lent now. Count. */
  lent: number;
  /** Blocks waiting in the pool now. Count. */
  idle: number;
}

/** The figures of a {@link BufferPool} at one moment. Counts are since the pool was made. */
export interface BufferPoolStats {
  /** The `maxBytes` option. */
  maxBytes: number;
  /** Bytes that this pool has of the system, in whole pages: lent, idle, and lost to rounding. */
  committedBytes: number;
  /** Bytes that all pools of this name have, this one included. Never more than `maxBytes`. */
  sharedBytes: number;
  /** Bytes of the blocks that are lent. */
  usedBytes: number;
  /** Bytes of the buffers that are lent, as they were asked for. */
  requestedBytes: number;
  /** The most that `usedBytes` ever was. */
  peakUsedBytes: number;
  /** Bytes of the blocks that wait in the pool. */
  idleBytes: number;
  /** Bytes given back to the system. */
  trimmedBytes: number;
  /** Buffers lent now. Count. */
  borrowed: number;
  /** Blocks waiting in the pool now. Count. */
  idle: number;
  /** Buffers lent. Count. */
  acquired: number;
  /** Buffers that came back. Count. */
  released: number;
  /** Blocks made. Count. */
  created: number;
  /** Buffers lent without taking memory. Count. */
  hits: number;
  /** Buffers for which memory was taken from the system. Count. */
  misses: number;
  /**
   * Where memory comes from: `native` from the system. `v8` from the engine, where the runtime forbids anything else
   * (Electron) or `HEAPWISE_EXTERNAL_BUFFERS=off` is set: what is given back then leaves memory with the next garbage
   * collection.
   */
  backing: 'native' | 'v8';
  /** The sizes in use, ascending. */
  classes: BufferPoolClass[];
}

/**
 * A pool of Buffers, for those of some 10 KiB and more, which Node makes and clears, or maps, anew each time. Below half
 * of `Buffer.poolSize` take `Buffer.allocUnsafe`.
 *
 * Its memory lies outside of V8's heap, is bounded by `maxBytes`, and goes back to the system when it is idle. V8 is
 * told of it: it is in `process.memoryUsage().external`.
 *
 * A buffer that is never released can be collected, but counts as lent for ever. A view of a buffer (`subarray`, a
 * `DataView`) that is used after the release shows what somebody else has there. It never crashes.
 *
 * ```js
 * const pool = new BufferPool({ maxBytes: 64 * 1024 * 1024 });
 * const digest = pool.use(65_536, (buffer) => hash(buffer.subarray(0, fs.readSync(fd, buffer))));
 * ```
 */
export class BufferPool {
  /**
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`; `ERR_HEAPWISE_BUFFER_POOL_BUDGET` when pools of that `name`
   *   have another `maxBytes`
   */
  constructor(options: BufferPoolOptions);

  /**
   * Lends a buffer of exactly that length. Whoever takes it gives it to `release`, once. Its `buffer` property is the
   * memory of other loans too: do not transfer it, and mind `byteOffset` and `length` as with any Buffer.
   *
   * Fastest when blocks are used with one length again and again: then the same Buffer is lent again. It may have
   * properties that its last user gave it.
   *
   * @param byteLength an integer >= 1
   * @throws {RangeError} `ERR_HEAPWISE_BUFFER_POOL_TOO_LARGE` when no block is as large, `ERR_HEAPWISE_INVALID_ARG_VALUE`
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`
   * @throws {Error} `ERR_HEAPWISE_BUFFER_POOL_EXHAUSTED` when it does not fit into `maxBytes`, after idle memory of other
   *   sizes was given back, or when the system has no memory; `ERR_HEAPWISE_POOL_CLOSED`; with `debug`
   *   `ERR_HEAPWISE_BUFFER_POOL_WRITE_AFTER_RELEASE`
   */
  acquire(byteLength: number): Buffer;

  /**
   * Takes a lent buffer back. In a closed pool its memory is given back.
   *
   * @throws {Error} `ERR_HEAPWISE_POOL_DOUBLE_RELEASE` when it is not lent (any more);
   *   `ERR_HEAPWISE_BUFFER_POOL_SLICE` when it is a part of a buffer of this pool; `ERR_HEAPWISE_POOL_FOREIGN_OBJECT`
   *   when this pool did not lend it
   */
  release(buffer: Buffer): void;

  /**
   * Lends a buffer to `fn` and takes it back when `fn` has returned or thrown. When `fn` returns a promise, the buffer
   * goes back when the promise is settled; the result is then a native promise for the same value.
   *
   * @throws what `acquire`, `fn` and `release` throw; if both `fn` and `release` throw, what `release` throws
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE` when `fn` is no function
   */
  use<R>(byteLength: number, fn: (buffer: Buffer) => PromiseLike<R>): Promise<R>;
  use<R>(byteLength: number, fn: (buffer: Buffer) => R): R;

  /**
   * Lends a buffer with an owner, for `using`. Costs one more object than `acquire`.
   *
   * @throws as `acquire`
   */
  lease(byteLength: number): Lease<Buffer>;

  /**
   * Gives idle memory back to the system at once. Blocks below 64 KiB share slabs; a slab stays while one of its blocks
   * is lent.
   *
   * @returns how many bytes
   * @throws {Error} `ERR_HEAPWISE_POOL_CLOSED`
   */
  trim(): number;

  /** The figures now. Works after `close` as well. */
  stats(): BufferPoolStats;

  /**
   * Gives idle memory back at once, and that of lent buffers when they are released. After this `acquire`, `use`, `lease`
   * and `trim` throw `ERR_HEAPWISE_POOL_CLOSED`.
   */
  close(): void;

  /** As `close`. */
  [Symbol.dispose](): void;
}

// ---------------------------------------------------------------------------------------------- ResourcePool

/** Options of {@link ResourcePool}. Times in milliseconds. */
export interface ResourcePoolOptions<R> {
  /**
   * Makes a resource. What it throws or rejects with rejects one who waits, as the `cause` of an
   * `ERR_HEAPWISE_RESOURCE_CREATE`; the next attempt is made after `backoff`.
   *
   * Any value may be a resource, except a promise or another thenable: no promise can be fulfilled with one. An object that
   * is in the pool already would be lent to two: it counts as a failure, with `ERR_HEAPWISE_POOL_INVALID_OBJECT` as cause.
   */
  create: () => R | PromiseLike<R>;

  /** Ends a resource. What it throws goes to the channel `heapwise:resource-pool:error`, and is counted. */
  destroy?: ((resource: R) => unknown) | undefined;

  /**
   * Whether an idle resource can still be used. Called before it is lent. What it answers falsely, throws or does not
   * answer in time for is destroyed, and another one is lent.
   */
  validate?: ((resource: R) => boolean | PromiseLike<boolean>) | undefined;

  /** Makes a released resource fit for the next one. One for which it fails is destroyed. */
  reset?: ((resource: R) => unknown) | undefined;

  /** Resources that are kept ready, made when the pool is. An integer from 0 to `max`. @default 0 */
  min?: number | undefined;

  /** Most resources, those included that are being created or destroyed. An integer >= 1. @default 10 */
  max?: number | undefined;

  /**
   * Most that may wait for a resource beyond those for whom there is a place. An integer >= 0, or `Infinity`.
   *
   * @default Infinity
   */
  maxWaiting?: number | undefined;

  /**
   * Which idle resource is lent: `lifo`, the one released last, so that those not needed become old and are destroyed;
   * `fifo`, the one idle for longest, so that all are used alike.
   *
   * @default 'lifo'
   */
  order?: 'lifo' | 'fifo' | undefined;

  /** How long an acquire waits. A number > 0, at most 2,147,483,647, or `Infinity`. @default 30_000 */
  acquireTimeout?: number | undefined;

  /** How long `create` may take; what comes later is destroyed. Range as `acquireTimeout`. @default 30_000 */
  createTimeout?: number | undefined;

  /** How long `validate` may take. Range as `acquireTimeout`. @default 5000 */
  validateTimeout?: number | undefined;

  /** How long `reset` may take. Range as `acquireTimeout`. @default 5000 */
  resetTimeout?: number | undefined;

  /** How long `destroy` may take before its place is given away. Range as `acquireTimeout`. @default 5000 */
  destroyTimeout?: number | undefined;

  /** How long a resource beyond `min` may be idle before it is destroyed. A number > 0 or `Infinity`. @default 30_000 */
  idleTimeout?: number | undefined;

  /** How long a resource is used before it is destroyed, less `jitter`. A number > 0 or `Infinity`. @default Infinity */
  maxLifetime?: number | undefined;

  /** How often a resource is lent before it is destroyed, less `jitter`. An integer >= 1 or `Infinity`. @default Infinity */
  maxUses?: number | undefined;

  /**
   * Share of `maxLifetime` and `maxUses` that is left to chance, 0 to 1, so that resources that were made together do not
   * end together.
   *
   * @default 0.1
   */
  jitter?: number | undefined;

  /** A resource that was used less long ago is lent without `validate`. A number >= 0. @default 0 */
  validateAfter?: number | undefined;

  /**
   * The time after a failed `create` in which none is tried: doubled from `min` to `max` with each failure, of which half
   * is left to chance.
   *
   * @default { min: 100, max: 10_000 }
   */
  backoff?: { min?: number | undefined; max?: number | undefined } | undefined;

  /**
   * Which loans are watched, to find those that last too long: none, one in 128 on average at random, or every one. A
   * loan that is watched costs some microseconds, for the stack of its acquire, which {@link ResourcePool.holders} shows.
   *
   * A loan is reported when it is older than `leakThreshold` (`held`), and when it ends after all (`returned`); of each
   * place that acquires the first of each kind, `stats().leaked` counts all. Reports go to `onLeak` and to the channel
   * `heapwise:resource-pool:leak` of `node:diagnostics_channel`. With neither, a warning is emitted on `process`, with the
   * code `HEAPWISE_POOL_LEAK`.
   *
   * @default 'off'
   */
  track?: 'off' | 'sampled' | 'all' | undefined;

  /** For how long a watched loan may last until it is reported. A number > 0, at most 2,147,483,647. @default 60_000 */
  leakThreshold?: number | undefined;

  /** Called with each report, not within `release`. What it throws is an uncaught exception. @default undefined */
  onLeak?: ((report: LoanReport) => void) | undefined;
}

/** Options of {@link ResourcePool.acquire}. */
export interface AcquireOptions {
  /** Milliseconds to wait at most. @default the pool's `acquireTimeout` */
  timeout?: number | undefined;
  /** Ends the wait: the promise is then rejected with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Who waits with a greater one is served first. An integer. @default 0 */
  priority?: number | undefined;
  /** Who asks, for {@link ResourcePool.holders}. */
  owner?: string | undefined;
}

/** Somebody who has a resource. */
export interface ResourceHolder {
  /** What `owner` of {@link AcquireOptions} said; null if nothing. */
  owner: string | null;
  /** For how many milliseconds. */
  heldFor: number;
  /** Where it was acquired; null where the loan is not tracked. */
  stack: string | null;
}

/** A lent resource that goes back at the end of a `using` block. */
export interface ResourceLease<R> {
  /** The resource. Not to be used after `release`. */
  readonly value: R;
  /** Gives it back. Does nothing if it went back already. */
  release(): void;
  /** Has it destroyed instead; as {@link ResourcePool.destroy}. Does nothing if it went back already. */
  destroy(): Promise<void>;
  /** As `release`. */
  [Symbol.dispose](): void;
}

/** Figures of a {@link ResourcePool}. Those that only grow count since it was made. */
export interface ResourcePoolStats {
  /** Resources now, lent or not. */
  size: number;
  /** Of these, lent. */
  borrowed: number;
  /** Of these, ready to be lent; what is left is being validated or reset. */
  idle: number;
  /** Being created. */
  creating: number;
  /** Being destroyed. */
  destroying: number;
  /** Who waits. */
  waiting: number;
  /** Most that were lent at a time. */
  peakBorrowed: number;
  /** The option. */
  min: number;
  /** The option. */
  max: number;
  /** Loans. */
  acquired: number;
  /** Loans that have ended. */
  released: number;
  /** Loans for which somebody had to wait, be it for a resource to be made. */
  waited: number;
  /** How long they waited, together. Milliseconds. */
  waitTime: number;
  /** The longest of these waits. Milliseconds. */
  longestWait: number;
  /** Resources created. */
  created: number;
  /** Attempts that failed. */
  createFailed: number;
  /** Resources destroyed. */
  destroyed: number;
  /** Of these, those whose `destroy` failed. */
  destroyFailed: number;
  /** Resources that did not pass `validate`. */
  invalid: number;
  /** Resources that `evict` found in the pool. */
  evicted: number;
  /** Acquires whose time was over. */
  timedOut: number;
  /** Acquires that were aborted. */
  aborted: number;
  /** Watched loans that were held for too long; 0 without `track`. */
  leaked: number;
}

/**
 * A pool of resources that take time to make, or of which there may be so many only: connections, workers, handles.
 *
 * The functions of the options run in the async context in which the pool was made, not in that of whoever happened to
 * ask first. What happens is published to the channels `heapwise:resource-pool:acquire`, `release`, `create`, `destroy`,
 * `timeout` and `error` of `diagnostics_channel`. Nothing of it keeps the process alive.
 *
 * ```js
 * const pool = new ResourcePool({ create: connect, destroy: (connection) => connection.end(), max: 20 });
 * const rows = await pool.use((connection) => connection.query('SELECT 1'), { owner: 'GET /rows' });
 * ```
 */
export class ResourcePool<R> {
  /**
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
   */
  constructor(options: ResourcePoolOptions<R>);

  /**
   * Lends a resource, when there is one. Whoever has it gives it to `release` or `destroy`, once. The promise is
   * rejected with `ERR_HEAPWISE_RESOURCE_TIMEOUT`, whose `holders` say who has what for how long, and whose `cause` is what
   * the last `create` failed with, unless one has succeeded since;
   * `ERR_HEAPWISE_RESOURCE_CREATE`, whose `cause` is what `create` failed with; `ERR_HEAPWISE_RESOURCE_QUEUE_FULL`;
   * `ERR_HEAPWISE_POOL_CLOSED`; the reason of the signal; and for wrong options as the constructor.
   */
  acquire(options?: AcquireOptions): Promise<R>;

  /**
   * Lends an idle resource at once, or returns undefined: when none is idle, when others wait, and when `validate` does
   * not answer at once. Makes no resource.
   *
   * @throws {Error} `ERR_HEAPWISE_POOL_CLOSED`
   */
  tryAcquire(): R | undefined;

  /**
   * Takes a resource back.
   *
   * @throws {Error} `ERR_HEAPWISE_POOL_DOUBLE_RELEASE` when it is not lent; `ERR_HEAPWISE_POOL_FOREIGN_OBJECT` when it
   *   is not of this pool, or was destroyed
   */
  release(resource: R): void;

  /**
   * Takes a resource back and ends it, because it is broken. The promise is fulfilled when that is done or its time is
   * over; what `destroy` of the options throws does not reject it. Rejected as `release` throws.
   */
  destroy(resource: R): Promise<void>;

  /**
   * Has a resource destroyed that has died, whoever has it: at once when it is idle, else as soon as it is released,
   * validated or reset. For resources that say so themselves, as a socket does with `close`. One that dies before anybody
   * had it, within `backoff.min` of its creation, counts as a `create` that failed.
   *
   * The answer is false, and nothing is done, when the pool does not have it: not yet, no more, or never. Of equal
   * primitives an idle one goes first.
   */
  evict(resource: R): boolean;

  /**
   * Lends a resource to `fn` and takes it back when `fn` is done, whether it returns, throws, or rejects. A resource that
   * `fn` gave back itself is left alone. Rejected as `acquire`, and with what `fn` fails with.
   */
  use<T>(fn: (resource: R) => T | PromiseLike<T>, options?: AcquireOptions): Promise<T>;

  /** Lends a resource with an owner, for `using lease = await pool.lease()`. Rejected as `acquire`. */
  lease(options?: AcquireOptions): Promise<ResourceLease<R>>;

  /**
   * Fulfilled when `min` resources have been made. Rejected with `ERR_HEAPWISE_RESOURCE_SLOW` after the time, which is
   * `acquireTimeout` by default, and with `ERR_HEAPWISE_POOL_CLOSED`.
   */
  ready(options?: { timeout?: number | undefined }): Promise<void>;

  /**
   * Accepts nothing more, serves those who wait, and ends when every resource is destroyed. After `timeout` milliseconds
   * (30,000 by default) it is rejected with `ERR_HEAPWISE_RESOURCE_DRAIN`, whose `holders` say who has not given back
   * what; what comes back later is destroyed then.
   */
  drain(options?: { timeout?: number | undefined }): Promise<void>;

  /**
   * Accepts nothing more, rejects those who wait with `ERR_HEAPWISE_POOL_CLOSED`, and is fulfilled when everything that
   * is not lent is destroyed. What is lent is destroyed when it is released.
   */
  close(): Promise<void>;

  /** Who has resources now, the one that has had its for longest first. */
  holders(): ResourceHolder[];

  /** The figures now. */
  stats(): ResourcePoolStats;

  /** As `drain`. */
  [Symbol.asyncDispose](): Promise<void>;
}

// ----------------------------------------------------------------------------------------------------- Cache

/**
 * Why an entry left a cache: `evict` to make room, `expire` because its time was over, `invalidate` because one of its tags
 * was, `delete` by `delete()`, `set` because another value took its place, `clear` by `clear()` or `close()`.
 */
export type EvictReason = 'evict' | 'expire' | 'invalidate' | 'delete' | 'set' | 'clear';

/**
 * Who makes room in a cache. What they miss on recorded traffic is in docs/caches.md.
 *
 * - `lru`: the entry that was not used for the longest time. Exact. A hit moves the entry in a list.
 * - `s3fifo`: S3-FIFO (Yang et al., SOSP 2023). New entries pass through a tenth of the cache, and go soon unless they are
 *   used twice there or come back. On the recorded traffic of docs/caches.md it misses 4 to 12 % less often than `lru`,
 *   and a scan does not empty the cache. A hit writes one byte. Costs 8 to 16 bytes an entry, for hashes of keys that went. Keys that are neither
 *   strings nor numbers have none, so that they are not known again when they come back.
 * - `sieve`: SIEVE (Zhang et al., NSDI 2024). A queue from which a hand takes what was not used since it came by. Between
 *   the two; not resistant to scans. A hit writes one byte.
 * - `auto`: `lru` until there are 1,000 entries for the first time, and `s3fifo` from then on.
 */
export type CachePolicy = 'auto' | 'lru' | 's3fifo' | 'sieve';

/** Options of {@link Cache}. One of `max` and `maxSize` must be given; both may be. */
export type CacheOptions<K, V> = CacheSettings<K, V> & ({ max: number } | { maxSize: number });

/** What {@link CacheOptions} are made of. */
export interface CacheSettings<K, V> {
  /**
   * Most entries. An integer from 1 to 33,554,432 (2^25). Nothing is allocated for entries that are not there.
   *
   * @default 33_554_432 when `maxSize` is given, else required
   */
  max?: number | undefined;

  /**
   * Most bytes, as `sizeOf` or the `size` option of `set` states them: the sum over all entries. A number > 0, or
   * `Infinity`. Entries are evicted until the sum fits; a single value that is larger is not stored.
   *
   * Approximate: it counts what you say a value takes, not keys, not the cache's own bookkeeping. Costs 8 bytes an
   * entry, and a call of `sizeOf` for each set.
   *
   * @default Infinity, which means that sizes are neither asked for nor counted
   */
  maxSize?: number | undefined;

  /**
   * The size of a value in bytes: a finite number >= 0. Only called when `maxSize` is given, and not when `set` gets
   * a `size`.
   *
   * @default bytes of a typed array, Buffer or ArrayBuffer; two per character of a string (an upper bound: V8 keeps
   *   Latin-1 strings in one). For other values `set` throws `ERR_HEAPWISE_CACHE_SIZE`
   */
  sizeOf?: ((value: V, key: K) => number) | undefined;

  /**
   * Milliseconds that an entry lives after it was set. A number >= 0, or `Infinity`. `set` can say otherwise for its
   * entry.
   *
   * An expired entry is never returned. It is removed when its key is asked for, when later sets come by it (each looks at
   * two entries), and by a timer from about a second after its end on: at most 1,024 entries every 10 ms, so that nothing
   * waits for it. The timer keeps neither the process nor the cache alive; what `onEvict` throws there is an
   * uncaught exception. The first entry with a time costs 8 bytes for every entry, and each get of an entry with a time
   * reads a clock. Under many reads that clock moves in steps of about 1 ms.
   *
   * @default 0, which means for ever, as `Infinity` does
   */
  ttl?: number | undefined;

  /**
   * Whether a get begins the time of an entry anew; `peek` and `has` do not. Costs 8 bytes for every entry once one has a
   * time.
   *
   * @default false: the time is counted from the set
   */
  slidingTtl?: boolean | undefined;

  /**
   * Most milliseconds that an entry with a time lives: a greater `ttl` of the cache or of an entry is cut to it, and with
   * `slidingTtl` it is what an entry lives however often it is used, counted from its set. Entries without a time are
   * not concerned. A number >= 0, or `Infinity`; both 0 and `Infinity` mean no bound. Together with `slidingTtl` it
   * costs 8 bytes for every entry.
   *
   * @default 0
   */
  maxTtl?: number | undefined;

  /**
   * The share by which each time is shortened at most, by chance, so that what was set together does not end together. A
   * number from 0 to 1.
   *
   * @default 0: none is
   */
  jitter?: number | undefined;

  /**
   * Which entry makes room; see {@link CachePolicy}.
   *
   * @default 'auto'
   */
  policy?: CachePolicy | undefined;

  /**
   * Told of each entry that leaves, after the operation that removed it, when the cache may be used again. What it
   * throws comes out of that operation. Setting the value that is there already (`===`) is not reported.
   *
   * @default undefined, which costs nothing
   */
  onEvict?: ((key: K, value: V, reason: EvictReason) => void) | undefined;

  /**
   * The clock for `ttl`: milliseconds that never go back, from any start. For tests.
   *
   * @default `performance.now()`, or under many reads a native clock on the same time line, exact to about 1 ms
   */
  now?: (() => number) | undefined;
}

/** Options of {@link Cache.set}. */
export interface CacheSetOptions {
  /**
   * Milliseconds that this entry lives. A number >= 0, or `Infinity`. 0 and `Infinity` mean for ever.
   *
   * @default the `ttl` of the cache
   */
  ttl?: number | undefined;

  /**
   * The size of this value in bytes, instead of asking `sizeOf`. A finite number >= 0. Without `maxSize` it is
   * ignored.
   *
   * @default what `sizeOf` returns
   */
  size?: number | undefined;

  /**
   * Names by which {@link Cache.invalidateTag} finds this entry and others. The next set of the key replaces them. An
   * entry with tags costs some 100 bytes, and its gets look at each tag.
   *
   * @default none
   */
  tags?: readonly string[] | undefined;
}

/** Options of {@link Cache.getOrLoad}. Times are in milliseconds. */
export interface CacheLoadOptions extends CacheSetOptions {
  /**
   * How long `undefined` or `null` lives when that is what was loaded. A number >= 0, or `Infinity` for ever; 0: it is
   * not stored, so that the next call loads again.
   *
   * @default `ttl`, as any other value
   */
  negativeTtl?: number | undefined;

  /**
   * For how long after a load that failed the key is not loaded again: callers get the same error, at once. A number >= 0,
   * or `Infinity`. A set, a delete or a clear ends it. The last 1,000 failed keys are remembered.
   *
   * @default 0: the next call loads again
   */
  errorTtl?: number | undefined;

  /**
   * For how long after its end a value is returned all the same, while it is loaded anew without anybody waiting. A number
   * >= 0, or `Infinity`. It is kept for that long if it was loaded with this option; `get`, `peek` and `has` do not see
   * it any more.
   *
   * @default 0: whoever asks after the end waits
   */
  staleWhileRevalidate?: number | undefined;

  /**
   * For how long after its end a value is returned if loading it anew fails or takes longer than `timeout`. A number >= 0,
   * or `Infinity`. It is kept for that long if it was loaded with this option.
   *
   * @default 0: the error is what callers get
   */
  staleIfError?: number | undefined;

  /**
   * Loads a value anew before its end, while callers still get it: by chance, the more likely the nearer its end and the
   * longer the load took, so that of many processes few load at a time (Vattani et al., VLDB 2015, "XFetch"). A number >= 0;
   * 1 is what the authors advise, more is earlier. Costs 4 bytes for every entry.
   *
   * @default 0: never before the end
   */
  earlyRefresh?: number | undefined;

  /**
   * How long this caller waits, at most. More than 0, up to 2,147,483,647, or `Infinity`. The load goes on, and its value
   * is stored.
   *
   * @default Infinity
   */
  timeout?: number | undefined;

  /**
   * Ends the wait of this caller: his promise is rejected with the signal's reason. Others who wait for the same load do
   * not notice; when nobody waits for it any more, the signal that the load function was given is aborted, and its value
   * is not stored.
   *
   * @default undefined
   */
  signal?: AbortSignal | undefined;
}

/** What a {@link Cache} would do if it were larger. */
export interface CacheCurvePoint {
  /** How many times as large, by entries: 1.25, 1.5, 2 or 4. */
  scale: number;
  /** The hit rate that it would have had so far, 0 to 1. */
  hitRate: number;
}

/** The figures of a {@link Cache} at one moment. Counts are since the cache was made; `clear` does not reset them. */
export interface CacheStats {
  /** Entries now, those included that have expired but were not yet removed. Count. */
  entries: number;
  /** Most entries. Count. */
  max: number;
  /** Sum of the sizes of all entries in bytes; 0 without `maxSize`. */
  totalSize: number;
  /** The bound of `totalSize` in bytes; `Infinity` when there is none (`null` once in JSON). */
  maxSize: number;
  /** Calls of `get` and `getOrLoad` that found a value. Count. */
  hits: number;
  /** Calls of `get` and `getOrLoad` that found none. Count. */
  misses: number;
  /** Hits per get, 0 to 1; 0 before the first get. */
  hitRate: number;
  /** Values offered by `set`, `getOrLoad` and `load`, those included that were too large. Count. */
  sets: number;
  /** Entries removed to make room. Count. */
  evictions: number;
  /** Entries found expired and removed. Count. */
  expirations: number;
  /** Calls of a load function by `getOrLoad`. Count. */
  loads: number;
  /** Loads that failed, or whose value could not be stored. Count. */
  loadErrors: number;
  /** Values that were returned after their end, by `staleWhileRevalidate` or `staleIfError`. Count; also no hit. */
  staleHits: number;
  /**
   * What more memory would buy: an estimate from one key in 64, whose evictions are remembered. It takes some ten thousand
   * gets to mean something. Keys that are neither strings nor numbers are not in it, nor strings that the cache had to
   * hand to a `Map` (docs/architecture.md).
   */
  curve: CacheCurvePoint[];
}

/** One entry of a {@link CacheDump}: key, value, and what is left of its time, its size, its tags, its namespace. */
export type CacheDumpEntry<K, V> = [
  key: K,
  value: V,
  rest: {
    /** Milliseconds left; 0 for an entry that lives for ever. */
    ttl: number;
    /** Bytes; null in a cache without `maxSize`, and then measured by the cache that loads the dump. */
    size: number | null;
    /** Its tags, if it has any. */
    tags?: string[] | undefined;
    /** That of an entry that is in one. */
    namespace?: string | undefined;
  },
];

/**
 * The entries of a {@link Cache}, in the reverse order of `keys`. Plain data: where keys and values survive JSON, so
 * does the dump.
 */
export type CacheDump<K, V> = CacheDumpEntry<K, V>[];

/**
 * A cache on the heap, bounded by entries or bytes, with expiry. Values are kept by reference. Keys are compared as in
 * a `Map`.
 *
 * It holds no object per entry, and nothing is allocated by a get. V8 still marks every key and value in each major
 * collection.
 *
 * ```js
 * const cache = new Cache({ max: 10_000, ttl: 60_000 });
 * const user = await cache.getOrLoad(id, (id) => database.user(id));
 * ```
 */
export class Cache<K, V> {
  /**
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`, also when neither `max` nor `maxSize` is given
   */
  constructor(options: CacheOptions<K, V>);

  /** Entries now, in all namespaces, those included that are over but were not yet removed. Count; 0 after `close`. */
  readonly size: number;

  /**
   * The value of a key, which becomes the one used last; `undefined` when there is none or its time is over. Counts
   * as hit or miss.
   *
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`
   */
  get(key: K): V | undefined;

  /**
   * As `get`, but without counting and without moving the entry.
   *
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`
   */
  peek(key: K): V | undefined;

  /**
   * Whether the key has a value whose time is not over. Neither counts nor moves the entry.
   *
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`
   */
  has(key: K): boolean;

  /**
   * Stores a value, which becomes the one used last, and lets its time begin anew. A load of this key under way will
   * not overwrite it.
   *
   * @returns false when the value is larger than `maxSize`: it is not stored then, and an old value of the key is
   *   removed
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`
   * @throws {TypeError} `ERR_HEAPWISE_CACHE_SIZE` when there is a `maxSize` and the size is not known or not a finite
   *   number >= 0, after which the old value stays; `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
   */
  set(key: K, value: V, options?: CacheSetOptions): boolean;

  /**
   * Removes a key. The result of a load of this key under way will not be stored.
   *
   * @returns whether there was a value whose time was not over
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`
   */
  delete(key: K): boolean;

  /**
   * Removes all entries, those of all namespaces as well, and gives their memory back. Results of loads under way will not be
   * stored.
   *
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`
   */
  clear(): void;

  /**
   * The keys, the one that is likely to stay for longest first. With `lru` that is from the one used last to the one unused
   * for longest; with `sieve` from the newest to the oldest; with `s3fifo` those that have proved themselves come before
   * the others, both from the newest to the oldest. The order is that of the first `next()`, which
   * copies all keys; entries removed since are left out, entries added since are not seen.
   */
  keys(): IterableIterator<K>;

  /** The values, in the order of `keys`. */
  values(): IterableIterator<V>;

  /** Pairs of key and value, in the order of `keys`. */
  entries(): IterableIterator<[K, V]>;

  /** As `entries`. */
  [Symbol.iterator](): IterableIterator<[K, V]>;

  /**
   * The value of a key; where there is none, calls `load` and stores what it returns. Calls for a key that is being
   * loaded wait for that load: there is one, and what is stored is what its options say; how long to wait, and whether
   * with something stale, is each caller's own. Each of them counts as a miss. An eviction does not end a load; a set,
   * delete or clear does not either, but its value is not stored then.
   *
   * The promise is rejected with what `load` throws, with `ERR_HEAPWISE_CACHE_SIZE` when the size of the value is
   * not known (nothing is stored then, and the next call loads again), with `ERR_HEAPWISE_CACHE_LOAD_TIMEOUT` after
   * `timeout`, or with the reason of `signal`.
   *
   * @param load given the key and a signal that is aborted when nobody waits any more, returns the value or a promise for it
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED` (thrown, not rejected, as the other codes here)
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`, `ERR_HEAPWISE_CACHE_SIZE`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
   */
  getOrLoad(
    key: K,
    load: (key: K, context: { signal: AbortSignal }) => V | PromiseLike<V>,
    options?: CacheLoadOptions,
  ): Promise<V>;

  /**
   * Makes all entries with that tag disappear, in a time that does not depend on their number: they are not found any more
   * from now on, and their memory comes back as that of expired ones does. What is being loaded with that tag is not stored.
   * Entries that get the tag later are not concerned.
   *
   * @returns whether an entry, or a load under way, had the tag
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`
   */
  invalidateTag(tag: string): boolean;

  /**
   * Keys of their own within this cache: the same ones each time it is asked for that name. A namespace without entries is
   * forgotten when nobody has the object any more, so that there may be one for each user.
   *
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`
   */
  namespace(name: string): CacheNamespace<K, V>;

  /** The figures now. Works after `close` as well. */
  stats(): CacheStats;

  /**
   * All entries whose time is not over, for `load`. Copies references, not values.
   *
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`
   */
  dump(): CacheDump<K, V>;

  /**
   * Sets the entries of a dump, oldest first, so that the order of use is that of the dumped cache. Entries that are
   * here already stay, as older ones, unless they make room. Time does not pass between dump and load.
   *
   * Sizes are those in the dump: do not load the dump of a cache without `maxSize`, where all are 0, into one with.
   *
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE` when it is not a dump; nothing is loaded then
   */
  load(dump: CacheDump<K, V>): void;

  /** Removes all entries. After this only `size` and `stats` work, on no entries, here and in all namespaces. */
  close(): void;

  /** As `close`. */
  [Symbol.dispose](): void;
}

/**
 * Keys of a {@link Cache} that are no other one's: `get('5')` of one namespace does not find what another one has set. They
 * share the bounds, the options, the tags and the statistics of the cache, and whoever is used least makes room, in whatever
 * namespace. Its methods are those of the cache.
 */
export interface CacheNamespace<K, V> extends Pick<
  Cache<K, V>,
  | 'get'
  | 'peek'
  | 'has'
  | 'set'
  | 'delete'
  | 'keys'
  | 'values'
  | 'entries'
  | 'getOrLoad'
  | typeof Symbol.iterator
> {
  /** Entries now, those included that are over but were not yet removed. Count; 0 after `clear`, and after `close` of the cache. */
  readonly size: number;

  /**
   * Removes all entries of the namespace, in a time that does not depend on their number: they are not found any more from
   * now on, and their memory comes back as that of expired ones does, when `onEvict` is told of them. Results of loads
   * under way will not be stored.
   *
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`
   */
  clear(): void;
}

/** What values that are neither strings nor bytes become, and how they come back. */
export interface SharedCacheCodec<T = any> {
  /** Makes a string or bytes of a value. What it throws is the `cause` of the error of `set`. */
  encode(value: T): string | Uint8Array;
  /** Makes a value of what `encode` has returned: a string, or a new Buffer. */
  decode(stored: any): T;
}

/** How a {@link SharedCache} compresses values. */
export interface SharedCacheCompression {
  /** `lz4` is fast; `zstd` makes values smaller by a third again, in about twice the time. */
  algorithm: 'lz4' | 'zstd';

  /**
   * Bytes from which a value is compressed, those of a string as it is stored (1 or 2 for each character). A number >= 0.
   * Below the default little is saved.
   *
   * @default 1024
   */
  threshold?: number | undefined;

  /**
   * The level of `zstd`, from fast to small; `lz4` has none. An integer from 1 to 19. At 6 JSON gets a few percent smaller than
   * at the default, in three times the time; from about 10 on a value takes milliseconds.
   *
   * @default 3
   */
  level?: number | undefined;
}

/** Options of {@link SharedCache}. All who open a cache of the same name must give the same ones. */
export interface SharedCacheOptions<T = any> {
  /**
   * The cache of this name in this process, the same one for all threads that open it: this is how a worker gets a
   * cache of the main thread. It ends when the last of them has closed it. A string that is not empty.
   *
   * @default undefined, a cache that nobody else can open
   */
  name?: string | undefined;

  /**
   * Bytes that the cache may take from the system for everything: keys, values, index, headers and what is free in
   * between. One budget for all threads. An integer from 1 MiB to nearly 64 GiB. Memory is taken as it is needed, and
   * only addresses are reserved. One entry may take half of it.
   */
  maxBytes: number;

  /**
   * Most entries. An integer >= 1, or `Infinity`.
   *
   * @default Infinity, bounded by `maxBytes` alone
   */
  max?: number | undefined;

  /**
   * Milliseconds that an entry lives after it was set. A number >= 0, or `Infinity`; fractions are rounded up. `set`
   * can say otherwise for its entry. 0 and `Infinity` mean for ever.
   *
   * An expired entry is never returned. A thread of the process removes it within about 200 ms, without blocking others
   * for longer than a get does. An entry with a time costs 16 bytes more.
   *
   * @default 0
   */
  ttl?: number | undefined;

  /**
   * No entry lives longer than this after it was set, whatever its `ttl`, and however often it is used. Milliseconds;
   * 0 and `Infinity` mean no bound.
   *
   * @default 0
   */
  maxTtl?: number | undefined;

  /**
   * By which part a time to live is shortened at most, by chance, so that entries set at once do not expire at once.
   * 0 to 1.
   *
   * @default 0
   */
  jitter?: number | undefined;

  /**
   * Whether each get starts the time to live again, up to `maxTtl`. Costs 12 bytes more an entry. Times above 49 days
   * count as 49 days.
   *
   * @default false
   */
  slidingTtl?: boolean | undefined;

  /**
   * Which entry makes room. `lru`: the one that was not used for longest; a get needs its shard for itself. `s3fifo`
   * and `sieve` resist scans, usually miss less, and let gets of several threads run side by side. `auto` is `lru` below
   * a `max` of 1,000, else `s3fifo`.
   *
   * @default 'auto'
   */
  policy?: 'auto' | 'lru' | 's3fifo' | 'sieve' | undefined;

  /**
   * Parts with a lock and an order of their own. A power of two, 1 to 256; above 2, no more than one for each 3 MiB of
   * `maxBytes`. With 1, `lru` is exact; with more, each
   * evicts its own entries, which differs from the exact order by chance only.
   *
   * @default one for each 4 MiB of `maxBytes` and each 1,024 entries of `max`, 64 at most
   */
  shards?: number | undefined;

  /**
   * How values are stored that are neither strings, Buffers nor typed arrays. `json`: `JSON.stringify` and `JSON.parse`;
   * `v8`: the structured clone algorithm. Each get makes a new value.
   *
   * @default undefined: `set` throws `ERR_HEAPWISE_INVALID_ARG_TYPE` for such values
   */
  codec?: 'json' | 'v8' | SharedCacheCodec<T> | undefined;

  /**
   * Whether values are stored compressed: an algorithm, or one with settings. A value is where that saves an eighth of it at
   * least. `maxBytes` counts what is stored, but one value may take half of it before it is compressed, too.
   *
   * `set` compresses and `get` decompresses on this thread, without holding a lock: for JSON of 10 KB that takes tens of
   * microseconds and about ten. `setAsync` and `getAsync` leave large values to other threads.
   *
   * @default undefined, no value
   */
  compression?: 'lz4' | 'zstd' | SharedCacheCompression | undefined;
}

/** Options of {@link SharedCache.set}. */
export interface SharedCacheSetOptions {
  /**
   * Milliseconds that this entry lives. A number >= 0, or `Infinity`. 0 and `Infinity` mean for ever.
   *
   * @default the `ttl` of the cache
   */
  ttl?: number | undefined;

  /**
   * Names by which {@link SharedCache.invalidateTag} finds the entry, in all threads. At most 255 strings of 16,384 bytes
   * in all. They take 5 bytes of the entry and 4 for each, and the memory of a name once for all entries that have it; all
   * of it is in the budget.
   *
   * @default none
   */
  tags?: readonly string[] | undefined;
}

/**
 * Options of {@link SharedCache.getOrLoad}. They mean what those of {@link Cache.getOrLoad} do. What is to serve after its end
 * takes 5 bytes for that.
 */
export interface SharedCacheLoadOptions
  extends
    SharedCacheSetOptions,
    Pick<
      CacheLoadOptions,
      'negativeTtl' | 'errorTtl' | 'staleWhileRevalidate' | 'staleIfError' | 'timeout' | 'signal'
    > {}

/** Options of {@link SharedCache.keys}, `values` and `entries`. */
export interface SharedCacheKeysOptions {
  /**
   * Only keys that begin with these bytes, UTF-8 if it is a string. All other keys are looked at as well, but outside
   * of JavaScript.
   *
   * @default '', all keys
   */
  prefix?: string | Uint8Array | undefined;

  /**
   * Whether all keys come as Buffers. Otherwise they come as strings, and as Buffers only where their bytes are no
   * UTF-8. Either finds the entry: a string is the same key as a Buffer of its UTF-8.
   *
   * @default false
   */
  buffers?: boolean | undefined;
}

/** Options of {@link SharedCache.scan}. */
export interface SharedCacheScanOptions extends SharedCacheKeysOptions {
  /**
   * About how many entries are looked at, whether their keys begin with the prefix or not. An integer >= 1. Fewer are where
   * keys are long: a step ends after 64 KiB of them.
   *
   * @default 256
   */
  count?: number | undefined;
}

/** What a step of {@link SharedCache.scan} has found. */
export interface SharedCacheScan<K = string | Buffer> {
  /** Where to go on; `undefined` when that was all. */
  cursor: number | undefined;
  /** In no order. There may be none though there are more to come. */
  keys: K[];
}

/** Options of {@link SharedCache.save}. */
export interface SharedCacheSaveOptions {
  /**
   * Bytes that may be kept of what others change while the cache is saved, beside `maxBytes`: an entry that is removed or
   * set again before it was written is copied first. Of values above 256 KiB it is memory of the cache, which cannot be used
   * until they are written. Beyond this the save fails, and the cache goes on. An integer >= 0.
   *
   * @default an eighth of `maxBytes`, at least 16 MiB
   */
  maxExtraBytes?: number | undefined;
}

/** What {@link SharedCache.save} has done. */
export interface SharedCacheSaveInfo {
  /** Entries in the file. Count. */
  entries: number;
  /** Bytes of the file. */
  bytes: number;
  /** Milliseconds from the start of the thread until the file was in its place. */
  duration: number;
  /** The moment whose entries these are. Milliseconds since 1970, as of `Date.now()`. */
  savedAt: number;
  /** Most bytes that were kept of what others changed meanwhile: see `maxExtraBytes`. */
  extraBytes: number;
}

/** Options of {@link SharedCache.open}: those of the constructor, and one more. */
export interface SharedCacheOpenOptions<T = any> extends SharedCacheOptions<T> {
  /**
   * What to do if there is no file, as before the first save. `error`: reject with
   * `ERR_HEAPWISE_SHARED_CACHE_FILE_MISSING`. `empty`: open an empty cache, whose `restored.savedAt` is `undefined`.
   *
   * @default 'error'
   */
  ifMissing?: 'error' | 'empty' | undefined;
}

/** What {@link SharedCache.open} has found in the file. */
export interface SharedCacheRestoreInfo {
  /** Entries that came into the cache. Count. */
  entries: number;
  /** Entries in the file whose time was over. Count. */
  expired: number;
  /** Entries for which this cache is too small: those that its policy gives up first, and values over half of `maxBytes`. Count. */
  leftOut: number;
  /** Bytes of the file. */
  bytes: number;
  /** Milliseconds that loading took on its thread. */
  duration: number;
  /** The moment at which it was saved, in milliseconds since 1970; `undefined` if there was no file. */
  savedAt: number | undefined;
}

/** The figures of a {@link SharedCache}, of all threads. Counts are since the cache was made; `clear` does not reset them. */
export interface SharedCacheStats {
  /** Entries now, those included that have expired or were invalidated but were not yet removed. Count. */
  entries: number;
  /** Most entries; `Infinity` when there is no bound. Count. */
  max: number;
  /** Bytes taken from the system now: `keyBytes + valueBytes + overheadBytes + freeBytes`. */
  bytes: number;
  /** Bytes that may be taken. */
  maxBytes: number;
  /** Bytes of all keys. */
  keyBytes: number;
  /** Bytes of all values as they are stored. */
  valueBytes: number;
  /** Bytes of headers, rounding, index, tags and what policies remember. */
  overheadBytes: number;
  /** Bytes that are free between entries, or above them. */
  freeBytes: number;
  /** Entries whose value is stored compressed. Count. */
  compressedEntries: number;
  /** Bytes of those values as they are stored, a part of `valueBytes`. */
  compressedBytes: number;
  /** Bytes of the same values before. */
  bytesBeforeCompression: number;
  /** `bytesBeforeCompression / compressedBytes`; 1 when no value is compressed. */
  compressionRatio: number;
  /** Gets that found a value. Count. */
  hits: number;
  /** Gets that found none. Count. */
  misses: number;
  /** Hits per get, 0 to 1; 0 before the first get. */
  hitRate: number;
  /** Values stored. Count. */
  sets: number;
  /** Entries removed by `delete`. Count. */
  deletes: number;
  /** Entries removed to make room. Count. */
  evictions: number;
  /** Entries removed because their time was over. Count. */
  expirations: number;
  /** Entries removed because a tag of theirs was invalidated. Count. */
  invalidations: number;
  /** Times that `getOrLoad` has called a load function. Count. */
  loads: number;
  /** Loads that have failed. Count. */
  loadErrors: number;
  /** Values that were served after their end, neither hits nor misses. Count. */
  staleHits: number;
}

/**
 * A cache outside of the JavaScript heap, which all threads of a process can share. Values are copied in and out, so that
 * nobody can change what is stored, and garbage collections do not look at it.
 *
 * ```js
 * const cache = new SharedCache({ name: 'pages', maxBytes: 1 << 30, ttl: 60_000 });
 * cache.set('/index', html);
 * // in a worker: the same entries
 * new SharedCache({ name: 'pages', maxBytes: 1 << 30, ttl: 60_000 }).get('/index');
 * ```
 *
 * Keys are strings or bytes, 1 to 65,535 bytes long; a string is the same key as a Buffer of its UTF-8. A get copies:
 * up to some kilobytes that takes less than a microsecond, beyond that it depends on the length.
 *
 * `process.memoryUsage()` shows it in `rss` only; `stats().bytes` is what it takes. V8 is told of 16 MiB of it at most, by
 * one of the threads that have it open: enough for a forgotten cache to be collected, without collections for its growth.
 */
export class SharedCache<T = any> {
  /**
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`; `ERR_HEAPWISE_SHARED_CACHE_SETTINGS` when a cache of that
   *   name is open with other options
   * @throws {Error} `ERR_HEAPWISE_SHARED_CACHE_MEMORY` when the system has no addresses or no memory for it
   */
  constructor(options: SharedCacheOptions<T>);

  /**
   * Opens a cache with the entries of a file that `save` has written: a warm restart. A thread reads it; the cache is seen
   * under its name when it is whole, and not at all if the file is refused.
   *
   * Options need not be those of the saved cache, but for its codec. Times to live have gone on meanwhile: what is over
   * is left out, and nothing lives longer than `maxTtl` from now on. The order of eviction is kept, to about 1/256 where
   * the number of shards differs or is above 1. A file that holds more than fits leaves out what the policy gives up first.
   * Counts begin at 0, but for `evictions`.
   *
   * The promise keeps the process alive, as those of `node:fs/promises` do. One thread opens the file; others use the
   * constructor, with the name, when it is open.
   *
   * @param path a path or a `file:` URL
   * @throws as the constructor does; rejects the promise
   * @throws {Error} `ERR_HEAPWISE_SHARED_CACHE_OPEN` when a cache of the name is open, which stays as it is;
   *   `ERR_HEAPWISE_SHARED_CACHE_FILE_MISSING`, `ERR_HEAPWISE_SHARED_CACHE_FILE_INVALID`,
   *   `ERR_HEAPWISE_SHARED_CACHE_FILE_VERSION`, `ERR_HEAPWISE_SHARED_CACHE_FILE_CODEC`;
   *   `ERR_HEAPWISE_SHARED_CACHE_FILE`, with the system's error as `cause`
   */
  static open<T = any>(path: string | URL, options: SharedCacheOpenOptions<T>): Promise<SharedCache<T>>;

  /** The name it was opened by, if any. */
  readonly name: string | undefined;

  /** What was found in the file, if this object came from `SharedCache.open`. */
  readonly restored: SharedCacheRestoreInfo | undefined;

  /** Entries now, those included that have expired but were not yet removed. Count. */
  readonly size: number;

  /**
   * The value of a key, or `undefined`. Strings come back as strings, Buffers as new Buffers, typed arrays as new arrays
   * of their class, anything else as what the codec makes of it. Counts as a use.
   *
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE` when the key is neither string nor bytes
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE` when it is empty or too long
   * @throws {Error} `ERR_HEAPWISE_SHARED_CACHE_CODEC`, with a `cause`; `ERR_HEAPWISE_SHARED_CACHE_DAMAGED`;
   *   `ERR_HEAPWISE_CACHE_CLOSED`
   */
  get(key: string | Uint8Array): T | undefined;

  /**
   * As `get`, but a large compressed value is decompressed by a thread of libuv's pool: from 64 KiB on with `lz4`, from 32
   * KiB with `zstd`. Below, and where values are not compressed, that would take more of this thread's time than it saves, and
   * the value is got at once. A codec decodes on this thread in any case.
   *
   * It is the value that was there at the time of the call, whatever is done to the key, or to the cache, meanwhile.
   *
   * @throws as `get` does, by rejecting
   */
  getAsync(key: string | Uint8Array): Promise<T | undefined>;

  /**
   * The bytes of a value as a new Buffer, whatever it was: UTF-8 of a string, and what the codec has made of other values.
   *
   * @throws as `get` does
   */
  getBuffer(key: string | Uint8Array): Buffer | undefined;

  /**
   * Copies the bytes of a value to the beginning of a Buffer and returns how many there are; makes no object. Bytes as
   * in `getBuffer`.
   *
   * @throws as `get` does
   * @throws {RangeError} `ERR_HEAPWISE_SHARED_CACHE_TARGET` when the target is too small
   */
  getInto(key: string | Uint8Array, target: Uint8Array): number | undefined;

  /** Whether there is a value. Counts neither as a hit nor as a use. @throws as `get` does */
  has(key: string | Uint8Array): boolean;

  /**
   * Stores a value. When it throws, the old value is still there.
   *
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`; `ERR_HEAPWISE_SHARED_CACHE_TOO_LARGE` when key and value are
   *   more than half of `maxBytes`
   * @throws {Error} `ERR_HEAPWISE_SHARED_CACHE_CODEC`, with a `cause` where the codec threw;
   *   `ERR_HEAPWISE_SHARED_CACHE_MEMORY`; `ERR_HEAPWISE_CACHE_CLOSED`
   */
  set(key: string | Uint8Array, value: T, options?: SharedCacheSetOptions): void;

  /** The value of a key, as `get` returns it. Counts neither as a hit nor as a use. @throws as `get` does */
  peek(key: string | Uint8Array): T | undefined;

  /**
   * The value of a key; where there is none, calls `load` and stores what it returns. Of all threads that ask for a key at a
   * time one calls its load function, the others wait for it and read what it has stored. What is stored is what its options
   * say; how long to wait, and whether with something stale, is each caller's own.
   *
   * - If the load fails, its own thread's callers get what it has thrown, and those in other threads
   *   `ERR_HEAPWISE_SHARED_CACHE_LOAD`, whose message has it as text.
   * - If its thread ends, or closes the cache, one of those who wait in another thread calls its own load function. So it is
   *   when a set, a delete, `clear` or `invalidateTag` has come in between and left no value: callers in the thread that
   *   has loaded get what it has loaded, which is not stored.
   * - If the cache does not take the value because it is too large, each thread that waits loads it for itself.
   *
   * A thread that waits for another one does not end meanwhile. `undefined` and `null` can be loaded in every cache.
   *
   * @param load given the key and a signal that is aborted when nobody waits any more, returns the value or a promise for it
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION` (thrown, not rejected, as the next two)
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`, also as a rejection when it is closed while another thread loads. Only as
   *   rejections: `ERR_HEAPWISE_SHARED_CACHE_LOAD`, `ERR_HEAPWISE_SHARED_CACHE_CODEC`, `ERR_HEAPWISE_CACHE_LOAD_TIMEOUT`, the
   *   reason of `signal`, and what `load` throws
   */
  getOrLoad<K extends string | Uint8Array>(
    key: K,
    load: (key: K, context: { signal: AbortSignal }) => T | PromiseLike<T>,
    options?: SharedCacheLoadOptions,
  ): Promise<T>;

  /**
   * As `set`, but a large value is compressed by a thread of libuv's pool: from 16 KiB on with `lz4`, from 8 KiB with `zstd`,
   * from 2 KiB above its level 3. Below, and without compression, the value is set at once. A codec encodes, and the value is
   * copied, on this thread during the call: what is done to a Buffer after it does not matter.
   *
   * The promise is fulfilled when the value can be got. Of two calls for one key on one thread the later one wins, whichever
   * is done first, and so does whatever else is done to the key after a `setAsync`: a `set` or a `delete`, a `deletePrefix` or
   * `clear`, an `invalidateTag` of one of its tags, a `getOrLoad` that was called later and stores what it has loaded. The
   * promise of what was overtaken is fulfilled as well. What an earlier `getOrLoad` loads is not stored. Of two threads one wins, whole. Each call under way holds a copy of its value, which `maxBytes` does not count.
   *
   * @throws as `set` does, by rejecting; `ERR_HEAPWISE_CACHE_CLOSED` also when the cache is closed meanwhile
   */
  setAsync(key: string | Uint8Array, value: T, options?: SharedCacheSetOptions): Promise<void>;

  /** Removes an entry, and returns whether there was one. @throws as `get` does */
  delete(key: string | Uint8Array): boolean;

  /**
   * Removes all entries whose keys begin with a prefix, and resolves with how many there were. It looks at all keys, some
   * thousands in one turn of the event loop; entries that are set meanwhile are removed or not.
   *
   * @param prefix a string or bytes that are not empty; UTF-8 of a string
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`, also as a rejection when it is closed in the middle
   */
  deletePrefix(prefix: string | Uint8Array): Promise<number>;

  /**
   * The keys, in no order, a few hundred at a time: no copy of all of them is made, and no other thread waits for more
   * than that. Other threads, and the loop itself, may change the cache meanwhile: what is there all the time
   * comes once, what is set or removed meanwhile comes once or not at all. Counts no hits and no uses.
   *
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE` when the prefix is too long
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`, also when it is closed in the middle
   */
  keys(options: SharedCacheKeysOptions & { buffers: true }): IterableIterator<Buffer>;
  keys(options?: SharedCacheKeysOptions): IterableIterator<string | Buffer>;

  /** The values, as `keys` and `peek` find them. @throws as these do */
  values(options?: SharedCacheKeysOptions): IterableIterator<T>;

  /** Keys and values, as `keys` and `peek` find them. @throws as these do */
  entries(options: SharedCacheKeysOptions & { buffers: true }): IterableIterator<[Buffer, T]>;
  entries(options?: SharedCacheKeysOptions): IterableIterator<[string | Buffer, T]>;

  /** As `entries`. */
  [Symbol.iterator](): IterableIterator<[string | Buffer, T]>;

  /**
   * One step of a walk over all keys, for those who cannot wait for a loop over `keys` to end. A walk promises what `keys`
   * does. It needs no end, and its cursor is of use to all threads for as long as the cache is open.
   *
   * ```js
   * for (let cursor = 0; cursor !== undefined; await setImmediate()) {
   *   const found = cache.scan(cursor, { prefix: 'user:' });
   *   handle(found.keys);
   *   cursor = found.cursor;
   * }
   * ```
   *
   * @param cursor where to go on: what the step before has returned. An integer; 0, the default, is the beginning
   * @throws as `keys` does
   */
  scan(
    cursor: number | undefined,
    options: SharedCacheScanOptions & { buffers: true },
  ): SharedCacheScan<Buffer>;
  scan(cursor?: number, options?: SharedCacheScanOptions): SharedCacheScan;

  /**
   * Removes all entries. They are gone at once; their memory comes free soon after, on a thread.
   *
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`, `ERR_HEAPWISE_SHARED_CACHE_MEMORY`
   */
  clear(): void;

  /**
   * Hides all entries that have this tag, in all threads, in the same time for one and for a million. A thread removes them
   * in the background; entries that get the tag afterwards are not concerned.
   *
   * @returns whether an entry, or a load under way, had it
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`
   * @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED`
   */
  invalidateTag(tag: string): boolean;

  /** The figures at this moment. Reading them changes nothing. @throws {Error} `ERR_HEAPWISE_CACHE_CLOSED` */
  stats(): SharedCacheStats;

  /**
   * Writes all entries to a file, as they are at one moment soon after the call, for `SharedCache.open`. A thread writes it, while all
   * threads go on using the cache. Entries whose time is over are left out.
   *
   * The old file is replaced when the new one is whole and written through, and never touched before: whatever fails, and
   * if the process is killed, it stays as it was. Until then the new one is beside it, with `.heapwise-save` added to its
   * name; if a dead process has left one there, the next save removes it. Only the owner may read and write the file. Where
   * the path is a link, the file that it points to is replaced.
   *
   * A `close` does not end a save, nor does `clear` change what it writes. The end of the thread that has called it, or
   * `process.exit`, ends it without a file. The promise keeps the process alive, as those of `node:fs/promises` do.
   *
   * @param path a path or a `file:` URL
   * @throws all of this rejects the promise
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
   * @throws {Error} `ERR_HEAPWISE_SHARED_CACHE_SAVE_BUSY` when another save to this path runs, also of another process, or
   *   another save of this cache; `ERR_HEAPWISE_SHARED_CACHE_SAVE_OVERRUN`; `ERR_HEAPWISE_SHARED_CACHE_FILE`, with the
   *   system's error as `cause`; `ERR_HEAPWISE_CACHE_CLOSED`, `ERR_HEAPWISE_UNSUPPORTED`
   */
  save(path: string | URL, options?: SharedCacheSaveOptions): Promise<SharedCacheSaveInfo>;

  /**
   * Closes it for this thread. The last who closes a cache ends it; its memory comes free soon after, on a thread.
   * Closing twice does no harm; all else throws `ERR_HEAPWISE_CACHE_CLOSED` then.
   */
  close(): void;

  /** Calls `close`. */
  [Symbol.dispose](): void;
}

// ------------------------------------------------------------------------------------------------- TieredCache

/** When a {@link TieredCache} stops asking its far tier, and when it tries again. */
export interface TieredCacheBreakerOptions {
  /**
   * Calls that have failed or taken too long within `window`, and are at least half of all calls, until the far tier is not
   * asked any more. An integer >= 1.
   *
   * @default 5
   */
  failures?: number | undefined;

  /** What counts as of late. Milliseconds: a number > 0. @default 10_000 */
  window?: number | undefined;

  /**
   * After how long one call is let through, to see whether the far tier is back. Twice as long after each that fails.
   * Milliseconds: a number > 0, at most 2,147,483,647, or `Infinity`.
   *
   * @default 1000
   */
  cooldown?: number | undefined;

  /** What `cooldown` grows to at most. Milliseconds, as `cooldown`. @default 30_000 */
  maxCooldown?: number | undefined;
}

/** A subscription of an {@link InvalidationBus}. */
export interface InvalidationSubscription {
  /** Fulfilled when messages arrive from now on. */
  ready: PromiseLike<unknown>;
  /** Ends it. Called once. */
  close(): void;
  /** Called every `heartbeat`. Rejected, or not fulfilled within a `heartbeat`: it is lost. @default undefined: not asked */
  ping?: (() => PromiseLike<unknown>) | undefined;
}

/** How the caches of several processes tell each other what has changed. All of them get every message, or are told that not. */
export interface InvalidationBus {
  /** Sends a message to all who subscribe. Rejects if it cannot be sent: it is kept then, and sent later. */
  publish(message: string): PromiseLike<unknown>;
  /**
   * Begins a subscription. `onLost` is called when messages may have been missed; another subscription is begun then, after
   * a while. It must not keep the process alive.
   */
  subscribe(
    onMessage: (message: string) => void,
    onLost: (reason: unknown) => void,
  ): InvalidationSubscription;
}

/** How a {@link TieredCache} hears of what other processes change. */
export interface TieredCacheInvalidationOptions {
  /**
   * How processes tell each other.
   *
   * @default the publish and subscribe of the far tier where that is `@keyv/redis` or `@keyv/valkey` (no cluster), over one
   *   more connection; otherwise none
   */
  bus?: InvalidationBus | undefined;

  /**
   * The channel of Redis or Valkey. All caches over the same keys must have the same.
   *
   * @default 'heapwise:invalidate', with a colon and the namespace of the store behind it if it has one
   */
  channel?: string | undefined;

  /**
   * How often the subscription is asked whether it is alive. Milliseconds: a number > 0, at most 2,147,483,647, or
   * `Infinity` for never: a connection that has died without a word is then not noticed.
   *
   * @default 5000
   */
  heartbeat?: number | undefined;
}

/** What a Keyv and its storage adapters have in common. */
export interface FarStore {
  get(key: string): any;
  set(key: string, value: any, time?: number): any;
  delete(key: string): any;
  clear(): any;
}

/** Options of {@link TieredCache}. */
export interface TieredCacheOptions<T = any> {
  /**
   * The cache in this process. Nobody else should set or delete in it. A `Cache` hands out the same object each time,
   * until it is read from the far tier again, which makes a new one.
   */
  near: Cache<string, T> | SharedCache<T>;

  /**
   * What processes share: a Keyv (5 from 5.6 on, or 6), or a storage adapter of Keyv by itself, in which values are then kept
   * as Keyv keeps them by default. A Keyv is not changed, its hooks run. Not a `Map`.
   */
  far: FarStore;

  /**
   * Milliseconds that values live, in both tiers. A number >= 0, or `Infinity`; 0 and `Infinity` are for ever. What is read from
   * the far tier has in the near one what is left of it.
   *
   * @default 0
   */
  ttl?: number | undefined;

  /**
   * Milliseconds that values stay in the near tier at most. A number >= 0, or `Infinity`; 0 and `Infinity` are no bound of its
   * own. It bounds how old a value can be whose invalidation was not heard.
   *
   * @default 0
   */
  nearTtl?: number | undefined;

  /**
   * Milliseconds that the far tier keeps values after their end, for `getOrLoad` to return when a load fails. A number >= 0.
   * Everybody who writes to the far tier must have the same: its entries live for so much longer, and whoever reads them
   * takes that off.
   *
   * @default 0: a load that fails, fails
   */
  staleIfError?: number | undefined;

  /**
   * How long a call of the far tier may take. Milliseconds: a number > 0, at most 2,147,483,647, or `Infinity`. `clear` has
   * 30 seconds.
   *
   * @default 500
   */
  timeout?: number | undefined;

  /**
   * Calls of the far tier that may be under way. Beyond it the far tier is passed over, as if it were away. An integer >= 1.
   *
   * @default 1000
   */
  maxInFlight?: number | undefined;

  /**
   * Keys whose writes nobody waits for. Up to so many `set` is fulfilled as soon as the near tier has the value; beyond it
   * `set` waits for the far tier. What has not been written when the process ends is lost. An integer >= 0; 0: `set` always
   * waits.
   *
   * @default 0
   */
  writeBehind?: number | undefined;

  /** When the far tier is left alone. @default its defaults */
  breaker?: TieredCacheBreakerOptions | undefined;

  /**
   * Keys that are remembered because the far tier has them wrong, or others could not be told: they are removed there, and
   * others told, as soon as that works. If there are more, it is everything that is removed or told. An integer >= 1.
   *
   * @default 10_000
   */
  maxKept?: number | undefined;

  /** How it hears of what other processes change; `false`: not at all. @default its defaults */
  invalidation?: TieredCacheInvalidationOptions | false | undefined;
}

/** Options of {@link TieredCache.set}. */
export interface TieredCacheSetOptions {
  /** Milliseconds that the value lives, as `ttl` of the cache. @default the `ttl` of the cache */
  ttl?: number | undefined;
}

/** Options of {@link TieredCache.getOrLoad}. */
export interface TieredCacheLoadOptions extends TieredCacheSetOptions {
  /**
   * Milliseconds that "there is no such thing" is remembered: a load that returns `null` or `undefined` is kept as `null` for so
   * long. 0: such a result is not kept.
   *
   * @default undefined: `null` is kept like other values, `undefined` is not kept
   */
  negativeTtl?: number | undefined;

  /**
   * Milliseconds in which nobody in this process tries again after a load that failed: they get the same failure, or the same
   * stale value. A number >= 0, or `Infinity`.
   *
   * @default 0
   */
  errorTtl?: number | undefined;

  /** As in {@link CacheLoadOptions}: how long this caller waits, for far tier and load together. @default Infinity */
  timeout?: number | undefined;

  /** As in {@link CacheLoadOptions}. @default undefined */
  signal?: AbortSignal | undefined;
}

/** The figures of a {@link TieredCache}. Counts are since it was made. */
export interface TieredCacheStats {
  /** Entries of the near tier now. Count. */
  entries: number;
  /** Entries that the near tier may have; `Infinity` when there is no bound. Count. */
  max: number;
  /** Values found in either tier. Count. */
  hits: number;
  /** Of these those found in the near tier. Count. */
  nearHits: number;
  /** Of these those found in the far tier. Count. */
  farHits: number;
  /** Values found in neither, or where the far tier could not be asked. Count. */
  misses: number;
  /** Hits per get, 0 to 1; 0 before the first get. */
  hitRate: number;
  /** Calls of `set`. Count. */
  sets: number;
  /** Calls of `delete`. Count. */
  deletes: number;
  /** Calls of load functions. Count. */
  loads: number;
  /** Of these those that failed. Count. */
  loadErrors: number;
  /** Of these those in whose place a stale value was returned; hits of the far tier as well. Count. */
  staleHits: number;
  /** Entries that the near tier has removed to make room. Count. */
  evictions: number;
  /** Entries that the near tier has removed because their time was over. Count. */
  expirations: number;
  /** The figures of the near tier. */
  near: CacheStats | SharedCacheStats;
  /** The far tier. */
  far: {
    /** `closed`: it is asked; `open`: it is not; `half-open`: one call finds out. */
    state: 'closed' | 'open' | 'half-open';
    /** Calls made. Count. */
    calls: number;
    /** Calls that failed, those that took too long included. Count. */
    failures: number;
    /** Calls that took too long. Count. */
    timeouts: number;
    /** Calls not made: the breaker is open, or too many are under way. Count. */
    skipped: number;
    /** Values that could not be read or written as what they are. Those read were removed. Count. */
    corrupt: number;
    /** Keys being written now. Count. */
    writing: number;
    /** Keys that it has wrong, or that others are yet to be told of; `Infinity` for everything. Count. */
    kept: number;
  };
  /** What processes tell each other. */
  invalidation: {
    /** `none`: there is no bus; `up`: messages arrive; `down`: they do not, for now. */
    state: 'none' | 'up' | 'down';
    /** Messages sent; each is about all keys of one turn of the event loop. Count. */
    sent: number;
    /** Messages that could not be sent; what they were about is sent later. Count. */
    unsent: number;
    /** Messages received from others. Count. */
    received: number;
    /** Times that the near tier was cleared because messages may have been missed, the first subscription included. Count. */
    resets: number;
  };
}

/** The events of a {@link TieredCache}. None of them has to be listened to. */
export interface TieredCacheEvents {
  /** The state of the breaker has changed. */
  state: [state: 'closed' | 'open' | 'half-open'];
  /** A call of the far tier has failed, or a value could not be read or written there. */
  failure: [reason: unknown, operation: string];
  /** Invalidations of others arrive from now on (the near tier was cleared), or do not for now. */
  subscription: [up: boolean, reason?: unknown];
}

/**
 * A cache in the process in front of a store that processes share.
 *
 * ```js
 * const { Keyv } = require('keyv');
 * const { default: KeyvRedis } = require('@keyv/redis');
 *
 * const users = new TieredCache({
 *   near: new Cache({ max: 10_000 }),
 *   far: new Keyv({ store: new KeyvRedis('redis://localhost:6379'), namespace: 'users' }),
 *   ttl: 60_000,
 * });
 * const user = await users.getOrLoad(id, (id) => database.user(id));
 * ```
 *
 * A failure of the far tier is never a failure of a call: reads go on with the near tier and the load functions, writes with the
 * near tier; what the far tier then has wrong is remembered, not read, and removed when it is back. When it is slow or away, it
 * is left alone for a while (`breaker`).
 *
 * A `set`, `delete` or `clear` is told to other processes over the store's publish and subscribe: they drop the key from their
 * near tier. A value that is loaded is not told. When a subscription was lost, the near tier goes on as it is, and is
 * cleared when there is another one.
 *
 * Keys are strings that are not empty; values are what JSON can say, and bytes, or what the serialization of your Keyv takes. It
 * closes neither of its tiers, and whether the far one keeps the process alive is not its affair.
 */
export class TieredCache<T = any> extends EventEmitter<TieredCacheEvents> {
  /**
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
   */
  constructor(options: TieredCacheOptions<T>);

  /**
   * The value of a key, from the near tier or the far one, or `undefined`. Rejects as every method does: with
   * `ERR_HEAPWISE_INVALID_ARG_TYPE` or `ERR_HEAPWISE_INVALID_ARG_VALUE` for what is no key, `ERR_HEAPWISE_CACHE_CLOSED`, and
   * with what the near tier throws.
   */
  get(key: string): Promise<T | undefined>;

  /** The values of keys, in order. The far tier is asked once for all that the near one does not have. */
  getMany(keys: readonly string[]): Promise<(T | undefined)[]>;

  /** Whether there is a value. Counts as nothing. */
  has(key: string): Promise<boolean>;

  /**
   * Stores a value in the near tier, at once, and in the far one. Fulfilled with whether the far tier has it and others were
   * told, or with `writeBehind` will be. Rejects with `ERR_HEAPWISE_INVALID_ARG_TYPE` for `undefined`, functions and symbols, and
   * with what the near tier throws, unless it is too large for that: then only the far tier has it.
   */
  set(key: string, value: T, options?: TieredCacheSetOptions): Promise<boolean>;

  /** Removes a key from both tiers, and is fulfilled with whether one of them is known to have had it. */
  delete(key: string): Promise<boolean>;

  /**
   * Clears both tiers: of a far tier with a namespace what is in it, otherwise what its own `clear` removes. Fulfilled with
   * whether the far tier is clear and others were told; if not, it will be done when it is back.
   */
  clear(): Promise<boolean>;

  /**
   * The value of a key, from the near tier, the far one, or the load function, which is called once however many ask in this
   * process. What was loaded is stored in both tiers; nobody waits for the far one. A set, a delete, a clear or an
   * invalidation during a load wins: its callers get what was loaded, neither tier keeps it.
   *
   * Rejects with what the load function throws; `ERR_HEAPWISE_CACHE_LOAD_TIMEOUT`; the reason of the signal.
   */
  getOrLoad(
    key: string,
    load: (key: string, context: { signal: AbortSignal }) => T | PromiseLike<T>,
    options?: TieredCacheLoadOptions,
  ): Promise<T>;

  /**
   * Fulfilled when the invalidations of others arrive, at once if none are to, and when it is closed. Waiting for it does not
   * keep the process alive.
   */
  ready(): Promise<void>;

  /** The figures at this moment. Reading them changes nothing. @throws what `stats` of the near tier throws */
  stats(): TieredCacheStats;

  /**
   * Ends the subscription, waits for the writes under way, and tries once to send what was kept. Closing twice does no
   * harm. Both tiers stay open.
   */
  close(): Promise<void>;

  /** Calls `close`. */
  [Symbol.asyncDispose](): Promise<void>;
}

// ------------------------------------------------------------------------------------------------- Histogram

/** Options of {@link Histogram}. Their unit is that of the values: anything, here milliseconds by default. */
export interface HistogramOptions {
  /**
   * Smallest value that is told apart from 0. A number > 0.
   *
   * @default 0.001
   */
  lowest?: number | undefined;

  /**
   * Largest value that is counted as itself; larger ones are counted as this one. At least 2 * `lowest`, at most 2^62
   * times `lowest`.
   *
   * @default 3_600_000
   */
  highest?: number | undefined;

  /**
   * Decimal digits that a percentile is right to. An integer from 1 to 5. With the other defaults 3 digits take about
   * 190 KB, 5 digits about 17 MB, at once.
   *
   * @default 3
   */
  figures?: number | undefined;
}

/** The figures of a {@link Histogram} at one moment, in the unit of its values. All are 0 when it is empty. */
export interface HistogramSummary {
  /** Number of values. */
  count: number;
  /** Sum of the values; exact. */
  sum: number;
  /** Smallest value; exact. */
  min: number;
  /** Largest value; exact. */
  max: number;
  /** Mean; exact. */
  mean: number;
  /** Standard deviation; approximate, from the buckets. */
  stddev: number;
  /** Median; approximate to `figures` digits, as all percentiles. */
  p50: number;
  /** 90th percentile. */
  p90: number;
  /** 95th percentile. */
  p95: number;
  /** 99th percentile. */
  p99: number;
  /** 99.9th percentile. */
  p999: number;
}

/**
 * A histogram with a fixed relative precision over a wide range: HdrHistogram of Gil Tene, <http://hdrhistogram.org>.
 * Its size does not depend on how many values it holds. Count, sum, minimum and maximum are kept exactly beside the
 * buckets; percentiles are approximate, to `figures` digits. There is nothing to close.
 *
 * ```js
 * const histogram = new Histogram();
 * histogram.record(12.5);
 * const { p50, p99, max } = histogram.summary();
 * ```
 */
export class Histogram {
  /**
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`, `ERR_HEAPWISE_HISTOGRAM_RANGE`
   */
  constructor(options?: HistogramOptions);

  /**
   * Reads what `encode` wrote.
   *
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE` when these are no bytes; `ERR_HEAPWISE_HISTOGRAM_DECODE` when
   *   they are not an encoded histogram
   * @throws {RangeError} `ERR_HEAPWISE_HISTOGRAM_RANGE` when they state impossible bounds
   */
  static decode(bytes: Uint8Array): Histogram;

  /** Number of values. Each of these getters works out a whole summary; for several of them call `summary`. */
  readonly count: number;
  /** Smallest value, exact; 0 when empty. */
  readonly min: number;
  /** Largest value, exact; 0 when empty. */
  readonly max: number;
  /** Mean, exact; 0 when empty. */
  readonly mean: number;
  /** Standard deviation, approximate; 0 when empty. */
  readonly stddev: number;

  /**
   * Counts one value.
   *
   * @param value >= 0; `Infinity` is counted in the last bucket, but makes sum and mean infinite
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE` below 0 and for NaN
   */
  record(value: number): void;

  /**
   * The value at or below which this percentage of the values lies; approximate. 0 when empty. Never outside `min` and
   * `max`, and never much above `highest`.
   *
   * @param percentile 0 to 100
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
   */
  percentile(percentile: number): number;

  /** All figures at once. */
  summary(): HistogramSummary;

  /**
   * For each bound the number of values at or below it, as the `le` of Prometheus wants them. Approximate to
   * `figures` digits of the bound.
   *
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`
   */
  countsAtOrBelow(bounds: readonly number[]): number[];

  /**
   * Adds the other histogram's values to this one, without loss.
   *
   * @throws {TypeError} `ERR_HEAPWISE_HISTOGRAM_MERGE` when `lowest`, `highest` or `figures` differ;
   *   `ERR_HEAPWISE_INVALID_ARG_TYPE`
   */
  merge(other: Histogram): void;

  /** A copy as of now, which grows no further. */
  snapshot(): Histogram;

  /**
   * The values recorded since `earlier`, as a new histogram: a window over one that only grows. Its minimum and
   * maximum are approximate, those of their buckets.
   *
   * @param earlier a snapshot of this histogram
   * @throws {TypeError} `ERR_HEAPWISE_HISTOGRAM_MERGE` when it is not, or when this one was reset since;
   *   `ERR_HEAPWISE_INVALID_ARG_TYPE`
   */
  since(earlier: Histogram): Histogram;

  /** Forgets all values. */
  reset(): void;

  /** The histogram as bytes: a header of 52 bytes, then HdrHistogram's interchange format V2. For `decode`. */
  encode(): Buffer;
}

// ------------------------------------------------------------------------------------------ EventLoopMonitor

/** Options of {@link EventLoopMonitor}. */
export interface EventLoopMonitorOptions {
  /**
   * Milliseconds from which a turn of the loop counts as blocked. A number > 0, at most 3,600,000 (1 h).
   *
   * @default 100
   */
  blockedThreshold?: number | undefined;

  /**
   * Whether the stack of a blocked turn is captured, while it is blocked. It costs nothing until then, and about 0.1 ms
   * of the blocked thread each time. {@link EventLoopStats.stacks} says whether it can be had.
   *
   * @default true
   */
  captureStack?: boolean | undefined;

  /**
   * Milliseconds from one captured stack to the next at least: blocks in between have none. A number >= 0.
   *
   * @default 1000; 0 captures each
   */
  stackInterval?: number | undefined;

  /**
   * Where a line about each block is written while it lasts, by a thread of its own, so that a process that never runs
   * JavaScript again leaves its evidence: `'stderr'`, or the path of a file to append to. The line comes 50 ms after the
   * threshold (80 ms where stacks come by the inspector), if the block lasts as long: the time that a stack may take.
   *
   * @default undefined: nowhere
   */
  reportTo?: string | undefined;
}

/**
 * How lag is measured. `libuv`: exactly, by a native hook in the loop. `timer`: by how late a timer of 20 ms comes,
 * where the loop is not libuv's; it misses what is shorter than a timer's own jitter, and wakes an idle loop.
 */
export type LoopSource = 'libuv' | 'timer';

/** The figures of an {@link EventLoopMonitor} at one moment. */
export interface EventLoopStats {
  /** How lag is measured. Before the first start `libuv`, which is what will be tried. */
  source: LoopSource;
  /** Why not by `libuv`; null where it is. */
  reason: string | null;
  /**
   * How the stack of a blocked turn is captured. `v8`: by an interrupt of V8, which comes at once. `inspector`: where
   * that cannot be had, by a worker that pauses the main thread through the inspector; no port is opened, and it takes
   * some tens of milliseconds. `none`: not at all, and before the first start.
   */
  stacks: 'v8' | 'inspector' | 'none';
  /** Why not by `v8`; null where it is. */
  stacksReason: string | null;
  /** Whether the monitor runs. */
  running: boolean;
  /** Milliseconds that the monitor has run, over all starts. */
  elapsed: number;
  /** Turns of the loop, over all starts; with `timer` its ticks. Count. */
  turns: number;
  /** Turns that reached the threshold, over all starts. Count. */
  blocked: number;
  /** How long those held the thread altogether, in milliseconds. */
  blockedTime: number;
  /** The option, in milliseconds. */
  blockedThreshold: number;
  /** Share of `elapsed` that the loop was not waiting for events, 0 to 1. */
  utilization: number;
  /**
   * How long a turn held the thread, in milliseconds, over all starts: the time between two turns less the time spent
   * waiting for events. With `timer` how late the timer came.
   */
  lag: HistogramSummary;
}

/** How much of the time the loop was busy. */
export interface LoopUtilization {
  /** Share of the time that the loop was not waiting for events, 0 to 1. */
  utilization: number;
  /** That time in milliseconds. */
  active: number;
  /** The rest, in milliseconds. */
  idle: number;
  /**
   * How much of `active` was garbage collection, in milliseconds. null where collections do not come from V8's own
   * callbacks ({@link GcTier} `v8`).
   */
  gc: number | null;
}

/** What happened in a loop over a stretch of time. Times in milliseconds. */
export interface LoopReading extends LoopUtilization {
  /** How long it was. */
  elapsed: number;
  /** Turns that ended in it. Count. */
  turns: number;
  /** Those that reached the threshold. Count. */
  blocked: number;
  /** How long those held the thread altogether. */
  blockedTime: number;
  /** How long its turns held the thread: see {@link EventLoopMonitor.histogram}. */
  iterations: Histogram;
  /** What an event waited that came at a random moment of it: see {@link EventLoopMonitor.delay}. */
  delay: Histogram;
}

/** A stretch of time that begins when the window is made. Each reader has one of its own and disturbs no other. */
export interface LoopWindow {
  /**
   * What happened since the window began. After a stop it holds what was measured until then.
   *
   * @throws {TypeError} `ERR_HEAPWISE_HISTOGRAM_MERGE` if the monitor's histogram was reset meanwhile
   * @throws {Error} `ERR_HEAPWISE_MONITOR_STOPPED` if the monitor was stopped all the time
   */
  read(): LoopReading;

  /** As `read`; the window then begins anew. */
  next(): LoopReading;
}

/**
 * The phase of the loop that called the blocking function, as far as the outermost frame of its stack tells. `poll`:
 * callbacks of sockets, files, DNS. `check`: `setImmediate`. `microtasks`: promise jobs and `process.nextTick`.
 * `startup`: the main script, before the loop runs.
 */
export type LoopPhase = 'startup' | 'timers' | 'poll' | 'check' | 'microtasks';

/** One frame of a stack, at its place in the original source if the process runs with `--enable-source-maps`. */
export interface StackFrame {
  /** null for an anonymous function and a module's top level. */
  functionName: string | null;
  /** Path, `file:` URL or `node:` name of the script; null for some evaluated code. */
  fileName: string | null;
  /** From 1. */
  line: number;
  /** From 1. */
  column: number;
}

/** A turn of the loop that took too long. */
export interface BlockedEvent {
  /** Unique in the process; 0 where the loop is measured by a timer. */
  id: number;
  /** The thread whose loop it was, as `worker_threads.threadId`; 0 is the main thread. */
  threadId: number;
  /** How long it held the thread, or has held it so far, in milliseconds. */
  duration: number;
  /**
   * How much of it went into garbage collection, in milliseconds. null where collections do not come from V8's own
   * callbacks ({@link GcTier} `v8`), because other figures come too late to tell, and with the `timer` source.
   */
  gc: number | null;
  /** When it began: milliseconds since the Unix epoch. */
  start: number;
  /** When it ended: milliseconds since the Unix epoch; null while it lasts. */
  end: number | null;
  /** Whether it is over. Always true in events. */
  ended: boolean;
  /**
   * Whether a native call held the thread when the stack was asked for: it did not come within 50 ms. The frames, if
   * there are any, are then those just after the call had returned.
   */
  native: boolean;
  /** The phase of the loop; null without a stack, and where none of Node's own functions is at its end. */
  phase: LoopPhase | null;
  /** The stack when the threshold was passed, innermost frame first, 64 at most; null if there is none. */
  frames: StackFrame[] | null;
  /** The same as text, as in an error's `stack` below its first line. */
  stack: string | null;
  /** Why there is no stack; null where there is one. */
  stackReason: string | null;
}

/** Pauses of garbage collection by kind, as `perf_hooks` names them. */
export interface GcPauses {
  /** The young generation. */
  minor: Histogram;
  /** The whole heap. */
  major: Histogram;
  /** Steps of incremental marking. */
  incremental: Histogram;
  /** Weak callbacks. */
  weakCallbacks: Histogram;
}

/** Events of {@link EventLoopMonitor}. */
export interface EventLoopMonitorEvents {
  /** A turn reached the threshold. Emitted once for each, as soon as JavaScript runs again. */
  blocked: [event: BlockedEvent];
}

/**
 * Measures how long each turn of the event loop holds the thread. No JavaScript runs for it, and an idle loop stays
 * idle. I/O callbacks, and so HTTP handlers, are included; waiting for events is not.
 *
 * ```js
 * const monitor = new EventLoopMonitor({ blockedThreshold: 50 }).start();
 * monitor.on('blocked', ({ duration, stack }) => console.warn(`blocked for ${duration} ms\n${stack}`));
 * ```
 */
export class EventLoopMonitor extends EventEmitter<EventLoopMonitorEvents> {
  /**
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
   */
  constructor(options?: EventLoopMonitorOptions);

  /**
   * The latest blocked turns of all threads of the process that have a monitor, 128 at most, oldest first. Those in
   * progress are among them, so another thread can see why the main thread does not answer.
   */
  static blocks(): BlockedEvent[];

  /**
   * How long each turn held the thread: the same as `stats().lag`, in milliseconds, from 1 ns to 1 h with three digits.
   * Live, and kept over a stop: for a window use `window`, or `snapshot` and `since`. A `reset` affects every reader.
   */
  readonly histogram: Histogram;

  /**
   * What an event waits for the loop that comes at a random moment, in milliseconds: nothing while the loop is idle, the
   * rest of the turn while it is not. So a turn counts by its length, and a single block of a second among a million
   * turns of a microsecond shows. A copy as of now, which holds one value for each microsecond since the start. (If
   * `histogram` was reset, the turns before that are gone from it, but the idle time is not: use a window.)
   */
  readonly delay: Histogram;

  /** Pauses of garbage collection in this thread by kind, in milliseconds. Live; all monitors of a thread share them. */
  readonly gc: GcPauses;

  /**
   * Begins to measure, with what is left of the turn in progress. Does nothing while it runs.
   *
   * @throws {Error} `ERR_HEAPWISE_MONITOR_CLOSED`; `ERR_HEAPWISE_REPORT_FILE` when the file of `reportTo` cannot be
   *   opened
   */
  start(): this;

  /** Ends measuring. What was measured stays readable. */
  stop(): this;

  /**
   * How much of the time the loop was busy, over all starts.
   *
   * @param earlier what an earlier call returned: the time since then
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
   */
  utilization(earlier?: LoopUtilization): LoopUtilization;

  /**
   * A window that begins now.
   *
   * @throws {Error} `ERR_HEAPWISE_MONITOR_STOPPED` if the monitor does not run; `ERR_HEAPWISE_MONITOR_CLOSED`
   */
  window(): LoopWindow;

  /** The figures now. */
  stats(): EventLoopStats;

  /** Stops for good: after this `start` throws. Figures stay readable. */
  close(): void;

  /** As `close`. */
  [Symbol.dispose](): void;
}

// ---------------------------------------------------------------------------------------------- LeakDetector

/** What is watched for growth: V8's heap, memory outside it that V8 knows of, array buffers, the resident set. */
export type LeakDimension = 'heap' | 'external' | 'arrayBuffers' | 'rss';

/**
 * A verdict. `warming`: not enough data yet. `steady`: no leak. `suspect`: something rises, but not yet often enough,
 * or only the resident set does, which may be fragmentation or native memory. `leak`: it went on rising.
 */
export type LeakState = 'warming' | 'steady' | 'suspect' | 'leak';

/**
 * What one dimension does. `short`: too few points. `flat`: no trend, or one below the floor. `step`: it rose once.
 * `saturating`: it rose, but flattens out. `load`: it rose with the work done per second. `rising`: it rises.
 */
export type LeakGrowth = 'short' | 'flat' | 'step' | 'saturating' | 'load' | 'rising';

/**
 * What grows. `heap`: objects. `buffers`: memory outside the heap that V8 knows of. `native or fragmentation`: only the
 * resident set, that is: memory of native code, or free memory that the allocator does not give back.
 */
export type LeakKind = 'heap' | 'buffers' | 'native or fragmentation';

/**
 * Where the figures of garbage collections come from. `v8`: V8's own callbacks, at the end of each collection.
 * `profiler`: `v8.GCProfiler`, the same figures up to 5 seconds late; used on Windows, on V8 versions that were not
 * tested, and with the environment variable `HEAPWISE_V8_BRIDGE=off`. `off`: nothing is started.
 */
export type GcTier = 'v8' | 'profiler' | 'off';

/** Options of {@link LeakDetector}. */
export interface LeakDetectorOptions {
  /**
   * Milliseconds after the first `start()`, or `reset()`, that are not looked at: modules load, caches fill. No
   * collection is asked for meanwhile. A number >= 0.
   *
   * @default 60_000; 0 looks at everything
   */
  warmup?: number | undefined;

  /**
   * Milliseconds that one of the three windows spans which must rise one after the other. A number > 0. Take it longer
   * than the program's own cycles (batches, sweeps, cache lifetimes), or these look like leaks. The first verdict
   * takes `warmup` and three windows, a leak half a window more: 8 minutes with the defaults. A heap of more than 100 MiB in
   * which V8 collects seldom takes longer; see `maxGcShare`.
   *
   * @default 120_000
   */
  window?: number | undefined;

  /**
   * Points, one for each major collection, that the three windows together must hold. An integer from 6 to 64.
   *
   * @default 12
   */
  minPoints?: number | undefined;

  /**
   * Confidence of the trend test and of the interval of the slope. 0.5 to 0.9999. Higher means fewer false alarms and
   * later verdicts.
   *
   * @default 0.99
   */
  confidence?: number | undefined;

  /**
   * Growth in bytes per hour that is not yet a leak. A number >= 0. It is compared with the lower end of the slope's
   * confidence interval, not with the slope.
   *
   * @default 1_048_576 (1 MiB); 0 takes every significant rise
   */
  minGrowthPerHour?: number | undefined;

  /**
   * Rising evaluations in a row that make a suspect a leak, if they last half a window, and others in a row that take a
   * suspicion back. A leak is taken back by as many that last a window or more. There is one evaluation after each major
   * collection. An integer from 1 to 1000.
   *
   * @default 3
   */
  confirmations?: number | undefined;

  /**
   * Milliseconds without a major collection after which V8 is asked to start an incremental one, if the heap has
   * changed by 256 KiB since: without collections there is nothing to judge. 0 to 2,147,483,647 (2^31 - 1). It is
   * stretched as `maxGcShare` demands. Only with {@link GcTier} `v8`; elsewhere V8's own collections must do.
   *
   * @default 15_000; 0 never asks
   */
  gcInterval?: number | undefined;

  /**
   * Share of a core's time that collections asked for may take, judged by the bytes alive (about a second for each GiB) and by
   * how long the last one took. `gcInterval` is stretched as need be, and while there is a suspicion the share is five times
   * as large. Above 0, at most 1. A verdict needs `minPoints` collections in three windows, V8's own included: with the
   * defaults those asked for are enough for heaps of up to about 100 MiB, and larger ones take the longer.
   *
   * @default 0.004
   */
  maxGcShare?: number | undefined;

  /**
   * A counter of what the program does, requests for instance: returns a number that only grows. Growth is then judged,
   * and reported, for each operation. Called after each major collection.
   *
   * @default undefined: the bytes allocated are the measure of work
   */
  operations?: (() => number) | undefined;

  /**
   * When V8's sampling heap profiler runs, which says where memory grows: from the first suspicion until four windows after
   * it is gone or the place is known, always while the detector runs, or never.
   *
   * From a suspicion until the profiler ends V8 inlines no functions, in the whole process, since what an inlined function allocates
   * counts as its caller's; optimized code is forgotten at the beginning and at the end, which takes some milliseconds (not
   * in a heap of more than 80 MiB, and not where `NODE_V8_COVERAGE` is set).
   *
   * @default 'suspect'
   */
  attribution?: 'suspect' | 'always' | 'off' | undefined;

  /**
   * Bytes between two samples of the profiler, on average. An integer from 64 to 1,073,741,824 (2^30). Smaller is more
   * precise and costs more: each sample takes some microseconds.
   *
   * @default undefined: 4096 to 524,288, chosen by the rate of growth and of allocation
   */
  samplingInterval?: number | undefined;

  /**
   * Writes what was found to files: the report and a `.heapprofile` that Chrome DevTools opens, at a verdict, when the place
   * becomes known, and before V8's heap limit or the control group's ends the process. What cannot be written is reported
   * in `report.evidence`; the verdict is given all the same. A plain object.
   *
   * @default undefined: no files
   */
  evidence?: LeakEvidenceOptions | undefined;

  /**
   * Caches and pools that are emptied when there is a leak: `trim()` is called where there is one, else `clear()`. Whether
   * memory went on growing is then in `report.shed`.
   *
   * @default undefined: none
   */
  shed?: readonly Sheddable[] | undefined;

  /**
   * Called when the state becomes `leak`, before the event is emitted, with the report. What it throws is an uncaught
   * exception.
   *
   * @default undefined
   */
  onLeak?: ((report: LeakReport) => void) | undefined;

  /**
   * Asks the process to drain and end while there is time, once for each detector: when the state is `leak` and the limit
   * may be reached within `before`.
   *
   * @default undefined: never
   */
  drain?: LeakDrainOptions | undefined;
}

/** What `shed` takes: a pool or a cache. */
export type Sheddable = { trim(): unknown } | { clear(): unknown };

/** Where, and how much, evidence is written. */
export interface LeakEvidenceOptions {
  /** The folder; made if need be. Required. */
  directory: string;
  /**
   * Files kept in the folder, whoever wrote them; the oldest make room. An integer from 2 to 10,000. Those that are written
   * before a limit are counted apart, as many, and make room when a detector starts.
   *
   * @default 20
   */
  maxFiles?: number | undefined;
  /**
   * Bytes of all these files, of either kind. An integer >= 0. A leak's that are larger by themselves are not written.
   *
   * @default 268_435_456 (256 MiB)
   */
  maxBytes?: number | undefined;
  /**
   * Milliseconds between two writings; that of a leak is followed by that of its place at once. A number >= 0.
   *
   * @default 60_000
   */
  minInterval?: number | undefined;
  /**
   * Bytes by which V8's heap may exceed its limit, once, so that the process lives long enough to write, and to drain. An
   * integer >= 0.
   *
   * @default 67_108_864 (64 MiB)
   */
  headroom?: number | undefined;
}

/** When and how a process is asked to end. */
export interface LeakDrainOptions {
  /**
   * Milliseconds before the limit, by the fast end of the estimate. A number > 0.
   *
   * @default 600_000 (10 minutes)
   */
  before?: number | undefined;
  /**
   * What asks.
   *
   * @default sends the process SIGTERM, as an orchestrator does
   */
  ask?: ((report: LeakReport) => void) | undefined;
}

/** What came of writing evidence. */
export interface LeakEvidence {
  /** Paths of the files that were written. */
  files: string[];
  /** Why they were not; null when nothing went wrong. */
  error: string | null;
}

/** What came of shedding. */
export interface LeakShed {
  /** Growth in bytes per hour before. */
  growthBefore: number;
  /** Growth since; null until there is enough data for it. */
  growthAfter: number | null;
  /**
   * Whether it has stopped, so that what was emptied is what grew: surely less than half of what it was, or surely more than a
   * quarter; null until one of them is sure.
   */
  stopped: boolean | null;
  /** Messages of what caches and pools threw. */
  errors: string[];
}

/** A limit that was nearly met; see `evidence`. */
export interface LeakLimitEvent {
  /** Whose limit: V8's heap or the control group's. */
  limit: 'heap' | 'cgroup';
  /** Paths of the files that were written. */
  files: string[];
  /** Why they were not; null when nothing went wrong. */
  error: string | null;
}

/** A function, by its place in the source. */
export interface LeakFrame {
  /** Its name; empty for an anonymous one. */
  function: string;
  /** The file inside its package, with slashes; the script's name where there is no package; empty where it has none. */
  file: string;
  /** Line on which the function begins, from 1; 0 when not known. Through the source map, if the process runs with them. */
  line: number;
  /** Column, likewise. */
  column: number;
  /** The package of the nearest package.json that has a name; Node itself is `node`; null where there is none. */
  package: { name: string; version: string | null } | null;
  /** The file on disk; null where there is none. */
  path: string | null;
}

/** A function whose objects stay and grow in number: the innermost on the call path that is not part of Node. */
export interface LeakSite extends LeakFrame {
  /** Growth of what survives, in bytes per hour, estimated from samples. */
  growthPerHour: number;
  /** The same in bytes for each unit of work, as in `growthPerWork` of the report; null where work is not known. */
  growthPerWork: number | null;
  /** Its share in the growth of all sites, 0 to 1. */
  share: number;
  /** Bytes that survive now of what it has allocated since sampling began. */
  liveBytes: number;
  /** Sampled objects that survived a collection, in the second half of the sampling. Count. */
  births: number;
  /** Sampled survivors that went meanwhile. Count. */
  deaths: number;
  /**
   * Chance, 0 to 1, of so many births among births and deaths where both are equally likely, as they are when a store is
   * full (binomial test), times the number of sites tested. Of a site whose content is made anew all the time, which has
   * hardly any births: the chance of such a rise of all that is alive.
   */
  pValue: number;
  /** The call path of most of it, innermost first. */
  stack: LeakFrame[];
}

/** How sites are found, and what that has cost. */
export interface LeakAttribution {
  /**
   * `v8`: V8's profiler through the bridge, which is read without a collection. `shared`: the same, started by another
   * tool. `inspector`: the profiler through the inspector, where each reading is a full collection. `off`: it does not run.
   */
  source: 'v8' | 'shared' | 'inspector' | 'off';
  /** Why there is not a better source; null when there is nothing to say. */
  reason: string | null;
  /** Bytes between two samples, on average; of another tool's sampler it is not known. */
  interval: number;
  /** Readings. Count. */
  readings: number;
  /** The longest reading, in milliseconds. */
  longestPause: number;
  /** All readings, in milliseconds. */
  pauses: number;
  /**
   * Whether the sites explain the growth of the heap, and not much more than that: while they are more, there are stores
   * among them that have not been replaced once since sampling began.
   */
  settled: boolean;
}

/** A leak that others have found before, and that may be this one. */
export interface KnownLeak {
  /** Its name in the database; stable. */
  id: string;
  /** The npm package; `node` for Node itself. */
  package: string;
  /** Versions that leak, as a range of npm. */
  versions: string;
  /** The first version that does not; null when there is none, or it is not known. */
  fixedIn: string | null;
  /** When it leaks. */
  condition: string;
  /** What is kept, and by what. */
  what: string;
  /** What to do. */
  advice: string;
  /** Where it is documented. */
  sources: string[];
  /** `site`: the package is on the call path of what grows. `loaded`: that version is loaded, which alone says little. */
  match: 'site' | 'loaded';
}

/** What a first verdict still needs; both 0 once there may be one. */
export interface LeakNeeds {
  /** Milliseconds. */
  time: number;
  /** Points, one for each major collection. Count. */
  points: number;
}

/** The finding for one dimension, as of the last evaluation. */
export interface LeakDimensionReport {
  /** What it does. */
  growth: LeakGrowth;
  /** Points taken since the warm-up, of which 128 at most are kept: the lowest of each stretch of the past. Count. */
  points: number;
  /** Milliseconds that they span. */
  span: number;
  /** Newest value in bytes; 0 when there is none. */
  current: number;
  /**
   * Growth in bytes per hour: the slope of Theil (1950) and Sen (1968), the median of the slopes between all pairs of
   * points. 0 when `short`.
   */
  growthPerHour: number;
  /**
   * Lower end of its confidence interval in bytes per hour (Sen 1968, Gilbert 1987). Approximate with few points,
   * where the interval covers less than asked for. 0 when `short`.
   */
  growthPerHourLow: number;
  /** Upper end of its confidence interval in bytes per hour. 0 when `short`. */
  growthPerHourHigh: number;
  /**
   * Chance, 0 to 1, of so strong a rise where there is none: one-sided test of Mann (1945) and Kendall (1975) with the
   * correction of Hamed and Rao (1998) for autocorrelation. Approximate: too small on short series of slow noise,
   * which is why a verdict needs more than this. 1 when `short`.
   */
  pValue: number;
  /**
   * How many points it takes to tell as much as one independent point (Hamed and Rao's n/n*); >= 1. 1 means no
   * autocorrelation, and when `short`.
   */
  varianceFactor: number;
}

/** Limits that memory may grow to, in bytes. */
export interface LeakLimits {
  /** V8's heap limit. */
  heap: number;
  /**
   * The tightest control-group (container) limit over the process; null where there is none, before the first sample
   * and while stopped.
   */
  cgroup: number | null;
  /** The machine's memory; null before the first sample and while stopped. */
  machine: number | null;
}

/** Memory of the process as the system sees it, sampled once a second. */
export interface LeakMemory {
  /** The resident set, in bytes. */
  rss: number;
  /** What of it is the process's own and no mapped file, in bytes: the dimension `rss` judges this. null but on Linux. */
  anonymous: number | null;
  /** What the limited control group uses, in bytes, without files that can be dropped; null where there is no limit. */
  cgroup: number | null;
  /**
   * Share of the last ten seconds, 0 to 1, in which the machine stood still for want of memory (PSI, `full`); null where the
   * system does not say.
   */
  pressure: number | null;
}

/** The verdict of a {@link LeakDetector} and its evidence. */
export interface LeakReport {
  /** The verdict. */
  state: LeakState;
  /** When the state became `leak`: milliseconds since the Unix epoch; null in every other state. */
  since: number | null;
  /**
   * The dimension that rises fastest, the resident set only when no other does; null when none does, as in a leak that
   * does not grow at the moment, by chance or because it has ended; growth and time are 0 and null then.
   */
  dimension: LeakDimension | null;
  /** What that is; null when none rises. */
  kind: LeakKind | null;
  /** Growth of that dimension in bytes per hour; 0 when none rises. */
  growthPerHour: number;
  /**
   * The same for the work done: bytes kept for each operation, or for each byte allocated where there is no counter of
   * operations; null when none rises, or the work is not known.
   */
  growthPerWork: { bytes: number; unit: 'operation' | 'allocated byte' } | null;
  /** 1 minus its p-value, 0 to 1; 0 when none rises. Not the chance that there is a leak. */
  confidence: number;
  /**
   * Milliseconds until the limit is reached if it goes on like this: what the control group or
   * the machine has left, and for the heap V8's limit if that is nearer. An extrapolation. null when none rises or the room is not known.
   */
  timeToLimit: number | null;
  /** The same with the upper and with the lower end of the slope: earliest and latest, in milliseconds. */
  timeToLimitRange: [earliest: number | null, latest: number | null] | null;
  /** The limits. */
  limits: LeakLimits;
  /** What the system says now; null before the first sample and while stopped. */
  memory: LeakMemory | null;
  /** What each dimension does. */
  dimensions: Record<LeakDimension, LeakDimensionReport>;
  /** What a first verdict still needs. */
  needs: LeakNeeds;
  /** Where it grows, the fastest first; empty until that is known. */
  sites: LeakSite[];
  /** How the sites were found. */
  attribution: LeakAttribution;
  /** What came of writing files; null before the first time, and without the option `evidence`. */
  evidence: LeakEvidence | null;
  /** What came of emptying caches and pools; null before, and without the option `shed`. */
  shed: LeakShed | null;
  /** Known leaks that this may be, those on the call paths first; empty unless the state is `leak`. */
  knownLeaks: KnownLeak[];
  /** Where the figures come from. */
  source: GcTier;
}

/** Events of {@link LeakDetector}: one for each change of its state, but not for the first `steady`. */
export interface LeakDetectorEvents {
  /** The state became `suspect`. */
  suspect: [report: LeakReport];
  /** The state became `leak`. */
  leak: [report: LeakReport];
  /** A limit is nearly met, and the files are written. Emitted as soon as JavaScript can run again, if ever. */
  limit: [event: LeakLimitEvent];
  /** The sites of a leak are known and settled: after `leak`, at once or later. */
  located: [report: LeakReport];
  /** The state went back to `steady`. */
  clear: [report: LeakReport];
}

/**
 * Tells a leak from a heap that is merely busy, without heap snapshots: it watches what is left after each major
 * collection.
 *
 * A dimension rises when, over a stretch that holds three windows, the corrected Mann-Kendall test finds a trend, the
 * Theil-Sen slope lies above the floor with the confidence asked for, the rise stands out of the scatter, and each
 * window lies above the one before; and when neither a step nor a curve that flattens out fits better than a line
 * (compared by AICc). One rising evaluation makes a `suspect`, several a `leak`; as many others take a suspicion back. A leak
 * stays one until the newest data contradict it for a window, or nothing has risen for four and a half. The resident set alone makes a `suspect` only: it belongs to the whole process, and does not shrink when objects die.
 *
 * All this is over the work done rather than over time, so quiet hours do not bend a line; and what only follows the load
 * is taken out first.
 *
 * From the first suspicion V8's sampling heap profiler runs, and the report says which functions allocate what stays.
 *
 * This is statistics: a leak can be missed (below the floor, or hidden in noise), and steady growth for a good reason, such
 * as a cache that fills for longer than the three windows, looks like one.
 *
 * ```js
 * const detector = new LeakDetector().start();
 * detector.on('leak', ({ kind, growthPerHour, sites }) => console.error(kind, growthPerHour, sites[0]?.file));
 * ```
 */
export class LeakDetector extends EventEmitter<LeakDetectorEvents> {
  /**
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
   */
  constructor(options?: LeakDetectorOptions);

  /**
   * Begins to watch. Does nothing while it runs. Costs an evaluation after each major collection (about 0.1 ms a
   * dimension at most), the collections of `gcInterval`, and a thread that reads the resident set once a second.
   *
   * @throws {Error} `ERR_HEAPWISE_DETECTOR_CLOSED`; `ERR_HEAPWISE_UNSUPPORTED` when no thread can be started
   */
  start(): this;

  /** Ends watching. What was seen stays. */
  stop(): this;

  /**
   * The verdict now. Takes over collections that were not looked at yet, so it may change the state and emit an event
   * first; without new collections it only reads.
   *
   * @throws {Error} `ERR_HEAPWISE_DETECTOR_CLOSED`
   */
  check(): LeakReport;

  /**
   * Forgets what was seen, and begins with `warming` and the warm-up again. Emits nothing.
   *
   * @throws {Error} `ERR_HEAPWISE_DETECTOR_CLOSED`
   */
  reset(): void;

  /** Stops for good: after this `start`, `check` and `reset` throw. */
  close(): void;

  /** As `close`. */
  [Symbol.dispose](): void;
}

/** Options of {@link assertNoLeak}. */
export interface AssertNoLeakOptions {
  /**
   * Calls in one round, after which the live memory is looked at. An integer >= 1. More of them make small leaks stand out
   * of the noise of the runtime.
   *
   * @default 500
   */
  operations?: number | undefined;

  /**
   * 0.5 to 0.9999: 1 minus the chance that a function that does not leak is said to, all rounds together.
   *
   * @default 0.99
   */
  confidence?: number | undefined;

  /**
   * Bytes that a call may keep, >= 0. It leaks when the growth is surely above, it is clean when it is surely below. The
   * runtime keeps some bytes of its own, so a round may keep 2048 in any case: with few `operations` small leaks are not seen.
   *
   * @default 4: half a reference
   */
  maxGrowth?: number | undefined;

  /**
   * Rounds after which it is given up. An integer from 10 to 500.
   *
   * @default 40
   */
  maxRounds?: number | undefined;
}

/** Growth in bytes for each call. */
export interface NoLeakFigures {
  /** The slope of Theil and Sen; 0 before the seventh round. */
  growth: number;
  /** Lower end of its confidence interval. */
  growthLow: number;
  /** Upper end of it. */
  growthHigh: number;
  /** One-sided p-value of the Mann-Kendall test, 0 to 1. */
  pValue: number;
}

/** What {@link assertNoLeak} has seen. */
export interface NoLeakResult {
  /** Rounds that were looked at. Count. */
  rounds: number;
  /** Calls in them. Count. */
  operations: number;
  /**
   * Whether the growth is surely below `maxGrowth`. False after `maxRounds` of noise; if it looked like a leak all the same,
   * there is a process warning with the code `HEAPWISE_NO_LEAK_INCONCLUSIVE`.
   */
  conclusive: boolean;
  /** Objects. */
  heap: NoLeakFigures;
  /** Memory outside the heap that V8 knows of: buffers. */
  buffers: NoLeakFigures;
}

/** The error of {@link assertNoLeak}: code `ERR_HEAPWISE_LEAK`. */
export interface LeakError extends HeapwiseError, NoLeakResult {
  /** What grows. */
  dimension: 'heap' | 'buffers';
  /** Where, the fastest first; found in a few more rounds under V8's sampling heap profiler. */
  sites: LeakSite[];
}

/**
 * Calls a function in rounds, looks at the live memory after a full collection each time, and stops as soon as it is sure:
 * of most functions after 7 to 12 rounds. For any test runner; needs no `--expose-gc`. It warms up for 1500 calls or a second
 * before, in which caches must have filled. What seems to leak is looked at again 1.5 seconds later, since timers and idle
 * sockets hold things for a while; if most is gone then, rounds with such pauses decide.
 *
 * A list or a `Map` that has room for many more entries grows in steps: what each call keeps in there is seen when the room is
 * used up.
 *
 * ```js
 * it('forgets its requests', () => assertNoLeak(() => handle(request)));
 * ```
 *
 * @param operation what is called; a promise that it returns is awaited
 * @throws {Error} `ERR_HEAPWISE_LEAK` when it leaks: a {@link LeakError}; and what `operation` throws
 * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
 * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
 */
export function assertNoLeak(operation: () => unknown, options?: AssertNoLeakOptions): Promise<NoLeakResult>;

// --------------------------------------------------------------------------------------------------- Monitor

/** What a {@link Monitor} reads from a cache. */
export interface CacheLikeStats extends Partial<CacheStats> {
  /** Entries now. Count. */
  entries: number;
  /** Gets that found a value. Count, never falling. */
  hits: number;
  /** Gets that found none. Count, never falling. */
  misses: number;
  /** Hits per get, 0 to 1. */
  hitRate: number;
  /** Entries removed to make room. Count, never falling. */
  evictions: number;
  /** Entries whose time was over. Count, never falling. */
  expirations: number;
}

/** A {@link Cache}, or anything whose `stats()` has its main figures. */
export interface CacheLike {
  /** The figures now. Called for each report and, several times, for each scrape of the metrics. */
  stats(): CacheLikeStats;
}

/** What a {@link Monitor} reads from a pool. */
export interface PoolLikeStats extends Partial<ObjectPoolStats> {
  /** Objects lent now. Count. */
  borrowed: number;
  /** Objects waiting in the pool now. Count. */
  idle: number;
  /** Objects lent so far. Count, never falling. */
  acquired: number;
  /** Objects created so far. Count, never falling. */
  created: number;
  /** Acquires that wait now. Count. */
  waiting?: number;
  /** How long acquires have waited, together. Milliseconds, never falling. */
  waitTime?: number;
  /** Acquires whose time was over. Count, never falling. */
  timedOut?: number;
  /** Creations that failed. Count, never falling. */
  createFailed?: number;
  /** Memory that the pool holds. Bytes. */
  committedBytes?: number;
  /** The most that it may hold. Bytes. */
  maxBytes?: number;
}

/** An {@link ObjectPool}, a {@link BufferPool}, a {@link ResourcePool}, or anything whose `stats()` has its main figures. */
export interface PoolLike {
  /** The figures now. Called for each report and, several times, for each scrape of the metrics. */
  stats(): PoolLikeStats;
}

/** What is used of a registry of `prom-client` or `@prometheus-io/client`. */
export interface PrometheusRegistry {
  /** The media type of what `metrics()` renders. */
  readonly contentType: string;
  /** Renders all metrics. */
  metrics(): Promise<string>;
  /** Adds a metric. */
  registerMetric(metric: any): void;
  /** The metric of that name, if there is one. */
  getSingleMetric(name: string): unknown;
  /** Takes the metric of that name out. */
  removeSingleMetric(name: string): void;
}

/** Paths that {@link Monitor.handler} answers. Each begins with `/` and has no `?`. They must differ. */
export interface MonitorPaths {
  /**
   * Metrics for Prometheus.
   *
   * @default '/metrics'
   */
  metrics?: string | undefined;

  /**
   * A short state as JSON.
   *
   * @default '/healthz'
   */
  health?: string | undefined;

  /**
   * A page for people; with the query `?json` the report as JSON.
   *
   * @default '/heapwise'
   */
  page?: string | undefined;
}

/** Options of {@link createMonitor}. */
export interface MonitorOptions {
  /**
   * Options of the monitor's {@link EventLoopMonitor}.
   *
   * @default undefined: its defaults
   */
  loop?: EventLoopMonitorOptions | undefined;

  /**
   * Options of the monitor's {@link LeakDetector}.
   *
   * @default undefined: its defaults
   */
  leak?: LeakDetectorOptions | undefined;

  /**
   * Caches to report, by name; the name is a label of their metrics. A plain object. More can be added with
   * `addCache`.
   *
   * @default undefined: none
   */
  caches?: Record<string, CacheLike> | undefined;

  /**
   * Pools to report, by name; the name is a label of their metrics. A plain object. More can be added with `addPool`.
   *
   * @default undefined: none
   */
  pools?: Record<string, PoolLike> | undefined;

  /**
   * The registry to put the metrics into, at once; `close` takes them out. A metric whose name is taken is left to its
   * owner, so two monitors cannot share a registry.
   *
   * @default undefined: a registry of its own, made by the first `metrics()` from whichever of `prom-client` and
   *   `@prometheus-io/client` is installed
   */
  registry?: PrometheusRegistry | undefined;

  /**
   * Paths that `handler` answers.
   *
   * @default undefined: `/metrics`, `/healthz` and `/heapwise`
   */
  paths?: MonitorPaths | undefined;

  /**
   * Label sets (method, route, status) after which requests of new routes are counted under the route `(other)`. An
   * integer from 1 to 1,000,000. Approximate: method and status of `(other)` still make a few more. A set is
   * 17 rows of metrics.
   *
   * @default 1000
   */
  maxLabelSets?: number | undefined;
}

/** Memory now, in bytes. */
export interface MemoryReport {
  /** Heap in use. */
  heapUsed: number;
  /** Heap allocated. */
  heapTotal: number;
  /** V8's heap limit. */
  heapLimit: number;
  /** Memory outside the heap that V8 knows of, array buffers included. */
  external: number;
  /** Memory of array buffers. */
  arrayBuffers: number;
  /** Resident set of the process. */
  rss: number;
  /**
   * The tightest control-group (container) limit over the process; null where there is none, before the first sample and
   * while stopped.
   */
  cgroupLimit: number | null;
  /** What that group uses, without file pages that can be dropped at once; null as `cgroupLimit`. */
  cgroupUsed: number | null;
}

/** Requests of one method, route and status code. */
export interface RouteReport {
  /** The HTTP method; `_OTHER` for one that is not standard. */
  method: string;
  /**
   * The route's template, as `/users/:id`; `(unmatched)` where no route matched, as always without Express; `(other)`
   * past `maxLabelSets`.
   */
  route: string;
  /** The status code. */
  status: number;
  /** Requests answered. Count. */
  count: number;
  /** Mean latency in milliseconds. */
  mean: number;
  /** Largest latency in milliseconds. */
  max: number;
}

/** Where the figures of a {@link MonitorReport} come from, and why not from the better source. */
export interface MonitorSources {
  /** How lag is measured. */
  loop: LoopSource;
  /** Why not by `libuv`; null where it is. */
  loopReason: string | null;
  /** Where figures of collections come from. */
  gc: GcTier;
  /** Why not from `v8`; null where they do, and before the first start. */
  gcReason: string | null;
}

/**
 * Everything that a {@link Monitor} knows. Counts and histograms are since it was made. Plain data; in JSON
 * `Infinity` becomes null.
 */
export interface MonitorReport {
  /** Milliseconds since the start; after a stop those from start to stop. */
  uptime: number;
  /** Requests answered completely. Count. */
  requests: number;
  /** Of these, those with a status of 500 or above. Count. */
  errors: number;
  /** Requests whose client went away before the answer was complete; in neither of the above. Count. */
  aborted: number;
  /** Requests being answered now. Count. */
  inFlight: number;
  /** From the middleware to the end of the response, in milliseconds. */
  latency: HistogramSummary;
  /** How long a turn of the loop held the thread, in milliseconds. */
  lag: HistogramSummary;
  /** Share of the time since the start that the loop was not waiting for events, 0 to 1. */
  utilization: number;
  /** Turns that reached the threshold. Count. */
  blockedCount: number;
  /** The last 100 of them, oldest first. */
  blocked: BlockedEvent[];
  /** Memory now, in bytes. */
  memory: MemoryReport;
  /** Pauses of young and of full collections of this thread, in milliseconds, whoever started watching them. */
  gc: { minor: HistogramSummary; major: HistogramSummary };
  /** The leak verdict. */
  leak: LeakReport;
  /** What `stats()` of each cache returned. */
  caches: Record<string, CacheLikeStats>;
  /** What `stats()` of each pool returned. */
  pools: Record<string, PoolLikeStats>;
  /** Requests by route, the most frequent first. */
  routes: RouteReport[];
  /** Where the figures come from. */
  source: MonitorSources;
}

/** Metrics as text. */
export interface RenderedMetrics {
  /** The media type, for the header `Content-Type`. */
  type: string;
  /** The text. */
  text: string;
}

/** Measures a request. For Express, Connect, or your own chain: it calls `next()` at once, and never with an error. */
export type MonitorMiddleware = (req: IncomingMessage, res: ServerResponse, next: () => void) => void;

/** Answers a request. For Express, Connect, or, without `next`, for `http.createServer`. */
export type MonitorHandler = (
  req: IncomingMessage,
  res: ServerResponse,
  next?: (error?: unknown) => void,
) => void;

/** Events of {@link Monitor}: those of its event-loop monitor and of its leak detector. */
export interface MonitorEvents extends EventLoopMonitorEvents, LeakDetectorEvents {}

/** The whole thing: loop, leak verdict, requests, caches and pools in one report. Made by {@link createMonitor}. */
export interface Monitor extends EventEmitter<MonitorEvents> {
  /** Its event-loop monitor; started, stopped and closed with it. */
  readonly loop: EventLoopMonitor;

  /** Its leak detector; started, stopped and closed with it. */
  readonly leak: LeakDetector;

  /**
   * Latency of the requests, in milliseconds, from 1 us to 1 h with three digits. Requests reach it in batches of
   * 1024; reading this property hands over the rest, so read it anew each time.
   */
  readonly latency: Histogram;

  /**
   * Begins to measure. Does nothing while it runs. Requests are counted by the middleware whether it runs or not.
   *
   * @throws {Error} `ERR_HEAPWISE_MONITOR_CLOSED`; `ERR_HEAPWISE_UNSUPPORTED` when no thread can be started
   */
  start(): this;

  /** Ends measuring. What was measured stays readable. */
  stop(): this;

  /**
   * Adds a cache to report and metrics. It is held until it is removed or the monitor is collected.
   *
   * @param name a label of its metrics; must be new among the caches
   * @throws {RangeError} `ERR_HEAPWISE_DUPLICATE_NAME`
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE` when it has no `stats()`
   * @throws {Error} `ERR_HEAPWISE_MONITOR_CLOSED`
   */
  addCache(name: string, cache: CacheLike): this;

  /**
   * Adds a pool to report and metrics. It is held until it is removed or the monitor is collected.
   *
   * @param name a label of its metrics; must be new among the pools
   * @throws {RangeError} `ERR_HEAPWISE_DUPLICATE_NAME`
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE` when it has no `stats()`
   * @throws {Error} `ERR_HEAPWISE_MONITOR_CLOSED`
   */
  addPool(name: string, pool: PoolLike): this;

  /** Takes a cache out of report and metrics. Returns whether there was one of that name. */
  removeCache(name: string): boolean;

  /** Takes a pool out of report and metrics. Returns whether there was one of that name. */
  removePool(name: string): boolean;

  /**
   * Counts requests and their latency. Mount it before everything that is to be measured; mounted twice, the outer one
   * measures. It makes no object per request and calls into Rust once in 1024 requests.
   *
   * @throws {Error} `ERR_HEAPWISE_MONITOR_CLOSED`
   */
  middleware(): MonitorMiddleware;

  /**
   * Answers GET and HEAD of the three paths, other methods there with 405, and passes other requests on (or answers
   * 404 where there is no `next`).
   * A path is compared with the whole `req.url` before the `?`; mounted under a prefix, Express takes the prefix off.
   *
   * - metrics: what `metrics()` renders; 500 where it fails.
   * - health: `{ status, uptime, utilization, lagP99, leak, memory }`, where `status` is `'leak'` for that verdict and
   *   else `'ok'`. Always 200: a leak is no reason to kill a process that still answers.
   * - page: HTML that refreshes itself; with `?json` the report.
   *
   * It asks nobody for a password: mount it where only you can reach it.
   *
   * @throws {Error} `ERR_HEAPWISE_MONITOR_CLOSED`
   */
  handler(): MonitorHandler;

  /**
   * Renders the metrics of the registry: those of this monitor (`http_request_duration_seconds`,
   * `http_requests_aborted_total`, `http_requests_in_flight`, `nodejs_*`, `process_*`, `heapwise_*`) and whatever else
   * is in it.
   *
   * @throws {Error} (as a rejection) `ERR_HEAPWISE_PROMETHEUS_MISSING` when no client is installed and no `registry`
   *   was given; `ERR_HEAPWISE_MONITOR_CLOSED`
   */
  metrics(): Promise<RenderedMetrics>;

  /**
   * Everything at once. Asks the leak detector to `check`, which may emit an event.
   *
   * @throws {Error} `ERR_HEAPWISE_MONITOR_CLOSED`
   */
  report(): MonitorReport;

  /**
   * Stops for good and takes the metrics out of the registry. After this only `stop`, `loop`, `leak` and `latency`
   * work; a middleware still mounted goes on to pass requests through, a handler answers metrics, health and
   * report with 503.
   */
  close(): void;

  /** As `close`. */
  [Symbol.dispose](): void;
}

/**
 * Makes a {@link Monitor}: event-loop lag, garbage collection, memory, a leak verdict, requests, caches and pools, as
 * a report, as metrics and as a page. It measures nothing but requests until `start()`.
 *
 * ```js
 * const monitor = createMonitor({ loop: { blockedThreshold: 50 } }).start();
 * app.use(monitor.middleware()); // before the routes
 * app.use(monitor.handler()); // behind them, where it costs them nothing, or before them if one takes every path
 * ```
 *
 * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
 * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
 */
export function createMonitor(options?: MonitorOptions): Monitor;
