'use strict';

const { KeyIndex } = require('../cache/key-index.js');
const { ALL, Lru } = require('../cache/lru.js');
const { MAX_ENTRIES } = require('../cache/options.js');
const { Slots, USES } = require('../cache/slots.js');
const { Ages } = require('./ages.js');
const { Autopurge } = require('./autopurge.js');
const { publishDelete } = require('./channels.js');
const { Departures } = require('./departures.js');
const { Fetch } = require('./fetch.js');
const { TO_NEWEST, TO_OLDEST, Walk, Walks } = require('./walks.js');

/**
 * @typedef {import('../../lru-cache').LRUCache.DisposeReason} Reason
 * @typedef {import('../../lru-cache').LRUCache.InsertReason} Inserted
 */

/**
 * The entries of an LRUCache: index, columns, order of use, ages and sizes. It trusts what it is given, and calls nobody
 * before `tell`.
 *
 * A fetch under way lies where its value will lie, with the value that it is to replace.
 */
class Store {
  /** Once an entry has a time to live. @type {Ages | undefined} */
  ages;
  /** @type {Slots} */
  #slots;
  /** @type {KeyIndex} */
  #index;
  /** @type {Lru} */
  #lru;
  /** @type {Autopurge | undefined} */
  #autopurge;
  #walks;
  #departures;
  /** Whether it matters which value leaves. */
  #watched;
  #owner;
  #most;
  /** Infinity: no bound. */
  #maxSize;
  #sized;

  /**
   * @param {{ max: number, maxSize: number, sized: boolean, fetches: boolean, dispose?: any, disposeAfter?: any }} settings
   * @param {{ perf: { now(): number }, ttlResolution: number, ttlAutopurge: boolean }} owner
   */
  constructor(settings, owner) {
    const { max, maxSize, sized, fetches, dispose, disposeAfter } = settings;
    this.#owner = owner;
    this.#most = max === 0 ? MAX_ENTRIES : Math.min(max, MAX_ENTRIES);
    this.#maxSize = maxSize === 0 ? Infinity : maxSize;
    this.#sized = sized;
    this.#departures = new Departures(owner, dispose, disposeAfter);
    this.#watched = fetches || this.#departures.heard;
    this.#slots = new Slots(this.#most, sized);
    this.#walks = new Walks(this.#slots);
    this.#index = new KeyIndex(this.#slots);
    this.#lru = new Lru(this.#slots);
  }

  get count() {
    return this.#slots.count;
  }

  get totalSize() {
    return this.#slots.totalSize;
  }

  /** @param {unknown} key @returns {number} its slot; 0 if there is none */
  find(key) {
    return this.#index.find(key);
  }

  /** @param {number} slot @returns {any} */
  keyOf(slot) {
    return this.#slots.pairs[slot << 1];
  }

  /** What lies in a slot: a value, or a fetch. @param {number} slot @returns {any} */
  valueOf(slot) {
    return this.#slots.pairs[(slot << 1) | 1];
  }

  /** The value in a slot, or the one that a fetch is to replace. @param {number} slot @returns {any} */
  settledValueOf(slot) {
    const value = this.#slots.pairs[(slot << 1) | 1];
    return value instanceof Fetch ? value.stale : value;
  }

  /** @param {number} slot @returns {number | undefined} undefined where sizes do not count */
  sizeOf(slot) {
    return this.#slots.sizes?.[slot];
  }

  /** @param {number} slot */
  isOver(slot) {
    return this.ages !== undefined && this.ages.isOver(slot);
  }

  /**
   * An entry was used.
   *
   * @param {number} slot
   * @param {any} key that it was found by
   */
  touch(slot, key) {
    if (this.#walks.any) {
      this.#walks.leave(slot);
    }
    const uses = this.#lru.touch(slot);
    if (uses !== USES) {
      this.#slots.adopt(slot, key, uses);
    }
  }

  /** Begins the time of an entry anew. @param {number} slot */
  renew(slot) {
    const { ages } = this;
    if (ages !== undefined) {
      ages.renew(slot);
      this.#autopurge?.expect(slot, ages.endOf(slot), this.#slots.capacity);
    }
  }

  /** Puts something in the place of what lies in a slot, and changes nothing else. @param {number} slot @param {any} value */
  exchange(slot, value) {
    this.#slots.pairs[(slot << 1) | 1] = value;
  }

  /**
   * @param {any} key
   * @param {any} value a fetch: the value is to come
   * @param {number} size 0 where sizes do not count; not more than `maxSize`
   * @param {number} ttl
   * @param {number | undefined} start now
   * @param {boolean} keepsTime whether an entry that is there keeps its time
   * @param {boolean} quiet whether nobody is told of the value that is replaced
   * @param {Fetch<any> | undefined} own the fetch that has brought the value
   * @param {any} status
   * @returns {Inserted}
   */
  put(key, value, size, ttl, start, keepsTime, quiet, own, status) {
    if (ttl !== 0 && this.ages === undefined) {
      this.#beginAges();
    }
    const { ages } = this;
    const slot = this.#index.find(key);
    const hash = this.#index.lastHash;
    const timed = ages !== undefined && (slot === 0 || !keepsTime);
    // The clock may throw: nothing is changed yet.
    const since = timed && ttl !== 0 ? (start ?? this.#owner.perf.now()) : 0;
    /** @type {Inserted} */
    let done = 'add';
    let place = slot;
    if (slot === 0) {
      place = this.#add(key, hash, value, size);
    } else {
      this.touch(slot, key);
      done = this.#replace(slot, value, size, quiet, own, status);
    }
    if (timed) {
      const { capacity } = this.#slots;
      ages.begin(place, ttl, since, capacity);
      this.#autopurge?.expect(place, ages.endOf(place), capacity);
    }
    if (this.#sized) {
      this.#makeRoom();
    }
    if (status !== undefined) {
      this.#tellOfPut(status, place, size, slot !== 0 && done === 'update' && own === undefined);
    }
    return done;
  }

  /**
   * @param {any} key
   * @param {number} hash of the key, by the index
   * @param {any} value
   * @param {number} size
   */
  #add(key, hash, value, size) {
    const slots = this.#slots;
    let slot;
    if (slots.count >= this.#most) {
      // The one that makes room hands over its slot.
      slot = slots.oldest(ALL);
      this.#takeOut(slot, 'evict');
    } else {
      slot = slots.take();
    }
    // There is one zero, as in a Map.
    slots.pairs[slot << 1] = key === 0 ? 0 : key;
    slots.pairs[(slot << 1) | 1] = value;
    if (slots.sizes !== undefined) {
      slots.sizes[slot] = size;
      slots.totalSize += size;
    }
    this.#index.add(key, slot, hash);
    this.#lru.add(slot);
    return slot;
  }

  /**
   * @param {number} slot
   * @param {any} value
   * @param {number} size
   * @param {boolean} quiet
   * @param {Fetch<any> | undefined} own
   * @param {any} status
   * @returns {Inserted}
   */
  #replace(slot, value, size, quiet, own, status) {
    const slots = this.#slots;
    const { pairs, sizes } = slots;
    const old = pairs[(slot << 1) | 1];
    if (old === value) {
      return 'update';
    }
    const before = old instanceof Fetch ? old.stale : old;
    if (!quiet && this.#watched) {
      if (old instanceof Fetch && old !== own) {
        this.#departures.abort(old, 'replaced');
      }
      if (before !== undefined && before !== value) {
        this.#departures.add(before, pairs[slot << 1], 'set');
      }
    }
    pairs[(slot << 1) | 1] = value;
    if (sizes !== undefined) {
      slots.totalSize += size - sizes[slot];
      sizes[slot] = size;
    }
    if (before === undefined) {
      return 'add';
    }
    if (status !== undefined && !(value instanceof Fetch)) {
      status.oldValue = before;
    }
    return before === value ? 'update' : 'replace';
  }

  /**
   * @param {any} status
   * @param {number} slot
   * @param {number} size
   * @param {boolean} same whether the value was there before
   */
  #tellOfPut(status, slot, size, same) {
    this.ages?.tell(status, slot);
    if (this.#sized && !same) {
      status.entrySize = size;
      status.totalCalculatedSize = this.#slots.totalSize;
    }
  }

  #makeRoom() {
    const slots = this.#slots;
    while (slots.totalSize > this.#maxSize) {
      this.remove(slots.oldest(ALL), 'evict');
    }
  }

  /**
   * @param {number} slot
   * @param {Reason} reason
   */
  remove(slot, reason) {
    this.#takeOut(slot, reason);
    this.ages?.clear(slot);
    this.#slots.give(slot);
  }

  /** The slot that was not used for the longest time; 0 if there is none. */
  oldest() {
    return this.#slots.oldest(ALL);
  }

  /**
   * @param {number} slot
   * @param {Reason} reason
   */
  #takeOut(slot, reason) {
    const slots = this.#slots;
    if (this.#walks.any) {
      this.#walks.leave(slot);
    }
    this.#lru.remove(slot);
    this.#index.remove(slot);
    if (slots.sizes !== undefined) {
      slots.totalSize -= slots.sizes[slot];
    }
    if (this.#watched) {
      this.#depart(slot, reason);
    }
  }

  /**
   * @param {number} slot
   * @param {Reason} reason
   */
  #depart(slot, reason) {
    const { pairs } = this.#slots;
    const value = pairs[(slot << 1) | 1];
    if (!(value instanceof Fetch)) {
      this.#departures.add(value, pairs[slot << 1], reason);
      return;
    }
    this.#departures.abort(value, reason === 'evict' ? 'evicted' : 'deleted');
    if (value.stale !== undefined) {
      this.#departures.add(value.stale, pairs[slot << 1], reason);
    }
  }

  /** @param {Reason} reason */
  clear(reason) {
    if (this.#watched) {
      for (const slot of this.#slots.slotsOf(ALL).toReversed()) {
        this.#depart(slot, reason);
      }
    }
    this.#slots = new Slots(this.#most, this.#sized);
    this.#walks.reset(this.#slots);
    this.#index = new KeyIndex(this.#slots);
    this.#lru = new Lru(this.#slots);
    this.#autopurge?.clear();
    this.ages?.empty(this.#slots.capacity);
  }

  /** Calls those who want to know of what has left. */
  tell() {
    this.#departures.tell();
    this.#departures.tellAfter();
  }

  /** The same for a set, in the midst of which `onInsert` is called. */
  tellBefore() {
    this.#departures.tell();
  }

  /** Through the slots, from the newest to the oldest, or back. @param {boolean} back */
  walk(back) {
    return new Walk(this.#walks, back ? TO_NEWEST : TO_OLDEST);
  }

  /** Slots from the newest to the oldest, as it is now. */
  order() {
    return this.#slots.slotsOf(ALL);
  }

  /** When an entry is over. @param {number} slot @returns {number} Infinity: never */
  endOf(slot) {
    return this.ages?.endOf(slot) ?? Infinity;
  }

  /** Removes all that is over, and tells. @returns {boolean} whether there was anything */
  purge() {
    let found = false;
    const walk = this.walk(true);
    try {
      for (let slot = walk.step(); slot !== ALL; slot = walk.step()) {
        if (this.isOver(slot)) {
          found = true;
          this.expire(slot);
          this.tell();
        }
      }
    } finally {
      walk.stop();
    }
    return found;
  }

  /** Removes an entry whose time is over. @param {number} slot */
  expire(slot) {
    publishDelete(this.#owner, this.keyOf(slot), 'expire');
    this.remove(slot, 'expire');
  }

  /** The time on the clock of the cache, read now. */
  now() {
    return this.#owner.perf.now();
  }

  #beginAges() {
    this.ages = new Ages(this.#slots.capacity, this.#owner);
    if (this.#owner.ttlAutopurge) {
      this.#autopurge = new Autopurge(this);
    }
  }
}

module.exports = { Store };
