//! The byte budget of a cache: one number for all of its shards, and for everything that it takes from the system.

use super::region::GRAIN;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One part in so many is kept for what tables borrow, and so many bytes at least.
const RESERVE: u64 = 64;
/// Tables borrow one part in so many of it at a time, all shards together, and so many bytes at most.
const STEPS: u64 = 256;
const LARGEST_STEP: usize = 256 << 10;
const LEAST_RESERVE: u64 = 96 << 10;

/// Bytes that a cache may take from the system, and those it has taken.
#[derive(Debug)]
pub struct Budget {
    max: u64,        // bytes, > 0
    reserve: u64,    // bytes of `max` that only tables may use, and not for long
    step: usize,     // bytes that a table borrows at a time at most
    used: AtomicU64, // bytes
}

impl Budget {
    /// A budget of which nothing is used, for so many shards.
    #[must_use]
    pub fn new(max: u64, shards: usize) -> Self {
        let part = max / RESERVE;
        let reserve = if part > LEAST_RESERVE { part } else { LEAST_RESERVE };
        // Tables of all shards grow at about the same time: together they must not borrow more than the reserve.
        let step = usize::try_from(max / STEPS).unwrap_or(LARGEST_STEP) / shards.max(1);
        Self { max, reserve, step: step.clamp(GRAIN, LARGEST_STEP), used: AtomicU64::new(0) }
    }

    /// Takes bytes if they fit.
    pub fn take(&self, bytes: u64) -> bool {
        let taken = self.used.try_update(Relaxed, Relaxed, |used| {
            used.checked_add(bytes).filter(|used| *used <= self.limit())
        });
        taken.is_ok()
    }

    /// Takes bytes whether they fit or not.
    ///
    /// An index that could not grow would slow down without limit. What it borrows is soon paid back by the arena: see
    /// [`Arena::make_hole`](super::arena::Arena::make_hole).
    pub fn borrow(&self, bytes: u64) {
        self.used.fetch_add(bytes, Relaxed);
    }

    /// Gives bytes back that were taken or borrowed.
    pub fn give(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Relaxed);
    }

    /// Bytes that a table may borrow at a time.
    #[must_use]
    pub const fn step(&self) -> usize {
        self.step
    }

    /// Bytes in use.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Bytes that may be in use.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// Bytes that can be taken.
    #[must_use]
    pub fn spare(&self) -> u64 {
        self.limit().saturating_sub(self.used())
    }

    /// Bytes in use that are to be paid back.
    #[must_use]
    pub fn debt(&self) -> u64 {
        self.used().saturating_sub(self.limit())
    }

    /// Whether more than may be used would be, if instead of `before` bytes there were `after`.
    #[must_use]
    pub fn is_exceeded_by(&self, before: u64, after: u64) -> bool {
        (self.used() + after).saturating_sub(before) > self.limit()
    }

    const fn limit(&self) -> u64 {
        self.max.saturating_sub(self.reserve)
    }
}
