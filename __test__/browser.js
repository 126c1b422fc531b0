'use strict';

const { execFile, execFileSync } = require('node:child_process');
const { existsSync, mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { delimiter, join } = require('node:path');
const { promisify } = require('node:util');

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const FLAGS = [
  '--headless',
  // Needed as root, as which CI runs.
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

function find() {
  const candidates = (process.env.PATH ?? '')
    .split(delimiter)
    .flatMap((folder) => NAMES.map((name) => join(folder, name)));
  return [process.env.CHROME_PATH, ...candidates].find((file) => file && existsSync(file));
}

/**
 * The path of a Chromium or Chrome; undefined where there is none. In CI, as root on a Debian, it is installed; nobody
 * else's machine is changed.
 */
function chromium() {
  const found = find();
  const installable = process.env.CI && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
  if (found || !installable) {
    return found;
  }
  const apt = (...args) =>
    execFileSync('apt-get', ['-qq', ...args], {
      stdio: 'ignore',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  apt('update');
  apt('install', '-y', 'chromium');
  return find();
}

/**
 * The document as it is after its scripts have run for some seconds.
 *
 * @param {string} browser
 * @param {string} url
 */
async function domOf(browser, url) {
  const profile = mkdtempSync(join(tmpdir(), 'heapwise-browser-'));
  try {
    const args = [...FLAGS, `--user-data-dir=${profile}`, '--virtual-time-budget=5000', '--dump-dom', url];
    const { stdout } = await promisify(execFile)(browser, args, { timeout: 60_000 });
    return stdout;
  } finally {
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

module.exports = { chromium, domOf };
