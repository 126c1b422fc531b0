'use strict';

/**
 * The worker that captures stacks of the main thread through the inspector, where V8's own functions cannot be had.
 *
 * No port is opened. Node hands inspector messages to a thread that is busy with JavaScript, so `Debugger.pause` works
 * while it is blocked. It is always resumed, and the debugger is on for as long as it takes only: while it is, V8 keeps
 * more than it needs otherwise.
 */

const { Session } = require('node:inspector');
const { fileURLToPath } = require('node:url');
const { parentPort } = require('node:worker_threads');
const binding = require('../binding.js');

/** Milliseconds after which a pause is given up: the thread is in a native call, or it is not blocked any more. */
const PATIENCE = 200;

/** What is under way, if anything. @type {{ session: Session, timer: NodeJS.Timeout } | undefined} */
let current;

/** @param {number} block */
function capture(block) {
  if (current !== undefined) {
    return;
  }
  // Connected for as long as it takes only: a process that ends waits for sessions, and says so on stderr.
  const session = new Session();
  session.connectToMainThread();
  current = { session, timer: setTimeout(done, PATIENCE) };
  /** Where scripts come from, by their number; told when the debugger is turned on. @type {Map<string, string>} */
  const urls = new Map();
  let asked = false;
  session.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => urls.set(scriptId, url));
  session.once('Debugger.paused', ({ params }) => {
    if (asked) {
      const frames = params.callFrames.map((callFrame) => frame(callFrame, urls));
      session.post('Debugger.resume');
      binding.deliverStack(block, frames);
    } else {
      // It was paused already when the debugger was turned on. Who did that will resume it.
      binding.deliverStack(block, null);
    }
    done();
  });
  session.post('Debugger.enable', () => {
    // Only now: if somebody else has paused the thread, that was told before this answer.
    if (current?.session === session) {
      asked = true;
      session.post('Debugger.pause');
    }
  });
}

/** Also takes back a pause that has not come. */
function done() {
  if (current !== undefined) {
    clearTimeout(current.timer);
    current.session.post('Debugger.disable');
    current.session.disconnect();
    current = undefined;
  }
}

/**
 * @param {import('node:inspector').Debugger.CallFrame} callFrame
 * @param {Map<string, string>} urls
 */
function frame({ functionName, location: { scriptId, lineNumber, columnNumber = 0 } }, urls) {
  const url = urls.get(scriptId) ?? '';
  const script = url.startsWith('file:') ? fileURLToPath(url) : url;
  return { function: functionName, script, line: lineNumber + 1, column: columnNumber + 1 };
}

binding.serveStacks(capture);
// Keeps this thread, which its parent does not wait for, until it is terminated.
parentPort?.on('message', () => {});
