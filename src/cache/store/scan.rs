//! Looking at all entries, a few at a time.
//!
//! A cursor is a place in an order that all entries have as long as they are there: by shard, and in a shard as
//! [`Index::stretch`](super::super::index::Index::stretch) says. So a walk comes by each of them once, whatever others do
//! meanwhile, and knows nothing between two steps but its cursor.

use std::sync::atomic::Ordering::Relaxed;

use super::{
    super::{index::POSITIONS, placement},
    Store,
};

/// Entries that are looked at before others may have the shard, and bytes of keys that are copied: some ten microseconds.
const LOOKED_AT_ONCE: usize = 256;
const COPIED_AT_ONCE: usize = 64 << 10;
/// Entries that are taken out of a shard before others may have it.
const REMOVED_AT_ONCE: usize = 64;

/// A walk through the shards.
#[derive(Debug)]
struct Walk {
    cursor: u64, // number of a shard, and a position below `POSITIONS`
    left: usize, // entries that may still be looked at; every bucket counts as one more
}

impl Walk {
    const fn shard(&self) -> usize {
        (self.cursor / POSITIONS) as usize
    }

    #[expect(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    const fn position(&self) -> u32 {
        self.cursor as u32
    }

    /// Goes on to a position of the shard, or to the next shard; false if that is where it is now.
    const fn go_to(&mut self, position: u64, looked_at: usize) -> bool {
        let shard = self.shard();
        self.cursor = shard as u64 * POSITIONS + position;
        self.left = self.left.saturating_sub(looked_at + 1);
        self.shard() == shard
    }
}

impl Store {
    /// Calls `each`, which must be quick, with keys that begin with `prefix`, from a cursor on: 0 is the beginning. Looks
    /// at about `most` entries, and returns the cursor where to go on; `None` when these were the last ones.
    pub fn scan(
        &self,
        cursor: u64,
        most: usize,
        prefix: &[u8],
        mut each: impl FnMut(&[u8]),
    ) -> Option<u64> {
        let mut walk = Walk { cursor, left: most };
        let mut bytes = 0;
        loop {
            let shard = self.slots.get(walk.shard())?.lock.read();
            let (before, end) = (bytes, walk.left.saturating_sub(LOOKED_AT_ONCE));
            loop {
                let mut looked_at = 0;
                let next = shard.walk(walk.position(), |reference| {
                    looked_at += 1;
                    let entry = shard.entry(reference);
                    if entry.key().starts_with(prefix) && !self.is_over(entry) {
                        bytes += entry.key_length();
                        each(entry.key());
                    }
                });
                let same = walk.go_to(next, looked_at);
                if !same || walk.left <= end || bytes - before >= COPIED_AT_ONCE {
                    break;
                }
            }
            drop(shard);
            if walk.left == 0 || bytes >= COPIED_AT_ONCE {
                // A shard that ended just now may have been the last one.
                return self.slots.get(walk.shard()).map(|_| walk.cursor);
            }
        }
    }

    /// Removes entries whose keys begin with `prefix`, from a cursor on, as [`Self::scan`] finds them. Returns how many of
    /// them were to be had, and the cursor.
    pub fn remove_prefix(&self, cursor: u64, most: usize, prefix: &[u8]) -> (usize, Option<u64>) {
        let mut walk = Walk { cursor, left: most };
        let mut removed = 0;
        let mut found: Vec<u32> = Vec::with_capacity(REMOVED_AT_ONCE);
        while let Some(slot) = self.slots.get(walk.shard()) {
            if walk.left == 0 {
                return (removed, Some(walk.cursor));
            }
            let mut shard = slot.lock.write();
            let end = walk.left.saturating_sub(LOOKED_AT_ONCE);
            loop {
                let (mut looked_at, first) = (0, found.len());
                let next = shard.walk(walk.position(), |reference| {
                    looked_at += 1;
                    if shard.entry(reference).key().starts_with(prefix) {
                        found.push(reference);
                    }
                });
                for reference in found.iter().skip(first) {
                    let entry = shard.entry(*reference);
                    let hash = self.hasher.hash(entry.key());
                    removed += usize::from(self.count_removal(slot, entry));
                    shard.remove(hash, *reference);
                }
                let same = walk.go_to(next, looked_at);
                if !same || walk.left <= end || found.len() >= REMOVED_AT_ONCE {
                    break;
                }
            }
            drop(shard);
            self.len.fetch_sub(found.len(), Relaxed);
            let mut arena = self.arena.lock();
            for reference in std::mem::take(&mut found) {
                // SAFETY: taken out of its shard above.
                unsafe { placement::release(&mut arena, self.entries, reference) };
            }
            drop(arena);
        }
        self.untrimmed.store(true, Relaxed);
        (removed, None)
    }
}
