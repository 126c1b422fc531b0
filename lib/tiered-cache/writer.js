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
  #loaded;
  /** @type {(() => void)[]} */
  #whenIdle = [];

  /**
   * @param {(key: string, write: Write) => Promise<boolean | undefined>} send never rejects; undefined: it has failed
   * @param {import('./recent.js').Recent} loaded where keys go of which something was written that was merely loaded
   */
  constructor(send, loaded) {
    this.#send = send;
    this.#loaded = loaded;
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
   * Others have changed the key. What was set here they will hear of in turn. But what was loaded may be older than their
   * change, and have come to the far tier after it: it is removed again, also if it was written a moment ago, since their
   * message takes its time.
   *
   * @param {string} key
   */
  overtaken(key) {
    const write = this.pending(key);
    if (write === undefined ? this.#loaded.has(key) : write.entry !== undefined && !write.announce) {
      void this.write(key, { entry: undefined, announce: false });
    }
  }

  overtakenAll() {
    for (const key of new Set([...this.#writes.keys(), ...this.#loaded.keys()])) {
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
      const answer = await this.#send(key, now);
      if (answer === true && now.entry !== undefined && !now.announce) {
        this.#loaded.add(key);
      }
      now.resolve(answer);
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
