'use strict';

/**
 * When to try again what has failed: exponential, with half of each delay left to chance, so that many processes that
 * failed together do not come back together ("equal jitter", Marc Brooker, "Exponential Backoff and Jitter", 2015).
 */
class Backoff {
  #lowest;
  #highest;
  #random;
  #failures = 0;
  /** Attempts that began before the last failure was known fail for the same cause. */
  #round = 0;
  /** Until then nothing is tried. */
  until = -Infinity;

  /**
   * @param {{ min: number, max: number }} delays milliseconds
   * @param {() => number} random
   */
  constructor({ min, max }, random) {
    this.#lowest = min;
    this.#highest = max;
    this.#random = random;
  }

  /** To be handed to `failed`. */
  begin() {
    return this.#round;
  }

  succeeded() {
    this.#failures = 0;
    this.until = -Infinity;
  }

  /**
   * @param {number} round
   * @param {number} now
   */
  failed(round, now) {
    if (round !== this.#round) {
      return;
    }
    this.#round++;
    const delay = Math.min(this.#highest, this.#lowest * 2 ** this.#failures++);
    this.until = now + delay * (0.5 + this.#random() / 2);
  }
}

module.exports = { Backoff };
