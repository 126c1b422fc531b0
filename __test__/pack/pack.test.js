'use strict';

// What a user gets from npm: the packages are packed, installed where there is no Rust, and used.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { tmpdir } = require('node:os');
const { basename, delimiter, dirname, join, resolve } = require('node:path');
const { after, before, describe, test } = require('node:test');
const { PREBUILT, addonName, packageName, platformTriple } = require('../../lib/platform.js');
const manifest = require('../../package.json');

const root = join(__dirname, '..', '..');
const triple = platformTriple();
// Where the suite is pointed at a binary, that binary is the one to ship.
const addon = resolve(process.env.HEAPWISE_BINDING_PATH || join(root, 'lib', addonName(triple)));
const isWindows = process.platform === 'win32';

const temp = fs.mkdtempSync(join(tmpdir(), 'heapwise-pack-'));
const npmCli = findNpmCli();
const env = bareEnvironment();

after(() => fs.rmSync(temp, { recursive: true, force: true, maxRetries: 5 }));

function findNpmCli() {
  const running = process.env.npm_execpath;
  if (running && basename(running) === 'npm-cli.js') {
    return running;
  }
  const places = (process.env.PATH ?? '').split(delimiter);
  const found = places
    .map((place) => join(place, isWindows ? 'node_modules/npm/bin/npm-cli.js' : 'npm'))
    .find((path) => fs.existsSync(path));
  assert.ok(found, 'npm is needed on the PATH');
  return fs.realpathSync(found);
}

/** An environment with node, npm and a shell on the PATH, and nothing else: no cargo, no npm settings of this run. */
function bareEnvironment() {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(path|cargo.*|rustup.*|rustc.*|npm_.*|node_.*|heapwise_.*)$/i.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    PATH: isWindows
      ? [dirname(process.execPath), join(process.env.SystemRoot, 'System32')].join(delimiter)
      : barePath(),
    npm_config_cache: join(temp, 'npm-cache'),
    npm_config_update_notifier: 'false',
  };
}

function barePath() {
  // Links, because the folders that hold these may hold cargo too.
  const bin = makeFolder('bin');
  fs.symlinkSync(process.execPath, join(bin, 'node'));
  fs.symlinkSync(npmCli, join(bin, 'npm'));
  fs.symlinkSync('/bin/sh', join(bin, 'sh'));
  return bin;
}

function makeFolder(name) {
  const folder = join(temp, name);
  fs.mkdirSync(folder, { recursive: true });
  return folder;
}

function node(args, cwd, extra = {}) {
  return spawnSync(process.execPath, args, { cwd, env: { ...env, ...extra }, encoding: 'utf8' });
}

function npm(args, cwd) {
  const { status, stdout, stderr } = node([npmCli, ...args], cwd);
  assert.equal(status, 0, `npm ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

/** Packs a folder without running its scripts, so that the working tree is left alone. */
function pack(folder) {
  const [packed] = JSON.parse(
    npm(['pack', '--json', '--ignore-scripts', '--pack-destination', temp], folder),
  );
  return { ...packed, path: join(temp, basename(packed.filename)) };
}

function packPlatform() {
  const folder = join(temp, 'platform');
  fs.cpSync(join(root, 'npm', triple), folder, { recursive: true });
  fs.copyFileSync(addon, join(folder, addonName(triple)));
  return pack(folder);
}

function install(name, tarballs) {
  const folder = makeFolder(name);
  fs.writeFileSync(join(folder, 'package.json'), '{ "private": true }');
  npm(['install', '--offline', '--no-audit', '--no-fund', ...tarballs], folder);
  return folder;
}

/** Runs a script in an app and returns what it prints as JSON. */
function evaluate(script, cwd, extra) {
  const { status, stdout, stderr } = node(['-e', script], cwd, extra);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

const REQUIRE_AND_CATCH = `
  let thrown = null;
  try { require('heapwise'); } catch (error) { thrown = error; }
  console.log(JSON.stringify(thrown && { code: thrown.code, message: thrown.message, cause: String(thrown.cause) }));
`;

test('neither cargo nor rustc is in reach of these tests', () => {
  for (const command of ['cargo', 'rustc']) {
    assert.equal(spawnSync(command, ['-V'], { env }).error?.code, 'ENOENT', `${command} was found`);
  }
});

describe('npm/', () => {
  test('has one package for each platform that the error messages promise', () => {
    assert.deepEqual(fs.readdirSync(join(root, 'npm')).toSorted(), [...PREBUILT].toSorted());
  });

  test('its packages have the version of heapwise and name their own binary', () => {
    for (const platform of PREBUILT) {
      const { name, version, main, files } = require(join(root, 'npm', platform, 'package.json'));
      assert.equal(name, packageName(platform));
      assert.equal(version, manifest.version);
      assert.equal(main, addonName(platform));
      assert.deepEqual(files, [addonName(platform)]);
    }
  });
});

describe('the installed package', () => {
  let main;
  let platform;

  before(() => {
    main = pack(root);
    platform = packPlatform();
  });

  test('carries the types and lib/, and neither binaries nor sources nor tests', () => {
    const paths = main.files.map(({ path }) => path);
    for (const wanted of [
      'index.d.ts',
      'express.d.ts',
      'keyv.d.ts',
      'lru-cache.d.ts',
      'lib/index.js',
      'lib/express.js',
      'lib/keyv.js',
      'lib/lru-cache.js',
      'lib/binding.js',
      'lib/platform.js',
    ]) {
      assert.ok(paths.includes(wanted), `${wanted} is missing`);
    }
    const unwanted = paths.filter((path) => /\.node$|^src\/|^__test__\/|^target\/|\.test\.js$/.test(path));
    assert.deepEqual(unwanted, []);
  });

  test('unpacks to less than 1.1 MB without its binary', () => {
    assert.ok(main.unpackedSize < 1_100_000, `${main.unpackedSize} bytes`);
  });

  test('its platform package carries the binary, a README and nothing else', () => {
    const paths = platform.files.map(({ path }) => path).toSorted();
    assert.deepEqual(paths, ['README.md', addonName(triple), 'package.json']);
  });

  test('works without a Rust toolchain', () => {
    const app = install('app', [main.path, platform.path]);
    const { names, reused } = evaluate(
      `const heapwise = require('heapwise');
       const pool = new heapwise.ObjectPool(() => ({}));
       const first = pool.acquire();
       pool.release(first);
       console.log(JSON.stringify({ names: Object.keys(heapwise), reused: pool.acquire() === first }));`,
      app,
    );
    assert.notEqual(names.length, 0);
    assert.equal(reused, true);
  });

  test('has the subpath heapwise/express, with types for CommonJS and ES modules', () => {
    const app = install('app-express', [main.path, platform.path]);
    const script = `
      const { ObjectPool } = require('heapwise');
      const { EventEmitter } = require('node:events');
      const lend = require('heapwise/express').pooled({ object: new ObjectPool(() => ({ n: 5 })) });
      const req = {};
      lend(req, new EventEmitter(), () => console.log(JSON.stringify(req.pooled)));`;
    assert.deepEqual(evaluate(script, app), { object: { n: 5 } });

    const source = `
      import { ObjectPool, ResourcePool } from 'heapwise';
      import { pooled, type PooledMiddleware, type PooledOf } from 'heapwise/express';
      const pools = { db: new ResourcePool({ create: async () => 5 }), map: new ObjectPool(() => new Map<string, number>()) };
      declare module 'heapwise/express' { interface Pooled extends PooledOf<typeof pools> {} }
      const lend: PooledMiddleware = pooled(pools, { timeout: 1000 });
      export const read = (request: Express.Request): number | undefined => request.pooled.map.get(String(request.pooled.db));
      // @ts-expect-error no such pool
      export const wrong = (request: Express.Request) => request.pooled.other;
      export default lend;`;
    fs.writeFileSync(join(app, 'common.cts'), source);
    fs.writeFileSync(join(app, 'module.mts'), source);
    const settings =
      '--strict --noEmit --target es2022 --lib es2022,esnext.disposable --module node16 --types node';
    const { status, stdout } = node(
      [
        join(root, 'node_modules', 'typescript', 'bin', 'tsc'),
        ...settings.split(' '),
        '--typeRoots',
        join(root, 'node_modules', '@types'),
        'common.cts',
        'module.mts',
      ],
      app,
    );
    assert.equal(status, 0, stdout);
  });

  test('has the subpath heapwise/keyv, which needs no Keyv', () => {
    const app = install('app-keyv', [main.path, platform.path]);
    const script = `
      const { KeyvSharedCache } = require('heapwise/keyv');
      const store = new KeyvSharedCache({ maxBytes: 1 << 20 });
      store.set('key', 'value').then(() => store.get('key')).then((value) => console.log(JSON.stringify(value)));`;
    assert.equal(evaluate(script, app), 'value');
  });

  test('has the subpath heapwise/lru-cache, which needs no addon', () => {
    const script = `
      const { LRUCache } = require('heapwise/lru-cache');
      console.log(JSON.stringify([...new LRUCache({ max: 1 }).set('a', 1).set('b', 2)]));`;
    assert.deepEqual(evaluate(script, install('app-lru-cache', [main.path])), [['b', 2]]);
  });

  test('without its platform package says so, with a code and the platform', () => {
    const thrown = evaluate(REQUIRE_AND_CATCH, install('app-without', [main.path]));
    assert.equal(thrown.code, 'ERR_HEAPWISE_BINDING_MISSING');
    assert.ok(thrown.message.includes(`native addon for ${triple}`), thrown.message);
    assert.match(thrown.cause, /Cannot find module/);
  });

  test('refuses a platform package of another version', () => {
    const app = install('app-mixed', [main.path, platform.path]);
    const file = join(app, 'node_modules', packageName(triple), 'package.json');
    fs.writeFileSync(
      file,
      JSON.stringify({ ...JSON.parse(fs.readFileSync(file, 'utf8')), version: '0.0.1-other' }),
    );
    const thrown = evaluate(REQUIRE_AND_CATCH, app);
    assert.equal(thrown.code, 'ERR_HEAPWISE_BINDING_MISSING');
    assert.ok(
      thrown.message.includes('0.0.1-other') && thrown.message.includes(manifest.version),
      thrown.message,
    );
  });

  test('loads the file that HEAPWISE_BINDING_PATH names, or fails naming it', () => {
    const app = install('app-path', [main.path]);
    assert.equal(evaluate(REQUIRE_AND_CATCH, app, { HEAPWISE_BINDING_PATH: addon }), null);

    const broken = join(app, 'broken.node');
    fs.writeFileSync(broken, 'not a library');
    const thrown = evaluate(REQUIRE_AND_CATCH, app, { HEAPWISE_BINDING_PATH: broken });
    assert.equal(thrown.code, 'ERR_HEAPWISE_BINDING_MISSING');
    assert.ok(thrown.message.includes(broken), thrown.message);
  });
});

function assertAsksForCargo({ status, stdout, stderr }) {
  assert.equal(status, 1);
  assert.equal(stdout, '');
  assert.match(stderr, /^heapwise: cargo was not found[^\n]*https:\/\/rustup\.rs[^\n]*\.\n$/);
}

describe('scripts/build.js', () => {
  const stamp = join(root, '.build-stamp');
  const built = join(root, 'lib', addonName(triple));
  const unstamped = !fs.existsSync(stamp) && 'the addon in lib/ was not built by scripts/build.js';

  /** A copy of what the build needs, where it can do no harm. */
  function copyTree(name, { withAddon = false } = {}) {
    const tree = makeFolder(name);
    const paths = [
      'package.json',
      'Cargo.toml',
      'Cargo.lock',
      'build.rs',
      '.cargo',
      'src',
      'scripts',
      'lib/platform.js',
    ];
    if (withAddon) {
      paths.push('.build-stamp', 'lib/binding.d.ts', `lib/${addonName(triple)}`);
    }
    for (const path of paths.filter((each) => fs.existsSync(join(root, each)))) {
      fs.cpSync(join(root, path), join(tree, path), { recursive: true, preserveTimestamps: true });
    }
    return tree;
  }

  function build(tree, ...flags) {
    return node([join(tree, 'scripts', 'build.js'), ...flags], tree);
  }

  function addPrebuilt(tree, version) {
    const folder = join(tree, 'node_modules', packageName(triple));
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ name: packageName(triple), version, main: addonName(triple) }),
    );
    fs.writeFileSync(join(folder, addonName(triple)), '');
  }

  test('says in one sentence what to do where there is no cargo', () => {
    assertAsksForCargo(build(copyTree('no-cargo'), '--force'));
  });

  test('refuses an unknown option in one line', () => {
    const { status, stderr } = build(copyTree('options'), '--fast');
    assert.equal(status, 2);
    assert.match(stderr, /^[^\n]*--fast[^\n]*\n$/);
  });

  test('keeps quiet where there are no sources', () => {
    const tree = copyTree('no-sources');
    fs.rmSync(join(tree, 'src'), { recursive: true });
    const { status, stdout, stderr } = build(tree);
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' });
  });

  test('uses an installed prebuilt package of the same version', () => {
    const tree = copyTree('prebuilt');
    addPrebuilt(tree, manifest.version);
    const { status, stdout } = build(tree);
    assert.equal(status, 0);
    assert.ok(stdout.includes(packageName(triple)), stdout);
    assertAsksForCargo(build(tree, '--force'));
  });

  test('does not use a prebuilt package of another version', () => {
    const tree = copyTree('prebuilt-other');
    addPrebuilt(tree, '0.0.1-other');
    assertAsksForCargo(build(tree));
  });

  test('does nothing the second time, and that quickly', { skip: unstamped }, () => {
    const untouched = fs.statSync(built).mtimeMs;
    const times = [];
    for (let i = 0; i < 3; i++) {
      const start = performance.now();
      // Without cargo on the PATH: if the tree were stale, this would fail instead of building.
      const { status, stderr } = build(root);
      times.push(performance.now() - start);
      assert.equal(status, 0, stderr);
    }
    assert.equal(fs.statSync(built).mtimeMs, untouched);
    // Usually 100 ms, most of it Node's start; the margin is for a busy machine.
    assert.ok(Math.min(...times) < 1_000, `${times} ms`);
  });

  const changes = {
    'a changed source': (tree) => fs.appendFileSync(join(tree, 'src', 'lib.rs'), '\n'),
    'a new source': (tree) => fs.writeFileSync(join(tree, 'src', 'added.rs'), ''),
    'a missing addon': (tree) => fs.rmSync(join(tree, 'lib', addonName(triple))),
    'missing declarations': (tree) => fs.rmSync(join(tree, 'lib', 'binding.d.ts')),
    'a damaged stamp': (tree) => fs.writeFileSync(join(tree, '.build-stamp'), '{'),
  };
  for (const [what, change] of Object.entries(changes)) {
    test(`builds again after ${what}`, { skip: unstamped }, () => {
      const tree = copyTree(what, { withAddon: true });
      assert.equal(build(tree).status, 0, 'the untouched copy is up to date');
      change(tree);
      assertAsksForCargo(build(tree));
    });
  }
});
