/// <reference types="node" />

/**
 * `heapwise/express`: pools for the requests of Express, Connect or plain `http`, and a cache of their responses.
 *
 * ```js
 * const express = require('express');
 * const { ResourcePool } = require('heapwise');
 * const { pooled } = require('heapwise/express');
 *
 * const db = new ResourcePool({ create: connect, destroy: (connection) => connection.end(), max: 20 });
 * const app = express();
 * app.get('/users/:id', pooled({ db }, { timeout: 2000 }), async (req, res) => {
 *   res.json(await req.pooled.db.query('SELECT * FROM users WHERE id = ?', [req.params.id]));
 * });
 * ```
 *
 * In TypeScript say once what `req.pooled` has:
 *
 * ```ts
 * declare module 'heapwise/express' {
 *   interface Pooled { db: Connection }
 * }
 * ```
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ObjectPool, ResourcePool } from './index.js';

/** What `req.pooled` has. Empty: add the names of your pools, as shown above. */
export interface Pooled {}

/** What requests have of these pools; `req as PooledRequest<typeof pools>` where `Pooled` does not serve. */
export type PooledOf<P extends Record<string, ObjectPool<any> | ResourcePool<any>>> = {
  readonly [Name in keyof P]: P[Name] extends { lease(): infer L }
    ? Awaited<L> extends { readonly value: infer R }
      ? R
      : never
    : never;
};

/** Options of {@link pooled}. */
export interface PooledOptions {
  /**
   * How long a request waits for a resource of each ResourcePool. Milliseconds: a number > 0, at most 2,147,483,647, or
   * `Infinity`.
   *
   * @default undefined: the pool's `acquireTimeout`, which for a request may be long
   */
  timeout?: number | undefined;

  /**
   * Whether a resource of a ResourcePool is destroyed, and not lent again, when the client went away before the response
   * was complete. The handler is not stopped by that, and may be in the middle of a transaction: true if it does not
   * look at `res` before it goes on. Costs a new resource for each such request.
   *
   * @default false
   */
  destroyOnAbort?: boolean | undefined;
}

/** Lends to a request what it needs. For Express, Connect, or your own chain. */
export type PooledMiddleware = (
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: any) => void,
) => void;

/**
 * Lends each request one of each pool, as `req.pooled.<name>`, and takes all back when the response is over: in its
 * `close`, which comes once, whether it was answered or the client went away.
 *
 * - All or none: if one cannot be had, the others go back and `next` gets the error. Its `status` and `statusCode` are
 *   503, by which Express answers, if it is `ERR_HEAPWISE_POOL_EXHAUSTED`, `ERR_HEAPWISE_POOL_CLOSED`,
 *   `ERR_HEAPWISE_RESOURCE_TIMEOUT`, `ERR_HEAPWISE_RESOURCE_QUEUE_FULL` or `ERR_HEAPWISE_RESOURCE_CREATE`.
 * - A request whose client goes away while it waits leaves the line. Neither a handler nor an error handler runs then,
 *   because there is nobody to answer.
 * - The pools of one call are taken from in an order that is the same in all calls, so that of two requests which want the
 *   same two pools neither has what the other one waits for.
 * - Mounted twice, it lends once. Another pool under the same name is an `ERR_HEAPWISE_DUPLICATE_NAME` for `next`.
 * - When the response is over, `req.pooled.<name>` throws `ERR_HEAPWISE_POOL_RESPONSE_OVER`. What was kept in a variable
 *   must not be used any more either: it may be lent to another request.
 * - A handler may give a resource of a ResourcePool back itself, or destroy it, with the pool's own methods. What is of an
 *   ObjectPool is to be left to the middleware.
 * - `holders()` of a ResourcePool names the requests by method and route, or path.
 *
 * @param pools by name
 * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
 * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
 */
export function pooled(
  pools: Record<string, ObjectPool<any> | ResourcePool<any>>,
  options?: PooledOptions,
): PooledMiddleware;

/** Why a response was not stored; see {@link ResponseCacheStats.refused}. */
export type RefusalReason =
  /** A status that is not among `statuses`, or one that is never stored: 206, 304. */
  | 'status'
  | 'no-store'
  | 'private'
  /** The request had Authorization, and the response does not say that it is for others. */
  | 'authorization'
  | 'set-cookie'
  /** `Vary: *`, or more than 16 fields. */
  | 'vary'
  /** `Access-Control-Allow-Origin` names the origin of this request, but `Vary` does not say so. */
  | 'origin'
  /** It does not say how long it is fresh, or is stale at once and cannot be validated. */
  | 'freshness'
  /** The function `groups` has thrown, of which a process warning tells once. */
  | 'groups'
  /** Larger than `maxEntryBytes`, or than what there is room for. */
  | 'size';

/** Options of {@link responseCache}. */
export interface ResponseCacheOptions {
  /**
   * Most that is kept: bodies, header fields, keys, groups, and about 1,400 bytes for each response, or 400 for what leads to one.
   * What nobody has asked for longest goes first. As much again may be in the making. Bytes: an integer >= 1.
   *
   * @default 67_108_864 (64 MiB)
   */
  maxBytes?: number | undefined;

  /**
   * Longest body that is kept. A longer one passes through as it comes, and is not held back. Bytes: an integer >= 1, at
   * most `maxBytes`.
   *
   * @default 1_048_576 (1 MiB), or `maxBytes` if that is less
   */
  maxEntryBytes?: number | undefined;

  /**
   * How long a response is fresh that does not say so itself, by `max-age`, `s-maxage` or `Expires`. Only for statuses that
   * may be stored without a word: 200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501, and what is `public`.
   * Milliseconds: a number >= 0; 0: it is not stored.
   *
   * @default 0
   */
  ttl?: number | undefined;

  /**
   * The share of the time since `Last-Modified` for which such a response is fresh, at most a day. Goes before `ttl`.
   * A number from 0 to 1; 0: nothing is guessed. 0.1 is what others take.
   *
   * @default 0
   */
  heuristic?: number | undefined;

  /**
   * For how long a response may be served once it is stale while it is validated behind the scenes, if it does not say
   * so itself. That is never done against `must-revalidate`, `proxy-revalidate`, `no-cache`, or an `s-maxage` without
   * `stale-while-revalidate`. The server is given the request once more, without a client: whatever stands in front of the
   * cache sees it, too. With HTTP/2 the client waits for the validation instead. Milliseconds: a number >= 0.
   *
   * @default 0
   */
  staleWhileRevalidate?: number | undefined;

  /**
   * For how long it may be served when the handler answers 500, 502, 503 or 504, likewise. Milliseconds: a number >= 0.
   *
   * @default 0
   */
  staleIfError?: number | undefined;

  /**
   * How long a request waits for the same one that came before it, and then asks the handler itself. Milliseconds: a
   * number from 0 to 2,147,483,647; 0: each asks the handler.
   *
   * @default 5000
   */
  waitTimeout?: number | undefined;

  /**
   * Whether requests with Authorization are answered from the cache, and their responses stored, if these say `public`,
   * `must-revalidate` or `s-maxage` (RFC 9111, section 3.5). If not, such requests pass.
   *
   * @default false
   */
  authorization?: boolean | undefined;

  /**
   * Cookies that answers do not depend on: all of them (`true`), or these names. A request with any other cookie passes.
   *
   * @default false
   */
  ignoreCookies?: boolean | readonly string[] | undefined;

  /**
   * What becomes of a response with Set-Cookie: it is not stored (`refuse`), it is stored without (`strip`), or the cookie
   * of one is given to everybody (`store`), as RFC 9111 has it.
   *
   * @default 'refuse'
   */
  setCookie?: 'refuse' | 'strip' | 'store' | undefined;

  /**
   * Statuses of responses that may be stored if they say for how long. 206 and 304 never are.
   *
   * @default [200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501]
   */
  statuses?: 'any' | readonly number[] | undefined;

  /**
   * Names of fields that go before Cache-Control and Expires, in this order, as `CDN-Cache-Control` (RFC 9213).
   *
   * @default []
   */
  targets?: readonly string[] | undefined;

  /**
   * By name of a request's field that is in `Vary`: what of its value selects a response. Fewer values, fewer responses.
   * Where one throws, the value as it is. Without, Accept-Encoding is compared without order, Accept-Language without case, others without space at commas.
   */
  normalize?: Record<string, (value: string) => string> | undefined;

  /**
   * Whether clients may ask for what is not from the cache, by `no-cache`, `no-store`, `max-age`, `min-fresh` or `Pragma`, as
   * a reload in a browser does. If not, only `max-stale` and `only-if-cached` count.
   *
   * @default true
   */
  clientMayBypass?: boolean | undefined;

  /**
   * What is stored under one name, for which everything counts that the answer depends on and `Vary` does not say.
   * Not a string but undefined or null: the request passes. Must be fast, as each request calls it.
   *
   * @default scheme, Host and URL, and X-Forwarded-Proto and X-Forwarded-Host as they come
   */
  key?: ((req: any) => string | null | undefined) | undefined;

  /**
   * Groups that a response belongs to, for `invalidate`, beside those in its `Cache-Groups` (RFC 9875). If it throws, the
   * response is not stored, and a process warning tells why, once.
   */
  groups?: ((req: any, res: any) => Iterable<string>) | undefined;

  /**
   * A field that says how a request was answered: `X-Cache` with `HIT`, `STALE`, `REVALIDATED`, `MISS` or `BYPASS`, or
   * `Cache-Status` (RFC 9211). Costs a hit a few hundred nanoseconds.
   *
   * @default 'none'
   */
  statusHeader?: 'none' | 'x-cache' | 'cache-status' | undefined;

  /**
   * What this cache calls itself in Cache-Status: a token that begins with a letter.
   *
   * @default 'heapwise'
   */
  name?: string | undefined;

  /** The time, for tests. Milliseconds since 1970. @default Date.now */
  now?: (() => number) | undefined;
}

/** What {@link ResponseCache.invalidate} takes: a URL, path and query as a client sends them, or a group. */
export type Invalidation = { url: string; group?: undefined } | { group: string; url?: undefined };

/** Since the cache was made, but for what is kept now. */
export interface ResponseCacheStats {
  /** Requests answered with what was fresh. */
  readonly hits: number;
  /** Requests answered with what was stale. */
  readonly stale: number;
  /** Requests for which the handler was asked. */
  readonly misses: number;
  /** Of these, those in which it said that what is stored has not changed. */
  readonly revalidated: number;
  /** Of hits and stale ones, those that waited for another request. */
  readonly collapsed: number;
  /** Requests that passed: with cookies, Authorization, a body, `no-store`, or without a key. */
  readonly bypassed: number;
  /** Responses stored. */
  readonly stored: number;
  /** Entries that were invalidated. */
  readonly invalidated: number;
  /** Responses not stored, by reason. */
  readonly refused: Partial<Record<RefusalReason, number>>;
  /** Kept now: responses, and what leads to them. */
  readonly entries: number;
  /** Kept now, as `maxBytes` counts. */
  readonly bytes: number;
  readonly maxBytes: number;
  /** Entries that went to make room. */
  readonly evictions: number;
  /** Entries whose time was over. */
  readonly expirations: number;
}

/** What {@link responseCache} returns: the middleware, with the cache that is behind it. */
export interface ResponseCache extends PooledMiddleware {
  /**
   * A listener for `http.createServer` that answers what is there, and hands on the rest: an Express app, or any other.
   * An app in front of which the cache is has no part in a hit, which costs a fraction then of what it costs as a
   * middleware: docs/http-cache.md has the figures. If `key` throws the answer is 500, and a process warning tells why.
   *
   * ```js
   * http.createServer(cache.inFrontOf(app)).listen(3000);
   * ```
   *
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`
   */
  inFrontOf(listener: (req: any, res: any) => void): (req: IncomingMessage, res: ServerResponse) => void;

  /**
   * Removes the responses of a URL, whatever their Host and `Vary`, or of a group. What a handler is about to answer is not
   * stored either. After close: 0.
   *
   * @returns how many entries went
   * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`
   */
  invalidate(what: Invalidation): number;

  /** Removes everything. After close nothing. */
  clear(): void;

  stats(): ResponseCacheStats;

  /** Removes everything, and lets all requests pass from now on. Those that wait ask the handler. May be called twice. */
  close(): void;

  [Symbol.dispose](): void;
}

/**
 * A shared cache of responses (RFC 9111) in front of the handlers that come after it. For Express 4 and 5, Connect or plain
 * `http`; docs/http-cache.md says what it does when.
 *
 * ```js
 * app.use(responseCache({ maxBytes: 100e6 }));
 * app.get('/products', async (req, res) => {
 *   res.set('Cache-Control', 'public, max-age=60, stale-while-revalidate=600');
 *   res.json(await loadProducts());
 * });
 * ```
 *
 * - Only GET is stored; HEAD is answered from it. Other methods that may change something, and succeed, invalidate their
 *   URL, and those in Location and Content-Location if they are of this host.
 * - Nothing is stored without a word of the response, or a `ttl`. Nothing with cookies, Authorization, Set-Cookie, `private` or
 *   `no-store` is stored, unless you say so.
 * - What is set in front of it, by `res.setHeader`, is not stored: it is set for each request anew.
 * - Of requests for the same, one asks the handler, and the others wait. If its response is not for them, each asks.
 * - A response is stored when its handler has ended it. One that breaks off never is.
 *
 * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`
 * @throws {RangeError} `ERR_HEAPWISE_INVALID_ARG_VALUE`
 */
export function responseCache(options?: ResponseCacheOptions): ResponseCache;

declare global {
  namespace Express {
    interface Request {
      /** What this request has of the pools of {@link pooled}, by name, until its response is over. */
      readonly pooled: Pooled;
    }
  }
}
