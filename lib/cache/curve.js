'use strict';

/** One key in so many is watched. A power of two. */
const SAMPLE = 64;
/** How many times as large a cache is thought to be. */
const SCALES = [1.25, 1.5, 2, 4];

/**
 * What more memory would buy: the hit rate that the cache would have if it were larger. Of one key in 64, chosen by its
 * hash, it remembers that it was evicted; were the cache larger by as many entries as were evicted since and have not come
 * back, a get that misses it would have been a hit.
 *
 * After Waldspurger, Park, Garthwaite and Ahmad, "Efficient MRC construction with SHARDS", FAST 2015. It is an estimate:
 * exact for lru but for the sampling, near it for the others.
 */
class Curve {
  /**
   * When the time of an evicted key would have been over (0: never), by its hash. A stage for each scale: the key that was
   * evicted last is in the first, and moves to the next when there are too many before it.
   *
   * @type {Map<number, number>[]}
   */
  #stages = SCALES.map(() => new Map());
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
    let moving = hash;
    let movingEnd = end;
    for (let i = 0; i < SCALES.length; i++) {
      const stage = this.#stages[i];
      stage.set(moving, movingEnd);
      const size = ((SCALES[i] - (i === 0 ? 1 : SCALES[i - 1])) * entries) / SAMPLE;
      if (stage.size <= size) {
        return;
      }
      [[moving, movingEnd]] = stage;
      stage.delete(moving);
    }
  }

  /**
   * @param {number} hash of a key that is watched
   * @param {() => number} now
   */
  miss(hash, now) {
    for (let i = 0; i < SCALES.length; i++) {
      const end = this.#stages[i].get(hash);
      if (end !== undefined) {
        this.#stages[i].delete(hash);
        if (end === 0 || end > now()) {
          this.#hits[i]++;
        }
        return;
      }
    }
  }

  /** What was evicted is not what a clear would have left in a larger cache. */
  forget() {
    for (const stage of this.#stages) {
      stage.clear();
    }
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
