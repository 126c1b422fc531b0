//! Time: the monotonic clock, and a coarse clock cell that JavaScript reads without a call.

pub mod binding;
pub mod core;
#[cfg(test)]
mod tests;
