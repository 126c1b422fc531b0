'use strict';

/**
 * Writes to the far tier: those of one key one after another, and of several that wait the last one only. So a store
 * that keeps no order ends with what was written last, and the writes under way of a key are two at most.
 *
 * @typedef {import('./envelope.js').Entry} Entry
 * @typedef {object} Write
 * @property {Entry | undefined} entry undefined: the key is removed
 * @property {boolean} announce whether others are told: what was merely loaded is no news
 *
 * @typedef {Write & { resolve: (answer: boolean | undefined) => void, promise: Promise<boolean | undefined> }} Step
 */

class Writer {
  /** For each key the write under way, and the one that comes after it. @type {Map<string, { now: Step, next: Step | undefined }>} */
  #writes = new Map();
  #send;
  /** @type {(() => void)[]} */
  #whenIdle = [];

  /** @param {(key: string, write: Write) => Promise<boolean | undefined>} send never rejects; undefined: it has failed */
  constructor(send) {
    this.#send = send;
  }

  /** Keys with a write under way. */
  get size() {
    return this.#writes.size;
  }

  /** What the key is about to become, if there is a write of it. @param {string} key @returns {Write | undefined} */
  pending(key) {
    const writes = this.#writes.get(key);
    return writes?.next ?? writes?.now;
  }

  /**
   * @param {string} key
   * @param {Write} write
   * @returns {Promise<boolean | undefined>} what the store has answered to it, or to the one that took its place
   */
  write(key, { entry, announce }) {
    const writes = this.#writes.get(key);
    if (writes === undefined) {
      const now = stepOf(entry, announce);
      const begun = { now, next: undefined };
      this.#writes.set(key, begun);
      void this.#run(key, begun);
      return now.promise;
    }
    if (writes.next === undefined) {
      writes.next = stepOf(entry, announce);
    } else {
      writes.next.entry = entry;
      writes.next.announce ||= announce;
    }
    return writes.next.promise;
  }

  /**
   * Others have changed the key. What is being written of it is theirs to judge if it was set here, but what was loaded
   * before may be older than their change: that is removed again.
   *
   * @param {string} key
   */
  overtaken(key) {
    const write = this.pending(key);
    if (write?.entry !== undefined && !write.announce) {
      void this.write(key, { entry: undefined, announce: false });
    }
  }

  overtakenAll() {
    for (const key of this.#writes.keys()) {
      this.overtaken(key);
    }
  }

  /** @returns {Promise<void>} fulfilled when no write is under way */
  idle() {
    return this.#writes.size === 0
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.#whenIdle.push(resolve);
        });
  }

  /**
   * @param {string} key
   * @param {{ now: Step, next: Step | undefined }} writes
   */
  async #run(key, writes) {
    for (;;) {
      const { now } = writes;
      // oxlint-disable-next-line no-await-in-loop -- one after another is the purpose
      now.resolve(await this.#send(key, now));
      if (writes.next === undefined) {
        break;
      }
      writes.now = writes.next;
      writes.next = undefined;
    }
    this.#writes.delete(key);
    if (this.#writes.size === 0) {
      this.#whenIdle.splice(0).forEach((resolve) => resolve());
    }
  }
}

/**
 * @param {Entry | undefined} entry
 * @param {boolean} announce
 * @returns {Step}
 */
function stepOf(entry, announce) {
  /** @type {any} */
  let resolve;
  const promise = new Promise((fulfil) => {
    resolve = fulfil;
  });
  return { entry, announce, resolve, promise };
}

module.exports = { Writer };
