'use strict';

const { execFileSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const os = require('node:os');
const { join } = require('node:path');
const { UsageError } = require('./args.js');

const root = join(__dirname, '..', '..');

function machineInfo() {
  return {
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    os: `${os.type()} ${os.release()} ${os.arch()}`,
    loadAverage: Number(os.loadavg()[0].toFixed(2)),
  };
}

/**
 * Versions of a node binary.
 *
 * @param {string} path
 * @returns {{ node: string, v8: string }}
 */
function nodeInfo(path) {
  try {
    const script = 'JSON.stringify({ node: process.versions.node, v8: process.versions.v8 })';
    // Without the shell's NODE_OPTIONS, as the children run.
    const env = { ...process.env, NODE_OPTIONS: '' };
    return JSON.parse(execFileSync(path, ['-p', script], { encoding: 'utf8', stdio: 'pipe', env }));
  } catch {
    throw new UsageError(`--node: "${path}" is no node binary that runs here`);
  }
}

/** @returns {{ commit: string | null, dirty: boolean }} */
function commitInfo() {
  try {
    const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
    return {
      commit: git('rev-parse', '--short', 'HEAD'),
      // The results of the run before do not make the code another one.
      dirty: git('status', '--porcelain', '--', '.', ':!bench/results') !== '',
    };
  } catch {
    // Not a checkout.
    return { commit: null, dirty: false };
  }
}

/** @param {string} name */
function packageVersion(name) {
  // Not by require: the "exports" of a package need not include its package.json.
  return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version;
}

module.exports = { commitInfo, machineInfo, nodeInfo, packageVersion };
