'use strict';

const { error } = require('../errors.js');
const validate = require('../validate.js');
const { AUTO_FROM, POLICIES } = require('../cache/policy.js');
const { codecOf } = require('./codec.js');
const { compressionOf } = require('./compression.js');

const OPTIONS = /** @type {const} */ ([
  'name',
  'maxBytes',
  'max',
  'ttl',
  'maxTtl',
  'jitter',
  'slidingTtl',
  'policy',
  'shards',
  'codec',
  'compression',
]);
const MOST_SHARDS = 256;
/** Bytes of the budget for each shard, from the third on: its tables must fit what the budget sets aside for tables. */
const BYTES_PER_SHARD = 3 << 20;

/**
 * What a cache is to be, checked, with its defaults. 0 is no limit in what goes to Rust.
 *
 * @param {import('../..').SharedCacheOptions} options
 * @param {readonly number[]} bytes least and most of `maxBytes`
 * @param {readonly string[]} [others] options that somebody else looks at
 */
function settingsOf(options, [least, most], others = []) {
  const given = validate.options(options, 'SharedCache', [...OPTIONS, ...others]);
  const time = { default: 0, min: 0, infinite: true };
  const max = validate.number(given.max, 'max', { default: Infinity, min: 1, integer: true, infinite: true });
  const policy = validate.oneOf(given.policy, 'policy', POLICIES);
  const codec = codecOf(given.codec);
  const maxBytes = validate.number(given.maxBytes, 'maxBytes', { min: least, max: most, integer: true });
  return {
    codec,
    settings: {
      name: nameOf(given.name),
      maxBytes,
      max: unlimited(max),
      ttl: unlimited(validate.number(given.ttl, 'ttl', time)),
      maxTtl: unlimited(validate.number(given.maxTtl, 'maxTtl', time)),
      jitter: validate.number(given.jitter, 'jitter', { default: 0, min: 0, max: 1 }),
      sliding: validate.boolean(given.slidingTtl, 'slidingTtl', false),
      policy: policy === 'auto' ? automatic(max) : policy,
      shards: shardsOf(given.shards, maxBytes),
      codec: codec.name,
      compression: compressionOf(given.compression),
    },
  };
}

/** @param {number} max */
function automatic(max) {
  return max < AUTO_FROM ? 'lru' : 's3fifo';
}

/** @param {number} number */
function unlimited(number) {
  return number === Infinity ? 0 : Math.ceil(number);
}

/**
 * @param {unknown} shards
 * @param {number} maxBytes
 */
function shardsOf(shards, maxBytes) {
  if (shards === undefined) {
    return undefined;
  }
  const number = validate.number(shards, 'shards', { min: 1, max: MOST_SHARDS, integer: true });
  if ((number & (number - 1)) !== 0) {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'shards', 'a power of two', shards);
  }
  const most = Math.max(2, Math.floor(maxBytes / BYTES_PER_SHARD));
  if (number > most) {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'shards', `<= ${most} for this "maxBytes"`, shards);
  }
  return number;
}

/** @param {unknown} name */
function nameOf(name) {
  if (name !== undefined && validate.string(name, 'name') === '') {
    throw error('ERR_HEAPWISE_INVALID_ARG_VALUE', 'name', 'a string that is not empty', name);
  }
  return /** @type {string | undefined} */ (name);
}

module.exports = { settingsOf };
