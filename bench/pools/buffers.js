'use strict';

const { keep } = require('../lib/sink.js');
const { poolCase } = require('./cases.js');

const KIB = 1024;
const PAGE = 4096;

/** Nothing to give back: the garbage collector takes it. */
function drop() {}

/** Each opens a way to get and give back Buffers of any length. */
const NO_POOL = [
  { name: 'no pool: Buffer.alloc', open: () => ({ acquire: (n) => Buffer.alloc(n), release: drop }) },
  {
    name: 'no pool: Buffer.allocUnsafe',
    open: () => ({ acquire: (n) => Buffer.allocUnsafe(n), release: drop }),
  },
];

/** Hands out the memory of freed ones only when nothing of its 8 KiB is in use any more. */
const PROTOBUFJS = {
  name: '@protobufjs/pool',
  npm: '@protobufjs/pool',
  open: () => ({
    acquire: require('@protobufjs/pool')(Buffer.allocUnsafe, Uint8Array.prototype.subarray),
    release: drop,
  }),
};

const POOLS = [
  {
    name: 'typedarray-pool',
    npm: 'typedarray-pool',
    open() {
      const { mallocUint8, freeUint8 } = require('typedarray-pool');
      return { acquire: mallocUint8, release: freeUint8 };
    },
  },
  {
    name: 'heapwise ObjectPool',
    open(byteLength) {
      const { ObjectPool } = require('../..');
      const pool = new ObjectPool(() => Buffer.allocUnsafe(byteLength));
      return {
        acquire: () => pool.acquire(),
        release(buffer) {
          pool.release(buffer);
        },
      };
    },
  },
  ours('heapwise BufferPool'),
  ours("heapwise, zero: 'release'", { zero: 'release' }),
];

function ours(name, options) {
  return {
    name,
    ours: options === undefined,
    open() {
      const { BufferPool } = require('../..');
      const pool = new BufferPool({ maxBytes: 64 * KIB * KIB, ...options });
      return {
        acquire: (n) => pool.acquire(n),
        release(buffer) {
          pool.release(buffer);
        },
      };
    },
  };
}

/** One byte in each page: whoever asks for a buffer uses it, and memory that is new to the process costs then. */
function filled(byteLength) {
  return ({ acquire, release }) =>
    (n) => {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const buffer = keep(acquire(byteLength));
        sum += buffer[0];
        for (let at = 0; at < byteLength; at += PAGE) {
          buffer[at] = i;
        }
        release(buffer);
      }
      return sum;
    };
}

/** What a server does that reads messages: none is as long as the one before. */
function ofManyLengths(least, most) {
  return ({ acquire, release }) =>
    (n) => {
      let sum = 0;
      let length = least;
      for (let i = 0; i < n; i++) {
        length = least + ((length * 31 + 7919) % (most - least));
        const buffer = keep(acquire(length));
        sum += buffer.length;
        buffer[0] = i;
        release(buffer);
      }
      return sum;
    };
}

const sizeCase = (name, byteLength, pools) =>
  poolCase(`${name}, acquire and release`, filled(byteLength), [...NO_POOL, ...pools], byteLength);
const lengthsOnly = POOLS.filter(({ name }) => name !== 'heapwise ObjectPool');

const bufferCases = [
  sizeCase('256 bytes', 256, [PROTOBUFJS, ...POOLS]),
  sizeCase('4 KiB', 4 * KIB, [PROTOBUFJS, ...POOLS]),
  sizeCase('64 KiB', 64 * KIB, POOLS),
  sizeCase('1 MiB', KIB * KIB, POOLS),
  poolCase('5 to 60 KiB, each of another length', ofManyLengths(5 * KIB, 60 * KIB), [
    ...NO_POOL,
    ...lengthsOnly,
  ]),
];

module.exports = { bufferCases };
