'use strict';

const { LinkedList } = require('./linked-list.js');

/** @typedef {import('../timers.js').Timers} Timers */

/** Those of one priority. @extends {LinkedList<Waiter>} */
class Equals extends LinkedList {
  /** @param {number} priority */
  constructor(priority) {
    super();
    this.priority = priority;
  }
}

/** Somebody who waits for a resource. Thousands may: it has no more fields than it needs. */
class Waiter {
  /** @type {Waiter | undefined} */
  previous = undefined;
  /** @type {Waiter | undefined} */
  next = undefined;
  /** The list that it stands in. @type {Equals | undefined} */
  list = undefined;
  /**
   * What ends its wait besides the time that most wait.
   *
   * @type {{ timer: any, signal: AbortSignal | undefined, onAbort: (() => void) | undefined } | undefined}
   */
  limits = undefined;

  /**
   * @param {(resource: any) => void} resolve
   * @param {(reason: unknown) => void} reject
   * @param {number} since
   * @param {number} timeout Infinity for none
   * @param {import('./entry.js').Asker | undefined} asker
   * @param {boolean} wantsEntry whether it is given the entry, not the resource
   */
  constructor(resolve, reject, since, timeout, asker, wantsEntry) {
    this.resolve = resolve;
    this.reject = reject;
    this.since = since;
    this.timeout = timeout;
    this.asker = asker;
    this.wantsEntry = wantsEntry;
  }
}

/**
 * Those who wait, by priority and then by who came first.
 *
 * Of one priority those who wait equally long time out in the order in which they came. So most need no timer of their
 * own: one that looks at the heads of the lists serves them all.
 */
class WaitingLine {
  #clock;
  #usual;
  #onLate;
  #onAborted;
  /** Of those of priority 0, which most have. */
  #usualList = new Equals(0);
  /** In the order in which they are served. */
  #lists = [this.#usualList];
  /** @type {any} */
  #timer;
  size = 0;

  /**
   * @param {Timers} clock
   * @param {number} usual the time-out that most have, milliseconds
   * @param {(waiter: Waiter) => void} onLate gets one whose time is over, and who is out of the line
   * @param {(waiter: Waiter) => void} onAborted gets one whose signal was aborted, and who is out of the line
   */
  constructor(clock, usual, onLate, onAborted) {
    this.#clock = clock;
    this.#usual = usual;
    this.#onLate = onLate;
    this.#onAborted = onAborted;
  }

  /**
   * @param {Waiter} waiter
   * @param {number} priority the greater, the sooner it is served
   */
  push(waiter, priority) {
    const list =
      priority === 0
        ? this.#usualList
        : (this.#lists.find((each) => each.priority === priority) ?? this.#open(priority));
    waiter.list = list;
    list.push(waiter);
    this.size++;
  }

  /**
   * Ends the wait of one in the line when its time is over, or when it is aborted.
   *
   * @param {Waiter} waiter
   * @param {AbortSignal | undefined} signal
   */
  limit(waiter, signal) {
    const { timeout } = waiter;
    let timer;
    let onAbort;
    if (timeout !== Infinity && timeout !== this.#usual) {
      timer = this.#clock.setTimeout(() => {
        this.remove(waiter);
        this.#onLate(waiter);
      }, timeout);
    } else if (timeout !== Infinity && this.#timer === undefined) {
      this.#timer = this.#clock.setTimeout(() => this.#expire(), timeout);
    }
    if (signal !== undefined) {
      onAbort = () => {
        this.remove(waiter);
        this.#onAborted(waiter);
      };
      signal.addEventListener('abort', onAbort, { once: true });
    }
    if (timer !== undefined || signal !== undefined) {
      waiter.limits = { timer, signal, onAbort };
    }
  }

  /** Takes out who is to be served next. @returns {Waiter | undefined} */
  shift() {
    // No for-of: this is done for each loan that was waited for, and mostly there is one list.
    for (let i = 0; i < this.#lists.length; i++) {
      const { first } = this.#lists[i];
      if (first !== undefined) {
        this.remove(first);
        return first;
      }
    }
    return undefined;
  }

  /** @param {Waiter} waiter who stands in this line */
  remove(waiter) {
    const list = /** @type {Equals} */ (waiter.list);
    list.remove(waiter);
    waiter.list = undefined;
    this.size--;
    if (list.size === 0 && list.priority !== 0) {
      this.#lists.splice(this.#lists.indexOf(list), 1);
    }
    if (waiter.limits !== undefined) {
      const { timer, signal, onAbort } = waiter.limits;
      this.#clock.clearTimeout(timer);
      if (onAbort !== undefined) {
        signal?.removeEventListener('abort', onAbort);
      }
    }
  }

  /** Of an empty line. */
  close() {
    this.#clock.clearTimeout(this.#timer);
  }

  /** Takes out those whose time is over and who have no timer of their own. */
  #expire() {
    const now = this.#clock.now();
    /** @type {Waiter[]} */
    const late = [];
    let next = Infinity;
    for (const { first } of this.#lists) {
      for (let waiter = first; waiter !== undefined;) {
        const current = waiter;
        waiter = current.next;
        if (current.timeout !== this.#usual) {
          continue;
        }
        const end = current.since + current.timeout;
        if (end > now) {
          next = Math.min(next, end);
          break;
        }
        late.push(current);
      }
    }
    this.#timer =
      next === Infinity ? undefined : this.#clock.setTimeout(() => this.#expire(), Math.max(1, next - now));
    for (const waiter of late) {
      // The refusal of one may have ended the wait of another.
      if (waiter.list !== undefined) {
        this.remove(waiter);
        this.#onLate(waiter);
      }
    }
  }

  /** @param {number} priority */
  #open(priority) {
    const opened = new Equals(priority);
    const at = this.#lists.findIndex((each) => each.priority < priority);
    this.#lists.splice(at === -1 ? this.#lists.length : at, 0, opened);
    return opened;
  }
}

module.exports = { Waiter, WaitingLine };
