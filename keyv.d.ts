/// <reference types="node" />

/**
 * heapwise/keyv: a {@link SharedCache} as a store for Keyv 5 and 6.
 *
 * ```js
 * const { Keyv } = require('keyv');
 * const { KeyvSharedCache } = require('heapwise/keyv');
 *
 * const users = new Keyv({ store: new KeyvSharedCache({ name: 'users', maxBytes: 64 * 2 ** 20 }), namespace: 'users' });
 * await users.set('5', { name: 'Ada' }, 60_000);
 * ```
 *
 * @module
 */

import type { EventEmitter } from 'node:events';
import type { SharedCache, SharedCacheOptions } from './index.js';

/** Options of {@link KeyvSharedCache}. */
export interface KeyvSharedCacheOptions {
  /**
   * What keys are kept apart by from those of other stores of the same cache. A string without NUL. A Keyv sets it to its
   * own, also where it has none, so give it to Keyv; this is for a store that is used by itself. `''` is none.
   *
   * @default undefined: none; `clear` and `iterator` mean the whole cache then
   */
  namespace?: string | undefined;

  /**
   * The Keyv that calls. 5: times are milliseconds to live, which Keyv 6 understands too, through its bridge
   * (`KeyvBridgeAdapter`). 6: times are milliseconds since 1970, and Keyv 6 calls the store directly, which saves a
   * little time. A Keyv 5 must not get one with 6: its `set` fails wherever there is a time to live.
   *
   * @default 5
   */
  keyv?: 5 | 6 | undefined;
}

/** An entry for {@link KeyvSharedCache.setMany}. */
export interface KeyvSharedCacheEntry {
  key: string;
  value: unknown;
  /** Milliseconds to live. Read with `keyv: 5`. @default the `ttl` of the cache */
  ttl?: number | undefined;
  /** Milliseconds since 1970. Read with `keyv: 6`. @default the `ttl` of the cache */
  expires?: number | undefined;
}

/**
 * A storage adapter of Keyv whose entries lie in a {@link SharedCache}: outside of V8's heap, within one budget of bytes,
 * the same for all threads that open a cache of that name. It evicts, as a cache does, so it is not a place for what must
 * not be lost.
 *
 * Keyv sets the namespace of its store: give each Keyv a store of its own, over the same cache. Values are what Keyv makes of
 * them, strings by default; where it makes nothing of them, the cache needs a `codec`. Every method rejects with what the
 * cache throws.
 */
export class KeyvSharedCache extends EventEmitter<{ error: [error: Error] }> {
  /**
   * @param cache a cache, or the options of one, which `disconnect` closes then
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
   * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
   * @throws what the constructor of SharedCache throws
   */
  constructor(cache: SharedCache | SharedCacheOptions, options?: KeyvSharedCacheOptions);

  /**
   * As in the options. Setting it to what is no such string throws `ERR_HEAPWISE_INVALID_ARG_TYPE` or
   * `ERR_HEAPWISE_INVALID_ARG_VALUE`.
   */
  get namespace(): string | undefined;
  set namespace(namespace: string | undefined);

  /** The cache where entries lie. */
  readonly cache: SharedCache;

  /** What Keyv 6 reads: whether times are milliseconds since 1970. */
  readonly capabilities: { readonly expires: boolean };

  /** What Keyv 5 reads before it iterates. */
  opts: Record<string, unknown>;

  /** The value, or `undefined`. What it fails with is also emitted as `error` if somebody listens, with `keyv: 5`. */
  get(key: string): Promise<any>;

  /** The values, in order. */
  getMany(keys: readonly string[]): Promise<any[]>;

  /**
   * Stores a value; true. A time that is over removes the key.
   *
   * @param time milliseconds to live with `keyv: 5`, since 1970 with `keyv: 6`; undefined: the `ttl` of the cache
   */
  set(key: string, value: unknown, time?: number): Promise<boolean>;

  /** Stores each of them by itself. False for what was not stored; the last reason is emitted as `error` if somebody listens. */
  setMany(entries: readonly KeyvSharedCacheEntry[]): Promise<boolean[]>;

  /** Whether there was something to remove. */
  delete(key: string): Promise<boolean>;

  /** With `keyv: 5` whether all of them were there, with `keyv: 6` an answer for each. */
  deleteMany(keys: readonly string[]): Promise<boolean | boolean[]>;

  /** Whether there is a value. */
  has(key: string): Promise<boolean>;

  /** An answer for each key, in order. */
  hasMany(keys: readonly string[]): Promise<boolean[]>;

  /** Removes what is in the namespace, in parts between which others have their turn; without a namespace everything. */
  clear(): Promise<void>;

  /** Keys, without their namespace, and values. What is set or deleted meanwhile may be seen or not. @default its own namespace */
  iterator(namespace?: string): AsyncGenerator<[string, any], void>;

  /** Closes the cache if it was made here. */
  disconnect(): Promise<void>;
}
