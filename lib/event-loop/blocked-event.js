'use strict';

const nodeModule = require('node:module');

/**
 * Functions of Node from which the loop calls JavaScript, by the phase that they belong to.
 *
 * @type {Record<string, import('../..').LoopPhase>}
 */
const PHASES = {
  processTimers: 'timers',
  processImmediate: 'check',
  processTicksAndRejections: 'microtasks',
};

/**
 * The public form of a blocked turn.
 *
 * @param {import('../binding.js').LoopBlock} block
 * @param {boolean} gcKnown whether its collection time can be believed
 * @returns {import('../..').BlockedEvent}
 */
function blockedEvent(block, gcKnown) {
  const { id, thread, age, duration, gc, ended, native, reason } = block;
  const frames = block.frames?.map(frame) ?? null;
  const start = Date.now() - age;
  return {
    id,
    threadId: thread,
    duration,
    gc: gcKnown ? gc : null,
    start,
    end: ended ? start + duration : null,
    ended,
    native,
    phase: phaseOf(frames),
    frames,
    stack: frames && frames.map(line).join('\n'),
    stackReason: reason ?? null,
  };
}

/**
 * A blocked turn of which nothing is known but its length.
 *
 * @param {number} duration
 * @param {number} thread
 * @param {string} reason why
 * @returns {import('../..').BlockedEvent}
 */
function plainEvent(duration, thread, reason) {
  const block = { id: 0, thread, age: duration, duration, gc: 0, ended: true, native: false, reason };
  return blockedEvent(block, false);
}

/**
 * @param {import('../binding.js').LoopFrame} native
 * @returns {import('../..').StackFrame}
 */
function frame({ function: name, script, line: lineNumber, column }) {
  const generated = { functionName: name || null, fileName: script || null, line: lineNumber, column };
  return original(generated) ?? generated;
}

/**
 * Where a frame is in the sources that the script was made of, if the process runs with source maps.
 *
 * @param {import('../..').StackFrame} generated
 * @returns {import('../..').StackFrame | undefined}
 */
function original({ functionName, fileName, line: lineNumber, column }) {
  const { sourceMapsEnabled } = /** @type {{ sourceMapsEnabled?: boolean }} */ (process);
  if (fileName === null || fileName.startsWith('node:') || sourceMapsEnabled !== true) {
    return undefined;
  }
  const map = nodeModule.findSourceMap(fileName);
  // Both of findEntry's arguments and results count from 0.
  const entry = /** @type {any} */ (map?.findEntry(lineNumber - 1, column - 1));
  return entry?.originalSource === undefined
    ? undefined
    : {
        functionName,
        fileName: entry.originalSource,
        line: entry.originalLine + 1,
        column: entry.originalColumn + 1,
      };
}

/**
 * As an error's `stack` has it.
 *
 * @param {import('../..').StackFrame} frame
 */
function line({ functionName, fileName, line: lineNumber, column }) {
  const place = `${fileName ?? '<anonymous>'}:${lineNumber}:${column}`;
  return functionName === null ? `    at ${place}` : `    at ${functionName} (${place})`;
}

/**
 * Node's own function from which the loop was called tells the phase. What none of them has called, such as a promise
 * job that V8 runs by itself, does not tell.
 *
 * @param {import('../..').StackFrame[] | null} frames
 */
function phaseOf(frames) {
  const { functionName, fileName } = frames?.at(-1) ?? {};
  if (!fileName?.startsWith('node:')) {
    return null;
  }
  // The main script, and what it requires, runs before the loop does.
  if (fileName.startsWith('node:internal/main/')) {
    return 'startup';
  }
  return PHASES[functionName ?? ''] ?? 'poll';
}

module.exports = { blockedEvent, plainEvent };
