'use strict';

/**
 * Keys of one Map. It ends at 2^24, and before: a Map that is changed a lot holds as many deleted keys until it is copied
 * into one twice as large.
 */
const MOST = 2 ** 22;

/** From key to slot, in as many Maps as it takes. */
class KeyMap {
  /** Mostly the only one, and not in a list, because each get of a key that is an object looks into it. @type {Map<unknown, number>} */
  #map = new Map();
  /** @type {Map<unknown, number>[]} */
  #others = [];

  /**
   * @param {unknown} key
   * @returns {number} its slot; 0 if there is none
   */
  find(key) {
    const slot = this.#map.get(key);
    if (slot !== undefined) {
      return slot;
    }
    return this.#others.length === 0 ? 0 : this.#findElsewhere(key);
  }

  /** @param {unknown} key */
  #findElsewhere(key) {
    for (const map of this.#others) {
      const slot = map.get(key);
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
    let map = this.#map;
    if (map.size >= MOST) {
      const roomy = this.#others.find(({ size }) => size < MOST);
      map = roomy ?? new Map();
      if (roomy === undefined) {
        this.#others.push(map);
      }
    }
    map.set(key, slot);
  }

  /** @param {unknown} key */
  remove(key) {
    if (!this.#map.delete(key)) {
      // In one of the others.
      this.#others.some((map) => map.delete(key));
    }
  }
}

module.exports = { KeyMap };
