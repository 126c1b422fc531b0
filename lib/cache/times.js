'use strict';

const { grown } = require('./columns.js');

/**
 * When entries end: columns by slot, on the clock of the cache; 0 is never. They exist once an entry has a time, those for
 * renewal and for keeping what is stale once they are needed.
 */
class Times {
  /**
   * The time of the operation that goes on. Read once, when nothing is changed yet: a clock that throws in the middle would
   * leave it half done. Not a parameter, because a fraction that is passed on is a new object of V8 each time.
   */
  now = NaN;
  /** No entry is over before this time. */
  quietUntil = Infinity;
  /** The first end that was noted since a look at all of them began. */
  #firstNoted = Infinity;
  /** When an entry is over. @type {Float64Array} */
  ends;
  /** How long an entry lives from its last use, where a use renews. @type {Float64Array | undefined} */
  #lives;
  /** When an entry ends however often it is used. @type {Float64Array | undefined} */
  #limits;
  /** Until when an entry that is over may serve in need. @type {Float64Array | undefined} */
  #keeps;
  /** Milliseconds that it took to load an entry. @type {Float32Array | undefined} */
  #costs;
  #settings;

  /**
   * @param {number} capacity slots
   * @param {object} settings
   * @param {() => number} settings.random
   * @param {boolean} settings.sliding whether a use renews
   * @param {number} settings.maxTtl
   * @param {number} settings.jitter
   */
  constructor(capacity, settings) {
    this.#settings = settings;
    this.ends = new Float64Array(capacity);
    if (settings.sliding) {
      this.#lives = new Float64Array(capacity);
      this.#limits = settings.maxTtl === Infinity ? undefined : new Float64Array(capacity);
    }
  }

  /**
   * Begins the time of an entry.
   *
   * @param {number} slot
   * @param {number} ttl > 0, finite
   * @param {number} keep for how long it may serve in need after that
   * @returns {number} when nothing of it is needed any more
   */
  begin(slot, ttl, keep) {
    const { jitter, maxTtl, random } = this.#settings;
    const time = this.now;
    const capped = ttl < maxTtl ? ttl : maxTtl;
    const life = jitter === 0 ? capped : capped * (1 - jitter * random());
    const end = some(time + life);
    this.ends[slot] = end;
    this.#note(end);
    if (this.#costs !== undefined) {
      this.#costs[slot] = 0;
    }
    if (this.#lives !== undefined) {
      this.#lives[slot] = life;
      if (this.#limits !== undefined) {
        this.#limits[slot] = time + maxTtl;
      }
    }
    if (keep > 0) {
      this.#keeps ??= new Float64Array(this.ends.length);
      this.#keeps[slot] = some(end + keep);
      return this.#keeps[slot];
    }
    if (this.#keeps !== undefined) {
      this.#keeps[slot] = 0;
    }
    return end;
  }

  /** @param {number} end */
  #note(end) {
    if (end < this.quietUntil) {
      this.quietUntil = end;
    }
    if (end < this.#firstNoted) {
      this.#firstNoted = end;
    }
  }

  /** Whoever looks for what is over begins to look at all slots. */
  beginLook() {
    this.#firstNoted = Infinity;
  }

  /** @param {number} first end that was seen */
  endLook(first) {
    this.quietUntil = Math.min(first, this.#firstNoted);
  }

  /** An entry without a time. @param {number} slot */
  clear(slot) {
    this.ends[slot] = 0;
    if (this.#keeps !== undefined) {
      this.#keeps[slot] = 0;
    }
  }

  /**
   * How long each use lets an entry live from then on, if not as long as it did at first.
   *
   * @param {number} slot
   * @param {number} life milliseconds
   */
  liveAnew(slot, life) {
    if (this.#lives !== undefined) {
      this.#lives[slot] = life;
    }
  }

  /** @param {number} slot */
  isOver(slot) {
    const end = this.ends[slot];
    return end !== 0 && end <= this.now;
  }

  /** Whether nothing of an entry is needed any more. @param {number} slot */
  isGone(slot) {
    const gone = this.goneAt(slot);
    return gone !== 0 && gone <= this.now;
  }

  /** When nothing of an entry is needed any more. @param {number} slot @returns {number} 0: never */
  goneAt(slot) {
    const keeps = this.#keeps;
    return keeps === undefined || keeps[slot] === 0 ? this.ends[slot] : keeps[slot];
  }

  /** An entry was used. @param {number} slot */
  renew(slot) {
    const before = this.ends[slot];
    if (this.#lives !== undefined && before !== 0) {
      const end = this.now + this.#lives[slot];
      this.ends[slot] = some(this.#limits === undefined ? end : Math.min(end, this.#limits[slot]));
      this.#note(this.ends[slot]);
      if (this.#keeps !== undefined && this.#keeps[slot] !== 0) {
        this.#keeps[slot] += this.ends[slot] - before;
      }
    }
  }

  /**
   * @param {number} slot
   * @param {number} cost milliseconds
   */
  noteCost(slot, cost) {
    this.#costs ??= new Float32Array(this.ends.length);
    this.#costs[slot] = cost;
  }

  /** @param {number} slot @returns {number} milliseconds */
  costOf(slot) {
    return this.#costs === undefined ? 0 : this.#costs[slot];
  }

  /** @param {number} capacity */
  grow(capacity) {
    this.ends = grown(this.ends, new Float64Array(capacity));
    this.#lives = this.#lives && grown(this.#lives, new Float64Array(capacity));
    this.#limits = this.#limits && grown(this.#limits, new Float64Array(capacity));
    this.#keeps = this.#keeps && grown(this.#keeps, new Float64Array(capacity));
    this.#costs = this.#costs && grown(this.#costs, new Float32Array(capacity));
  }
}

/** A time that is not 0, which would be never. @param {number} end */
function some(end) {
  return end === 0 ? Number.MIN_VALUE : end;
}

module.exports = { Times };
