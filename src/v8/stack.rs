//! The stack of a thread that runs JavaScript, asked for from another one.
//!
//! V8 runs an interrupt at the next function entry or loop edge of JavaScript, so within microseconds, but not inside a
//! native call. Inside it `StackTrace::CurrentStackTrace` may be called and strings may be read; JavaScript may not run.
//! The strings are read by Node-API: a `v8::Local<v8::String>` is a `napi_value`.

use std::{
    ffi::{c_int, c_void},
    panic::AssertUnwindSafe,
    ptr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use napi::sys;
use parking_lot::Mutex;

use super::{
    isolate::{Isolate, V8},
    symbols::symbol,
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

type Interrupt = unsafe extern "C" fn(*mut Isolate, *mut c_void);

/// V8's functions for stacks. A `v8::Local<T>` is one word, passed and returned as such, null when empty.
struct StackApi {
    request_interrupt: unsafe extern "C" fn(*mut Isolate, Interrupt, *mut c_void),
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
                request_interrupt: symbol("_ZN2v87Isolate16RequestInterruptEPFvPS0_PvES2_")?,
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

/// The text of a string; empty for none.
///
/// # Safety
/// On the thread of `env`, which is live; `value` is a live handle or null.
unsafe fn text(env: sys::napi_env, value: sys::napi_value) -> String {
    /// Bytes of a name that are kept: paths and names are shorter, evaluated code may be named by its whole text.
    const KEPT: usize = 1024;
    if value.is_null() {
        return String::new();
    }
    let mut bytes = vec![0u8; KEPT];
    let mut length = 0;
    // SAFETY: the buffer has the stated size, of which one byte is for the final 0.
    let status = unsafe {
        sys::napi_get_value_string_utf8(
            env,
            value,
            bytes.as_mut_ptr().cast(),
            KEPT,
            &raw mut length,
        )
    };
    if status != sys::Status::napi_ok {
        return String::new();
    }
    bytes.truncate(length);
    String::from_utf8_lossy(&bytes).into_owned()
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
    unsafe { scoped(api, v8.current_isolate(), env) }.ok_or("no handle scope")
}

/// # Safety
/// On the thread of `isolate` and `env`, which belong together and are live.
unsafe fn scoped(api: &StackApi, isolate: *mut Isolate, env: sys::napi_env) -> Option<Vec<Frame>> {
    let mut scope = ptr::null_mut();
    // SAFETY: `env` is live; the scope is closed below, once.
    unsafe {
        if sys::napi_open_handle_scope(env, &raw mut scope) != sys::Status::napi_ok {
            return None;
        }
        let frames = api.capture(isolate, env);
        sys::napi_close_handle_scope(env, scope);
        Some(frames)
    }
}

/// Receives a stack, on the JavaScript thread, inside V8: must not touch V8.
pub type OnStack = Box<dyn FnOnce(Vec<Frame>) + Send>;

struct Request {
    id: u64,
    target: Arc<Interruptible>,
    on_stack: OnStack,
}

/// Requests whose interrupt has not run. V8 keeps an interrupt until it can run and has no way to take it back, so what
/// it is given is a number to be looked up here, not a pointer: it may be out of date by then.
static REQUESTS: Mutex<Vec<Request>> = Mutex::new(Vec::new());
static LAST_ID: AtomicU64 = AtomicU64::new(0);

/// A JavaScript thread that can be asked for its stack.
pub struct Interruptible {
    api: &'static StackApi,
    isolate: *mut Isolate,
    env: sys::napi_env,
    /// False once the environment may be gone; the lock is held while V8 is called from another thread.
    alive: Mutex<bool>,
}

// SAFETY: the pointers are used in two ways: by `ask`, which calls a thread-safe function of V8 on an isolate that is
// live, because `revoke` waits for the lock; and in the interrupt, on the thread they belong to.
unsafe impl Send for Interruptible {}
// SAFETY: as above.
unsafe impl Sync for Interruptible {}

impl Interruptible {
    /// The current thread.
    ///
    /// # Safety
    /// Inside a Node-API call of `env`; [`revoke`](Self::revoke) must be called before the environment ends.
    ///
    /// # Errors
    /// Where there is no bridge.
    pub unsafe fn current(env: sys::napi_env) -> Result<Arc<Self>, &'static str> {
        let api = StackApi::get()?;
        // SAFETY: a JavaScript thread, by the caller's promise.
        let isolate = unsafe { V8::get()?.current_isolate() };
        if isolate.is_null() {
            return Err("no isolate is entered on this thread");
        }
        Ok(Arc::new(Self { api, isolate, env, alive: Mutex::new(true) }))
    }

    /// Asks for the stack; returns at once. `on_stack` may never be called: the thread may be in a native call for
    /// ever. An earlier request that still waits is forgotten.
    pub fn ask(self: &Arc<Self>, on_stack: OnStack) {
        let alive = self.alive.lock();
        if *alive {
            let id = LAST_ID.fetch_add(1, Relaxed) + 1;
            self.forget();
            REQUESTS.lock().push(Request { id, target: Arc::clone(self), on_stack });
            let data = ptr::without_provenance_mut(id_bits(id));
            // SAFETY: the isolate is live while the lock is held and `alive` is true; the function is thread-safe.
            unsafe { (self.api.request_interrupt)(self.isolate, on_interrupt, data) };
        }
        drop(alive);
    }

    /// Forgets requests that wait, so that a late interrupt finds nothing to do.
    pub fn forget(&self) {
        REQUESTS.lock().retain(|request| !ptr::eq(Arc::as_ptr(&request.target), self));
    }

    /// The environment ends: from now on nothing is asked.
    pub fn revoke(&self) {
        *self.alive.lock() = false;
        self.forget();
    }
}

/// A number as the word that V8 hands back.
#[expect(
    clippy::cast_possible_truncation,
    reason = "unique among the few requests that wait, also in 32 bits"
)]
const fn id_bits(id: u64) -> usize {
    id as usize
}

/// Takes the request of that number out, if it is one of that isolate.
fn taken(bits: usize, isolate: *mut Isolate) -> Option<Request> {
    let mut requests = REQUESTS.lock();
    let at = requests.iter().position(|request| id_bits(request.id) == bits)?;
    let request = requests.swap_remove(at);
    drop(requests);
    (request.target.isolate == isolate).then_some(request)
}

unsafe extern "C" fn on_interrupt(isolate: *mut Isolate, data: *mut c_void) {
    // A panic must not unwind into V8.
    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let Some(Request { target, on_stack, .. }) = taken(data.addr(), isolate) else { return };
        // SAFETY: V8 runs interrupts on the isolate's thread; the request was still there, so `revoke` has not been
        // called, which the thread itself would have done.
        if let Some(frames) = unsafe { scoped(target.api, isolate, target.env) } {
            on_stack(frames);
        }
    }));
}

#[cfg(test)]
#[path = "stack_tests.rs"]
mod tests;
