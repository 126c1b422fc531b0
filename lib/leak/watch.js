'use strict';

const { writeFileSync, renameSync } = require('node:fs');
const { join } = require('node:path');
const { FORMATS } = require('./format.js');
const { optionsFrom } = require('./settings.js');

/** @type {Record<string, string>} */
const EXTENSIONS = { text: 'txt', markdown: 'md', json: 'json' };

/**
 * Starts a detector for the process and reports what it finds: to a file of its own when HEAPWISE_LEAK_REPORT_FOLDER
 * names a folder, else on stderr. There is a report at each verdict, and at the end.
 *
 * @param {typeof import('../..').LeakDetector} LeakDetector
 * @param {Record<string, string | undefined>} env
 */
function watch(LeakDetector, env) {
  const { HEAPWISE_LEAK_REPORT_FOLDER: folder, HEAPWISE_LEAK_FORMAT: format = 'text' } = env;
  const file = folder && join(folder, `heapwise-leak-${process.pid}.${EXTENSIONS[format]}`);
  if (!Object.hasOwn(FORMATS, format)) {
    throw new TypeError(`HEAPWISE_LEAK_FORMAT must be ${Object.keys(FORMATS).join(' or ')}, not ${format}`);
  }
  const detector = new LeakDetector(optionsFrom(env));

  /** @param {import('../..').LeakReport} report */
  function say(report) {
    const text = FORMATS[format](report);
    try {
      if (file === undefined) {
        writeFileSync(process.stderr.fd, text);
      } else {
        // Whoever reads it never sees half a report.
        writeFileSync(`${file}.part`, text, { mode: 0o600 });
        renameSync(`${file}.part`, file);
      }
    } catch (raised) {
      // Not as a warning, which comes with a turn of the loop that there may not be.
      const reason = /** @type {Error} */ (raised).message;
      writeFileSync(process.stderr.fd, `heapwise: the report could not be written: ${reason}\n`);
    }
  }

  for (const event of /** @type {const} */ (['leak', 'located', 'clear'])) {
    detector.on(event, say);
  }
  process.on('exit', () => say(detector.check()));
  detector.start();
}

module.exports = { watch };
