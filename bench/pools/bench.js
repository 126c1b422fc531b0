'use strict';

const { bufferCases } = require('./buffers.js');
const { objectCases } = require('./objects.js');
const { resourceCases } = require('./resources.js');

module.exports = {
  summary: 'ObjectPool, BufferPool and ResourcePool beside no pool and all others; Node 20 and 24',
  nodes: ['20', '24'],
  cases: [...objectCases, ...bufferCases, ...resourceCases],
};
