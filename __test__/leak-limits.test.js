'use strict';

const assert = require('node:assert/strict');
const {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, describe, it } = require('node:test');
const { noBridge } = require('../lib/runtime.js');
const { LeakDetector } = require('..');
const { runScript } = require('./run-script.js');

const folder = mkdtempSync(join(tmpdir(), 'heapwise-limits-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Where there is no bridge nothing can be written at the limit; the detector says so. */
const skip = noBridge() !== undefined || process.platform === 'win32' ? 'no bridge' : false;

/**
 * A program that keeps objects until it is full, under a detector. It says when it was told of the limit.
 *
 * @param {string} directory
 * @param {string} step what it does 200 times a second
 */
const PROGRAM = (directory, step) => `
  const { LeakDetector } = require('heapwise');
  const detector = new LeakDetector({
    warmup: 0,
    window: 500,
    gcInterval: 100,
    maxGcShare: 1,
    attribution: 'always',
    evidence: { directory: ${JSON.stringify(directory)}, headroom: 128 * 1024 * 1024 },
  });
  detector.on('limit', (event) => {
    console.log(JSON.stringify(event));
    process.exit(9);
  });
  detector.start();
  const kept = [];
  function keepRows() { for (let i = 0; i < 2000; i++) kept.push({ i, text: 'row ' + i }); }
  function keepBuffer() { kept.push(Buffer.alloc(1 << 20, 1)); }
  setInterval(() => { ${step} }, 5);`;

/** @param {string} directory */
function lastWords(directory) {
  return readdirSync(directory).filter((name) => name.startsWith('heapwise-limit-'));
}

/** @param {any} node */
function names(node) {
  return [node.callFrame.functionName, ...node.children.flatMap(names)];
}

describe('before the heap limit ends the process', () => {
  it(
    'report and profile are on disk, for the owner only, and the process lives to hear of it',
    { skip },
    async () => {
      const directory = join(folder, 'heap');
      const { code, stdout, stderr } = await runScript(PROGRAM(directory, 'keepRows()'), {
        flags: ['--max-old-space-size=80'],
        timeout: 60_000,
      });
      assert.equal(code, 9, stderr.slice(0, 1000));
      const { limit, files, error } = JSON.parse(stdout);
      assert.equal(limit, 'heap');
      assert.equal(error, null);
      assert.deepEqual(
        files.map((file) => file.replace(/^.*\./, '')),
        ['json', 'heapprofile'],
      );
      assert.ok(files.every((file) => (statSync(file).mode & 0o077) === 0));
      const report = JSON.parse(readFileSync(files[0], 'utf8'));
      assert.ok(['suspect', 'leak', 'steady', 'warming'].includes(report.state));
      const profile = JSON.parse(readFileSync(files[1], 'utf8'));
      assert.ok(names(profile.head).includes('keepRows'));
    },
  );

  it('also when it is met in one long turn of the loop, after which there is no more', { skip }, async () => {
    const directory = join(folder, 'turn');
    const { signal, code } = await runScript(
      PROGRAM(directory, 'if (performance.now() > 1500) for (;;) keepRows(); else keepRows.call()'),
      { flags: ['--max-old-space-size=80'], timeout: 60_000 },
    );
    assert.ok(signal === 'SIGABRT' || signal === 'SIGTRAP' || code > 100, `${signal} ${code}`);
    const found = lastWords(directory);
    assert.deepEqual(found.map((name) => name.replace(/^.*\./, '')).toSorted(), ['heapprofile', 'json']);
  });

  it('a folder that cannot be written is said, and the process ends as it would have', { skip }, async () => {
    writeFileSync(join(folder, 'file'), '');
    const { code, stdout, stderr } = await runScript(PROGRAM(join(folder, 'file', 'below'), 'keepRows()'), {
      flags: ['--max-old-space-size=80'],
      timeout: 60_000,
    });
    assert.equal(code, 9, stderr.slice(0, 1000));
    const { files, error } = JSON.parse(stdout);
    assert.deepEqual(files, []);
    assert.match(error, /directory|exists/i);
  });
});

describe('the limit of a worker thread', () => {
  it('ends the worker alone, with its report and profile on disk', { skip }, async () => {
    const directory = join(folder, 'worker');
    const { code, stdout, stderr } = await runScript(
      `const { Worker, isMainThread, threadId } = require('node:worker_threads');
       if (isMainThread) {
         const worker = new Worker(__filename, { resourceLimits: { maxOldGenerationSizeMb: 40 } });
         worker.on('error', ({ code }) => console.log(JSON.stringify({ code, id: worker.threadId })));
         worker.on('exit', () => setTimeout(() => console.log('alive'), 10));
       } else {
         ${PROGRAM(directory, 'for (;;) keepRows()').replaceAll('\n', '\n  ').replace('setInterval', 'setTimeout')}
         // What the worker does in its first turns is known by then.
         keepRows();
       }`,
      { timeout: 60_000 },
    );
    assert.equal(code, 0, stderr.slice(0, 1000));
    assert.match(stdout, /"code":"ERR_WORKER_OUT_OF_MEMORY"/);
    assert.match(stdout, /alive\n$/);
    const found = lastWords(directory);
    assert.deepEqual(found.map((name) => name.replace(/^.*\./, '')).toSorted(), ['heapprofile', 'json']);
    const profile = found.find((name) => name.endsWith('.heapprofile'));
    const { head } = JSON.parse(readFileSync(join(directory, profile), 'utf8'));
    assert.ok(names(head).includes('keepRows'));
  });
});

describe('beside others that want to know of the limit', () => {
  it('two detectors of one thread have their files, each in its folder', { skip }, async () => {
    const [one, other] = [join(folder, 'one'), join(folder, 'other')];
    const { code, stdout, stderr } = await runScript(
      `${PROGRAM(one, 'keepRows()').replace('process.exit(9);', '')}
       const evidence = { directory: ${JSON.stringify(other)}, headroom: 128 * 1024 * 1024 };
       const second = new LeakDetector({ warmup: 0, window: 500, evidence });
       second.on('limit', (event) => {
         console.log(JSON.stringify(event));
         process.exit(9);
       });
       second.start();`,
      { flags: ['--max-old-space-size=80'], timeout: 60_000 },
    );
    assert.equal(code, 9, stderr.slice(0, 1000));
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(
      events.map(({ limit, error }) => [limit, error]),
      [
        ['heap', null],
        ['heap', null],
      ],
    );
    assert.deepEqual([lastWords(one).length, lastWords(other).length], [2, 2]);
  });

  it("Node's own heap snapshot near the limit is written as well", { skip }, async () => {
    const directory = join(folder, 'snapshot');
    mkdirSync(directory);
    const program = PROGRAM(directory, 'keepRows()')
      .replace('process.exit(9);', '')
      .replace('128 * 1024 * 1024', '64 * 1024 * 1024');
    const { code, stdout, stderr } = await runScript(program, {
      flags: ['--max-old-space-size=40', '--heapsnapshot-near-heap-limit=1', `--diagnostic-dir=${directory}`],
      timeout: 120_000,
    });
    assert.notEqual(code, 0);
    const { limit, files } = JSON.parse(stdout.split('\n')[0]);
    assert.deepEqual([limit, files.length], ['heap', 2], stderr.slice(0, 1000));
    assert.ok(files.every((file) => statSync(file).size > 0));
    const snapshots = readdirSync(directory).filter((name) => name.endsWith('.heapsnapshot'));
    assert.equal(snapshots.length, 1);
  });
});

describe('last words of many processes', () => {
  it('make room for new ones, the oldest first, and nothing else does', { skip }, () => {
    const directory = join(folder, 'many');
    mkdirSync(directory);
    const write = (name, age) => {
      writeFileSync(join(directory, name), 'x');
      const at = (Date.now() - age) / 1000;
      utimesSync(join(directory, name), at, at);
    };
    for (let i = 1; i <= 5; i++) {
      write(`heapwise-limit-${i}-0-${i}-1-heap.json`, i * 1000);
      write(`heapwise-limit-${i}-0-${i}-1-cgroup.heapprofile`, i * 1000);
    }
    write('heapwise-limit-notes.json', 1e6);
    // Files as the guard names them are of this kind.
    assert.ok(
      lastWords(join(folder, 'heap')).every((name) => /^heapwise-limit-\d+-0-\d+-\d+-heap\.\w+$/.test(name)),
    );
    write('heapwise-leak-1-1-1.json', 1e6);
    const detector = new LeakDetector({ evidence: { directory, maxFiles: 6 } }).start();
    detector.close();
    assert.deepEqual(readdirSync(directory).toSorted(), [
      'heapwise-leak-1-1-1.json',
      'heapwise-limit-1-0-1-1-cgroup.heapprofile',
      'heapwise-limit-1-0-1-1-heap.json',
      'heapwise-limit-2-0-2-1-cgroup.heapprofile',
      'heapwise-limit-2-0-2-1-heap.json',
      'heapwise-limit-notes.json',
    ]);
  });
});

/** Where control groups of memory are made, and how their limit is called: version 2, version 1. */
const HIERARCHIES = [
  { root: '/sys/fs/cgroup', sign: 'cgroup.controllers', limit: 'memory.max' },
  { root: '/sys/fs/cgroup/memory', sign: 'memory.limit_in_bytes', limit: 'memory.limit_in_bytes' },
];

/** A control group of our own with a limit; undefined where none can be made. @param {number} bytes */
function controlGroup(bytes) {
  const hierarchy = HIERARCHIES.find(({ root, sign }) => existsSync(join(root, sign)));
  const path = join(hierarchy?.root ?? '', `heapwise-test-${process.pid}`);
  try {
    mkdirSync(path);
    writeFileSync(join(path, hierarchy.limit), String(bytes));
    return path;
  } catch {
    return undefined;
  }
}

describe('before the limit of a control group ends the process', () => {
  it('the same is written, though the heap is small', async (test) => {
    const group = skip ? undefined : controlGroup(400 * 1024 * 1024);
    if (group === undefined) {
      test.skip('no control group can be made here');
      return;
    }
    const directory = join(folder, 'cgroup');
    const enter = `require('node:fs').writeFileSync(${JSON.stringify(join(group, 'cgroup.procs'))}, String(process.pid));`;
    const { stdout, stderr } = await runScript(
      // Slowly at the end, so that a sample a second sees it coming.
      `${enter}${PROGRAM(directory, 'if (kept.length < 320 || performance.now() % 40 < 5) keepBuffer()')}`,
      { timeout: 60_000 },
    );
    try {
      const { limit, files } = JSON.parse(stdout || '{}');
      assert.equal(limit, 'cgroup', stderr.slice(0, 1000));
      assert.equal(files.length, 2);
      const profile = JSON.parse(readFileSync(files[1], 'utf8'));
      assert.ok(names(profile.head).length > 1);
    } finally {
      rmdirSync(group);
    }
  });
});

describe('acts of a detector', () => {
  /** What was done, as the last line. @param {string} options @param {string} end */
  const acting = (options, end) => `
    const { LeakDetector } = require('heapwise');
    const kept = [];
    const calls = [];
    const detector = new LeakDetector({ warmup: 200, window: 600, gcInterval: 50, maxGcShare: 1, ${options} });
    detector.start();
    const begin = performance.now();
    const work = setInterval(() => {
      // In pieces: one array that doubles would grow in steps.
      kept.push(Array.from({ length: 300 }, (_, id) => ({ id, list: [1, 2] })));
      Array.from({ length: 4000 }, (_, i) => ({ i }));
      const report = detector.check();
      if ((${end}) || performance.now() - begin > 40_000) {
        clearInterval(work);
        detector.close();
        console.log(JSON.stringify({ report, calls }));
      }
    }, 5);`;

  it('calls onLeak once, and tells evidence that cannot be written, with the verdict given', async () => {
    writeFileSync(join(folder, 'taken'), '');
    const directory = JSON.stringify(join(folder, 'taken', 'below'));
    const { code, stdout, stderr } = await runScript(
      acting(
        `evidence: { directory: ${directory} }, onLeak: ({ state }) => calls.push(state),`,
        `report.state === 'leak'`,
      ),
      { timeout: 60_000 },
    );
    assert.equal(code, 0, stderr);
    const { report, calls } = JSON.parse(stdout);
    assert.deepEqual(calls, ['leak']);
    assert.equal(report.state, 'leak');
    assert.deepEqual(report.evidence.files, []);
    assert.match(report.evidence.error, /ENOTDIR|EEXIST|ENOENT/);
  });

  it('empties what it was given, and says whether that was what grew', async () => {
    const { code, stdout, stderr } = await runScript(
      acting(
        `shed: [{ trim() { calls.push('trim'); } }, { clear() { throw new Error('of a cache'); } }],`,
        `report.shed?.stopped != null`,
      ),
      { timeout: 60_000 },
    );
    assert.equal(code, 0, stderr);
    const { report, calls } = JSON.parse(stdout);
    assert.deepEqual(calls, ['trim']);
    assert.deepEqual(report.shed.errors, ['of a cache']);
    assert.ok(report.shed.growthBefore > 0);
    assert.equal(report.shed.stopped, false, 'what was emptied was not what grows');
  });

  it('asks to drain once, when the limit is near enough', async () => {
    const { code, stdout, stderr } = await runScript(
      acting(
        `drain: { before: 1e9, ask: ({ timeToLimit }) => calls.push(timeToLimit) },`,
        `calls.length > 0`,
      ),
      { timeout: 60_000 },
    );
    assert.equal(code, 0, stderr);
    const { calls } = JSON.parse(stdout);
    assert.equal(calls.length, 1);
    assert.ok(calls[0] > 0 && calls[0] < 1e9);
  });
});
