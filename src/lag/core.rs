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

/// Turns readings into turns.
#[derive(Debug, Default)]
pub struct TurnMeter {
    last: Option<Reading>,
    first: Option<Reading>,
    turns: u64,
}

impl TurnMeter {
    /// Takes the reading made in a prepare callback. The first one after a start has no predecessor and ends no turn.
    pub fn turn(&mut self, reading: Reading) -> Option<Turn> {
        let last = self.last.replace(reading);
        let Some(last) = last else {
            self.first = Some(reading);
            return None;
        };
        self.turns += 1;
        let elapsed = reading.now.saturating_sub(last.now);
        let idle = reading.idle.saturating_sub(last.idle);
        let busy = elapsed.saturating_sub(idle);
        Some(Turn { busy, gc: reading.gc.saturating_sub(last.gc).min(busy) })
    }

    /// Number of turns that have ended.
    #[must_use]
    pub const fn turns(&self) -> u64 {
        self.turns
    }

    /// The share (0 to 1) of the time since the first reading that was not idle, and that time in nanoseconds.
    #[must_use]
    pub fn utilization(&self, reading: Reading) -> (f64, u64) {
        let Some(first) = self.first else { return (0.0, 0) };
        let elapsed = reading.now.saturating_sub(first.now);
        if elapsed == 0 {
            return (0.0, 0);
        }
        let idle = reading.idle.saturating_sub(first.idle).min(elapsed);
        (1.0 - idle as f64 / elapsed as f64, elapsed)
    }
}

/// What the prepare callback writes and JavaScript reads.
#[derive(Debug, Default)]
pub struct LagRecorder {
    meter: TurnMeter,
    blocked: u64,
}

impl LagRecorder {
    /// Takes a reading; counts the turn that it ends in `histogram`. Returns the turn when it reached `threshold`
    /// (nanoseconds).
    pub fn turn(
        &mut self,
        reading: Reading,
        threshold: u64,
        histogram: &mut Histogram,
    ) -> Option<Turn> {
        let turn = self.meter.turn(reading)?;
        histogram.record(turn.busy as f64 / 1e6);
        if turn.busy >= threshold {
            self.blocked += 1;
            return Some(turn);
        }
        None
    }

    /// The turns so far.
    #[must_use]
    pub const fn meter(&self) -> &TurnMeter {
        &self.meter
    }

    /// Number of turns that reached the threshold.
    #[must_use]
    pub const fn blocked(&self) -> u64 {
        self.blocked
    }
}

/// An empty lag histogram.
///
/// # Errors
/// Never with these constant bounds; the type says so because the constructor is shared.
pub fn lag_histogram() -> Result<Histogram, HistogramError> {
    Histogram::new(LAG_BOUNDS)
}
