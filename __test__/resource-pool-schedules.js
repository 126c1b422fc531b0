'use strict';

/** ResourcePool under random schedules, on a clock of their own. */

const assert = require('node:assert/strict');
const { createLoanTrackerClass } = require('../lib/loan-tracker.js');
const { createResourcePoolClass } = require('../lib/resource-pool/resource-pool.js');
const { nextTurn, seeded } = require('./helper.js');
const { manualTimers } = require('./manual-timers.js');

const STEPS = 40;

/** What the user's functions do, decided by chance; what they leave pending is settled by a later step. */
class World {
  constructor(random) {
    this.random = random;
    this.pending = [];
    this.states = new Map();
    this.number = 0;
    /** What the user's functions do besides. */
    this.meddle = () => {};
  }

  /** A value, at once or later, or a failure. Now and then it uses the pool meanwhile, as the functions of users may. */
  answer(value, failure, { sync = 0.4, fails = 0.15 } = {}) {
    if (this.random.chance(0.05)) {
      this.meddle();
    }
    const fail = this.random.chance(fails);
    if (this.random.chance(sync)) {
      if (fail) {
        throw new Error(failure);
      }
      return value();
    }
    return new Promise((resolve, reject) => {
      this.pending.push(() => {
        if (fail) {
          reject(new Error(failure));
        } else {
          resolve(value());
        }
      });
    });
  }

  settleOne() {
    if (this.pending.length > 0) {
      const [settle] = this.pending.splice(this.random.below(this.pending.length), 1);
      settle();
    }
  }

  create() {
    return this.answer(() => {
      const resource = { number: ++this.number };
      this.states.set(resource, 'alive');
      return resource;
    }, 'create');
  }

  destroy(resource) {
    assert.equal(this.states.get(resource), 'alive', 'destroyed once');
    this.states.set(resource, 'destroyed');
    return this.answer(() => {}, 'destroy');
  }

  validate(resource) {
    assert.equal(this.states.get(resource), 'alive', 'not validated after its end');
    return this.answer(() => this.random.chance(0.9), 'validate', { fails: 0.05 });
  }

  reset(resource) {
    assert.equal(this.states.get(resource), 'alive', 'not reset after its end');
    return this.answer(() => {}, 'reset', { fails: 0.05 });
  }
}

function optionsOf(random, world) {
  const max = 1 + random.below(4);
  const maybe = (value) => (random.chance(0.5) ? value : undefined);
  return {
    create: () => world.create(),
    destroy:
      maybe((resource) => world.destroy(resource)) ??
      ((resource) => void world.states.set(resource, 'destroyed')),
    validate: maybe((resource) => world.validate(resource)),
    reset: maybe((resource) => world.reset(resource)),
    max,
    min: random.below(max + 1),
    order: random.pick(['lifo', 'fifo']),
    maxWaiting: maybe(random.below(5)),
    maxUses: maybe(1 + random.below(4)),
    maxLifetime: maybe(1 + random.below(300)),
    idleTimeout: maybe(1 + random.below(200)),
    acquireTimeout: maybe(1 + random.below(200)),
    createTimeout: maybe(1 + random.below(200)),
    validateTimeout: maybe(1 + random.below(200)),
    resetTimeout: maybe(1 + random.below(200)),
    destroyTimeout: maybe(1 + random.below(200)),
    validateAfter: maybe(random.below(50)),
    track: random.pick(['off', 'sampled', 'all']),
    leakThreshold: 1 + random.below(300),
    onLeak() {},
    backoff: { min: 1 + random.below(20), max: 100 },
  };
}

async function flush() {
  for (let i = 0; i < 8; i++) {
    await Promise.resolve();
  }
}

async function schedule(seed) {
  const random = seeded(seed);
  const world = new World(random);
  const clock = manualTimers(random.next);
  const options = optionsOf(random, world);
  const Pool = createResourcePoolClass({ clock, LoanTracker: createLoanTrackerClass(clock) });
  const pool = new Pool(options);
  const lent = new Set();
  const evicted = new Set();
  const counts = { asked: 0, answered: 0 };

  function got(resource) {
    assert.equal(world.states.get(resource), 'alive', 'what is lent is alive');
    assert.ok(!evicted.has(resource), 'what is evicted is not lent');
    assert.ok(!lent.has(resource), 'lent to one at a time');
    lent.add(resource);
  }

  async function ask(given) {
    counts.asked++;
    try {
      got(await pool.acquire(given));
    } catch (refusal) {
      assert.match(
        refusal.name === 'AbortError' ? refusal.name : refusal.code,
        /^(ERR_HEAPWISE_(RESOURCE_(TIMEOUT|QUEUE_FULL|CREATE)|POOL_CLOSED)|AbortError)$/,
        refusal.stack,
      );
    }
    counts.answered++;
  }

  function acquire() {
    const controller = new AbortController();
    const given = random.chance(0.5)
      ? undefined
      : {
          signal: controller.signal,
          timeout: random.chance(0.5) ? 1 + random.below(300) : undefined,
          priority: random.below(3),
        };
    void ask(given);
    if (given !== undefined && random.chance(0.2)) {
      controller.abort();
    } else {
      aborts.push(controller);
    }
  }

  const aborts = [];
  const one = () => random.pick([...lent]);
  const steps = {
    acquire,
    again: acquire,
    try() {
      const resource = pool.tryAcquire();
      if (resource !== undefined) {
        got(resource);
      }
    },
    release() {
      if (lent.size > 0) {
        const resource = one();
        lent.delete(resource);
        pool.release(resource);
      }
    },
    destroy() {
      if (lent.size > 0) {
        const resource = one();
        lent.delete(resource);
        void pool.destroy(resource);
      }
    },
    evict() {
      const known = [...world.states.keys()];
      if (known.length > 0) {
        const resource = random.pick(known);
        const alive = world.states.get(resource) === 'alive';
        assert.equal(pool.evict(resource), alive, 'found as long as it is alive');
        evicted.add(resource);
      }
    },
    abort: () => aborts.splice(0, 1).forEach((controller) => controller.abort()),
    settle: () => world.settleOne(),
    settleMore: () => world.settleOne(),
    advance: () => clock.advance(1 + random.below(120)),
  };
  const names = Object.keys(steps);
  let closing = false;
  world.meddle = () => {
    if (closing) {
      return;
    }
    if (random.chance(0.1) && world.states.size > 0) {
      // It may be on its way to somebody, who is not to be blamed for it.
      pool.evict(random.pick([...world.states.keys()]));
    } else {
      steps[random.pick(['acquire', 'try', 'release', 'destroy', 'abort'])]();
    }
  };

  function invariants() {
    const stats = pool.stats();
    const { size, idle, creating, destroying, waiting } = stats;
    const what = JSON.stringify(stats);
    assert.equal(stats.borrowed, lent.size, what);
    assert.ok(stats.borrowed + idle + creating <= options.max, what);
    assert.ok(size + creating <= options.max, what);
    assert.ok(stats.borrowed + idle <= size && destroying >= 0 && creating >= 0, what);
    // With a function that validates, one may be waited for.
    assert.ok(
      waiting === 0 || idle === 0 || size > stats.borrowed + idle,
      `nobody waits while something is idle: ${what}`,
    );
  }

  for (let i = 0; i < STEPS; i++) {
    steps[random.pick(names)]();
    await flush();
    invariants();
  }
  // The end: whatever is lent comes back, whatever is pending is settled or times out.
  closing = true;
  const how = random.below(3);
  const end = how === 0 ? pool.close() : pool.drain({ timeout: 1000 });
  const ending = { over: false };
  void (async () => {
    try {
      await end;
    } catch (refusal) {
      assert.equal(refusal.code, 'ERR_HEAPWISE_RESOURCE_DRAIN');
    }
    ending.over = true;
  })();
  if (how === 2) {
    await flush();
    clock.advance(1001);
    await flush();
    assert.ok(ending.over, 'a drain ends in time, whoever holds what');
  }
  for (
    let i = 0;
    i < 200 && (lent.size > 0 || world.pending.length > 0 || !ending.over || counts.answered < counts.asked);
    i++
  ) {
    steps.release();
    steps.settle();
    clock.advance(50);
    await flush();
  }
  clock.advance(40_000);
  while (world.pending.length > 0) {
    steps.settle();
    await flush();
  }
  await flush();
  assert.equal(counts.answered, counts.asked, 'whoever asked has got an answer');
  assert.ok(ending.over, 'it ends');
  const { size, creating, destroying, waiting } = pool.stats();
  assert.deepEqual(
    { size, creating, destroying, waiting },
    { size: 0, creating: 0, destroying: 0, waiting: 0 },
  );
  assert.deepEqual(
    [...world.states.values()].filter((state) => state !== 'destroyed'),
    [],
    'each is destroyed',
  );
  assert.equal(clock.planned, 0, 'no timer is left');
}

/**
 * Runs so many, whose seeds begin with `HEAPWISE_SEED` or 1. The seed of one that fails is in the message.
 *
 * @param {number} count
 */
async function runSchedules(count) {
  const first = Number(process.env.HEAPWISE_SEED ?? 1);
  for (let seed = first; seed < first + count; seed++) {
    try {
      await schedule(seed);
    } catch (error) {
      error.message = `schedule ${seed}: ${error.message}`;
      throw error;
    }
    if (seed % 1000 === 0) {
      await nextTurn();
    }
  }
}

module.exports = { runSchedules };
