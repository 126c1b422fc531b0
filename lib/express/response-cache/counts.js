'use strict';

/** What has happened since the cache was made. */
class Counts {
  hits = 0;
  stale = 0;
  misses = 0;
  revalidated = 0;
  collapsed = 0;
  bypassed = 0;
  stored = 0;
  invalidated = 0;
  /** @type {Partial<Record<import('../../../express.js').RefusalReason, number>>} */
  #refused = {};

  /** @param {import('../../../express.js').RefusalReason} reason */
  refuse(reason) {
    this.#refused[reason] = (this.#refused[reason] ?? 0) + 1;
  }

  snapshot() {
    const { hits, stale, misses, revalidated, collapsed, bypassed, stored, invalidated } = this;
    return {
      hits,
      stale,
      misses,
      revalidated,
      collapsed,
      bypassed,
      stored,
      invalidated,
      refused: { ...this.#refused },
    };
  }
}

module.exports = { Counts };
