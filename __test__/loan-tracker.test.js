// node-flags: --expose-gc
'use strict';

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { describe, test } = require('node:test');
const { ObjectPool } = require('..');
const { createLoanTrackerClass, stackBelow } = require('../lib/loan-tracker.js');
const { createObjectPoolClass } = require('../lib/object-pool/object-pool.js');
const { collected, deferred, nextTurn } = require('./helper.js');
const { runScript } = require('./run-script.js');

/** A clock with one timer, moved by hand, and what was planned with it. */
function manualClock() {
  let now = 1000;
  let timer;
  const delays = [];
  return {
    delays,
    now: () => now,
    setTimeout(fn, ms) {
      assert.equal(timer, undefined, 'one timer at a time');
      delays.push(ms);
      timer = { fn, at: now + ms };
      return timer;
    },
    clearTimeout(old) {
      if (old !== undefined && old === timer) {
        timer = undefined;
      }
    },
    get planned() {
      return timer !== undefined;
    },
    advance(ms) {
      const end = now + ms;
      while (timer !== undefined && timer.at <= end) {
        const { fn, at } = timer;
        timer = undefined;
        now = at;
        fn();
      }
      now = end;
    },
  };
}

function setUp(threshold = 100) {
  const clock = manualClock();
  const LoanTracker = createLoanTrackerClass(clock);
  const reports = [];
  const open = () => new LoanTracker('test', threshold, (report) => reports.push(report));
  const tracker = open();
  /** Two places that acquire. */
  const here = (object) => tracker.open(stackBelow(here), object);
  const there = (object) => tracker.open(stackBelow(there), object);
  const sites = {
    here: () => here(),
    there: () => there(),
  };
  return { clock, LoanTracker, reports, tracker, sites, open };
}

const kinds = (reports) => reports.map(({ kind }) => kind);

describe('a tracker of loans', () => {
  test('does not report what is back in time', async () => {
    const { clock, tracker, reports, sites } = setUp();
    for (let i = 0; i < 10; i++) {
      const loan = sites.here();
      clock.advance(99);
      tracker.close(loan);
    }
    clock.advance(1000);
    await nextTurn();
    assert.deepEqual(reports, []);
    assert.equal(tracker.leaked, 0);
  });

  test('reports what is held too long with the place that acquired it', async () => {
    const { clock, reports, sites } = setUp();
    sites.here();
    clock.advance(100);
    await nextTurn();
    assert.equal(reports.length, 1);
    const [{ kind, heldFor, stack, site, count }] = reports;
    assert.deepEqual({ kind, heldFor, count }, { kind: 'held', heldFor: 100, count: 1 });
    assert.match(site, /^here|^Object\.here/);
    assert.ok(site.includes(__filename), site);
    const frames = stack.split('\n');
    assert.equal(frames[0].trim(), `at ${site}`);
    assert.ok(frames.length > 1 && frames.every((frame) => frame.startsWith('    at ')), stack);
  });

  test('reports each place once, however many it has lost, and counts them all', async () => {
    const { clock, tracker, reports, sites } = setUp();
    const loans = [];
    for (let i = 0; i < 5; i++) {
      loans.push(sites.here());
      sites.there();
      clock.advance(10);
    }
    clock.advance(1000);
    await nextTurn();
    assert.deepEqual(kinds(reports), ['held', 'held']);
    assert.notEqual(reports[0].site, reports[1].site);
    assert.equal(tracker.leaked, 10);
    tracker.close(loans[1]);
    await nextTurn();
    assert.equal(reports.length, 2, 'of one that was not reported nothing is taken back');
    tracker.close(loans[0]);
    await nextTurn();
    assert.deepEqual(kinds(reports), ['held', 'held', 'returned']);
    const { heldFor, count, site, stack } = reports[2];
    assert.deepEqual({ heldFor, count }, { heldFor: 1050, count: 5 });
    assert.deepEqual({ site, stack }, { site: reports[0].site, stack: reports[0].stack });
  });

  test('reports what is collected while lent, and holds nothing that is lent', async () => {
    const { tracker, reports, LoanTracker } = setUp(1e6);
    const lose = () =>
      Array.from({ length: 3 }, () => ({})).map(
        (object) => (tracker.open(stackBelow(lose), object), new WeakRef(object)),
      );
    assert.ok(await collected(lose()));
    for (let i = 0; i < 20 && reports.length === 0; i++) {
      await nextTurn();
    }
    assert.deepEqual(kinds(reports), ['collected']);
    assert.equal(tracker.leaked, 3);
    assert.ok(LoanTracker);
  });

  test('does not call collected what came back before', async () => {
    const { tracker, reports } = setUp(1e6);
    const lend = () => {
      const object = {};
      tracker.close(tracker.open(stackBelow(lend), object));
      return [new WeakRef(object)];
    };
    assert.ok(await collected(lend()));
    await nextTurn();
    await nextTurn();
    assert.deepEqual(reports, []);
  });

  test('says of what was held too long that it is lost for good, and counts it once', async () => {
    const { clock, tracker, reports } = setUp();
    let object = {};
    const refs = [new WeakRef(object)];
    const lend = () => tracker.open(stackBelow(lend), object);
    lend();
    clock.advance(100);
    object = undefined;
    assert.ok(await collected(refs));
    for (let i = 0; i < 20 && reports.length < 2; i++) {
      await nextTurn();
    }
    assert.deepEqual(kinds(reports), ['held', 'collected']);
    assert.equal(tracker.leaked, 1);
  });

  test('plans one timer for all loans of all trackers, and none when all are back', () => {
    const { clock, tracker, open } = setUp(100);
    const other = open();
    const loans = [];
    for (let i = 0; i < 50; i++) {
      loans.push([tracker, tracker.open(stackBelow(setUp))], [other, other.open(stackBelow(setUp))]);
      clock.advance(1);
    }
    assert.equal(clock.delays.length, 1, 'the first loan is the first to be due');
    loans.forEach(([from, loan]) => from.close(loan));
    clock.advance(100);
    assert.equal(clock.planned, false);
    clock.advance(1000);
    assert.equal(clock.delays.length, 1);
  });

  test('with a shorter threshold does not wait for one with a longer', async () => {
    const { clock, LoanTracker, sites, reports } = setUp(1000);
    sites.here();
    const quick = [];
    new LoanTracker('test', 10, (report) => quick.push(report)).open(stackBelow(setUp));
    clock.advance(10);
    await nextTurn();
    assert.deepEqual([quick.length, reports.length], [1, 0]);
    clock.advance(990);
    await nextTurn();
    assert.equal(reports.length, 1);
  });

  test('forgets trackers whose loans are all back', async () => {
    const { clock, LoanTracker } = setUp();
    const refs = (() => {
      const tracker = new LoanTracker('test', 100, () => {});
      tracker.close(tracker.open(stackBelow(setUp)));
      return [new WeakRef(tracker)];
    })();
    clock.advance(100);
    assert.ok(await collected(refs));
    assert.ok(LoanTracker);
  });

  test('remembers no more than 1024 places', async () => {
    const { clock, reports, tracker } = setUp();
    const { prepareStackTrace } = Error;
    const leakAt = (place) => {
      Error.prepareStackTrace = () => `Error\n    at ${place}`;
      tracker.open(stackBelow(setUp));
      Error.prepareStackTrace = prepareStackTrace;
    };
    for (const rounds of [1, 2]) {
      for (let i = 0; i < 1024; i++) {
        leakAt(`place${i}`);
      }
      clock.advance(100);
      await nextTurn();
      assert.equal(reports.length, 1024, `round ${rounds}`);
    }
    leakAt('place1024');
    leakAt('place0');
    clock.advance(100);
    await nextTurn();
    assert.deepEqual(
      reports.slice(1024).map(({ site }) => site),
      ['place1024', 'place0'],
      'all were forgotten, and none is kept quiet for good',
    );
  });

  test('tells of nothing within the call that closes a loan', async () => {
    const { clock, tracker, reports, sites } = setUp();
    const loan = sites.here();
    clock.advance(100);
    await nextTurn();
    tracker.close(loan);
    assert.equal(reports.length, 1);
    await nextTurn();
    assert.equal(reports.length, 2);
  });

  test('does not fail an acquire because stacks cannot be had', async () => {
    const { clock, reports, sites } = setUp();
    const { prepareStackTrace, stackTraceLimit } = Error;
    try {
      Error.prepareStackTrace = () => {
        throw new Error('mine');
      };
      sites.here();
      Error.prepareStackTrace = () => ({ not: 'text' });
      sites.here();
      Error.prepareStackTrace = prepareStackTrace;
      Error.stackTraceLimit = 0;
      sites.there();
      assert.equal(Error.stackTraceLimit, 0, 'put back');
    } finally {
      Object.assign(Error, { prepareStackTrace, stackTraceLimit });
    }
    clock.advance(1000);
    await nextTurn();
    assert.ok(reports.length >= 2);
    assert.ok(reports.at(-1).site.includes(__filename), 'a limit of 0 is not ours');
  });

  test('does not run its timer in the async context of who acquired', async () => {
    const storage = new AsyncLocalStorage();
    let seen = 'nothing';
    const { promise, resolve } = deferred();
    const LoanTracker = createLoanTrackerClass({
      now: () => performance.now(),
      setTimeout(fn, ms) {
        return setTimeout(() => {
          seen = storage.getStore();
          fn();
          resolve();
        }, ms);
      },
      clearTimeout,
    });
    storage.run('request', () => new LoanTracker('test', 1, () => {}).open(stackBelow(setUp)));
    await promise;
    assert.equal(seen, undefined);
  });
});

describe('an ObjectPool that tracks its loans', () => {
  /** A pool that tells of the next report. */
  function tracked(options) {
    const reports = [];
    let told = deferred();
    const pool = new ObjectPool(() => ({}), {
      track: 'all',
      leakThreshold: 5,
      ...options,
      onLeak(report) {
        reports.push(report);
        told.resolve(report);
        told = deferred();
      },
    });
    // The timer of the tracker does not keep the process alive.
    const next = async () => {
      const alive = setInterval(() => {}, 1000);
      try {
        return await told.promise;
      } finally {
        clearInterval(alive);
      }
    };
    return { pool, reports, next };
  }

  test('names the line that acquired, in whichever way', async () => {
    const ways = {
      acquire: (pool) => pool.acquire(),
      lease: (pool) => pool.lease(),
      use: (pool) => pool.use(() => new Promise(() => {})),
    };
    for (const [way, lend] of Object.entries(ways)) {
      for (const min of [0, 1]) {
        const { pool, next } = tracked({ min });
        const kept = lend(pool);
        const { kind, site, heldFor } = await next();
        assert.equal(kind, 'held');
        assert.ok(heldFor >= 5);
        assert.ok(site.includes(__filename), `${way}: ${site}`);
        assert.match(site, new RegExp(`\\b${way}\\b`), site);
        assert.equal(pool.stats().leaked, 1);
        assert.ok(kept);
      }
    }
  });

  test('says that it came back after all, and lends it again', async () => {
    const { pool, next } = tracked();
    const object = pool.acquire();
    await next();
    const returned = next();
    pool.release(object);
    assert.equal((await returned).kind, 'returned');
    assert.equal(pool.acquire(), object);
    assert.equal(pool.stats().leaked, 1);
  });

  test('says that an object was collected while lent', async () => {
    const { pool, reports, next } = tracked({ leakThreshold: 1e6 });
    const report = next();
    const lose = () => [new WeakRef(pool.acquire())];
    assert.ok(await collected(lose()));
    await report;
    assert.deepEqual(kinds(reports), ['collected']);
    assert.match(reports[0].site, /\blose\b/);
  });

  test('checks releases as others do, and closes as others do', () => {
    const { pool } = tracked({ leakThreshold: 1e6 });
    const [object, late] = [pool.acquire(), pool.acquire()];
    pool.release(object);
    assert.throws(() => pool.release(object), { code: 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE' });
    assert.throws(() => pool.release({}), { code: 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT' });
    const { pool: other } = tracked({ leakThreshold: 1e6 });
    assert.throws(() => other.release(late), { code: 'ERR_HEAPWISE_POOL_FOREIGN_OBJECT' });
    pool.close();
    pool.release(late);
    assert.throws(() => pool.release(late), { code: 'ERR_HEAPWISE_POOL_DOUBLE_RELEASE' });
    assert.equal(pool.stats().size, 0);
  });

  test('is collected with its tracker, lent objects or not', async () => {
    const refs = (() => {
      const { pool } = tracked({ leakThreshold: 1e6 });
      pool.release(pool.acquire());
      const { pool: lending } = tracked({ leakThreshold: 1e6 });
      lending.acquire();
      return [new WeakRef(pool), new WeakRef(lending)];
    })();
    assert.ok(await collected(refs));
  });

  test('does not keep the loans of what is idle', async () => {
    const loans = [];
    const Pool = createObjectPoolClass({
      afterMajorGc: () => () => {},
      LoanTracker: class {
        open() {
          const loan = {};
          loans.push(new WeakRef(loan));
          return loan;
        }
        close() {}
      },
    });
    const pool = new Pool(() => ({}), { track: 'all' });
    pool.release(pool.acquire());
    assert.ok(await collected(loans));
    assert.equal(pool.stats().idle, 1);
  });

  test('by samples sees every place of a regular loop, and few of its turns', async () => {
    const pool = new ObjectPool(() => ({}), {
      track: 'sampled',
      leakThreshold: 1,
      onLeak: (report) => seen.add(report.site),
    });
    const seen = new Set();
    const kept = [];
    const first = () => kept.push(pool.acquire());
    const second = () => kept.push(pool.acquire());
    for (let i = 0; i < 10_000; i++) {
      first();
      second();
    }
    while (pool.stats().leaked === 0 || seen.size < 2) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const { leaked } = pool.stats();
    assert.equal(seen.size, 2);
    // 20,000 / 128 = 156, with a standard deviation of 7.
    assert.ok(leaked > 100 && leaked < 220, `${leaked} of 20,000`);
    kept.forEach((object) => pool.release(object));
    assert.equal(pool.stats().borrowed, 0);
  });

  test('publishes on a channel, and warns when nobody listens', async () => {
    const { code, stdout, stderr } = await runScript(
      `const { channel } = require('node:diagnostics_channel');
       const { ObjectPool } = require('heapwise');
       const kept = [];
       const lend = () => kept.push(new ObjectPool({}, { track: 'all', leakThreshold: 1 }).acquire());
       const alive = setInterval(() => {}, 1000);
       const leaks = channel('heapwise:object-pool:leak');
       process.once('warning', ({ name, code, message, detail }) => {
         console.log(JSON.stringify({ name, code, message, detail }));
         clearInterval(alive);
       });
       leaks.subscribe(function listener({ kind, site }) {
         console.log(JSON.stringify({ kind, site }));
         leaks.unsubscribe(listener);
         setImmediate(function again() { lend(); });
       });
       lend();`,
      { flags: ['--no-warnings'] },
    );
    assert.equal(code, 0, stderr);
    const [published, warning] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.equal(published.kind, 'held');
    assert.equal(warning.name, 'HeapwiseLeakWarning');
    assert.equal(warning.code, 'HEAPWISE_POOL_LEAK');
    assert.match(warning.message, /has not been released: lend \(/);
    assert.match(warning.detail, /^ {4}at lend .*\n {4}at .*again/, 'what was published did not warn');
  });

  test('does not keep the process alive, nor does what onLeak throws get lost', async () => {
    const idle = await runScript(
      `const { ObjectPool } = require('heapwise');
       globalThis.kept = new ObjectPool({}, { track: 'all', leakThreshold: 20_000 }).acquire();`,
    );
    assert.deepEqual([idle.code, idle.stderr], [0, '']);
    const { stdout } = await runScript(
      `const { ObjectPool } = require('heapwise');
       process.on('uncaughtException', ({ message }) => { console.log(message); process.exit(); });
       const onLeak = () => { throw new Error('mine'); };
       globalThis.kept = new ObjectPool({}, { track: 'all', leakThreshold: 1, onLeak }).acquire();
       setInterval(() => {}, 1000);`,
    );
    assert.equal(stdout, 'mine\n');
  });
});
