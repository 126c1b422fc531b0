/// <reference types="node" />

/**
 * `heapwise/express`: pools for the requests of Express, Connect or plain `http`.
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

declare global {
  namespace Express {
    interface Request {
      /** What this request has of the pools of {@link pooled}, by name, until its response is over. */
      readonly pooled: Pooled;
    }
  }
}
