'use strict';

/** One key in so many is watched. A power of two. */
const SAMPLE = 64;
/** How many times as large a cache is thought to be. */
const SCALES = [1.25, 1.5, 2, 4];
/** Entries that such a cache has more than the one before it, for each watched key of this one. */
const STEPS = SCALES.map((scale, i) => (scale - (i === 0 ? 1 : SCALES[i - 1])) / SAMPLE);
const LAST = SCALES.length - 1;
/** Places of the queue at first. A power of two, as always. */
const FIRST_PLACES = 16;
/** Keys that leave a stage at a time, more than come into it. */
const LEAVING = 2;

/**
 * What more memory would buy: the hit rate that the cache would have if it were larger. Of one key in 64, chosen by its
 * hash, it remembers that it was evicted; were the cache larger by as many entries as were evicted since and have not come
 * back, a get that misses it would have been a hit.
 *
 * After Waldspurger, Park, Garthwaite and Ahmad, "Efficient MRC construction with SHARDS", FAST 2015. It is an estimate:
 * exact for lru but for the sampling, near it for the others.
 */
class Curve {
  /** Numbers of the places in the queue, by hash. They count up, and a place is found by the lowest bits. @type {Map<number, number>} */
  #numbers = new Map();
  /** The evicted keys in their order, by hash; 0 is one that has come back. */
  #hashes = new Int32Array(FIRST_PLACES);
  /** When the time of each would have been over; 0: never. */
  #ends = new Float64Array(FIRST_PLACES);
  /** Number of the next place. */
  #next = 0;
  /** The queue in stages, one for each scale: the number that each begins with. The first has the keys that came last. */
  #starts = SCALES.map(() => 0);
  /** Keys in each stage. */
  #counts = SCALES.map(() => 0);
  /** Gets that would have been hits, by stage. Watched ones only. */
  #hits = new Float64Array(SCALES.length);

  /** Whether a key with that hash is watched. @param {number} hash 0: it has none */
  static watches(hash) {
    return ((hash >>> 16) & (SAMPLE - 1)) === 1 && hash !== 0;
  }

  /**
   * @param {number} hash of a key that is watched
   * @param {number} end
   * @param {number} entries of the cache
   */
  evict(hash, end, entries) {
    const before = this.#numbers.get(hash);
    if (before !== undefined) {
      // It has come back, but nobody has asked for it.
      this.#takeOut(before);
    }
    if (this.#next - this.#starts[LAST] === this.#hashes.length) {
      this.#makeRoom();
    }
    const number = this.#next++;
    const place = number & (this.#hashes.length - 1);
    this.#hashes[place] = hash;
    this.#ends[place] = end;
    this.#numbers.set(hash, number);
    this.#counts[0]++;
    for (let stage = 0; stage <= LAST && this.#counts[stage] > STEPS[stage] * entries; stage++) {
      for (let moved = 0; moved < LEAVING && this.#counts[stage] > STEPS[stage] * entries; moved++) {
        this.#moveOn(stage);
      }
    }
  }

  /** The oldest key of a stage becomes the newest of the next one, or is forgotten. @param {number} stage that has one */
  #moveOn(stage) {
    const hashes = this.#hashes;
    let start = this.#starts[stage];
    while (hashes[start & (hashes.length - 1)] === 0) {
      start++;
    }
    this.#starts[stage] = start + 1;
    this.#counts[stage]--;
    if (stage === LAST) {
      this.#numbers.delete(hashes[start & (hashes.length - 1)]);
    } else {
      this.#counts[stage + 1]++;
    }
  }

  /**
   * @param {number} hash of a key that is watched
   * @param {() => number} now
   */
  miss(hash, now) {
    const number = this.#numbers.get(hash);
    if (number !== undefined) {
      this.#numbers.delete(hash);
      const stage = this.#takeOut(number);
      const end = this.#ends[number & (this.#ends.length - 1)];
      if (end === 0 || end > now()) {
        this.#hits[stage]++;
      }
    }
  }

  /**
   * @param {number} number of the place of a key
   * @returns {number} its stage
   */
  #takeOut(number) {
    const stage = this.#starts.findIndex((start) => number >= start);
    this.#counts[stage]--;
    this.#hashes[number & (this.#hashes.length - 1)] = 0;
    return stage;
  }

  /** Forgets the places of keys that have come back, and makes twice as many if that is not half of them. */
  #makeRoom() {
    const hashes = this.#hashes;
    const ends = this.#ends;
    const starts = this.#starts;
    if (2 * this.#numbers.size > hashes.length) {
      this.#hashes = new Int32Array(2 * hashes.length);
      this.#ends = new Float64Array(2 * ends.length);
    }
    const mask = this.#hashes.length - 1;
    // Otherwise within the same arrays: no key moves to a place that was not looked at before.
    let to = starts[LAST];
    let stage = LAST;
    for (let number = to; number < this.#next; number++) {
      while (stage > 0 && number >= starts[stage - 1]) {
        starts[--stage] = to;
      }
      const hash = hashes[number & (hashes.length - 1)];
      if (hash !== 0) {
        this.#hashes[to & mask] = hash;
        this.#ends[to & mask] = ends[number & (hashes.length - 1)];
        this.#numbers.set(hash, to++);
      }
    }
    // Stages that are empty begin where the queue ends.
    starts.fill(to, 0, stage);
    this.#next = to;
  }

  /** What was evicted is not what a clear would have left in a larger cache. */
  forget() {
    this.#numbers.clear();
    this.#hashes = new Int32Array(FIRST_PLACES);
    this.#ends = new Float64Array(FIRST_PLACES);
    this.#next = 0;
    this.#starts.fill(0);
    this.#counts.fill(0);
  }

  /**
   * @param {number} hits
   * @param {number} misses
   * @returns {import('../..').CacheCurvePoint[]}
   */
  points(hits, misses) {
    const gets = hits + misses;
    let more = 0;
    return SCALES.map((scale, i) => {
      more += this.#hits[i] * SAMPLE;
      return { scale, hitRate: gets === 0 ? 0 : (hits + Math.min(misses, more)) / gets };
    });
  }
}

module.exports = { Curve };
