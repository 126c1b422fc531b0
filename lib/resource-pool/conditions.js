'use strict';

/** Conditions that somebody waits for. Who changes what they depend on calls `look`. */
class Conditions {
  /** @type {Set<() => boolean>} */
  #awaited = new Set();

  /**
   * @param {() => boolean} condition what it throws rejects
   * @returns {Promise<void>} when it holds
   */
  hold(condition) {
    return new Promise((resolve, reject) => {
      const settled = () => {
        try {
          if (!condition()) {
            return false;
          }
          resolve();
        } catch (thrown) {
          reject(thrown);
        }
        return true;
      };
      if (!settled()) {
        this.#awaited.add(settled);
      }
    });
  }

  look() {
    if (this.#awaited.size === 0) {
      return;
    }
    for (const settled of this.#awaited) {
      if (settled()) {
        this.#awaited.delete(settled);
      }
    }
  }
}

module.exports = { Conditions };
