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
  ours("heapwise, zero: 'acquire'", { zero: 'acquire' }),
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

/** Reads and writes one byte of each buffer. */
function oneByte(lengthOf) {
  return ({ acquire, release }) =>
    (n) => {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const buffer = keep(acquire(lengthOf(i)));
        sum += buffer.length + buffer[0];
        buffer[0] = i;
        release(buffer);
      }
      return sum;
    };
}

/** One byte in each page: memory that is new to the process costs when it is first written. */
function eachPage(byteLength) {
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

/** Between 5 and 60 KiB, in an order that looks like chance: never the same twice in a row. */
const variedLength = (i) => 5 * KIB + ((i * 7919) % (55 * KIB));

const ofOneSize = (name, byteLength, loop, pools) => poolCase(name, loop, [...NO_POOL, ...pools], byteLength);
const lengthsOnly = POOLS.filter(({ name }) => name !== 'heapwise ObjectPool');

const bufferCases = [
  ofOneSize(
    '256 bytes, one byte used',
    256,
    oneByte(() => 256),
    [PROTOBUFJS, ...POOLS],
  ),
  ofOneSize(
    '4 KiB, one byte used',
    4 * KIB,
    oneByte(() => 4 * KIB),
    [PROTOBUFJS, ...POOLS],
  ),
  ofOneSize(
    '64 KiB, one byte used',
    64 * KIB,
    oneByte(() => 64 * KIB),
    POOLS,
  ),
  ofOneSize('64 KiB, each page written', 64 * KIB, eachPage(64 * KIB), POOLS),
  ofOneSize(
    '1 MiB, one byte used',
    KIB * KIB,
    oneByte(() => KIB * KIB),
    POOLS,
  ),
  ofOneSize('1 MiB, each page written', KIB * KIB, eachPage(KIB * KIB), POOLS),
  poolCase('5 to 60 KiB, one byte used, another length each time', oneByte(variedLength), [
    ...NO_POOL,
    ...lengthsOnly,
  ]),
];

module.exports = { bufferCases };
