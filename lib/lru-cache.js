'use strict';

const { LRUCache } = require('./lru-cache/lru-cache.js');

module.exports = { LRUCache };
