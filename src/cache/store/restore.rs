//! Entries of a cache that was saved.

use std::sync::atomic::Ordering::Relaxed;

use super::{
    super::{
        entry::{Head, LONGEST_KEY, MOST_TAGS, More, NEVER, Sliding, Timing},
        hash::Hash,
        persist::format::{Deadline, Record},
    },
    Refusal, Store,
};

/// What has become of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// It is in the cache.
    Here(Hash),
    /// Its time is over.
    Over,
    /// It is too large for this cache.
    LeftOut,
    /// There is one with this key already.
    Twice,
}

/// The time of a load, on both clocks, and when the cache was saved. Milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// Now, on the clock of the store.
    pub ticks: u64,
    /// Now, since 1970.
    pub wall: u64,
    /// When it was saved, since 1970.
    pub saved: u64,
}

impl Clocks {
    /// Milliseconds from now until then, 0 if that is over. Time does not pass backwards: where the clock has been set
    /// back, none has passed.
    fn until(self, at: u64) -> u64 {
        at.saturating_sub(self.wall.max(self.saved))
    }

    fn to_ticks(self, at: u64) -> u64 {
        if at == NEVER { NEVER } else { self.ticks.saturating_add(self.until(at)) }
    }
}

impl Store {
    /// Milliseconds on its clock.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.ticker.now()
    }

    /// Whether a value of so many bytes can be in it, with a key of so many.
    #[must_use]
    pub fn takes(&self, key: usize, value: u32) -> bool {
        // The largest header; what is that close to the limit may be left out.
        (key + value as usize + 64) as u64 <= self.largest()
    }

    /// Adds an entry of a cache that was saved. All must come in the order in which they were written.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn restore(
        &self,
        record: &Record<'_>,
        value: &[u8],
        clocks: Clocks,
    ) -> Result<Restored, Refusal> {
        if record.deadline.is_some_and(|deadline| clocks.until(deadline.at) == 0) {
            return Ok(Restored::Over);
        }
        let timing = self.timing_of(record.deadline, clocks);
        let names = record.tags();
        if names.len() > MOST_TAGS {
            return Ok(Restored::LeftOut);
        }
        let keep = record.keep();
        let restore = |tags: &[u32]| {
            let more = More { keep, tags };
            self.add(&Head { key: record.key, kind: record.kind, timing, more }, record, value)
        };
        if names.is_empty() {
            return restore(&[]);
        }
        let Ok((tags, held)) = self.hold_tags(&names) else { return Ok(Restored::LeftOut) };
        let restored = restore(&held);
        if !matches!(restored, Ok(Restored::Here(_))) {
            tags.release(held.into_iter());
        }
        restored
    }

    /// Adds an entry whose tags are held. They are still the caller's if it is not added.
    fn add(&self, head: &Head<'_>, record: &Record<'_>, value: &[u8]) -> Result<Restored, Refusal> {
        if record.key.len() > LONGEST_KEY || head.size_with(value.len()) as u64 > self.largest() {
            return Ok(Restored::LeftOut);
        }
        self.settle();
        let hash = self.hasher.hash(record.key);
        let slot = self.slot(hash).ok_or(Refusal::NoMemory)?;
        let reference = self.place_anywhere(head, value)?;
        loop {
            let mut shard = slot.lock.write();
            if shard.find(hash, record.key).is_some() {
                drop(shard);
                self.discard(reference);
                return Ok(Restored::Twice);
            }
            if self.make_room_for_one(slot, &mut shard) {
                let added = shard.restore(hash, reference, record.standing);
                drop(shard);
                if added {
                    return Ok(Restored::Here(hash));
                }
                self.discard(reference);
                self.len.fetch_sub(1, Relaxed);
                return Err(Refusal::NoMemory);
            }
            drop(shard);
            if !self.evict_by_turns() {
                self.discard(reference);
                return Err(Refusal::NoMemory);
            }
        }
    }

    /// Counts a use of an entry that was restored, if it is still there.
    pub fn touch(&self, hash: Hash) {
        if let Some(slot) = self.slot(hash) {
            slot.lock.write().touch(hash);
        }
    }

    /// When an entry expires here: as it would have there, but no later than this cache allows.
    fn timing_of(&self, deadline: Option<Deadline>, clocks: Clocks) -> Option<Timing> {
        let most = self.settings.max_ttl.map(|most| clocks.ticks.saturating_add(most));
        let Some(Deadline { at, sliding }) = deadline else {
            return most.map(|deadline| Timing { deadline, sliding: None });
        };
        let bounded = |at| clocks.to_ticks(at).min(most.unwrap_or(NEVER));
        let sliding = sliding.map(|(lifetime, limit)| Sliding { lifetime, limit: bounded(limit) });
        Some(Timing { deadline: bounded(at), sliding })
    }
}

impl Store {
    /// Entries evicted so far.
    #[must_use]
    pub fn evictions(&self) -> u64 {
        self.slots.iter().map(|slot| slot.counters.evictions.get()).sum()
    }

    /// Whether a save runs.
    #[cfg(test)]
    pub fn is_saving(&self) -> bool {
        self.saving.load(Relaxed)
    }
}
