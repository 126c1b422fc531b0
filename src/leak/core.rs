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
//! late is seen and a warm-up is outgrown; the newest of them must not contradict that the rise goes on. One rising evaluation makes a
//! suspect; several in a row, each with new data, over at least half a window more, a leak; as many without take it
//! back.

use super::{
    fit::{Sums, median, medians_of_thirds},
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
    /// When the current run of others began, seconds.
    calm_since: f64,
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
};

impl Detector {
    /// A detector without data.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            series: std::array::from_fn(|_| Series::new(RECENT_WINDOWS * config.window)),
            start: None,
            state: State::Warming,
            fresh: false,
            rising_run: 0,
            calm_run: 0,
            rising_since: 0.0,
            calm_since: 0.0,
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
            return self.state;
        }
        self.fresh = false;
        for (assessment, series) in self.assessments.iter_mut().zip(&self.series) {
            *assessment = assess(series, &self.config);
        }
        let [heap, external, buffers, resident] = &self.assessments;
        let owned = [heap, external, buffers];
        if owned.iter().all(|assessment| assessment.growth == Growth::TooShort) {
            return self.state;
        }
        let rises = owned.iter().any(|assessment| assessment.growth == Growth::Rising);
        if rises {
            if self.rising_run == 0 {
                self.rising_since = self.newest;
            }
            self.rising_run += 1;
            self.calm_run = 0;
        } else {
            if self.calm_run == 0 {
                self.calm_since = self.newest;
            }
            self.calm_run += 1;
            // One that does not rise, among many that do, is chance: a curve fits by luck.
            if self.calm_run >= 2 {
                self.rising_run = 0;
            }
        }
        let needed = self.config.confirmations;
        // Evaluations in quick succession share nearly all their data: time has to pass as well.
        let lasted = |since: f64| self.newest - since >= self.config.window / 2.0;
        let outside =
            [external, buffers].iter().any(|assessment| assessment.growth == Growth::Rising);
        let confirmed =
            rises && self.rising_run >= needed && lasted(self.rising_since) && (outside || !hold);
        let calm = self.calm_run >= needed && lasted(self.calm_since);
        self.state = match self.state {
            _ if confirmed => State::Leak,
            State::Leak if !calm => State::Leak,
            _ if rises => State::Suspect,
            State::Suspect if !calm => State::Suspect,
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
    let mut newest = (Growth::TooShort, None);
    for stretch in stretches {
        let (growth, found) = judge(stretch, config);
        let rate = work(stretch).map_or(f64::NAN, |work| work / span(stretch));
        newest = (growth, found.map(|found| (found, rate)));
        let better = match assessment.growth {
            Growth::Rising => false,
            Growth::TooShort => true,
            _ => growth == Growth::Rising,
        };
        if better {
            (assessment.growth, assessment.trend, assessment.work_rate) = (growth, found, rate);
        }
    }
    if let (Growth::Rising, Some(found), (growth, Some((now, rate)))) =
        (assessment.growth, assessment.trend, newest)
    {
        // What rose once but does so no more is history.
        let has_ended = matches!(growth, Growth::Saturating | Growth::Step);
        if has_ended || contradicts(now.slope_high, rate, found.slope, assessment.work_rate) {
            assessment.growth = if growth == Growth::Rising { Growth::Saturating } else { growth };
        }
    }
    assessment
}

/// Whether the newest slope is too small for what was found: for each unit of work where that is known, since a service that
/// does less leaks less.
fn contradicts(now: f64, now_rate: f64, found: f64, found_rate: f64) -> bool {
    let scale = if now_rate > 0.0 && found_rate > 0.0 { found_rate / now_rate } else { 1.0 };
    now * scale < CONTRADICTION * found
}

/// The work done over a stretch; `None` when that is not known, or nothing.
fn work(points: &[Point]) -> Option<f64> {
    let (first, last) = (points.first()?, points.last()?);
    let done = last.work - first.work;
    (done > 0.0 && done.is_finite()).then_some(done)
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
