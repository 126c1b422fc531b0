//! `SharedCache` for JavaScript: functions made by hand, because a method of a `#[napi]` class costs more than the whole
//! of a get.

mod answer;
mod arguments;
mod call;
mod control;
pub mod files;
mod functions;
mod handle;
mod job;
pub mod kinds;
mod later;
mod loads;
pub mod open;
mod packing;
mod scan;
mod values;
