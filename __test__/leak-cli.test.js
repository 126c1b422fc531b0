'use strict';

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { after, describe, it } = require('node:test');
const { ROOT } = require('./run-script.js');

const CLI = join(ROOT, 'lib', 'cli', 'heapwise.js');
const folder = mkdtempSync(join(tmpdir(), 'heapwise cli '));
after(() => rmSync(folder, { recursive: true, force: true }));

/** @param {string} name @param {string} source */
function program(name, source) {
  const path = join(folder, name);
  writeFileSync(path, source);
  return path;
}

const LEAKY = program(
  'leaky.js',
  `const kept = [];
  function handleOrder() { kept.push(Array.from({ length: 100 }, (_, line) => ({ line }))); }
  setInterval(() => { for (let i = 0; i < 4; i++) handleOrder(); JSON.parse(JSON.stringify(kept.slice(0, 20))); }, 5);`,
);
const BRIEF = program('brief.js', 'process.exitCode = 7; console.log("its own output");');

/** @param {string[]} args */
async function heapwise(args, env = {}) {
  const child = spawn(process.execPath, [CLI, ...args], { env: { ...process.env, ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => (stdout += chunk));
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}

describe('heapwise leak refuses', () => {
  const wrong = [
    [['leak'], /what is to be run comes after "--"/],
    [['leak', '--'], /what is to be run/],
    [['leak', '--window', 'x', '--', 'node'], /--window must be a number/],
    [['leak', '--warmup', '', '--', 'node'], /--warmup must be a number/],
    [['leak', '--format', 'xml', '--', 'node'], /--format must be text or markdown or json/],
    [['leak', '--widow', '3', '--', 'node'], /Unknown option '--widow'/],
    [['leaks'], /there is no command "leaks"/],
    [['leak', '--', join(folder, 'no such program')], /could not be run/],
  ];
  for (const [args, message] of wrong) {
    it(args.join(' '), async () => {
      const { code, stderr } = await heapwise(args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n\s+at /, 'no stack: it is the user who is spoken to');
    });
  }

  it('nothing when asked for help', async () => {
    for (const args of [['--help'], ['leak', '--help']]) {
      const { code, stdout } = await heapwise(args);
      assert.equal(code, 0);
      assert.match(stdout, /usage: heapwise leak/);
    }
  });
});

describe('heapwise leak', () => {
  it('ends a program that leaks with code 3, and says where', async () => {
    const output = join(folder, 'report.json');
    const { code, stderr } = await heapwise(
      ['leak', '--warmup', '1', '--window', '1.5', '--format', 'json', '--output', output].concat([
        '--',
        process.execPath,
        LEAKY,
      ]),
    );
    assert.equal(code, 3, stderr);
    const report = JSON.parse(readFileSync(output, 'utf8'));
    assert.equal(report.state, 'leak');
    assert.equal(report.kind, 'heap');
    assert.match(report.sites[0].path, /leaky\.js$/);
  });

  it('leaves the output and the exit code of another program as they are', async () => {
    const { code, stdout, stderr } = await heapwise(['leak', '--', process.execPath, BRIEF]);
    assert.equal(code, 7);
    assert.equal(stdout, 'its own output\n');
    assert.match(stderr, /warming up: a verdict needs/);
  });

  it('says so when the command ran no Node.js', async () => {
    const command = process.platform === 'win32' ? ['cmd', '/c', 'exit 4'] : ['sh', '-c', 'exit 4'];
    const { code, stderr } = await heapwise(['leak', '--', ...command]);
    assert.equal(code, 4);
    assert.match(stderr, /without a report/);
  });

  it("keeps the user's NODE_OPTIONS", async () => {
    const shows = program('shows.js', 'console.log(process.execArgv.length, typeof globalThis.gc);');
    const { stdout } = await heapwise(['leak', '--', process.execPath, shows], {
      NODE_OPTIONS: '--expose-gc',
    });
    assert.match(stdout, /function/);
  });
});

describe('node -r heapwise/register', () => {
  const register = join(ROOT, 'lib', 'register.js');
  /** @param {Record<string, string>} env */
  async function registered(env) {
    const child = spawn(process.execPath, ['-r', register, BRIEF], { env: { ...process.env, ...env } });
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    const [code] = await once(child, 'close');
    return { code, stderr };
  }

  it('reports at the end, as the variables say', async () => {
    const { code, stderr } = await registered({
      HEAPWISE_LEAK_WARMUP: '120000',
      HEAPWISE_LEAK_FORMAT: 'json',
    });
    assert.equal(code, 7);
    const report = JSON.parse(stderr);
    assert.equal(report.state, 'warming');
    assert.ok(report.needs.time > 400_000);
  });

  it('refuses settings that are wrong, naming them', async () => {
    for (const [variable, value, message] of [
      ['HEAPWISE_LEAK_WINDOW', 'soon', /"window" must be/],
      ['HEAPWISE_LEAK_FORMAT', 'xml', /HEAPWISE_LEAK_FORMAT must be text or markdown or json/],
      ['HEAPWISE_LEAK_ATTRIBUTION', 'perhaps', /"attribution" must be/],
    ]) {
      const { code, stderr } = await registered({ [variable]: value });
      assert.equal(code, 1);
      assert.match(stderr, message);
    }
  });

  it('says so when the folder for reports is not there, and lets the program be', async () => {
    const { code, stderr } = await registered({ HEAPWISE_LEAK_REPORT_FOLDER: join(folder, 'none') });
    assert.equal(code, 7);
    assert.match(stderr, /the report could not be written/);
    assert.equal(existsSync(join(folder, 'none')), false);
  });
});
