'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const { performance } = require('node:perf_hooks');
const { after, describe, it } = require('node:test');
const binding = require('../lib/binding.js');
const { createEventLoopMonitorClass } = require('../lib/event-loop-monitor.js');
const { createGcSource } = require('../lib/gc.js');
const { createHistogramClass } = require('../lib/histogram.js');
const { notNode } = require('../lib/runtime.js');
const { EventLoopMonitor } = require('..');
const { runScript } = require('./run-script.js');

// A monitor keeps nothing alive; a service has its server for that, these tests have this.
const alive = setInterval(() => {}, 60_000);
after(() => clearInterval(alive));

const immediate = () => new Promise((resolve) => setImmediate(resolve));
const timeout = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function block(ms) {
  const start = performance.now();
  while (performance.now() - start < ms) {
    // Holds the thread, as a careless computation does.
  }
}

/** Each calls back in another phase of the loop. */
const PHASES = {
  'a timer': (fn) => setTimeout(fn, 1),
  'an immediate': (fn) => setImmediate(fn),
  'a file-system callback': (fn) => fs.stat(__filename, fn),
  'a microtask after I/O': (fn) => fs.promises.stat(__filename).then(fn),
  'process.nextTick in a timer': (fn) => setTimeout(() => process.nextTick(fn), 1),
  'a socket callback'(fn) {
    const server = net
      .createServer((peer) => peer.end('x'))
      .listen(0, '127.0.0.1', () => {
        const socket = net.connect(server.address().port, '127.0.0.1');
        socket.once('data', () => {
          fn();
          server.close();
        });
      });
  },
  'a close callback'(fn) {
    const server = net.createServer().listen(0, '127.0.0.1', () => server.close(fn));
  },
};

describe('EventLoopMonitor refuses', () => {
  const cases = [
    [null, TypeError, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
    ['x', TypeError, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
    [{ blockedTreshold: 5 }, TypeError, 'ERR_HEAPWISE_UNKNOWN_OPTION'],
    [{ blockedThreshold: '100' }, TypeError, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
    [{ captureStack: 1 }, TypeError, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
    [{ stackInterval: '1s' }, TypeError, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
    [{ stackInterval: -1 }, RangeError, 'ERR_HEAPWISE_INVALID_ARG_VALUE'],
    [{ reportTo: 2 }, TypeError, 'ERR_HEAPWISE_INVALID_ARG_TYPE'],
    [{ reportTo: '' }, RangeError, 'ERR_HEAPWISE_INVALID_ARG_VALUE'],
    [{ reportTo: 'a\0b' }, RangeError, 'ERR_HEAPWISE_INVALID_ARG_VALUE'],
    ...[0, -1, NaN, Infinity, 3_600_001].map((blockedThreshold) => [
      { blockedThreshold },
      RangeError,
      'ERR_HEAPWISE_INVALID_ARG_VALUE',
    ]),
  ];
  for (const [options, Base, code] of cases) {
    it(`options ${JSON.stringify(options)}`, () => {
      assert.throws(
        () => new EventLoopMonitor(options),
        (error) => error instanceof Base && error.code === code,
      );
    });
  }

  it('to start once it is closed, and says so every time', () => {
    const monitor = new EventLoopMonitor();
    monitor.close();
    monitor.close();
    assert.throws(() => monitor.start(), { code: 'ERR_HEAPWISE_MONITOR_CLOSED' });
    assert.equal(monitor.stats().running, false);
  });
});

describe('a block is measured in whole', () => {
  for (const [phase, call] of Object.entries(PHASES)) {
    it(`in ${phase}`, async () => {
      const monitor = new EventLoopMonitor({ blockedThreshold: 60 }).start();
      await timeout(5);
      const seen = once(monitor, 'blocked');
      const before = performance.eventLoopUtilization();
      call(() => block(80));
      const [event] = await seen;
      const { active } = performance.eventLoopUtilization(before);
      monitor.close();
      // The turn holds the block and what else ran in it, but not more than the loop was active for altogether.
      assert.ok(event.duration >= 79.9, `${event.duration} ms`);
      assert.ok(event.duration <= active + 1, `${event.duration} ms, active for ${active} ms`);
      assert.ok(Math.abs(event.end - Date.now()) < 1000);
      assert.equal(monitor.stats().source, 'libuv', monitor.stats().reason);
    });
  }
});

describe('a block at an edge of measuring is measured', () => {
  it('right after the start, in the same turn', async () => {
    const monitor = new EventLoopMonitor({ blockedThreshold: 40 }).start();
    const seen = once(monitor, 'blocked');
    block(50);
    const [{ duration }] = await seen;
    monitor.close();
    assert.ok(duration >= 49.9, `${duration} ms`);
  });

  it('right before the stop, in the same turn', async () => {
    const monitor = new EventLoopMonitor({ blockedThreshold: 40 }).start();
    await immediate();
    block(50);
    monitor.stop();
    assert.ok(monitor.histogram.max >= 49.9);
    assert.equal(monitor.stats().blocked, 1);
    monitor.close();
  });
});

describe('waiting is not lag', () => {
  it('the sum of the turns is the time that the loop was active', async () => {
    const monitor = new EventLoopMonitor().start();
    await timeout(5);
    const histogram = monitor.histogram.snapshot();
    const before = performance.eventLoopUtilization();
    for (let i = 0; i < 10; i++) {
      await timeout(20);
      block(5);
    }
    await timeout(1);
    const { active, idle } = performance.eventLoopUtilization(before);
    const { sum } = monitor.histogram.since(histogram).summary();
    monitor.close();
    assert.ok(idle > 100, `the loop was idle for ${idle} ms`);
    // Both windows begin and end inside a turn; these two are all that may differ.
    assert.ok(Math.abs(sum - active) < 0.02 * active + 6, `sum ${sum}, active ${active}`);
  });

  it('utilization is what Node says', async () => {
    const monitor = new EventLoopMonitor().start();
    await timeout(1);
    const before = performance.eventLoopUtilization();
    await timeout(100);
    block(50);
    await timeout(50);
    const node = performance.eventLoopUtilization(before).utilization;
    const { utilization, active, idle } = monitor.utilization();
    monitor.close();
    assert.ok(Math.abs(utilization - node) < 0.1, `${utilization} and ${node}`);
    assert.ok(active >= 50 && idle >= 100);
  });

  it('utilization since an earlier one is that of the time between', async () => {
    const monitor = new EventLoopMonitor().start();
    block(100);
    await timeout(1);
    const earlier = monitor.utilization();
    await timeout(60);
    const since = monitor.utilization(earlier);
    monitor.close();
    assert.ok(since.idle >= 50 && since.active < 50, JSON.stringify(since));
    assert.ok(Math.abs(since.utilization - since.active / (since.active + since.idle)) < 1e-9);
    for (const wrong of [1, null, 'x', {}, { active: 1 }, { active: '1', idle: 2 }]) {
      assert.throws(() => monitor.utilization(wrong), { code: 'ERR_HEAPWISE_INVALID_ARG_TYPE' });
    }
    assert.throws(() => monitor.utilization({ active: -1, idle: 2 }), {
      code: 'ERR_HEAPWISE_INVALID_ARG_VALUE',
    });
  });

  it('an idle loop is not woken', async () => {
    // Two equal scripts, one of them monitored: the loop turns equally often.
    const loops = async (start) => {
      const { stdout } = await runScript(`
        const monitor = new (require('heapwise').EventLoopMonitor)();
        ${start}
        setTimeout(() => {
          const { loopCount } = performance.nodeTiming.uvMetricsInfo ?? {};
          console.log(JSON.stringify({ loopCount, turns: monitor.stats().turns }));
        }, 600);`);
      return JSON.parse(stdout);
    };
    const without = await loops('');
    const { loopCount, turns } = await loops('monitor.start();');
    assert.ok(turns <= 4, `${turns} turns in an idle process`);
    if (loopCount !== undefined) {
      assert.ok(
        Math.abs(loopCount - without.loopCount) <= 2,
        `${loopCount} turns, ${without.loopCount} without`,
      );
    }
  });
});

describe('a window', () => {
  it('holds what happened since its beginning, and disturbs no other', async () => {
    const monitor = new EventLoopMonitor({ blockedThreshold: 30 }).start();
    await immediate();
    block(50);
    await immediate();
    const [mine, yours] = [monitor.window(), monitor.window()];
    await timeout(30);
    block(40);
    await immediate();
    const first = mine.next();
    assert.equal(first.blocked, 1);
    assert.ok(first.blockedTime >= 39.9 && first.blockedTime < 50, `${first.blockedTime}`);
    assert.equal(first.iterations.count, first.turns);
    assert.ok(first.iterations.max >= 39.9 && first.iterations.max < 50, `${first.iterations.max}`);
    assert.ok(Math.abs(first.elapsed - first.active - first.idle) < 1e-6);
    assert.ok(first.active >= 40 && first.idle >= 20, `${first.active}, ${first.idle}`);
    const second = mine.read();
    assert.deepEqual([second.blocked, second.blockedTime], [0, 0]);
    assert.ok(second.active < 30);
    assert.equal(yours.read().blocked, 1);
    assert.equal(monitor.stats().blocked, 2);
    monitor.histogram.reset();
    assert.throws(() => yours.read(), { code: 'ERR_HEAPWISE_HISTOGRAM_MERGE' });
    monitor.close();
  });

  it('of a stopped monitor has what was measured until the stop, and nothing is said of the time after it', async () => {
    const monitor = new EventLoopMonitor();
    const stopped = { name: 'Error', code: 'ERR_HEAPWISE_MONITOR_STOPPED' };
    assert.throws(() => monitor.window(), stopped);
    const window = monitor.start().window();
    await immediate();
    block(20);
    monitor.stop();
    const { elapsed } = window.read();
    await timeout(20);
    assert.equal(window.next().elapsed, elapsed);
    assert.throws(() => window.read(), stopped);
    assert.throws(() => window.next(), stopped);
    assert.throws(() => monitor.window(), stopped);
    assert.ok(monitor.utilization().active >= 20 && monitor.histogram.max >= 20 && monitor.delay.max >= 20);
    monitor.start();
    block(10);
    assert.ok(window.next().active >= 10);
    monitor.close();
    assert.throws(() => monitor.window(), { name: 'Error', code: 'ERR_HEAPWISE_MONITOR_CLOSED' });
  });

  it('shows a rare block by its length among many short turns', async () => {
    const monitor = new EventLoopMonitor().start();
    await immediate();
    const window = monitor.window();
    for (let i = 0; i < 2000; i++) {
      await immediate();
    }
    block(200);
    await immediate();
    const { iterations, delay, elapsed } = window.read();
    monitor.close();
    assert.ok(iterations.percentile(99) < 50, 'one turn of 2000');
    // Arrivals in the block wait 100 ms in the mean, and they are most of all.
    const share = 200 / elapsed;
    assert.ok(delay.mean >= 0.9 * share * 100, `${delay.mean} ms, of which ${share} in the block`);
    assert.ok(Math.abs(delay.count - elapsed * 1000) < 0.02 * elapsed * 1000, 'one for each microsecond');
  });
});

describe('collection time', () => {
  it('is told apart from the rest of a block', async () => {
    const monitor = new EventLoopMonitor({ blockedThreshold: 50 }).start();
    await timeout(5);
    const plain = once(monitor, 'blocked');
    setImmediate(() => block(60));
    const [quiet] = await plain;
    const collecting = once(monitor, 'blocked');
    setImmediate(() => {
      const kept = [];
      const start = performance.now();
      while (performance.now() - start < 60) {
        kept.push({ index: kept.length, list: [kept.length] });
      }
    });
    const [busy] = await collecting;
    monitor.close();
    assert.ok(busy.gc > quiet.gc, `${busy.gc} ms against ${quiet.gc} ms`);
    assert.ok(busy.gc <= busy.duration);
  });
});

describe('several monitors', () => {
  it('in one thread see the same turns and stop one by one', async () => {
    const first = new EventLoopMonitor({ blockedThreshold: 20 }).start();
    const second = new EventLoopMonitor({ blockedThreshold: 40 }).start();
    await timeout(5);
    const both = Promise.all([once(first, 'blocked'), once(second, 'blocked')]);
    setImmediate(() => block(50));
    const [[a], [b]] = await both;
    assert.ok(a.duration >= 49.9 && b.duration >= 49.9, `${a.duration} and ${b.duration} ms`);
    first.close();
    const again = once(second, 'blocked');
    setImmediate(() => block(50));
    await again;
    second.close();
    assert.equal(first.stats().blocked, 1);
    assert.equal(second.stats().blocked, 2);
  });

  it('one monitor starts and stops at any moment and loses nothing that it has measured', async () => {
    const monitor = new EventLoopMonitor();
    for (let i = 0; i < 50; i++) {
      assert.equal(monitor.start(), monitor);
      monitor.start();
      if (i % 3 === 0) {
        await immediate();
      }
      monitor.stop();
      monitor.stop();
    }
    monitor.start();
    await timeout(5);
    const seen = once(monitor, 'blocked');
    setImmediate(() => block(110));
    await seen;
    monitor.stop();
    const { max } = monitor.histogram;
    assert.ok(max >= 110);
    assert.equal(monitor.stats().blocked, 1);
    assert.equal(monitor.stats().blockedTime.toFixed(3), max.toFixed(3));
    monitor.start();
    assert.equal(monitor.histogram.max, max);
    monitor.close();
    assert.equal(monitor.histogram.max, max);
  });

  it('a stopped monitor announces nothing, not even what it saw just before', async () => {
    const monitor = new EventLoopMonitor({ blockedThreshold: 10 }).start();
    await timeout(5);
    monitor.on('blocked', () => assert.fail('announced'));
    setImmediate(() => {
      block(30);
      // Two turns later the announcement is in the queue; stopped before JavaScript gets to it.
      monitor.stop();
    });
    await timeout(60);
    monitor.close();
  });
});

describe('where the probe cannot be used', () => {
  const gc = createGcSource(binding);
  const histograms = createHistogramClass(binding);

  /** A monitor class on a binding whose probe is replaced by one that does nothing but what is given. */
  function withProbe(given, probeRefused = () => undefined) {
    class LoopProbe {
      #histogram = new binding.NativeHistogram(1e-6, 3_600_000, 3);
      histogram = () => this.#histogram;
      start = given.start ?? (() => {});
      stop = () => {};
      counters = given.counters;
    }
    return createEventLoopMonitorClass({ binding: { ...binding, LoopProbe }, gc, histograms, probeRefused });
  }

  async function seesABlock(Monitor, reason) {
    const monitor = new Monitor({ blockedThreshold: 50 }).start();
    await immediate();
    await immediate();
    await timeout(30);
    const { source, reason: given } = monitor.stats();
    assert.equal(source, 'timer');
    assert.match(given, reason);
    const seen = once(monitor, 'blocked');
    block(120);
    const [event] = await seen;
    assert.ok(event.duration >= 60 && event.duration < 2000, `${event.duration} ms`);
    assert.ok(monitor.histogram.max >= 60);
    assert.ok(monitor.utilization().utilization > 0);
    monitor.close();
    assert.equal(monitor.stats().running, false);
  }

  it('a refused runtime is measured by a timer, and stats say so', () =>
    seesABlock(
      withProbe({}, () => 'the runtime is bun, not Node.js'),
      /bun/,
    ));

  it('a probe that cannot start is replaced by a timer', () =>
    seesABlock(
      withProbe({
        start() {
          throw new Error('a function of libuv is missing in this runtime');
        },
      }),
      /libuv is missing/,
    ));

  it('a loop that never calls the probe is found out', () =>
    seesABlock(
      withProbe({
        counters: () => ({
          turns: 0,
          blocked: 0,
          elapsed: 0,
          active: 0,
          gc: 0,
          idle: performance.nodeTiming.idleTime,
        }),
      }),
      /does not call/,
    ));

  it('an idle time that is not what Node says is not believed', async () => {
    await timeout(20);
    await seesABlock(
      withProbe({ counters: () => ({ turns: 9, blocked: 0, elapsed: 9, active: 0, gc: 0, idle: 1e9 }) }),
      /idle time/,
    );
  });

  it('Bun, Deno and Electron are recognised before libuv is touched', () => {
    assert.equal(notNode({ node: '20.0.0' }), undefined);
    for (const runtime of ['bun', 'deno', 'electron']) {
      assert.match(notNode({ node: '20.0.0', [runtime]: '1.0.0' }), new RegExp(runtime));
    }
  });
});

describe('a listener that throws', () => {
  it('is an uncaught exception of the user, not a crash and not silence', async () => {
    const { code, stdout } = await runScript(`
      const monitor = new (require('heapwise').EventLoopMonitor)({ blockedThreshold: 20 }).start();
      monitor.on('blocked', () => { throw new Error('from the listener'); });
      process.on('uncaughtException', (error) => { console.log(error.message); process.exit(7); });
      setTimeout(() => { const end = performance.now() + 50; while (performance.now() < end); }, 10);
      setTimeout(() => {}, 2000);`);
    assert.equal(code, 7);
    assert.equal(stdout.trim(), 'from the listener');
  });
});
