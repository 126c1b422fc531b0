'use strict';

/** Programs that are busy, and use memory as it comes, but do not leak. */

const { deflate } = require('node:zlib');

module.exports = {
  async nothing() {
    return () => {};
  },

  async 'sessions that are swept'() {
    const sessions = new Map();
    let sweptAt = Date.now();
    return (i) => {
      const now = Date.now();
      sessions.set(i, { id: i, at: now, cart: [i] });
      if (now - sweptAt > 2500) {
        sweptAt = now;
        for (const [id, { at }] of sessions) {
          if (now - at > 1500) {
            sessions.delete(id);
          }
        }
      }
    };
  },

  async 'a cache that fills slowly'() {
    const cache = new Map();
    return (i) => {
      if (cache.size < 2500) {
        cache.set(`page ${i}`, { body: `page ${i} `.repeat(30), at: i });
      }
    };
  },

  async 'modules loaded one after another'() {
    const builtin = require('node:module').builtinModules.filter((name) => !name.startsWith('_'));
    return (i) => {
      if (i % 40 === 0 && i / 40 < builtin.length) {
        try {
          require(builtin[i / 40]);
        } catch {
          // Some exist only with a flag.
        }
      }
    };
  },

  async 'compression of many messages at a time'() {
    let running = 0;
    return (i) => {
      if (running < 40) {
        running++;
        deflate(Buffer.alloc(20_000, i), () => {
          running--;
        });
      }
    };
  },

  async 'batches that are collected and sent'() {
    let batch = [];
    return (i) => {
      batch.push({ id: i, text: `line ${i} `.repeat(4) });
      if (batch.length === 1200) {
        batch = [];
      }
    };
  },

  async 'a report now and then'() {
    let report = null;
    return (i) => {
      if (i % 1500 === 0) {
        report = Array.from({ length: 20_000 }, (_, row) => ({ row, total: row * i }));
      } else if (i % 1500 === 500) {
        report = null;
      }
      return report;
    };
  },

  async 'more and more load'() {
    const inFlight = [];
    let factor = 1;
    return (i) => {
      factor = Math.min(6, 1 + i / 1500);
      const now = Date.now();
      for (let n = 0; n < factor; n++) {
        inFlight.push({ until: now + 1000, body: `request ${i} `.repeat(10) });
      }
      while (inFlight[0].until < now) {
        inFlight.shift();
      }
    };
  },
};
