//! A histogram of floating-point values over the integer HDR histogram of crate `hdrhistogram`.
//!
//! Values are scaled by the smallest discernible value and counted in buckets of a fixed relative width (Gil Tene's
//! HdrHistogram, <http://hdrhistogram.org>). Count, sum, smallest and largest value are kept exactly beside the
//! buckets, so that a sum can be compared with another clock and a maximum is never rounded.

use std::{fmt, io::Cursor};

use hdrhistogram::{
    Histogram as Hdr,
    serialization::{Deserializer, Serializer, V2Serializer},
};

use crate::shared::number::to_u64;

/// What a histogram can hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Smallest value told apart from 0. > 0.
    pub lowest: f64,
    /// Largest value counted as itself; larger ones are counted as this one. >= 2 * lowest.
    pub highest: f64,
    /// Significant decimal digits, 1 to 5.
    pub figures: u8,
}

/// Why a histogram cannot be made, merged or decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistogramError {
    /// `lowest` is not above 0, `highest` not at least twice `lowest`, or their ratio is past 2^62.
    Range,
    /// `figures` is not 1 to 5.
    Figures,
    /// The other histogram has another range or precision, or is not an earlier state of this one.
    Mismatch,
    /// The bytes are not what `encode` writes; the text says where they go wrong.
    Broken(String),
}

impl fmt::Display for HistogramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range => f.write_str(
                "lowest must be above 0 and highest at least twice lowest and at most 2^62 times lowest",
            ),
            Self::Figures => f.write_str("figures must be an integer from 1 to 5"),
            Self::Mismatch => f.write_str(
                "the histograms differ in lowest, highest or figures, or the other is no earlier state of this one",
            ),
            Self::Broken(reason) => write!(f, "not an encoded histogram: {reason}"),
        }
    }
}

impl std::error::Error for HistogramError {}

/// A histogram of non-negative numbers in whatever unit the caller uses.
#[derive(Clone, Debug)]
pub struct Histogram {
    bounds: Bounds,
    scaled: Hdr<u64>,
    sum: f64, // >= 0, exact up to f64 rounding
    min: f64, // infinity when empty
    max: f64, // 0 when empty
}

/// The figures of a histogram at one moment, all in the caller's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Number of values.
    pub count: u64,
    /// Exact sum of the values.
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

/// First bytes of an encoded histogram: format and its version.
const MAGIC: [u8; 4] = *b"HWH1";
/// Magic, three bounds and three exact figures before the HDR V2 bytes.
const HEADER: usize = 4 + 6 * 8;
/// The header of HDR V2: cookie, length of what follows, offset and figures (4 bytes each), two bounds and a ratio (8).
const HDR_HEADER: usize = 4 * 4 + 3 * 8;

impl Histogram {
    /// An empty histogram.
    ///
    /// # Errors
    /// When no histogram can have these bounds.
    pub fn new(bounds: Bounds) -> Result<Self, HistogramError> {
        let Bounds { lowest, highest, figures } = bounds;
        if !(1..=5).contains(&figures) {
            return Err(HistogramError::Figures);
        }
        let ratio = highest / lowest;
        // The comparison is also false for NaN, as it should be.
        if !(lowest > 0.0 && lowest.is_finite() && (2.0..=2f64.powi(62)).contains(&ratio)) {
            return Err(HistogramError::Range);
        }
        let scaled = Hdr::new_with_bounds(1, to_u64(ratio.ceil()), figures)
            .map_err(|_| HistogramError::Range)?;
        Ok(Self { bounds, scaled, sum: 0.0, min: f64::INFINITY, max: 0.0 })
    }

    /// What the histogram can hold.
    #[must_use]
    pub const fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// Counts one value. Below 0 and NaN count as 0; above `highest` counts in the last bucket, though sum and
    /// maximum stay exact.
    pub fn record(&mut self, value: f64) {
        let value = if value > 0.0 { value } else { 0.0 };
        self.scaled.saturating_record(to_u64((value / self.bounds.lowest).round()));
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// The value at or below which `percentile` percent (0 to 100) of the values lie; 0 when empty.
    #[must_use]
    pub fn percentile(&self, percentile: f64) -> f64 {
        if self.scaled.is_empty() {
            return 0.0;
        }
        let value = self.scaled.value_at_percentile(percentile.clamp(0.0, 100.0)) as f64
            * self.bounds.lowest;
        // A bucket's upper edge can lie outside what was really seen.
        value.clamp(self.min, self.max)
    }

    /// All figures at once.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let count = self.scaled.len();
        if count == 0 {
            return Summary {
                count: 0,
                sum: 0.0,
                min: 0.0,
                max: 0.0,
                mean: 0.0,
                stddev: 0.0,
                p50: 0.0,
                p90: 0.0,
                p95: 0.0,
                p99: 0.0,
                p999: 0.0,
            };
        }
        Summary {
            count,
            sum: self.sum,
            min: self.min,
            max: self.max,
            mean: self.sum / count as f64,
            stddev: self.scaled.stdev() * self.bounds.lowest,
            p50: self.percentile(50.0),
            p90: self.percentile(90.0),
            p95: self.percentile(95.0),
            p99: self.percentile(99.0),
            p999: self.percentile(99.9),
        }
    }

    /// For each bound the number of values at or below it, as Prometheus' `le` wants them.
    ///
    /// A bucket belongs to the bounds that its lower edge does not exceed: a value equal to a bound is counted there, and
    /// so is one above it by less than the histogram's precision.
    #[must_use]
    pub fn counts_at_or_below(&self, bounds: &[f64]) -> Vec<u64> {
        // What multiplying by `lowest` may add to an edge that is the bound.
        const ROUNDING: f64 = 1.0 + 1e-12;
        let mut counts = vec![0u64; bounds.len()];
        for step in self.scaled.iter_recorded() {
            let edge = self.scaled.lowest_equivalent(step.value_iterated_to()) as f64;
            for (count, bound) in counts.iter_mut().zip(bounds) {
                if edge * self.bounds.lowest <= *bound * ROUNDING {
                    *count += step.count_since_last_iteration();
                }
            }
        }
        counts
    }

    /// What something waits that arrives at a random moment, if this histogram holds stretches of time in which nothing
    /// can be served, and `free` is the time outside of them in which nothing has to wait. One arrival per `tick`.
    ///
    /// Who arrives within a stretch of length L waits for the rest of it, evenly distributed from 0 to L. So of each
    /// range of waits from a to b there are as many arrivals as stretches reach into it, each for as much of the range
    /// as it covers. The number of stretches above a wait is the histogram's own count, so nothing has to be recorded
    /// for this, and what can be merged or subtracted in the one can be in the other.
    #[must_use]
    pub fn waits(&self, free: f64, tick: f64) -> Self {
        let mut waits = Self { scaled: self.scaled.clone(), ..*self };
        waits.reset();
        let lowest = self.bounds.lowest;
        let mut above = self.scaled.len(); // stretches that reach past the range
        let mut left_over = 0.0; // of an arrival, carried on so that the total is right
        for step in self.scaled.iter_all() {
            if above == 0 {
                break;
            }
            let here = step.count_since_last_iteration();
            above -= here;
            // Values are rounded to the nearest integer, so a bucket begins half of one below its lower edge.
            let edge = |scaled: u64| (scaled as f64 - 0.5).max(0.0);
            let from = edge(self.scaled.lowest_equivalent(step.value_iterated_to()));
            let to = edge(self.scaled.next_non_equivalent(step.value_iterated_to()));
            let middle = f64::midpoint(from, to);
            let covered = (above as f64).mul_add(to - from, here as f64 * (middle - from));
            let arrivals = covered * lowest / tick + left_over;
            let whole = to_u64(arrivals);
            left_over = arrivals - whole as f64;
            waits.record_many(middle.min(self.scaled.max() as f64) * lowest, whole);
        }
        waits.record_many(0.0, to_u64((free.max(0.0) / tick).round()));
        if waits.max > 0.0 {
            // Who arrives just as the longest one begins waits for all of it.
            waits.max = self.max;
        }
        waits
    }

    fn record_many(&mut self, value: f64, count: u64) {
        if count > 0 {
            let scaled = to_u64((value / self.bounds.lowest).round());
            self.scaled.saturating_record_n(scaled, count);
            self.sum += value * count as f64;
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
    }

    /// Adds the other histogram's values to this one, without loss.
    ///
    /// # Errors
    /// When range or precision differ.
    pub fn merge(&mut self, other: &Self) -> Result<(), HistogramError> {
        if self.bounds != other.bounds {
            return Err(HistogramError::Mismatch);
        }
        self.scaled.add(&other.scaled).map_err(|_| HistogramError::Mismatch)?;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        Ok(())
    }

    /// The values recorded since `earlier`, a copy of this histogram made before. Smallest and largest value are those
    /// of their buckets, because what lay outside them is not known any more.
    ///
    /// # Errors
    /// When `earlier` has another range or precision, or holds values that this one does not (it was reset since).
    pub fn since(&self, earlier: &Self) -> Result<Self, HistogramError> {
        if self.bounds != earlier.bounds {
            return Err(HistogramError::Mismatch);
        }
        let mut scaled = self.scaled.clone();
        scaled.subtract(&earlier.scaled).map_err(|_| HistogramError::Mismatch)?;
        if scaled.is_empty() {
            return Self::new(self.bounds);
        }
        let value = |scaled: u64| (scaled as f64 * self.bounds.lowest).clamp(self.min, self.max);
        let lowest = value(scaled.lowest_equivalent(scaled.min()));
        // A new extreme can only have come since.
        let min = if self.min < earlier.min { self.min } else { lowest };
        let max = if self.max > earlier.max { self.max } else { value(scaled.max()).max(min) };
        let sum = if earlier.sum.is_finite() {
            (self.sum - earlier.sum).max(0.0)
        } else {
            // Infinity less infinity says nothing; the buckets do.
            scaled.mean() * self.bounds.lowest * scaled.len() as f64
        };
        Ok(Self { bounds: self.bounds, scaled, sum, min, max })
    }

    /// Forgets all values.
    pub fn reset(&mut self) {
        self.scaled.reset();
        self.sum = 0.0;
        self.min = f64::INFINITY;
        self.max = 0.0;
    }

    /// The histogram as bytes: our header, then the interchange format V2 of HdrHistogram.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + 256);
        bytes.extend_from_slice(&MAGIC);
        let Bounds { lowest, highest, figures } = self.bounds;
        for number in [lowest, highest, f64::from(figures), self.sum, self.min, self.max] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        // Writing into a Vec cannot fail, and our counts are far below the format's limit of 2^63.
        let _ = V2Serializer::new().serialize(&self.scaled, &mut bytes);
        bytes
    }

    /// Reads what [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// When the bytes are anything else, or were cut or changed in a way that shows.
    pub fn decode(bytes: &[u8]) -> Result<Self, HistogramError> {
        let broken = |reason: &str| HistogramError::Broken(reason.to_owned());
        let (header, rest) = bytes.split_at_checked(HEADER).ok_or_else(|| broken("too short"))?;
        let numbers = header.strip_prefix(&MAGIC).ok_or_else(|| broken("wrong first bytes"))?;
        let mut fields = [0f64; 6];
        for (field, chunk) in fields.iter_mut().zip(numbers.chunks_exact(8)) {
            *field = chunk.try_into().map_or(f64::NAN, f64::from_le_bytes);
        }
        let [lowest, highest, figures, sum, min, max] = fields;
        if !(1.0..=5.0).contains(&figures) || figures.fract() != 0.0 {
            return Err(HistogramError::Figures);
        }
        let figures = u8::try_from(to_u64(figures)).map_err(|_| HistogramError::Figures)?;
        // The body states the length of what follows its own header. A false one would be believed and allocated.
        let stated = rest
            .get(4..8)
            .and_then(|length| length.try_into().ok())
            .map(u32::from_be_bytes)
            .and_then(|length| usize::try_from(length).ok());
        if stated.and_then(|length| length.checked_add(HDR_HEADER)) != Some(rest.len()) {
            return Err(broken("the length is not what it says"));
        }
        let mut decoded = Self::new(Bounds { lowest, highest, figures })?;
        let scaled: Hdr<u64> = Deserializer::new()
            .deserialize(&mut Cursor::new(rest))
            .map_err(|error| HistogramError::Broken(error.to_string()))?;
        if scaled.high() != decoded.scaled.high() || scaled.sigfig() != decoded.scaled.sigfig() {
            return Err(broken("header and body differ"));
        }
        // An infinite value makes an infinite sum, which is legal; NaN fails every comparison.
        let plausible = if scaled.is_empty() {
            sum == 0.0 && max == 0.0 && min == f64::INFINITY
        } else {
            sum >= 0.0 && min >= 0.0 && min <= max
        };
        if !plausible {
            return Err(broken("impossible sum or extremes"));
        }
        (decoded.scaled, decoded.sum, decoded.min, decoded.max) = (scaled, sum, min, max);
        Ok(decoded)
    }
}
