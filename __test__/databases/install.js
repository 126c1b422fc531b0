'use strict';

/** Finds the programs of database servers, and on Debian installs them where that is possible. */

const { spawnSync } = require('node:child_process');
const {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  readdirSync,
  rmSync,
  writeFileSync,
} = require('node:fs');
const { delimiter, join } = require('node:path');

/** Packages start their service when they are installed, unless this program says no. */
const POLICY = '/usr/sbin/policy-rc.d';
const POLICY_DENIES = 101;

/** Where Debian keeps programs that are not on everybody's path: PostgreSQL's by version, the newest first. */
function folders() {
  const versions = '/usr/lib/postgresql';
  const postgres = existsSync(versions)
    ? readdirSync(versions)
        .toSorted((a, b) => b - a)
        .map((version) => join(versions, version, 'bin'))
    : [];
  return [...process.env.PATH.split(delimiter), '/usr/sbin', '/usr/local/sbin', ...postgres];
}

/** @param {string} program @returns {string | undefined} its path */
function find(program) {
  return folders()
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** @param {string[]} args */
function apt(...args) {
  const { status, stderr, error } = spawnSync('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return status === 0 ? undefined : (error?.message ?? stderr.trim().split('\n').at(-1));
}

/** @param {string[]} packages @returns {string | undefined} why they could not be installed */
function install(packages) {
  if (process.platform !== 'linux' || find('apt-get') === undefined) {
    return 'there is no apt-get';
  }
  if (process.getuid() !== 0) {
    return `it needs root: apt-get install --no-install-recommends ${packages.join(' ')}`;
  }
  const guarded = existsSync(POLICY);
  if (!guarded) {
    writeFileSync(POLICY, `#!/bin/sh\nexit ${POLICY_DENIES}\n`);
    chmodSync(POLICY, 0o755);
  }
  try {
    // Without a network what was fetched before may do.
    apt('update');
    return apt('install', '-y', '--no-install-recommends', ...packages);
  } finally {
    if (!guarded) {
      rmSync(POLICY);
    }
  }
}

/**
 * @param {string[]} packages that have them
 * @param {string[]} programs
 * @returns {{ paths: string[], missing: undefined } | { paths: undefined, missing: string }} why they cannot be had
 */
function programsOf(packages, programs) {
  let paths = programs.map(find);
  let reason;
  if (paths.includes(undefined)) {
    reason = install(packages) ?? `${packages.join(' ')} do not have it`;
    paths = programs.map(find);
  }
  const lacking = programs.find((_, i) => paths[i] === undefined);
  return lacking === undefined
    ? { paths, missing: undefined }
    : { paths: undefined, missing: `no ${lacking}: ${reason}` };
}

module.exports = { programsOf };
