'use strict';

const { SharedCache } = require('./index.js');
const { createKeyvSharedCacheClass } = require('./keyv/keyv-shared-cache.js');

module.exports = {
  KeyvSharedCache: createKeyvSharedCacheClass({ SharedCache: /** @type {any} */ (SharedCache) }),
};
