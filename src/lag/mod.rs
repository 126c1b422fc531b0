//! Event-loop lag, exactly: how long each turn of the loop held the thread.

pub mod binding;
pub mod core;
pub mod probe;
#[cfg(test)]
mod tests;
pub mod uv;
