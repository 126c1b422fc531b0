'use strict';

/** Leaks that the service itself has, and the same without. */

const { EventEmitter } = require('node:events');

/** Keeps what it races against only as long as the race lasts. */
function safeRace(pending, promise) {
  return new Promise((resolve, reject) => {
    pending.add(resolve);
    promise.then(resolve, reject).finally(() => pending.delete(resolve));
  });
}

module.exports = {
  async 'a map that nobody clears'({ leaky }) {
    const users = new Map();
    return (i) => {
      users.set(i, { name: `user ${i}`, seen: [i] });
      if (!leaky) {
        users.delete(i - 200);
      }
    };
  },

  async 'listeners that nobody removes'({ leaky }) {
    const bus = new EventEmitter();
    bus.setMaxListeners(0);
    // A bus that is spoken to now and then, as those are whose listeners go unnoticed.
    return (i) => {
      const listener = (order) => order.id === i;
      bus.on('order', listener);
      if (!leaky) {
        bus.off('order', listener);
      }
    };
  },

  async 'timers that nobody clears'({ leaky }) {
    return (i) => {
      const session = { id: i, cart: [i, i + 1] };
      const timer = setInterval(() => session.cart.length, 3_600_000).unref();
      if (!leaky) {
        clearInterval(timer);
      }
    };
  },

  async 'buffers that nobody drops'({ leaky }) {
    const uploads = [];
    return (i) => {
      if (i % 4 === 0) {
        uploads.push(Buffer.alloc(16 * 1024, i));
        if (!leaky && uploads.length > 100) {
          uploads.shift();
        }
      }
    };
  },

  async 'closures that hold what they came from'({ leaky }) {
    let previous = null;
    return (i) => {
      let before = previous;
      const payload = `order ${i} `.repeat(8);
      // Both functions have one context, which holds `before` for as long as either of them lives.
      const changed = () => before?.payload !== payload;
      previous = { payload, describe: () => payload, changed: changed() };
      if (!leaky) {
        before = null;
      }
    };
  },

  async 'a race against a promise that stays'({ leaky }) {
    const shutdown = new Promise(() => {});
    const waiting = new Set();
    return async (i) => {
      const answer = Promise.resolve(i);
      await (leaky ? Promise.race([shutdown, answer]) : safeRace(waiting, answer));
    };
  },

  async 'a race for buffers'({ leaky }) {
    const shutdown = new Promise(() => {});
    const waiting = new Set();
    return async (i) => {
      if (i % 8 === 0) {
        const answer = Promise.resolve(Buffer.alloc(16 * 1024));
        await (leaky ? Promise.race([shutdown, answer]) : safeRace(waiting, answer));
      }
    };
  },

  async 'AbortSignal.any of a signal that stays'({ leaky }) {
    const shutdown = new AbortController();
    return () => {
      const { signal } = leaky ? shutdown : new AbortController();
      AbortSignal.any([signal]);
    };
  },
};
