//! The time of a store.

#[cfg(test)]
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::clock::core::now_ns;

/// Milliseconds that never go back.
#[derive(Debug)]
pub enum Ticker {
    /// The monotonic clock.
    System,
    /// A clock that is moved by hand.
    #[cfg(test)]
    Manual(AtomicU64),
}

impl Ticker {
    /// Milliseconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        match self {
            Self::System => now_ns() / 1_000_000,
            #[cfg(test)]
            Self::Manual(now) => now.load(Relaxed),
        }
    }
}
