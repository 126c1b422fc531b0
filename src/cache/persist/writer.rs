//! Saving: from a cache to a file.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use super::{
    blocks::{
        DONE, ENTRIES, HEAD, LONGEST, Output, Tag, VALUE, Writer, payload_length, room_for_frame,
    },
    fault::{Fault, Outcome},
    format::{Header, Record, Totals},
    tap::{Kept, Large},
};
use crate::cache::{
    policy::Kind,
    shard::save::{Copied, Step},
    store::{Parts, Saving, Store},
};

/// Parts of each shard that are saved by turns, so that the file has about the order of all of them.
const ROUNDS: usize = 256;
/// A block is written when it has so many bytes: what is copied at a time still has room then.
const FULL: usize = LONGEST / 2;

/// How a save is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    /// Most bytes that are kept of what others change meanwhile.
    pub most_kept: u64,
    /// Set by who no longer wants it.
    pub cancelled: &'a AtomicBool,
    /// Milliseconds since 1970.
    pub wall: fn() -> u64,
}

/// What was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Entries in the file.
    pub entries: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// The moment whose entries these are. Milliseconds since 1970.
    pub moment: u64,
    /// Most bytes that were kept of what others changed meanwhile.
    pub kept: u64,
}

/// Writes a cache as it is at one moment.
///
/// # Errors
/// See [`Fault`]. Nothing is published then.
pub fn save<O: Output>(store: &Store, output: O, plan: Plan<'_>) -> Outcome<Saved> {
    let saving = store
        .begin_save(plan.most_kept, plan.wall)
        .ok_or_else(|| Fault::Busy("The cache is being saved already".to_owned()))?;
    write(store, saving, output, plan.cancelled)
}

/// Writes the rest of a save that has begun.
pub(super) fn write<O: Output>(
    store: &Store,
    saving: Saving<'_>,
    output: O,
    cancelled: &AtomicBool,
) -> Outcome<Saved> {
    let writer = Writer::new(output).map_err(cannot_write)?;
    let mut work = Work {
        saving: &saving,
        writer,
        block: room_for_frame(),
        entries: 0,
        payload: 0,
        cancelled,
    };
    work.header(store)?;
    work.all()?;
    work.end()?;
    let Work { writer, entries, .. } = work;
    let (moment, kept) = (saving.moment().wall, saving.meter().peak());
    let missed = saving.finish();
    if missed > 0 {
        return Err(Fault::System {
            what: format!("{missed} entries were not found again"),
            error: io::ErrorKind::Other.into(),
        });
    }
    let bytes = writer.publish().map_err(cannot_write)?;
    Ok(Saved { entries, bytes, moment, kept })
}

fn cannot_write(error: io::Error) -> Fault {
    Fault::System { what: "Writing the file failed".to_owned(), error }
}

const fn name_of(policy: Kind) -> &'static str {
    match policy {
        Kind::Lru => "lru",
        Kind::Sieve => "sieve",
        Kind::S3Fifo => "s3fifo",
    }
}

struct Work<'a, O> {
    saving: &'a Saving<'a>,
    writer: Writer<O>,
    block: Vec<u8>,
    entries: u64,
    payload: u64, // bytes
    cancelled: &'a AtomicBool,
}

impl<O: Output> Work<'_, O> {
    fn header(&mut self, store: &Store) -> Outcome<()> {
        let settings = store.settings();
        let entries: usize = self.saving.lengths().iter().flatten().sum();
        let header = Header {
            moment: self.saving.moment().wall,
            entries: entries as u64,
            max_bytes: settings.max_bytes,
            policy: name_of(settings.policy).to_owned(),
            codec: settings.codec.clone(),
            writer: concat!("heapwise ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        self.block.extend(header.encode());
        self.flush(HEAD)
    }

    /// All entries, the shards by turns.
    fn all(&mut self) -> Outcome<()> {
        let shards = self.saving.lengths().len();
        let rounds = if shards > 1 { ROUNDS } else { 1 };
        for round in 1..=rounds {
            for shard in 0..shards {
                let lengths = self.saving.lengths().get(shard).copied().unwrap_or_default();
                let quotas =
                    lengths.map(|length| length * round / rounds - length * (round - 1) / rounds);
                self.visit(shard, quotas)?;
            }
        }
        // What has moved to the newer end meanwhile.
        for shard in 0..shards {
            let mut left = self.saving.left(shard);
            while left > 0 {
                self.visit(shard, [usize::MAX; 2])?;
                let still = self.saving.left(shard);
                // Unless they were cleared just now, they are counted as missed when the save ends.
                if still == left && !self.saving.has_cleared(shard) {
                    return Ok(());
                }
                left = still;
            }
            self.kept(shard)?;
        }
        Ok(())
    }

    /// Saves what a shard has kept and cleared, and so many entries of each queue.
    fn visit(&mut self, shard: usize, quotas: [usize; 2]) -> Outcome<()> {
        self.kept(shard)?;
        while self.saving.free_cleared(shard) {
            self.kept(shard)?;
        }
        self.kept(shard)?;
        for (main, quota) in [false, true].into_iter().zip(quotas) {
            let mut left = quota;
            while left > 0 {
                self.check()?;
                let mut copied = Copied { payload: &mut self.block, records: 0, bytes: 0 };
                let step = self.saving.copy(shard, main, left, &mut copied);
                let Copied { records, bytes, .. } = copied;
                self.entries += records;
                self.payload += bytes;
                if payload_length(&self.block) >= FULL {
                    self.flush(ENTRIES)?;
                }
                left = match step {
                    Step::Passed(passed) => left.saturating_sub(passed.max(1)),
                    Step::Large(passed, large) => {
                        let written = self.large(&large);
                        self.saving.end_reading(shard, large.reference);
                        written?;
                        left.saturating_sub(passed + 1)
                    }
                    Step::End => 0,
                };
            }
        }
        Ok(())
    }

    fn check(&self) -> Outcome<()> {
        if self.saving.meter().is_overrun() {
            return Err(Fault::Overrun(self.saving.meter().most()));
        }
        if self.cancelled.load(Relaxed) {
            return Err(Fault::Cancelled);
        }
        Ok(())
    }

    /// Writes what a shard has kept.
    fn kept(&mut self, shard: usize) -> Outcome<()> {
        let kept = self.saving.take_kept(shard);
        let written = self.write_kept(&kept);
        self.saving.free(kept);
        written.and_then(|()| self.check())
    }

    fn write_kept(&mut self, kept: &Kept) -> Outcome<()> {
        for chunk in &kept.chunks {
            if payload_length(&self.block) + chunk.len() > LONGEST {
                self.flush(ENTRIES)?;
            }
            self.block.extend_from_slice(chunk);
        }
        self.entries += kept.records;
        self.payload += kept.payload;
        if payload_length(&self.block) >= FULL {
            self.flush(ENTRIES)?;
        }
        for parked in &kept.parked {
            self.large(&parked.large)?;
        }
        Ok(())
    }

    /// Writes an entry whose value has blocks of its own.
    fn large(&mut self, large: &Large) -> Outcome<()> {
        let saving = self.saving;
        saving.read(large, |record, parts| self.large_value(&record, parts))
    }

    fn large_value(&mut self, record: &Record<'_>, parts: Parts<'_>) -> Outcome<()> {
        record.encode(&mut self.block);
        self.entries += 1;
        self.payload += record.key.len() as u64 + u64::from(record.value_length);
        self.flush(ENTRIES)?;
        let mut result = Ok(());
        parts(&mut |part| {
            let mut rest = part;
            while !rest.is_empty() && result.is_ok() {
                let room = LONGEST - payload_length(&self.block);
                let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
                self.block.extend_from_slice(now);
                rest = later;
                if payload_length(&self.block) == LONGEST {
                    result = self.flush(VALUE).and_then(|()| self.check());
                }
            }
        });
        result?;
        self.flush(VALUE)
    }

    fn end(&mut self) -> Outcome<()> {
        self.flush(ENTRIES)?;
        let (blocks, checksum) = self.writer.so_far();
        let totals = Totals { entries: self.entries, payload: self.payload, blocks, checksum };
        self.block.extend(totals.encode());
        self.flush(DONE)
    }

    fn flush(&mut self, tag: Tag) -> Outcome<()> {
        if payload_length(&self.block) == 0 {
            return Ok(());
        }
        self.writer.block(tag, &mut self.block).map_err(cannot_write)
    }
}
