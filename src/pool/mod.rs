//! Memory behind `BufferPool`: byte budgets that threads share, and slabs of pages taken from the system.

pub mod binding;
pub mod core;
pub mod pages;
pub mod slab;
#[cfg(test)]
mod tests;
