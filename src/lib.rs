//! Native core of the heapwise npm package.
//!
//! One folder per capability. `binding.rs` is the thin Node-API layer; `core.rs` is pure Rust that knows nothing of
//! Node and runs under `cargo test`; `tests.rs` holds the unit tests. What has to touch the host, libuv's handles
//! (`lag/probe.rs`) and V8's callbacks (`v8/gc.rs`), stands apart from the arithmetic it feeds.
//!
//! | folder | what it owns |
//! |---|---|
//! | [`histogram`] | HDR histogram shared by loop lag, garbage collection and HTTP latency |
//! | [`lag`] | the event-loop probe: a libuv prepare handle and the loop's idle-time metric |
//! | [`leak`] | trend statistics and the leak verdict |
//! | [`pool`] | memory of buffer pools: byte budgets shared by threads, slabs of pages |
//! | [`process`] | resident set, cgroup limits and usage, sampled by a thread |
//! | [`clock`] | the monotonic clock and the coarse clock cell that JavaScript reads |
//! | [`v8`] | V8's exported API, found by name at run time: GC hooks, heap statistics |
//! | [`shared`] | what several of the above need: threads that end with their last user, work for an environment's end, calls into JavaScript |
//!
//! Layers point one way: `binding.rs` knows `core.rs`; no core knows another capability's core except
//! `histogram`, `process`, `clock` and `v8`.

pub mod cache;
pub mod clock;
pub mod error;
pub mod histogram;
pub mod lag;
pub mod leak;
pub mod pool;
pub mod process;
pub mod shared;
pub mod v8;
