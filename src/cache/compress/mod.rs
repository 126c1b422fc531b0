//! Values that are stored compressed.
//!
//! Such a value has the kind [`PACKED`], and these bytes:
//!
//! | byte | what |
//! |---|---|
//! | 0 | what the value is (5 bits), and by which algorithm it was compressed (3 bits) |
//! | 1 | bytes of the value before, 32 bits, little endian |
//! | 5 | what the algorithm has made of it |
//!
//! So a value says by itself how it is read, whatever the settings of the cache that holds it. The store knows of it for
//! its figures only: whoever sets a value compresses it before, and whoever gets one does the rest when no lock is held.

mod packer;
#[cfg(test)]
mod tests;

pub use packer::Packer;

use super::{
    binding::kinds::{self, NOTHING},
    entry::{Entries, Entry},
};

/// The kind of a value that is compressed; see [`kinds`] for others. Nothing may be added to it.
pub const PACKED: u8 = 31;
/// Bits of the first byte that are the kind.
const KIND_BITS: u32 = 5;
/// Bytes before those of the algorithm.
pub const HEADER: usize = 5;
/// Longest value that is compressed: no less than any budget lets in.
const LONGEST: usize = u32::MAX as usize;
/// One part of so many must be saved, or the value is stored as it is: to read that costs less.
const LEAST_SAVED: usize = 8;

/// LZ4 can make a byte of so many.
const MOST_BY_LZ4: usize = 255;
/// A block of Zstandard is so many bytes at most, and no fewer than so many when it is compressed.
const ZSTD_BLOCK: usize = 128 << 10;
const LEAST_ZSTD_BLOCK: usize = 4;

/// How values are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The LZ4 block format: fast, and least at getting.
    Lz4,
    /// Zstandard: smaller, and slower.
    Zstd,
}

/// Which values of a cache are compressed, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    /// How.
    pub algorithm: Algorithm,
    /// The level of Zstandard, 1 to 19.
    pub level: i32,
    /// Shorter values are not, in bytes; > 0.
    pub threshold: usize,
}

impl Compression {
    /// Whether a value of so many bytes is to be compressed, if that makes it smaller.
    #[must_use]
    pub const fn takes(&self, length: usize) -> bool {
        length >= self.threshold && length <= LONGEST
    }
}

/// A compressed value cannot be read: its bytes are not those that were stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged;

/// What the first bytes of a compressed value say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// What the value is.
    pub kind: u8,
    /// Bytes of the value.
    pub length: usize,
    /// What has compressed it.
    pub algorithm: Algorithm,
}

impl Head {
    /// Reads it.
    ///
    /// # Errors
    /// When it cannot be true: nobody is to take memory for a length that so few bytes cannot become.
    pub fn read(packed: &[u8]) -> Result<Self, Damaged> {
        let (head, body) = packed.split_first_chunk::<HEADER>().ok_or(Damaged)?;
        let [first, length @ ..] = *head;
        let bytes = u32::from_le_bytes(length);
        let length = bytes as usize;
        let kind = first & ((1 << KIND_BITS) - 1);
        let (algorithm, most) = match first >> KIND_BITS {
            1 => (Algorithm::Lz4, body.len().saturating_mul(MOST_BY_LZ4)),
            2 => (Algorithm::Zstd, (body.len() / LEAST_ZSTD_BLOCK).saturating_mul(ZSTD_BLOCK)),
            _ => return Err(Damaged),
        };
        if !kinds::can_be(kind, bytes) || matches!(kind, PACKED | NOTHING) || length > most {
            return Err(Damaged);
        }
        Ok(Self { kind, length, algorithm })
    }

    fn write(self) -> [u8; HEADER] {
        let algorithm = match self.algorithm {
            Algorithm::Lz4 => 1,
            Algorithm::Zstd => 2,
        };
        let [a, b, c, d] = u32::try_from(self.length).unwrap_or(u32::MAX).to_le_bytes();
        [self.kind | algorithm << KIND_BITS, a, b, c, d]
    }
}

/// Bytes of the value of an entry before it was compressed; `None` if it is not.
pub fn length_before(entries: Entries, entry: Entry<'_>) -> Option<u64> {
    if entry.kind() != PACKED {
        return None;
    }
    // The first piece may be shorter than a header.
    let mut head = Vec::with_capacity(HEADER);
    entries.parts(entry, |part| {
        head.extend_from_slice(part.get(..HEADER - head.len()).unwrap_or(part));
    });
    head.get(1..).and_then(|it| it.try_into().ok()).map(|it| u64::from(u32::from_le_bytes(it)))
}
