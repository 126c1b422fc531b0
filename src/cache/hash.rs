//! Hashes of keys.

use std::hash::{BuildHasher, RandomState};

use rapidhash::v3::{RapidSecrets, rapidhash_v3_micro_inline};

/// A keyed hash. The secrets are drawn anew for each cache, so that nobody can choose keys that collide.
#[derive(Clone, Copy, Debug)]
pub struct Hasher {
    secrets: RapidSecrets,
}

/// The hash of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(u64);

impl Hasher {
    /// A hash that depends on a seed.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self { secrets: RapidSecrets::seed(seed) }
    }

    /// A hash that nobody can foresee.
    #[must_use]
    pub fn random() -> Self {
        // The standard library asks the system for its seeds.
        Self::seeded(RandomState::new().hash_one(0_u8))
    }

    /// The hash of a key.
    #[inline]
    #[must_use]
    pub const fn hash(&self, key: &[u8]) -> Hash {
        Hash(rapidhash_v3_micro_inline::<true, true>(key, &self.secrets))
    }
}

impl Hash {
    /// The half that tells entries of a shard apart.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    #[must_use]
    pub const fn tag(self) -> u32 {
        self.0 as u32
    }

    /// Which of so many shards, a power of two.
    #[must_use]
    pub const fn shard(self, shards: usize) -> usize {
        (self.0 >> 32) as usize & (shards - 1)
    }
}
