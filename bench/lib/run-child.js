'use strict';

const { execFile } = require('node:child_process');

/**
 * Runs a child that prints one line of JSON, and parses it.
 *
 * @param {string} node
 * @param {string[]} args
 * @param {number} timeout milliseconds; a child that takes longer hangs
 * @returns {Promise<any>}
 */
function runChild(node, args, timeout) {
  // What the user's shell sets for other purposes must not change the figures.
  const env = { ...process.env, NODE_ENV: 'production', NODE_OPTIONS: '' };
  return new Promise((resolve, reject) => {
    execFile(node, args, { env, timeout }, (error, stdout, stderr) => {
      if (error) {
        const cause = error.killed ? `gave no answer in ${timeout / 1000} s` : 'failed';
        reject(new Error(`a child ${cause}: ${node} ${args.join(' ')}\n${stderr}`));
      } else {
        resolve(JSON.parse(stdout));
      }
    });
  });
}

module.exports = { runChild };
