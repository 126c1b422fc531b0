// node-flags: --expose-gc
'use strict';

/**
 * What Node's own test of monitorEventLoopDelay (github.com/nodejs/node: test/sequential/test-performance-eventloopdelay.js,
 * commit 0206da7) asks, asked of ours. docs/loop-lag.md says what was left out.
 */

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { setTimeout: rest } = require('node:timers/promises');
const { EventLoopMonitor } = require('../..');
const { NOT_NUMBERS, NOT_OBJECTS, assertCode, collected, nextTurn } = require('../helper.js');
const { runScript } = require('../run-script.js');

function hold(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe('the test of monitorEventLoopDelay', () => {
  it('starts and stops a monitor twice', () => {
    const monitor = new EventLoopMonitor();
    for (const [call, running] of [
      ['start', true],
      ['start', true],
      ['stop', false],
      ['stop', false],
    ]) {
      assert.equal(monitor[call](), monitor);
      assert.equal(monitor.stats().running, running);
    }
    monitor.close();
  });

  it('is refused options of a wrong type or out of range', () => {
    for (const options of NOT_OBJECTS) {
      assertCode(() => new EventLoopMonitor(options), 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError, options);
    }
    for (const blockedThreshold of NOT_NUMBERS) {
      const make = () => new EventLoopMonitor({ blockedThreshold });
      assertCode(make, 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError, blockedThreshold);
    }
    for (const blockedThreshold of [-1, 0, Infinity]) {
      const make = () => new EventLoopMonitor({ blockedThreshold });
      assertCode(make, 'ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError, blockedThreshold);
    }
  });

  it('reads a loop that is held several times, and each percentile of it', async () => {
    const monitor = new EventLoopMonitor().start();
    const { histogram } = monitor;
    for (let i = 0; i < 5; i++) {
      hold(100);
      await rest(50);
    }
    monitor.stop();
    const { min, max, mean, stddev } = histogram;
    assert.ok(min > 0 && max >= 100 && stddev > 0 && mean > 0, JSON.stringify({ min, max, mean, stddev }));
    let last = 0;
    for (let percentile = 1; percentile < 100; percentile += 0.1) {
      const value = histogram.percentile(percentile);
      assert.ok(value >= last, `${value} ms at ${percentile}`);
      last = value;
    }
    histogram.reset();
    assert.deepEqual(
      { count: histogram.count, max: histogram.max, mean: histogram.mean, stddev: histogram.stddev },
      { count: 0, max: 0, mean: 0, stddev: 0 },
    );
    for (const percentile of NOT_NUMBERS) {
      const read = () => histogram.percentile(percentile);
      assertCode(read, 'ERR_HEAPWISE_INVALID_ARG_TYPE', TypeError, percentile);
    }
    for (const percentile of [-1, 101, NaN]) {
      const read = () => histogram.percentile(percentile);
      assertCode(read, 'ERR_HEAPWISE_INVALID_ARG_VALUE', RangeError, percentile);
    }
    monitor.close();
  });

  it('gives its monitors to the garbage collector, running or not, before the process ends', async () => {
    const refs = [];
    await (async () => {
      for (let i = 0; i < 10; i++) {
        const monitor = new EventLoopMonitor();
        refs.push(new WeakRef(monitor));
        monitor.start().stop();
      }
      await nextTurn();
    })();
    assert.ok(await collected(refs));
    const { code, signal, stderr } = await runScript(
      `const { EventLoopMonitor } = require('heapwise');
       (() => { for (let i = 0; i < 10; i++) new EventLoopMonitor().start(); })();
       process.on('exit', gc);
       setTimeout(gc, 20);`,
      { flags: ['--expose-gc'] },
    );
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr);
  });
});
