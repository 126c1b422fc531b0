'use strict';

const { join } = require('node:path');
const { packagesFor } = require('../../scripts/nodes.js');

const PEERS = {
  '@datadog/native-metrics': '4.0.0',
  '@fastify/under-pressure': '9.2.0',
  'blocked-at': '1.2.0',
  fastify: '5.12.8',
  loopbench: '2.0.0',
  'toobusy-js': '0.5.1',
};
const COMPILED_PEERS = { 'event-loop-stats': '1.4.1' };

/**
 * The folder with the packages of other instruments, for that Node.
 *
 * @param {string} node
 * @param {string} major
 */
function preparePeers(node, major) {
  return packagesFor(node, join('loop-peers', major), PEERS, COMPILED_PEERS);
}

module.exports = { preparePeers };
