//! Looking at all entries, a few at a time.
//!
//! A cursor is a place in an order that all entries have as long as they are there: by shard, and in a shard as
//! [`Index::stretch`](super::super::index::Index::stretch) says. So a walk comes by each of them once, whatever others do
//! meanwhile, and knows nothing between two steps but its cursor.

use std::sync::atomic::Ordering::Relaxed;

use super::{
    super::{entry::Entry, index::POSITIONS, shard::Shard},
    Slot, Store,
};

/// Entries that are looked at before others may have the shard, and bytes of keys that are copied: some ten microseconds.
const LOOKED_AT_ONCE: usize = 256;
const COPIED_AT_ONCE: usize = 64 << 10;
/// As many where they are to be removed.
const REMOVED_AT_ONCE: usize = 64;

/// A walk through the shards.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk {
    cursor: u64, // number of a shard, and a position below `POSITIONS`
    left: usize, // entries that may still be looked at; every bucket counts as one more
}

impl Walk {
    pub(super) const fn new(cursor: u64, left: usize) -> Self {
        Self { cursor, left }
    }

    pub(super) const fn cursor(&self) -> u64 {
        self.cursor
    }

    pub(super) const fn is_at_start(&self) -> bool {
        self.cursor == 0
    }

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
        let mut walk = Walk::new(cursor, most);
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
        let mut walk = Walk::new(cursor, most);
        let mut removed = 0;
        if walk.is_at_start() {
            for slot in &self.slots {
                self.supersede(slot, |key| key.starts_with(prefix));
            }
        }
        let is = |entry: Entry<'_>| entry.key().starts_with(prefix);
        let ended = self.remove_where(&mut walk, is, |slot, entry| {
            removed += usize::from(self.count_removal(slot, entry));
        });
        if ended {
            self.untrimmed.store(true, Relaxed);
        }
        (removed, (!ended).then_some(walk.cursor))
    }

    /// Removes entries of which `is` says yes; `count` counts each. Returns whether these were the last ones.
    pub(super) fn remove_where(
        &self,
        walk: &mut Walk,
        is: impl Fn(Entry<'_>) -> bool,
        mut count: impl FnMut(&Slot, Entry<'_>),
    ) -> bool {
        while let Some(slot) = self.slots.get(walk.shard()) {
            if walk.left == 0 {
                return false;
            }
            // Most have nothing to be removed: others may read meanwhile.
            let before = *walk;
            if !has(&slot.lock.read(), walk, &is) {
                continue;
            }
            *walk = before;
            let mut found: Vec<u32> = Vec::new();
            let mut shard = slot.lock.write();
            look(&shard, walk, |reference| {
                if is(shard.entry(reference)) {
                    found.push(reference);
                }
            });
            for reference in &found {
                let entry = shard.entry(*reference);
                let hash = self.hasher.hash(entry.key());
                count(slot, entry);
                shard.remove(hash, *reference);
            }
            drop(shard);
            self.len.fetch_sub(found.len(), Relaxed);
            self.release_all(found);
        }
        true
    }
}

fn has(shard: &Shard, walk: &mut Walk, is: impl Fn(Entry<'_>) -> bool) -> bool {
    let mut any = false;
    look(shard, walk, |reference| any |= is(shard.entry(reference)));
    any
}

/// Goes on by some entries.
fn look(shard: &Shard, walk: &mut Walk, mut each: impl FnMut(u32)) {
    let end = walk.left.saturating_sub(REMOVED_AT_ONCE);
    loop {
        let mut looked_at = 0;
        let next = shard.walk(walk.position(), |reference| {
            looked_at += 1;
            each(reference);
        });
        if !walk.go_to(next, looked_at) || walk.left <= end {
            return;
        }
    }
}
