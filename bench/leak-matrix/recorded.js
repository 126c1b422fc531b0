'use strict';

/**
 * Series that others have recorded, judged as they are: memory over time, without collections, work or sites. They are fetched
 * from where they are published, and not kept here.
 */

const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const binding = require('../../lib/binding.js');
const { whatOthersSay } = require('./rules.js');

const FOLDER = join(__dirname, '..', '..', '.cache', 'series');

/** Where they are published. */
const SOURCES = {
  precog: {
    url: 'https://github.com/ansjin/memory_leak_detection',
    commit: '70884d2daa3b1eb58be2644546eab63a2c58bac9',
    folder: 'example/sample_data',
  },
  doctor: {
    url: 'https://github.com/clinicjs/node-clinic-doctor',
    commit: '00749d83f04cb30ed24e91f29e89ad25e267ac33',
    folder: 'docs/memory-model-dev/data',
  },
};

/** Bytes that one per cent of memory in use stands for: a machine of 8 GiB. */
const PER_CENT = (8 * 2 ** 30) / 100;
/** Seconds between two values of the samples, as the notebooks beside them have it. */
const SAMPLE_SECONDS = 420;
/** Windows in a series, and its share that counts as warm-up. */
const WINDOWS = 10;
const WARM_UP = 0.05;

/**
 * @typedef {object} Recorded
 * @property {string} name in tables
 * @property {keyof typeof SOURCES} source where it is published
 * @property {string} file below the source's folder
 * @property {boolean | null} leaky whether it rises to its end; null where that cannot be told by looking at it
 * @property {(cells: string[], row: number) => { at: number, used: number }} read seconds and bytes
 */

/** Memory of virtual machines in per cent, made as examples of leaks. */
const sample = (number, leaky) => ({
  name: `recorded: sample ${number}`,
  source: 'precog',
  file: `test${number}.csv`,
  leaky,
  read: ([, perCent], row) => ({ at: row * SAMPLE_SECONDS, used: Number(perCent) * PER_CENT }),
});

/** Machines of a cluster over a week. */
const machine = (name) => ({
  name: `recorded: machine ${name}`,
  source: 'precog',
  file: `${name}.csv`,
  leaky: false,
  read: ([time, , perCent]) => ({ at: Date.parse(`${time}Z`) / 1000, used: Number(perCent) * PER_CENT }),
});

/** The heap of Node.js programs, garbage and all. */
const program = (number, leaky) => ({
  name: `recorded: program ${number}`,
  source: 'doctor',
  file: `mystery-${number}/mystery-${number}.clinic-doctor-processstat.csv`,
  leaky,
  read: ([time, , , , , , used]) => ({ at: Number(time) / 1000, used: Number(used) }),
});

/** @type {Recorded[]} */
const recorded = [
  ...[true, true, true, true, null, true, true].map((leaky, i) => sample(i + 1, leaky)),
  ...['m_1935', 'm_1939'].map(machine),
  ...[null, null, null, null, null, null, false, false, false].map((leaky, i) => program(i + 1, leaky)),
];

/** @param {Recorded} series */
function load({ source, file, read }) {
  const { url, commit, folder } = SOURCES[source];
  const root = join(FOLDER, source);
  const path = join(root, folder, file);
  if (!existsSync(path)) {
    mkdirSync(root, { recursive: true });
    const git = (...args) => {
      const { status, stderr, error } = spawnSync('git', ['-C', root, ...args], { timeout: 60_000 });
      if (status !== 0) {
        throw new Error(`git ${args.join(' ')} failed: ${error?.message ?? stderr}`);
      }
    };
    git('init', '--quiet');
    git('fetch', '--quiet', '--depth=1', '--filter=blob:none', url, commit);
    git('checkout', '--quiet', commit, '--', folder);
  }
  const [, ...rows] = readFileSync(path, 'utf8').trim().split('\n');
  const points = rows.map((row, i) => read(row.split(','), i));
  const [{ at: begin }] = points;
  return points.filter(({ used }) => used > 0).map(({ at, used }) => ({ at: at - begin, used }));
}

/** What is said of a series, in the form of the answers of programs. @param {Recorded} series */
function replay(series) {
  const points = load(series);
  const seconds = points[points.length - 1].at;
  const verdict = new binding.LeakVerdict({
    confidence: 0.99,
    warmup: seconds * 1000 * WARM_UP,
    window: (seconds * 1000) / WINDOWS,
    minPoints: 12,
    floor: 0,
    confirmations: 3,
  });
  let leak;
  let state = 'warming';
  for (const { at, used } of points) {
    verdict.push((seconds - at) * 1000, used, NaN, NaN, NaN);
    state = verdict.evaluate(false);
    if (state === 'leak') {
      leak ??= { seconds: at };
    }
  }
  return {
    recorded: true,
    leaky: series.leaky,
    first: { leak },
    state,
    share: leak && leak.seconds / seconds,
    others: whatOthersSay(points),
  };
}

module.exports = { recorded, replay };
