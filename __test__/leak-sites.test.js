'use strict';

const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const ts = require('typescript');
const { ROOT, runScript } = require('./run-script.js');

/**
 * A program with a leak, a cache that turns over, and garbage, under attribution; prints what grows and how it was found.
 * `before` runs first.
 */
const PROGRAM = (before = '') => `
  { ${before} }
  const { createAttribution } = require(${JSON.stringify(`${ROOT}/lib/leak/attribution.js`)});
  const { describeSites } = require(${JSON.stringify(`${ROOT}/lib/leak/sites.js`)});
  const { noBridge } = require(${JSON.stringify(`${ROOT}/lib/runtime.js`)});
  const binding = require(${JSON.stringify(`${ROOT}/lib/binding.js`)});
  const kept = [];
  const cache = new Map();
  let next = 0;
  function keepOrder() { kept.push({ id: next, lines: [1, 2, 3] }); }
  function cachePage() { cache.set(next, { page: next, body: [next] }); cache.delete(next - 500); next++; }
  function leaveGarbage() { return JSON.parse('{"a":[1,2,3],"b":{"c":1}}'); }
  const attribution = createAttribution({ binding, bridgeRefused: noBridge });
  attribution.start(1024);
  attribution.sharpen();
  for (let reading = 0; reading < 16; reading++) {
    for (let i = 0; i < 600; i++) { keepOrder(); cachePage(); leaveGarbage(); }
    globalThis.gc();
    attribution.take();
  }
  const found = describeSites(attribution.growing(0.99));
  const how = attribution.describe();
  const profile = JSON.parse(attribution.heapprofile());
  attribution.stop();
  console.log(JSON.stringify({ found, how, profile, kept: kept.length, after: attribution.describe() }));`;

async function run(source, env = {}) {
  const { code, stdout, stderr } = await runScript(source, { flags: ['--expose-gc'], env });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1));
}

/** @param {any} node */
function names(node) {
  return [node.callFrame.functionName, ...node.children.flatMap(names)];
}

for (const [tier, env] of [
  ['v8', {}],
  ['inspector', { HEAPWISE_V8_BRIDGE: 'off' }],
]) {
  const expected = process.platform === 'win32' ? 'inspector' : tier;
  describe(`what grows, read by ${tier}`, () => {
    it('is the leak alone, by function and line, with its bytes and its call path', async () => {
      const { found, how, profile, kept, after } = await run(PROGRAM(), env);
      assert.equal(how.source, expected, how.reason);
      assert.equal(how.readings, 16);
      assert.ok(how.longestPause > 0 && how.pauses >= how.longestPause);
      assert.deepEqual(
        found.map((site) => site.function),
        ['keepOrder'],
      );
      const [site] = found;
      assert.equal(site.line, 10);
      assert.match(site.path, /script\.js$/);
      assert.equal(site.share, 1);
      // 80 to 200 bytes each; the newest epoch is not counted yet.
      const perOrder = site.liveBytes / (kept * (15 / 16));
      assert.ok(perOrder > 40 && perOrder < 400, `${perOrder}`);
      assert.ok(site.births > 20 && site.births > 10 * site.deaths, `${site.births} ${site.deaths}`);
      assert.ok(site.pValue < 0.01);
      assert.equal(site.stack[0].function, 'keepOrder');
      const all = names(profile.head);
      assert.ok(all.includes('keepOrder') && all.includes('cachePage'));
      assert.ok(profile.samples.length > 100);
      assert.equal(after.source, 'off');
    });
  });
}

describe('a program that was compiled', () => {
  const SOURCE = `
    /** What an order is. */
    type Line = number;
    interface Order { id: number; lines: Line[] }
    type Orders = Order[];
    export const kept: Orders = [];
    export function keepOrder(id: number): void {
      kept.push({ id, lines: [1, 2, 3] });
    }`;
  const compiled = (compilerOptions) =>
    ts.transpileModule(SOURCE, {
      fileName: 'orders.ts',
      compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, ...compilerOptions },
    }).outputText;
  const program = (compilerOptions) =>
    PROGRAM(`
      const path = require('node:path').join(__dirname, 'orders.js');
      require('node:fs').writeFileSync(path, ${JSON.stringify(compiled(compilerOptions))});
      globalThis.keepOrder = require(path).keepOrder;`).replace(/^ {2}function keepOrder.*\n/m, '');

  it('is shown as it was written, if the process runs with source maps', async () => {
    const options = { NODE_OPTIONS: '--enable-source-maps' };
    const { found } = await run(program({ inlineSourceMap: true }), options);
    const [{ function: name, file, line, stack }] = found;
    assert.deepEqual([name, line], ['keepOrder', 7]);
    assert.match(file, /orders\.ts$/);
    assert.equal(stack[0].line, 7);
  });

  it('is shown as it runs where there is no map, or none was asked for', async () => {
    for (const [compilerOptions, env] of [
      [{}, { NODE_OPTIONS: '--enable-source-maps' }],
      [{ inlineSourceMap: true }, {}],
    ]) {
      const { found } = await run(program(compilerOptions), env);
      assert.match(found[0].file, /orders\.js$/);
      assert.notEqual(found[0].line, 7);
    }
  });
});

describe('a sampler of somebody else', () => {
  const OTHERS = `
    const { Session } = require('node:inspector');
    globalThis.theirs = new Session();
    theirs.connect();
    theirs.post('HeapProfiler.startSampling', { samplingInterval: 2048 });`;
  const ASKED = `
    theirs.post('HeapProfiler.getSamplingProfile', (error, answer) =>
      console.log(JSON.stringify({ error, samples: answer?.profile.samples.length })));`;

  for (const env of [{}, { HEAPWISE_V8_BRIDGE: 'off' }]) {
    it(`is read, and runs on (${env.HEAPWISE_V8_BRIDGE ? 'inspector' : 'best source'})`, async () => {
      const { error, samples } = await run(`${PROGRAM(OTHERS)}${ASKED}`, env);
      assert.equal(error, null);
      assert.ok(samples > 50);
    });
  }

  it('that ends is followed by our own', async () => {
    const { how } = await run(
      PROGRAM(`${OTHERS}
        let taken = 0;
        const binding = require(${JSON.stringify(`${ROOT}/lib/binding.js`)});
        const { take } = binding.LeakSites.prototype;
        binding.LeakSites.prototype.take = function (work) {
          if (++taken === 3) theirs.disconnect();
          return take.call(this, work);
        };`),
    );
    assert.ok(['v8', 'inspector'].includes(how.source), JSON.stringify(how));
  });
});

describe('our own sampler', () => {
  it('that another tool ends is begun anew', async () => {
    const { how, found } = await run(
      PROGRAM(`
        const { Session } = require('node:inspector');
        const binding = require(${JSON.stringify(`${ROOT}/lib/binding.js`)});
        const { take } = binding.LeakSites.prototype;
        let taken = 0;
        binding.LeakSites.prototype.take = function (work) {
          if (++taken === 3) {
            const theirs = new Session();
            theirs.connect();
            theirs.post('HeapProfiler.startSampling');
            theirs.post('HeapProfiler.stopSampling');
            theirs.disconnect();
          }
          return take.call(this, work);
        };`),
    );
    assert.ok(['v8', 'inspector'].includes(how.source), JSON.stringify(how));
    assert.ok(how.readings >= 10, JSON.stringify(how));
    assert.deepEqual(
      found.map((site) => site.function),
      ['keepOrder'],
    );
  });

  it('ends with what holds it, and with the process', { skip: process.platform === 'win32' }, async () => {
    const { code, stdout, stderr } = await runScript(
      `const binding = require(${JSON.stringify(`${ROOT}/lib/binding.js`)});
       // The last one is never stopped.
       for (let i = 0; i < 50; i++) {
         const sites = new binding.LeakSites();
         console.log(sites.start(512, 16));
         if (i < 49) sites.stop();
       }
       globalThis.gc();
       setTimeout(() => {
         globalThis.gc();
         Array.from({ length: 1e5 }, (_, i) => ({ i }));
       }, 10);`,
      { flags: ['--expose-gc'] },
    );
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'true\n'.repeat(50));
  });
});

describe('the bridge', () => {
  it('that does not read back what was just allocated is not used', async () => {
    const { how, found } = await run(
      PROGRAM(`
        const native = require(${JSON.stringify(`${ROOT}/lib/binding.js`)}).LeakSites.prototype;
        native.check = () => false;`),
    );
    assert.equal(how.source, 'inspector');
    assert.match(how.reason, process.platform === 'win32' ? /./ : /does not show what was just allocated/);
    assert.equal(found.length, 1, 'and the inspector finds the same');
  });
});

describe('a worker that ends while it is sampled', () => {
  it('ends, with the process alive and well', async () => {
    const { code, stdout, stderr } = await runScript(`
      const { Worker, isMainThread } = require('node:worker_threads');
      if (isMainThread) {
        let left = 8;
        for (let i = 0; i < 8; i++) {
          const worker = new Worker(__filename);
          worker.once('message', () => i % 2 === 0 && worker.terminate());
          worker.once('exit', () => --left === 0 && console.log('all ended'));
        }
      } else {
        const { LeakDetector } = require('heapwise');
        const detector = new LeakDetector({ attribution: 'always', samplingInterval: 256, gcInterval: 10, maxGcShare: 1, warmup: 0 });
        detector.start();
        const kept = [];
        let turns = 0;
        const work = setInterval(() => {
          for (let i = 0; i < 500; i++) kept.push({ i });
          if (++turns === 20) require('node:worker_threads').parentPort.postMessage('running');
          if (turns === 30) clearInterval(work);
        }, 1);
      }`);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'all ended\n');
  });
});
