//! From series to a verdict.
//!
//! A dimension (heap, external memory, array buffers, resident set) *rises* when, over a stretch of its series that
//! holds three disjoint windows,
//! 1. the Mann-Kendall test, corrected for autocorrelation, finds a trend;
//! 2. the lower end of the Theil-Sen slope's confidence interval lies above a floor;
//! 3. the rise stands out of the scatter about it: slow noise makes trends as well, but small ones;
//! 4. it rose from the first window to the second to the third, and the last rise is not much smaller;
//! 5. neither a step nor a curve that flattens out describes it better than a line ([`shape`]).
//!
//! Stretches are the whole series, its last half and its last quarter, so that a leak which begins late is seen and a
//! warm-up is outgrown; the newest of them must not contradict that the rise goes on. One rising evaluation makes a
//! suspect; several in a row, each with new data, over at least half a window more, a leak; as many without take it
//! back.

use super::{
    series::{Point, Series, span},
    shape::{Shape, shape},
    trend::{Trend, trend},
};

/// Settings of a verdict.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// Confidence of test and interval; 0.5 to 0.9999.
    pub confidence: f64,
    /// Seconds after the beginning (or the first point, if nobody said when that was) that are not looked at.
    pub warmup: f64,
    /// Seconds that one window spans; three of them must rise one after the other. Longer than the program's own
    /// cycles (sweeps, batches), or these look like leaks.
    pub window: f64,
    /// Points that three windows together must hold. >= 6.
    pub min_points: usize,
    /// Growth per hour, in bytes, up to which a rise is not a leak. >= 0.
    pub floor: f64,
    /// Rising evaluations in a row that make a leak, and others that clear it. >= 1.
    pub confirmations: u32,
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// Objects in V8's heap after a major collection.
    Heap,
    /// Memory that V8 knows of outside its heap.
    External,
    /// Backing stores of array buffers.
    ArrayBuffers,
    /// The resident set.
    ResidentSet,
}

impl Dimension {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Heap, Self::External, Self::ArrayBuffers, Self::ResidentSet];
}

/// Why a dimension is or is not said to rise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// Too few points, or over too short a time.
    TooShort,
    /// No trend, or one below the floor.
    Flat,
    /// It rose, but in one step.
    Step,
    /// It rose, but is about to stop.
    Saturating,
    /// It rises.
    Rising,
}

impl Growth {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooShort => "short",
            Self::Flat => "flat",
            Self::Step => "step",
            Self::Saturating => "saturating",
            Self::Rising => "rising",
        }
    }
}

/// The evaluation of one dimension.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assessment {
    /// The finding.
    pub growth: Growth,
    /// Points after the warm-up.
    pub points: usize,
    /// Seconds that they span.
    pub span: f64,
    /// The newest value in bytes; 0 when there is none.
    pub current: f64,
    /// The trend (bytes per second) over the window that decided; `None` when too short.
    pub trend: Option<Trend>,
}

/// The state of a detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not enough data yet.
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

/// A detector: four series and a state.
#[derive(Debug)]
pub struct Detector {
    config: Config,
    series: [Series; 4],
    start: Option<f64>,
    state: State,
    fresh: bool,
    rising_run: u32,
    calm_run: u32,
    /// When the current run of rising evaluations began, seconds.
    rising_since: f64,
    newest: f64,
    assessments: [Assessment; 4],
}

const NOTHING: Assessment =
    Assessment { growth: Growth::TooShort, points: 0, span: 0.0, current: 0.0, trend: None };

impl Detector {
    /// A detector without data.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            series: Default::default(),
            start: None,
            state: State::Warming,
            fresh: false,
            rising_run: 0,
            calm_run: 0,
            rising_since: 0.0,
            newest: 0.0,
            assessments: [NOTHING; 4],
        }
    }

    /// The warm-up begins, unless it has begun.
    pub fn begin(&mut self, at: f64) {
        self.start.get_or_insert(at);
    }

    /// Adds an observation.
    pub fn push(&mut self, dimension: Dimension, point: Point) {
        self.begin(point.at);
        if self.start.is_some_and(|start| point.at < start + self.config.warmup) {
            return;
        }
        if let Some(series) = self.series.get_mut(dimension as usize) {
            series.push(point);
            // The verdict follows collections; the resident set, sampled by the clock, must not count as news.
            if dimension != Dimension::ResidentSet {
                self.fresh = true;
                self.newest = point.at;
            }
        }
    }

    /// Looks at everything again if there is new data, and moves the state by one evaluation at most.
    pub fn evaluate(&mut self) -> State {
        if !self.fresh {
            return self.state;
        }
        self.fresh = false;
        for (assessment, series) in self.assessments.iter_mut().zip(&self.series) {
            *assessment = assess(series.points(), &self.config);
        }
        let [heap, external, buffers, resident] = &self.assessments;
        let owned = [heap, external, buffers];
        if owned.iter().all(|assessment| assessment.growth == Growth::TooShort) {
            return self.state;
        }
        if owned.iter().any(|assessment| assessment.growth == Growth::Rising) {
            if self.rising_run == 0 {
                self.rising_since = self.newest;
            }
            self.rising_run += 1;
            self.calm_run = 0;
        } else {
            self.calm_run += 1;
            self.rising_run = 0;
        }
        let needed = self.config.confirmations;
        // Evaluations in quick succession share nearly all their data: time has to pass as well.
        let confirmed = self.rising_run >= needed
            && self.newest - self.rising_since >= self.config.window / 2.0;
        self.state = match self.state {
            _ if confirmed => State::Leak,
            State::Leak if self.calm_run < needed => State::Leak,
            _ if self.rising_run > 0 => State::Suspect,
            State::Suspect if self.calm_run < needed => State::Suspect,
            // Growth of the resident set alone may be fragmentation or native memory: worth a look, not a verdict.
            _ if resident.growth == Growth::Rising => State::Suspect,
            _ => State::Steady,
        };
        self.state
    }

    /// The state of the last evaluation.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The assessments of the last evaluation, by dimension.
    #[must_use]
    pub const fn assessments(&self) -> &[Assessment; 4] {
        &self.assessments
    }

    /// Forgets data and state.
    pub fn reset(&mut self) {
        *self = Self::new(self.config);
    }
}

/// Windows that must rise one after the other.
const WINDOWS: usize = 3;
/// Smallest rise from the second window to the third, relative to that from the first to the second.
const PERSISTENCE: f64 = 0.3;
/// Smallest rise over a stretch, in standard deviations of the scatter about the line. Chance trends of 36 points of
/// slow noise (AR(1), 0.6) reach 3; a real leak grows past any number.
const PROMINENCE: f64 = 4.0;
/// The newest stretch contradicts a rise when its slope is, at most, this share of it.
const CONTRADICTION: f64 = 0.5;

/// Evaluates one series.
fn assess(points: &[Point], config: &Config) -> Assessment {
    let mut assessment = Assessment {
        growth: Growth::TooShort,
        points: points.len(),
        span: span(points),
        current: points.last().map_or(0.0, |point| point.bytes),
        trend: None,
    };
    let eligible = |stretch: &&[Point]| {
        stretch.len() >= config.min_points && span(stretch) >= config.window * WINDOWS as f64
    };
    let tail = |share: usize| points.get(points.len() - points.len() / share..).unwrap_or(points);
    let mut newest = (Growth::TooShort, None);
    // Longest stretch first: it has the most evidence, so its trend is the one to report if several rise.
    for stretch in [points, tail(2), tail(4)].into_iter().filter(eligible) {
        newest = judge(stretch, config);
        let better = match assessment.growth {
            Growth::Rising => false,
            Growth::TooShort => true,
            _ => newest.0 == Growth::Rising,
        };
        if better {
            (assessment.growth, assessment.trend) = newest;
        }
    }
    let contradicted = |found: Trend, now: Trend| now.slope_high < CONTRADICTION * found.slope;
    if let (Growth::Rising, Some(found), (growth, Some(now))) =
        (assessment.growth, assessment.trend, newest)
        && contradicted(found, now)
    {
        // What rose once but does so no more is history.
        assessment.growth = if growth == Growth::Rising { Growth::Saturating } else { growth };
    }
    assessment
}

/// Evaluates one stretch.
fn judge(points: &[Point], config: &Config) -> (Growth, Option<Trend>) {
    let x: Vec<f64> = points.iter().map(|point| point.at).collect();
    let y: Vec<f64> = points.iter().map(|point| point.bytes).collect();
    let Ok(found) = trend(&x, &y, config.confidence) else { return (Growth::TooShort, None) };
    let significant = found.p_rising <= 1.0 - config.confidence
        && found.slope_low * 3600.0 > config.floor
        && found.slope * span(points) >= PROMINENCE * scatter(points, &found);
    let growth = if significant {
        match (rises_throughout(points), shape(points)) {
            (_, Shape::Step) => Growth::Step,
            (true, Shape::Line) => Growth::Rising,
            (true, Shape::Saturating) | (false, _) => Growth::Saturating,
        }
    } else {
        Growth::Flat
    };
    (growth, Some(found))
}

/// Robust standard deviation about the trend line: 1.4826 times the median absolute residual.
fn scatter(points: &[Point], found: &Trend) -> f64 {
    let residual = |point: &Point| found.slope.mul_add(-point.at, point.bytes) - found.intercept;
    1.4826 * median(points.iter().map(|point| residual(point).abs()).collect())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// Whether the medians of the three windows of a stretch rise, the last one not much less than before.
fn rises_throughout(points: &[Point]) -> bool {
    let per_window = points.len().div_ceil(WINDOWS).max(1);
    let medians: Vec<f64> = points
        .chunks(per_window)
        .map(|window| median(window.iter().map(|point| point.bytes).collect()))
        .collect();
    match medians.as_slice() {
        [first, second, third] => {
            let (before, last) = (second - first, third - second);
            before > 0.0 && last > 0.0 && last >= PERSISTENCE * before
        }
        _ => false,
    }
}
