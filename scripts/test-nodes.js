'use strict';

/**
 * Runs the test suite on several Node versions: `node scripts/test-nodes.js [major...]`, by default every supported
 * one.
 */

const { spawnSync } = require('node:child_process');
const { join } = require('node:path');
const { MAJORS, nodeOf } = require('./nodes.js');

const root = join(__dirname, '..');

/** Runs the suite on one major and returns its row of the closing table. */
function testOn(major) {
  const node = nodeOf(major);
  if (!node) {
    console.error(`Node ${major} could not be installed`);
    return { major, version: '-', result: 'not installed' };
  }
  const version = spawnSync(node, ['-v'], { encoding: 'utf8' }).stdout.trim();
  console.log(`\n${version}`);
  const suites = ['__test__/peers', '__test__'];
  const { status } = spawnSync(node, [join(__dirname, 'test.js'), ...suites], {
    cwd: root,
    stdio: 'inherit',
  });
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
