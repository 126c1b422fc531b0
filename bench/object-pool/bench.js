'use strict';

const { keep } = require('../lib/sink.js');
const { TIME } = require('../lib/measures.js');
const { time } = require('../lib/timing.js');

const LENT = 64;
const BUFFER_BYTES = 64 * 1024;
const PAGE = 4096;

/** A small object as pools keep them. `next` is what reusify asks for; all have it, so that all are equally big. */
class Job {
  id = 0;
  name = '';
  done = null;
  next = null;
}

/** A constructor, because reusify takes nothing else; what it returns takes the place of `this`. */
function PooledBuffer() {
  const buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  buffer.next = null;
  return buffer;
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
    name: 'heapwise ObjectPool',
    ours: true,
    open(Thing) {
      const { ObjectPool } = require('../..');
      const pool = new ObjectPool(() => new Thing());
      return {
        acquire: () => pool.acquire(),
        release(thing) {
          pool.release(thing);
        },
      };
    },
  },
];

/** Nothing to give back: the garbage collector takes it. */
function drop() {}

const NO_POOL = { name: 'no pool: new', open: (Thing) => ({ acquire: () => new Thing(), release: drop }) };
const NO_BUFFER_POOL = [
  {
    name: 'no pool: Buffer.alloc',
    open: () => ({ acquire: () => Buffer.alloc(BUFFER_BYTES), release: drop }),
  },
  {
    name: 'no pool: Buffer.allocUnsafe',
    open: () => ({ acquire: () => Buffer.allocUnsafe(BUFFER_BYTES), release: drop }),
  },
];

function oneAtATime({ acquire, release }) {
  return (n) => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const job = keep(acquire());
      sum += job.id;
      job.id = i & 1;
      release(job);
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
        const job = acquire();
        sum += job.id;
        job.id = j & 1;
        lent[j] = job;
      }
      for (let j = 0; j < LENT; j++) {
        release(lent[j]);
      }
    }
    return sum;
  };
}

/** One byte in each page: whoever asks for a buffer uses it, and memory that is new to the process costs then. */
function buffers({ acquire, release }) {
  return (n) => {
    let sum = 0;
    for (let i = 0; i < n; i++) {
      const buffer = keep(acquire());
      sum += buffer[0];
      for (let at = 0; at < BUFFER_BYTES; at += PAGE) {
        buffer[at] = i;
      }
      release(buffer);
    }
    return sum;
  };
}

function benchCase(name, loop, Thing, pools) {
  const contenders = pools.map(({ name: pool, npm, ours, open }) => ({
    name: pool,
    npm,
    ours,
    run: (options) => time(loop(open(Thing)), options),
  }));
  return { name, measure: TIME, contenders };
}

module.exports = {
  summary: 'ObjectPool beside no pool, an array and reusify: small objects and 64 KiB buffers',
  cases: [
    benchCase('small object, acquire and release', oneAtATime, Job, [NO_POOL, ...POOLS]),
    benchCase('small object, 64 lent at once', manyAtOnce, Job, [NO_POOL, ...POOLS]),
    benchCase('64 KiB buffer, acquire and release', buffers, PooledBuffer, [...NO_BUFFER_POOL, ...POOLS]),
  ],
};
