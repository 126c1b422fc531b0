'use strict';

const { HITS, MISSES, REMOVED, SETS, UNADDED } = require('./counters.js');
const { Curve } = require('./curve.js');
const { USES } = require('./slots.js');

/**
 * The entries of a cache by key: those of one namespace, or those that are in none. It trusts what it is given.
 *
 * @template K, V
 */
class Store {
  /** @type {import('./entries.js').Entries<K, V>} */
  #entries;
  /** @type {import('./entries.js').Space} */
  #space;

  /**
   * @param {import('./entries.js').Entries<K, V>} entries
   * @param {import('./entries.js').Space} space
   */
  constructor(entries, space) {
    this.#entries = entries;
    this.#space = space;
    this.counters = entries.counters;
  }

  /** The time on the clock of the cache. */
  now() {
    return this.#entries.now();
  }

  /** Entries, those included whose time is over. */
  get size() {
    return this.#space.count;
  }

  get space() {
    return this.#space;
  }

  /** @param {import('./entries.js').Space} space whose entries it has from now on */
  moveTo(space) {
    this.#space = space;
  }

  /**
   * The value of a key, which is thereby used.
   *
   * @param {K} key
   * @returns {V | undefined}
   */
  get(key) {
    const entries = this.#entries;
    const { slots } = entries;
    const slot = this.#space.index.find(key);
    if (slot === 0) {
      this.missed();
      return undefined;
    }
    if (entries.ends) {
      if (entries.mayBeOver() && entries.isOver(slot)) {
        this.counters[MISSES]++;
        entries.leave(slot);
        this.notify();
        return undefined;
      }
      slots.times?.renew(slot);
    }
    this.counters[HITS]++;
    this.#touch(slot, key);
    return slots.pairs[(slot << 1) | 1];
  }

  /**
   * @param {number} slot that was used
   * @param {K} key that it was found by
   */
  #touch(slot, key) {
    const uses = this.#entries.policy.touch(slot);
    if (uses !== USES) {
      this.#entries.slots.adopt(slot, key, uses);
    }
  }

  /** A get of the key that was looked for last found nothing. */
  missed() {
    this.counters[MISSES]++;
    const hash = this.#space.index.lastHash;
    if (Curve.watches(hash)) {
      this.#entries.curve.miss(hash, this.#entries.now);
    }
  }

  /**
   * The slot of a key whose time is not over; 0 if there is none.
   *
   * @param {K} key
   */
  live(key) {
    const entries = this.#entries;
    const slot = this.#space.index.find(key);
    if (slot !== 0 && entries.ends && entries.mayBeOver() && entries.isOver(slot)) {
      entries.leave(slot);
      return 0;
    }
    return slot;
  }

  /**
   * For how long an entry has been over that is kept to serve in need.
   *
   * @param {K} key
   * @returns {number} milliseconds; NaN if there is none
   */
  staleFor(key) {
    const entries = this.#entries;
    const { times } = entries.slots;
    const slot = this.#space.index.find(key);
    if (slot === 0 || times === undefined || entries.isInvalid(slot)) {
      return NaN;
    }
    const end = times.ends[slot];
    return end === 0 ? NaN : entries.now() - end;
  }

  /** The value of such an entry. @param {K} key @returns {V} */
  stale(key) {
    return this.value(this.#space.index.find(key));
  }

  /** @param {number} slot @returns {V} */
  value(slot) {
    return this.#entries.slots.pairs[(slot << 1) | 1];
  }

  /**
   * Each use of an entry that came with the rest of its time lets it live so long from then on, where uses do.
   *
   * @param {K} key
   * @param {number} life milliseconds
   */
  liveAnew(key, life) {
    this.#entries.slots.times?.liveAnew(this.#space.index.find(key), life);
  }

  /**
   * @param {K} key
   * @param {number} cost milliseconds that it took to load
   */
  noteCost(key, cost) {
    this.#entries.slots.times?.noteCost(this.#space.index.find(key), cost);
  }

  /** @param {number} slot @returns {number} milliseconds that it took to load */
  costOf(slot) {
    return this.#entries.slots.times?.costOf(slot) ?? 0;
  }

  /** Milliseconds that an entry has left; 0: for ever. @param {number} slot @param {number} now */
  left(slot, now) {
    return this.#entries.left(slot, now);
  }

  /**
   * Counts as a use.
   *
   * @param {number} slot
   * @param {K} key that it was found by
   * @returns {V}
   */
  hit(slot, key) {
    const { slots } = this.#entries;
    this.counters[HITS]++;
    slots.times?.renew(slot);
    this.#touch(slot, key);
    return slots.pairs[(slot << 1) | 1];
  }

  /**
   * @param {K} key
   * @param {V} value
   * @param {number} ttl 0 or Infinity: for ever
   * @param {number} size
   * @param {number} keep milliseconds for which it may serve in need when it is over
   * @param {import('./tags.js').Tagged | undefined} tags
   * @returns {boolean} false if it can never fit
   */
  put(key, value, ttl, size, keep, tags) {
    const entries = this.#entries;
    const space = this.#space;
    const ends = ttl > 0 && ttl !== Infinity;
    if (entries.ends || ends) {
      entries.startPut(ends);
    }
    this.counters[SETS]++;
    const slot = space.index.find(key);
    if (size > entries.maxSize) {
      this.#refuse(slot, tags);
      return false;
    }
    if (slot === 0) {
      entries.insert(space, key, space.index.lastHash, value, ttl, size, keep, tags);
    } else {
      entries.replace(slot, value, ttl, size, keep, tags);
      this.#touch(slot, key);
    }
    return true;
  }

  /**
   * A value that is larger than all may be.
   *
   * @param {number} slot of the key; 0: none has it
   * @param {import('./tags.js').Tagged | undefined} tags
   */
  #refuse(slot, tags) {
    this.counters[UNADDED]++;
    if (tags !== undefined) {
      this.release(tags);
    }
    if (slot !== 0) {
      // It is out of date.
      this.#entries.remove(slot, 'evict');
    }
  }

  /**
   * @param {K} key
   * @returns {boolean} whether there was one whose time was not over
   */
  delete(key) {
    const entries = this.#entries;
    const slot = this.#space.index.find(key);
    if (slot === 0) {
      return false;
    }
    if (entries.ends && entries.mayBeOver() && entries.isOver(slot)) {
      entries.expire(slot);
      return false;
    }
    this.counters[REMOVED]++;
    entries.remove(slot, 'delete');
    return true;
  }

  /** Keys, the one that is likely to stay for longest first. @returns {K[]} */
  order() {
    const { policy, slots } = this.#entries;
    const { pairs, spaces } = slots;
    const order = policy.order();
    const own = spaces === undefined ? order : order.filter((slot) => spaces[slot] === this.#space);
    return own.map((slot) => pairs[slot << 1]);
  }

  /** @param {readonly string[]} names */
  hold(names) {
    return this.#entries.hold(names);
  }

  /** @param {import('./tags.js').Tagged} tags */
  release(tags) {
    this.#entries.release(tags);
  }

  /** Tells onEvict of what was removed: last in each operation. */
  notify() {
    const { notices } = this.#entries;
    if (notices.untold) {
      notices.tell();
    }
  }

  /** Whether onEvict has something to be told, and may change the store. */
  get untold() {
    return this.#entries.notices.untold;
  }
}

module.exports = { Store };
