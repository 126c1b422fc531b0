//! What a loop tells the watchdog: the reading at the beginning of its turn.
//!
//! A sequence lock with one writer. The loop must never wait for the watchdog, which a scheduler may stop at any place:
//! so no mutex.

use std::sync::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
    fence,
};

use super::core::Reading;

/// Attempts of a reader before it says that the turn is just changing.
const ATTEMPTS: usize = 4;

/// The reading of the turn in progress.
#[derive(Debug, Default)]
pub struct Pulse {
    /// 0 before the first beat; odd while the others are being written; grows by 2 with each beat.
    version: AtomicU64,
    now: AtomicU64,
    idle: AtomicU64,
    gc: AtomicU64,
}

impl Pulse {
    /// A turn begins. Only ever called on one thread.
    pub fn beat(&self, reading: Reading) {
        let version = self.version.load(Relaxed);
        self.version.store(version | 1, Relaxed);
        fence(Release);
        self.now.store(reading.now, Relaxed);
        self.idle.store(reading.idle, Relaxed);
        self.gc.store(reading.gc, Relaxed);
        self.version.store((version | 1) + 1, Release);
    }

    /// The number of the turn in progress and the reading at its beginning; `None` before the first one and while a
    /// turn is just changing.
    #[must_use]
    pub fn last(&self) -> Option<(u64, Reading)> {
        for _ in 0..ATTEMPTS {
            let version = self.version.load(Acquire);
            let reading = Reading {
                now: self.now.load(Relaxed),
                idle: self.idle.load(Relaxed),
                gc: self.gc.load(Relaxed),
            };
            fence(Acquire);
            let whole = version & 1 == 0 && self.version.load(Relaxed) == version;
            if whole {
                return (version != 0).then_some((version, reading));
            }
        }
        None
    }

    /// Whether that turn is still in progress.
    #[must_use]
    pub fn is(&self, turn: u64) -> bool {
        self.version.load(Acquire) == turn
    }
}
