'use strict';

const { keep } = require('../lib/sink.js');
const { poolCase } = require('./cases.js');

const LENT = 64;

/**
 * A small object as pools keep them. `next` is what reusify asks for, `node` what object-pool puts there; all have them,
 * so that all are equally big.
 */
class Job {
  id = 0;
  name = '';
  done = null;
  next = null;
  node = null;
}

/** What takes time to make: a parser with its tables. */
class Parser {
  id = 0;
  next = null;
  node = null;
  table = new Uint32Array(1024);
  names = new Map();
  stack = Array.from({ length: 64 }, () => 0);
}

/** Nothing to give back: the garbage collector takes it. */
function drop() {}

const NO_POOL = { name: 'no pool: new', open: (Thing) => ({ acquire: () => new Thing(), release: drop }) };

function ours(name, options) {
  return {
    name,
    ours: options === undefined,
    open(Thing) {
      const { ObjectPool } = require('../..');
      const pool = new ObjectPool(() => new Thing(), options);
      return {
        acquire: () => pool.acquire(),
        release(thing) {
          pool.release(thing);
        },
      };
    },
  };
}

/** Each opens a way to get and give back objects of a class. None resets them. */
const POOLS = [
  {
    name: 'array push/pop',
    open(Thing) {
      const idle = [];
      return {
        acquire: () => (idle.length > 0 ? idle.pop() : new Thing()),
        release(thing) {
          idle.push(thing);
        },
      };
    },
  },
  {
    name: 'reusify',
    npm: 'reusify',
    open(Thing) {
      const pool = require('reusify')(Thing);
      return { acquire: pool.get, release: pool.release };
    },
  },
  {
    name: 'deepool',
    npm: 'deepool',
    open(Thing) {
      const pool = require('deepool').create(() => new Thing());
      return { acquire: pool.use, release: pool.recycle };
    },
  },
  {
    name: '@smikhalevski/object-pool',
    npm: '@smikhalevski/object-pool',
    open(Thing) {
      const { ObjectPool } = require('@smikhalevski/object-pool');
      const pool = new ObjectPool(() => new Thing());
      return {
        acquire: () => pool.take(),
        release(thing) {
          pool.release(thing);
        },
      };
    },
  },
  {
    name: 'object-pool',
    npm: 'object-pool',
    open(Thing) {
      const pool = require('object-pool')({ init: () => new Thing(), key: 'node' });
      return {
        acquire: () => pool.create(),
        release(thing) {
          pool.remove(thing);
        },
      };
    },
  },
  ours("heapwise, check: 'off'", { check: 'off' }),
  ours('heapwise ObjectPool'),
];

const TRACKING = [
  NO_POOL,
  ours('heapwise ObjectPool'),
  ours("heapwise, track: 'sampled'", { track: 'sampled' }),
  ours("heapwise, track: 'all'", { track: 'all' }),
];

function oneAtATime({ acquire, release }) {
  return (n) => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const thing = keep(acquire());
      sum += thing.id;
      thing.id = i & 1;
      release(thing);
    }
    return sum;
  };
}

function manyAtOnce({ acquire, release }) {
  const lent = Array.from({ length: LENT }, () => null);
  return (n) => {
    let sum = 0;
    for (let i = 0; i < n; i += LENT) {
      for (let j = 0; j < LENT; j++) {
        const thing = acquire();
        sum += thing.id;
        thing.id = j & 1;
        lent[j] = thing;
      }
      for (let j = 0; j < LENT; j++) {
        release(lent[j]);
      }
    }
    return sum;
  };
}

const all = [NO_POOL, ...POOLS];
const objectCases = [
  poolCase('small object, acquire and release', oneAtATime, all, Job),
  poolCase(`small object, ${LENT} lent at once`, manyAtOnce, all, Job),
  poolCase('parser with a 4 KiB table, acquire and release', oneAtATime, all, Parser),
  poolCase('small object, loans tracked', oneAtATime, TRACKING, Job),
];

module.exports = { objectCases };
