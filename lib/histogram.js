'use strict';

const { error, fromNative } = require('./errors.js');
const validate = require('./validate.js');

const OPTIONS = ['lowest', 'highest', 'figures'];

/** One arrival for each microsecond, in milliseconds: see `delays`. */
const ARRIVAL = 1e-3;
/** Marks a native histogram that is handed over instead of options. */
const VIEW = Symbol('view');

/**
 * The public Histogram class over the native one. See `index.d.ts` for its contract.
 *
 * @param {typeof import('./binding.js')} binding
 */
function createHistogramClass(binding) {
  /** @type {(histogram: Histogram) => import('./binding.js').NativeHistogram} */
  let nativeOf;

  class Histogram {
    /** @type {import('./binding.js').NativeHistogram} */
    #native;

    static {
      nativeOf = (histogram) => histogram.#native;
    }

    /** @param {any} [options] */
    constructor(options) {
      if (options?.[VIEW] !== undefined) {
        this.#native = options[VIEW];
        return;
      }
      const given = /** @type {import('..').HistogramOptions} */ (
        validate.options(options, 'Histogram', OPTIONS)
      );
      const lowest = validate.number(given.lowest, 'lowest', { default: 0.001, above: 0 });
      const highest = validate.number(given.highest, 'highest', { default: 3_600_000, min: 2 * lowest });
      const figures = validate.number(given.figures, 'figures', {
        default: 3,
        min: 1,
        max: 5,
        integer: true,
      });
      this.#native = native(() => new binding.NativeHistogram(lowest, highest, figures));
    }

    /** @param {number} value */
    record(value) {
      this.#native.record(validate.number(value, 'value', { min: 0, infinite: true }));
    }

    /** @param {number} percentile */
    percentile(percentile) {
      return this.#native.percentile(validate.number(percentile, 'percentile', { min: 0, max: 100 }));
    }

    get count() {
      return this.#native.summary().count;
    }

    get min() {
      return this.#native.summary().min;
    }

    get max() {
      return this.#native.summary().max;
    }

    get mean() {
      return this.#native.summary().mean;
    }

    get stddev() {
      return this.#native.summary().stddev;
    }

    /** @returns {import('..').HistogramSummary} */
    summary() {
      return this.#native.summary();
    }

    /** @param {readonly number[]} bounds */
    countsAtOrBelow(bounds) {
      // A copy, in which holes are undefined and so refused: every() passes over holes.
      const list = Array.isArray(bounds) ? [...bounds] : [bounds];
      if (!Array.isArray(bounds) || !list.every((bound) => typeof bound === 'number')) {
        throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'bounds', 'an array of numbers', bounds);
      }
      return this.#native.countsAtOrBelow(list);
    }

    /** @param {Histogram} other */
    merge(other) {
      if (typeof other !== 'object' || other === null || !(#native in other)) {
        throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'other', 'a Histogram', other);
      }
      native(() => this.#native.merge(other.#native));
    }

    snapshot() {
      return view(this.#native.snapshot());
    }

    /** @param {Histogram} earlier */
    since(earlier) {
      if (typeof earlier !== 'object' || earlier === null || !(#native in earlier)) {
        throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'earlier', 'a Histogram', earlier);
      }
      return view(native(() => this.#native.since(earlier.#native)));
    }

    reset() {
      this.#native.reset();
    }

    encode() {
      return this.#native.encode();
    }

    /** @param {Uint8Array} bytes */
    static decode(bytes) {
      if (!(bytes instanceof Uint8Array)) {
        throw error('ERR_HEAPWISE_INVALID_ARG_TYPE', 'bytes', 'a Buffer or Uint8Array', bytes);
      }
      // A copy: another thread could write to shared memory while Rust reads it.
      const buffer = Buffer.from(bytes);
      return view(native(() => binding.NativeHistogram.decode(buffer)));
    }
  }

  /**
   * A Histogram that shows what a native part writes into.
   *
   * @param {import('./binding.js').NativeHistogram} shared
   */
  function view(shared) {
    return new Histogram({ [VIEW]: shared });
  }

  /**
   * What an event that comes at a random moment waits for the loop.
   *
   * @param {import('..').Histogram} iterations of the loop, in milliseconds
   * @param {number} idle milliseconds outside of them
   */
  function delays(iterations, idle) {
    return view(
      nativeOf(/** @type {Histogram} */ (/** @type {unknown} */ (iterations))).waits(idle, ARRIVAL),
    );
  }

  return { Histogram, view, delays };
}

/**
 * Runs a native call; its error gets the class that its code has in our table.
 *
 * @template R
 * @param {() => R} call
 * @returns {R}
 */
function native(call) {
  try {
    return call();
  } catch (raised) {
    throw fromNative(raised);
  }
}

module.exports = { createHistogramClass };
