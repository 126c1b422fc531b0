//! What the thread of the sweeper does to a store.

use std::sync::atomic::Ordering::Relaxed;

use super::{Slot, Store};

/// Entries that are taken out of a shard before others may have it.
const SWEPT_AT_ONCE: usize = 64;

impl Store {
    /// Removes entries whose time is over and frees what was cleared, at most about so many of each shard. Returns
    /// whether there is more to do at once.
    pub fn sweep(&self, steps: u32) -> bool {
        let mut more = false;
        for slot in &self.slots {
            more |= self.sweep_slot(slot, steps);
        }
        self.untrimmed.store(false, Relaxed);
        self.arena.lock().trim();
        more
    }

    /// Whether anything is going to expire, or to be freed.
    #[must_use]
    pub fn needs_sweeping(&self) -> bool {
        self.untrimmed.load(Relaxed)
            || self.slots.iter().any(|slot| {
                let shard = slot.lock.read();
                shard.timed() > 0 || shard.has_retired()
            })
    }

    /// As `sweep`, of one shard. What was cleared while a save runs is left to that: it would have to be copied.
    pub(super) fn sweep_slot(&self, slot: &Slot, mut steps: u32) -> bool {
        let now = self.ticker.now();
        let mut found = Vec::with_capacity(SWEPT_AT_ONCE);
        loop {
            let mut shard = slot.lock.write();
            while found.len() < SWEPT_AT_ONCE && steps > 0 {
                if let Some(reference) = shard.expire(now, &mut steps) {
                    self.len.fetch_sub(1, Relaxed);
                    slot.counters.expirations.count();
                    found.push(reference);
                } else if !shard.next_retired_is_wanted()
                    && let Some(reference) = shard.next_retired()
                {
                    steps = steps.saturating_sub(1);
                    found.push(reference);
                } else {
                    break;
                }
            }
            drop(shard);
            let done = found.len() < SWEPT_AT_ONCE;
            self.release_all(std::mem::take(&mut found));
            if done {
                return steps == 0;
            }
        }
    }
}
