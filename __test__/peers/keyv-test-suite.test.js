'use strict';

/**
 * What @keyv/test-suite asks of a storage adapter of Keyv 5, run by vitest in a process of its own. They are installed into
 * .cache/: with all that they bring they are too much for everybody who works here. The suite for Keyv 6 is not published;
 * what it asks for is in ../keyv.test.js.
 */

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { before, describe, it } = require('node:test');
const { ROOT } = require('../run-script.js');

const PACKAGES = { '@keyv/test-suite': '2.1.2', keyv: '5.6.0', vitest: '4.1.12' };
const folder = join(ROOT, '.cache', 'keyv-test-suite');
const vitest = join(folder, 'node_modules', 'vitest', 'vitest.mjs');

/** Each way in which a test can be asked for a store. */
const SUITE = `
  import * as vitest from 'vitest';
  import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
  import { Keyv } from 'keyv';
  import heapwise from 'heapwise';
  import { KeyvSharedCache } from 'heapwise/keyv';

  const cache = new heapwise.SharedCache({ maxBytes: 8 << 20 });
  const named = { name: 'keyv-test-suite', maxBytes: 8 << 20 };
  const stores = {
    'stores of one cache': () => new KeyvSharedCache(cache),
    'stores that open a cache by its name': () => new KeyvSharedCache(named),
  };
  for (const [name, store] of Object.entries(stores)) {
    vitest.describe(name, () => {
      keyvTestSuite(vitest, Keyv, store);
      keyvIteratorTests(vitest, Keyv, store);
    });
  }
`;

/** @returns {string | undefined} why it could not be installed */
function install() {
  if (existsSync(vitest)) {
    return undefined;
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: PACKAGES }));
  // Without its scripts: the suite brings sqlite3, which would be compiled, and is not used.
  const { status, stderr, error } = spawnSync(
    'npm',
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'error'],
    { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' },
  );
  return status === 0
    ? undefined
    : `npm install failed: ${error?.message ?? stderr.trim().split('\n').at(-1)}`;
}

function run() {
  const link = join(folder, 'node_modules', 'heapwise');
  rmSync(link, { force: true });
  symlinkSync(ROOT, link, 'junction');
  writeFileSync(join(folder, 'suite.test.mjs'), SUITE);
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [vitest, 'run', '--reporter=json', '--root', folder],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, CI: 'true' },
    },
  );
  try {
    return JSON.parse(stdout);
  } catch {
    assert.fail(`vitest printed no report:\n${stdout}${stderr}`);
  }
}

const missing = install();

describe('what @keyv/test-suite asks for', { skip: missing ?? false }, () => {
  let report;
  before(() => (report = run()), { timeout: 120_000 });

  it('is done', () => {
    const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
    const failed = tests.filter(({ status }) => status !== 'passed');
    assert.deepEqual(
      failed.map(({ fullName, failureMessages }) => [fullName, failureMessages]),
      [],
    );
    assert.ok(report.success, JSON.stringify(report.testResults.map(({ message }) => message)));
  });

  it('are all of its tests', () => {
    // Of the interface, of values, of namespaces and of iterators; for each kind of store.
    assert.equal(report.numTotalTests, 2 * (22 + 13 + 3 + 4));
  });
});
