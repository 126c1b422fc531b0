//! Memory behind `SharedCache`: entries outside of the JavaScript heap, shared by threads.

mod arena;
pub mod binding;
mod bins;
mod budget;
mod compress;
mod counters;
mod entry;
mod flights;
mod hash;
mod index;
mod lines;
mod list;
mod persist;
mod placement;
mod policy;
mod region;
mod registry;
mod settings;
mod shard;
mod store;
mod sweeper;
mod tags;
#[cfg(test)]
mod tests;
mod text;
mod ticker;
mod wheel;
