//! The arithmetic of the probe, apart from any loop.
//!
//! A turn is what happens between two prepare callbacks of libuv. Its busy time is the time between them less the
//! growth of the loop's idle time (`uv_metrics_idle_time`: time spent waiting in the poll). Prepare alone is enough,
//! and prepare to check is not: libuv runs I/O callbacks, so every HTTP handler, inside the poll phase.

use crate::histogram::core::{Bounds, Histogram, HistogramError};

/// Range of the lag histogram, in milliseconds: 1 ns to 1 h, three significant figures.
pub const LAG_BOUNDS: Bounds = Bounds { lowest: 1e-6, highest: 3_600_000.0, figures: 3 };

/// Two readings of two clocks at one moment, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The monotonic clock.
    pub now: u64,
    /// The loop's accumulated idle time.
    pub idle: u64,
    /// Accumulated garbage-collection time of the thread; stays 0 where it is not known.
    pub gc: u64,
}

/// One turn that has ended, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Time during which the turn held the thread.
    pub busy: u64,
    /// How much of it was garbage collection.
    pub gc: u64,
}

impl Turn {
    /// What happened between two readings.
    #[must_use]
    pub fn between(last: Reading, reading: Reading) -> Self {
        let elapsed = reading.now.saturating_sub(last.now);
        let idle = reading.idle.saturating_sub(last.idle);
        let busy = elapsed.saturating_sub(idle);
        Self { busy, gc: reading.gc.saturating_sub(last.gc).min(busy) }
    }

    /// Without the time in which the whole process stood still.
    #[must_use]
    pub fn less(self, frozen: u64) -> Self {
        let busy = self.busy.saturating_sub(frozen);
        Self { busy, gc: self.gc.min(busy) }
    }
}

/// Turns readings into turns.
#[derive(Debug, Default)]
pub struct TurnMeter {
    first: Option<Reading>,
    last: Option<Reading>,
    turns: u64,
    active: u64, // nanoseconds, sum of the turns' busy time
    gc: u64,     // nanoseconds, sum of theirs; <= active
}

/// Where the time since the start went, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeSpent {
    /// Since the first reading.
    pub elapsed: u64,
    /// Of it, not waiting in the poll; <= elapsed.
    pub active: u64,
    /// Of that, garbage collection; <= active.
    pub gc: u64,
}

impl TurnMeter {
    /// Begins with the turn in progress: what is left of it from here on counts as one.
    #[must_use]
    pub const fn starting(reading: Reading) -> Self {
        Self { first: Some(reading), last: Some(reading), turns: 0, active: 0, gc: 0 }
    }

    /// Takes the reading at the end of a turn, which is the beginning of the next one. Returns the reading at the
    /// beginning, and the turn; `None` if nothing was begun.
    pub fn turn(&mut self, reading: Reading) -> Option<(Reading, Turn)> {
        let last = self.last.replace(reading)?;
        let turn = Turn::between(last, reading);
        self.turns += 1;
        self.active += turn.busy;
        self.gc += turn.gc;
        Some((last, turn))
    }

    /// Number of turns that have ended.
    #[must_use]
    pub const fn turns(&self) -> u64 {
        self.turns
    }

    /// Where the time went until this reading, the turn in progress included; until the end of the last turn if there is
    /// no reading.
    #[must_use]
    pub fn spent(&self, reading: Option<Reading>) -> TimeSpent {
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return TimeSpent::default();
        };
        let reading = reading.unwrap_or(last);
        let current = Turn::between(last, reading);
        let elapsed = reading.now.saturating_sub(first.now);
        // By turns, not by the idle time since the first one: on macOS libuv's clock goes on while the machine sleeps
        // and ours does not, and a turn with such a sleep is idle, not less than that.
        let active = (self.active + current.busy).min(elapsed);
        TimeSpent { elapsed, active, gc: (self.gc + current.gc).min(active) }
    }
}

/// What the watchdog sees when it looks at a turn in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It cannot reach the threshold for so many nanoseconds.
    Free(u64),
    /// It has reached the threshold.
    Blocked(Turn),
}

/// Looks at what a turn in progress has taken so far.
#[must_use]
pub const fn look(turn: Turn, threshold: u64) -> Look {
    if turn.busy >= threshold { Look::Blocked(turn) } else { Look::Free(threshold - turn.busy) }
}

/// An empty lag histogram.
///
/// # Errors
/// Never with these constant bounds; the type says so because the constructor is shared.
pub fn lag_histogram() -> Result<Histogram, HistogramError> {
    Histogram::new(LAG_BOUNDS)
}
