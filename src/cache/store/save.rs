//! A save, as far as it concerns the cache: see [`persist`](crate::cache::persist).

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use parking_lot::RwLockWriteGuard;

use super::{
    super::{
        entry::Entry,
        persist::{
            format::Record,
            tap::{self, Kept, Large, Meter, Moment, Tap},
        },
        placement,
        shard::{
            Shard,
            save::{Copied, Step},
        },
    },
    Store,
};

/// So long may others have to wait while all shards are being locked; then it is tried again. Somebody may be copying a
/// value of many megabytes.
const LOCKING: Duration = Duration::from_millis(1);
const ATTEMPTS: u32 = 1000;
/// Entries that were cleared and are freed at once.
const CLEARED_AT_ONCE: usize = 64;

/// Calls a function with the parts of a value.
pub type Parts<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&[u8]));

/// A save that has begun. When it is dropped, nothing more is kept for it.
#[derive(Debug)]
pub struct Saving<'a> {
    store: &'a Store,
    meter: Arc<Meter>,
    moment: Moment,
    lengths: Vec<[usize; 2]>, // entries of each shard, by queue
}

impl Store {
    /// The moment of a save: the cache as it is now can be read by [`Saving`]. `None` while another save runs.
    pub fn begin_save(&self, most_kept: u64, wall: impl FnOnce() -> u64) -> Option<Saving<'_>> {
        if self.saving.swap(true, Relaxed) {
            return None;
        }
        let meter = Arc::new(Meter::new(most_kept));
        // Before anybody has to wait.
        let tap = |_| Box::new(Tap::new(Arc::clone(&meter), self.tags.get().cloned()));
        let taps: Vec<_> = self.slots.iter().map(tap).collect();
        let mut lengths = Vec::with_capacity(self.slots.len());
        let mut shards = self.lock_all();
        let moment = Moment { ticks: self.ticker.now(), wall: wall() };
        for (shard, tap) in shards.iter_mut().zip(taps) {
            shard.begin_save(tap, moment);
            lengths.push(shard.queue_lengths());
        }
        drop(shards);
        Some(Saving { store: self, meter, moment, lengths })
    }

    /// Locks all shards. The only place where somebody holds more than one: whoever else waits for one holds none.
    fn lock_all(&self) -> Vec<RwLockWriteGuard<'_, Shard>> {
        for _ in 0..ATTEMPTS {
            let end = Instant::now() + LOCKING;
            let mut shards = Vec::with_capacity(self.slots.len());
            shards.extend(self.slots.iter().map_while(|slot| slot.lock.try_write_until(end)));
            if shards.len() == self.slots.len() {
                return shards;
            }
            drop(shards);
            thread::yield_now();
        }
        self.slots.iter().map(|slot| slot.lock.write()).collect()
    }
}

impl Saving<'_> {
    /// When it began.
    #[must_use]
    pub const fn moment(&self) -> Moment {
        self.moment
    }

    /// Entries of each shard at that moment, in the small and the main queue, or in the only one.
    #[must_use]
    pub fn lengths(&self) -> &[[usize; 2]] {
        &self.lengths
    }

    /// What is kept for it.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Goes on with the walk through a queue of a shard, by so many entries at most.
    pub fn copy(&self, shard: usize, main: bool, most: usize, copied: &mut Copied<'_>) -> Step {
        self.with(shard, |shard| shard.save_some(main, most, copied)).unwrap_or(Step::End)
    }

    /// How many entries of a shard are still to be saved.
    #[must_use]
    pub fn left(&self, shard: usize) -> usize {
        self.with(shard, |shard| shard.unsaved()).unwrap_or(0)
    }

    /// Takes what a shard has kept. It must come back to [`Self::free`].
    pub fn take_kept(&self, shard: usize) -> Kept {
        self.with(shard, Shard::take_kept).unwrap_or_default()
    }

    /// Frees what was kept.
    pub fn free(&self, kept: Kept) {
        kept.give_back(&self.meter);
        for parked in kept.parked {
            self.release_parked(parked.large.reference);
        }
    }

    /// Hands the record of a large entry to `work`, and then its value, in parts. It is one that is
    /// [`Step::Large`] or was parked.
    pub fn read<R>(&self, large: &Large, work: impl FnOnce(Record<'_>, Parts<'_>) -> R) -> R {
        // Without the lock: neither key nor value of an entry of this size ever change, and it is not freed before
        // `end_reading` or `free`.
        let entry = self.store.entries.get(large.reference);
        let record = tap::record(entry, self.moment, large.standing, true, &large.more);
        work(record, &mut |each| self.store.entries.parts(entry, each))
    }

    /// Says that a [`Step::Large`] has been read.
    pub fn end_reading(&self, shard: usize, reference: u32) {
        let entry: Entry<'_> = self.store.entries.get(reference);
        if self.with(shard, |shard| shard.end_reading(entry)) == Some(true) {
            self.release_parked(reference);
        }
    }

    /// Whether entries of a shard that were cleared are still to be saved.
    #[must_use]
    pub fn has_cleared(&self, shard: usize) -> bool {
        self.with(shard, |shard| shard.retired_is_wanted()) == Some(true)
    }

    /// Frees entries of a shard that were cleared; those that are still to be saved are kept. False if there are no more.
    pub fn free_cleared(&self, shard: usize) -> bool {
        let mut found = Vec::with_capacity(CLEARED_AT_ONCE);
        let more = self.with(shard, |shard| {
            if !shard.retired_is_wanted() {
                return false;
            }
            while found.len() < CLEARED_AT_ONCE
                && let Some(reference) = shard.next_retired()
            {
                found.push(reference);
            }
            found.len() == CLEARED_AT_ONCE
        });
        self.store.release_all(found);
        more == Some(true)
    }

    /// Ends it, and says how many entries were not saved: none, unless it was given up.
    #[must_use]
    pub fn finish(self) -> usize {
        // `drop` has nothing left to do after that.
        (0..self.lengths.len()).map(|shard| self.end(shard)).sum()
    }

    /// Ends it for a shard: all of its entries bear its mark then.
    fn end(&self, shard: usize) -> usize {
        for main in [false, true] {
            while self.with(shard, |shard| shard.pass_some(main)) == Some(true) {}
        }
        let (missed, kept) = self
            .with(shard, |shard| {
                // What was added to the small queue's end meanwhile has the mark already; what went on to the main one
                // is passed here.
                while shard.pass_some(true) {}
                (shard.unsaved(), shard.end_save())
            })
            .unwrap_or_default();
        self.free(kept);
        missed
    }

    fn release_parked(&self, reference: u32) {
        // SAFETY: it was parked for this save, which has just stopped using it.
        unsafe {
            placement::release_parked(&mut self.store.arena.lock(), self.store.entries, reference);
        };
    }

    fn with<R>(&self, shard: usize, work: impl FnOnce(&mut Shard) -> R) -> Option<R> {
        self.store.slots.get(shard).map(|slot| work(&mut slot.lock.write()))
    }
}

impl Drop for Saving<'_> {
    fn drop(&mut self) {
        self.meter.give_up();
        for shard in 0..self.lengths.len() {
            self.end(shard);
        }
        self.store.saving.store(false, Relaxed);
    }
}
