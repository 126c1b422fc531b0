'use strict';

/**
 * Runs the test suite on several Node versions: `node scripts/test-nodes.js [major...]`, by default every supported
 * one. The running Node serves for its own major; the others come from npm's `node` package into .cache/nodes/.
 */

const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, rmSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

const MAJORS = ['20', '22', '24', '26'];

const root = join(__dirname, '..');

function npm(args) {
  // Under `npm run` npm says where it is; run through Node, it needs no shell on Windows.
  const cli = process.env.npm_execpath;
  return cli
    ? spawnSync(process.execPath, [cli, ...args], { stdio: 'inherit' })
    : spawnSync('npm', args, { stdio: 'inherit', shell: process.platform === 'win32' });
}

/** The path of a Node of that major, downloaded if need be; undefined if it cannot be had. */
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

/** Runs the suite on one major and returns its row of the closing table. */
function testOn(major) {
  const node = nodeOf(major);
  if (!node) {
    console.error(`Node ${major} could not be installed`);
    return { major, version: '-', result: 'not installed' };
  }
  const version = spawnSync(node, ['-v'], { encoding: 'utf8' }).stdout.trim();
  console.log(`\n${version}`);
  const { status } = spawnSync(node, [join(__dirname, 'test.js')], { cwd: root, stdio: 'inherit' });
  return { major, version, result: status === 0 ? 'passed' : 'failed' };
}

function main(majors) {
  const odd = majors.find((major) => !/^\d+$/.test(major));
  if (odd !== undefined) {
    console.error(`"${odd}" is not a major version of Node; use, for example, ${MAJORS.join(' ')}`);
    process.exit(2);
  }
  const rows = majors.map(testOn);
  const passed = rows.filter((row) => row.result === 'passed').length;

  console.log('');
  for (const { major, version, result } of rows) {
    console.log(`Node ${major.padEnd(3)} ${version.padEnd(10)} ${result}`);
  }
  console.log(`${passed} passed, ${rows.length - passed} failed`);
  process.exitCode = passed === rows.length ? 0 : 1;
}

const majors = process.argv.slice(2);
main(majors.length > 0 ? majors : MAJORS);
