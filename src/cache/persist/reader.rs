//! Loading: from a file to a cache that nobody knows yet.

use std::{
    io::Read,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use super::{
    blocks::{DONE, ENTRIES, HEAD, Reader, Tag, VALUE},
    fault::{Fault, Outcome},
    format::{Header, Input, Record, Totals},
};
use crate::cache::{
    compress::{Head, PACKED},
    hash::Hash,
    policy::Kind,
    store::{Clocks, Restored, Store},
};

/// How a file is to be loaded.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// Set by who no longer wants it.
    pub cancelled: &'a AtomicBool,
    /// Milliseconds since 1970.
    pub wall: u64,
    /// Says what is wrong with a value of this kind and length.
    pub check: &'a dyn Fn(&Header, u8, u32) -> Outcome<()>,
}

/// What was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Entries that are in the cache.
    pub entries: u64,
    /// Entries whose time was over.
    pub over: u64,
    /// Entries for which the cache had no room.
    pub left_out: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The moment whose entries these are. Milliseconds since 1970.
    pub moment: u64,
}

/// Puts all entries of a file into an empty cache.
///
/// # Errors
/// See [`Fault`]. What the cache holds then is worth nothing.
pub fn load(store: &Store, input: impl Read, plan: Plan<'_>) -> Outcome<Loaded> {
    let mut blocks = Reader::new(input)?;
    let mut payload = Vec::new();
    let at = blocks.at();
    let header = match blocks.block(&mut payload)? {
        HEAD => Header::decode(&payload).map_err(|bad| bad.at(at, "the header"))?,
        _ => return Err(Fault::invalid(at, "it has no header")),
    };
    let clocks = Clocks { ticks: store.now(), wall: plan.wall, saved: header.moment };
    let mut work = Work {
        store,
        plan,
        header,
        clocks,
        totals: Totals { entries: 0, payload: 0, blocks: 0, checksum: 0 },
        loaded: Loaded::default(),
        touched: Vec::new(),
    };
    loop {
        if plan.cancelled.load(Relaxed) {
            return Err(Fault::Cancelled);
        }
        (work.totals.blocks, work.totals.checksum) = blocks.so_far();
        let at = blocks.at();
        match blocks.block(&mut payload)? {
            ENTRIES => {
                if let Some(large) = work.entries(at, &payload)? {
                    work.large(at, &large, &mut blocks)?;
                }
            }
            DONE => {
                if Totals::decode(&payload) != Some(work.totals) {
                    return Err(Fault::invalid(at, "it has not as many entries as it says"));
                }
                blocks.end()?;
                return Ok(work.end(blocks.at()));
            }
            tag if tag.can_be_skipped() => {}
            tag => return Err(unknown(tag, at)),
        }
    }
}

fn unknown(Tag(tag): Tag, at: u64) -> Fault {
    let tag = tag.escape_ascii();
    Fault::Version(format!(
        "The file has a section ({tag}) of a newer version of heapwise (byte {at})"
    ))
}

struct Work<'a> {
    store: &'a Store,
    plan: Plan<'a>,
    header: Header,
    clocks: Clocks,
    totals: Totals,
    loaded: Loaded,
    touched: Vec<Hash>, // entries that were used after the moment of the save
}

/// An entry whose value comes in blocks of its own.
struct Large {
    /// Its record, as bytes: the payload that it was in is needed for the value.
    record: Vec<u8>,
    length: u32, // bytes of the value
}

impl Work<'_> {
    /// All entries of a block; the last one may be large.
    fn entries(&mut self, at: u64, payload: &[u8]) -> Outcome<Option<Large>> {
        let mut input = Input::new(payload);
        while input.left() > 0 {
            let start = payload.len() - input.left();
            let (record, value) =
                Record::decode(&mut input).map_err(|bad| bad.at(at, "an entry"))?;
            self.check(at, record.kind, record.value_length)?;
            self.totals.entries += 1;
            self.totals.payload += record.key.len() as u64 + u64::from(record.value_length);
            if record.follows {
                if input.left() > 0 {
                    return Err(Fault::invalid(at, "an entry lies in the value of another"));
                }
                let record_bytes = payload.get(start..).unwrap_or_default().to_vec();
                return Ok(Some(Large { record: record_bytes, length: record.value_length }));
            }
            self.restore(at, &record, value)?;
        }
        Ok(None)
    }

    /// The value of a large entry. No more memory is taken for it than there are bytes in the file.
    fn large<R: Read>(&mut self, at: u64, large: &Large, blocks: &mut Reader<R>) -> Outcome<()> {
        let (record, _) =
            Record::decode(&mut Input::new(&large.record)).map_err(|bad| bad.at(at, "an entry"))?;
        let wanted = self.store.takes(record.key.len(), record.value_length);
        let mut value = Vec::new();
        let mut part = Vec::new();
        let mut left = large.length as usize;
        while left > 0 {
            let at = blocks.at();
            if self.plan.cancelled.load(Relaxed) {
                return Err(Fault::Cancelled);
            }
            if blocks.block(&mut part)? != VALUE || part.is_empty() || part.len() > left {
                return Err(Fault::invalid(at, "a value is not as long as it says"));
            }
            left -= part.len();
            if wanted {
                value.try_reserve(part.len()).map_err(|_| Fault::Memory)?;
                value.extend_from_slice(&part);
            }
        }
        if wanted {
            self.restore(at, &record, &value)
        } else {
            self.loaded.left_out += 1;
            Ok(())
        }
    }

    /// Whether JavaScript can read a value.
    fn check(&self, at: u64, kind: u8, length: u32) -> Outcome<()> {
        (self.plan.check)(&self.header, kind, length).map_err(|fault| match fault {
            Fault::Invalid { why, .. } => Fault::Invalid { at, why },
            fault => fault,
        })
    }

    fn restore(&mut self, at: u64, record: &Record<'_>, value: &[u8]) -> Outcome<()> {
        // What was damaged before it was saved fails who gets it, as it would have done without the save.
        if record.kind == PACKED
            && let Ok(head) = Head::read(value)
        {
            self.check(at, head.kind, u32::try_from(head.length).unwrap_or(u32::MAX))?;
        }
        let restored = self.store.restore(record, value, self.clocks).map_err(|_| Fault::Memory)?;
        match restored {
            Restored::Here(hash) => {
                if record.standing.touched && self.store.settings().policy == Kind::Lru {
                    self.touched.push(hash);
                }
            }
            Restored::Over => self.loaded.over += 1,
            Restored::LeftOut => self.loaded.left_out += 1,
            Restored::Twice => return Err(Fault::invalid(at, "a key is there twice")),
        }
        Ok(())
    }

    /// What was set again while it was saved becomes the newest. What made room for others was left out.
    fn end(self, bytes: u64) -> Loaded {
        for hash in self.touched {
            self.store.touch(hash);
        }
        Loaded {
            entries: self.store.len() as u64,
            left_out: self.loaded.left_out + self.store.evictions(),
            bytes,
            moment: self.header.moment,
            ..self.loaded
        }
    }
}
