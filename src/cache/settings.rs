//! How a cache is set up.

use super::{compress::Compression, policy::Kind};

/// Smallest budget that a cache can work with, in bytes.
pub const LEAST_BYTES: u64 = 1 << 20;
/// What references of 32 bits reach, less than a page of it.
pub const MOST_BYTES: u64 = (64 << 30) - (2 << 20);
/// A shard for each so many bytes of the budget.
const BYTES_PER_SHARD: u64 = 4 << 20;
/// A shard for each so many entries, where their number is limited.
const ENTRIES_PER_SHARD: u64 = 1024;
const MOST_SHARDS: u64 = 64;

/// What all who open a cache of one name must agree on.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Bytes that it may take from the system, [`LEAST_BYTES`] to [`MOST_BYTES`].
    pub max_bytes: u64,
    /// Most entries; `None` is no limit.
    pub max: Option<u64>,
    /// Milliseconds that an entry lives if nothing else is said; `None` is for ever.
    pub ttl: Option<u64>,
    /// Most milliseconds that any entry lives; `None` is no limit.
    pub max_ttl: Option<u64>,
    /// By which part a time to live is shortened at most, by chance; 0 to 1.
    pub jitter: f64,
    /// Whether the time to live starts again with each use.
    pub sliding: bool,
    /// Which entry goes when there is no room.
    pub policy: Kind,
    /// Number of shards, a power of two.
    pub shards: usize,
    /// How JavaScript encodes values; Rust only compares it.
    pub codec: String,
    /// Which values are compressed; `None` is no value.
    pub compression: Option<Compression>,
}

/// How many shards a cache gets that does not say: enough for threads not to wait for each other, and few where it is
/// small, because each evicts only its own entries.
#[must_use]
pub fn default_shards(max_bytes: u64, max: Option<u64>) -> usize {
    let by_bytes = max_bytes / BYTES_PER_SHARD;
    let by_entries = max.map_or(MOST_SHARDS, |max| max / ENTRIES_PER_SHARD);
    let shards = by_bytes.min(by_entries).clamp(1, MOST_SHARDS);
    1 << shards.ilog2()
}
