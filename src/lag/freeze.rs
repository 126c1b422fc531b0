//! Times at which the whole process stood still: SIGSTOP, a paused machine.
//!
//! A thread that sleeps for a short time and wakes much later was not late by itself: nothing of the process ran. A turn
//! that was in progress meanwhile was not blocked by its code, so the time is taken off.

use std::collections::VecDeque;

/// Oversleeping that no scheduler causes, in nanoseconds. A throttled control group stands still for 100 ms at most (the
/// default of `cpu.cfs_period_us`), and that is lag which its users do feel.
pub const FREEZE: u64 = 250_000_000;
/// Freezes that are remembered; a turn in progress lies across few.
const KEPT: usize = 16;

/// What a periodically sleeping thread finds out.
#[derive(Debug)]
pub struct Freezes {
    intervals: VecDeque<(u64, u64)>,
    /// When the current sleep began and when it should end, nanoseconds; `None` while awake or asleep without limit.
    sleep: Option<(u64, u64)>,
}

impl Freezes {
    /// None so far.
    #[must_use]
    pub const fn new() -> Self {
        Self { intervals: VecDeque::new(), sleep: None }
    }

    /// The thread goes to sleep at `now`, until `until` if that is limited.
    pub fn sleeps(&mut self, now: u64, until: Option<u64>) {
        self.sleep = until.map(|until| (now, until));
    }

    /// The thread is awake again.
    pub fn woke(&mut self, now: u64) {
        if let Some((from, until)) = self.sleep.take()
            && now.saturating_sub(until) >= FREEZE
        {
            if self.intervals.len() == KEPT {
                self.intervals.pop_front();
            }
            self.intervals.push_back((from, now));
        }
    }

    /// Nanoseconds from `from` to `now` in which nothing ran. Who asks may have been woken before the thread that
    /// sleeps, so a sleep that should have ended long ago counts as well.
    ///
    /// When the process stopped is not known better than to one sleep; all of it counts: no turn is called blocked for
    /// something that its code did not do.
    #[must_use]
    pub fn between(&self, from: u64, now: u64) -> u64 {
        let overdue = self.sleep.filter(|(_, until)| now.saturating_sub(*until) >= FREEZE);
        self.intervals
            .iter()
            .copied()
            .chain(overdue.map(|(began, _)| (began, now)))
            .map(|(began, ended)| ended.min(now).saturating_sub(began.max(from)))
            .sum()
    }
}

impl Default for Freezes {
    fn default() -> Self {
        Self::new()
    }
}
