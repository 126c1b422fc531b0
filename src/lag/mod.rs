//! Event-loop lag, exactly: how long each turn of the loop held the thread.

pub mod binding;
pub mod blocks;
pub mod core;
pub mod freeze;
pub mod helper;
pub mod probe;
pub mod pulse;
pub mod report;
#[cfg(test)]
mod tests;
pub mod uv;
pub mod watchdog;
#[cfg(test)]
mod watchdog_tests;
