'use strict';

const { describe, it } = require('node:test');
const { runSchedules } = require('./resource-pool-schedules.js');

describe('a resource pool', () => {
  it('keeps its promises in 5000 random schedules', () => runSchedules(5000));
});
