'use strict';

/**
 * Runs the Rust tests of what threads share under Miri and under the thread sanitizer: `npm run test:sanitize`. Needs a
 * nightly Rust with the components `miri` and `rust-src`.
 */

const { spawnSync } = require('node:child_process');
const { join } = require('node:path');

const root = join(__dirname, '..');
/** Filters of `cargo test`: the modules with threads in them that need no Node. */
const MODULES = ['cache::', 'clock::', 'lag::', 'pool::', 'shared::', 'v8::stack::'];
const HOST = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-unknown-linux-gnu`;

const RUNS = {
  // The tests read the real clock.
  Miri: { args: ['miri', 'test'], env: { MIRIFLAGS: '-Zmiri-disable-isolation' } },
  'the thread sanitizer': {
    args: ['test', '-Zbuild-std', '--target', HOST],
    env: { RUSTFLAGS: '-Zsanitizer=thread' },
  },
};

for (const [index, [name, { args, env }]] of Object.entries(RUNS).entries()) {
  console.log(`\nunder ${name}`);
  // A folder for each: what they build is no use to anybody else.
  const CARGO_TARGET_DIR = join(root, 'target', `sanitize-${index}`);
  const { status } = spawnSync('cargo', ['+nightly', ...args, '--locked', '--lib', '--', ...MODULES], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, CARGO_TARGET_DIR, ...env },
  });
  if (status !== 0) {
    console.error(`the tests fail under ${name}`);
    process.exit(1);
  }
}
