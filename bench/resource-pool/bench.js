'use strict';

const { TIME } = require('../lib/measures.js');
const { time } = require('../lib/timing.js');

const RESOURCES = 8;
const CLIENTS = 64;

/** As connections are kept: an object with an identity. */
class Connection {
  used = 0;
}

const create = () => new Connection();
const createLater = async () => new Connection();
const destroy = async () => {};
const validate = () => true;

/** Each opens a pool of that many resources, with its defaults otherwise. */
const POOLS = [
  {
    name: 'generic-pool',
    npm: 'generic-pool',
    open({ checked }) {
      const pool = require('generic-pool').createPool(
        { create: createLater, destroy, validate: async () => true },
        { max: RESOURCES, testOnBorrow: checked },
      );
      return { acquire: () => pool.acquire(), release: (it) => pool.release(it) };
    },
  },
  {
    name: 'tarn',
    npm: 'tarn',
    open({ checked }) {
      const { Pool } = require('tarn');
      const pool = new Pool({
        create,
        destroy,
        validate: checked ? validate : undefined,
        min: 0,
        max: RESOURCES,
      });
      return { acquire: () => pool.acquire().promise, release: (it) => pool.release(it) };
    },
  },
  {
    name: 'lightning-pool',
    npm: 'lightning-pool',
    open({ checked }) {
      const { Pool } = require('lightning-pool');
      const pool = new Pool(
        { create: createLater, destroy, validate: checked ? async () => {} : undefined },
        { max: RESOURCES, validation: checked },
      );
      return { acquire: () => pool.acquire(), release: (it) => pool.release(it) };
    },
  },
  {
    name: 'sequelize-pool',
    npm: 'sequelize-pool',
    open() {
      const { Pool } = require('sequelize-pool');
      // It will not do without a function that validates.
      const pool = new Pool({ create: createLater, destroy, validate, min: 0, max: RESOURCES });
      return { acquire: () => pool.acquire(), release: (it) => pool.release(it) };
    },
  },
  {
    name: 'heapwise ResourcePool',
    ours: true,
    open({ checked }) {
      const { ResourcePool } = require('../..');
      const pool = new ResourcePool({
        create: createLater,
        destroy,
        validate: checked ? validate : undefined,
        max: RESOURCES,
      });
      return { acquire: () => pool.acquire(), release: (it) => pool.release(it) };
    },
  },
];

const NO_POOL = {
  name: 'no pool: await create()',
  open: () => ({ acquire: createLater, release() {} }),
};

/** Somebody who needs one after the other. */
async function client({ acquire, release }, n) {
  let sum = 0;
  for (let i = 0; i < n; i++) {
    const connection = await acquire();
    sum += connection.used++ & 1;
    release(connection);
  }
  return sum;
}

function alone(pool) {
  return (n) => client(pool, n);
}

/** Eight times as many as there are resources, each of which has one while the others run. */
function crowd({ acquire, release }) {
  const patient = async (n) => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const connection = await acquire();
      sum += connection.used++ & 1;
      await Promise.resolve();
      release(connection);
    }
    return sum;
  };
  return async (n) => {
    const sums = await Promise.all(Array.from({ length: CLIENTS }, () => patient(n / CLIENTS)));
    return sums.reduce((a, b) => a + b, 0);
  };
}

function benchCase(name, loop, pools, settings) {
  const contenders = pools.map(({ name: pool, npm, ours, open }) => ({
    name: pool,
    npm,
    ours,
    run: (options) => time(loop(open(settings)), options),
  }));
  return { name, measure: TIME, contenders };
}

module.exports = {
  summary: 'ResourcePool beside other pools of connections: alone, in a crowd, and with validation',
  cases: [
    benchCase('acquire and release, one client', alone, [NO_POOL, ...POOLS], { checked: false }),
    benchCase(`${CLIENTS} clients, ${RESOURCES} resources`, crowd, [NO_POOL, ...POOLS], { checked: false }),
    benchCase('acquire and release, one client, validated', alone, [NO_POOL, ...POOLS], { checked: true }),
  ],
};
