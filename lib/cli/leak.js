'use strict';

const { spawn } = require('node:child_process');
const { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { FORMATS: REPORT_FORMATS } = require('../leak/format.js');
const { variable } = require('../leak/settings.js');

const LEAK_FOUND = 3;
/** Share of a core's time for collections: whoever looks for a leak wants to know soon. */
const GC_SHARE = 0.05;
/** Milliseconds between two looks for a report. */
const LOOK = 250;
/** Milliseconds that a program has to end by itself, when it is asked to. */
const GRACE = 5000;
/** Windows for which a leak that was found waits for the place in the source. */
const LOCATING_WINDOWS = 2;

const OPTIONS = /** @type {const} */ ({
  warmup: { type: 'string', default: '30' },
  window: { type: 'string', default: '20' },
  confidence: { type: 'string', default: '0.99' },
  'min-growth': { type: 'string', default: String(1024 * 1024) },
  'keep-running': { type: 'boolean', default: false },
  format: { type: 'string', default: 'text' },
  output: { type: 'string' },
});

/** As inside a process, but that JSON is for people too. @type {typeof REPORT_FORMATS} */
const FORMATS = { ...REPORT_FORMATS, json: (report) => `${JSON.stringify(report, null, 2)}\n` };

/** Wrong use of the command line. */
class UsageError extends Error {}

/** @param {string[]} argv */
function readArgs(argv) {
  const end = argv.indexOf('--');
  const command = end === -1 ? [] : argv.slice(end + 1);
  let values;
  try {
    ({ values } = parseArgs({ args: end === -1 ? argv : argv.slice(0, end), options: OPTIONS }));
  } catch (raised) {
    // The first sentence names the option; the rest is advice about parseArgs itself.
    throw new UsageError(/** @type {Error} */ (raised).message.split('. ')[0]);
  }
  if (command.length === 0) {
    throw new UsageError('what is to be run comes after "--": heapwise leak -- node app.js');
  }
  if (!Object.hasOwn(FORMATS, values.format)) {
    throw new UsageError(`--format must be ${Object.keys(FORMATS).join(' or ')}, not ${values.format}`);
  }
  const number = (
    /** @type {'warmup' | 'window' | 'confidence' | 'min-growth'} */ name,
    /** @type {number} */ above,
  ) => {
    const value = Number(values[name]);
    if (!(value >= above) || !Number.isFinite(value) || values[name].trim() === '') {
      throw new UsageError(`--${name} must be a number >= ${above}, not ${values[name]}`);
    }
    return value;
  };
  return {
    command,
    warmup: number('warmup', 0) * 1000,
    window: number('window', 0.001) * 1000,
    confidence: number('confidence', 0.5),
    minGrowthPerHour: number('min-growth', 0),
    keepRunning: values['keep-running'],
    format: FORMATS[values.format],
    output: values.output,
  };
}

/**
 * Runs a command under the detector.
 *
 * @param {string[]} argv
 * @returns {Promise<number>} the exit code
 */
async function leakCommand(argv) {
  const { command, keepRunning, format, output, ...settings } = readArgs(argv);
  const folder = mkdtempSync(join(tmpdir(), 'heapwise-leak-'));
  try {
    const { code, report } = await run(command, { folder, keepRunning, settings });
    if (report === undefined) {
      process.stderr.write('heapwise: the command ended without a report: did it run Node.js?\n');
      return code;
    }
    const text = format(report);
    if (output === undefined) {
      process.stderr.write(text);
    } else {
      writeFileSync(output, text);
    }
    return report.state === 'leak' ? LEAK_FOUND : code;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string[]} command
 * @param {{ folder: string, keepRunning: boolean, settings: { window: number } & Record<string, number> }} options
 * @returns {Promise<{ code: number, report: any }>}
 */
function run([program, ...args], { folder, keepRunning, settings }) {
  const variables = Object.entries(settings).map(([option, value]) => [variable(option), String(value)]);
  const register = `--require=${JSON.stringify(require.resolve('../register.js'))}`;
  const env = {
    [variable('gcInterval')]: String(Math.max(100, settings.window / 15)),
    [variable('maxGcShare')]: String(GC_SHARE),
    ...process.env,
    ...Object.fromEntries(variables),
    HEAPWISE_LEAK_FORMAT: 'json',
    HEAPWISE_LEAK_REPORT_FOLDER: folder,
    NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${register}`.trim(),
  };
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env });
    let found = 0;
    let asked = 0;
    const timer = setInterval(() => {
      const report = worst(folder);
      if (keepRunning || report?.state !== 'leak') {
        return;
      }
      const now = performance.now();
      found ||= now;
      const located = report.attribution.settled || now - found > LOCATING_WINDOWS * settings.window;
      if (located && asked === 0) {
        asked = now;
        child.kill('SIGTERM');
      } else if (asked > 0 && now - asked > GRACE) {
        child.kill('SIGKILL');
      }
    }, LOOK);
    // This process has to be there for the report.
    process.on('SIGINT', ignore);
    const end = () => {
      clearInterval(timer);
      process.off('SIGINT', ignore);
    };
    child.once('error', (raised) => {
      end();
      reject(new UsageError(`the command could not be run: ${raised.message}`));
    });
    child.once('exit', (code, signal) => {
      end();
      resolve({ code: code ?? (signal === null ? 1 : 128), report: worst(folder) });
    });
  });
}

/** Of an interruption: the command decides what it means. */
function ignore() {}

/** How much a state says. */
const RANKS = ['warming', 'steady', 'suspect', 'leak'];

/**
 * The report that says most, of all the processes that the command has started.
 *
 * @param {string} folder
 */
function worst(folder) {
  const reports = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
  return reports.toSorted((a, b) => rank(b) - rank(a) || b.growthPerHour - a.growthPerHour)[0];
}

/** @param {{ state: string }} report */
function rank({ state }) {
  return RANKS.indexOf(state);
}

module.exports = { UsageError, leakCommand };
