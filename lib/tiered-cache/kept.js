'use strict';

/** Keys that go to the store in one call. */
const AT_ONCE = 500;

/**
 * What could not be sent: keys that the far tier has wrong, and keys of which others were not told. Up to a bound by key,
 * beyond it as "everything".
 *
 * Each time that a key is added it has a new object, so that one is noticed that is added again while it is being sent.
 *
 * @typedef {{ isWrong: boolean }} Mark whether the far tier has it wrong
 */
class Kept {
  #most;
  /** @type {Map<string, Mark>} */
  #keys = new Map();
  /** @type {Mark | undefined} */
  #all = undefined;
  #isSending = false;

  /** @param {number} most */
  constructor(most) {
    this.#most = most;
  }

  /** Keys, or Infinity for everything. */
  get size() {
    return this.#all === undefined ? this.#keys.size : Infinity;
  }

  /** Whether the far tier has the key wrong. @param {string} key */
  isWrong(key) {
    return (this.#all ?? this.#keys.get(key))?.isWrong === true;
  }

  /**
   * @param {string | undefined} key undefined: everything
   * @param {boolean} isWrong
   */
  add(key, isWrong) {
    if (key === undefined || this.#all !== undefined) {
      this.#addAll(isWrong);
      return;
    }
    const before = this.#keys.get(key);
    if (before === undefined && this.#keys.size >= this.#most) {
      this.#addAll(isWrong);
    } else {
      this.#keys.set(key, { isWrong: isWrong || before?.isWrong === true });
    }
  }

  /** The key has been written since, and others were told. @param {string} key */
  delete(key) {
    this.#keys.delete(key);
  }

  /**
   * Sends what is kept, until nothing is left or something fails.
   *
   * @param {(keys: string[] | undefined) => Promise<boolean>} remove from the far tier; undefined: everything
   * @param {(keys: string[] | undefined) => Promise<boolean>} tell others
   */
  async send(remove, tell) {
    if (this.#isSending) {
      return;
    }
    this.#isSending = true;
    try {
      let goesOn = true;
      while (goesOn && this.size > 0) {
        // oxlint-disable-next-line no-await-in-loop -- a store that has just come back gets one call at a time
        goesOn = await this.#sendSome(remove, tell);
      }
    } finally {
      this.#isSending = false;
    }
  }

  /** @param {boolean} isWrong */
  #addAll(isWrong) {
    const wasWrong = this.#all?.isWrong === true || [...this.#keys.values()].some((mark) => mark.isWrong);
    this.#keys.clear();
    this.#all = { isWrong: isWrong || wasWrong };
  }

  /**
   * @param {(keys: string[] | undefined) => Promise<boolean>} remove
   * @param {(keys: string[] | undefined) => Promise<boolean>} tell
   * @returns {Promise<boolean>} whether to go on
   */
  async #sendSome(remove, tell) {
    const all = this.#all;
    if (all !== undefined) {
      if (all.isWrong && !(await remove(undefined))) {
        return false;
      }
      all.isWrong = false;
      const isTold = await tell(undefined);
      if (isTold && this.#all === all) {
        this.#all = undefined;
      }
      return isTold;
    }
    const some = [...this.#keys].slice(0, AT_ONCE);
    const wrong = some.filter(([, mark]) => mark.isWrong);
    if (wrong.length > 0 && !(await remove(wrong.map(([key]) => key)))) {
      return false;
    }
    for (const [, mark] of wrong) {
      mark.isWrong = false;
    }
    const isTold = await tell(some.map(([key]) => key));
    for (const [key, mark] of some) {
      if (isTold && this.#keys.get(key) === mark) {
        this.#keys.delete(key);
      }
    }
    return isTold;
  }
}

module.exports = { Kept };
