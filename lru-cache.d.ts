/// <reference types="node" />

/**
 * heapwise/lru-cache: an LRU cache with the interface of `lru-cache` 11, for those who use that and want to change nothing
 * but the name of the module.
 *
 * ```js
 * const { LRUCache } = require('heapwise/lru-cache');
 *
 * const users = new LRUCache({ max: 10_000, ttl: 60_000, fetchMethod: (id, _, { signal }) => load(id, { signal }) });
 * const user = await users.fetch(id);
 * ```
 *
 * Times are in milliseconds. What it does otherwise than `lru-cache` is in docs/caches.md. Who writes anew takes `Cache` of
 * `heapwise`.
 *
 * @module
 */

/** What tells the time: `performance`, `Date`, or a clock of a test. */
export interface Perf {
  /** Milliseconds. */
  now(): number;
}

export declare namespace LRUCache {
  /** An integer above 0. */
  type Size = number;
  /** Milliseconds. */
  type Milliseconds = number;
  /** An integer above 0. */
  type Count = number;

  /**
   * Why a value has left:
   *
   * - `evict`: it was the least recently used one, and made room
   * - `set`: another one has taken its place, or one that is too large to be kept was set
   * - `delete`: `delete`, `clear`, or a set of `undefined`
   * - `expire`: its time was over
   * - `fetch`: a fetch that was to replace it brought nothing, failed or was aborted
   */
  type DisposeReason = 'evict' | 'set' | 'delete' | 'expire' | 'fetch';

  type Disposer<K, V> = (value: V, key: K, reason: DisposeReason) => void;

  /** `add`: the key is new; `update`: it had this value before; `replace`: it had another one. */
  type InsertReason = 'add' | 'update' | 'replace';

  type Inserter<K, V> = (value: V, key: K, reason: InsertReason) => void;

  type SizeCalculator<K, V> = (value: V, key: K) => Size;

  /** What `fetchMethod` gets besides key and stale value. */
  interface FetcherOptions<K, V, FC = unknown> {
    /** Aborted when the key is set, deleted or evicted meanwhile, or by the signal that `fetch` was given. */
    signal: AbortSignal;
    /** May be changed: the value is set with them. */
    options: FetcherFetchOptions<K, V, FC>;
    /** As given to `fetch`. */
    context: FC;
  }

  /**
   * What a call did. An object that is passed as `status` gets the fields that concern the call; listeners of the channel
   * `lru-cache:metrics` get one for each call, with or without.
   */
  interface Status<K, V, FC = unknown> {
    op?: 'get' | 'set' | 'memo' | 'fetch' | 'delete' | 'has' | 'peek';
    /** `miss`: it was not stored. */
    set?: 'add' | 'update' | 'replace' | 'miss' | 'deleted';
    delete?: DisposeReason;
    /** `stale`: it is there, but over. */
    peek?: 'hit' | 'miss' | 'stale';
    /** `miss`: `memoMethod` was called. */
    memo?: 'hit' | 'miss';
    context?: unknown;
    ttl?: Milliseconds;
    /** When the time of the entry began, on the clock of the cache. */
    start?: Milliseconds;
    now?: Milliseconds;
    /** Negative when it is over. */
    remainingTTL?: Milliseconds;
    entrySize?: Size;
    totalCalculatedSize?: Size;
    maxEntrySizeExceeded?: true;
    key?: K;
    value?: V;
    /** The value that was replaced. */
    oldValue?: V;
    has?: 'hit' | 'stale' | 'miss';
    /** `inflight`: it was being fetched already; `get`: there is no `fetchMethod`; `refresh`: `forceRefresh` was given. */
    fetch?: 'get' | 'inflight' | 'miss' | 'hit' | 'stale' | 'refresh';
    forceRefresh?: boolean;
    /** `fetchMethod` was called. */
    fetchDispatched?: true;
    /** What was fetched was stored. */
    fetchUpdated?: true;
    fetchError?: Error;
    fetchAborted?: true;
    fetchAbortIgnored?: true;
    fetchResolved?: true;
    fetchRejected?: true;
    /** `fetching`, `stale-fetching`: it is being fetched, and was not over or over before. */
    get?: 'stale' | 'hit' | 'miss' | 'fetching' | 'stale-fetching';
    returnedStale?: true;
    /** Listeners of the tracing channel `lru-cache` hear of the call. */
    trace?: boolean;
    cache?: LRUCache<K & {}, V & {}, FC>;
  }

  interface FetcherFetchOptions<K, V, FC = unknown> extends Pick<
    OptionsBase<K, V, FC>,
    | 'allowStale'
    | 'updateAgeOnGet'
    | 'noDeleteOnStaleGet'
    | 'sizeCalculation'
    | 'ttl'
    | 'noDisposeOnSet'
    | 'noUpdateTTL'
    | 'noDeleteOnFetchRejection'
    | 'allowStaleOnFetchRejection'
    | 'ignoreFetchAbort'
    | 'allowStaleOnFetchAbort'
  > {
    status?: Status<K, V, FC>;
    size?: Size;
  }

  interface FetchOptions<K, V, FC> extends FetcherFetchOptions<K, V, FC> {
    /** Fetches also what is not over. No effect while the key is being fetched. */
    forceRefresh?: boolean;
    /** Handed to `fetchMethod`. Required where `FC` is a type of its own. */
    context?: FC;
    /** Aborts the fetch, for all who wait for it. */
    signal?: AbortSignal;
    status?: Status<K, V, FC>;
  }

  interface FetchOptionsWithContext<K, V, FC> extends FetchOptions<K, V, FC> {
    context: FC;
  }

  interface FetchOptionsNoContext<K, V, FC extends undefined | void = undefined> extends FetchOptions<
    K,
    V,
    FC
  > {
    context?: FC;
  }

  interface MemoOptions<K, V, FC = unknown> extends Pick<
    OptionsBase<K, V, FC>,
    | 'allowStale'
    | 'updateAgeOnGet'
    | 'noDeleteOnStaleGet'
    | 'sizeCalculation'
    | 'ttl'
    | 'noDisposeOnSet'
    | 'noUpdateTTL'
    | 'noDeleteOnFetchRejection'
    | 'allowStaleOnFetchRejection'
    | 'ignoreFetchAbort'
    | 'allowStaleOnFetchAbort'
  > {
    /** Calls `memoMethod` also where there is a value that is not over. */
    forceRefresh?: boolean;
    /** Handed to `memoMethod`. Required where `FC` is a type of its own. */
    context?: FC;
    status?: Status<K, V, FC>;
  }

  interface MemoOptionsWithContext<K, V, FC> extends MemoOptions<K, V, FC> {
    context: FC;
  }

  interface MemoOptionsNoContext<K, V, FC extends undefined | void = undefined> extends MemoOptions<
    K,
    V,
    FC
  > {
    context?: FC;
  }

  /** What `memoMethod` gets besides key and stale value. */
  interface MemoizerOptions<K, V, FC = unknown> {
    /** May be changed: the value is set with them. */
    options: MemoizerMemoOptions<K, V, FC>;
    context: FC;
  }

  interface MemoizerMemoOptions<K, V, FC = unknown> extends Pick<
    OptionsBase<K, V, FC>,
    | 'allowStale'
    | 'updateAgeOnGet'
    | 'noDeleteOnStaleGet'
    | 'sizeCalculation'
    | 'ttl'
    | 'noDisposeOnSet'
    | 'noUpdateTTL'
  > {
    status?: Status<K, V, FC>;
    size?: Size;
    start?: Milliseconds;
  }

  interface HasOptions<K, V, FC> extends Pick<OptionsBase<K, V, FC>, 'updateAgeOnHas'> {
    status?: Status<K, V, FC>;
  }

  interface GetOptions<K, V, FC> extends Pick<
    OptionsBase<K, V, FC>,
    'allowStale' | 'updateAgeOnGet' | 'noDeleteOnStaleGet'
  > {
    status?: Status<K, V, FC>;
  }

  interface PeekOptions<K, V, FC> extends Pick<OptionsBase<K, V, FC>, 'allowStale'> {
    status?: Status<K, V, FC>;
  }

  interface SetOptions<K, V, FC> extends Pick<
    OptionsBase<K, V, FC>,
    'sizeCalculation' | 'ttl' | 'noDisposeOnSet' | 'noUpdateTTL'
  > {
    /** In place of what `sizeCalculation` says. */
    size?: Size;
    /** When the time of the entry began, on the clock of the cache (`perf`). By default now. */
    start?: Milliseconds;
    status?: Status<K, V, FC>;
  }

  type Fetcher<K, V, FC = unknown> = (
    key: K,
    staleValue: V | undefined,
    options: FetcherOptions<K, V, FC>,
  ) => Promise<V | undefined | void> | V | undefined | void;

  type Memoizer<K, V, FC = unknown> = (
    key: K,
    staleValue: V | undefined,
    options: MemoizerOptions<K, V, FC>,
  ) => V;

  /**
   * Options of the constructor. At least one of `max`, `maxSize` and `ttl` is required; those that a call knows as well hold
   * for it. An `LRUCache` may be passed in place of them.
   *
   * A name that is not among them is ignored, as `lru-cache` does.
   */
  interface OptionsBase<K, V, FC> {
    /**
     * Most entries. An integer above 0; 0 is no bound of its own. It never holds more than 33,554,432. Nothing is allocated
     * for entries that are not there.
     *
     * @default 0
     */
    max?: Count;
    /**
     * How long an entry lives; 0: for ever. An integer of milliseconds. What is over counts as missing; it goes when it is
     * asked for, when it makes room, by `purgeStale`, or with `ttlAutopurge`.
     *
     * @default 0
     */
    ttl?: Milliseconds;
    /**
     * For so long the time that was read once is used again, to see what is over. An integer; 0: it is read each time.
     *
     * @default 1
     */
    ttlResolution?: Milliseconds;
    /**
     * Removes entries when their time is over. One timer for all of them; 16 bytes more for each entry.
     *
     * @default false
     */
    ttlAutopurge?: boolean;
    /**
     * A `get` begins the time of an entry anew.
     *
     * @default false
     */
    updateAgeOnGet?: boolean;
    /**
     * A `has` begins the time of an entry anew.
     *
     * @default false
     */
    updateAgeOnHas?: boolean;
    /**
     * `get` returns what is over, once: it is deleted then. `fetch` returns it, and fetches behind the scenes.
     *
     * @default false
     */
    allowStale?: boolean;
    /**
     * Called for each value that leaves. It may use the cache, which is whole again by then.
     */
    dispose?: Disposer<K, V>;
    /** Called for each value that is set, after `dispose` of what it has replaced. */
    onInsert?: Inserter<K, V>;
    /** As `dispose`, at the end of the operation: after `onInsert`. */
    disposeAfter?: Disposer<K, V>;
    /**
     * Calls neither `dispose` nor `disposeAfter` for a value that another one has replaced.
     *
     * @default false
     */
    noDisposeOnSet?: boolean;
    /**
     * A set of a key that is there does not begin its time anew.
     *
     * @default false
     */
    noUpdateTTL?: boolean;
    /**
     * What the sizes of all entries may add up to. An integer above 0; 0: no bound.
     *
     * @default 0
     */
    maxSize?: Size;
    /**
     * The size of a fetch under way whose key has no value yet. An integer, 0 or more.
     *
     * @default 1
     */
    backgroundFetchSize?: number;
    /**
     * Largest size of one entry. An integer above 0. What is larger is not stored, and its key is deleted.
     *
     * @default maxSize
     */
    maxEntrySize?: Size;
    /**
     * The size of an entry, an integer above 0. Requires `maxSize` or `maxEntrySize`; without it each set needs a `size`.
     */
    sizeCalculation?: SizeCalculator<K, V>;
    /** What `fetch` calls for a value that is missing or over. One call at a time for a key, whoever waits. */
    fetchMethod?: Fetcher<K, V, FC>;
    /** What `memo` calls for a value that is missing or over. */
    memoMethod?: Memoizer<K, V, FC>;
    /**
     * A fetch that fails leaves the stale value in the cache.
     *
     * @default false
     */
    noDeleteOnFetchRejection?: boolean;
    /**
     * A `get` leaves what is over in the cache.
     *
     * @default false
     */
    noDeleteOnStaleGet?: boolean;
    /**
     * A fetch that fails returns the stale value, which stays in the cache.
     *
     * @default false
     */
    allowStaleOnFetchRejection?: boolean;
    /**
     * A fetch that is aborted returns the stale value. If `fetchMethod` goes on all the same, what it brings is stored.
     *
     * @default false
     */
    allowStaleOnFetchAbort?: boolean;
    /**
     * A fetch goes on when it is aborted, and its value is stored, unless the key was set, deleted or evicted.
     *
     * @default false
     */
    ignoreFetchAbort?: boolean;
    /**
     * The clock.
     *
     * @default performance
     */
    perf?: Perf;
  }

  interface OptionsMaxLimit<K, V, FC> extends OptionsBase<K, V, FC> {
    max: Count;
  }

  interface OptionsTTLLimit<K, V, FC> extends OptionsBase<K, V, FC> {
    ttl: Milliseconds;
    ttlAutopurge: boolean;
  }

  interface OptionsSizeLimit<K, V, FC> extends OptionsBase<K, V, FC> {
    maxSize: Size;
  }

  type Options<K, V, FC> = OptionsMaxLimit<K, V, FC> | OptionsSizeLimit<K, V, FC> | OptionsTTLLimit<K, V, FC>;

  /** An entry of `dump`, for `load`. */
  interface Entry<V> {
    value: V;
    ttl?: Milliseconds;
    size?: Size;
    /** When its time began, on the clock of `Date`. */
    start?: Milliseconds;
  }
}

/**
 * An exact LRU cache with the interface of `lru-cache` 11.
 *
 * `K` is the type of keys, `V` that of values, neither of which may be `null` or `undefined`; `FC` that of the `context` of
 * `fetch` and `memo`.
 *
 * Options are public properties; what is not read-only may be changed, and holds for what is called after that.
 *
 * Errors have a `code` that starts with `ERR_HEAPWISE_LRU_CACHE_`, and the messages of `lru-cache`.
 */
export declare class LRUCache<K extends {}, V extends {}, FC = unknown> {
  readonly perf: Perf;
  ttl: LRUCache.Milliseconds;
  ttlResolution: LRUCache.Milliseconds;
  ttlAutopurge: boolean;
  updateAgeOnGet: boolean;
  updateAgeOnHas: boolean;
  allowStale: boolean;
  noDisposeOnSet: boolean;
  noUpdateTTL: boolean;
  maxEntrySize: LRUCache.Size;
  sizeCalculation?: LRUCache.SizeCalculator<K, V>;
  noDeleteOnFetchRejection: boolean;
  noDeleteOnStaleGet: boolean;
  allowStaleOnFetchAbort: boolean;
  allowStaleOnFetchRejection: boolean;
  ignoreFetchAbort: boolean;
  backgroundFetchSize: number;
  readonly max: LRUCache.Count;
  readonly maxSize: LRUCache.Count;
  /** Sum of the sizes; 0 where sizes do not count. */
  readonly calculatedSize: LRUCache.Size;
  /** Entries, those included whose time is over and those that are being fetched. */
  readonly size: LRUCache.Count;
  readonly fetchMethod: LRUCache.Fetcher<K, V, FC> | undefined;
  readonly memoMethod: LRUCache.Memoizer<K, V, FC> | undefined;
  readonly dispose: LRUCache.Disposer<K, V> | undefined;
  readonly onInsert: LRUCache.Inserter<K, V> | undefined;
  readonly disposeAfter: LRUCache.Disposer<K, V> | undefined;
  readonly [Symbol.toStringTag]: string;

  /**
   * @throws {TypeError} `ERR_HEAPWISE_LRU_CACHE_INVALID`: an option is not what it must be, or there is no bound.
   */
  constructor(options: LRUCache.Options<K, V, FC> | LRUCache<K, V, FC>);

  /** The value of a key, which is used thereby. */
  get(key: K, options?: LRUCache.GetOptions<K, V, FC>): V | undefined;

  /** As `get`, but neither uses nor deletes the entry. */
  peek(key: K, options?: LRUCache.PeekOptions<K, V, FC>): V | undefined;

  /** Whether there is a value that is not over. Does not count as a use. */
  has(key: K, options?: LRUCache.HasOptions<K, V, FC>): boolean;

  /**
   * Sets a value, which counts as a use. `undefined` deletes the key. What is larger than `maxEntrySize` is not stored.
   *
   * @throws {TypeError} `ERR_HEAPWISE_LRU_CACHE_INVALID`: sizes count and it has none, or they do not and it has one.
   */
  set(key: K, value: V | undefined, options?: LRUCache.SetOptions<K, V, FC>): this;

  /** @returns whether there was an entry, be it over */
  delete(key: K): boolean;

  clear(): void;

  /** Evicts the least recently used entry, and returns its value. */
  pop(): V | undefined;

  /**
   * The first value for which `fn` returns true, from the one that was used last; it is used thereby.
   */
  find(
    fn: (value: V, key: K, self: LRUCache<K, V, FC>) => boolean,
    options?: LRUCache.GetOptions<K, V, FC>,
  ): V | undefined;

  /** From the one that was used last. */
  forEach(fn: (value: V, key: K, self: LRUCache<K, V, FC>) => unknown, thisArg?: unknown): void;

  /** From the one that is evicted next. */
  rforEach(fn: (value: V, key: K, self: LRUCache<K, V, FC>) => unknown, thisArg?: unknown): void;

  /**
   * Iterators go from the entry that was used last to the one that is evicted next, or back (`rkeys`, `rvalues`,
   * `rentries`). They leave out what is over, unless `allowStale` is set, and what is being fetched.
   *
   * The cache may be changed meanwhile: no entry comes twice; one that is used or added meanwhile and was not there yet
   * does not come.
   */
  keys(): Generator<K, void, unknown>;
  rkeys(): Generator<K, void, unknown>;
  values(): Generator<V, void, unknown>;
  rvalues(): Generator<V, void, unknown>;
  entries(): Generator<[K, V], void, unknown>;
  rentries(): Generator<[K, V], void, unknown>;
  [Symbol.iterator](): Generator<[K, V], void, unknown>;

  /** Removes what is over. @returns whether there was anything */
  purgeStale(): boolean;

  /** Milliseconds that an entry has left; 0 if there is none, Infinity if it has no time, negative if it is over. */
  getRemainingTTL(key: K): number;

  /** An entry with its size and the rest of its time. Returns also what is over. */
  info(key: K): LRUCache.Entry<V> | undefined;

  /** All entries, the one that is evicted next first, those included that are over. */
  dump(): [K, LRUCache.Entry<V>][];

  /** Clears the cache, and sets what `dump` has returned. The dump is not changed. */
  load(entries: Iterable<[K, LRUCache.Entry<V>]>): void;

  /**
   * The value of a key; if it is missing or over, what `fetchMethod` brings. Concurrent calls for a key share one fetch, whose
   * options are those of the first one. Without a `fetchMethod` it is `get`.
   *
   * Rejects with what `fetchMethod` fails with, with the reason of an abort, or with an error of the code
   * `ERR_HEAPWISE_LRU_CACHE_FETCH_ABORTED` if the key was set, deleted or evicted meanwhile. A `signal` that is aborted
   * already aborts.
   */
  fetch(
    key: K,
    options: unknown extends FC
      ? LRUCache.FetchOptions<K, V, FC>
      : FC extends undefined | void
        ? LRUCache.FetchOptionsNoContext<K, V, FC>
        : LRUCache.FetchOptionsWithContext<K, V, FC>,
  ): Promise<undefined | V>;
  fetch(
    key: unknown extends FC ? K : FC extends undefined | void ? K : never,
    options?: unknown extends FC
      ? LRUCache.FetchOptions<K, V, FC>
      : FC extends undefined | void
        ? LRUCache.FetchOptionsNoContext<K, V, FC>
        : never,
  ): Promise<undefined | V>;

  /** As `fetch`, but rejects with `ERR_HEAPWISE_LRU_CACHE_NO_VALUE` in place of `undefined`. */
  forceFetch(
    key: K,
    options: unknown extends FC
      ? LRUCache.FetchOptions<K, V, FC>
      : FC extends undefined | void
        ? LRUCache.FetchOptionsNoContext<K, V, FC>
        : LRUCache.FetchOptionsWithContext<K, V, FC>,
  ): Promise<V>;
  forceFetch(
    key: unknown extends FC ? K : FC extends undefined | void ? K : never,
    options?: unknown extends FC
      ? LRUCache.FetchOptions<K, V, FC>
      : FC extends undefined | void
        ? LRUCache.FetchOptionsNoContext<K, V, FC>
        : never,
  ): Promise<V>;

  /**
   * The value of a key; if it is missing or over, what `memoMethod` returns, which is set.
   *
   * @throws {Error} `ERR_HEAPWISE_LRU_CACHE_NO_MEMO`: there is no `memoMethod`.
   */
  memo(
    key: K,
    options: unknown extends FC
      ? LRUCache.MemoOptions<K, V, FC>
      : FC extends undefined | void
        ? LRUCache.MemoOptionsNoContext<K, V, FC>
        : LRUCache.MemoOptionsWithContext<K, V, FC>,
  ): V;
  memo(
    key: unknown extends FC ? K : FC extends undefined | void ? K : never,
    options?: unknown extends FC
      ? LRUCache.MemoOptions<K, V, FC>
      : FC extends undefined | void
        ? LRUCache.MemoOptionsNoContext<K, V, FC>
        : never,
  ): V;
}
