'use strict';

const assert = require('node:assert/strict');
const { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, describe, it } = require('node:test');
const { pathToFileURL } = require('node:url');
const { default: Ajv } = require('ajv/dist/2020.js');
const { validRange, satisfies } = require('semver');
const { LeakDetector } = require('..');
const schema = require('../data/leak-report.schema.json');
const { leaks } = require('../data/known-leaks.json');
const { createEvidence } = require('../lib/leak/evidence.js');
const { formatMarkdown, formatText } = require('../lib/leak/format.js');
const { matchKnownLeaks } = require('../lib/leak/known-leaks.js');
const { locate } = require('../lib/leak/packages.js');
const { isInRange } = require('../lib/leak/version-range.js');

const folder = mkdtempSync(join(tmpdir(), 'heapwise-report-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** @param {string} path @param {string} text */
function write(path, text) {
  const full = join(folder, path);
  mkdirSync(join(full, '..'), { recursive: true });
  writeFileSync(full, text);
  return full;
}

describe('a script belongs to', () => {
  write('app/package.json', '{ "name": "shop", "version": "1.2.3" }');
  write('app/node_modules/@a/b/package.json', '{ "name": "@a/b", "version": "4.5.6" }');
  write('app/node_modules/@a/b/esm/package.json', '{ "type": "module" }');
  write('app/node_modules/broken/package.json', '{ "name": ');
  write('app/node_modules/odd/package.json', '{ "name": 7, "version": 8 }');

  it('the package of the nearest package.json that has a name', () => {
    const at = (path) => locate(join(folder, path));
    assert.deepEqual(at('app/src/x.js').package, { name: 'shop', version: '1.2.3' });
    assert.equal(at('app/src/x.js').file, 'src/x.js');
    const nested = at('app/node_modules/@a/b/esm/y.mjs');
    assert.deepEqual(nested.package, { name: '@a/b', version: '4.5.6' });
    assert.equal(nested.file, 'esm/y.mjs');
    for (const name of ['broken', 'odd']) {
      assert.equal(at(`app/node_modules/${name}/x.js`).package.name, 'shop');
    }
  });

  it('the same by its URL, to node by its name, and to nobody without a file', () => {
    const path = join(folder, 'app/src/x.js');
    assert.deepEqual(locate(pathToFileURL(path).href), locate(path));
    assert.deepEqual(locate('node:events'), {
      path: null,
      file: 'node:events',
      package: { name: 'node', version: process.versions.node },
    });
    for (const script of ['', 'evalmachine.<anonymous>', 'wasm://x', 'file://%']) {
      assert.deepEqual(locate(script), { path: null, file: script, package: null });
    }
  });
});

describe('the database of known leaks', () => {
  it('has ranges that are read as npm reads them', () => {
    for (const { id, versions } of leaks) {
      const bounds = [...versions.matchAll(/\d+\.\d+\.\d+/g)].map(([bound]) => bound.split('.').map(Number));
      const near = bounds.flatMap(([a, b, c]) => [
        [a, b, c],
        [a, b, c + 1],
        [a, b, Math.max(0, c - 1)],
        [a, b + 1, 0],
        [a + 1, 0, 0],
      ]);
      for (const version of ['0.0.1', '99.1.2', ...near.map((parts) => parts.join('.'))]) {
        assert.equal(isInRange(version, versions), satisfies(version, versions), `${id}: ${version}`);
      }
      assert.equal(isInRange('not a version', versions), false);
    }
  });

  it('is well formed: ranges, sources, names', () => {
    const ids = new Set();
    for (const leak of leaks) {
      assert.ok(validRange(leak.versions), leak.id);
      assert.ok(leak.fixedIn === null || !satisfies(leak.fixedIn, leak.versions), leak.id);
      assert.ok(leak.sources.length > 0 && leak.sources.every((url) => URL.canParse(url)), leak.id);
      assert.ok(leak.what && leak.advice && leak.condition, leak.id);
      assert.ok(!ids.has(leak.id), leak.id);
      ids.add(leak.id);
    }
    assert.ok(ids.size >= 40);
  });

  const frame = (name, version, file) => ({
    function: 'f',
    file,
    line: 1,
    column: 1,
    path: null,
    package: { name, version },
  });
  const site = (...stack) => ({ ...stack[0], stack });

  it('matches a site by package and version, wherever on its call path', () => {
    const app = frame('shop', '1.0.0', 'server.js');
    const found = matchKnownLeaks([site(app, frame('debug', '4.1.1', 'src/node.js'))], []);
    assert.deepEqual(
      found.map(({ id, match, fixedIn }) => [id, match, fixedIn]),
      [['debug-instances', 'site', '4.3.0']],
    );
    assert.deepEqual(matchKnownLeaks([site(frame('debug', '4.3.1', 'src/common.js'))], []), []);
    assert.deepEqual(matchKnownLeaks([site(frame('debug', null, 'src/common.js'))], []), []);
  });

  it('matches Node only by the module that leaks, as it is on every call path', () => {
    const version = process.versions.node;
    const node = leaks.filter((leak) => leak.package === 'node' && leak.files.length > 0);
    assert.ok(node.length > 0);
    assert.deepEqual(matchKnownLeaks([site(frame('node', version, 'node:internal/timers'))], []), []);
  });

  it('says of what is only loaded that it is only loaded', () => {
    write('app/node_modules/debug/package.json', '{ "name": "debug", "version": "4.1.1" }');
    const [found] = matchKnownLeaks([], [join(folder, 'app/node_modules/debug/src/index.js')]);
    assert.deepEqual([found.id, found.match], ['debug-instances', 'loaded']);
  });
});

/** @returns {import('..').LeakReport} */
function report(changes) {
  const dimension = {
    growth: 'rising',
    points: 60,
    span: 6e5,
    current: 8e7,
    growthPerHour: 50 * 2 ** 20,
    growthPerHourLow: 40 * 2 ** 20,
    growthPerHourHigh: 60 * 2 ** 20,
    pValue: 1e-9,
    varianceFactor: 1,
  };
  const frames = [
    {
      function: '',
      file: 'src/common.js',
      line: 72,
      column: 3,
      path: null,
      package: { name: 'debug', version: '4.1.1' },
    },
    {
      function: 'add',
      file: 'node:events',
      line: 5,
      column: 1,
      path: null,
      package: { name: 'node', version: '20.0.0' },
    },
    { function: 'top', file: '', line: 0, column: 0, path: null, package: null },
  ];
  return {
    state: 'leak',
    since: 1,
    dimension: 'heap',
    kind: 'heap',
    growthPerHour: 50 * 2 ** 20,
    growthPerWork: { bytes: 512, unit: 'operation' },
    confidence: 1 - 1e-9,
    timeToLimit: 36 * 3.6e6,
    timeToLimitRange: [30 * 3.6e6, 45 * 3.6e6],
    limits: { heap: 2 ** 31, cgroup: null, machine: 2 ** 34 },
    dimensions: { heap: dimension, external: dimension, arrayBuffers: dimension, rss: dimension },
    needs: { time: 0, points: 0 },
    sites: [
      {
        ...frames[0],
        growthPerHour: 2 ** 20,
        growthPerWork: null,
        share: 0.75,
        liveBytes: 1,
        births: 9,
        deaths: 0,
        pValue: 0.001,
        stack: frames,
      },
    ],
    attribution: {
      source: 'v8',
      reason: null,
      interval: 4096,
      readings: 9,
      longestPause: 1,
      pauses: 3,
      settled: true,
    },
    memory: { rss: 1e8, anonymous: 9e7, cgroup: null, pressure: 0 },
    evidence: null,
    shed: null,
    knownLeaks: matchKnownLeaks([{ ...frames[0], stack: frames }], []),
    source: 'v8',
    ...changes,
  };
}

describe('the schema of reports', () => {
  const validate = new Ajv({ allErrors: true, allowUnionTypes: true, strictRequired: false }).compile(schema);

  it('fits those of a detector, of a leak, and what JSON makes of them', () => {
    const detector = new LeakDetector({ attribution: 'always' });
    const reports = [report(), detector.check(), detector.start().check()];
    detector.close();
    for (const one of reports) {
      assert.ok(validate(JSON.parse(JSON.stringify(one))), JSON.stringify(validate.errors));
    }
  });

  it('does not fit what is none', () => {
    for (const changes of [{ state: 'fine' }, { sites: [{}] }, { limits: {} }, { confidence: 2 }]) {
      assert.equal(validate(report(changes)), false);
    }
  });
});

describe('a report as text', () => {
  it('says what grows, how fast, where, when it is over, and what is known of it', () => {
    const text = formatText(report());
    for (const part of [
      /leak: heap grows by 50\.0 MiB an hour/,
      /40\.0 MiB to 60\.0 MiB an hour/,
      /for each operation: 512 B/,
      /limit reached in: 1\.5 d \(1\.3 d to 1\.9 d\)/,
      /75 % of the growth.*\(anonymous\) debug@4\.1\.1\/src\/common\.js:72/,
      /at add node:events:5/,
      /at top \(no file\)/,
      /known leak: debug/,
      /https:\/\/github\.com\/debug-js/,
    ]) {
      assert.match(text, part);
    }
  });

  it('says what a verdict needs, and says so when there is nothing to say', () => {
    const none = { dimension: null, kind: null, sites: [], knownLeaks: [], growthPerWork: null };
    assert.match(
      formatText(report({ ...none, state: 'warming', needs: { time: 90_000, points: 7 } })),
      /warming up: a verdict needs 1\.5 min more and 7 more collections/,
    );
    assert.equal(formatText(report({ ...none, state: 'steady' })), 'heapwise: steady: no leak found\n');
  });

  it('or as Markdown has the same in tables', () => {
    const text = formatMarkdown(report());
    assert.match(text, /^## heapwise: leak: heap grows/);
    assert.match(text, /\| 75 % \| 1\.00 MiB \| `\(anonymous\) debug@4\.1\.1\/src\/common\.js:72` \|/);
  });
});

describe('files of evidence', () => {
  const settings = (name, changes) => ({
    directory: join(folder, name),
    maxFiles: 4,
    maxBytes: 1000,
    minInterval: 0,
    ...changes,
  });

  it('are whole, for the owner only, and the oldest make room for the newest', () => {
    const evidence = createEvidence(settings('few'));
    write('few/somebody-elses.json', 'x'.repeat(5000));
    for (let i = 0; i < 5; i++) {
      const { files, error } = evidence.write({ json: `report ${i}`, heapprofile: `profile ${i}` }, i);
      assert.equal(error, null);
      assert.deepEqual(
        files.map((file) => readFileSync(file, 'utf8')),
        [`report ${i}`, `profile ${i}`],
      );
    }
    const names = readdirSync(join(folder, 'few'));
    assert.equal(names.length, 5, 'four, and what is not ours');
    assert.ok(names.includes('somebody-elses.json'));
  });

  it('have a bound of bytes, above which nothing is written', () => {
    const evidence = createEvidence(settings('bytes'));
    evidence.write({ json: 'a'.repeat(600) }, 0);
    evidence.write({ json: 'b'.repeat(600) }, 1);
    assert.equal(readdirSync(join(folder, 'bytes')).length, 1);
    const { files, error } = evidence.write({ json: 'c'.repeat(1001) }, 2);
    assert.deepEqual(files, []);
    assert.match(error, /1001 bytes are more than the 1000/);
    assert.equal(readdirSync(join(folder, 'bytes')).length, 1, 'and what is there stays');
  });

  it('are not written more often than asked for', () => {
    const evidence = createEvidence(settings('often', { minInterval: 100 }));
    const written = [0, 50, 100, 150].map((now) => evidence.write({ json: 'x' }, now).files.length);
    assert.deepEqual(written, [1, 0, 1, 0]);
    const { files } = evidence.write({ json: 'where' }, 160, { belongsToLast: true });
    assert.equal(files.length, 1, 'but what completes the last is');
  });

  it('that cannot be written are reported, not thrown', () => {
    write('a-file', '');
    const { files, error } = createEvidence(settings('a-file/below')).write({ json: 'x' }, 0);
    assert.deepEqual(files, []);
    assert.match(error, /ENOTDIR|EEXIST|ENOENT/);
  });
});
