'use strict';

const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const { describe, it } = require('node:test');
const binding = require('../lib/binding.js');
const { createGcSource } = require('../lib/gc.js');
const { createAttribution } = require('../lib/leak/attribution.js');
const { createPace } = require('../lib/leak/collector.js');
const { createLeakDetectorClass } = require('../lib/leak/leak-detector.js');
const { noBridge } = require('../lib/runtime.js');
const { LeakDetector } = require('..');
const { runScript } = require('./run-script.js');

/**
 * A program that allocates all the time, under a detector in a hurry. `step` is what happens every 10 ms; prints the
 * events and the last report.
 */
const PROGRAM = (step) => `
  const { LeakDetector } = require('heapwise');
  const detector = new LeakDetector({ warmup: 300, window: 700, gcInterval: 50, maxGcShare: 1, minGrowthPerHour: 1024 * 1024 });
  const events = [];
  for (const name of ['suspect', 'leak', 'clear']) {
    detector.on(name, (report) => events.push({ name, report }));
  }
  detector.start();
  const kept = [];
  const churn = () => Array.from({ length: 4000 }, (_, index) => ({ index, text: 'x' + index }));
  const begin = performance.now();
  const finish = () => {
    clearInterval(work);
    const report = detector.check();
    detector.close();
    console.log(JSON.stringify({ events, report }));
  };
  const work = setInterval(() => {
    churn();
    (${step})(kept);
    const known = events.some(({ name }) => name === 'leak');
    // By points, not by time: how often V8 may be asked to collect depends on how long it takes for it.
    const enough = detector.check().dimensions.heap.points >= ENOUGH;
    if (known || enough || performance.now() - begin > 50_000) finish();
  }, 10);`;

const GROWS = 'kept => kept.push(Array.from({ length: 500 }, (_, i) => ({ i })))';
const GROWS_OUTSIDE = 'kept => kept.push(Buffer.allocUnsafeSlow(64 * 1024))';
// All 50 from the start: a store that is still filling does grow.
const STAYS = `(kept) => {
  const list = () => Array.from({ length: 500 }, (_, i) => ({ i }));
  while (kept.length < 50) kept.push(list());
  kept[Math.floor(Math.random() * 50)] = list();
}`;

async function run(step, enough, env = {}) {
  const { code, stdout, stderr } = await runScript(PROGRAM(step).replace('ENOUGH', enough), {
    env,
    timeout: 60_000,
  });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout);
}

describe('LeakDetector refuses', () => {
  const wrong = {
    warmup: [-1, NaN, Infinity],
    window: [0, -1, NaN],
    minPoints: [5, 65, 7.5],
    confidence: [0.4, 1, NaN],
    minGrowthPerHour: [-1, NaN],
    confirmations: [0, 1.5],
    gcInterval: [-1, NaN, 2 ** 31],
    maxGcShare: [0, 1.01, NaN],
  };
  for (const [name, values] of Object.entries(wrong)) {
    it(`${name} out of range or of another type`, () => {
      for (const value of values) {
        assert.throws(() => new LeakDetector({ [name]: value }), {
          name: 'RangeError',
          code: 'ERR_HEAPWISE_INVALID_ARG_VALUE',
        });
      }
      for (const value of ['1', null, {}, 1n]) {
        assert.throws(() => new LeakDetector({ [name]: value }), {
          name: 'TypeError',
          code: 'ERR_HEAPWISE_INVALID_ARG_TYPE',
        });
      }
    });
  }

  it('misspelt options, naming the right one', () => {
    assert.throws(() => new LeakDetector({ warmUp: 1 }), {
      code: 'ERR_HEAPWISE_UNKNOWN_OPTION',
      message: /did you mean "warmup"/,
    });
  });

  it('what is no counter, folder, cache, time or function', () => {
    for (const [options, code] of [
      [{ operations: 5 }, 'TYPE'],
      [{ attribution: 'sometimes' }, 'VALUE'],
      [{ samplingInterval: 63 }, 'VALUE'],
      [{ evidence: {} }, 'TYPE'],
      [{ evidence: { directory: '' } }, 'VALUE'],
      [{ evidence: { directory: '/tmp', maxFiles: 1 } }, 'VALUE'],
      [{ shed: [{}] }, 'TYPE'],
      [{ shed: new Map() }, 'TYPE'],
      [{ onLeak: 1 }, 'TYPE'],
      [{ drain: { before: 0 } }, 'VALUE'],
    ]) {
      assert.throws(() => new LeakDetector(options), { code: `ERR_HEAPWISE_INVALID_ARG_${code}` });
    }
    for (const options of [{ evidence: { directory: '/tmp', folder: '' } }, { drain: { after: 1 } }]) {
      assert.throws(() => new LeakDetector(options), { code: 'ERR_HEAPWISE_UNKNOWN_OPTION' });
    }
  });

  it('everything once it is closed', () => {
    const detector = new LeakDetector();
    detector.close();
    detector.close();
    for (const method of ['start', 'check', 'reset']) {
      assert.throws(() => detector[method](), { code: 'ERR_HEAPWISE_DETECTOR_CLOSED' });
    }
    assert.equal(detector.stop(), detector);
  });
});

describe('without enough data', () => {
  it('the answer is warming, never a verdict, and check() changes nothing', () => {
    const detector = new LeakDetector();
    assert.equal(detector.check().state, 'warming');
    detector.start().start();
    for (let i = 0; i < 20; i++) {
      const report = detector.check();
      assert.equal(report.state, 'warming');
      assert.equal(report.dimension, null);
      assert.equal(report.timeToLimit, null);
      assert.equal(report.dimensions.heap.growth, 'short');
    }
    detector.close();
  });
});

describe('collections are asked for', () => {
  it('once the warm-up is over, not earlier: nobody looks at what they would tell', async () => {
    const WARMUP = 300;
    const source = createGcSource(binding);
    const asked = new EventEmitter();
    const gc = { ...source, requestGc: () => asked.emit('asked', performance.now()) };
    const Detector = createLeakDetectorClass({
      binding,
      gc,
      createAttribution: () => createAttribution({ binding, bridgeRefused: noBridge }),
    });
    const detector = new Detector({ warmup: WARMUP, gcInterval: 20 });
    const begin = performance.now();
    detector.start();
    const churn = setInterval(() => Array.from({ length: 2e4 }, (_, i) => ({ i })), 1);
    const [at] = await once(asked, 'asked');
    assert.ok(at - begin >= WARMUP);
    clearInterval(churn);
    detector.close();
  });

  const MB = 2 ** 20;
  /** The first of the moments at which one is due. */
  const due = (pace) => Array.from({ length: 400_000 }, (_, at) => at).find((at) => pace.isDue(at));

  it('the more seldom the more is alive, and more often while there is a suspicion', () => {
    const pace = createPace({ interval: 100, share: 0.01 });
    pace.end(0, MB);
    assert.ok(Math.abs(due(pace) - 98) < 30, 'about a millisecond for each MiB');
    pace.end(0, 1024 * MB);
    assert.ok(Math.abs(due(pace) - 100_000) < 50);
    pace.hurry = true;
    assert.ok(Math.abs(due(pace) - 20_000) < 50);
    // The interval is the least.
    pace.end(0, 100);
    assert.equal(due(pace), 75);
  });

  it('more seldom on a slow machine, but one that had to wait for the program does not end them', () => {
    const pace = createPace({ interval: 100, share: 0.01 });
    pace.ask(1000);
    pace.ask(1050);
    pace.end(1200, 100 * MB);
    assert.ok(Math.abs(due(pace) - 1200 - 19_531) < 50, 'twice as much as usual');
    pace.ask(2000);
    pace.end(2070, 100 * MB);
    assert.ok(Math.abs(due(pace) - 2070 - 14_000) < 50, 'two threads for 70 ms');
    pace.end(3000, 100 * MB);
    assert.ok(Math.abs(due(pace) - 3000 - 14_000) < 50, 'others say nothing of that');
    pace.ask(4000);
    pace.begin(50_000);
    pace.end(50_100, 100 * MB);
    assert.ok(Math.abs(due(pace) - 50_100 - 14_000) < 50, 'nor what never came');
  });

  it('not for a heap that has hardly changed', () => {
    const pace = createPace({ interval: 100, share: 0.01 });
    pace.end(0, 10 * MB);
    assert.ok(!pace.isWorth(10 * MB + 200_000));
    assert.ok(pace.isWorth(10 * MB + 300_000));
    assert.ok(pace.isWorth(10 * MB - 300_000));
  });
});

// Both tiers must come to the same verdicts. The profiler's log is read every 5 s only, so check() is what feeds it.
describe('a program whose heap grows', () => {
  it('is called a leak, with a rate near the true one and the time that is left', async () => {
    const { events, report } = await run(GROWS, Infinity);
    assert.deepEqual(
      events.map(({ name }) => name).filter((name) => name === 'leak'),
      ['leak'],
    );
    assert.equal(report.state, 'leak');
    assert.equal(report.dimension, 'heap');
    assert.equal(report.dimensions.heap.growth, 'rising');
    assert.ok(report.confidence >= 0.99 && report.confidence <= 1);
    const { growthPerHourLow, growthPerHourHigh } = report.dimensions.heap;
    assert.ok(growthPerHourLow <= report.growthPerHour && report.growthPerHour <= growthPerHourHigh);
    // Each step keeps 500 objects of 16 to 40 bytes in an array of 4 KB: 10 to 30 KB, at most 100 times a second.
    assert.ok(report.growthPerHour < 100 * 40_000 * 3600, `${report.growthPerHour}`);
    assert.ok(report.growthPerHour > 1024 * 1024);
    const room = report.limits.heap - report.dimensions.heap.current;
    assert.ok(Math.abs(report.timeToLimit - (room / report.growthPerHour) * 3_600_000) < 1);
    const [soonest, latest] = report.timeToLimitRange;
    assert.ok(soonest <= report.timeToLimit && report.timeToLimit <= latest);
    assert.ok(report.since > 0);
  });

  it('outside V8 is called a leak of buffers, not of the heap', async () => {
    const { report } = await run(GROWS_OUTSIDE, Infinity);
    assert.equal(report.state, 'leak');
    assert.ok(['external', 'arrayBuffers'].includes(report.dimension), report.dimension);
    assert.notEqual(report.dimensions.heap.growth, 'rising');
    assert.ok(report.timeToLimit > 0);
  });
});

describe('a program that is busy but does not grow', () => {
  it('is never called a leak, and is called steady', async () => {
    const { events, report } = await run(STAYS, 60);
    assert.deepEqual(
      events.filter(({ name }) => name === 'leak'),
      [],
    );
    assert.ok(['steady', 'suspect'].includes(report.state), report.state);
    assert.equal(report.dimensions.heap.growth !== 'short', true);
  });
});

describe('the source of the points', () => {
  it('is V8 itself on a version that was tested', () => {
    const gc = createGcSource(binding);
    gc.acquire();
    const expected = process.platform === 'win32' ? 'profiler' : 'v8';
    assert.equal(gc.source().tier, expected, gc.source().reason);
    gc.release();
    assert.equal(gc.source().tier, 'off');
  });

  it('is the profiler where the bridge is off, unknown or not Node', () => {
    assert.match(noBridge('off'), /HEAPWISE_V8_BRIDGE=off/);
    assert.match(noBridge(undefined, { v8: '99.1' }), /99\.1 has not been tested/);
    assert.equal(noBridge('force', { v8: '99.1' }), undefined);
    assert.match(noBridge(undefined, { v8: '12.4', electron: '30' }), /electron/);
    assert.match(noBridge('force', { v8: '12.4', bun: '1' }), /bun/);
  });

  it('is the profiler where the bridge reads another heap than JavaScript', () => {
    class GcWatch extends binding.GcWatch {
      heap() {
        return { ...super.heap(), limit: 1 };
      }
    }
    const gc = createGcSource({ ...binding, GcWatch }, () => undefined);
    gc.acquire();
    assert.equal(gc.source().tier, 'profiler');
    assert.match(gc.source().reason, /other heap statistics/);
    gc.release();
  });

  it('tells all listeners, whatever one of them throws', async () => {
    const { code, stdout, stderr } = await runScript(
      `
      const { createGcSource } = require(${JSON.stringify(require.resolve('../lib/gc.js'))});
      class GcWatch { pauses() {} heap() { throw new Error('none'); } distrusted() { return false; } unhook() {}
        record() {} drainPoints() { return [{ heap: 1 }]; } }
      const gc = createGcSource({ GcWatch }, () => undefined);
      process.on('uncaughtException', ({ message }) => console.log(message));
      gc.listen(() => { throw new Error('of a listener'); });
      gc.listen((points) => console.log(points.length));
      gc.refresh();`,
    );
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.trim().split('\n'), ['1', 'of a listener']);
  });

  it('changes to the profiler when V8 calls back with something unexpected', async () => {
    const { code, stdout, stderr } = await runScript(
      `
      const binding = require(${JSON.stringify(require.resolve('../lib/binding.js'))});
      const { createGcSource } = require(${JSON.stringify(require.resolve('../lib/gc.js'))});
      let strange = false;
      class GcWatch extends binding.GcWatch { distrusted() { return strange; } }
      const gc = createGcSource({ ...binding, GcWatch }, () => undefined);
      gc.acquire();
      const first = gc.source().tier;
      strange = true;
      gc.requestGc();
      const work = setInterval(() => {
        Array.from({ length: 1e4 }, (_, i) => ({ i }));
        if (gc.source().tier === 'profiler' || performance.now() > 20000) {
          clearInterval(work);
          const second = gc.source();
          gc.release();
          gc.acquire();
          console.log(JSON.stringify([first, second, gc.source()]));
          gc.release();
        }
      }, 1);`,
    );
    assert.equal(code, 0, stderr);
    const [first, ...later] = JSON.parse(stdout);
    if (process.platform !== 'win32') {
      assert.equal(first, 'v8');
    }
    // For good: also for who asks again later.
    for (const { tier, reason } of later) {
      assert.equal(tier, 'profiler');
      assert.match(reason, process.platform === 'win32' ? /./ : /unexpected/);
    }
  });

  for (const bridge of ['', 'off']) {
    it(`hands over exact points and pauses by kind (${bridge ? 'profiler' : 'best'} tier)`, async () => {
      const { code, stdout, stderr } = await runScript(
        `
        const { createGcSource } = require(${JSON.stringify(require.resolve('../lib/gc.js'))});
        const gc = createGcSource(require(${JSON.stringify(require.resolve('../lib/binding.js'))}));
        gc.acquire();
        const points = [];
        gc.listen((fresh) => points.push(...fresh));
        const kept = Array.from({ length: 2e5 }, (_, i) => ({ i }));
        global.gc();
        kept.length = 0;
        global.gc();
        setTimeout(() => {
          gc.refresh();
          const major = gc.pauses('major').summary();
          gc.release();
          console.log(JSON.stringify({ points, major }));
        }, 20);`,
        { flags: ['--expose-gc'], env: { HEAPWISE_V8_BRIDGE: bridge } },
      );
      assert.equal(code, 0, stderr);
      const { points, major } = JSON.parse(stdout);
      assert.ok(points.length >= 2, `${points.length} points`);
      assert.ok(major.count >= 2 && major.max > 0 && major.max < 10_000);
      const [full, empty] = points.slice(-2);
      assert.ok(full.used - empty.used > 2e5 * 8, `${full.used} then ${empty.used}`);
      assert.ok(full.age >= empty.age && empty.age >= 0);
    });
  }
});
