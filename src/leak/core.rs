//! From series to a verdict.
//!
//! A dimension (heap, external memory, array buffers, resident set) *rises* when, over a stretch of its series that
//! holds three disjoint windows,
//! 1. the Mann-Kendall test, corrected for autocorrelation, finds a trend;
//! 2. the lower end of the Theil-Sen slope's confidence interval lies above a floor;
//! 3. the rise stands out of the scatter about it, and is more than a runtime keeps of its own: slow noise makes trends as
//!    well, but small ones;
//! 4. it rose from the first window to the second to the third, and the last rise is not much smaller;
//! 5. neither a step nor a curve that flattens out describes it better than a line ([`shape`]).
//!
//! Where the work done is known (bytes allocated, requests), all this is over work instead of time, so quiet hours do
//! not bend a line, and what only follows the load is taken out first ([`load`](super::load)).
//!
//! Stretches are the whole past, its last half and its last quarter, and the newest windows, so that a leak which begins
//! late is seen and a warm-up is outgrown; the newest of them must not contradict that the rise goes on, and since the suspicion it
//! must have done so by a share of what it predicts. What comes of several evaluations says [`hysteresis`](super::hysteresis).

use std::ops::Range;

use super::{
    fit::{Sums, median, medians_of_thirds},
    hysteresis::{Bounds, Evidence, Hysteresis, Moment, State},
    load::{Adjusted, adjust, is_outgrown_by_load},
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
    /// Evaluations in a row that decide; see [`hysteresis`](super::hysteresis). >= 1.
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
    /// It rose with the load.
    Load,
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
            Self::Load => "load",
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
    /// The trend (bytes per second) over the stretch that decided; `None` when too short. Where work is known, a second
    /// is one of average work.
    pub trend: Option<Trend>,
    /// Work per second over that stretch; NaN when not known.
    pub work_rate: f64,
    /// What the newest stretch says.
    newest: Option<Newest>,
}

/// What the newest stretch says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Newest {
    growth: Growth,
    /// Upper end of its slope, bytes per second.
    slope_high: f64,
    /// Work per second; NaN when not known.
    rate: f64,
}

impl Newest {
    /// Whether it contradicts that a rise, found at some rate of work, goes on. The slope is compared for each unit of work where
    /// that is known, since a service that does less leaks less.
    fn contradicts(&self, rise: Rise) -> bool {
        matches!(self.growth, Growth::Saturating | Growth::Step)
            || self.slope_high < CONTRADICTION * rise.at(self.rate)
    }
}

/// A slope in bytes per second, and the work per second while it was measured.
#[derive(Clone, Copy, Debug)]
struct Rise {
    slope: f64,
    rate: f64,
}

impl Rise {
    /// The slope that it makes at another rate of work, where both are known.
    fn at(self, rate: f64) -> f64 {
        let is_known = rate > 0.0 && self.rate > 0.0;
        if is_known { self.slope * rate / self.rate } else { self.slope }
    }
}

impl Assessment {
    /// The rise that was found.
    fn rise(&self) -> Option<Rise> {
        let trend = self.trend.filter(|_| self.growth == Growth::Rising)?;
        Some(Rise { slope: trend.slope, rate: self.work_rate })
    }
}

/// A detector: four series and a state.
#[derive(Debug)]
pub struct Detector {
    config: Config,
    series: [Series; 4],
    start: Option<f64>,
    hysteresis: Hysteresis,
    fresh: bool,
    /// What made the leak, by dimension.
    rises: [Option<Rise>; 4],
    newest: f64,
    assessments: [Assessment; 4],
}

const NOTHING: Assessment = Assessment {
    growth: Growth::TooShort,
    points: 0,
    span: 0.0,
    current: 0.0,
    trend: None,
    work_rate: f64::NAN,
    newest: None,
};

impl Detector {
    /// A detector without data.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            series: std::array::from_fn(|_| Series::new(RECENT_WINDOWS * config.window)),
            start: None,
            hysteresis: Hysteresis::default(),
            fresh: false,
            rises: [None; 4],
            newest: 0.0,
            assessments: [NOTHING; 4],
        }
    }

    /// The warm-up begins, unless it has begun.
    pub fn begin(&mut self, at: f64) {
        self.start.get_or_insert(at);
    }

    /// Adds an observation: seconds, bytes, and the work done until then (NaN when not known).
    pub fn push(&mut self, dimension: Dimension, at: f64, bytes: f64, work: f64) {
        self.begin(at);
        if self.start.is_some_and(|start| at < start + self.config.warmup) {
            return;
        }
        let taken = self
            .series
            .get_mut(dimension as usize)
            .is_some_and(|series| series.push(at, bytes, work));
        // The verdict follows collections; the resident set, sampled by the clock, must not count as news.
        if taken && dimension != Dimension::ResidentSet {
            self.fresh = true;
            self.newest = at;
        }
    }

    /// Looks at everything again if there is new data, and moves the state by one evaluation at most. `hold` says that the
    /// heap's objects were looked at and none of them grow in number: a rise of the heap alone stays a suspicion then.
    pub fn evaluate(&mut self, hold: bool) -> State {
        if !self.fresh {
            return self.state();
        }
        self.fresh = false;
        for (assessment, series) in self.assessments.iter_mut().zip(&self.series) {
            *assessment = assess(series, &self.config);
        }
        let [heap, external, buffers, resident] =
            self.assessments.map(|assessment| assessment.growth);
        if [heap, external, buffers].iter().all(|growth| *growth == Growth::TooShort) {
            return self.state();
        }
        let outside = [external, buffers].contains(&Growth::Rising);
        let [heap_goes_on, outside_goes_on @ ..] = self.go_on();
        let evidence = match heap {
            _ if outside_goes_on.contains(&true) => Evidence::Rising,
            Growth::Rising if heap_goes_on && !hold => Evidence::Rising,
            Growth::Rising => Evidence::Held,
            _ if outside => Evidence::Held,
            _ if self.has_ended() => Evidence::Ended,
            _ => Evidence::Calm,
        };
        let Config { confirmations, window, .. } = self.config;
        let (work, pace) = self.work_and_pace();
        let now = Moment { at: self.newest, work };
        let recent = RECENT_WINDOWS * window;
        let bounds = Bounds { evaluations: confirmations, window, recent, pace };
        let resident_rises = resident == Growth::Rising;
        let state = self.hysteresis.take(now, evidence, resident_rises, &bounds);
        self.keep_rises(state == State::Leak);
        state
    }

    /// Whether heap, external memory and array buffers have gone on rising since the suspicion began. What was seen before made
    /// the suspicion, perhaps by chance; it cannot confirm itself.
    fn go_on(&self) -> [bool; 3] {
        let since = self.hysteresis.rising_since();
        let dimension = |at: usize| {
            let rise = self.assessments.get(at)?.rise()?;
            Some(goes_on(self.series.get(at)?.recent(), rise, since?, self.config.window))
        };
        [0, 1, 2].map(|at| dimension(at).unwrap_or(false))
    }

    /// Remembers what made the leak: each dimension as it rose last.
    fn keep_rises(&mut self, is_leak: bool) {
        let [owned @ .., _resident] = &mut self.rises;
        for (rise, assessment) in owned.iter_mut().zip(&self.assessments) {
            *rise = assessment.rise().or(*rise).filter(|_| is_leak);
        }
    }

    /// Whether the newest data contradict all that made the leak; nothing did where there is none.
    fn has_ended(&self) -> bool {
        let goes_on = |(rise, assessment): (&Option<Rise>, &Assessment)| {
            rise.is_some_and(|rise| {
                !assessment.newest.is_some_and(|newest| newest.contradicts(rise))
            })
        };
        !self.rises.iter().zip(&self.assessments).any(goes_on)
    }

    /// The work done so far, and the seconds that a unit of it takes: the median, since an hour of import is no measure of the
    /// days after it, nor a night. NaN while not known.
    fn work_and_pace(&self) -> (f64, f64) {
        let of_series = |series: &Series| {
            let loads = series.whole().iter().map(|point| point.load);
            let known: Vec<f64> = loads.filter(|load| load.is_finite()).collect();
            let load = (!known.is_empty()).then(|| median(known)).filter(|load| *load > 0.0)?;
            Some((series.last()?.work, 1.0 / load))
        };
        self.series.iter().find_map(of_series).unwrap_or((f64::NAN, f64::NAN))
    }

    /// The state of the last evaluation.
    #[must_use]
    pub const fn state(&self) -> State {
        self.hysteresis.state()
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
/// Windows that the newest stretch covers: enough to be judged, with some to spare.
const RECENT_WINDOWS: f64 = 4.5;
/// Smallest slope from the second window to the third, relative to that from the first to the second.
const PERSISTENCE: f64 = 0.3;
/// Smallest rise over a stretch, in standard deviations of the scatter about the line. Chance trends of 36 points of
/// slow noise (AR(1), 0.6) reach 3; a real leak grows past any number.
const PROMINENCE: f64 = 4.0;
/// Smallest rise over a stretch, in bytes: the runtime itself keeps more and more for minutes (compiled code, feedback, hidden
/// classes), some hundred kilobytes in all.
const LEAST_RISE: f64 = 256.0 * 1024.0;
/// The same, in standard errors of the rise over a stretch of that many independent points: slower noise has fewer.
const PROMINENCE_ERRORS: f64 = 5.0;
/// The newest stretch contradicts a rise when its slope is, at most, this share of it.
const CONTRADICTION: f64 = 0.5;

/// Smallest rise since the suspicion began, as a share of what it predicts.
const GOES_ON: f64 = 0.5;
/// Fewest points of which a median says something.
const FEWEST: usize = 3;

/// Evaluates one series.
fn assess(series: &Series, config: &Config) -> Assessment {
    let mut assessment = Assessment {
        points: series.taken(),
        span: series.span(),
        current: series.last().map_or(0.0, |point| point.bytes),
        ..NOTHING
    };
    let whole = series.whole();
    let tail = |share: usize| whole.get(whole.len() - whole.len() / share..).unwrap_or(whole);
    let eligible = |stretch: &&[Point]| {
        stretch.len() >= config.min_points && span(stretch) >= config.window * WINDOWS as f64
    };
    let mut stretches: Vec<&[Point]> =
        [whole, tail(2), tail(4), series.recent()].into_iter().filter(eligible).collect();
    // Longest stretch first: it has the most evidence, so its trend is the one to report if several rise.
    let began = |stretch: &&[Point]| stretch.first().map_or(0.0, |point| point.at);
    stretches.sort_by(|a, b| began(a).total_cmp(&began(b)));
    for stretch in stretches {
        let (growth, found) = judge(stretch, config);
        let rate = work_rate(stretch);
        assessment.newest =
            found.map(|found| Newest { growth, slope_high: found.slope_high, rate });
        let better = match assessment.growth {
            Growth::Rising => false,
            Growth::TooShort => true,
            _ => growth == Growth::Rising,
        };
        if better {
            (assessment.growth, assessment.trend, assessment.work_rate) = (growth, found, rate);
        }
    }
    if let (Some(rise), Some(newest)) = (assessment.rise(), assessment.newest)
        && newest.contradicts(rise)
    {
        // What rose once but does so no more is history.
        assessment.growth = match newest.growth {
            Growth::Rising => Growth::Saturating,
            other => other,
        };
    }
    assessment
}

/// Whether points have risen since some moment by at least a share of what a rise predicts for the time since: the median of the
/// newest half of a window beside that of the window before the moment, carried on to it by the rise.
fn goes_on(points: &[Point], rise: Rise, since: f64, window: f64) -> bool {
    let (Some(oldest), Some(newest)) = (points.first(), points.last()) else { return false };
    // A suspicion may be older than the points.
    let since = since.max(oldest.at + window);
    let place = |from: f64| points.partition_point(|point| point.at <= from);
    let split = place(since);
    let fewest_after = points.len().saturating_sub(FEWEST);
    let before = place(since - window).min(split.saturating_sub(FEWEST))..split;
    let after = place(newest.at - window / 2.0).min(fewest_after).max(split)..points.len();
    if before.len() < FEWEST || after.len() < FEWEST {
        return false;
    }
    let x = abscissae(points);
    let y = adjust(&x, points, window).bytes;
    let slope = rise.at(work_rate(points));
    let middle = |values: &[f64], range: &Range<usize>| {
        median(values.get(range.clone()).unwrap_or_default().to_vec())
    };
    let moment = x.get(split - 1).copied().unwrap_or_default();
    let expected = slope.mul_add(moment - middle(&x, &before), middle(&y, &before));
    middle(&y, &after) - expected >= GOES_ON * slope * (middle(&x, &after) - moment)
}

/// The work done over a stretch; `None` when that is not known, or nothing.
fn work(points: &[Point]) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    let done = last.work - first.work;
    (done > 0.0 && done.is_finite()).then_some(done)
}

/// Work per second over a stretch; NaN when not known.
fn work_rate(points: &[Point]) -> f64 {
    work(points).map_or(f64::NAN, |work| work / span(points))
}

/// Places of the points on a scale of seconds: by work, stretched to the time that it took, where that is known.
fn abscissae(points: &[Point]) -> Vec<f64> {
    let first = points.first().copied();
    match (work(points), first) {
        (Some(done), Some(first)) => {
            let seconds = span(points) / done;
            points.iter().map(|point| (point.work - first.work) * seconds).collect()
        }
        _ => points.iter().map(|point| point.at).collect(),
    }
}

/// Evaluates one stretch.
fn judge(points: &[Point], config: &Config) -> (Growth, Option<Trend>) {
    let x = abscissae(points);
    let Adjusted { bytes: y, follows_load } = adjust(&x, points, config.window);
    let Ok(found) = trend(&x, &y, config.confidence) else { return (Growth::TooShort, None) };
    let raw: Vec<f64> = points.iter().map(|point| point.bytes).collect();
    let significant = found.p_rising <= 1.0 - config.confidence
        && found.slope_low * 3600.0 > config.floor
        && found.slope * span(points) >= LEAST_RISE.max(prominence(&found) * scatter(&x, &y, &found))
        // Without the load it may rise, but if it does not with it, nothing fills up.
        && Sums::of(&x, &raw).slope() > 0.0;
    let growth = if significant {
        match (rises_throughout(&x, &y), shape(&x, &y)) {
            _ if follows_load || is_outgrown_by_load(&x, points, found.slope) => Growth::Load,
            (_, Shape::Step) => Growth::Step,
            (true, Shape::Line) => Growth::Rising,
            (true, Shape::Saturating) | (false, _) => Growth::Saturating,
        }
    } else {
        Growth::Flat
    };
    (growth, Some(found))
}

/// Smallest rise over a stretch, in standard deviations of the scatter.
fn prominence(found: &Trend) -> f64 {
    // Variance of a slope over n points evenly spread over a unit: 12 / n; of correlated ones, as much more.
    let error = (12.0 * found.variance_factor / found.n as f64).sqrt();
    PROMINENCE.max(PROMINENCE_ERRORS * error)
}

/// Robust standard deviation about the trend line: 1.4826 times the median absolute residual.
fn scatter(x: &[f64], y: &[f64], found: &Trend) -> f64 {
    let residual = |(x, y): (&f64, &f64)| found.slope.mul_add(-x, *y) - found.intercept;
    1.4826 * median(x.iter().zip(y).map(|pair| residual(pair).abs()).collect())
}

/// Whether the medians of the three windows of a stretch rise, the last slope not much less than before. The windows have as
/// many points each, so that none of them lies inside one burst of work.
fn rises_throughout(x: &[f64], y: &[f64]) -> bool {
    match (medians_of_thirds(x), medians_of_thirds(y)) {
        (Some([x1, x2, x3]), Some([y1, y2, y3])) => {
            let (before, last) = (y2 - y1, y3 - y2);
            before > 0.0 && last > 0.0 && last * (x2 - x1) >= PERSISTENCE * before * (x3 - x2)
        }
        _ => false,
    }
}
