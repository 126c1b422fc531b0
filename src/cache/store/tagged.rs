//! Entries with tags.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
};

use super::{
    super::{
        entry::{Entry, MOST_TAGS, More},
        sweeper,
        tags::Tags,
    },
    Refusal, Store, room,
    scan::Walk,
};

/// Entries that the thread looks at in one turn for such as a tag has made void: some milliseconds of ten times as many.
const LOOKED_AT: usize = 1 << 16;

impl Store {
    /// As [`Store::set`], for an entry that has tags, each named once.
    ///
    /// # Errors
    /// As [`Store::set`], and when there is no room for the tags.
    pub fn set_tagged<N: AsRef<[u8]>>(
        &self,
        key: &[u8],
        kind: u8,
        value: &[u8],
        ttl: Option<u64>,
        names: &[N],
    ) -> Result<(), Refusal> {
        let (tags, held) = self.hold_tags(names)?;
        let epoch = tags.epoch();
        let put = self.put(key, kind, value, ttl, More { keep: 0, tags: &held });
        self.tell_late(epoch);
        if put.is_err() {
            tags.release(held.into_iter());
        }
        put
    }

    /// Says that an entry was added whose tags were held since an epoch, where others became void meanwhile: perhaps
    /// these. They cannot be asked, because the entry that holds them may have gone already.
    pub(super) fn tell_late(&self, epoch: u64) {
        if let Some(tags) = self.tags.get()
            && tags.epoch() != epoch
        {
            tags.came_late();
            sweeper::nudge();
        }
    }

    /// Hides all entries that have a tag; false if none has it.
    pub fn invalidate_tag(&self, name: &[u8]) -> bool {
        let had = self.tags.get().is_some_and(|tags| tags.invalidate(name));
        if had {
            sweeper::nudge();
        }
        had
    }

    /// Whether there may be entries that a tag has made void.
    pub fn has_void(&self) -> bool {
        self.tags.get().is_some_and(|tags| tags.has_void())
    }

    /// Looks at some entries, and removes those that a tag has made void. For one thread only.
    pub fn remove_void(&self) {
        let Some(tags) = self.tags.get() else { return };
        let mut walk = Walk::new(self.void_cursor.load(Relaxed), LOOKED_AT);
        if walk.is_at_start() {
            self.void_epoch.store(tags.epoch(), Relaxed);
        }
        let is_void = |entry: Entry<'_>| self.is_void(entry);
        let ended = self.remove_where(&mut walk, is_void, |slot, _| {
            slot.counters.invalidations.count();
        });
        if ended {
            tags.looked_since(self.void_epoch.load(Relaxed));
            self.untrimmed.store(true, Relaxed);
        }
        self.void_cursor.store(if ended { 0 } else { walk.cursor() }, Relaxed);
    }

    /// Tags, each held once more.
    pub(super) fn hold_tags<N: AsRef<[u8]>>(
        &self,
        names: &[N],
    ) -> Result<(&Tags, Vec<u32>), Refusal> {
        if names.len() > MOST_TAGS {
            return Err(Refusal::TooLarge);
        }
        let tags = self.some_tags()?;
        let mut waited = 0;
        loop {
            if let Some(held) = tags.hold(names) {
                return Ok((tags, held));
            }
            // Entries that go let go of theirs.
            if !self.evict_by_turns() {
                waited += 1;
                if waited > room::MOST_WAITS {
                    return Err(Refusal::NoMemory);
                }
                thread::yield_now();
            }
        }
    }

    /// Whether a tag of an entry has made it void.
    pub(super) fn is_void(&self, entry: Entry<'_>) -> bool {
        entry.has_more() && self.tags.get().is_some_and(|tags| tags.any_void(entry.tags()))
    }

    /// Lets go of the tags of an entry that was taken out of its shard.
    pub(super) fn release_tags(&self, entry: Entry<'_>) {
        if entry.has_more()
            && let Some(tags) = self.tags.get()
        {
            tags.release(entry.tags());
        }
    }

    fn some_tags(&self) -> Result<&Tags, Refusal> {
        if self.tags.get().is_none() {
            let made = Tags::new(&self.budget, self.hasher).map_err(|_| Refusal::NoMemory)?;
            // Another thread may have been faster.
            let _ = self.tags.set(Arc::new(made));
        }
        self.tags.get().map(AsRef::as_ref).ok_or(Refusal::NoMemory)
    }

    /// Tags that are held.
    #[cfg(test)]
    pub fn tags_held(&self) -> usize {
        self.tags.get().map_or(0, |tags| tags.len())
    }
}
