//! The leak verdict: trend statistics over the live set that each major collection leaves.
//!
//! [`trend`] says whether and how fast a series rises, [`shape`] whether the rise is a line or something that ends by
//! itself, [`series`] keeps a bounded record, [`core`] turns evaluations into a state.

pub mod binding;
pub mod core;
pub mod normal;
pub mod series;
pub mod shape;
#[cfg(test)]
mod tests;
pub mod trend;
#[cfg(test)]
mod trend_tests;
