//! The bridge to what the host executable exports: V8's C++ API by its mangled names.
//!
//! No C++ and no build per Node version: names are looked up at run time. Before the bridge is used its heap statistics
//! are compared with what JavaScript's own API says (`lib/gc.js`), and every call of the GC callbacks is checked for
//! what it should be. A missing name, an unknown V8 major version or a failed check means "not available", and the
//! caller falls back.

pub mod allocation_profile;
pub mod binding;
pub mod gc;
pub mod heap_limit;
pub mod heapprofile;
pub mod interrupt;
pub mod isolate;
pub mod profiler;
pub mod stack;
pub mod symbols;
#[cfg(test)]
mod tests;
pub mod text;
