'use strict';

const { default: KeyvRedis } = require('@keyv/redis');
const { default: KeyvValkey } = require('@keyv/valkey');
const { Keyv: Keyv5 } = require('keyv');
const { Keyv: Keyv6 } = require('keyv6');
const { Cache, TieredCache } = require('../..');

/** The ways to Redis: what a TieredCache is given, and how it is closed. */
const WAYS = {
  'Keyv 5 on @keyv/redis': (url) => new Keyv5({ store: new KeyvRedis(url), namespace: 'test' }),
  'Keyv 6 on @keyv/redis': (url) => new Keyv6({ store: new KeyvRedis(url), namespace: 'test' }),
  '@keyv/redis itself': (url) => new KeyvRedis(url, { namespace: 'test', throwOnErrors: true }),
  'Keyv 5 on @keyv/valkey': (url) => new Keyv5({ store: new KeyvValkey(url), namespace: 'test' }),
  '@keyv/valkey itself': (url) => new KeyvValkey(url),
};

/**
 * A tiered cache on a Redis.
 *
 * @param {string} way
 * @param {string} url
 * @param {object} [options]
 */
function tieredOn(way, url, options) {
  const near = new Cache({ max: 1000 });
  const far = WAYS[way](url);
  const cache = new TieredCache({
    near,
    far,
    invalidation: { channel: `test:${way}` },
    breaker: { cooldown: 50, maxCooldown: 200 },
    ...options,
  });
  return { cache, near, far };
}

module.exports = { WAYS, tieredOn };
