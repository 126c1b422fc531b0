//! HDR histograms: fixed relative precision over a wide range, mergeable without loss.

pub mod binding;
pub mod core;
#[cfg(test)]
mod tests;
