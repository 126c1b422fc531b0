'use strict';

const assert = require('node:assert/strict');
const { spawn, spawnSync } = require('node:child_process');
const crypto = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const binding = require('../lib/binding.js');
const { checkStacks } = require('../lib/event-loop/stack-check.js');
const { EventLoopMonitor } = require('..');
const { runScript } = require('./run-script.js');

const alive = setInterval(() => {}, 60_000);
after(() => clearInterval(alive));

const timeout = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
/** On Windows V8's names are not known. */
const bridged = process.platform !== 'win32';

function spin(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    // Holds the thread, as a careless computation does.
  }
}

/** The event of the one block that `call` makes. */
async function blockOf(call, options) {
  const monitor = new EventLoopMonitor({ blockedThreshold: 50, stackInterval: 0, ...options }).start();
  await timeout(5);
  const seen = once(monitor, 'blocked');
  call();
  const [event] = await seen;
  monitor.close();
  return event;
}

describe('the stack of a blocked turn', { skip: !bridged }, () => {
  const phases = {
    timers: (fn) => setTimeout(fn, 1),
    check: (fn) => setImmediate(fn),
    poll: (fn) => fs.stat(__filename, fn),
    microtasks: (fn) => process.nextTick(fn),
  };
  for (const [phase, call] of Object.entries(phases)) {
    it(`names function, file, line and phase (${phase})`, async () => {
      const event = await blockOf(() =>
        call(function culprit() {
          spin(90);
        }),
      );
      assert.equal(event.stackReason, null);
      const at = event.frames.findIndex(({ functionName }) => functionName === 'culprit');
      const { fileName, line, column } = event.frames[at];
      assert.equal(fileName, __filename);
      const text = fs
        .readFileSync(__filename, 'utf8')
        .split('\n')
        .at(line - 1);
      assert.match(text.slice(column - 1), /^spin\(90\)/);
      assert.equal(event.frames[at - 1].functionName, 'spin');
      assert.equal(event.phase, phase);
      assert.equal(event.native, false);
      assert.equal(event.threadId, 0);
      assert.ok(event.stack.includes(`    at culprit (${__filename}:${line}:${column})`), event.stack);
      assert.ok(event.end - event.start >= 89 && event.ended);
    });
  }

  it('is that of the main script where the loop has not begun', async () => {
    const { stdout, stderr } = await runScript(`
      const monitor = new (require('heapwise').EventLoopMonitor)({ blockedThreshold: 50 }).start();
      monitor.on('blocked', ({ phase, frames }) => console.log(phase, frames[0].line));
      for (const end = performance.now() + 120; performance.now() < end;);
      setTimeout(() => {}, 50);`);
    assert.match(stdout, /^startup \d+\n$/, stderr);
  });

  it('is found in a loop without any call', async () => {
    const event = await blockOf(() =>
      setImmediate(function looping() {
        let sum = 0;
        // About 0.1 to 1 s of arithmetic.
        for (let i = 0; i < 4e8; i++) {
          sum += i & 3;
        }
        return sum;
      }),
    );
    assert.equal(event.frames[0].functionName, 'looping');
  });

  it('is found while Atomics.wait holds the thread', async () => {
    const cell = new Int32Array(new SharedArrayBuffer(4));
    const event = await blockOf(() =>
      setImmediate(function waiting() {
        Atomics.wait(cell, 0, 0, 120);
      }),
    );
    assert.equal(event.frames[0].functionName, 'waiting');
  });

  it('says that a native call held the thread, and what came right after it', async () => {
    const event = await blockOf(() =>
      setImmediate(function hashing() {
        // 0.2 to 2 s.
        crypto.pbkdf2Sync('password', 'salt', 500_000, 64, 'sha512');
      }),
    );
    assert.equal(event.native, true);
    assert.ok(
      event.frames.some(({ functionName }) => functionName === 'hashing'),
      event.stack,
    );
  });

  it('is taken once per interval, and what has none says so', async () => {
    const monitor = new EventLoopMonitor({ blockedThreshold: 30, stackInterval: 60_000 }).start();
    await timeout(5);
    for (const wanted of [true, false]) {
      const seen = once(monitor, 'blocked');
      setImmediate(() => spin(60));
      const [{ stack, frames, phase, stackReason }] = await seen;
      assert.equal(typeof stack === 'string', wanted);
      assert.equal(frames !== null, wanted);
      if (!wanted) {
        assert.equal(phase, null);
        assert.match(stackReason, /another one/);
      }
    }
    monitor.close();
  });

  it('is that of a worker where a worker is blocked', async () => {
    const worker = new Worker(
      `const { parentPort, threadId } = require('node:worker_threads');
       const { EventLoopMonitor } = require(${JSON.stringify(require.resolve('..'))});
       const monitor = new EventLoopMonitor({ blockedThreshold: 50 }).start();
       monitor.on('blocked', (event) => parentPort.postMessage({ event, threadId }));
       function inWorker() { for (const end = performance.now() + 120; performance.now() < end;); }
       setTimeout(inWorker, 10);
       setTimeout(() => {}, 400);`,
      { eval: true },
    );
    const [{ event, threadId }] = await once(worker, 'message');
    assert.equal(event.threadId, threadId);
    assert.ok(event.frames.some(({ functionName }) => functionName === 'inWorker'));
    await worker.terminate();
  });

  it('is in the terms of the source where there are source maps', async () => {
    const map = {
      version: 3,
      sources: ['original.ts'],
      sourcesContent: ['\n\n\n\n\nspin'],
      names: [],
      // Each line of what was generated is line 6, column 1 of the source.
      mappings: Array.from({ length: 20 }, (_, line) => (line === 0 ? 'AAKA' : 'AAAA')).join(';'),
    };
    const base64 = Buffer.from(JSON.stringify(map)).toString('base64');
    const { stdout, stderr } = await runScript(
      `const monitor = new (require('heapwise').EventLoopMonitor)({ blockedThreshold: 50 }).start();
      monitor.on('blocked', ({ frames }) => console.log(JSON.stringify(frames.find(({ fileName }) => !fileName.startsWith('node:')))));
      setTimeout(function spin() { for (const end = Date.now() + 120; Date.now() < end;); }, 20);
      setTimeout(() => {}, 300);
//# sourceMappingURL=data:application/json;base64,${base64}`,
      { flags: ['--enable-source-maps'] },
    );
    const { fileName, line, column, functionName } = JSON.parse(stdout || stderr);
    assert.match(fileName, /original\.ts$/);
    assert.deepEqual({ line, column, functionName }, { line: 6, column: 1, functionName: 'spin' });
  });
});

describe('without a stack', () => {
  it('a block says why: not wanted', async () => {
    const event = await blockOf(() => setImmediate(() => spin(80)), { captureStack: false });
    assert.deepEqual([event.stack, event.frames, event.phase, event.native], [null, null, null, false]);
    assert.equal(typeof event.stackReason, 'string');
    const { stacks, stacksReason } = new EventLoopMonitor({ captureStack: false }).stats();
    assert.deepEqual({ stacks, stacksReason }, { stacks: 'none', stacksReason: 'captureStack is false' });
  });

  for (const [why, env, source] of [
    [
      'in a worker without the bridge',
      { HEAPWISE_V8_BRIDGE: 'off' },
      /the inspector reaches the main thread only/,
    ],
    ['while a debugger is attached', { HEAPWISE_V8_BRIDGE: 'off' }, /a debugger is attached/],
  ]) {
    it(`a block says why: ${why}`, async () => {
      const script = `
        const { EventLoopMonitor } = require('heapwise');
        const monitor = new EventLoopMonitor({ blockedThreshold: 50 }).start();
        console.log(JSON.stringify(monitor.stats()));`;
      const { stdout, stderr } = await runScript(
        why.startsWith('in a worker')
          ? `new (require('node:worker_threads').Worker)(${JSON.stringify(script)}, { eval: true });`
          : `require('node:inspector').open(0, '127.0.0.1'); ${script}`,
        { env },
      );
      const { stacks, stacksReason } = JSON.parse(stdout || stderr);
      assert.equal(stacks, 'none');
      assert.match(stacksReason, source);
    });
  }
});

describe('the check of the bridge', { skip: !bridged }, () => {
  it('believes what it really is', () => assert.equal(checkStacks(binding), undefined));

  const frame = {
    function: 'checkStacks',
    script: require.resolve('../lib/event-loop/stack-check.js'),
    line: 1,
    column: 1,
  };
  for (const [what, frames] of Object.entries({
    'no frames': () => [],
    'another line': () => [frame, frame],
    'another script': () => binding.captureStack().map((each) => Object.assign(each, { script: 'other.js' })),
  })) {
    it(`does not believe ${what}`, () => {
      assert.match(checkStacks({ ...binding, captureStack: frames }), /another stack/);
    });
  }

  it('says what is missing', () => {
    const captureStack = () => {
      throw new Error("this runtime does not export V8's API");
    };
    assert.match(checkStacks({ ...binding, captureStack }), /does not export/);
  });
});

describe('where V8 itself gives no stacks the inspector does', () => {
  /** A program whose helper is ready; prints the events of `work`. */
  const program = (work) => `
    const { EventLoopMonitor } = require('heapwise');
    const monitor = new EventLoopMonitor({ blockedThreshold: 60, stackInterval: 0 }).start();
    const events = [];
    monitor.on('blocked', (event) => events.push(event));
    const spin = (ms) => { for (const end = Date.now() + ms; Date.now() < end;); };
    /** The helper takes its time to start; until then there is no stack. */
    const until = async (test) => { while (!test()) await new Promise((resolve) => setTimeout(resolve, 20)); };
    const ready = () => until(() => events.some(({ frames }) => frames !== null) || spin(150))
      .then(() => events.splice(0));
    (async () => {
      await ready();
      ${work}
      console.log(JSON.stringify({ stats: monitor.stats(), events }));
    })();
    const limit = setTimeout(() => process.exit(3), 20_000);
    limit.unref();`;

  async function run(work) {
    const { code, stdout, stderr } = await runScript(program(work), { env: { HEAPWISE_V8_BRIDGE: 'off' } });
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '', 'nothing about debuggers');
    return JSON.parse(stdout);
  }

  it('with function, file and line, and the process ends by itself', async () => {
    const { stats, events } = await run(`
      setImmediate(function culprit() { spin(200); });
      await until(() => events.length > 0);`);
    assert.equal(stats.stacks, 'inspector');
    assert.match(stats.stacksReason, /HEAPWISE_V8_BRIDGE=off|not known on Windows/);
    const [{ frames, phase, native, duration }] = events;
    const culprit = frames.find(({ functionName }) => functionName === 'culprit');
    assert.match(culprit.fileName, /script\.js$/);
    assert.ok(culprit.line > 10);
    assert.equal(phase, 'check');
    assert.equal(native, false);
    assert.ok(duration >= 199 && duration < 2000);
  });

  it('and says when a native call holds the thread, which it leaves running', async () => {
    const { events } = await run(`
      setImmediate(() => require('node:crypto').pbkdf2Sync('password', 'salt', 500_000, 64, 'sha512'));
      await until(() => events.length > 0);
      setImmediate(function next() { spin(200); });
      await until(() => events.length > 1);`);
    assert.equal(events[0].native, true);
    assert.ok(events[1].frames.some(({ functionName }) => functionName === 'next'));
  });

  it('but does not touch a thread that somebody else has paused', async () => {
    const { events } = await run(`
      const { Worker } = require('node:worker_threads');
      const person = new Worker(\`
        const { Session } = require('node:inspector');
        const session = new Session();
        session.connectToMainThread();
        setInterval(() => {}, 1000);
        session.on('Debugger.paused', () => setTimeout(() => {
          session.post('Debugger.resume');
          session.post('Debugger.disable', () => session.disconnect());
        }, 600));
        session.post('Debugger.enable', () => session.post('Debugger.pause'));
      \`, { eval: true });
      // It must not end while its session does: see lib/event-loop/inspector-stacks.js.
      person.unref();
      const work = setInterval(() => {}, 1);
      await until(() => events.length > 0);
      clearInterval(work);
`);
    assert.ok(events[0].duration >= 590, `${events[0].duration} ms`);
    assert.match(events[0].stackReason, /a debugger has paused the thread/);
  });
});

describe('blocks of all threads', () => {
  it('can be read by another thread while they last', async () => {
    const shared = new SharedArrayBuffer(4);
    const worker = new Worker(
      `const { parentPort, workerData } = require('node:worker_threads');
       const { EventLoopMonitor } = require(${JSON.stringify(require.resolve('..'))});
       const timer = setInterval(() => {
         const current = EventLoopMonitor.blocks().find(({ ended, threadId }) => threadId === 0 && !ended);
         if (current?.duration >= 150) {
           clearInterval(timer);
           parentPort.postMessage(current);
           const cell = new Int32Array(workerData);
           Atomics.store(cell, 0, 1);
           Atomics.notify(cell, 0);
         }
       }, 5);
       parentPort.postMessage('ready');`,
      { eval: true, workerData: shared },
    );
    await once(worker, 'message');
    const monitor = new EventLoopMonitor({ blockedThreshold: 50, stackInterval: 0 }).start();
    const told = once(worker, 'message');
    const seen = once(monitor, 'blocked');
    await timeout(5);
    setImmediate(function held() {
      // Until the worker has seen it; the limit is for a worker that never does.
      Atomics.wait(new Int32Array(shared), 0, 0, 20_000);
    });
    const [during] = await told;
    const [later] = await seen;
    monitor.close();
    await worker.terminate();
    assert.equal(during.id, later.id);
    assert.equal(during.end, null);
    assert.ok(later.duration >= during.duration && later.duration < 20_000);
    if (bridged) {
      assert.equal(during.frames[0].functionName, 'held');
    }
    assert.ok(EventLoopMonitor.blocks().some(({ id, ended }) => id === later.id && ended));
  });

  it('end when the thread is terminated', async () => {
    const worker = new Worker(
      `const { EventLoopMonitor } = require(${JSON.stringify(require.resolve('..'))});
       new EventLoopMonitor({ blockedThreshold: 20 }).start();
       setTimeout(() => { for (;;); }, 10);`,
      { eval: true },
    );
    const mine = () => EventLoopMonitor.blocks().find(({ threadId }) => threadId === worker.threadId);
    const { threadId } = worker;
    while (mine() === undefined) {
      await timeout(5);
    }
    assert.equal(mine().ended, false);
    await worker.terminate();
    const block = EventLoopMonitor.blocks().findLast((each) => each.threadId === threadId);
    assert.equal(block.ended, true);
    assert.ok(block.duration >= 20);
  });

  it('are 128 at most, the newest', async () => {
    const monitor = new EventLoopMonitor({ blockedThreshold: 0.001, captureStack: false }).start();
    while (monitor.stats().blocked < 300) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    monitor.close();
    const blocks = EventLoopMonitor.blocks();
    assert.equal(blocks.length, 128);
    assert.ok(blocks.every(({ id }, i) => i === 0 || id === blocks[i - 1].id + 1));
  });
});

describe('a report', () => {
  it('is written by a process that never runs JavaScript again, with the stack', async () => {
    const child = spawn(process.execPath, [
      '-e',
      `const { EventLoopMonitor } = require(${JSON.stringify(require.resolve('..'))});
       new EventLoopMonitor({ reportTo: 'stderr' }).start();
       setTimeout(function forEver() { for (;;); }, 10);`,
    ]);
    const [line] = await once(child.stderr.setEncoding('utf8'), 'data');
    child.kill('SIGKILL');
    assert.match(line, /^heapwise: the event loop of thread 0 \(main\) has been blocked for \d+ ms so far/);
    assert.equal(line.indexOf('\n'), line.length - 1, 'one line');
    if (bridged) {
      assert.match(line, /; at forEver \(\[eval\]:3:\d+\) < /);
    }
  });

  it('goes to a file, one line for each block, and says when the thread is in a native call', async () => {
    const file = join(fs.mkdtempSync(join(tmpdir(), 'heapwise-report-')), 'blocked.log');
    const monitor = new EventLoopMonitor({ blockedThreshold: 30, stackInterval: 0, reportTo: file }).start();
    await timeout(5);
    for (const block of [
      () => spin(150),
      () => spawnSync(process.execPath, ['-e', 'setTimeout(() => {}, 150)']),
    ]) {
      const seen = once(monitor, 'blocked');
      setImmediate(block);
      await seen;
    }
    monitor.close();
    const lines = fs.readFileSync(file, 'utf8').trimEnd().split('\n');
    assert.equal(lines.length, 2);
    if (bridged) {
      assert.match(lines[0], /; at .*spin/);
      assert.match(lines[1], /; inside a native call$/);
    }
    fs.rmSync(join(file, '..'), { recursive: true });
  });

  it('to a full disk is lost, and nothing else', { skip: process.platform !== 'linux' }, async () => {
    const { duration } = await blockOf(() => setImmediate(() => spin(150)), { reportTo: '/dev/full' });
    assert.ok(duration >= 149.9);
  });

  it('to a place that cannot be written is refused at the start, which can be tried again', () => {
    const folder = fs.mkdtempSync(join(tmpdir(), 'heapwise-report-'));
    const monitor = new EventLoopMonitor({ reportTo: join(folder, 'missing', 'x.log') });
    for (let i = 0; i < 2; i++) {
      assert.throws(() => monitor.start(), {
        name: 'Error',
        code: 'ERR_HEAPWISE_REPORT_FILE',
        message: /x\.log/,
      });
      assert.equal(monitor.stats().running, false);
    }
    fs.mkdirSync(join(folder, 'missing'));
    assert.equal(monitor.start().stats().source, 'libuv');
    monitor.close();
    fs.rmSync(folder, { recursive: true });
  });
});

describe('a process that was stopped', { skip: process.platform === 'win32' }, () => {
  /** Stops and continues a child that tells how its loop fared. */
  async function stopped(work) {
    const child = spawn(process.execPath, [
      '-e',
      `const { EventLoopMonitor } = require(${JSON.stringify(require.resolve('..'))});
       const monitor = new EventLoopMonitor().start();
       process.stdin.once('data', () => {
         const { blocked, lag } = monitor.stats();
         process.stdout.write(JSON.stringify({ blocked, max: lag.max, inRing: EventLoopMonitor.blocks().length }), () => process.exit());
       });
       setTimeout(() => process.stdout.write('ready'), 50);
       ${work}`,
    ]);
    child.stdout.setEncoding('utf8');
    await once(child.stdout, 'data');
    child.kill('SIGSTOP');
    await timeout(900);
    child.kill('SIGCONT');
    child.stdin.write('x');
    const [answer] = await once(child.stdout, 'data');
    return JSON.parse(answer);
  }

  it('while its loop was idle was not blocked', async () => {
    const { blocked, max, inRing } = await stopped('');
    assert.deepEqual([blocked, inRing], [0, 0], `${max} ms`);
  });

  it('while its loop was busy was not blocked', async () => {
    // Turns of 20 ms, one after the other.
    const work = `const step = () => { for (const end = Date.now() + 20; Date.now() < end;); setImmediate(step); }; step();`;
    const { blocked, max } = await stopped(work);
    assert.equal(blocked, 0, `${max} ms`);
    assert.ok(max < 400, `${max} ms`);
  });
});
