'use strict';

const { error } = require('../errors.js');
const { COUNTERS, EXPIRATIONS, REMOVED, SETS, UNADDED } = require('./counters.js');
const { Curve } = require('./curve.js');
const { Expiry } = require('./expiry.js');
const { SEED, hashString } = require('./hash.js');
const { KeyIndex } = require('./key-index.js');
const { Notices } = require('./notices.js');
const { AUTO_FROM, policyOf } = require('./policy.js');
const { S3Fifo } = require('./s3-fifo.js');
const { Slots } = require('./slots.js');
const { Tags } = require('./tags.js');
const { Times } = require('./times.js');

/** Slots looked at by each put for entries whose time is over. Two, so that looking keeps ahead of filling. */
const SWEEP = 2;
/** Slots that the timer looks at in one part, and entries that it removes: some 10 and some 200 microseconds. */
const LOOKED_AT = 8192;
const REMOVED_AT_ONCE = 1024;

/**
 * The keys of a namespace. To clear it is to take another one: entries of the old one are dead from then on.
 *
 * @typedef {{ name: string | undefined, index: KeyIndex, count: number, isRetired: boolean, keeper: unknown }} Space
 *   `keeper` is what must not be collected while there are entries
 */

/**
 * The entries of a cache by slot, whatever namespace they are in: columns, policy, times, tags and sizes, and who is told of
 * those that leave. It trusts what it is given.
 *
 * @template K, V
 */
class Entries {
  counters = new Float64Array(COUNTERS);
  /** @type {Slots} */
  slots;
  /** The keys that are in no namespace. @type {Space} */
  root;
  /** @type {import('./policy.js').Policy} */
  policy;
  curve = new Curve();
  /** @type {Notices<K, V>} */
  notices;
  /** The time on the clock of the cache. */
  now;
  max;
  maxSize;
  /**
   * Whether an entry has had a time or a tag, or was cleared with its namespace. While none has, nobody looks at one before it
   * is used, and no clock is read.
   */
  ends = false;
  isClosed = false;
  #settings;
  /** Whether the policy is to change once there are so many entries. */
  #changes;
  /** Once an entry has one. @type {Tags | undefined} */
  #tags;
  /** @type {Expiry} */
  #expiry;
  /** The slot that the sweep of the puts looked at last, and that of the timer. */
  #sweptTo = 0;
  #lookedTo = 0;
  /** Entries of namespaces that were cleared. */
  #dead = 0;
  /** When the first of those that the timer has left is over, and when it need not be kept any more. */
  #nextEnd = Infinity;
  #nextGone = Infinity;

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
    this.max = max;
    this.maxSize = maxSize;
    this.now = now;
    this.notices = new Notices(onEvict);
    this.slots = new Slots(max, maxSize !== Infinity);
    this.root = this.space();
    this.policy = policyOf(policy, this.slots, this.#limit());
    this.#changes = policy === 'auto';
    this.#expiry = new Expiry(timers, this);
  }

  /** Entries that made room. Not counted one by one, which would cost each of them two nanoseconds. */
  get evictions() {
    const { counters } = this;
    return counters[SETS] - counters[UNADDED] - counters[EXPIRATIONS] - counters[REMOVED] - this.slots.count;
  }

  /**
   * Keys of which there are none yet.
   *
   * @param {string} [name] none: they are in no namespace
   * @param {unknown} [keeper]
   * @returns {Space}
   */
  space(name, keeper) {
    const seed = name === undefined ? SEED : hashString(name, SEED);
    return { name, index: new KeyIndex(this.slots, seed), count: 0, isRetired: false, keeper };
  }

  /** From now on it is noted of each entry which namespace it is in. */
  noteSpaces() {
    const { slots } = this;
    slots.spaces ??= Array.from({ length: slots.used }, () => this.root);
  }

  /** The clock may throw: whoever uses the time reads it before anything is changed. */
  readClock() {
    const { times } = this.slots;
    if (times !== undefined) {
      times.now = this.now();
    }
  }

  /** Whether any entry that is still found by its key may be over or invalid. Reads the clock. */
  mayBeOver() {
    const { times } = this.slots;
    this.readClock();
    return this.#tags !== undefined || (times !== undefined && times.now >= times.quietUntil);
  }

  /**
   * What a put does about entries that end.
   *
   * @param {boolean} ends whether the new one does
   */
  startPut(ends) {
    const { slots } = this;
    if (ends) {
      this.ends = true;
      slots.times ??= new Times(slots.capacity, this.#settings);
    }
    const { times } = slots;
    this.readClock();
    if (
      (times !== undefined && times.now >= times.quietUntil) ||
      this.#dead > 0 ||
      (this.#tags !== undefined && this.#tags.mayHaveInvalid)
    ) {
      this.#sweep();
    }
  }

  /**
   * @param {Space} space without the key
   * @param {K} key
   * @param {number} hash of the key, by the index
   * @param {V} value
   * @param {number} ttl 0 or Infinity: for ever
   * @param {number} size
   * @param {number} keep milliseconds for which it may serve in need when it is over
   * @param {import('./tags.js').Tagged | undefined} tags
   */
  insert(space, key, hash, value, ttl, size, keep, tags) {
    const { slots } = this;
    if (slots.sizes !== undefined) {
      this.#makeRoom(size, 0);
    }
    // The one that makes room for one more hands over its slot.
    const slot = slots.count >= this.max ? this.#evict() : slots.take();
    const { pairs } = slots;
    // There is one zero, as in a Map.
    pairs[slot << 1] = key === 0 ? 0 : key;
    pairs[(slot << 1) | 1] = value;
    if (slots.sizes !== undefined) {
      slots.sizes[slot] = size;
      slots.totalSize += size;
    }
    if (this.ends) {
      this.#begin(slot, ttl, keep, tags);
    }
    if (slots.spaces !== undefined) {
      slots.spaces[slot] = space;
    }
    space.count++;
    space.index.add(key, slot, hash);
    this.policy.add(slot);
    if (this.#changes && slots.count >= AUTO_FROM) {
      this.#changes = false;
      this.policy = new S3Fifo(slots, this.#limit());
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
  replace(slot, value, ttl, size, keep, tags) {
    const { slots } = this;
    const { pairs, sizes } = slots;
    this.counters[UNADDED]++;
    if (this.notices.wanted && pairs[(slot << 1) | 1] !== value) {
      this.notices.add(pairs[slot << 1], pairs[(slot << 1) | 1], 'set');
    }
    pairs[(slot << 1) | 1] = value;
    if (this.ends) {
      this.#tags?.detach(slot);
      this.#begin(slot, ttl, keep, tags);
    }
    if (sizes !== undefined && sizes[slot] !== size) {
      // Out of the policy meanwhile: it must not be evicted itself, and it weighs something else then.
      this.policy.remove(slot);
      slots.totalSize -= sizes[slot];
      this.#makeRoom(size, 1);
      slots.totalSize += size;
      sizes[slot] = size;
      this.policy.readmit(slot);
    }
  }

  /**
   * @param {number} slot
   * @param {import('../..').EvictReason} reason
   */
  remove(slot, reason) {
    this.policy.remove(slot);
    this.#drop(slot, reason);
    this.slots.give(slot);
  }

  /** Whether an entry is not to be had any more. @param {number} slot */
  isOver(slot) {
    const { times } = this.slots;
    return (times !== undefined && times.isOver(slot)) || this.isInvalid(slot);
  }

  /**
   * Whether an entry may not even serve in need, whatever its time: a tag was invalidated, or its namespace cleared.
   *
   * @param {number} slot
   */
  isInvalid(slot) {
    const { spaces } = this.slots;
    return (
      (this.#tags !== undefined && this.#tags.isInvalid(slot)) ||
      (spaces !== undefined && spaces[slot]?.isRetired === true)
    );
  }

  assertOpen() {
    if (this.isClosed) {
      throw error('ERR_HEAPWISE_CACHE_CLOSED');
    }
  }

  /** One that is over goes, unless it is kept to serve in need. @param {number} slot */
  leave(slot) {
    if (this.#isGone(slot)) {
      this.expire(slot);
    }
  }

  /** Removes one that is over. @param {number} slot */
  expire(slot) {
    this.remove(slot, this.#countOver(slot));
  }

  /** Milliseconds that an entry has left; 0: for ever. @param {number} slot @param {number} now */
  left(slot, now) {
    const end = this.slots.times?.ends[slot] ?? 0;
    return end === 0 ? 0 : end - now;
  }

  /** @param {number} slot @returns {string[]} */
  tagsOf(slot) {
    return this.#tags?.namesOf(slot) ?? [];
  }

  /** @param {number} slot @returns {number | null} null where sizes do not count */
  sizeOf(slot) {
    return this.slots.sizes === undefined ? null : this.slots.sizes[slot];
  }

  /** All of them go, and all keys: whoever has a space takes another one. */
  clear() {
    if (this.notices.wanted) {
      const { pairs } = this.slots;
      for (const slot of this.policy.order()) {
        this.notices.add(pairs[slot << 1], pairs[(slot << 1) | 1], 'clear');
      }
    }
    this.counters[REMOVED] += this.slots.count;
    const { policy } = this.#settings;
    const { spaces } = this.slots;
    this.slots = new Slots(this.max, this.maxSize !== Infinity);
    this.root = this.space();
    if (spaces !== undefined) {
      this.noteSpaces();
    }
    this.policy = policyOf(policy, this.slots, this.#limit());
    this.#changes = policy === 'auto';
    this.#tags = undefined;
    this.ends = false;
    this.#dead = 0;
    this.#expiry.stop();
    this.curve.forget();
    this.#sweptTo = 0;
    this.#restartLook();
  }

  /**
   * The entries of a namespace are dead from now on, and removed when somebody comes by.
   *
   * @param {Space} space
   * @returns {Space} for those that come
   */
  retire(space) {
    const next = this.space(space.name, space.keeper);
    if (space.count > 0) {
      // The clock may throw: before anything is changed.
      const now = this.now();
      this.ends = true;
      this.#dead += space.count;
      this.#expiry.expect(now, now);
    }
    space.isRetired = true;
    // The dead are not looked for, and keep nobody alive.
    space.index = next.index;
    space.keeper = undefined;
    return next;
  }

  /**
   * Looks at some of the entries, and removes those that are over.
   *
   * @returns {number} when the next one is; 0 if not all were looked at
   */
  removeSome() {
    const { slots } = this;
    const { times } = slots;
    const tags = this.#tags;
    this.readClock();
    const end = Math.min(slots.used, this.#lookedTo + LOOKED_AT);
    if (this.#lookedTo === 0) {
      tags?.beginLook();
      times?.beginLook();
    }
    let left = REMOVED_AT_ONCE;
    while (this.#lookedTo < end && left > 0) {
      const slot = this.#lookedTo++;
      if (this.#isGone(slot)) {
        this.expire(slot);
        left--;
      } else if (times !== undefined && times.ends[slot] !== 0) {
        // Not Math.min: a time that is no number must not be the first one for ever.
        if (times.ends[slot] < this.#nextEnd) {
          this.#nextEnd = times.ends[slot];
        }
        if (times.goneAt(slot) < this.#nextGone) {
          this.#nextGone = times.goneAt(slot);
        }
      }
    }
    let next = 0;
    if (this.#lookedTo >= slots.used) {
      times?.endLook(this.#nextEnd);
      next = tags?.endLook() === false ? this.now() : this.#nextGone;
      this.#restartLook();
    }
    this.notices.tell();
    return next;
  }

  #restartLook() {
    this.#lookedTo = 0;
    this.#nextEnd = Infinity;
    this.#nextGone = Infinity;
  }

  /**
   * The tags of a value that is about to be put; to be put with it, or released.
   *
   * @param {readonly string[]} names
   */
  hold(names) {
    this.ends = true;
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
    if (this.#tags === undefined) {
      return false;
    }
    // The clock may throw: before anything is changed.
    const now = this.now();
    const found = this.#tags.invalidate(tag);
    if (found) {
      this.#expiry.expect(now, now);
    }
    return found;
  }

  /** What all entries may weigh, for the policy. */
  #limit() {
    return this.maxSize === Infinity ? this.max : this.maxSize;
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
    const { times } = this.slots;
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

  /** Whether one that is over need not be kept. @param {number} slot */
  #isGone(slot) {
    const { times } = this.slots;
    return (times !== undefined && times.isGone(slot)) || this.isInvalid(slot);
  }

  /**
   * Counts one that is over, or invalid, or dead.
   *
   * @param {number} slot
   * @returns {import('../..').EvictReason} why it goes
   */
  #countOver(slot) {
    if (this.slots.spaces?.[slot]?.isRetired) {
      this.counters[REMOVED]++;
      return 'clear';
    }
    if (this.#tags?.isInvalid(slot)) {
      this.counters[REMOVED]++;
      return 'invalidate';
    }
    this.counters[EXPIRATIONS]++;
    return 'expire';
  }

  /**
   * @param {number} size of what is to fit
   * @param {number} apart entries that are out of the policy
   */
  #makeRoom(size, apart) {
    const { slots } = this;
    while (slots.totalSize + size > this.maxSize && slots.count > apart) {
      slots.give(this.#evict());
    }
    if (slots.count === apart) {
      // Whatever the rounding of fractions has added up to.
      slots.totalSize = 0;
    }
  }

  /** @returns {number} the slot of the entry that made room, to be used again or given */
  #evict() {
    const slot = this.policy.evict();
    if (this.ends && this.isOver(slot)) {
      this.#drop(slot, this.#countOver(slot));
      return slot;
    }
    const { hashes, times, count } = this.slots;
    const hash = hashes[slot];
    if (Curve.watches(hash)) {
      this.curve.evict(hash, times?.ends[slot] ?? 0, count);
    }
    this.#drop(slot, 'evict');
    return slot;
  }

  /** Looks at the next few slots for entries whose time is over. */
  #sweep() {
    const { used } = this.slots;
    for (let i = 0; i < SWEEP; i++) {
      this.#sweptTo = this.#sweptTo + 1 < used ? this.#sweptTo + 1 : 0;
      if (this.isOver(this.#sweptTo)) {
        this.leave(this.#sweptTo);
      }
    }
  }

  /**
   * @param {number} slot out of the policy
   * @param {import('../..').EvictReason} reason
   */
  #drop(slot, reason) {
    const { slots } = this;
    const space = slots.spaces === undefined ? this.root : /** @type {Space} */ (slots.spaces[slot]);
    space.count--;
    if (space.isRetired) {
      this.#dead--;
    } else {
      space.index.remove(slot);
    }
    if (this.ends) {
      this.#tags?.detach(slot);
    }
    if (this.notices.wanted) {
      this.notices.add(slots.pairs[slot << 1], slots.pairs[(slot << 1) | 1], reason);
    }
    if (slots.sizes !== undefined) {
      slots.totalSize -= slots.sizes[slot];
    }
  }
}

module.exports = { Entries };
