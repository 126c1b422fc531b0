'use strict';

/**
 * A service under traffic as services have it: requests that come at random, bursts, quiet times, work that leaves garbage,
 * caches that fill and turn over, sessions that last a while. None of it leaks. What is tried out is one more thing that each
 * request does.
 */

const { createRandom } = require('../../lib/random.js');

/** Milliseconds between two looks at what has come in. */
const TICK = 5;
/** Requests per second, on average outside bursts and quiet times. */
const RATE = 400;
/** Seconds after which the traffic changes. */
const EPISODE = 2;
/** What an episode may be, as factors of the rate; ordinary ones are the most frequent. */
const EPISODES = [1, 1, 1, 1.2, 0.8, 2.5, 0.1];

const CATALOGUE = 1500;
const SESSION_MS = 1200;
const FEWEST_SESSIONS = 50;

function createServer(seed) {
  const random = createRandom(seed);
  const catalogue = new Map();
  const sessions = new Map();
  let requests = 0;
  const state = { stopped: false };

  /** @param {number} now */
  function ordinaryWork(now) {
    const product = Math.floor(random() ** 2 * 6000);
    if (!catalogue.has(product)) {
      if (catalogue.size >= CATALOGUE) {
        catalogue.delete(catalogue.keys().next().value);
      }
      catalogue.set(product, { product, title: `product ${product}`.repeat(4), price: random() });
    }
    const order = { id: requests, lines: Array.from({ length: 20 }, (_, line) => ({ line, product })) };
    const text = JSON.stringify(order);
    const parsed = JSON.parse(text);
    sessions.set(requests, { until: now + SESSION_MS * (0.5 + random()), cart: parsed.lines.slice(0, 3) });
    return text.length;
  }

  /** @param {number} now */
  function endSessions(now) {
    for (const [id, { until }] of sessions) {
      if (sessions.size <= FEWEST_SESSIONS || until > now) {
        break;
      }
      sessions.delete(id);
    }
  }

  /** How many requests have come within a tick: a Poisson variable (Knuth 1969). */
  function arrivals(expected) {
    const limit = Math.exp(-expected);
    let count = 0;
    for (let product = random(); product > limit; product *= random()) {
      count++;
    }
    return count;
  }

  return {
    get requests() {
      return requests;
    },
    stop() {
      state.stopped = true;
    },
    /**
     * Serves until it is stopped.
     *
     * @param {(i: number) => unknown} extra what each request does beside
     */
    async run(extra) {
      let factor = 1;
      let nextEpisode = 0;
      let last = performance.now();
      while (!state.stopped) {
        const now = performance.now();
        if (now >= nextEpisode) {
          nextEpisode = now + EPISODE * 1000;
          factor = EPISODES[Math.floor(random() * EPISODES.length)];
        }
        // What comes while the service is busy is served later, but not without limit.
        const elapsed = Math.min(now - last, 50);
        last = now;
        const pending = [];
        for (let left = arrivals((RATE * factor * elapsed) / 1000); left > 0; left--) {
          ordinaryWork(now);
          pending.push(extra(requests++));
        }
        endSessions(now);
        await Promise.all(pending);
        await new Promise((resolve) => setTimeout(resolve, TICK));
      }
    },
  };
}

module.exports = { createServer };
