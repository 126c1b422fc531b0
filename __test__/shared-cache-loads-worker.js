'use strict';

/**
 * A thread that loads values as it is told: what its load functions return is told as well, when they have been called.
 */

const { parentPort: port, workerData } = require('node:worker_threads');
const { SharedCache } = require('..');

const cache = new SharedCache(workerData.options);
/** Loads that wait for their value, by the number of their call. */
const waiting = new Map();
const controllers = new Map();

const COMMANDS = {
  load({ call, key, options, blocks }) {
    const load = (_key, { signal }) => {
      signal.addEventListener('abort', () => tell(call, 'aborted'));
      tell(call, 'loading');
      if (blocks) {
        for (;;) {
          // Until it is terminated.
        }
      }
      return new Promise((resolve, reject) => waiting.set(call, { resolve, reject }));
    };
    const controller = new AbortController();
    controllers.set(call, controller);
    const given = options?.signal ? { ...options, signal: controller.signal } : options;
    cache.getOrLoad(key, load, given).then(
      (value) => tell(call, 'value', value),
      (thrown) => tell(call, 'error', { code: thrown?.code, message: thrown?.message }),
    );
    tell(call, 'asked');
  },
  resolve: ({ call, value }) => waiting.get(call).resolve(value),
  reject: ({ call, value }) => waiting.get(call).reject(new Error(value)),
  abort: ({ call }) => controllers.get(call).abort(new Error('left')),
  set: ({ key, value }) => cache.set(key, value),
  close: () => cache.close(),
  exit: () => process.exit(),
};

function tell(call, what, value) {
  port.postMessage({ call, what, value });
}

port.on('message', (message) => {
  COMMANDS[message.command](message);
  tell(message.call, message.command);
});
