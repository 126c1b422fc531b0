//! Room for new entries: which others go, and where the new one is put.

use std::{sync::atomic::Ordering::Relaxed, thread};

use parking_lot::RwLockWriteGuard;

use super::{
    super::{counters::Counters, entry::Head, placement, shard::Shard},
    Refusal, Slot, Store,
};

/// So many entries are evicted for another one before it is placed in pieces.
const PATIENCE: u32 = 16;
/// One part of so many of the budget that is free, but in no piece that is large enough, is enough lost.
const SPLINTERED: u64 = 16;
/// Times that another thread is let run where there is nothing to evict.
pub(super) const MOST_WAITS: u32 = 1000;
/// Entries evicted by one operation to pay back what indexes have borrowed.
const SETTLED_AT_ONCE: usize = 8;

impl Store {
    /// Counts a new entry, after others of its shard are evicted if there are too many. False if the shard has none.
    pub(super) fn make_room_for_one(
        &self,
        slot: &Slot,
        shard: &mut RwLockWriteGuard<'_, Shard>,
    ) -> bool {
        let max =
            self.settings.max.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
        while self.len.try_update(Relaxed, Relaxed, |len| (len < max).then_some(len + 1)).is_err() {
            if !self.evict_from(slot, shard) {
                return false;
            }
        }
        true
    }

    /// Writes an entry to a place for which others of its shard may have to go; tells whether any did. `None` when there is
    /// no other left and still no room.
    pub(super) fn place_in(
        &self,
        slot: &Slot,
        shard: &mut RwLockWriteGuard<'_, Shard>,
        head: &Head<'_>,
        value: &[u8],
    ) -> Option<(u32, bool)> {
        let mut evicted = 0;
        loop {
            if let Some(reference) = self.place(head, value, evicted) {
                return Some((reference, evicted > 0));
            }
            if !self.evict_from(slot, shard) {
                return None;
            }
            evicted += 1;
        }
    }

    /// Writes an entry to a place for which others of all shards may have to go. No shard may be locked.
    pub(super) fn place_anywhere(&self, head: &Head<'_>, value: &[u8]) -> Result<u32, Refusal> {
        let (mut evicted, mut waited) = (0, 0);
        loop {
            if let Some(reference) = self.place(head, value, evicted) {
                return Ok(reference);
            }
            if !self.evict_by_turns() {
                // What other threads have in their hands, on its way in or out, is in no shard.
                waited += 1;
                if waited > MOST_WAITS {
                    return Err(Refusal::NoMemory);
                }
                thread::yield_now();
            }
            evicted += 1;
        }
    }

    /// Writes an entry to a place if there is one. In pieces only if many were evicted for it already, or much is free.
    fn place(&self, head: &Head<'_>, value: &[u8], evicted: u32) -> Option<u32> {
        let mut arena = self.arena.lock();
        let blocks = placement::allocate(&mut arena, head, value.len()).or_else(|| {
            let size = head.size_with(value.len()) as u64;
            let needed = size + size / 8 + 64;
            let enough = arena.available() >= needed.max(self.budget.max() / SPLINTERED);
            let patient = evicted < PATIENCE || arena.available() < needed;
            if patient && !enough {
                return None;
            }
            placement::allocate_pieces(&mut arena, head, value.len())
        })?;
        drop(arena);
        // SAFETY: allocated for this just now.
        Some(unsafe { placement::write(self.entries, blocks, head, value) })
    }

    /// Frees one entry of a shard: one that was cleared, or else the one that the policy gives up first. False if there
    /// is none.
    fn evict_from(&self, slot: &Slot, shard: &mut RwLockWriteGuard<'_, Shard>) -> bool {
        if let Some(reference) = shard.next_retired() {
            self.release(reference);
            return true;
        }
        let Some(reference) = shard.evict() else { return false };
        let Counters { evictions, invalidations, .. } = &slot.counters;
        let void = self.is_void(shard.entry(reference));
        self.let_go(reference);
        if void { invalidations } else { evictions }.count();
        true
    }

    /// Frees one entry of the shard whose turn it is. False if there is none anywhere.
    pub(super) fn evict_by_turns(&self) -> bool {
        // Taken once: of two threads that look at the same time, none may pass over a shard.
        let first = self.turn.fetch_add(1, Relaxed);
        (0..self.slots.len()).any(|offset| {
            let turn = first.wrapping_add(offset) % self.slots.len();
            self.slots.get(turn).is_some_and(|slot| self.evict_from(slot, &mut slot.lock.write()))
        })
    }

    /// Pays back what tables have borrowed, a little at a time: evicts what lies behind the largest free block until that
    /// is large enough to be given back to the system.
    pub(super) fn settle(&self) {
        for step in 0..SETTLED_AT_ONCE {
            if self.budget.debt() == 0 {
                return;
            }
            let mut arena = self.arena.lock();
            if arena.make_hole() {
                continue;
            }
            let behind = arena.behind_largest();
            // SAFETY: the arena is locked, and what lies behind a free block is a block in use.
            let owner = behind.and_then(|block| unsafe { self.entries.owner_of(block) });
            drop(arena);
            let evicted = match owner {
                // What the policy gives up first often lies among others of its age.
                _ if step == 0 => self.evict_by_turns(),
                Some((reference, key)) => self.evict_this(reference, &key),
                // Another thread is just writing what is behind it.
                None => false,
            };
            if !evicted {
                return;
            }
        }
    }

    /// Evicts an entry if it is still there.
    fn evict_this(&self, reference: u32, key: &[u8]) -> bool {
        let hash = self.hasher.hash(key);
        let Some(slot) = self.slot(hash) else { return false };
        let mut shard = slot.lock.write();
        if shard.find(hash, key) != Some(reference) {
            return false;
        }
        shard.remove(hash, reference);
        drop(shard);
        self.let_go(reference);
        slot.counters.evictions.count();
        true
    }
}
