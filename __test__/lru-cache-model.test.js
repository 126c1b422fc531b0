'use strict';

// lru-cache itself is the model: whatever is done, ours returns, holds and tells the same.

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const { LRUCache } = require('heapwise/lru-cache');
const { seeded } = require('./helper.js');
const { Twins, clockOfProcess, dumpOf } = require('./lru-cache-twins.js');

const OBJECTS = [{ id: 1 }, { id: 2 }, Symbol('three'), () => {}];
const KEYS = ['a', 'b', 'c', 'd', 'long '.repeat(10), 'long '.repeat(11), '', 0, 1, 2, 7, -1, 0.5, 2 ** 40];
const ALL_KEYS = [...KEYS, NaN, true, null, ...OBJECTS];
const VALUES = [0, 1, 2, '', 'x', 'xy', null, false, ...OBJECTS];

const FLAGS = [
  'updateAgeOnGet',
  'updateAgeOnHas',
  'allowStale',
  'noDeleteOnStaleGet',
  'noDisposeOnSet',
  'noUpdateTTL',
];

/** Some of these, with random values. */
function flags(random, names, share) {
  return Object.fromEntries(
    names.filter(() => random.chance(share)).map((name) => [name, random.chance(0.5)]),
  );
}

/** @param {ReturnType<typeof seeded>} random */
function randomOptions(random) {
  const timed = random.chance(0.7);
  const sized = random.chance(0.5);
  const autopurge = timed && random.chance(0.3);
  const options = {
    max: 1 + random.below(10),
    ...flags(random, FLAGS, 0.4),
    // lru-cache is late with its purge by as much as that.
    ttlResolution: autopurge ? 0 : random.pick([0, 0, 1, 5]),
    ttlAutopurge: autopurge,
    memoMethod: (key, stale) => `${String(key)} after ${String(stale)}`,
  };
  if (timed) {
    options.ttl = 1 + random.below(20);
  }
  if (sized) {
    options.maxSize = 5 + random.below(20);
    options.maxEntrySize = random.pick([undefined, 1 + random.below(options.maxSize)]);
    options.sizeCalculation = (value) => String(value).length + 1;
  }
  if (sized || (timed && autopurge)) {
    options.max = random.pick([0, options.max]);
  }
  return { options, sized, autopurge };
}

/** Two independent copies of a dump: lru-cache changes the one that it is given. */
const copyOf = (dump) => dump.map(([key, entry]) => [key, { ...entry }]);

/**
 * @param {ReturnType<typeof seeded>} random
 * @param {Twins} twins
 * @param {{ sized: boolean, autopurge: boolean }} kind
 */
function randomOperation(random, twins, { sized, autopurge }) {
  const key = random.pick(ALL_KEYS);
  const value = random.pick(VALUES);
  const told = random.chance(0.3);
  /** The options of a call, with a status object of its own now and then. */
  const withStatus = (options) => (status) => (told ? { ...options, status } : options);
  const getOptions = withStatus(flags(random, FLAGS.slice(0, 4), 0.2));
  const set = {
    ...flags(random, FLAGS.slice(4), 0.1),
    ...(random.chance(0.2) && { ttl: random.pick([0, 1, 5, 30]) }),
    ...(sized && random.chance(0.2) && { size: 1 + random.below(25) }),
    // A purge of lru-cache is late by as much as the entry is old.
    ...(!autopurge && random.chance(0.1) && { start: 990 + random.below(100) }),
  };
  const setOptions = withStatus(set);
  const label = (name) => `${name}(${String(key)})`;
  const operations = {
    get: () => twins.do(label('get'), (cache, status) => cache.get(key, getOptions(status))),
    plainGet: () => twins.do(label('get'), (cache) => cache.get(key)),
    set: () => twins.do(label('set'), (cache, status) => cache.set(key, value, setOptions(status))),
    plainSet: () => twins.do(label('set'), (cache) => cache.set(key, value)),
    has: () => twins.do(label('has'), (cache, status) => cache.has(key, getOptions(status))),
    peek: () => twins.do(label('peek'), (cache, status) => cache.peek(key, getOptions(status))),
    memo: () => twins.do(label('memo'), (cache, status) => cache.memo(key, setOptions(status))),
    delete: () => twins.do(label('delete'), (cache) => cache.delete(key)),
    unset: () =>
      twins.do(label('set undefined'), (cache, status) => cache.set(key, undefined, setOptions(status))),
    pop: () => twins.do('pop', (cache) => cache.pop()),
    clear: () => random.chance(0.2) && twins.do('clear', (cache) => cache.clear()),
    purge: () => twins.do('purgeStale', (cache) => cache.purgeStale()),
    info: () => twins.do(label('info'), (cache) => cache.info(key)),
    remaining: () => twins.do(label('getRemainingTTL'), (cache) => cache.getRemainingTTL(key)),
    find: () => twins.do('find', (cache) => cache.find((each) => each === value, getOptions(undefined))),
    iterate() {
      const method = random.pick(['keys', 'rkeys', 'values', 'rvalues', 'entries', 'rentries']);
      twins.do(method, (cache) => [...cache[method]()]);
    },
    forEach() {
      const method = random.pick(['forEach', 'rforEach']);
      twins.do(method, (cache) => {
        const seen = [];
        cache[method](function see(...args) {
          seen.push(...args.slice(0, 2), args[2] === cache, this.mark);
        }, random);
        return seen;
      });
    },
    reload() {
      const dump = twins.do('dump', dumpOf);
      if (!autopurge && random.chance(0.2)) {
        twins.do('load', (cache) => cache.load(copyOf(dump)));
      }
    },
    advance: () => twins.advance(1 + random.below(8)),
  };
  const often = ['get', 'plainGet', 'set', 'plainSet', 'set', 'plainSet', 'advance', 'advance'];
  operations[random.pick([...often, ...Object.keys(operations)])]();
}

describe('LRUCache does what lru-cache does', () => {
  let clock;

  before(() => {
    clock = clockOfProcess();
  });

  after(() => clock.restore());

  for (let seed = 1; seed <= 300; seed++) {
    it(`with random options and operations, seed ${seed}`, () => {
      const random = seeded(seed);
      const { options, ...kind } = randomOptions(random);
      const callbacks = ['dispose', 'disposeAfter', 'onInsert'].filter(() => random.chance(0.5));
      const twins = new Twins(options, callbacks, clock);
      for (let i = 0; i < 200; i++) {
        randomOperation(random, twins, kind);
      }
      twins.do('clear', (cache) => cache.clear());
    });
  }
});

it('the model is a version of lru-cache whose interface is that of ours', () => {
  const members = (Class) => Reflect.ownKeys(Class.prototype).filter((name) => name !== Symbol.toStringTag);
  const { LRUCache: Peer } = require('lru-cache');
  assert.deepEqual(members(LRUCache).toSorted(byName), members(Peer).toSorted(byName));
  const options = { max: 1 };
  assert.deepEqual(Object.keys(new LRUCache(options)).toSorted(), Object.keys(new Peer(options)).toSorted());
});

const byName = (a, b) => (String(a) < String(b) ? -1 : 1);
