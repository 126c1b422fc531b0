//! From evaluations to a state, which must not flicker.
//!
//! One evaluation in which something rises makes a suspicion; several in a row, each with new data, over half a window more, a
//! leak. As many without a rise take a suspicion back. A leak asks for more: that nothing rises for a whole window while the newest
//! data contradict that it goes on, or, where they are too noisy to say so, for as long as these data reach back.
//!
//! What makes a leak, and what takes it back, must last in time and in work: while nothing is done, nothing is learnt.

/// The state of a detector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Not enough data yet.
    #[default]
    Warming,
    /// No leak.
    Steady,
    /// Something rises, but not yet often enough.
    Suspect,
    /// A leak.
    Leak,
}

impl State {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warming => "warming",
            Self::Steady => "steady",
            Self::Suspect => "suspect",
            Self::Leak => "leak",
        }
    }
}

/// When an evaluation was made.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Seconds.
    pub at: f64,
    /// The work done until then; NaN while not known.
    pub work: f64,
}

/// What decides.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Evaluations in a row.
    pub evaluations: u32,
    /// Seconds that a window spans.
    pub window: f64,
    /// Seconds that the newest data reach back.
    pub recent: f64,
    /// Seconds that a unit of work takes; NaN while not known.
    pub pace: f64,
}

/// What one evaluation found of heap, external memory and array buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// One of them rises.
    Rising,
    /// The same, but that may not make a leak yet. It counts for how long there was a rise, not for how often.
    Held,
    /// None of them rises.
    Calm,
    /// And the newest data contradict that what made the leak goes on.
    Ended,
}

/// Evaluations in a row that say the same.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    count: u32,
    begun: Option<Moment>,
}

impl Run {
    fn extend(&mut self, now: Moment) {
        self.begun.get_or_insert(now);
        self.count += 1;
    }

    /// Whether it has lasted as many seconds.
    fn lasts(&self, seconds: f64, now: Moment) -> bool {
        self.begun.is_some_and(|begun| now.at - begun.at >= seconds)
    }

    /// The same, of work as well.
    fn lasts_in_work(&self, seconds: f64, now: Moment, pace: f64) -> bool {
        // What is not known is no reason to wait.
        let is_short = |begun: Moment| (now.work - begun.work) * pace < seconds;
        self.lasts(seconds, now) && !self.begun.is_some_and(is_short)
    }
}

/// A state and what keeps it there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hysteresis {
    state: State,
    rising: Run,
    /// Those of a rise that were not held.
    free: Run,
    calm: Run,
    ended: Run,
}

impl Hysteresis {
    /// The state as of the last evaluation.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// When the current run of rises began, seconds.
    #[must_use]
    pub fn rising_since(&self) -> Option<f64> {
        self.rising.begun.map(|begun| begun.at)
    }

    /// Takes an evaluation; `resident_rises` says whether the resident set does, alone or not.
    pub fn take(
        &mut self,
        now: Moment,
        evidence: Evidence,
        resident_rises: bool,
        bounds: &Bounds,
    ) -> State {
        let rises = matches!(evidence, Evidence::Rising | Evidence::Held);
        if rises {
            self.rising.extend(now);
            self.calm = Run::default();
        } else {
            self.calm.extend(now);
            // One that does not rise, among many that do, is chance: a curve fits by luck.
            if self.calm.count >= 2 {
                self.rising = Run::default();
                self.free = Run::default();
            }
        }
        match evidence {
            Evidence::Rising => self.free.extend(now),
            Evidence::Held => self.free = Run::default(),
            Evidence::Calm | Evidence::Ended => {}
        }
        if evidence == Evidence::Ended {
            self.ended.extend(now);
        } else {
            self.ended = Run::default();
        }
        let Bounds { evaluations, window, recent, pace } = *bounds;
        let confirmed = evidence == Evidence::Rising
            && self.free.count >= evaluations
            && self.rising.lasts_in_work(window / 2.0, now, pace);
        let is_calm = self.calm.count >= evaluations && self.calm.lasts(window / 2.0, now);
        let is_over = self.calm.count >= evaluations
            && (self.ended.lasts_in_work(window, now, pace)
                || self.calm.lasts_in_work(recent, now, pace));
        self.state = match self.state {
            _ if confirmed => State::Leak,
            State::Leak if !is_over => State::Leak,
            _ if rises => State::Suspect,
            State::Suspect if !is_calm => State::Suspect,
            // Growth of the resident set alone may be fragmentation or native memory: worth a look, not a verdict.
            _ if resident_rises => State::Suspect,
            _ => State::Steady,
        };
        self.state
    }
}

#[cfg(test)]
#[path = "hysteresis_tests.rs"]
mod tests;
