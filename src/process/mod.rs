//! Memory of the process as the system sees it: resident set, cgroup, machine. Sampled by a thread, so also while
//! JavaScript is blocked.

pub mod binding;
pub mod cgroup;
pub mod linux;
pub mod sampler;
#[cfg(test)]
mod tests;
