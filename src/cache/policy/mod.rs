//! Which entry goes when there is no room.

use std::{io, sync::Arc};

use self::{lru::Lru, s3fifo::S3Fifo, sieve::Sieve};
use super::{arena::NIL, budget::Budget, entry::Entries, list::List, persist::format::Standing};

pub mod ghost;
pub mod lru;
pub mod s3fifo;
pub mod sieve;

/// The policies there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Least recently used.
    Lru,
    /// SIEVE.
    Sieve,
    /// S3-FIFO.
    S3Fifo,
}

/// What limits the entries of a shard.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// About so many entries.
    Entries(u64),
    /// About so many bytes of keys and values.
    Bytes(u64),
}

impl Bound {
    /// The number, whatever it counts.
    #[must_use]
    pub const fn least(self) -> u64 {
        match self {
            Self::Entries(number) | Self::Bytes(number) => number,
        }
    }
}

/// The policy of a shard, with the order of its entries.
#[derive(Debug)]
pub enum Policy {
    /// Least recently used.
    Lru(Lru),
    /// SIEVE.
    Sieve(Sieve),
    /// S3-FIFO.
    S3Fifo(Box<S3Fifo>),
}

impl Policy {
    /// A policy without entries; `most` is about how many there can ever be.
    ///
    /// # Errors
    /// When there are no addresses for what it remembers.
    pub fn new(kind: Kind, budget: &Arc<Budget>, bound: Bound, most: usize) -> io::Result<Self> {
        Ok(match kind {
            Kind::Lru => Self::Lru(Lru::default()),
            Kind::Sieve => Self::Sieve(Sieve::default()),
            Kind::S3Fifo => Self::S3Fifo(Box::new(S3Fifo::new(Arc::clone(budget), bound, most)?)),
        })
    }

    /// Whether a hit changes the order, so that it needs the shard for itself.
    #[must_use]
    pub const fn reorders_on_hit(kind: Kind) -> bool {
        matches!(kind, Kind::Lru)
    }

    /// Bytes of memory beside the entries.
    #[must_use]
    pub fn committed(&self) -> u64 {
        match self {
            Self::Lru(_) | Self::Sieve(_) => 0,
            Self::S3Fifo(policy) => policy.committed(),
        }
    }

    /// A hit with the shard locked exclusively. For policies that do not reorder, counting the use is enough.
    pub fn hit(&mut self, entries: Entries, reference: u32) {
        match self {
            Self::Lru(policy) => policy.hit(entries, reference),
            Self::Sieve(_) | Self::S3Fifo(_) => entries.get(reference).count_use(),
        }
    }

    /// Asked before room is made for a new entry: whether it was evicted not long ago.
    pub fn recall(&mut self, hash: u32) -> bool {
        match self {
            Self::Lru(_) | Self::Sieve(_) => false,
            Self::S3Fifo(policy) => policy.recall(hash),
        }
    }

    /// Adds an entry.
    pub fn insert(&mut self, entries: Entries, reference: u32, recalled: bool) {
        match self {
            Self::Lru(policy) => policy.insert(entries, reference),
            Self::Sieve(policy) => policy.insert(entries, reference),
            Self::S3Fifo(policy) => policy.insert(entries, reference, recalled),
        }
    }

    /// Adds an entry of a cache that was saved. All of them must come in the order of their walks.
    pub fn restore(&mut self, entries: Entries, reference: u32, standing: Standing) {
        entries.get(reference).set_uses(standing.uses);
        match self {
            Self::Lru(policy) => policy.insert(entries, reference),
            Self::Sieve(policy) => policy.restore(entries, reference, standing.passed),
            Self::S3Fifo(policy) => policy.restore(entries, reference, standing.main),
        }
    }

    /// Its queues, which a save walks through. Those of policies with only one are the same.
    pub const fn queue_mut(&mut self, main: bool) -> &mut List {
        match self {
            Self::Lru(policy) => policy.list_mut(),
            Self::Sieve(policy) => policy.list_mut(),
            Self::S3Fifo(policy) => {
                let [small, of_main] = policy.queues_mut();
                if main { of_main } else { small }
            }
        }
    }

    /// The entry that SIEVE looks at next; NIL is the oldest.
    #[must_use]
    pub const fn hand(&self) -> u32 {
        match self {
            Self::Sieve(policy) => policy.hand(),
            Self::Lru(_) | Self::S3Fifo(_) => NIL,
        }
    }

    /// Takes an entry out.
    pub fn remove(&mut self, entries: Entries, reference: u32) {
        match self {
            Self::Lru(policy) => policy.remove(entries, reference),
            Self::Sieve(policy) => policy.remove(entries, reference),
            Self::S3Fifo(policy) => policy.remove(entries, reference),
        }
    }

    /// Puts a new entry, with the same key, into the place of an old one. That is a use.
    pub fn replace(&mut self, entries: Entries, old: u32, new: u32) {
        entries.get(new).set_uses(entries.get(old).uses());
        match self {
            Self::Lru(policy) => policy.replace(entries, old, new),
            Self::Sieve(policy) => policy.replace(entries, old, new),
            Self::S3Fifo(policy) => policy.replace(entries, old, new),
        }
        self.hit(entries, new);
    }

    /// Says that the value of an entry was written over by one of another length. That is a use.
    pub fn overwritten(&mut self, entries: Entries, reference: u32, before: u64, after: u64) {
        match self {
            Self::Lru(policy) => policy.resized(before, after),
            Self::Sieve(policy) => policy.resized(before, after),
            Self::S3Fifo(policy) => policy.resized(entries, reference, before, after),
        }
        self.hit(entries, reference);
    }

    /// Chooses an entry and takes it out; `hash` tells the hash of an entry.
    pub fn evict(&mut self, entries: Entries, hash: impl Fn(u32) -> u32) -> Option<u32> {
        match self {
            Self::Lru(policy) => policy.evict(entries),
            Self::Sieve(policy) => policy.evict(entries),
            Self::S3Fifo(policy) => policy.evict(entries, hash),
        }
    }
}
