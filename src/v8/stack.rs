//! The stack of a thread that runs JavaScript, asked for from another one.
//!
//! Inside an interrupt `StackTrace::CurrentStackTrace` may be called and strings may be read.

use std::{
    ffi::c_int,
    sync::{Arc, OnceLock},
};

use napi::sys;

use super::{
    interrupt::Interruptible,
    isolate::{Isolate, V8},
    symbols::symbol,
    text::{scoped, text},
};

/// Frames of a captured stack at most.
pub const MAX_FRAMES: i32 = 64;
/// `v8::StackTrace::StackTraceOptions`: line, column, script name, function name, eval, constructor, script id.
const DETAILED: u32 = 0x7f;

/// One frame of JavaScript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Name of the function; empty for an anonymous one and for a module's top level.
    pub function: String,
    /// Path, `file:` URL or `node:` name of the script, or its `sourceURL`; empty for some evaluated code.
    pub script: String,
    /// Line, from 1.
    pub line: i32,
    /// Column, from 1.
    pub column: i32,
}

#[repr(C)]
struct StackTrace {
    _opaque: [u8; 0],
}

#[repr(C)]
struct StackFrame {
    _opaque: [u8; 0],
}

/// V8's functions for stacks. A `v8::Local<T>` is one word, passed and returned as such, null when empty.
struct StackApi {
    current: unsafe extern "C" fn(*mut Isolate, c_int, u32) -> *const StackTrace,
    frame_count: unsafe extern "C" fn(*const StackTrace) -> c_int,
    frame: unsafe extern "C" fn(*const StackTrace, *mut Isolate, u32) -> *const StackFrame,
    /// `v8::Location`: line in the low 32 bits, column in the high ones, both from 0.
    location: unsafe extern "C" fn(*const StackFrame) -> u64,
    function_name: unsafe extern "C" fn(*const StackFrame) -> sys::napi_value,
    script_name: unsafe extern "C" fn(*const StackFrame) -> sys::napi_value,
}

impl StackApi {
    fn get() -> Result<&'static Self, &'static str> {
        static API: OnceLock<Option<StackApi>> = OnceLock::new();
        V8::get()?;
        API.get_or_init(Self::find).as_ref().ok_or("this runtime does not export V8's stack API")
    }

    fn find() -> Option<Self> {
        // SAFETY: each type follows V8's declaration of the function of that mangled name (v8-isolate.h, v8-debug.h);
        // see isolate.rs for the calling convention. Local and Location are trivially copyable and no larger than a
        // register, so they are returned in one.
        unsafe {
            Some(Self {
                current: symbol(
                    "_ZN2v810StackTrace17CurrentStackTraceEPNS_7IsolateEiNS0_17StackTraceOptionsE",
                )?,
                frame_count: symbol("_ZNK2v810StackTrace13GetFrameCountEv")?,
                frame: symbol("_ZNK2v810StackTrace8GetFrameEPNS_7IsolateEj")?,
                location: symbol("_ZNK2v810StackFrame11GetLocationEv")?,
                function_name: symbol("_ZNK2v810StackFrame15GetFunctionNameEv")?,
                script_name: symbol("_ZNK2v810StackFrame24GetScriptNameOrSourceURLEv")?,
            })
        }
    }

    /// # Safety
    /// On the thread of `isolate` and `env`, which belong together and are live; inside a handle scope.
    unsafe fn capture(&self, isolate: *mut Isolate, env: sys::napi_env) -> Vec<Frame> {
        // SAFETY: by the caller's promise; what is returned lives as long as the handle scope.
        unsafe {
            let trace = (self.current)(isolate, MAX_FRAMES, DETAILED);
            if trace.is_null() {
                return Vec::new();
            }
            let count = u32::try_from((self.frame_count)(trace)).unwrap_or(0);
            (0..count)
                .map(|at| (self.frame)(trace, isolate, at))
                .filter(|frame| !frame.is_null())
                .map(|frame| {
                    let location = (self.location)(frame);
                    Frame {
                        function: text(env, (self.function_name)(frame)),
                        script: text(env, (self.script_name)(frame)),
                        line: half(location) + 1,
                        column: half(location >> 32) + 1,
                    }
                })
                .collect()
        }
    }
}

/// The low 32 bits as the signed number that they are.
#[expect(clippy::cast_possible_truncation, reason = "that is what it is for")]
const fn half(word: u64) -> i32 {
    (word as u32).cast_signed()
}

/// The frames of the caller, innermost first.
///
/// # Safety
/// Inside a Node-API call of `env`.
///
/// # Errors
/// Where there is no bridge or no handle scope to be had.
pub unsafe fn capture_here(env: sys::napi_env) -> Result<Vec<Frame>, &'static str> {
    let v8 = V8::get()?;
    let api = StackApi::get()?;
    // SAFETY: by the caller's promise.
    let frames = unsafe { scoped(env, || api.capture(v8.current_isolate(), env)) };
    frames.ok_or("no handle scope")
}

/// A thread that can be asked for its stack.
///
/// # Safety
/// As for [`Interruptible::current`].
///
/// # Errors
/// Where there is no bridge.
pub unsafe fn askable(env: sys::napi_env) -> Result<Arc<Interruptible>, &'static str> {
    StackApi::get()?;
    // SAFETY: by the caller's promise.
    unsafe { Interruptible::current(env) }
}

/// Receives a stack, on the JavaScript thread, inside V8: must not touch V8.
pub type OnStack = Box<dyn FnOnce(Vec<Frame>) + Send>;

/// Asks a thread for its stack, as [`Interruptible::ask`] does for anything.
pub fn ask(target: &Arc<Interruptible>, on_stack: OnStack) {
    target.ask(Box::new(|target| {
        let Ok(api) = StackApi::get() else { return };
        let (isolate, env) = (target.isolate(), target.env());
        // SAFETY: in an interrupt of that isolate, which is live, as is its environment.
        if let Some(frames) = unsafe { scoped(env, || api.capture(isolate, env)) } {
            on_stack(frames);
        }
    }));
}
