'use strict';

/** The Node versions that are supported, from npm. */

const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs');
const { delimiter, dirname, join } = require('node:path');

const MAJORS = ['20', '22', '24', '26'];

const root = join(__dirname, '..');

/**
 * @param {string[]} args
 * @param {string} [node] that install scripts run with, and build for
 */
function npm(args, node = process.execPath) {
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const options = { stdio: ['ignore', 2, 2], env };
  // Under `npm run` npm says where it is; run through Node, it needs no shell on Windows.
  const cli = process.env.npm_execpath;
  return cli
    ? spawnSync(node, [cli, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
}

/**
 * The path of a Node of that major; undefined if it cannot be had. The running Node serves for its own major; the others
 * come from npm's `node` package into .cache/nodes/.
 *
 * @param {string} major
 */
function nodeOf(major) {
  if (process.versions.node.startsWith(`${major}.`)) {
    return process.execPath;
  }
  const folder = join(root, '.cache', 'nodes', major);
  const bin = join(folder, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  if (!existsSync(bin)) {
    // An interrupted download leaves a package without its binary, which npm would take for installed.
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    // The package fetches the binary in an install script, which newer npm runs only for packages named here.
    writeFileSync(join(folder, 'package.json'), '{ "private": true, "allowScripts": { "node": true } }\n');
    npm(['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel', 'error', `node@${major}`]);
  }
  return existsSync(bin) ? bin : undefined;
}

/**
 * The folder whose node_modules has these packages, installed with and for that Node if need be.
 *
 * @param {string} node
 * @param {string} folder under .cache
 * @param {Record<string, string>} packages exact versions
 * @param {Record<string, string>} [building] those that compile when they are installed, and may fail to
 */
function packagesFor(node, folder, packages, building = {}) {
  const path = join(root, '.cache', folder);
  const done = join(path, 'node_modules', '.complete');
  const wanted = JSON.stringify({ packages, building });
  if (!existsSync(done) || readFileSync(done, 'utf8') !== wanted) {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true });
    const allowScripts = Object.fromEntries(Object.keys(building).map((name) => [name, true]));
    writeFileSync(
      join(path, 'package.json'),
      JSON.stringify({ private: true, allowScripts, dependencies: packages, optionalDependencies: building }),
    );
    const { status } = npm(
      ['install', '--prefix', path, '--no-audit', '--no-fund', '--loglevel', 'error'],
      node,
    );
    if (status !== 0) {
      throw new Error(`npm could not install ${Object.keys(packages).join(', ')}`);
    }
    writeFileSync(done, wanted);
  }
  return path;
}

module.exports = { MAJORS, nodeOf, packagesFor };
