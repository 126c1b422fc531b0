'use strict';

const assert = require('node:assert/strict');
const { performance } = require('node:perf_hooks');
const { describe, test } = require('node:test');
const { Cache } = require('..');
const binding = require('../lib/binding.js');
const { createCacheClass } = require('../lib/cache/cache.js');
const { createClock } = require('../lib/clock.js');
const { unrefTimers } = require('../lib/timers.js');

/**
 * A binding whose thread is the test, and an exact clock that moves by `step` with every read.
 *
 * @param {{ step: number, refuse?: 'constructor' | 'cell' | 'engage', copy?: boolean, held?: number }} options
 *   `held`: milliseconds that pass inside each `engage`, longer than the thread keeps the cell fresh
 */
function fake({ step, refuse, copy = false, held = 0 }) {
  const seen = { reads: 0, made: 0, engaged: [], cell: new Float64Array(1), refuse };
  const demand = (part) => {
    if (seen.refuse === part) {
      throw new Error(`no ${part}`);
    }
  };
  class CoarseClock {
    constructor() {
      seen.made++;
      demand('constructor');
    }

    cell() {
      demand('cell');
      return copy ? seen.cell.slice() : seen.cell;
    }

    engage(now) {
      demand('engage');
      seen.engaged.push(now);
      seen.cell[0] = held === 0 ? now : 0;
      time += held;
    }
  }
  let time = 1000;
  const exact = {
    now() {
      seen.reads++;
      time += step;
      return time;
    },
  };
  return { seen, exact, now: createClock({ CoarseClock }, exact).now, time: () => time };
}

/** Reads a clock so many times. */
function read(now, times) {
  let last;
  for (let i = 0; i < times; i++) {
    last = now();
  }
  return last;
}

/** The real binding, which tells how often its clock was engaged. */
function spied() {
  let engaged = 0;
  class CoarseClock {
    #native = new binding.CoarseClock();

    cell() {
      return this.#native.cell();
    }

    engage(time) {
      engaged++;
      this.#native.engage(time);
    }
  }
  const { now } = createClock({ CoarseClock });
  return { now, engaged: () => engaged };
}

/** Goes on until it is done, but not for ever: a clock that stands still must fail the test, not hang it. */
function untilDone(step) {
  const start = performance.now();
  let turns = 0;
  while (step()) {
    if (++turns % 1024 === 0) {
      assert.ok(performance.now() - start < 10_000, 'time stands still');
    }
  }
}

describe('the clock', () => {
  test('is exact and starts nothing while it is read at a low rate', () => {
    const { seen, now, time } = fake({ step: 0.1 });
    for (let i = 0; i < 5000; i++) {
      assert.equal(now(), time());
    }
    assert.equal(seen.reads, 5000);
    assert.equal(seen.made, 0);
  });

  test('does not take few reads at once, or many over a long time, for a high rate', () => {
    const { seen, exact, now } = fake({ step: 0.001 });
    for (let burst = 0; burst < 20; burst++) {
      read(now, 100);
      // An hour later.
      const wait = exact.now.bind(exact);
      read(wait, 10_000);
    }
    assert.equal(seen.made, 0);
  });

  test('asks for the thread at a high rate, with the time of now, and reads the cell from then on', () => {
    const { seen, now, time } = fake({ step: 0.001 });
    read(now, 2000);
    assert.equal(seen.made, 1);
    assert.equal(seen.engaged.length, 1);
    assert.ok(seen.engaged[0] > 1000 && seen.engaged[0] <= time());
    const { reads } = seen;
    assert.ok(reads < 2000, 'not every read was exact');
    seen.cell[0] = 1234.5;
    assert.equal(read(now, 1000), 1234.5);
    seen.cell[0] = 1235.5;
    assert.equal(now(), 1235.5);
    assert.equal(seen.reads, reads, 'the exact clock rests');
  });

  test('is exact again when the thread parks the cell, and asks for it again with the same native part', () => {
    const { seen, now, time } = fake({ step: 0.001 });
    for (let round = 1; round <= 5; round++) {
      read(now, 2000);
      assert.equal(seen.engaged.length, round);
      assert.equal(now(), seen.engaged.at(-1));
      seen.cell[0] = 0;
      assert.equal(now(), time());
    }
    assert.equal(seen.made, 1);
  });

  test('asks again where it was held up for so long that the cell was parked before it looked', () => {
    const { seen, now } = fake({ step: 0.001, held: 200 });
    read(now, 2000);
    assert.ok(seen.engaged.length > 1, `${seen.engaged.length} times`);
  });

  test('does not fail where there is no thread to be had, and does not ask for it again and again', () => {
    for (const refuse of ['constructor', 'cell', 'engage']) {
      const { seen, now, time } = fake({ step: 0.001, refuse });
      for (let i = 0; i < 5000; i++) {
        assert.equal(now(), time(), refuse);
      }
      assert.equal(seen.reads, 5000, refuse);
      assert.equal(seen.made, 1, refuse);
      assert.equal(seen.engaged.length, 0, refuse);
    }
  });

  test('does not fail when the thread is lost later on', () => {
    const { seen, now, time } = fake({ step: 0.001 });
    read(now, 2000);
    seen.cell[0] = 0;
    seen.refuse = 'engage';
    for (let i = 0; i < 5000; i++) {
      assert.equal(now(), time());
    }
    assert.equal(seen.engaged.length, 1);
  });

  test('does not stand still where the cell is a copy that never changes', () => {
    const { seen, now, time } = fake({ step: 0.001, copy: true });
    for (let i = 0; i < 5000; i++) {
      // The first read of the exact clock from here: the one that decides on the copy may be a second.
      const next = time() + 0.001;
      assert.equal(now(), next);
    }
    assert.equal(seen.engaged.length, 1, 'one try is enough');
  });
});

describe('the clock of the native thread', () => {
  test('goes on inside of one long synchronous loop, so that a cache expires in it', () => {
    const { now, engaged } = spied();
    const cache = new (createCacheClass(unrefTimers(now)))({ max: 10 });
    // On a machine with more work than cores, 20 ms may pass without many reads.
    for (let tries = 0; tries < 20 && engaged() === 0; tries++) {
      const start = performance.now();
      cache.set('a', 1, { ttl: 20 });
      untilDone(() => cache.get('a') !== undefined);
      const elapsed = performance.now() - start;
      assert.ok(elapsed >= 19, `expired after ${elapsed} ms`);
    }
    assert.ok(engaged() >= 1, 'the thread was asked for');
  });

  test('goes on in the Cache that users get', () => {
    const cache = new Cache({ max: 10, ttl: 20 });
    for (let i = 0; i < 3; i++) {
      cache.set('a', i);
      untilDone(() => cache.get('a') !== undefined);
      assert.equal(cache.stats().expirations, i + 1);
    }
  });

  test('is the time of performance.now(), through several leases', () => {
    const { now, engaged } = spied();
    let reads = 0;
    let close = 0;
    let last = 0;
    let changes = 0;
    untilDone(() => {
      const before = performance.now();
      let coarse;
      for (let i = 0; i < 64; i++) {
        coarse = now();
      }
      const after = performance.now();
      reads++;
      close += coarse > before - 50 && coarse < after + 50 ? 1 : 0;
      assert.ok(coarse < after + 50, `${coarse - after} ms ahead`);
      changes += coarse === last ? 0 : 1;
      last = coarse;
      return engaged() < 3 || changes < 20;
    });
    // On a machine with more work than cores the thread may come late; a clock of another time line is always wrong.
    assert.ok(close / reads > 0.5, `${close} of ${reads} reads agree`);
  });
});
