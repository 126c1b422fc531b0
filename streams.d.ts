/// <reference types="node" />

/**
 * heapwise/streams: streams whose state and scratch memory come from pools.
 *
 * ```js
 * const { pipeline } = require('node:stream/promises');
 * const { BufferPool, ObjectPool } = require('heapwise');
 * const { pooledTransform } = require('heapwise/streams');
 *
 * const tables = new ObjectPool(() => new Uint32Array(65_536), { reset: (table) => table.fill(0) });
 * const buffers = new BufferPool({ maxBytes: 64 * 1024 * 1024 });
 *
 * const compress = () => pooledTransform({
 *   state: tables,
 *   buffers,
 *   transform(chunk, encoding, callback) {
 *     const out = this.scratch(worstCase(chunk.length));
 *     callback(null, out.subarray(0, deflateInto(out, chunk, this.state)));
 *   },
 * });
 * await pipeline(source, compress(), destination);
 * ```
 *
 * @module
 */

import type { Transform, TransformCallback, TransformOptions } from 'node:stream';
import type { BufferPool, ObjectPool } from './index.js';

/** Options of `stream.Transform` that {@link pooledTransform} hands on. */
export type PooledTransformStreamOptions = Pick<
  TransformOptions,
  | 'allowHalfOpen'
  | 'autoDestroy'
  | 'decodeStrings'
  | 'defaultEncoding'
  | 'emitClose'
  | 'highWaterMark'
  | 'objectMode'
  | 'readableHighWaterMark'
  | 'readableObjectMode'
  | 'signal'
  | 'writableHighWaterMark'
  | 'writableObjectMode'
>;

/** The work of a {@link PooledTransform}. `S` is the type of its state. */
export interface TransformHandlers<S> {
  /**
   * As `transform` of `stream.Transform`. What it throws destroys the stream. It must call back even if the stream was
   * destroyed meanwhile: until then it may go on using state and scratch memory, which stay lent.
   */
  transform: (
    this: PooledTransform<S>,
    chunk: any,
    encoding: BufferEncoding,
    callback: TransformCallback,
  ) => void;

  /**
   * As `flush` of `stream.Transform`.
   *
   * @default undefined: nothing is left to be done at the end
   */
  flush?: ((this: PooledTransform<S>, callback: TransformCallback) => void) | undefined;
}

/** Where the state of a {@link PooledTransform} comes from. */
export interface StatePool<S extends object> {
  /**
   * One object is acquired when `this.state` is first asked for, and released once: when the stream has ended, failed or
   * been destroyed, but never while a call of `transform` or `flush` has not called back.
   */
  state: ObjectPool<S>;
}

/** Options of {@link pooledTransform}, besides its handlers and its state. */
export interface PooledTransformOptions extends PooledTransformStreamOptions {
  /**
   * Where `this.scratch` takes memory from.
   *
   * @default undefined: `this.scratch` throws
   */
  buffers?: BufferPool | undefined;

  /**
   * Pushes scratch memory as it is, instead of a copy. Whoever reads the stream must give each chunk to
   * {@link release}, once, and not touch it afterwards; chunks that were not read when the stream is destroyed are
   * released by it. The readable side is in object mode then: its `highWaterMark` counts chunks, which are neither joined
   * nor cut. A chunk that is not released counts as lent for ever.
   *
   * @default false: whoever reads a chunk may keep it
   */
  lend?: boolean | undefined;
}

/** What {@link pooledTransform} makes. */
export interface PooledTransform<S = undefined> extends Transform {
  /**
   * The state; `undefined` without a pool for it.
   *
   * @throws {Error} `ERR_HEAPWISE_STREAM_ENDED` when it has gone back; and what `acquire` of its pool throws
   */
  readonly state: S;

  /**
   * Lends a buffer until this call of `transform` or `flush` calls back. What of it is pushed, or given to the callback,
   * is copied, unless the stream has `lend`.
   *
   * @throws {Error} `ERR_HEAPWISE_STREAM_SCRATCH` outside of such a call, or without `buffers`; and what `acquire` of its
   *   pool throws
   */
  scratch(byteLength: number): Buffer;
}

/**
 * Makes a Transform whose state and scratch memory come from pools and go back to them. The stream itself is not pooled: a
 * finished one cannot be started again.
 *
 * What lies in the memory of any {@link BufferPool} is copied when it is pushed, so chunks may be kept. Objects that
 * refer to such memory (in object mode) are not looked into.
 *
 * @throws {TypeError} `ERR_HEAPWISE_INVALID_ARG_TYPE`, `ERR_HEAPWISE_UNKNOWN_OPTION`; and what `stream.Transform` throws
 */
export function pooledTransform<S extends object>(
  options: PooledTransformOptions & StatePool<S> & TransformHandlers<S>,
): PooledTransform<S>;
export function pooledTransform(
  options: PooledTransformOptions & { state?: undefined } & TransformHandlers<undefined>,
): PooledTransform;

/**
 * Takes back a chunk of a stream with `lend`.
 *
 * @throws {Error} `ERR_HEAPWISE_POOL_DOUBLE_RELEASE` when it was given back already, or the stream was destroyed before it
 *   was read; `ERR_HEAPWISE_POOL_FOREIGN_OBJECT` for anything else
 */
export function release(chunk: Buffer): void;
