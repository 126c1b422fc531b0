'use strict';

const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, renameSync } = require('node:fs');
const { join } = require('node:path');

const root = join(__dirname, '..', '..');
const web = join(root, '..', 'shared', 'data', 'traces');
const cached = join(root, '.cache', 'traces');
const ARCHIVE = 'libcachesim-0.3.5';

/** @param {string} command @param {string[]} args @param {string} [cwd] */
function run(command, args, cwd) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, maxBuffer: 2 ** 28 });
  if (status !== 0) {
    throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? stderr}`);
  }
  return stdout;
}

/**
 * The objects that a million requests to a Twitter key-value cache asked for.
 *
 * @returns {string[]}
 */
function twitter() {
  const file = join(cached, 'twitter_cluster52.csv');
  if (!existsSync(file)) {
    mkdirSync(cached, { recursive: true });
    run('pip', ['download', '-q', '--no-deps', '--no-binary', 'libcachesim', 'libcachesim==0.3.5'], cached);
    const member = `${ARCHIVE}/src/libCacheSim/data/twitter_cluster52.csv`;
    run('tar', ['xzf', `${ARCHIVE}.tar.gz`, member], cached);
    renameSync(join(cached, member), file);
  }
  const [, ...lines] = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => line.split(',')[1].trim());
}

/**
 * Product pages that a shop's web application was asked for.
 *
 * @param {string} name
 * @returns {number[]}
 */
function shop(name) {
  const bytes = run('xz', ['-dc', join(web, `${name}.trace.xz`)]);
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readInt32BE(4 * i));
}

/** Whether the traces of the shop are there. */
const hasShop = existsSync(web);

module.exports = { hasShop, shop, twitter };
