'use strict';

/**
 * What the tests of @datadog/native-metrics (github.com/DataDog/dd-native-metrics-js: test/metrics.spec.js,
 * test/crash-repro.js, test/worker-termination.js; commits 0f219bd, 204342f, 2dcd011) ask of its loop statistics, asked
 * of ours. docs/loop-lag.md says what was left out.
 */

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const { EventLoopMonitor } = require('../..');
const { nextTurn } = require('../helper.js');
const { ROOT, runScript } = require('../run-script.js');

function hold(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** A worker that is held for 100 ms in the turn that started its monitor, and says what it measured. */
const HELD = `
  const { EventLoopMonitor } = require(${JSON.stringify(ROOT)});
  const { parentPort } = require('node:worker_threads');
  const monitor = new EventLoopMonitor().start();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  // A turn counts when the next one begins, which the first immediate may still be part of.
  setImmediate(() => setImmediate(() => parentPort.postMessage(monitor.stats().lag)));`;

describe('the loop statistics of native-metrics', () => {
  it('are numbers right after the start', () => {
    const monitor = new EventLoopMonitor().start();
    const { lag } = monitor.stats();
    for (const name of ['count', 'sum', 'min', 'max', 'mean', 'p50', 'p95']) {
      assert.equal(typeof lag[name], 'number', name);
    }
    monitor.close();
  });

  it('show what held the turn that started the monitor', async () => {
    const monitor = new EventLoopMonitor().start();
    hold(100);
    await nextTurn();
    const { count, sum, max } = monitor.stats().lag;
    monitor.close();
    assert.ok(count >= 1);
    assert.ok(sum >= 100 && max >= 100, `sum ${sum}, max ${max}`);
  });

  it('do not count the time in which the monitor was stopped', async () => {
    const monitor = new EventLoopMonitor().start();
    await nextTurn();
    monitor.stop();
    hold(150);
    await nextTurn();
    monitor.start();
    await nextTurn();
    const { max } = monitor.stats().lag;
    monitor.close();
    assert.ok(max < 150, `max ${max}`);
  });

  it('are right in 50 workers at the same time', async () => {
    const workers = Array.from({ length: 50 }, () => new Worker(HELD, { eval: true }));
    await Promise.all(
      workers.map(async (worker) => {
        const exited = once(worker, 'exit');
        const [{ count, max, sum }] = await once(worker, 'message');
        assert.ok(count === 1 || count === 2, `${count} turns`);
        for (const value of [max, sum]) {
          assert.ok(value >= 100 && value <= 5000, `${value} ms`);
        }
        assert.deepEqual(await exited, [0]);
      }),
    );
  });
});

describe('the crash reproduction of native-metrics', () => {
  it('finds no crash: workers that read all the time, terminated after 5 to 50 ms', async () => {
    const { code, signal, stderr } = await runScript(`
      const { Worker } = require('node:worker_threads');
      const source = \`
        const { EventLoopMonitor } = require(${JSON.stringify(ROOT)});
        const monitor = new EventLoopMonitor({ blockedThreshold: 1 }).start();
        monitor.on('blocked', () => {});
        const spin = () => {
          for (let i = 0; i < 50; i++) { monitor.stats(); monitor.delay; EventLoopMonitor.blocks(); }
          setImmediate(spin);
        };
        spin();\`;
      const deadline = Date.now() + 4000;
      const churn = () => {
        if (Date.now() >= deadline) return;
        const worker = new Worker(source, { eval: true });
        worker.on('error', (error) => { console.error(error); process.exit(2); });
        worker.on('exit', churn);
        setTimeout(() => worker.terminate(), 5 + Math.random() * 45);
      };
      for (let i = 0; i < 16; i++) churn();`);
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr);
  });

  it('nor do ten workers that end at the same time, as does the process', async () => {
    const { code, signal, stderr } = await runScript(`
      require('heapwise');
      const { Worker } = require('node:worker_threads');
      const workers = Array.from({ length: 10 }, () => new Worker(\`
        const { EventLoopMonitor } = require(${JSON.stringify(ROOT)});
        new EventLoopMonitor().start();
        setInterval(() => {}, 1000);\`, { eval: true }));
      setTimeout(() => workers.forEach((worker) => worker.terminate()), 1000);`);
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr);
  });
});
