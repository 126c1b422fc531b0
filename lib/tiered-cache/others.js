'use strict';

const { Announcer } = require('./announcer.js');
const { Breaker } = require('./breaker.js');
const { Guard, always, isAnswer } = require('./guard.js');
const { busOf } = require('./redis-bus.js');
const { Subscription } = require('./subscription.js');

const CHANNEL = 'heapwise:invalidate';
/** What a subscription may take to come up, or to say that it is alive. Milliseconds. */
const TIMEOUT = 5000;

/** The caches of other processes over the same far tier, if there is a way to them. */
class Others {
  #counts = { received: 0, resets: 0 };
  /** @type {Announcer | undefined} */
  #announcer = undefined;
  /** @type {Subscription | undefined} */
  #subscription = undefined;
  /**
   * Not that of the far tier: where messages have another way, or are forbidden, values are still there to be read.
   *
   * @type {Guard}
   */
  #guard;

  /**
   * @param {ReturnType<typeof import('./options.js').settingsOf>} settings
   * @param {import('../timers.js').Timers} timers
   * @param {object} told
   * @param {(reason: unknown) => void} told.onFailure
   * @param {(keys: string[] | undefined) => void} told.forget what others have changed; undefined: everything
   * @param {(up: boolean, reason?: unknown) => void} told.onSubscription
   */
  constructor(settings, timers, { onFailure, forget, onSubscription }) {
    const { far, invalidation, breaker } = settings;
    // What is kept tries again by itself, as often as the first time.
    const steady = { ...breaker, maxCooldown: breaker.cooldown };
    this.#guard = new Guard(new Breaker(steady, timers.now, () => {}), settings, timers, onFailure);
    const bus = invalidation && (invalidation.bus ?? busOf(far.adapter, channelOf(far, invalidation)));
    if (invalidation === undefined || bus === undefined) {
      return;
    }
    const announcer = new Announcer(async (message) => {
      return isAnswer(await this.#guard.call('publish', async () => bus.publish(message), always));
    });
    this.#announcer = announcer;
    const { heartbeat } = invalidation;
    this.#subscription = new Subscription(bus, { heartbeat, timeout: TIMEOUT }, timers, {
      onMessage: (message) => {
        const invalid = announcer.read(message);
        if (invalid !== undefined) {
          this.#counts.received++;
          forget(invalid.keys);
        }
      },
      onUp: () => {
        // What was changed before was not heard.
        this.#counts.resets++;
        forget(undefined);
        onSubscription(true);
      },
      onDown: (reason) => onSubscription(false, reason),
    });
  }

  /**
   * @param {string[] | undefined} keys undefined: everything
   * @returns {Promise<boolean>} whether they know, or there is no way to them
   */
  async announce(keys) {
    return this.#announcer === undefined || this.#announcer.announce(keys);
  }

  /** Whether what they say arrives. */
  get areHeard() {
    return this.#subscription === undefined || this.#subscription.isUp;
  }

  /** @returns {Promise<void>} */
  async ready() {
    await this.#subscription?.ready();
  }

  close() {
    this.#subscription?.close();
  }

  /** @returns {import('../..').TieredCacheStats['invalidation']} */
  stats() {
    const state = this.#subscription === undefined ? 'none' : this.#subscription.isUp ? 'up' : 'down';
    const { failures, skipped } = this.#guard.counts;
    return { state, sent: this.#announcer?.sent ?? 0, unsent: failures + skipped, ...this.#counts };
  }
}

/**
 * @param {import('./far.js').Far} far
 * @param {{ channel: string | undefined }} invalidation
 */
function channelOf({ adapter }, { channel }) {
  const namespace = adapter?.namespace;
  return channel ?? (namespace ? `${CHANNEL}:${namespace}` : CHANNEL);
}

module.exports = { Others };
