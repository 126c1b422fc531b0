'use strict';

/**
 * Cells of the counters of a cache. They are a typed array, because a field that passes 2^31 would be boxed anew on every
 * increment.
 */
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

module.exports = {
  COUNTERS,
  EXPIRATIONS,
  HITS,
  LOADS,
  LOAD_ERRORS,
  MISSES,
  REMOVED,
  SETS,
  STALE_HITS,
  UNADDED,
};
