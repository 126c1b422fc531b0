'use strict';

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, rmSync, symlinkSync, mkdirSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join, resolve } = require('node:path');

const ROOT = resolve(__dirname, '..');

/**
 * Runs a script in a process of its own, where `require('heapwise')` is this package.
 *
 * @param {string} source
 * @param {{ flags?: string[], env?: Record<string, string>, timeout?: number }} [options]
 */
async function runScript(source, { flags = [], env = {}, timeout = 30_000 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'heapwise-test-'));
  try {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(ROOT, join(folder, 'node_modules', 'heapwise'), 'junction');
    const file = join(folder, 'script.js');
    writeFileSync(file, source);
    const child = spawn(process.execPath, [...flags, file], { env: { ...process.env, ...env }, timeout });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    const [code, signal] = await once(child, 'close');
    return { code, signal, stdout, stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

module.exports = { ROOT, runScript };
