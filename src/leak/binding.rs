//! The class behind `LeakDetector` in JavaScript.

#![expect(
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    reason = "JavaScript knows no must_use; napi hands over owned arguments"
)]

use napi_derive::napi;

use super::{
    core::{Assessment, Config, Detector, Dimension},
    experiment::{Decision, Finding, judge},
    hysteresis::State,
};
use crate::{clock::core::now_ns, process::sampler};

/// Settings, validated by JavaScript; see `Config` in `core.rs`.
#[napi(object, object_to_js = false)]
pub struct LeakConfig {
    /// Confidence of test and interval.
    pub confidence: f64,
    /// Milliseconds not looked at.
    pub warmup: f64,
    /// Milliseconds that one of the three windows spans.
    pub window: f64,
    /// Points that the three windows together must hold.
    pub min_points: u32,
    /// Growth in bytes per hour that is not yet a leak.
    pub floor: f64,
    /// Evaluations in a row that decide.
    pub confirmations: u32,
}

/// The finding for one dimension.
#[napi(object, object_from_js = false)]
pub struct LeakDimension {
    /// `short`, `flat`, `step`, `saturating`, `load` or `rising`.
    pub growth: &'static str,
    /// Points looked at.
    pub points: u32,
    /// Milliseconds that they span.
    pub span: f64,
    /// Newest value in bytes.
    pub current: f64,
    /// Theil-Sen slope in bytes per hour; 0 when too short.
    pub growth_per_hour: f64,
    /// Lower end of the slope's confidence interval, bytes per hour.
    pub growth_per_hour_low: f64,
    /// Upper end of it.
    pub growth_per_hour_high: f64,
    /// Work (of the unit that was pushed) per hour; NaN when not known.
    pub work_per_hour: f64,
    /// One-sided p-value of the corrected Mann-Kendall test; 1 when too short.
    pub p_value: f64,
    /// Points per independent point (Hamed and Rao's n/n*); 1 without autocorrelation.
    pub variance_factor: f64,
}

impl From<&Assessment> for LeakDimension {
    fn from(assessment: &Assessment) -> Self {
        let per_hour = |slope: f64| slope * 3600.0;
        let trend = assessment.trend;
        Self {
            growth: assessment.growth.name(),
            points: u32::try_from(assessment.points).unwrap_or(u32::MAX),
            span: assessment.span * 1e3,
            current: assessment.current,
            growth_per_hour: trend.map_or(0.0, |trend| per_hour(trend.slope)),
            growth_per_hour_low: trend.map_or(0.0, |trend| per_hour(trend.slope_low)),
            growth_per_hour_high: trend.map_or(0.0, |trend| per_hour(trend.slope_high)),
            work_per_hour: per_hour(assessment.work_rate),
            p_value: trend.map_or(1.0, |trend| trend.p_rising),
            variance_factor: trend.map_or(1.0, |trend| trend.variance_factor),
        }
    }
}

/// The verdict of one detector.
#[napi]
pub struct LeakVerdict {
    detector: Detector,
    /// Number of the last memory sample taken over.
    seen: u64,
    /// Memory samples before this moment (nanoseconds) are somebody else's history.
    since: u64,
}

#[napi]
impl LeakVerdict {
    /// A verdict without data.
    #[napi(constructor, catch_unwind)]
    pub fn new(config: LeakConfig) -> Self {
        let config = Config {
            confidence: config.confidence,
            warmup: config.warmup / 1e3,
            window: config.window / 1e3,
            min_points: config.min_points as usize,
            floor: config.floor,
            confirmations: config.confirmations,
        };
        Self { detector: Detector::new(config), seen: 0, since: now_ns() }
    }

    /// The warm-up begins, unless it has begun.
    #[napi(catch_unwind)]
    pub fn begin(&mut self) {
        self.detector.begin(now_ns() as f64 / 1e9);
    }

    /// Adds an observation made `age` milliseconds ago: heap, external and array-buffer bytes, and the work done until
    /// then, in a unit that the caller keeps to.
    #[napi(catch_unwind)]
    pub fn push(&mut self, age: f64, heap: f64, external: f64, array_buffers: f64, work: f64) {
        let at = now_ns() as f64 / 1e9 - age / 1e3;
        let values = [heap, external, array_buffers];
        for (dimension, bytes) in Dimension::ALL.into_iter().zip(values) {
            self.detector.push(dimension, at, bytes, work);
        }
    }

    /// Takes over new samples of the resident set and evaluates; for `hold` see `Detector::evaluate`. Returns `warming`,
    /// `steady`, `suspect` or `leak`.
    #[napi(catch_unwind)]
    pub fn evaluate(&mut self, hold: bool) -> &'static str {
        for sample in sampler::samples_after(self.seen) {
            self.seen = sample.number;
            if sample.at >= self.since {
                // Mapped files come and go with the system's needs; they are not what leaks.
                let bytes = sample.anonymous.unwrap_or(sample.rss) as f64;
                let at = sample.at as f64 / 1e9;
                self.detector.push(Dimension::ResidentSet, at, bytes, f64::NAN);
            }
        }
        self.detector.evaluate(hold).name()
    }

    /// `warming`, `steady`, `suspect` or `leak`, as of the last evaluation.
    #[napi(catch_unwind)]
    pub const fn state(&self) -> &'static str {
        State::name(self.detector.state())
    }

    /// The findings of the last evaluation: heap, external, array buffers, resident set.
    #[napi(catch_unwind)]
    pub fn dimensions(&self) -> Vec<LeakDimension> {
        self.detector.assessments().iter().map(LeakDimension::from).collect()
    }

    /// Forgets data and state.
    #[napi(catch_unwind)]
    pub fn reset(&mut self) {
        self.detector.reset();
        self.since = now_ns();
    }
}

/// What the rounds of an experiment say.
#[napi(object, object_from_js = false)]
pub struct ExperimentFinding {
    /// `undecided`, `clean` or `leaks`.
    pub decision: &'static str,
    /// Growth in bytes for each operation; 0 before the first look.
    pub growth: f64,
    /// Lower end of its confidence interval.
    pub growth_low: f64,
    /// Upper end of it.
    pub growth_high: f64,
    /// One-sided p-value of the trend; 1 before the first look.
    pub p_value: f64,
}

impl From<Finding> for ExperimentFinding {
    fn from(Finding { decision, trend }: Finding) -> Self {
        Self {
            decision: match decision {
                Decision::Undecided => "undecided",
                Decision::Clean => "clean",
                Decision::Leaks => "leaks",
            },
            growth: trend.map_or(0.0, |trend| trend.slope),
            growth_low: trend.map_or(0.0, |trend| trend.slope_low),
            growth_high: trend.map_or(0.0, |trend| trend.slope_high),
            p_value: trend.map_or(1.0, |trend| trend.p_rising),
        }
    }
}

/// Looks at the live bytes after each round of `operations`; see `experiment::judge`.
#[napi(catch_unwind)]
pub fn judge_experiment(
    live: Vec<f64>,
    operations: f64,
    confidence: f64,
    looks: u32,
    allowed: f64,
) -> ExperimentFinding {
    judge(&live, operations, confidence, looks as usize, allowed).into()
}
