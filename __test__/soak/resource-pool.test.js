'use strict';

const { describe, it } = require('node:test');
const { runSchedules } = require('../resource-pool-schedules.js');

describe('a resource pool', () => {
  it('keeps its promises in 100,000 random schedules', () => runSchedules(100_000));
});
