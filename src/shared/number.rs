//! Conversions between kinds of numbers. What does not fit becomes the nearest number that does.

use std::time::Duration;

/// The whole part of a float. Below 0 and NaN become 0; what is too large becomes `u64::MAX`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, which is what the callers want"
)]
#[must_use]
pub const fn to_u64(value: f64) -> u64 {
    value as u64
}

/// A duration in nanoseconds.
#[must_use]
pub fn to_ns(duration: Duration) -> u64 {
    // 2^64 ns are 584 years.
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
