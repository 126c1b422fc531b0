'use strict';

const { error } = require('../errors.js');
const validate = require('../validate.js');

const OPTIONS = /** @type {const} */ (['algorithm', 'threshold', 'level']);
const ALGORITHMS = /** @type {const} */ (['lz4', 'zstd']);
/** Bytes. Shorter texts have little that repeats, and decompressing takes a microsecond however short they are. */
const THRESHOLD = 1024;
/** The default of zstd itself. Level 1 differs little from it, in time and in bytes: `npm run bench -- shared-cache`. */
const LEVEL = 3;
const MOST_LEVEL = 19;

/** @typedef {{ algorithm: 'lz4' | 'zstd', threshold: number, level: number }} Compression */

/**
 * Which values are to be compressed, and how. `undefined` is none.
 *
 * @param {unknown} compression
 * @returns {Compression | undefined}
 */
function compressionOf(compression) {
  if (compression === undefined) {
    return undefined;
  }
  if (typeof compression === 'string') {
    const algorithm = validate.oneOf(compression, 'compression', ALGORITHMS);
    return { algorithm, threshold: THRESHOLD, level: LEVEL };
  }
  if (compression === null || typeof compression !== 'object') {
    const wanted = `'lz4', 'zstd' or { algorithm, threshold, level }`;
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'compression', wanted, compression);
  }
  const given = validate.options(
    /** @type {Record<string, unknown>} */ (compression),
    'compression',
    OPTIONS,
  );
  // There is no default that would be right for most.
  const algorithm = validate.oneOf(given.algorithm ?? null, 'compression.algorithm', ALGORITHMS);
  if (algorithm === 'lz4' && given.level !== undefined) {
    const wanted = `left out, as 'lz4' has none`;
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'compression.level', wanted, given.level);
  }
  const levels = { default: LEVEL, min: 1, max: MOST_LEVEL, integer: true };
  const lengths = { default: THRESHOLD, min: 0 };
  return {
    algorithm,
    threshold: Math.ceil(validate.number(given.threshold, 'compression.threshold', lengths)),
    level: validate.number(given.level, 'compression.level', levels),
  };
}

module.exports = { compressionOf };
