'use strict';

const { poolCase } = require('./cases.js');

/** What a case asks of its pools: how many resources, and whether and how they are validated before each loan. */
const PLAIN = { max: 8 };
const FEW = { max: 10 };
const VALIDATED = { max: 8, validate: () => true };
const VALIDATED_LATER = { max: 8, validate: async () => true };

/** As connections are kept: an object with an identity. */
class Connection {
  used = 0;
}

const create = () => new Connection();
const createLater = async () => new Connection();
const destroy = async () => {};

function methods(pool) {
  return {
    acquire: () => pool.acquire(),
    release: (it) => pool.release(it),
    destroy: (it) => pool.destroy(it),
  };
}

/** Each opens a pool with its defaults, but for what the case asks of it. */
const POOLS = [
  {
    name: 'generic-pool',
    npm: 'generic-pool',
    open({ max, validate }) {
      const pool = require('generic-pool').createPool(
        // A promise is what it takes.
        { create: createLater, destroy, validate: async () => true },
        { max, testOnBorrow: validate !== undefined },
      );
      return methods(pool);
    },
  },
  {
    name: 'tarn',
    npm: 'tarn',
    open({ max, validate }) {
      const { Pool } = require('tarn');
      const pool = new Pool({ create, destroy, validate, min: 0, max });
      return { ...methods(pool), acquire: () => pool.acquire().promise };
    },
  },
  {
    name: 'lightning-pool',
    npm: 'lightning-pool',
    open({ max, validate }) {
      const { Pool } = require('lightning-pool');
      const pool = new Pool(
        { create: createLater, destroy, validate },
        { max, validation: validate !== undefined },
      );
      return methods(pool);
    },
  },
  {
    name: 'sequelize-pool',
    npm: 'sequelize-pool',
    open({ max }) {
      const { Pool } = require('sequelize-pool');
      // It will not do without a function that validates, and that must answer at once.
      const pool = new Pool({ create: createLater, destroy, validate: () => true, min: 0, max });
      return methods(pool);
    },
  },
  {
    name: 'heapwise ResourcePool',
    ours: true,
    open({ max, validate }) {
      const { ResourcePool } = require('../..');
      const pool = new ResourcePool({ create: createLater, destroy, validate, max });
      return methods(pool);
    },
  },
];

const NO_POOL = {
  name: 'no pool: await create()',
  open: () => ({ acquire: createLater, release() {}, destroy }),
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

/** More clients than there are resources, each of which has one while the others run. */
function crowd(clients) {
  return ({ acquire, release }) => {
    let left = 0;
    const patient = async () => {
      let sum = 0;
      while (left-- > 0) {
        const connection = await acquire();
        sum += connection.used++ & 1;
        await Promise.resolve();
        release(connection);
      }
      return sum;
    };
    return async (n) => {
      left = n;
      const sums = await Promise.all(Array.from({ length: clients }, patient));
      return sums.reduce((a, b) => a + b, 0);
    };
  };
}

/** Each resource serves once. */
function shortLived(pool) {
  const { acquire, destroy: end } = pool;
  return async (n) => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const connection = await acquire();
      sum += connection.used++;
      await end(connection);
    }
    return sum;
  };
}

const all = [NO_POOL, ...POOLS];
/** tarn destroys resources when it likes, or all of them. */
const ENDING = POOLS.filter(({ name }) => name !== 'tarn');
const resourceCases = [
  poolCase('connection, one client', alone, all, PLAIN),
  poolCase('connection, 64 clients for 8', crowd(64), all, PLAIN),
  poolCase('connection, 512 clients for 10', crowd(512), all, FEW),
  poolCase('connection, one client, validated at once', alone, all, VALIDATED),
  poolCase('connection, one client, validated by a promise', alone, all, VALIDATED_LATER),
  poolCase('connection, one client, destroyed after use', shortLived, [NO_POOL, ...ENDING], PLAIN),
];

module.exports = { resourceCases };
