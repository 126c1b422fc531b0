//! The coarse clock for JavaScript: a mapped cell and a call that keeps it fresh for a while.

#![expect(
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    reason = "index.d.ts documents the errors; JavaScript knows no must_use"
)]

use std::{cell::RefCell, rc::Rc, sync::Arc};

use napi::{Env, bindgen_prelude::Float64Array};
use napi_derive::napi;

use super::core::Cell;
use crate::{
    error::{CodedError, ErrorCode, coded},
    shared::env_hook::EnvHook,
};

/// One environment's coarse clock. See `lib/clock.js` for its protocol.
#[napi]
pub struct CoarseClock {
    cell: Arc<Cell>,
    _hook: EnvHook,
}

#[napi]
impl CoarseClock {
    /// A parked clock. Its thread sleeps until the first `engage` and ends with the last environment.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: Env) -> Result<Self, CodedError> {
        let (cell, guard) =
            Cell::register().map_err(|error| coded(ErrorCode::Unsupported, error))?;
        let guard = Rc::new(RefCell::new(Some(guard)));
        let hook = EnvHook::new(&env, move || drop(guard.take()))
            .map_err(|error| coded(ErrorCode::Unsupported, error))?;
        Ok(Self { cell, _hook: hook })
    }

    /// The cell: one number, milliseconds on the time line given to `engage`, or 0 when parked.
    #[napi(catch_unwind)]
    pub fn cell(&self) -> Float64Array {
        let keeper = Arc::clone(&self.cell);
        let value = keeper.as_ptr().cast::<f64>().cast_mut();
        // SAFETY: the pointer is to 8 aligned bytes inside the Arc that the finalizer keeps alive until V8 has
        // let go of the array. Rust writes them atomically; JavaScript only reads them, and a torn read cannot
        // happen for an aligned 8-byte word on the platforms that we build for.
        unsafe { Float64Array::with_external_data(value, 1, move |_, _| drop(keeper)) }
    }

    /// Keeps the cell fresh for the next 100 ms; `now` is the caller's time in milliseconds.
    #[napi(catch_unwind)]
    pub fn engage(&self, now: f64) {
        self.cell.engage(now);
    }
}
