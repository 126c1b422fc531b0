'use strict';

const { randomUUID } = require('node:crypto');

/** Keys of one message. */
const MOST_KEYS = 500;
/** Of messages whose form is this one. */
const VERSION = 1;

/**
 * What one process tells the others: keys that were set or deleted, as one message for all of a turn of the event loop.
 *
 * @typedef {{ keys: Set<string>, all: boolean, sent: Promise<boolean>, resolve: (sent: boolean) => void }} Batch
 */
class Announcer {
  /** Messages sent. */
  sent = 0;
  /** By which a process knows its own messages. */
  #id = randomUUID();
  #publish;
  /** @type {Batch | undefined} */
  #batch = undefined;

  /** @param {(message: string) => Promise<boolean>} publish never rejects; false: it has failed */
  constructor(publish) {
    this.#publish = publish;
  }

  /**
   * @param {string[] | undefined} keys undefined: everything
   * @returns {Promise<boolean>} whether the message is out
   */
  announce(keys) {
    const batch = this.#open();
    if (keys === undefined) {
      batch.all = true;
    } else {
      keys.forEach((key) => batch.keys.add(key));
    }
    if (batch.keys.size >= MOST_KEYS) {
      void this.#send(batch);
    }
    return batch.sent;
  }

  /**
   * @param {string} message
   * @returns {{ keys: string[] | undefined } | undefined} what is invalid, without keys everything; undefined: the message is
   *   our own
   */
  read(message) {
    let read;
    try {
      read = JSON.parse(message);
    } catch {
      // What it was to say is lost.
      return { keys: undefined };
    }
    if (read?.from === this.#id) {
      return undefined;
    }
    const isKnown = read?.heapwise === VERSION && Array.isArray(read.keys);
    return { keys: isKnown && read.keys.every(isString) ? read.keys : undefined };
  }

  #open() {
    if (this.#batch === undefined) {
      /** @type {any} */
      let resolve;
      const sent = new Promise((fulfil) => {
        resolve = fulfil;
      });
      const batch = { keys: new Set(), all: false, sent, resolve };
      this.#batch = batch;
      setImmediate(() => void this.#send(batch));
    }
    return this.#batch;
  }

  /** @param {Batch} batch */
  async #send(batch) {
    if (this.#batch !== batch) {
      // It was full before its time.
      return;
    }
    this.#batch = undefined;
    const keys = batch.all ? undefined : [...batch.keys];
    const isOut = await this.#publish(JSON.stringify({ heapwise: VERSION, from: this.#id, keys }));
    this.sent += isOut ? 1 : 0;
    batch.resolve(isOut);
  }
}

/** @param {unknown} value */
function isString(value) {
  return typeof value === 'string';
}

module.exports = { Announcer };
