'use strict';

const { channel } = require('node:diagnostics_channel');

/** What happens in pools, for `diagnostics_channel`. Each message has the `pool`, and what its name says. */
const channels = {
  acquire: channel('heapwise:resource-pool:acquire'),
  release: channel('heapwise:resource-pool:release'),
  create: channel('heapwise:resource-pool:create'),
  destroy: channel('heapwise:resource-pool:destroy'),
  timeout: channel('heapwise:resource-pool:timeout'),
  error: channel('heapwise:resource-pool:error'),
};

module.exports = { channels };
