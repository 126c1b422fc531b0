//! Work on a thread that runs JavaScript, asked for from another one.
//!
//! V8 runs an interrupt at the next function entry or loop edge of JavaScript, so within microseconds, but not inside a
//! native call. In it V8 may be read; JavaScript may not run.

use std::{
    ffi::c_void,
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

type Interrupt = unsafe extern "C" fn(*mut Isolate, *mut c_void);
type RequestInterrupt = unsafe extern "C" fn(*mut Isolate, Interrupt, *mut c_void);

/// `v8::Isolate::RequestInterrupt`; `None` where it is not exported.
fn request_interrupt() -> Option<RequestInterrupt> {
    static API: OnceLock<Option<RequestInterrupt>> = OnceLock::new();
    // SAFETY: follows V8's declaration (v8-isolate.h); see isolate.rs for the calling convention.
    *API.get_or_init(|| unsafe { symbol("_ZN2v87Isolate16RequestInterruptEPFvPS0_PvES2_") })
}

/// Runs on the JavaScript thread, inside V8.
pub type Work = Box<dyn FnOnce(&Interruptible) + Send>;

struct Request {
    id: u64,
    target: Arc<Interruptible>,
    work: Work,
}

/// Requests whose interrupt has not run. V8 keeps an interrupt until it can run and has no way to take it back, so what
/// it is given is a number to be looked up here, not a pointer: it may be out of date by then.
static REQUESTS: Mutex<Vec<Request>> = Mutex::new(Vec::new());
static LAST_ID: AtomicU64 = AtomicU64::new(0);

/// A JavaScript thread that can be interrupted.
pub struct Interruptible {
    request: RequestInterrupt,
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
        // SAFETY: a JavaScript thread, by the caller's promise.
        let isolate = unsafe { V8::get()?.current_isolate() };
        if isolate.is_null() {
            return Err("no isolate is entered on this thread");
        }
        let request = request_interrupt().ok_or("this runtime does not export V8's interrupts")?;
        Ok(Arc::new(Self { request, isolate, env, alive: Mutex::new(true) }))
    }

    /// Asks for work to be done; returns at once. It may never be: the thread may be in a native call for ever. An earlier
    /// request that still waits is forgotten.
    pub fn ask(self: &Arc<Self>, work: Work) {
        let alive = self.alive.lock();
        if *alive {
            let id = LAST_ID.fetch_add(1, Relaxed) + 1;
            self.forget();
            REQUESTS.lock().push(Request { id, target: Arc::clone(self), work });
            let data = ptr::without_provenance_mut(id_bits(id));
            // SAFETY: the isolate is live while the lock is held and `alive` is true; the function is thread-safe.
            unsafe { (self.request)(self.isolate, on_interrupt, data) };
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

    /// Its isolate; live inside the work.
    pub const fn isolate(&self) -> *mut Isolate {
        self.isolate
    }

    /// Its environment; live inside the work.
    pub const fn env(&self) -> sys::napi_env {
        self.env
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
        // V8 runs interrupts on the isolate's thread; a request that is still there has not been revoked, which the thread
        // itself would have done, so isolate and environment are live.
        if let Some(Request { target, work, .. }) = taken(data.addr(), isolate) {
            work(&target);
        }
    }));
}

#[cfg(test)]
#[path = "interrupt_tests.rs"]
mod tests;
