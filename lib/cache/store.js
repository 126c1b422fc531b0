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
  #clock;
  /** While a put goes on, its time: a clock that throws in the middle would leave it half done. */
  #heldTime = 0;
  #holdsTime = false;
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
  /** @type {Expiry} */
  #expiry;
  /** The slot that the sweep of the puts looked at last, and that of the timer. */
  #sweptTo = 0;
  #lookedTo = 0;
  /** When the first of those that the timer has left is over. */
  #nextEnd = Infinity;
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
    const { max, maxSize, policy, onEvict } = settings;
    this.#settings = { ...settings, now: () => this.now(), random: timers.random };
    this.#clock = settings.now;
    this.#onEvict = onEvict;
    this.#slots = new Slots(max, maxSize !== Infinity);
    this.#index = new KeyIndex(this.#slots);
    this.#policy = policyOf(policy, this.#slots, this.#limit());
    this.#changes = policy === 'auto';
    this.#expiry = new Expiry(timers, this);
  }

  /** The time on the clock of the cache. */
  now() {
    return this.#holdsTime ? this.#heldTime : this.#clock();
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
    if (slots.times !== undefined || this.#tags !== undefined) {
      if (this.#isOver(slot)) {
        this.counters[MISSES]++;
        this.#leave(slot);
        this.notify();
        return undefined;
      }
      slots.times?.renew(slot);
    }
    this.counters[HITS]++;
    this.#policy.touch(slot);
    return slots.pairs[(slot << 1) | 1];
  }

  /** A get of the key that was looked for last found nothing. */
  missed() {
    this.counters[MISSES]++;
    const hash = this.#index.lastHash;
    if (Curve.watches(hash)) {
      this.#curve.miss(hash, this.#clock);
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
    if (slot !== 0 && this.#isOver(slot)) {
      this.#leave(slot);
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

  /** Counts as a use. @param {number} slot @returns {V} */
  hit(slot) {
    this.counters[HITS]++;
    this.#slots.times?.renew(slot);
    this.#policy.touch(slot);
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
    if (this.#slots.times === undefined && (ttl === 0 || ttl === Infinity)) {
      return this.#put(key, value, 0, size, keep, tags);
    }
    // The clock may throw: nothing is changed yet.
    this.#heldTime = this.#clock();
    this.#holdsTime = true;
    try {
      return this.#put(key, value, ttl, size, keep, tags);
    } finally {
      this.#holdsTime = false;
    }
  }

  /**
   * @param {K} key
   * @param {V} value
   * @param {number} ttl
   * @param {number} size
   * @param {number} keep
   * @param {import('./tags.js').Tagged | undefined} tags
   */
  #put(key, value, ttl, size, keep, tags) {
    this.counters[SETS]++;
    if (this.#slots.times !== undefined) {
      this.#sweep();
    }
    const slot = this.#index.find(key);
    const hash = this.#index.lastHash;
    if (size > this.#settings.maxSize) {
      this.counters[UNADDED]++;
      if (tags !== undefined) {
        this.release(tags);
      }
      if (slot !== 0) {
        // It is out of date.
        this.#remove(slot, 'evict');
      }
      return false;
    }
    if (slot === 0) {
      this.#insert(key, hash, value, ttl, size, keep, tags);
    } else {
      this.#replace(slot, value, ttl, size, keep, tags);
    }
    return true;
  }

  /**
   * @param {K} key
   * @param {number} hash of the key, by the index
   * @param {V} value
   * @param {number} ttl
   * @param {number} size
   * @param {number} keep
   * @param {import('./tags.js').Tagged | undefined} tags
   */
  #insert(key, hash, value, ttl, size, keep, tags) {
    const slots = this.#slots;
    if (slots.sizes !== undefined) {
      this.#makeRoom(size, 0);
    }
    // The one that makes room for one more hands over its slot.
    const slot = slots.count >= this.#settings.max ? this.#evict() : slots.take();
    // There is one zero, as in a Map.
    slots.pairs[slot << 1] = key === 0 ? 0 : key;
    slots.pairs[(slot << 1) | 1] = value;
    if (slots.sizes !== undefined) {
      slots.sizes[slot] = size;
      slots.totalSize += size;
    }
    this.#begin(slot, ttl, keep, tags);
    this.#index.add(key, slot, hash);
    this.#policy.add(slot);
    if (this.#changes && slots.count >= AUTO_FROM) {
      this.#changes = false;
      this.#policy = new S3Fifo(slots, this.#limit());
    }
  }

  /**
   * @param {number} slot
   * @param {V} value
   * @param {number} ttl
   * @param {number} size
   * @param {number} keep
   * @param {import('./tags.js').Tagged | undefined} tags
   */
  #replace(slot, value, ttl, size, keep, tags) {
    const slots = this.#slots;
    const { pairs, sizes } = slots;
    this.counters[UNADDED]++;
    if (this.#onEvict !== undefined && pairs[(slot << 1) | 1] !== value) {
      this.#removed.push([pairs[slot << 1], pairs[(slot << 1) | 1], 'set']);
    }
    pairs[(slot << 1) | 1] = value;
    this.#tags?.detach(slot);
    this.#begin(slot, ttl, keep, tags);
    if (sizes !== undefined && sizes[slot] !== size) {
      // Out of the policy meanwhile: it must not be evicted itself, and it weighs something else then.
      this.#policy.remove(slot);
      slots.totalSize -= sizes[slot];
      this.#makeRoom(size, 1);
      slots.totalSize += size;
      sizes[slot] = size;
      this.#policy.readmit(slot);
    }
    this.#policy.touch(slot);
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
    if (this.#isOver(slot)) {
      this.#expire(slot);
      return false;
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
    const { max, maxSize, policy } = this.#settings;
    this.#slots = new Slots(max, maxSize !== Infinity);
    this.#index = new KeyIndex(this.#slots);
    this.#policy = policyOf(policy, this.#slots, this.#limit());
    this.#changes = policy === 'auto';
    this.#tags = undefined;
    this.#expiry.stop();
    this.#curve.forget();
    this.#sweptTo = 0;
    this.#lookedTo = 0;
    this.#nextEnd = Infinity;
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
    const { max, maxSize } = this.#settings;
    return maxSize === Infinity ? max : maxSize;
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
    const slots = this.#slots;
    if (ttl > 0 && ttl !== Infinity) {
      slots.times ??= new Times(slots.capacity, this.#settings);
      this.#expiry.expect(slots.times.begin(slot, ttl, keep), this.now());
    } else if (slots.times !== undefined) {
      slots.times.clear(slot);
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
    const gone = this.#slots.times?.goneAt(slot) ?? 0;
    return (gone !== 0 && gone <= this.now()) || (this.#tags?.isInvalid(slot) ?? false);
  }

  /**
   * Looks at some of the entries, and removes those that are over.
   *
   * @returns {number} when the next one is; 0 if not all were looked at
   */
  removeSome() {
    const slots = this.#slots;
    const now = this.now();
    const end = Math.min(slots.used, this.#lookedTo + LOOKED_AT);
    if (this.#lookedTo === 0) {
      this.#tags?.beginLook();
    }
    let left = REMOVED_AT_ONCE;
    while (this.#lookedTo < end && left > 0) {
      const slot = this.#lookedTo++;
      const gone = slots.times?.goneAt(slot) ?? 0;
      if ((gone !== 0 && gone <= now) || this.#tags?.isInvalid(slot)) {
        this.#expire(slot);
        left--;
      } else if (gone !== 0 && gone < this.#nextEnd) {
        this.#nextEnd = gone;
      }
    }
    let next = 0;
    if (this.#lookedTo >= slots.used) {
      next = this.#tags?.endLook() === false ? now : this.#nextEnd;
      this.#lookedTo = 0;
      this.#nextEnd = Infinity;
    }
    this.notify();
    return next;
  }

  /** Removes one that is over. @param {number} slot */
  #expire(slot) {
    if (this.#tags?.isInvalid(slot)) {
      this.counters[REMOVED]++;
      this.#remove(slot, 'invalidate');
    } else {
      this.counters[EXPIRATIONS]++;
      this.#remove(slot, 'expire');
    }
  }

  /**
   * The tags of a value that is about to be put; to be put with it, or released.
   *
   * @param {readonly string[]} names
   */
  hold(names) {
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
    while (slots.totalSize + size > this.#settings.maxSize && slots.count > apart) {
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
    if (this.#tags?.isInvalid(slot)) {
      this.counters[REMOVED]++;
      this.#drop(slot, 'invalidate');
    } else if (this.#slots.times?.isOver(slot)) {
      this.counters[EXPIRATIONS]++;
      this.#drop(slot, 'expire');
    } else {
      const { count, hashes, times } = this.#slots;
      if (Curve.watches(hashes[slot])) {
        this.#curve.evict(hashes[slot], times?.ends[slot] ?? 0, count);
      }
      this.#drop(slot, 'evict');
    }
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
    this.#tags?.detach(slot);
    if (this.#onEvict !== undefined) {
      this.#removed.push([slots.pairs[slot << 1], slots.pairs[(slot << 1) | 1], reason]);
    }
    if (slots.sizes !== undefined) {
      slots.totalSize -= slots.sizes[slot];
    }
  }
}

module.exports = { LOADS, LOAD_ERRORS, STALE_HITS, Store };
