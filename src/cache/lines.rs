//! A growing array of cache lines, which never move.

use std::{io, sync::Arc};

use super::{
    budget::Budget,
    region::{GRAIN, Region},
};

/// 64-bit words in a line.
pub const WORDS: usize = 8;

/// What a processor fetches at once.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Line(pub [u64; WORDS]);

const BYTES: usize = size_of::<Line>();

/// Lines in a region of their own, all zero at first. The memory is borrowed from a budget.
#[derive(Debug)]
pub struct Lines {
    region: Region,
    budget: Arc<Budget>,
    len: usize, // lines that may be used, all committed
}

impl Lines {
    /// An array that can grow to so many lines.
    ///
    /// # Errors
    /// When there are no addresses for it.
    pub fn new(budget: Arc<Budget>, most: usize) -> io::Result<Self> {
        let bytes = most.max(1).checked_mul(BYTES).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { region: Region::reserve(bytes)?, budget, len: 0 })
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory.
    #[must_use]
    pub const fn committed(&self) -> u64 {
        self.region.committed() as u64
    }

    /// Adds a line. `None` when there is no room, or the system has no memory.
    pub fn push(&mut self) -> Option<usize> {
        let len = self.len + 1;
        let before = self.region.committed();
        if len * BYTES > before {
            // An eighth more each time: few calls of the system, and little memory that is not used yet.
            let step = (before / 8).clamp(GRAIN, self.budget.step());
            let wanted = (before + step).min(self.region.reserved()).max(len * BYTES);
            self.region.commit(wanted).ok()?;
            self.budget.borrow((self.region.committed() - before) as u64);
        }
        self.len = len;
        Some(len - 1)
    }

    /// Takes the last line away, which must be all zero again: it may come back as it is.
    pub fn pop(&mut self) {
        self.len = self.len.saturating_sub(1);
        let before = self.region.committed();
        if self.len * BYTES < before / 4 && before > GRAIN {
            // SAFETY: above the last line there is nothing.
            unsafe { self.region.decommit(before / 2) };
            self.budget.give((before - self.region.committed()) as u64);
        }
    }

    /// A line.
    #[must_use]
    pub const fn get(&self, index: usize) -> Option<&Line> {
        if index >= self.len {
            return None;
        }
        // SAFETY: committed, aligned since regions begin at a page, and zeros are a line; `&self` lends it.
        Some(unsafe { self.region.base().cast::<Line>().add(index).as_ref() })
    }

    /// A line, to be changed.
    #[must_use]
    pub const fn get_mut(&mut self, index: usize) -> Option<&mut Line> {
        if index >= self.len {
            return None;
        }
        // SAFETY: as in `get`; `&mut self` lends it to nobody else.
        Some(unsafe { self.region.base().cast::<Line>().add(index).as_mut() })
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.budget.give(self.region.committed() as u64);
    }
}
