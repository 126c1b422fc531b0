//! A cache: shards over one arena and one budget.
//!
//! Locks are taken in one order: a shard, then the arena. Nobody holds two shards, but who
//! begins a save: he takes all, in their order. No lock is held while JavaScript or
//! V8 runs.

pub mod loads;
mod restore;
mod room;
mod save;
mod scan;
mod sweep;
mod tagged;

pub use restore::{Clocks, Restored};
pub use save::{Parts, Saving};

use std::{
    io,
    ptr::NonNull,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use parking_lot::{Mutex, RwLock};

use super::{
    arena::Arena,
    budget::Budget,
    counters::{Counter, Counters},
    entry::{Entries, Entry, Head, LONGEST_KEY, More, NEVER, Sliding, Timing},
    flights::Flights,
    hash::{Hash, Hasher},
    placement,
    policy::{Bound, Policy},
    settings::Settings,
    shard::{Packed, Plan, Shard},
    sweeper,
    tags::Tags,
    ticker::Ticker,
};
use crate::shared::number::to_u64;

/// Entries above this many bytes are written before their shard is locked, so that nobody waits for the copy.
const LARGE: usize = 16 << 10;
/// One entry may take one part of so many of the budget.
const LARGEST_ENTRY: u64 = 2;
/// A guess at the bytes of an entry that is as small as they get, by which indexes get their addresses.
const LEAST_ENTRY: u64 = 48;
/// What a table may have more than its share of all entries, because hashes are not spread evenly.
const UNEVEN: u64 = 2;

/// JavaScript gets the number of a load, or the negative of it, where other functions return refusals.
const FIRST_FLIGHT: u64 = 16;

/// Entries that `clear` frees itself.
const CLEARED_AT_ONCE: u32 = 8192;

/// One shard, and what can be used without its lock.
#[derive(Debug)]
#[repr(align(128))]
struct Slot {
    lock: RwLock<Shard>,
    counters: Counters,
    flights: Flights,
}

/// A cache, shared by threads.
#[derive(Debug)]
pub struct Store {
    // Declared before the arena, so dropped before it: shards hold references into it.
    slots: Box<[Slot]>,
    arena: Mutex<Arena>,
    budget: Arc<Budget>,
    entries: Entries,
    hasher: Hasher,
    settings: Settings,
    ticker: Ticker,
    tags: OnceLock<Arc<Tags>>, // once an entry has had one
    flown: AtomicU64,          // number of the next load
    void_cursor: AtomicU64,    // how far void entries were looked for
    void_epoch: AtomicU64,     // that of the tags when the look began
    len: AtomicUsize,          // entries, those included that are being added
    turn: AtomicUsize,         // the shard whose turn it is to evict for entries of other shards
    chance: Hasher,            // where the jitter of times to live comes from
    drawn: AtomicUsize,        // how often it was asked
    users: AtomicUsize,        // who have opened it and not closed it
    teller: AtomicUsize,       // who tells V8 how large this is; 0 is nobody
    /// Whether memory was freed that the system is to have back.
    untrimmed: AtomicBool,
    saving: AtomicBool, // whether a save runs
}

/// Why a value was not stored. The old one is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The entry is larger than the budget allows.
    TooLarge,
    /// The system has no memory, or none could be freed.
    NoMemory,
}

/// A value that was found, for as long as its shard is locked.
#[derive(Clone, Copy, Debug)]
pub struct Found<'lock> {
    entries: Entries,
    entry: Entry<'lock>,
}

impl Found<'_> {
    /// What it is.
    #[must_use]
    pub fn kind(self) -> u8 {
        self.entry.kind()
    }

    /// Bytes of it.
    #[must_use]
    pub const fn len(self) -> usize {
        self.entry.value_length()
    }

    /// Copies it.
    ///
    /// # Safety
    /// `target` has room for all of it.
    pub unsafe fn copy_to(self, target: NonNull<u8>) {
        // SAFETY: passed on to the caller.
        unsafe { self.entries.copy_value(self.entry, target) };
    }
}

impl Store {
    /// An empty cache.
    ///
    /// # Errors
    /// When there are no addresses or no memory for it.
    pub fn new(settings: Settings, hasher: Hasher, ticker: Ticker) -> io::Result<Self> {
        let budget = Arc::new(Budget::new(settings.max_bytes, settings.shards));
        let arena = Arena::new(Arc::clone(&budget))?;
        // SAFETY: each shard is behind a lock, passes references only that were inserted into it, and takes them out
        // before they are freed.
        let entries = unsafe { Entries::new(arena.space()) };
        let shards = settings.shards as u64;
        let most = settings.max_bytes / LEAST_ENTRY;
        let most = settings.max.map_or(most, |max| max.min(most)) / shards * UNEVEN;
        let bound = settings.max.map_or_else(
            || Bound::Bytes(settings.max_bytes / shards),
            |max| Bound::Entries((max / shards).max(1)),
        );
        let plan = Plan {
            budget: Arc::clone(&budget),
            policy: settings.policy,
            bound,
            most: usize::try_from(most).unwrap_or(usize::MAX).max(1024),
            hasher,
        };
        let slots: io::Result<Box<[Slot]>> = (0..settings.shards)
            .map(|_| {
                let shard = Shard::new(plan.clone(), entries, ticker.now())?;
                Ok(Slot {
                    lock: RwLock::new(shard),
                    counters: Counters::default(),
                    flights: Flights::default(),
                })
            })
            .collect();
        Ok(Self {
            slots: slots?,
            arena: Mutex::new(arena),
            budget,
            entries,
            hasher,
            settings,
            ticker,
            tags: OnceLock::new(),
            flown: AtomicU64::new(FIRST_FLIGHT),
            void_cursor: AtomicU64::new(0),
            void_epoch: AtomicU64::new(0),
            len: AtomicUsize::new(0),
            turn: AtomicUsize::new(0),
            chance: Hasher::random(),
            drawn: AtomicUsize::new(0),
            users: AtomicUsize::new(0),
            teller: AtomicUsize::new(0),
            untrimmed: AtomicBool::new(false),
            saving: AtomicBool::new(false),
        })
    }

    /// How it was set up.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// How many entries there are, those included whose time is over but that were not yet removed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    /// Bytes taken from the system.
    #[must_use]
    pub fn committed(&self) -> u64 {
        self.budget.used()
    }

    /// Finds a value and hands it to `take`, which must be quick: others may wait. Counts a hit or a miss, and a use.
    #[inline]
    pub fn get<R>(&self, key: &[u8], take: impl FnOnce(Found<'_>) -> R) -> Option<R> {
        let hash = self.hasher.hash(key);
        let slot = self.slot(hash)?;
        let found = if Policy::reorders_on_hit(self.settings.policy) {
            self.find_and_reorder(slot, hash, key, take)
        } else {
            self.find_shared(slot, hash, key, take)
        };
        if found.is_some() {
            slot.counters.hits.count();
        } else {
            slot.counters.misses.count();
        }
        found
    }

    /// Finds a value and hands it to `take`, as [`Self::get`] does. Counts nothing.
    pub fn peek<R>(&self, key: &[u8], take: impl FnOnce(Found<'_>) -> R) -> Option<R> {
        let hash = self.hasher.hash(key);
        let shard = self.slot(hash)?.lock.read();
        let entry = shard.entry(shard.find(hash, key)?);
        let found = (!self.is_over(entry)).then(|| take(Found { entries: self.entries, entry }));
        drop(shard);
        found
    }

    /// Whether there is a value. Counts nothing.
    #[must_use]
    pub fn has(&self, key: &[u8]) -> bool {
        let hash = self.hasher.hash(key);
        let Some(slot) = self.slot(hash) else { return false };
        let shard = slot.lock.read();
        shard.find(hash, key).is_some_and(|reference| !self.is_over(shard.entry(reference)))
    }

    /// Stores a value. `ttl` in milliseconds: `None` is that of the settings, 0 is for ever.
    ///
    /// # Errors
    /// When there is no room for it even if everything else goes.
    pub fn set(&self, key: &[u8], kind: u8, value: &[u8], ttl: Option<u64>) -> Result<(), Refusal> {
        self.put(key, kind, value, ttl, More::default())
    }

    /// As [`Self::set`], for an entry that has more: tags that are held for it, unless it is refused.
    fn put(
        &self,
        key: &[u8],
        kind: u8,
        value: &[u8],
        ttl: Option<u64>,
        more: More<'_>,
    ) -> Result<(), Refusal> {
        let hash = self.hasher.hash(key);
        let slot = self.slot(hash).ok_or(Refusal::NoMemory)?;
        let head = self.head(key, kind, ttl, more);
        let placed = self.prepare(&head, value)?;
        let is = |it: &[u8]| it == key;
        self.superseding(slot, is, || self.publish(slot, hash, &head, placed, value))
    }

    fn head<'a>(&self, key: &'a [u8], kind: u8, ttl: Option<u64>, more: More<'a>) -> Head<'a> {
        let timing = self.timing(ttl, more.keep);
        let more = More { keep: if timing.is_some() { more.keep } else { 0 }, ..more };
        Head { key, kind, timing, more }
    }

    /// What can be done for an entry before locks are taken. A large one is written to a place.
    fn prepare(&self, head: &Head<'_>, value: &[u8]) -> Result<Option<u32>, Refusal> {
        let size = head.size_with(value.len());
        // The header of an entry has 32 bits for the length of its value.
        let fits = u32::try_from(value.len()).is_ok() && size as u64 <= self.largest();
        if head.key.len() > LONGEST_KEY || !fits {
            return Err(Refusal::TooLarge);
        }
        // Not afterwards: it might evict what has just been set.
        self.settle();
        (size > LARGE).then(|| self.place_anywhere(head, value)).transpose()
    }

    /// Removes an entry; false if there was none.
    pub fn delete(&self, key: &[u8]) -> bool {
        let hash = self.hasher.hash(key);
        let Some(slot) = self.slot(hash) else { return false };
        self.superseding(slot, |it| it == key, || self.remove(slot, hash, key))
    }

    fn remove(&self, slot: &Slot, hash: Hash, key: &[u8]) -> bool {
        let mut shard = slot.lock.write();
        let Some(reference) = shard.find(hash, key) else { return false };
        let deleted = self.count_removal(slot, shard.entry(reference));
        shard.remove(hash, reference);
        drop(shard);
        self.let_go(reference);
        deleted
    }

    /// Removes all entries. Their memory comes free soon.
    ///
    /// # Errors
    /// When there are no addresses or no memory for an empty shard; some entries may still be there then.
    pub fn clear(&self) -> io::Result<()> {
        for slot in &self.slots {
            let clear = || slot.lock.write().clear(self.ticker.now());
            let cleared = self.superseding(slot, |_| true, clear)?;
            self.len.fetch_sub(cleared, Relaxed);
            // A small cache at once: its tables would add up where it is cleared again and again.
            self.sweep_slot(
                slot,
                CLEARED_AT_ONCE / u32::try_from(self.settings.shards).unwrap_or(1),
            );
        }
        // By the thread: to give gigabytes back takes longer than an operation may.
        self.untrimmed.store(true, Relaxed);
        Ok(())
    }

    /// Counts one more who has it open.
    pub fn add_user(&self) {
        self.users.fetch_add(1, Relaxed);
    }

    /// Counts one fewer, and says whether that was the last.
    pub fn remove_user(&self) -> bool {
        self.users.fetch_sub(1, Relaxed) == 1
    }

    /// Whether it is this one, by any number that is not 0, who tells V8 how large the cache is: the first who asks.
    pub fn is_told_by(&self, who: usize) -> bool {
        let teller = self.teller.load(Relaxed);
        teller == who
            || teller == 0 && self.teller.compare_exchange(0, who, Relaxed, Relaxed).is_ok()
    }

    /// Lets another one tell.
    pub fn stop_telling(&self, who: usize) {
        let _ = self.teller.compare_exchange(who, 0, Relaxed, Relaxed);
    }

    /// Its figures, in the order of `lib/shared-cache/stats.js`.
    #[must_use]
    pub fn stats(&self) -> [u64; 20] {
        let (mut keys, mut values) = (0, 0);
        let mut all_packed = Packed::default();
        let mut tables = self.tags.get().map_or(0, |tags| tags.committed());
        let mut counts = [0; 10];
        for Slot { lock, counters, .. } in &self.slots {
            let shard = lock.read();
            let payload = shard.payload();
            keys += payload.0;
            values += payload.1;
            tables += shard.committed();
            let packed = shard.packed();
            all_packed.entries += packed.entries;
            all_packed.bytes += packed.bytes;
            all_packed.bytes_before += packed.bytes_before;
            drop(shard);
            for (sum, counter) in counts.iter_mut().zip(counters.all()) {
                *sum += counter.get();
            }
        }
        let arena = self.arena.lock();
        let (used, committed) = (arena.used(), arena.committed());
        drop(arena);
        let len = self.len() as u64;
        let sizes = [len, self.budget.used(), keys, values, tables, used, committed];
        let packed = [all_packed.entries, all_packed.bytes, all_packed.bytes_before];
        let mut figures = sizes.into_iter().chain(counts).chain(packed);
        std::array::from_fn(|_| figures.next().unwrap_or(0))
    }

    /// Bytes in blocks of entries.
    #[cfg(test)]
    pub fn arena_used(&self) -> u64 {
        self.arena.lock().used()
    }

    /// Moves a clock that is moved by hand.
    #[cfg(test)]
    pub fn set_time(&self, now: u64) {
        if let Ticker::Manual(time) = &self.ticker {
            time.store(now, Relaxed);
        }
    }

    fn slot(&self, hash: Hash) -> Option<&Slot> {
        self.slots.get(hash.shard(self.slots.len()))
    }

    /// A hit that needs no more than a shared lock.
    fn find_shared<R>(
        &self,
        slot: &Slot,
        hash: Hash,
        key: &[u8],
        take: impl FnOnce(Found<'_>) -> R,
    ) -> Option<R> {
        let shard = slot.lock.read();
        let entry = shard.entry(shard.find(hash, key)?);
        if !self.renew(entry) {
            let gone = self.is_gone(entry);
            drop(shard);
            if gone {
                self.remove_gone(slot, hash, key);
            }
            return None;
        }
        entry.count_use();
        Some(take(Found { entries: self.entries, entry }))
    }

    /// A hit that changes the order of entries.
    fn find_and_reorder<R>(
        &self,
        slot: &Slot,
        hash: Hash,
        key: &[u8],
        take: impl FnOnce(Found<'_>) -> R,
    ) -> Option<R> {
        let mut shard = slot.lock.write();
        let reference = shard.find(hash, key)?;
        if !self.renew(shard.entry(reference)) {
            drop(shard);
            self.remove_gone(slot, hash, key);
            return None;
        }
        shard.hit(reference);
        Some(take(Found { entries: self.entries, entry: shard.entry(reference) }))
    }

    /// Puts the deadline off if it slides. False if it is over.
    fn renew(&self, entry: Entry<'_>) -> bool {
        if !entry.is_timed() {
            return !self.is_void(entry);
        }
        let now = self.ticker.now();
        let keep = u64::from(entry.keep());
        if entry.deadline().saturating_sub(keep) <= now || self.is_void(entry) {
            return false;
        }
        if let Some(Sliding { lifetime, limit }) = entry.sliding() {
            let gone = now.saturating_add(u64::from(lifetime)).saturating_add(keep);
            entry.set_deadline(gone.min(limit));
        }
        true
    }

    /// Whether an entry is not to be had any more, by its time or by a tag.
    fn is_over(&self, entry: Entry<'_>) -> bool {
        let fresh_until = || entry.deadline().saturating_sub(u64::from(entry.keep()));
        entry.is_timed() && fresh_until() <= self.ticker.now() || self.is_void(entry)
    }

    /// Whether one that is over need not be kept.
    fn is_gone(&self, entry: Entry<'_>) -> bool {
        entry.is_timed() && entry.deadline() <= self.ticker.now() || self.is_void(entry)
    }

    /// Counts an entry that somebody removes who has asked for it; false if it was not to be had any more.
    fn count_removal(&self, slot: &Slot, entry: Entry<'_>) -> bool {
        let over = self.is_over(entry);
        let counters = &slot.counters;
        let counter = if over { self.counter_of_gone(slot, entry) } else { &counters.deletes };
        counter.count();
        !over
    }

    /// Where an entry is counted that is removed because it is over.
    fn counter_of_gone<'slot>(&self, slot: &'slot Slot, entry: Entry<'_>) -> &'slot Counter {
        let Counters { expirations, invalidations, .. } = &slot.counters;
        if self.is_void(entry) { invalidations } else { expirations }
    }

    /// Removes the entry of a key if it need not be kept: another thread may have set it again meanwhile.
    fn remove_gone(&self, slot: &Slot, hash: Hash, key: &[u8]) {
        let mut shard = slot.lock.write();
        let Some(reference) = shard.find(hash, key) else { return };
        let entry = shard.entry(reference);
        if !self.is_gone(entry) {
            return;
        }
        let counter = self.counter_of_gone(slot, entry);
        shard.remove(hash, reference);
        drop(shard);
        self.let_go(reference);
        counter.count();
    }

    /// The deadline of an entry that is set now.
    fn timing(&self, ttl: Option<u64>, keep: u32) -> Option<Timing> {
        let Settings { ttl: default, max_ttl, jitter, sliding, .. } = self.settings;
        let wanted = ttl.map_or(default, |ttl| (ttl > 0).then_some(ttl));
        let ttl = match (wanted, max_ttl) {
            (Some(ttl), Some(most)) => ttl.min(most),
            (wanted, most) => wanted.or(most)?,
        };
        let ttl = if jitter > 0.0 { self.shorten(ttl, jitter) } else { ttl };
        let now = self.ticker.now();
        let gone_after = |ttl: u64| now.saturating_add(ttl).saturating_add(u64::from(keep));
        let sliding = sliding.then(|| Sliding {
            lifetime: u32::try_from(ttl).unwrap_or(u32::MAX),
            limit: max_ttl.map_or(NEVER, gone_after),
        });
        Some(Timing { deadline: gone_after(ttl), sliding })
    }

    fn shorten(&self, ttl: u64, jitter: f64) -> u64 {
        let drawn = self.drawn.fetch_add(1, Relaxed);
        let chance = f64::from(self.chance.hash(&drawn.to_ne_bytes()).tag()) / f64::from(u32::MAX);
        to_u64(ttl as f64 * chance.mul_add(-jitter, 1.0)).max(1)
    }

    /// Bytes that an entry may have, its header included.
    #[must_use]
    pub fn largest(&self) -> u64 {
        self.budget.max() / LARGEST_ENTRY
    }

    /// Puts a value into its shard, and counts that.
    fn publish(
        &self,
        slot: &Slot,
        hash: Hash,
        head: &Head<'_>,
        placed: Option<u32>,
        value: &[u8],
    ) -> Result<(), Refusal> {
        self.insert(slot, hash, head, placed, value)?;
        slot.counters.sets.count();
        if head.timing.is_some() {
            sweeper::nudge();
        }
        Ok(())
    }

    /// Puts a value into its shard: over the old one if that has the same length class, else into `placed` or a new place.
    fn insert(
        &self,
        slot: &Slot,
        hash: Hash,
        head: &Head<'_>,
        mut placed: Option<u32>,
        value: &[u8],
    ) -> Result<(), Refusal> {
        let mut recalled = false;
        let mut waited = 0;
        loop {
            let mut shard = slot.lock.write();
            let mut old = shard.find(hash, head.key);
            match old {
                Some(old) if placed.is_none() && overwrite(&mut shard, old, head, value) => {
                    return Ok(());
                }
                Some(_) => {}
                None => recalled |= shard.recall(hash),
            }
            let reference = if let Some(placed) = placed {
                placed
            } else {
                let Some((reference, evicted)) = self.place_in(slot, &mut shard, head, value)
                else {
                    drop(shard);
                    placed = Some(self.place_anywhere(head, value)?);
                    continue;
                };
                if evicted {
                    old = shard.find(hash, head.key);
                }
                reference
            };
            if let Some(old) = old {
                shard.replace(hash, old, reference);
                drop(shard);
                self.release(old);
                return Ok(());
            }
            if !self.make_room_for_one(slot, &mut shard) {
                drop(shard);
                placed = Some(reference);
                if self.evict_by_turns() {
                    continue;
                }
                // What other threads are about to put in, or have just taken out, counts and is in no shard.
                waited += 1;
                if waited <= room::MOST_WAITS {
                    thread::yield_now();
                    continue;
                }
                self.discard(reference);
                return Err(Refusal::NoMemory);
            }
            if !shard.insert(hash, reference, recalled) {
                drop(shard);
                self.len.fetch_sub(1, Relaxed);
                self.discard(reference);
                return Err(Refusal::NoMemory);
            }
            return Ok(());
        }
    }

    /// Frees an entry that was taken out of its shard, and counts one fewer.
    fn let_go(&self, reference: u32) {
        self.release(reference);
        self.len.fetch_sub(1, Relaxed);
    }

    /// Frees the memory of an entry that was taken out of its shard, and lets go of its tags.
    fn release(&self, reference: u32) {
        self.release_tags(self.entries.get(reference));
        self.discard(reference);
    }

    /// Frees the memory of an entry that is in no shard. Its tags are its maker's.
    fn discard(&self, reference: u32) {
        // SAFETY: callers have made it or taken it out of its shard with that locked exclusively, so nobody else reads it.
        unsafe { placement::release(&mut self.arena.lock(), self.entries, reference) };
    }

    /// Frees the memory of entries that were taken out of their shards.
    fn release_all(&self, references: Vec<u32>) {
        for reference in &references {
            self.release_tags(self.entries.get(*reference));
        }
        let mut arena = self.arena.lock();
        for reference in references {
            // SAFETY: as in `release`.
            unsafe { placement::release(&mut arena, self.entries, reference) };
        }
    }
}

/// Writes a value over the old one if the block is just as large as a new one would be.
fn overwrite(shard: &mut Shard, old: u32, head: &Head<'_>, value: &[u8]) -> bool {
    let entry = shard.entry(old);
    let before = head.size_with(entry.value_length());
    let fits = entry.has_form_of(head)
        && Arena::units(before) == Arena::units(head.size_with(value.len()));
    if fits {
        // SAFETY: the block was allocated for a size that takes as many units.
        unsafe { shard.overwrite(old, head, value) };
    }
    fits
}
