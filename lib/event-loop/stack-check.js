'use strict';

/**
 * Whether frames that come through the bridge are those of this very place: a wrong guess about V8's structures would
 * show here. Asked once, before the watchdog interrupts anything.
 *
 * @param {typeof import('../binding.js')} binding
 * @returns {string | undefined} why stacks through the bridge are not to be believed; undefined where they are
 */
function checkStacks(binding) {
  try {
    // On one line, so that both have the same number.
    // prettier-ignore
    const [seen, sites] = [binding.captureStack(), callSites()];
    const same = [0, 1].every((depth) => {
      const frame = seen[depth];
      const site = sites[depth];
      return (
        frame !== undefined &&
        frame.function === (site.getFunctionName() ?? '') &&
        frame.script === site.getScriptNameOrSourceURL() &&
        frame.line === site.getLineNumber()
      );
    });
    return same ? undefined : "the bridge reads another stack than JavaScript's own";
  } catch (raised) {
    return /** @type {Error} */ (raised).message;
  }
}

/**
 * The frames of the caller as V8 gives them to JavaScript.
 *
 * @returns {any[]}
 */
function callSites() {
  const { prepareStackTrace, stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = 4;
    Error.prepareStackTrace = (_error, sites) => sites;
    const holder = /** @type {{ stack: any[] }} */ (/** @type {unknown} */ ({}));
    Error.captureStackTrace(holder, callSites);
    return holder.stack;
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

module.exports = { checkStacks };
