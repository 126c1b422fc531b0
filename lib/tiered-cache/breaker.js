'use strict';

/**
 * Whether a store may be asked. It is closed while the store answers; opens when enough calls of late have failed; and
 * after a while lets one call through, whose end decides.
 *
 * Packages were weighed: cockatiel has callers wait for the one call that tries, while here they go on without the
 * store; opossum runs a bucket timer and an emitter for each breaker. Neither takes a clock, nor counts a failure
 * that a store reports beside its answer.
 *
 * @typedef {'closed' | 'open' | 'half-open'} State
 * @typedef {{ failures: number, window: number, cooldown: number, maxCooldown: number }} BreakerSettings
 */

class Breaker {
  /** @type {State} */
  state = 'closed';
  /** When one call may be tried. */
  until = 0;
  #settings;
  #now;
  #onChange;
  #cooldown;
  /** Counts up with each change, so that the ends of calls that began before it do not count. */
  #turn = 1;
  /** Calls of this half of the window, and of the one before. */
  #counts = { since: 0, calls: 0, failed: 0 };
  #before = { calls: 0, failed: 0 };

  /**
   * @param {BreakerSettings} settings
   * @param {() => number} now milliseconds
   * @param {(state: State) => void} onChange
   */
  constructor(settings, now, onChange) {
    this.#settings = settings;
    this.#now = now;
    this.#onChange = onChange;
    this.#cooldown = settings.cooldown;
  }

  /** @returns {number} what a call that may be made says again when it ends; 0: none may be made */
  enter() {
    if (this.state === 'closed') {
      return this.#turn;
    }
    if (this.state === 'half-open' || this.#now() < this.until) {
      return 0;
    }
    this.#change('half-open');
    return this.#turn;
  }

  /** @param {number} turn */
  succeeded(turn) {
    if (turn !== this.#turn) {
      return;
    }
    if (this.state === 'half-open') {
      this.#cooldown = this.#settings.cooldown;
      this.#counts = { since: this.#now(), calls: 0, failed: 0 };
      this.#before = { calls: 0, failed: 0 };
      this.#change('closed');
    } else {
      this.#count(0);
    }
  }

  /** @param {number} turn */
  failed(turn) {
    if (turn !== this.#turn) {
      return;
    }
    if (this.state === 'half-open') {
      this.#cooldown = Math.min(this.#cooldown * 2, this.#settings.maxCooldown);
      this.#open();
      return;
    }
    this.#count(1);
    const failed = this.#counts.failed + this.#before.failed;
    const calls = this.#counts.calls + this.#before.calls;
    // Where most of the calls are answered, the store is worth asking.
    if (failed >= this.#settings.failures && failed * 2 >= calls) {
      this.#open();
    }
  }

  #open() {
    this.until = this.#now() + this.#cooldown;
    this.#change('open');
  }

  /** @param {State} state */
  #change(state) {
    this.state = state;
    this.#turn++;
    this.#onChange(state);
  }

  /** @param {number} failed 0 or 1 */
  #count(failed) {
    const half = this.#settings.window / 2;
    const age = this.#now() - this.#counts.since;
    if (age >= half) {
      const { calls, failed: lately } = this.#counts;
      this.#before = age < 2 * half ? { calls, failed: lately } : { calls: 0, failed: 0 };
      this.#counts = { since: this.#now(), calls: 0, failed: 0 };
    }
    this.#counts.calls++;
    this.#counts.failed += failed;
  }
}

module.exports = { Breaker };
