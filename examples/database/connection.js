'use strict';

/** How long a server that is well may take to say goodbye. Milliseconds. */
const GOODBYE_MS = 1000;

/**
 * What the connections of all drivers have in common: whether they can still be used, and whether they keep the process
 * alive, which an idle one must not. A driver adds `query`, `begin`, `commit`, `rollback`, `ping`, `reset` and `close`.
 */
class Connection {
  #exchanges = 0;
  #hold;
  #letGo;
  #onLost;
  /** False once the connection is lost, or in a state that nobody knows. */
  usable = true;

  /**
   * @param {{ ref(): void, unref(): void }} socket
   * @param {(connection: any) => void} onLost called once
   */
  constructor(socket, onLost) {
    this.#hold = () => socket.ref();
    this.#letGo = () => socket.unref();
    this.#onLost = onLost;
  }

  /**
   * @param {() => Promise<unknown>} connect
   * @returns {Promise<this>}
   */
  async opened(connect) {
    try {
      await this.exchange(connect);
      if (!this.usable) {
        throw new Error('The server closed the connection at once');
      }
      return this;
    } catch (error) {
      this.lose();
      void this.close();
      throw error;
    }
  }

  /**
   * Ends it, by force if the server does not answer: it may be gone without a word, and its socket would stay for minutes.
   *
   * @param {() => Promise<unknown>} end
   * @param {() => void} destroy makes `end` end
   */
  async ended(end, destroy) {
    this.usable = false;
    const timer = setTimeout(destroy, GOODBYE_MS);
    await this.exchange(end);
    clearTimeout(timer);
  }

  /** It is not to be used again. */
  lose() {
    if (this.usable) {
      this.usable = false;
      this.#onLost(this);
    }
  }

  /**
   * Runs something that the server answers. Meanwhile the connection keeps the process alive.
   *
   * @template T
   * @param {() => Promise<T>} fn
   */
  async exchange(fn) {
    this.#exchanges++;
    this.#hold();
    try {
      return await fn();
    } finally {
      if (--this.#exchanges === 0) {
        this.#letGo();
      }
    }
  }
}

module.exports = { Connection };
