'use strict';

// lru-cache itself is the model of fetches as well, where it does not lose them; those cases are in lru-cache-fetch.test.js.

const assert = require('node:assert/strict');
const { after, before, describe, it } = require('node:test');
const ours = require('heapwise/lru-cache');
const peer = require('lru-cache');
const { nextTurn, seeded } = require('./helper.js');
const { clockOfProcess, dumpOf } = require('./lru-cache-twins.js');

const KEYS = ['a', 'b', 'c', 1, 2];
const FLAGS = [
  'allowStale',
  'updateAgeOnGet',
  'noDeleteOnStaleGet',
  'noDisposeOnSet',
  'noUpdateTTL',
  'noDeleteOnFetchRejection',
  'allowStaleOnFetchRejection',
];

/** What a status says, without what differs: the cache, and the code that our errors have. */
function plain({ cache, fetchError, ...rest }) {
  return [rest, cache !== undefined, fetchError?.message];
}

/** One of the two caches, its fetches, and how they have ended. */
class Twin {
  /** Fetches whose method was called. @type {any[]} */
  calls = [];
  /** By number of the call of `fetch`. @type {any[]} */
  ends = [];
  /** @type {object[]} */
  statuses = [];
  /** @type {AbortController[]} */
  controllers = [];
  inserted = [];

  constructor({ LRUCache }, options, perf) {
    const { calls } = this;
    this.cache = new LRUCache({
      ...options,
      perf,
      onInsert: (...args) => void this.inserted.push(args),
      fetchMethod(key, stale, { signal, options: own, context }) {
        return new Promise((resolve, reject) => {
          const call = { args: [key, stale, context, Object.keys(own).toSorted()], settled: false };
          call.resolve = (value) => {
            call.settled = true;
            resolve(value);
          };
          call.reject = (reason) => {
            call.settled = true;
            reject(reason);
          };
          calls.push(call);
          signal.addEventListener('abort', () => {
            // lru-cache hands on what the caller's signal says also when the fetch is over.
            if (!call.settled) {
              call.aborted = signal.reason.message;
            }
          });
        });
      },
    });
  }

  fetch(method, key, options, withSignal) {
    const number = this.ends.push('under way') - 1;
    const status = {};
    this.statuses.push(status);
    const controller = new AbortController();
    this.controllers.push(controller);
    const given = { ...options, status, ...(withSignal && { signal: controller.signal }) };
    void this.#follow(number, this.cache[method](key, given));
  }

  async #follow(number, promise) {
    try {
      this.ends[number] = ['value', await promise];
    } catch ({ message }) {
      this.ends[number] = ['error', message];
    }
  }

  look() {
    const { cache, calls, ends, inserted, statuses } = this;
    return {
      ends: [...ends],
      calls: calls.map(({ args, aborted }) => [args, aborted]),
      statuses: statuses.map(plain),
      inserted: [...inserted],
      size: cache.size,
      calculatedSize: cache.calculatedSize,
      entries: [...cache.entries()],
      dump: dumpOf(cache),
    };
  }
}

/** @param {ReturnType<typeof seeded>} random */
function randomOptions(random) {
  const flag = (name) => [name, random.chance(0.4)];
  // Of both at once lru-cache makes something else, depending on which place in its lists a key has got.
  const onAbort = random.pick([[], ['ignoreFetchAbort'], ['allowStaleOnFetchAbort']]);
  const sized = random.chance(0.4);
  return {
    max: sized ? 0 : 1 + random.below(5),
    ...(sized && { maxSize: 6, sizeCalculation: (value) => String(value).length }),
    ttl: 10,
    ttlResolution: random.pick([0, 1]),
    ...Object.fromEntries(FLAGS.map(flag)),
    ...Object.fromEntries(onAbort.map((name) => [name, true])),
  };
}

/**
 * @param {ReturnType<typeof seeded>} random
 * @param {Twin[]} twins
 * @param {object} options
 * @param {ReturnType<typeof clockOfProcess>} clock
 * @returns {string} what was done
 */
function randomOperation(random, twins, options, clock) {
  const key = random.pick(KEYS);
  const value = random.pick(['x', 'yy', 'zzz']);
  const both = (name, operation) => {
    const [wanted, got] = twins.map(operation);
    assert.deepEqual(got, wanted, name);
    return name;
  };
  const anyCall = random.next();
  /** The same call of the fetch method of both. */
  const callOf = ({ calls }) => calls[Math.floor(anyCall * calls.length)];
  const operations = {
    fetch() {
      const method = random.pick(['fetch', 'fetch', 'forceFetch']);
      const given = {
        ...(random.chance(0.3) && { forceRefresh: true }),
        ...(random.chance(0.2) && { context: 5 }),
      };
      const withSignal = random.chance(0.4);
      return both(`${method}(${key})`, (twin) => twin.fetch(method, key, given, withSignal));
    },
    resolve() {
      // Without a value, after an abort that is ignored, lru-cache keeps an entry without one.
      const undefinable = options.ignoreFetchAbort !== true && random.chance(0.2);
      return both('resolve', (twin) => callOf(twin)?.resolve(undefinable ? undefined : value));
    },
    reject() {
      return both('reject', (twin) => {
        const call = callOf(twin);
        // One that fails after an abort that serves what is stale stays under way for ever in lru-cache.
        if (!(options.allowStaleOnFetchAbort && call?.aborted !== undefined)) {
          call?.reject(new Error('failed'));
        }
      });
    },
    abort: () =>
      both('abort', ({ controllers }) =>
        controllers[Math.floor(anyCall * controllers.length)]?.abort(new Error('aborted')),
      ),
    set: () => both(`set(${key})`, ({ cache }) => void cache.set(key, value)),
    get: () => both(`get(${key})`, ({ cache }) => cache.get(key)),
    peek: () => both(`peek(${key})`, ({ cache }) => cache.peek(key)),
    has: () => both(`has(${key})`, ({ cache }) => cache.has(key)),
    info: () => both(`info(${key})`, ({ cache }) => cache.info(key)),
    delete: () => both(`delete(${key})`, ({ cache }) => cache.delete(key)),
    pop: () => both('pop', ({ cache }) => cache.pop()),
    find: () => both('find', ({ cache }) => cache.find((each) => each === value)),
    purge: () => both('purgeStale', ({ cache }) => cache.purgeStale()),
    clear: () => (random.chance(0.3) ? both('clear', ({ cache }) => cache.clear()) : 'nothing'),
    advance() {
      clock.advance(1 + random.below(8));
      return 'advance';
    },
  };
  const often = ['fetch', 'fetch', 'fetch', 'resolve', 'resolve', 'resolve', 'reject', 'abort', 'advance'];
  return operations[random.pick([...often, ...Object.keys(operations)])]();
}

describe('LRUCache fetches as lru-cache does', () => {
  let clock;

  before(() => {
    clock = clockOfProcess();
  });

  after(() => clock.restore());

  for (let seed = 1; seed <= 150; seed++) {
    it(`with random options and operations, seed ${seed}`, async () => {
      const random = seeded(seed);
      const options = randomOptions(random);
      const twins = [peer, ours].map((module) => new Twin(module, options, { now: clock.now }));
      for (let i = 0; i < 80; i++) {
        const name = randomOperation(random, twins, options, clock);
        await nextTurn();
        const [wanted, got] = twins.map((twin) => twin.look());
        assert.deepEqual(got, wanted, name);
      }
    });
  }
});
