'use strict';

/**
 * What one who waits is told: `look` again, something has been stored; `lead`, ask the handler and let the others go on
 * waiting; `run`, ask it for yourself.
 *
 * @typedef {'look' | 'lead' | 'run'} Advice
 */

/** One run of a handler for which others with the same key wait. */
class Flight {
  /** @type {((advice: Advice) => void)[]} */
  #waiting = [];
  #over = false;
  #onOver;

  #timeout;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /**
   * @param {number} timeout milliseconds after which nobody waits any more, from the first one who does
   * @param {() => void} onOver
   */
  constructor(timeout, onOver) {
    this.#timeout = timeout;
    this.#onOver = onOver;
  }

  /** Whether somebody waits. */
  get isAwaited() {
    return this.#waiting.length > 0;
  }

  /**
   * Each gets a promise of its own, so that it goes on in its own async context.
   *
   * @returns {Promise<Advice>}
   */
  join() {
    this.#timer ??= setTimeout(() => this.land('run'), this.#timeout).unref();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /**
   * Ends it.
   *
   * @param {'look' | 'run'} advice for all who wait
   */
  land(advice) {
    if (!this.#over) {
      this.#end();
      for (const tell of this.#waiting.splice(0)) {
        tell(advice);
      }
    }
  }

  /** Whoever led has failed, which says nothing of the next one: all at once might be the end of what has just failed. */
  passOn() {
    if (this.#over) {
      return;
    }
    const next = this.#waiting.shift();
    if (next === undefined) {
      this.#end();
    } else {
      next('lead');
    }
  }

  #end() {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#onOver();
  }
}

module.exports = { Flight };
