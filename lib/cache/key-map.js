'use strict';

/**
 * Keys of one Map. It ends at 2^24, and before: a Map that is changed a lot holds as many deleted keys until it is copied
 * into one twice as large.
 */
const MOST = 2 ** 22;

/** From key to slot, in as many Maps as it takes. */
class KeyMap {
  /** @type {Map<unknown, number>[]} */
  #maps = [new Map()];

  /**
   * @param {unknown} key
   * @returns {number} its slot; 0 if there is none
   */
  find(key) {
    // No for-of: this is done for each get of a key that is an object, and mostly there is one map.
    for (let i = 0; i < this.#maps.length; i++) {
      const slot = this.#maps[i].get(key);
      if (slot !== undefined) {
        return slot;
      }
    }
    return 0;
  }

  /**
   * @param {unknown} key that is not here
   * @param {number} slot
   */
  add(key, slot) {
    let map = this.#maps.find(({ size }) => size < MOST);
    if (map === undefined) {
      map = new Map();
      this.#maps.push(map);
    }
    map.set(key, slot);
  }

  /** @param {unknown} key */
  remove(key) {
    for (let i = 0; i < this.#maps.length && !this.#maps[i].delete(key); i++) {
      // In one of the others.
    }
  }
}

module.exports = { KeyMap };
