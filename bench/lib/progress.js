'use strict';

/**
 * Says on stderr how far a run is: in one line that changes where somebody watches, else in a line for each case.
 *
 * @typedef {ReturnType<typeof createProgress>} Progress
 */
function createProgress(stream = process.stderr) {
  let total = 0;
  let done = 0;
  let current = '';
  return {
    /** @param {number} steps */
    begin(steps) {
      total = steps;
    },
    /**
     * @param {string} name of the case
     * @param {string} contender
     */
    step(name, contender) {
      if (stream.isTTY) {
        const line = `${done} of ${total}: ${name}: ${contender}`;
        stream.write(`\r\x1b[K${line.slice(0, (stream.columns || 80) - 1)}`);
      } else if (name !== current) {
        stream.write(`${done} of ${total}: ${name}\n`);
      }
      current = name;
      done++;
    },
    end() {
      if (stream.isTTY) {
        stream.write('\r\x1b[K');
      }
    },
  };
}

module.exports = { createProgress };
