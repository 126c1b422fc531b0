//! The leak verdict: trend statistics over the live set that each major collection leaves.
//!
//! [`trend`] says whether and how fast a series rises, [`shape`] whether the rise is a line or something that ends by
//! itself, [`load`] whether it is only more work at a time, [`series`] keeps a bounded record, [`core`] evaluates
//! them, [`hysteresis`] turns evaluations into a state. [`sites`] says where: which call paths allocate what stays.

pub mod binding;
pub mod core;
pub mod experiment;
pub mod fit;
pub mod guard_binding;
pub mod hysteresis;
pub mod last_words;
pub mod load;
pub mod normal;
pub mod series;
pub mod shape;
pub mod sites;
pub mod sites_binding;
#[cfg(test)]
mod tests;
pub mod trend;
#[cfg(test)]
mod trend_tests;
