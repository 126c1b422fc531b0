'use strict';

/** Until the next attempt to connect, at first and at most. Milliseconds. */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5000;

/**
 * Keeps a subscription up: connects again when it was lost, and asks now and then whether it is still there. A connection
 * can be dead without a word, and with it all that should have been heard.
 *
 * @typedef {import('../..').InvalidationBus} Bus
 * @typedef {ReturnType<Bus['subscribe']>} Connection
 */
class Subscription {
  /** Whether messages arrive, as far as is known. */
  isUp = false;
  #bus;
  #settings;
  #timers;
  #told;
  /** @type {Connection | undefined} */
  #connection = undefined;
  /** @type {any} */
  #timer = undefined;
  #pause = FIRST_PAUSE;
  #isClosed = false;
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * @param {Bus} bus
   * @param {{ heartbeat: number, timeout: number }} settings milliseconds
   * @param {import('../timers.js').Timers} timers
   * @param {{ onMessage: (message: string) => void, onUp: () => void, onDown: (reason: unknown) => void }} told
   */
  constructor(bus, settings, timers, told) {
    this.#bus = bus;
    this.#settings = settings;
    this.#timers = timers;
    this.#told = told;
    this.#connect();
  }

  /** @returns {Promise<void>} fulfilled when it is up, or closed */
  ready() {
    return this.isUp || this.#isClosed
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.#waiting.push(resolve);
        });
  }

  close() {
    this.#isClosed = true;
    this.isUp = false;
    this.#timers.clearTimeout(this.#timer);
    this.#drop();
    this.#release();
  }

  #connect() {
    /** @type {Connection} */
    let connection;
    const lost = (/** @type {unknown} */ reason) => {
      if (connection === undefined || this.#connection === connection) {
        this.#lost(reason);
      }
    };
    try {
      connection = this.#bus.subscribe((message) => this.#told.onMessage(message), lost);
    } catch (thrown) {
      this.#lost(thrown);
      return;
    }
    this.#connection = connection;
    this.#within(connection.ready, this.#settings.timeout).then(
      () => this.#connection === connection && this.#up(),
      lost,
    );
  }

  #up() {
    this.isUp = true;
    this.#pause = FIRST_PAUSE;
    this.#told.onUp();
    this.#release();
    this.#beat();
  }

  #beat() {
    const connection = this.#connection;
    const { heartbeat, timeout } = this.#settings;
    if (connection?.ping === undefined || heartbeat === Infinity) {
      return;
    }
    this.#timer = this.#timers.setTimeout(() => {
      const pong = /** @type {() => Promise<unknown>} */ (connection.ping);
      this.#within(pong(), Math.min(heartbeat, timeout)).then(
        () => this.#connection === connection && this.#beat(),
        (reason) => this.#connection === connection && this.#lost(reason),
      );
    }, heartbeat);
  }

  /** @param {unknown} reason */
  #lost(reason) {
    if (this.#isClosed) {
      return;
    }
    const wasUp = this.isUp;
    this.isUp = false;
    this.#drop();
    this.#timers.clearTimeout(this.#timer);
    this.#timer = this.#timers.setTimeout(() => this.#connect(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
    if (wasUp) {
      this.#told.onDown(reason);
    }
  }

  #drop() {
    const connection = this.#connection;
    // Before it is closed, which it may tell of.
    this.#connection = undefined;
    try {
      connection?.close();
    } catch {
      // It was closed already.
    }
  }

  #release() {
    this.#waiting.splice(0).forEach((resolve) => resolve());
  }

  /**
   * @param {PromiseLike<unknown>} promise
   * @param {number} timeout
   */
  #within(promise, timeout) {
    return new Promise((resolve, reject) => {
      const timer = this.#timers.setTimeout(() => {
        reject(new Error(`The subscription did not answer within ${timeout} ms`));
      }, timeout);
      Promise.resolve(promise)
        .finally(() => this.#timers.clearTimeout(timer))
        .then(resolve, reject);
    });
  }
}

module.exports = { Subscription };
