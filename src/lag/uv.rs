//! The few functions of libuv that the probe needs, found by name in the running executable.
//!
//! Nothing is linked: Electron, Deno and Bun lack some of them or only pretend to have them, and libuv keeps its ABI
//! within a major version alone. Handles are opaque and sized by `uv_handle_size`; no struct of libuv is mirrored.

use std::{
    ffi::{c_int, c_uint, c_void},
    sync::OnceLock,
};

use super::core::Reading;
use crate::{
    clock::core::now_ns,
    v8::{gc::GcRecorder, symbols::symbol},
};

/// An opaque `uv_loop_t`.
#[repr(C)]
pub struct Loop {
    _opaque: [u8; 0],
}

/// An opaque `uv_handle_t` or `uv_prepare_t`; libuv lets the one be cast to the other.
#[repr(C)]
pub struct Handle {
    _opaque: [u8; 0],
}

/// A callback that libuv gives a handle: `uv_prepare_cb`, `uv_close_cb`.
pub type HandleCallback = unsafe extern "C" fn(*mut Handle);

/// `UV_PREPARE` of `uv_handle_type`; fixed in libuv 1.x.
const UV_PREPARE: c_int = 9;
/// Larger than any handle of libuv 1.x (a prepare handle has 120 bytes on 64-bit systems); a sanity bound.
const MAX_HANDLE_SIZE: usize = 4096;

/// libuv's functions, found once per process.
pub struct Uv {
    /// Size of a prepare handle in bytes.
    pub prepare_size: usize,
    /// `uv_handle_set_data`
    pub handle_set_data: unsafe extern "C" fn(*mut Handle, *mut c_void),
    /// `uv_handle_get_data`
    pub handle_get_data: unsafe extern "C" fn(*const Handle) -> *mut c_void,
    /// `uv_prepare_init`
    pub prepare_init: unsafe extern "C" fn(*mut Loop, *mut Handle) -> c_int,
    /// `uv_prepare_start`
    pub prepare_start: unsafe extern "C" fn(*mut Handle, HandleCallback) -> c_int,
    /// `uv_prepare_stop`
    pub prepare_stop: unsafe extern "C" fn(*mut Handle) -> c_int,
    /// `uv_unref`
    pub unref: unsafe extern "C" fn(*mut Handle),
    /// `uv_close`
    pub close: unsafe extern "C" fn(*mut Handle, HandleCallback),
    /// `uv_metrics_idle_time`: nanoseconds; documented as thread-safe
    pub metrics_idle_time: unsafe extern "C" fn(*mut Loop) -> u64,
}

impl Uv {
    /// The functions, or the reason why there are none.
    ///
    /// # Errors
    /// When a function is missing or libuv is of another major version.
    pub fn get() -> Result<&'static Self, &'static str> {
        static UV: OnceLock<Result<Uv, &'static str>> = OnceLock::new();
        UV.get_or_init(Self::find).as_ref().map_err(|reason| *reason)
    }

    /// The clocks of a loop, and the accumulated collection time of its thread, now.
    ///
    /// # Safety
    /// `event_loop` must be live; any thread may ask.
    #[must_use]
    pub unsafe fn reading(&self, event_loop: *mut Loop, gc: Option<&GcRecorder>) -> Reading {
        // The time first: what the loop idles meanwhile makes a turn look shorter, not longer.
        let now = now_ns();
        // SAFETY: a live loop, by the caller's promise; the function is documented as thread-safe.
        let idle = unsafe { (self.metrics_idle_time)(event_loop) };
        Reading { now, idle, gc: gc.map_or(0, GcRecorder::total_ns) }
    }

    fn find() -> Result<Self, &'static str> {
        const MISSING: &str = "a function of libuv is missing in this runtime";
        // SAFETY: the types are those of libuv 1.x's uv.h; its major version is checked before anything else is
        // called.
        unsafe {
            let version: unsafe extern "C" fn() -> c_uint = symbol("uv_version").ok_or(MISSING)?;
            if version() >> 16 != 1 {
                return Err("libuv is not version 1");
            }
            let handle_size: unsafe extern "C" fn(c_int) -> usize =
                symbol("uv_handle_size").ok_or(MISSING)?;
            let prepare_size = handle_size(UV_PREPARE);
            if prepare_size == 0 || prepare_size > MAX_HANDLE_SIZE {
                return Err("libuv states an impossible handle size");
            }
            Ok(Self {
                prepare_size,
                handle_set_data: symbol("uv_handle_set_data").ok_or(MISSING)?,
                handle_get_data: symbol("uv_handle_get_data").ok_or(MISSING)?,
                prepare_init: symbol("uv_prepare_init").ok_or(MISSING)?,
                prepare_start: symbol("uv_prepare_start").ok_or(MISSING)?,
                prepare_stop: symbol("uv_prepare_stop").ok_or(MISSING)?,
                unref: symbol("uv_unref").ok_or(MISSING)?,
                close: symbol("uv_close").ok_or(MISSING)?,
                metrics_idle_time: symbol("uv_metrics_idle_time").ok_or(MISSING)?,
            })
        }
    }
}
