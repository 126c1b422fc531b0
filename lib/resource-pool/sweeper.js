'use strict';

const { LONGEST_TIMER } = require('../timers.js');

/** @typedef {import('./entry.js').Entry} Entry */

/** Finds those who have been idle, or have lived, for too long, with one timer for all of them. */
class Sweeper {
  #clock;
  #idle;
  #due;
  #onDue;
  /** @type {any} */
  #timer;
  /** When the timer fires; Infinity without one. */
  #next = Infinity;

  /**
   * @param {import('../timers.js').Timers} clock
   * @param {import('./linked-list.js').LinkedList<Entry>} idle
   * @param {(entry: Entry) => number} due when an idle one is to go; Infinity for never
   * @param {(entries: Entry[]) => void} onDue gets those whose time has come
   */
  constructor(clock, idle, due, onDue) {
    this.#clock = clock;
    this.#idle = idle;
    this.#due = due;
    this.#onDue = onDue;
  }

  /** @param {Entry} entry that has just become idle */
  added(entry) {
    const due = this.#due(entry);
    if (due < this.#next) {
      this.#plan(due);
    }
  }

  stop() {
    this.#clock.clearTimeout(this.#timer);
    this.#next = Infinity;
  }

  /** @param {number} at */
  #plan(at) {
    this.#clock.clearTimeout(this.#timer);
    this.#next = at;
    const delay = Math.min(Math.max(at - this.#clock.now(), 1), LONGEST_TIMER);
    this.#timer = this.#clock.setTimeout(() => this.#sweep(), delay);
  }

  #sweep() {
    const now = this.#clock.now();
    /** @type {Entry[]} */
    const over = [];
    let next = Infinity;
    for (let entry = this.#idle.first; entry !== undefined; entry = entry.next) {
      const due = this.#due(entry);
      if (due <= now) {
        over.push(entry);
      } else {
        next = Math.min(next, due);
      }
    }
    this.#next = Infinity;
    if (next !== Infinity) {
      this.#plan(next);
    }
    this.#onDue(over);
  }
}

module.exports = { Sweeper };
