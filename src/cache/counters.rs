//! What a shard counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts since the store was made. Each shard has its own: one for all would be written by all threads at once.
#[derive(Debug, Default)]
pub struct Counters {
    /// Gets that found a value.
    pub hits: Counter,
    /// Gets that found none.
    pub misses: Counter,
    /// Values stored.
    pub sets: Counter,
    /// Entries removed by `delete`.
    pub deletes: Counter,
    /// Entries removed to make room.
    pub evictions: Counter,
    /// Entries removed because their time was over.
    pub expirations: Counter,
    /// Entries removed because a tag of theirs was invalidated.
    pub invalidations: Counter,
    /// Values that somebody has begun to load.
    pub loads: Counter,
    /// Loads that have failed.
    pub load_errors: Counter,
    /// Values that were over, and served all the same.
    pub stale_hits: Counter,
}

impl Counters {
    /// All of them, in the order of `lib/shared-cache/shared-cache.js`.
    pub const fn all(&self) -> [&Counter; 10] {
        let Self { hits, misses, sets, deletes, evictions, expirations, .. } = self;
        let Self { invalidations, loads, load_errors, stale_hits, .. } = self;
        [
            hits,
            misses,
            sets,
            deletes,
            evictions,
            expirations,
            invalidations,
            loads,
            load_errors,
            stale_hits,
        ]
    }
}

/// A count.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one more.
    pub fn count(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// How many there were.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
