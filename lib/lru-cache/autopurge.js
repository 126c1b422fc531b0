'use strict';

const { grown } = require('../cache/columns.js');
const { LONGEST_TIMER } = require('../timers.js');
const { later } = require('./timer.js');

/** Entries that one turn removes: less than a millisecond. */
const AT_ONCE = 1024;

/**
 * Has each entry removed when its time is over: a heap of slots by when to look at them, and one timer for the first of
 * them, where a timer for each would take more than the entry.
 *
 * A slot is in the heap once. One whose entry has gone, or lives longer by now, stays there until its turn comes, so that
 * neither evictions nor uses cost anything.
 */
class Autopurge {
  #target;
  /** Slots, the one to look at first in front. @type {number[]} */
  #heap = [];
  /** When to look, by slot. */
  #dues = new Float64Array(0);
  /** Place in the heap, by slot, plus 1; 0: not in it. */
  #places = new Int32Array(0);
  /** @type {any} */
  #timer;
  /** When the timer fires. */
  #planned = Infinity;

  /**
   * @param {{ endOf(slot: number): number, expire(slot: number): void, tell(): void, now(): number }} target has the
   *   entries: when a slot's entry is over, Infinity for one that has none. Held weakly
   */
  constructor(target) {
    this.#target = new WeakRef(target);
  }

  /**
   * An entry is over then.
   *
   * @param {number} slot
   * @param {number} end
   * @param {number} capacity slots
   */
  expect(slot, end, capacity) {
    if (!Number.isFinite(end)) {
      return;
    }
    if (slot >= this.#dues.length) {
      this.#dues = grown(this.#dues, new Float64Array(capacity));
      this.#places = grown(this.#places, new Int32Array(capacity));
    }
    if (this.#places[slot] === 0) {
      this.#dues[slot] = end;
      this.#rise(this.#heap.length, slot);
    } else if (end < this.#dues[slot]) {
      this.#dues[slot] = end;
      this.#rise(this.#places[slot] - 1, slot);
    }
    this.#plan();
  }

  clear() {
    this.#heap = [];
    this.#places.fill(0);
    this.#stop();
  }

  #stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#planned = Infinity;
  }

  #plan() {
    const [first] = this.#heap;
    const due = first === undefined ? Infinity : this.#dues[first];
    const target = due < this.#planned ? this.#target.deref() : undefined;
    if (target !== undefined) {
      this.#stop();
      this.#planned = due;
      // Over is what has lived for longer than its time: a millisecond more.
      const delay = Math.max(1, Math.ceil(due - target.now()) + 1);
      this.#timer = later(() => this.#purge(), Math.min(delay, LONGEST_TIMER));
    }
  }

  #purge() {
    this.#timer = undefined;
    this.#planned = Infinity;
    const target = this.#target.deref();
    if (target === undefined) {
      return;
    }
    const now = target.now();
    try {
      for (let left = AT_ONCE; left > 0 && this.#heap.length > 0; left--) {
        const [slot] = this.#heap;
        if (this.#dues[slot] >= now) {
          break;
        }
        this.#takeFirst();
        const end = target.endOf(slot);
        if (end < now) {
          target.expire(slot);
        } else if (end !== Infinity) {
          this.#dues[slot] = end;
          this.#rise(this.#heap.length, slot);
        }
      }
      target.tell();
    } finally {
      // Also when a callback has thrown: the others are still to be removed.
      this.#plan();
    }
  }

  /**
   * Puts a slot in the heap, at a place or above.
   *
   * @param {number} place
   * @param {number} slot
   */
  #rise(place, slot) {
    const heap = this.#heap;
    const dues = this.#dues;
    let at = place;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (dues[heap[above]] <= dues[slot]) {
        break;
      }
      this.#put(at, heap[above]);
      at = above;
    }
    this.#put(at, slot);
  }

  #takeFirst() {
    const heap = this.#heap;
    const dues = this.#dues;
    this.#places[heap[0]] = 0;
    const last = /** @type {number} */ (heap.pop());
    if (heap.length === 0) {
      return;
    }
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below + 1 < heap.length && dues[heap[below + 1]] < dues[heap[below]]) {
        below++;
      }
      if (below >= heap.length || dues[heap[below]] >= dues[last]) {
        break;
      }
      this.#put(at, heap[below]);
      at = below;
    }
    this.#put(at, last);
  }

  /**
   * @param {number} place
   * @param {number} slot
   */
  #put(place, slot) {
    this.#heap[place] = slot;
    this.#places[slot] = place + 1;
  }
}

module.exports = { Autopurge };
