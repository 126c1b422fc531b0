'use strict';

const { findSourceMap } = require('node:module');
const { locate } = require('./packages.js');

/**
 * A frame as reports show it: where it is in the source as written, and whose that is.
 *
 * @param {{ function: string, script: string, line: number, column: number }} frame as V8 knows it
 * @returns {import('../..').LeakFrame}
 */
function describeFrame(frame) {
  const { script, line, column, name } = original(frame);
  const { path, file, package: owner } = locate(script);
  return { function: name, file, line, column, package: owner, path };
}

/**
 * Through the source map, if the process runs with them.
 *
 * @param {{ function: string, script: string, line: number, column: number }} frame
 */
function original({ function: name, script, line, column }) {
  const compiled = { script, line, column, name };
  const map = findSourceMap(script);
  if (map === undefined) {
    return compiled;
  }
  // Source maps count from 0.
  const entry = map.findEntry(line - 1, column - 1);
  if (!('originalSource' in entry) || typeof entry.originalSource !== 'string') {
    return compiled;
  }
  return {
    script: entry.originalSource,
    line: entry.originalLine + 1,
    column: entry.originalColumn + 1,
    // Left out of the types, but there: what the function is called in the source.
    name: /** @type {{ name?: string }} */ (entry).name ?? name,
  };
}

module.exports = { describeFrame };
