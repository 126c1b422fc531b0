//! Answers of the functions of a cache that are no values.

use super::super::store::Refusal;

/// The key is neither a string nor a view of bytes, or is empty or too long.
pub const BAD_KEY: i32 = -1;
/// The entry is too large for the budget.
pub const TOO_LARGE: i32 = -2;
/// There is no memory for it.
pub const NO_MEMORY: i32 = -3;
/// The value is neither a string nor a view of bytes.
pub const BAD_VALUE: i32 = -4;
/// The target is too small for the value.
pub const TOO_SMALL: i32 = -5;
/// A compressed value cannot be read.
pub const DAMAGED: i32 = -6;
/// The cache was closed meanwhile.
pub const CLOSED: i32 = -7;
/// There are too many tags, or they are too long.
pub const BAD_TAGS: i32 = -10;
/// What was loaded is not wanted any more.
pub const SUPERSEDED: i32 = -11;

/// What JavaScript gets for a refusal.
#[must_use]
pub const fn to(refusal: Refusal) -> i32 {
    match refusal {
        Refusal::TooLarge => TOO_LARGE,
        Refusal::NoMemory => NO_MEMORY,
    }
}
