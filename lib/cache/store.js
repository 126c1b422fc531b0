'use strict';

const { Curve } = require('./curve.js');
const { Expiry } = require('./expiry.js');
const { KeyIndex } = require('./key-index.js');
const { AUTO_FROM, policyOf } = require('./policy.js');
const { S3Fifo } = require('./s3-fifo.js');
const { Slots } = require('./slots.js');
const { Tags } = require('./tags.js');
const { Times } = require('./times.js');

/** Slots of the counters. A typed array, because a field that passes 2^31 would be boxed anew on every increment. */
const HITS = 0;
const MISSES = 1;
const SETS = 2;
/** Sets that added no entry. */
const UNADDED = 3;
const EXPIRATIONS = 4;
/** Entries that left otherwise than by their time or to make room. */
const REMOVED = 5;
const LOADS = 6;
const LOAD_ERRORS = 7;
/** Values that were over, and served all the same. */
const STALE_HITS = 8;
const COUNTERS = 9;

/** Slots looked at by each put for entries whose time is over. Two, so that looking keeps ahead of filling. */
const SWEEP = 2;
/** Slots that the timer looks at in one part, and entries that it removes: some 10 and some 200 microseconds. */
const LOOKED_AT = 8192;
const REMOVED_AT_ONCE = 1024;

/**
 * The entries of a cache: index, columns, policy, times and sizes, and who is told of those that leave. It trusts what it
 * is given.
 *
 * @template K, V
 */
class Store {
  counters = new Float64Array(COUNTERS);
  #settings;
  #max;
  #maxSize;
  /** The time on the clock of the cache. */
  now;
  #onEvict;
  /** @type {Slots} */
  #slots;
  /** @type {KeyIndex} */
  #index;
  /** @type {import('./policy.js').Policy} */
  #policy;
  /** Whether the policy is to change once there are so many entries. */
  #changes;
  #curve = new Curve();
  /** Once an entry has one. @type {Tags | undefined} */
  #tags;
  /** Whether an entry has had a time or a tag: all others need not be looked at before they are used. */
  #ends = false;
  /** @type {Expiry} */
  #expiry;
  /** The slot that the sweep of the puts looked at last, and that of the timer. */
  #sweptTo = 0;
  #lookedTo = 0;
  /** When the first of those that the timer has left is over, and when it need not be kept any more. */
  #nextEnd = Infinity;
  #nextGone = Infinity;
  /** What onEvict has yet to be told. @type {[K, V, import('../..').EvictReason][]} */
  #removed = [];
  /** How much of it onEvict has been told: taking entries off the front would move all the others each time. */
  #toldOf = 0;

  /**
   * @param {object} settings
   * @param {number} settings.max
   * @param {number} settings.maxSize Infinity: sizes do not count
   * @param {typeof import('./policy.js').POLICIES[number]} settings.policy
   * @param {((key: K, value: V, reason: import('../..').EvictReason) => void) | undefined} settings.onEvict
   * @param {boolean} settings.sliding
   * @param {number} settings.maxTtl
   * @param {number} settings.jitter
   * @param {() => number} settings.now
   * @param {import('../timers.js').Timers} timers
   */
  constructor(settings, timers) {
    const { max, maxSize, policy, onEvict, now } = settings;
    this.#settings = { ...settings, random: timers.random };
    this.#max = max;
    this.#maxSize = maxSize;
    this.now = now;
    this.#onEvict = onEvict;
    this.#slots = new Slots(max, maxSize !== Infinity);
    this.#index = new KeyIndex(this.#slots);
    this.#policy = policyOf(policy, this.#slots, this.#limit());
    this.#changes = policy === 'auto';
    this.#expiry = new Expiry(timers, this);
  }

  /** Entries, those included whose time is over. */
  get size() {
    return this.#slots.count;
  }

  /** Sum of the sizes. */
  get totalSize() {
    return this.#slots.totalSize;
  }

  /** Entries that made room. Not counted one by one, which would cost each of them two nanoseconds. */
  get evictions() {
    const { counters } = this;
    return counters[SETS] - counters[UNADDED] - counters[EXPIRATIONS] - counters[REMOVED] - this.#slots.count;
  }

  /** Whether any entry has had a time. */
  get timed() {
    return this.#slots.times !== undefined;
  }

  /**
   * The value of a key, which is thereby used.
   *
   * @param {K} key
   * @returns {V | undefined}
   */
  get(key) {
    const slots = this.#slots;
    const slot = this.#index.find(key);
    if (slot === 0) {
      this.missed();
      return undefined;
    }
    if (this.#ends) {
      if (this.#mayBeOver() && this.#isOver(slot)) {
        this.counters[MISSES]++;
        this.#leave(slot);
        this.notify();
        return undefined;
      }
      slots.times?.renew(slot);
    }
    this.counters[HITS]++;
    if (this.#policy.touch(slot)) {
      this.#adopt(slot, key);
    }
    return slots.pairs[(slot << 1) | 1];
  }

  /**
   * Takes the string that an entry was asked for by as its key. Programs that ask again mostly do so with the same string,
   * not only an equal one, and to find out that it is the same takes no look at its characters, let alone at those of
   * another one far away in memory. Where it is a new one each time, this is done once for an entry.
   *
   * @param {number} slot
   * @param {K} key equal to that of the entry
   */
  #adopt(slot, key) {
    if (typeof key === 'string') {
      this.#slots.pairs[slot << 1] = key;
    }
  }

  /** A get of the key that was looked for last found nothing. */
  missed() {
    this.counters[MISSES]++;
    const hash = this.#index.lastHash;
    if (Curve.watches(hash)) {
      this.#curve.miss(hash, this.now);
    }
  }

  /** @returns {import('../..').CacheCurvePoint[]} */
  curve() {
    return this.#curve.points(this.counters[HITS], this.counters[MISSES]);
  }

  /**
   * The slot of a key whose time is not over; 0 if there is none.
   *
   * @param {K} key
   */
  live(key) {
    const slot = this.#index.find(key);
    if (slot !== 0 && this.#ends) {
      this.#readClock();
      if (this.#isOver(slot)) {
        this.#leave(slot);
        return 0;
      }
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
    const { times } = this.#slots;
    const slot = this.#index.find(key);
    if (slot === 0 || times === undefined || this.#tags?.isInvalid(slot)) {
      return NaN;
    }
    const end = times.ends[slot];
    return end === 0 ? NaN : this.now() - end;
  }

  /** The value of such an entry. @param {K} key @returns {V} */
  stale(key) {
    return this.#slots.pairs[(this.#index.find(key) << 1) | 1];
  }

  /** @param {number} slot @returns {V} */
  value(slot) {
    return this.#slots.pairs[(slot << 1) | 1];
  }

  /**
   * Each use of an entry that came with the rest of its time lets it live so long from then on, where uses do.
   *
   * @param {K} key
   * @param {number} life milliseconds
   */
  liveAnew(key, life) {
    this.#slots.times?.liveAnew(this.#index.find(key), life);
  }

  /**
   * @param {K} key
   * @param {number} cost milliseconds that it took to load
   */
  noteCost(key, cost) {
    this.#slots.times?.noteCost(this.#index.find(key), cost);
  }

  /** @param {number} slot @returns {number} milliseconds that it took to load */
  costOf(slot) {
    return this.#slots.times?.costOf(slot) ?? 0;
  }

  /**
   * Counts as a use.
   *
   * @param {number} slot
   * @param {K} key that it was found by
   * @returns {V}
   */
  hit(slot, key) {
    this.counters[HITS]++;
    this.#slots.times?.renew(slot);
    if (this.#policy.touch(slot)) {
      this.#adopt(slot, key);
    }
    return this.#slots.pairs[(slot << 1) | 1];
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
    if (this.#ends || (ttl > 0 && ttl !== Infinity)) {
      this.#startTimes();
    }
    this.counters[SETS]++;
    const slot = this.#index.find(key);
    if (size > this.#maxSize) {
      this.#refuse(slot, tags);
      return false;
    }
    if (slot === 0) {
      this.#insert(key, value, ttl, size, keep, tags);
    } else {
      this.#replace(slot, key, value, ttl, size, keep, tags);
    }
    return true;
  }

  /** What is to be done about times by a put. */
  #startTimes() {
    const slots = this.#slots;
    this.#ends = true;
    slots.times ??= new Times(slots.capacity, this.#settings);
    this.#readClock();
    if (slots.times.now >= slots.times.quietUntil) {
      this.#sweep();
    }
  }

  /** Whether any entry may be over or invalid. Reads the clock. */
  #mayBeOver() {
    const { times } = this.#slots;
    this.#readClock();
    return this.#tags !== undefined || (times !== undefined && times.now >= times.quietUntil);
  }

  /** The clock may throw: whoever uses the time reads it before anything is changed. */
  #readClock() {
    const { times } = this.#slots;
    if (times !== undefined) {
      times.now = this.now();
    }
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
      this.#remove(slot, 'evict');
    }
  }

  /**
   * @param {K} key that was looked for last
   * @param {V} value
   * @param {number} ttl
   * @param {number} size
   * @param {number} keep
   * @param {import('./tags.js').Tagged | undefined} tags
   */
  #insert(key, value, ttl, size, keep, tags) {
    const slots = this.#slots;
    const index = this.#index;
    const hash = index.lastHash;
    if (slots.sizes !== undefined) {
      this.#makeRoom(size, 0);
    }
    // The one that makes room for one more hands over its slot.
    const slot = slots.count >= this.#max ? this.#evict() : slots.take();
    const { pairs } = slots;
    // There is one zero, as in a Map.
    pairs[slot << 1] = key === 0 ? 0 : key;
    pairs[(slot << 1) | 1] = value;
    if (slots.sizes !== undefined) {
      slots.sizes[slot] = size;
      slots.totalSize += size;
    }
    if (this.#ends) {
      this.#begin(slot, ttl, keep, tags);
    }
    index.add(key, slot, hash);
    this.#policy.add(slot);
    if (this.#changes && slots.count >= AUTO_FROM) {
      this.#changes = false;
      this.#policy = new S3Fifo(slots, this.#limit());
    }
  }

  /**
   * @param {number} slot
   * @param {K} key equal to that of the entry
   * @param {V} value
   * @param {number} ttl
   * @param {number} size
   * @param {number} keep
   * @param {import('./tags.js').Tagged | undefined} tags
   */
  #replace(slot, key, value, ttl, size, keep, tags) {
    const slots = this.#slots;
    const { pairs, sizes } = slots;
    this.counters[UNADDED]++;
    if (this.#onEvict !== undefined && pairs[(slot << 1) | 1] !== value) {
      this.#removed.push([pairs[slot << 1], pairs[(slot << 1) | 1], 'set']);
    }
    pairs[(slot << 1) | 1] = value;
    if (this.#ends) {
      this.#tags?.detach(slot);
      this.#begin(slot, ttl, keep, tags);
    }
    if (sizes !== undefined && sizes[slot] !== size) {
      // Out of the policy meanwhile: it must not be evicted itself, and it weighs something else then.
      this.#policy.remove(slot);
      slots.totalSize -= sizes[slot];
      this.#makeRoom(size, 1);
      slots.totalSize += size;
      sizes[slot] = size;
      this.#policy.readmit(slot);
    }
    if (this.#policy.touch(slot)) {
      this.#adopt(slot, key);
    }
  }

  /**
   * @param {K} key
   * @returns {boolean} whether there was one whose time was not over
   */
  delete(key) {
    const slot = this.#index.find(key);
    if (slot === 0) {
      return false;
    }
    if (this.#ends) {
      this.#readClock();
      if (this.#isOver(slot)) {
        this.#expire(slot);
        return false;
      }
    }
    this.counters[REMOVED]++;
    this.#remove(slot, 'delete');
    return true;
  }

  /** Keys, the one that is likely to stay for longest first. @returns {K[]} */
  order() {
    const { pairs } = this.#slots;
    return this.#policy.order().map((slot) => pairs[slot << 1]);
  }

  /** Milliseconds that an entry has left; 0: for ever. @param {number} slot @param {number} now */
  left(slot, now) {
    const end = this.#slots.times?.ends[slot] ?? 0;
    return end === 0 ? 0 : end - now;
  }

  /** @param {number} slot @returns {string[]} */
  tagsOf(slot) {
    return this.#tags?.namesOf(slot) ?? [];
  }

  /** @param {number} slot @returns {number | null} null where sizes do not count */
  sizeOf(slot) {
    return this.#slots.sizes === undefined ? null : this.#slots.sizes[slot];
  }

  clear() {
    if (this.#onEvict !== undefined) {
      const { pairs } = this.#slots;
      for (const slot of this.#policy.order()) {
        this.#removed.push([pairs[slot << 1], pairs[(slot << 1) | 1], 'clear']);
      }
    }
    this.counters[REMOVED] += this.#slots.count;
    const { policy } = this.#settings;
    this.#slots = new Slots(this.#max, this.#maxSize !== Infinity);
    this.#index = new KeyIndex(this.#slots);
    this.#policy = policyOf(policy, this.#slots, this.#limit());
    this.#changes = policy === 'auto';
    this.#tags = undefined;
    this.#ends = false;
    this.#expiry.stop();
    this.#curve.forget();
    this.#sweptTo = 0;
    this.#restartLook();
  }

  /**
   * Calls onEvict for what was removed. Last in each operation, when the store is whole again, because the callback
   * may use it; and one entry at a time, so that a callback that throws does not lose the ones after it.
   */
  notify() {
    while (this.#toldOf < this.#removed.length) {
      const [key, value, reason] = this.#removed[this.#toldOf++];
      // Before the call: one that throws must not leave the list growing for ever.
      if (this.#toldOf === this.#removed.length) {
        this.#removed = [];
        this.#toldOf = 0;
      }
      this.#onEvict?.(key, value, reason);
    }
  }

  /** Whether onEvict has something to be told, and may change the store. */
  get untold() {
    return this.#removed.length !== 0;
  }

  /** What all entries may weigh, for the policy. */
  #limit() {
    return this.#maxSize === Infinity ? this.#max : this.#maxSize;
  }

  /**
   * The time and the tags of a new value.
   *
   * @param {number} slot
   * @param {number} ttl
   * @param {number} keep
   * @param {import('./tags.js').Tagged | undefined} tags
   */
  #begin(slot, ttl, keep, tags) {
    const { times } = this.#slots;
    if (times !== undefined) {
      if (ttl > 0 && ttl !== Infinity) {
        const end = times.begin(slot, ttl, keep);
        if (end < this.#expiry.covered) {
          this.#expiry.expect(end, times.now);
        }
      } else {
        times.clear(slot);
      }
    }
    if (tags !== undefined) {
      this.#tags?.attach(slot, tags);
    }
  }

  /** Whether an entry is not to be had any more. @param {number} slot */
  #isOver(slot) {
    const { times } = this.#slots;
    const tags = this.#tags;
    return (times !== undefined && times.isOver(slot)) || (tags !== undefined && tags.isInvalid(slot));
  }

  /** One that is over goes, unless it is kept to serve in need. @param {number} slot */
  #leave(slot) {
    if (this.#isGone(slot)) {
      this.#expire(slot);
    }
  }

  /** Whether one that is over need not be kept. @param {number} slot */
  #isGone(slot) {
    const { times } = this.#slots;
    return (times !== undefined && times.isGone(slot)) || (this.#tags?.isInvalid(slot) ?? false);
  }

  /**
   * Looks at some of the entries, and removes those that are over.
   *
   * @returns {number} when the next one is; 0 if not all were looked at
   */
  removeSome() {
    const slots = this.#slots;
    const { times } = slots;
    const tags = this.#tags;
    this.#readClock();
    const end = Math.min(slots.used, this.#lookedTo + LOOKED_AT);
    if (this.#lookedTo === 0) {
      tags?.beginLook();
      times?.beginLook();
    }
    let left = REMOVED_AT_ONCE;
    while (this.#lookedTo < end && left > 0) {
      const slot = this.#lookedTo++;
      if (this.#isGone(slot)) {
        this.#expire(slot);
        left--;
      } else if (times !== undefined && times.ends[slot] !== 0) {
        this.#nextEnd = Math.min(this.#nextEnd, times.ends[slot]);
        this.#nextGone = Math.min(this.#nextGone, times.goneAt(slot));
      }
    }
    let next = 0;
    if (this.#lookedTo >= slots.used) {
      times?.endLook(this.#nextEnd);
      next = tags?.endLook() === false ? this.now() : this.#nextGone;
      this.#restartLook();
    }
    this.notify();
    return next;
  }

  #restartLook() {
    this.#lookedTo = 0;
    this.#nextEnd = Infinity;
    this.#nextGone = Infinity;
  }

  /** Removes one that is over. @param {number} slot */
  #expire(slot) {
    this.#remove(slot, this.#countOver(slot));
  }

  /**
   * Counts one that is over, or whose tag was invalidated.
   *
   * @param {number} slot
   * @returns {import('../..').EvictReason} why it goes
   */
  #countOver(slot) {
    if (this.#tags?.isInvalid(slot)) {
      this.counters[REMOVED]++;
      return 'invalidate';
    }
    this.counters[EXPIRATIONS]++;
    return 'expire';
  }

  /**
   * The tags of a value that is about to be put; to be put with it, or released.
   *
   * @param {readonly string[]} names
   */
  hold(names) {
    this.#ends = true;
    return (this.#tags ??= new Tags()).hold(names);
  }

  /** @param {import('./tags.js').Tagged} tags */
  release(tags) {
    this.#tags?.release(tags);
  }

  /**
   * @param {string} tag
   * @returns {boolean} whether an entry has it
   */
  invalidate(tag) {
    const found = this.#tags?.invalidate(tag) ?? false;
    if (found) {
      const now = this.now();
      this.#expiry.expect(now, now);
    }
    return found;
  }

  /**
   * @param {number} size of what is to fit
   * @param {number} apart entries that are out of the policy
   */
  #makeRoom(size, apart) {
    const slots = this.#slots;
    while (slots.totalSize + size > this.#maxSize && slots.count > apart) {
      slots.give(this.#evict());
    }
    if (slots.count === apart) {
      // Whatever the rounding of fractions has added up to.
      slots.totalSize = 0;
    }
  }

  /** @returns {number} the slot of the entry that made room, to be used again or given */
  #evict() {
    const slot = this.#policy.evict();
    if (this.#ends && this.#isOver(slot)) {
      this.#drop(slot, this.#countOver(slot));
      return slot;
    }
    const { hashes } = this.#slots;
    const hash = hashes[slot];
    if (Curve.watches(hash)) {
      this.#curve.evict(hash, this.#slots.times?.ends[slot] ?? 0, this.#slots.count);
    }
    this.#drop(slot, 'evict');
    return slot;
  }

  /** Looks at the next few slots for entries whose time is over. */
  #sweep() {
    const { used } = this.#slots;
    for (let i = 0; i < SWEEP; i++) {
      this.#sweptTo = this.#sweptTo + 1 < used ? this.#sweptTo + 1 : 0;
      if (this.#isOver(this.#sweptTo)) {
        this.#leave(this.#sweptTo);
      }
    }
  }

  /**
   * @param {number} slot
   * @param {import('../..').EvictReason} reason
   */
  #remove(slot, reason) {
    this.#policy.remove(slot);
    this.#drop(slot, reason);
    this.#slots.give(slot);
  }

  /**
   * @param {number} slot out of the policy
   * @param {import('../..').EvictReason} reason
   */
  #drop(slot, reason) {
    const slots = this.#slots;
    this.#index.remove(slot);
    if (this.#ends) {
      this.#tags?.detach(slot);
    }
    if (this.#onEvict !== undefined) {
      this.#removed.push([slots.pairs[slot << 1], slots.pairs[(slot << 1) | 1], reason]);
    }
    if (slots.sizes !== undefined) {
      slots.totalSize -= slots.sizes[slot];
    }
  }
}

module.exports = { LOADS, LOAD_ERRORS, STALE_HITS, Store };
