//! What a shard does for a save: it keeps what goes before its turn.
//!
//! An entry of the moment that is not saved yet is handed over when somebody takes it out or writes over it. Small ones are
//! copied: the copies together may take so many bytes, beyond which the save fails and the cache goes on. Large ones are not
//! copied but _parked_: they leave the cache, and their memory stays in use until the save has written it. So an
//! operation copies 256 KiB at most for each entry that it takes out. The one large entry that is being written without
//! the lock is parked in any case.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use super::{
    super::{
        entry::{Entries, Entry, NEVER},
        tags::Tags,
    },
    format::{self, Deadline, LARGEST_FRAME, Record, Standing},
};
use crate::cache::arena::NIL;

/// Values above this many bytes are parked, and written without the lock. Fewer under Miri, which takes minutes for as many.
pub const PARKED_FROM: usize = if cfg!(miri) { 4 << 10 } else { 256 << 10 };
/// Bytes of the pieces that copies are collected in.
const CHUNK: usize = 16 << 10;

/// Bytes that are kept for a save, by all shards together.
#[derive(Debug)]
pub struct Meter {
    most: u64,           // bytes
    kept: AtomicU64,     // bytes
    peak: AtomicU64,     // bytes
    overrun: AtomicBool, // more was needed
}

impl Meter {
    /// Nothing is kept yet, and never more than this.
    #[must_use]
    pub const fn new(most: u64) -> Self {
        Self {
            most,
            kept: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            overrun: AtomicBool::new(false),
        }
    }

    /// Takes bytes if that is not too many. If it is, the save has failed.
    fn take(&self, bytes: u64) -> bool {
        let taken = self.kept.try_update(Relaxed, Relaxed, |kept| {
            kept.checked_add(bytes).filter(|kept| *kept <= self.most)
        });
        let Ok(before) = taken else {
            self.give_up();
            return false;
        };
        self.peak.fetch_max(before + bytes, Relaxed);
        true
    }

    /// Gives bytes back.
    pub fn give(&self, bytes: u64) {
        self.kept.fetch_sub(bytes, Relaxed);
    }

    /// Most bytes there may be.
    #[must_use]
    pub const fn most(&self) -> u64 {
        self.most
    }

    /// Most bytes there were.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.peak.load(Relaxed)
    }

    /// Whether there would have been more than may be.
    #[must_use]
    pub fn is_overrun(&self) -> bool {
        self.overrun.load(Relaxed)
    }

    /// Says that the save has failed: nothing more is kept for it.
    pub fn give_up(&self) {
        self.overrun.store(true, Relaxed);
    }
}

/// The moment of a save, on both clocks. Milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// On the clock of the store.
    pub ticks: u64,
    /// Since 1970.
    pub wall: u64,
}

impl Moment {
    /// When that is on the other clock.
    #[must_use]
    pub const fn to_wall(self, ticks: u64) -> u64 {
        if ticks >= self.ticks {
            self.wall.saturating_add(ticks - self.ticks)
        } else {
            self.wall.saturating_sub(self.ticks - ticks)
        }
    }
}

/// Why an entry is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It leaves the cache.
    Leaves,
    /// Its key was set again.
    SetAgain,
}

/// What a shard has kept, and what it has still to save.
#[derive(Debug)]
pub struct Tap {
    meter: Arc<Meter>,
    tags: Option<Arc<Tags>>, // those of the store, if entries of the moment have any
    moment: Moment,
    unsaved: usize,       // entries of the moment
    chunks: Vec<Vec<u8>>, // records
    records: u64,         // in the chunks
    payload: u64,         // bytes of their keys and values
    parked: Vec<Parked>,
    reading: u32, // the entry that is being written without the lock, or NIL
    /// Whether the walk through the entries of SIEVE has not come to its hand yet.
    pub before_hand: bool,
}

/// A large entry, which is read without the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Large {
    /// Where it is.
    pub reference: u32,
    /// Where it stands.
    pub standing: Standing,
    /// [`Record::more`], as it was with the lock: once the entry has left, its tags are not its own any more.
    pub more: Vec<u8>,
}

/// One that has left the cache, with its memory. It belongs to whoever has this.
#[derive(Clone, Debug)]
pub struct Parked {
    /// What is to be written.
    pub large: Large,
    size: u64, // bytes, as they were metered
}

/// What a shard has kept since it was last asked.
#[derive(Debug, Default)]
pub struct Kept {
    /// Records with their values.
    pub chunks: Vec<Vec<u8>>,
    /// How many records.
    pub records: u64,
    /// Bytes of their keys and values.
    pub payload: u64,
    /// Large entries, to be written and freed.
    pub parked: Vec<Parked>,
}

impl Kept {
    /// Tells the meter that this is no longer kept.
    pub fn give_back(&self, meter: &Meter) {
        let copied: usize = self.chunks.iter().map(Vec::capacity).sum();
        let parked: u64 = self.parked.iter().map(|parked| parked.size).sum();
        meter.give(copied as u64 + parked);
    }
}

impl Tap {
    /// Nothing is kept yet.
    #[must_use]
    pub const fn new(meter: Arc<Meter>, tags: Option<Arc<Tags>>) -> Self {
        Self {
            meter,
            tags,
            moment: Moment { ticks: 0, wall: 0 },
            unsaved: 0,
            chunks: Vec::new(),
            records: 0,
            payload: 0,
            parked: Vec::new(),
            reading: NIL,
            before_hand: false,
        }
    }

    /// The moment has come: so many entries are to be saved.
    pub const fn begin(&mut self, moment: Moment, entries: usize, before_hand: bool) {
        self.moment = moment;
        self.unsaved = entries;
        self.before_hand = before_hand;
    }

    /// How many entries are to be saved.
    #[must_use]
    pub const fn unsaved(&self) -> usize {
        self.unsaved
    }

    /// Counts one of them as saved.
    pub const fn count_saved(&mut self) {
        self.unsaved = self.unsaved.saturating_sub(1);
    }

    /// What is to be written of an entry as [`Record::more`]. `None` if it is not to be written at all: its time was over at
    /// the moment, or one of its tags has been made void since.
    #[must_use]
    pub fn more_of(&self, entry: Entry<'_>) -> Option<Vec<u8>> {
        if entry.is_timed() && entry.deadline() <= self.moment.ticks {
            return None;
        }
        let mut more = Vec::new();
        if entry.has_more() {
            format::push_keep(&mut more, entry.keep());
            if let Some(tags) = &self.tags
                && !tags.names_of(entry.tags(), |name| format::push_tag(&mut more, name))
            {
                return None;
            }
        }
        Some(more)
    }

    /// Where an entry stands.
    #[must_use]
    pub fn standing(entry: Entry<'_>) -> Standing {
        Standing { uses: entry.uses(), main: entry.is_main(), passed: false, touched: false }
    }

    /// Keeps an entry of the moment that is going to leave, or to be written over. It bears the mark of the shard already.
    pub fn keep(&mut self, entries: Entries, reference: u32, reason: Reason) {
        self.count_saved();
        let entry = entries.get(reference);
        if reference == self.reading {
            // Not to be freed before it has been read.
            entry.set_parked(true);
            return;
        }
        if self.meter.is_overrun() {
            return;
        }
        let Some(more) = self.more_of(entry) else { return };
        let mut standing = Self::standing(entry);
        standing.touched = reason == Reason::SetAgain;
        let size = LARGEST_FRAME + more.len() + entry.key_length() + entry.value_length();
        if entry.value_length() > PARKED_FROM {
            if self.meter.take(size as u64) {
                entry.set_parked(true);
                let large = Large { reference, standing, more };
                self.parked.push(Parked { large, size: size as u64 });
            }
            return;
        }
        let Some(chunk) = chunk_for(&mut self.chunks, size, &self.meter) else { return };
        push(chunk, entries, entry, self.moment, standing, &more);
        self.records += 1;
        self.payload += entry.payload();
    }

    /// Copies an entry that is saved in its turn.
    pub fn push(
        &self,
        entries: Entries,
        entry: Entry<'_>,
        standing: Standing,
        more: &[u8],
        payload: &mut Vec<u8>,
    ) {
        push(payload, entries, entry, self.moment, standing, more);
    }

    /// Hands over what was kept.
    pub fn take(&mut self) -> Kept {
        Kept {
            chunks: std::mem::take(&mut self.chunks),
            records: std::mem::take(&mut self.records),
            payload: std::mem::take(&mut self.payload),
            parked: std::mem::take(&mut self.parked),
        }
    }

    /// Says that an entry is going to be read without the lock.
    pub const fn begin_reading(&mut self, reference: u32) {
        self.reading = reference;
    }

    /// Says that it has been read. True if it has been parked meanwhile, so that it must be let go of.
    pub fn end_reading(&mut self, entry: Entry<'_>) -> bool {
        self.reading = NIL;
        entry.is_parked()
    }
}

/// A chunk with room for so many bytes.
fn chunk_for<'a>(
    chunks: &'a mut Vec<Vec<u8>>,
    size: usize,
    meter: &Meter,
) -> Option<&'a mut Vec<u8>> {
    let fits = chunks.last().is_some_and(|last| last.capacity() - last.len() >= size);
    if !fits {
        let mut chunk = Vec::new();
        if chunk.try_reserve_exact(size.max(CHUNK)).is_err() {
            meter.give_up();
            return None;
        }
        if !meter.take(chunk.capacity() as u64) {
            return None;
        }
        chunks.push(chunk);
    }
    chunks.last_mut()
}

/// Adds the record of an entry with its value.
fn push(
    payload: &mut Vec<u8>,
    entries: Entries,
    entry: Entry<'_>,
    moment: Moment,
    standing: Standing,
    more: &[u8],
) {
    record(entry, moment, standing, false, more).encode(payload);
    entries.parts(entry, |part| payload.extend_from_slice(part));
}

/// The record of an entry.
#[must_use]
pub fn record<'a>(
    entry: Entry<'a>,
    moment: Moment,
    standing: Standing,
    follows: bool,
    more: &'a [u8],
) -> Record<'a> {
    let deadline = entry.is_timed().then(|| Deadline {
        at: moment.to_wall(entry.deadline()),
        sliding: entry.sliding().map(|sliding| {
            let limit = if sliding.limit == NEVER { NEVER } else { moment.to_wall(sliding.limit) };
            (sliding.lifetime, limit)
        }),
    });
    Record {
        kind: entry.kind(),
        key: entry.key(),
        value_length: u32::try_from(entry.value_length()).unwrap_or(0),
        follows,
        deadline,
        standing,
        more,
    }
}
