//! The class behind `Histogram` in JavaScript.

#![expect(
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    clippy::needless_pass_by_value,
    reason = "index.d.ts documents the errors; JavaScript knows no must_use; napi hands over owned arguments"
)]

use std::sync::Arc;

use napi::bindgen_prelude::{Buffer, Float64Array};
use napi_derive::napi;
use parking_lot::Mutex;

use super::core::{Bounds, Histogram, HistogramError};
use crate::error::{CodedError, ErrorCode, coded};

/// A histogram that other native parts (the loop probe) may write into. The lock is uncontended on the JS thread.
pub type SharedHistogram = Arc<Mutex<Histogram>>;

impl From<HistogramError> for CodedError {
    fn from(error: HistogramError) -> Self {
        let code = match error {
            HistogramError::Range | HistogramError::Figures => ErrorCode::HistogramRange,
            HistogramError::Mismatch => ErrorCode::HistogramMerge,
            HistogramError::Broken(_) => ErrorCode::HistogramDecode,
        };
        coded(code, error)
    }
}

/// See `Summary` in `core.rs`.
#[napi(object, object_from_js = false)]
pub struct HistogramSummary {
    /// Number of values.
    pub count: f64,
    /// Exact sum.
    pub sum: f64,
    /// Exact smallest value; 0 when empty.
    pub min: f64,
    /// Exact largest value; 0 when empty.
    pub max: f64,
    /// Mean; 0 when empty.
    pub mean: f64,
    /// Standard deviation; 0 when empty.
    pub stddev: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 95th percentile.
    pub p95: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p999: f64,
}

/// The class behind `Histogram` in JavaScript.
#[napi]
pub struct NativeHistogram {
    shared: SharedHistogram,
}

impl NativeHistogram {
    /// A view of a histogram that somebody else writes into.
    pub const fn view(shared: SharedHistogram) -> Self {
        Self { shared }
    }
}

#[napi]
#[expect(
    clippy::use_self,
    reason = "napi repeats argument types in functions, where there is no Self"
)]
impl NativeHistogram {
    /// An empty histogram.
    #[napi(constructor, catch_unwind)]
    pub fn new(lowest: f64, highest: f64, figures: u8) -> Result<Self, CodedError> {
        let histogram = Histogram::new(Bounds { lowest, highest, figures })?;
        Ok(Self::view(Arc::new(Mutex::new(histogram))))
    }

    /// Counts one value.
    #[napi(catch_unwind)]
    pub fn record(&self, value: f64) {
        self.shared.lock().record(value);
    }

    /// Counts the first `count` values of an array: one call for many values.
    #[napi(catch_unwind)]
    pub fn record_many(&self, values: Float64Array, count: u32) {
        let mut histogram = self.shared.lock();
        for value in values.iter().take(count as usize) {
            histogram.record(*value);
        }
    }

    /// The value at or below which this percentage of the values lies.
    #[napi(catch_unwind)]
    pub fn percentile(&self, percentile: f64) -> f64 {
        self.shared.lock().percentile(percentile)
    }

    /// All figures at once.
    #[napi(catch_unwind)]
    pub fn summary(&self) -> HistogramSummary {
        let summary = self.shared.lock().summary();
        HistogramSummary {
            count: summary.count as f64,
            sum: summary.sum,
            min: summary.min,
            max: summary.max,
            mean: summary.mean,
            stddev: summary.stddev,
            p50: summary.p50,
            p90: summary.p90,
            p95: summary.p95,
            p99: summary.p99,
            p999: summary.p999,
        }
    }

    /// For each bound the number of values at or below it.
    #[napi(catch_unwind)]
    pub fn counts_at_or_below(&self, bounds: Vec<f64>) -> Vec<f64> {
        let counts = self.shared.lock().counts_at_or_below(&bounds);
        counts.into_iter().map(|count| count as f64).collect()
    }

    /// What arrivals wait at random moments, one per `tick`: see the core.
    #[napi(catch_unwind)]
    pub fn waits(&self, free: f64, tick: f64) -> NativeHistogram {
        let copy = self.shared.lock().clone();
        Self::view(Arc::new(Mutex::new(copy.waits(free, tick))))
    }

    /// Adds the other histogram's values.
    #[napi(catch_unwind)]
    pub fn merge(&self, other: &NativeHistogram) -> Result<(), CodedError> {
        // A copy, because both may be views of one histogram, whose lock cannot be taken twice.
        let other = other.shared.lock().clone();
        Ok(self.shared.lock().merge(&other)?)
    }

    /// A copy as of now.
    #[napi(catch_unwind)]
    pub fn snapshot(&self) -> NativeHistogram {
        let copy = self.shared.lock().clone();
        Self::view(Arc::new(Mutex::new(copy)))
    }

    /// The values recorded since `earlier`, a snapshot of this histogram.
    #[napi(catch_unwind)]
    pub fn since(&self, earlier: &NativeHistogram) -> Result<NativeHistogram, CodedError> {
        // A copy, because both may be views of one histogram, whose lock cannot be taken twice.
        let earlier = earlier.shared.lock().clone();
        let difference = self.shared.lock().since(&earlier)?;
        Ok(Self::view(Arc::new(Mutex::new(difference))))
    }

    /// Forgets all values.
    #[napi(catch_unwind)]
    pub fn reset(&self) {
        self.shared.lock().reset();
    }

    /// The histogram as bytes.
    #[napi(catch_unwind)]
    pub fn encode(&self) -> Buffer {
        self.shared.lock().encode().into()
    }

    /// Reads what `encode` wrote.
    #[napi(factory, catch_unwind)]
    pub fn decode(bytes: &[u8]) -> Result<Self, CodedError> {
        Ok(Self::view(Arc::new(Mutex::new(Histogram::decode(bytes)?))))
    }

    /// Lowest, highest and figures, in this order.
    #[napi(catch_unwind)]
    pub fn bounds(&self) -> Vec<f64> {
        let Bounds { lowest, highest, figures } = self.shared.lock().bounds();
        vec![lowest, highest, f64::from(figures)]
    }
}
