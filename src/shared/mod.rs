//! What several capabilities need.

pub mod env_hook;
pub mod notify;
pub mod number;
pub mod service;
#[cfg(test)]
mod tests;
