//! The probe on a real loop: a prepare handle whose callback reads two clocks.
//!
//! Lifetime. A `Probe` is owned by the loop from [`ProbeHandle::start`] until libuv has called its close callback,
//! which frees it. Closing can be asked for by the owner (`stop`, finalizer) and by Node when the environment ends (an
//! asynchronous cleanup hook, because `uv_close` completes only on the loop: a worker's loop that still has an open
//! handle when it is torn down aborts the process). Whoever swaps the pointer out of [`ProbeHandle`] does it; the other
//! finds null.

use std::{
    alloc::{self, Layout},
    cell::RefCell,
    ffi::c_void,
    panic::AssertUnwindSafe,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicPtr, AtomicU64, Ordering::Relaxed},
    },
};

use napi::sys;
use parking_lot::Mutex;

use super::{
    core::{Reading, Turn, TurnMeter},
    pulse::Pulse,
    uv::{Handle, Loop, Uv},
    watchdog::{Watch, WatchConfig, unfrozen},
};
use crate::{histogram::binding::SharedHistogram, v8::gc::GcRecorder};

/// Alignment of libuv's handles: they begin with pointers; malloc gives 16 as well.
const HANDLE_ALIGN: usize = 16;

/// What the probe writes and JavaScript reads; outlives the probe.
pub struct LagShared {
    /// Turn arithmetic.
    pub meter: Mutex<TurnMeter>,
    /// Turns that reached the threshold since the start.
    pub blocked: AtomicU64,
    /// Busy time of those, in nanoseconds.
    pub blocked_time: AtomicU64,
    /// Busy time of the turns, in milliseconds.
    pub histogram: SharedHistogram,
}

/// Called in the prepare callback, on the JavaScript thread but outside JavaScript, when a turn reached the threshold:
/// the number of its block, and the turn.
pub type OnBlocked = Box<dyn Fn(u64, Turn)>;

/// What a probe works with.
pub struct ProbeConfig {
    /// Where it writes.
    pub shared: Arc<LagShared>,
    /// What the watchdog is told. Its threshold and collections are the probe's as well.
    pub watch: WatchConfig,
    /// Told of blocked turns.
    pub on_blocked: OnBlocked,
}

struct Probe {
    uv: &'static Uv,
    event_loop: *mut Loop,
    handle: *mut Handle,
    cleanup: sys::napi_async_cleanup_hook_handle,
    /// The owner's pointer to this probe, so that the cleanup hook can tell whether the owner was first.
    active: Arc<AtomicPtr<Self>>,
    shared: Arc<LagShared>,
    threshold: u64,
    gc: Option<Arc<GcRecorder>>,
    pulse: Arc<Pulse>,
    /// Taken out when closing begins. What they hold belongs to the environment and must go while that stands:
    /// `on_close` may come too late, and Node would leak a thread-safe function for each terminated worker.
    outside: RefCell<Option<(Watch, OnBlocked)>>,
}

/// The owner's side of a running probe. Belongs to the JavaScript thread.
pub struct ProbeHandle {
    uv: &'static Uv,
    event_loop: *mut Loop,
    active: Arc<AtomicPtr<Probe>>,
    gc: Option<Arc<GcRecorder>>,
}

impl ProbeHandle {
    /// Puts a probe on the environment's loop. It does not keep the loop alive.
    ///
    /// # Safety
    /// `env` must be live, and this its thread.
    ///
    /// # Errors
    /// When libuv's functions are missing or refuse; nothing stays behind then.
    pub unsafe fn start(env: sys::napi_env, config: ProbeConfig) -> Result<Self, &'static str> {
        let uv = Uv::get()?;
        let mut event_loop = ptr::null_mut();
        // SAFETY: `env` is live.
        let status = unsafe { sys::napi_get_uv_event_loop(env, &raw mut event_loop) };
        if status != sys::Status::napi_ok || event_loop.is_null() {
            return Err("this environment has no libuv loop");
        }
        let event_loop: *mut Loop = event_loop.cast();
        let layout = layout(uv).ok_or("libuv states an impossible handle size")?;
        // SAFETY: the layout's size is not 0 (checked in Uv::find).
        let handle: *mut Handle = unsafe { alloc::alloc_zeroed(layout) }.cast();
        if handle.is_null() {
            return Err("out of memory");
        }
        let active = Arc::new(AtomicPtr::new(ptr::null_mut()));
        let ProbeConfig { shared, watch, on_blocked } = config;
        let (threshold, gc) = (watch.threshold, watch.gc.clone());
        let pulse = Arc::new(Pulse::default());
        let probe = Box::into_raw(Box::new(Probe {
            uv,
            event_loop,
            handle,
            cleanup: ptr::null_mut(),
            active: Arc::clone(&active),
            shared,
            threshold,
            gc: gc.clone(),
            pulse: Arc::clone(&pulse),
            outside: RefCell::new(None),
        }));
        // SAFETY: loop and handle are valid; uv_prepare_init does nothing that could fail in libuv 1.x, and until it
        // has been called nothing needs closing.
        let failed = unsafe { (uv.prepare_init)(event_loop, handle) } != 0;
        if failed {
            // SAFETY: both were made above and nobody else has seen them.
            unsafe {
                alloc::dealloc(handle.cast(), layout);
                drop(Box::from_raw(probe));
            }
            return Err("libuv refused the handle");
        }
        active.store(probe, Relaxed);
        let owner = Self { uv, event_loop, active, gc };
        // SAFETY: handle and probe live until `on_close`; the hook is removed there, once. From here on an early
        // return drops `owner`, which closes the handle.
        unsafe {
            (uv.handle_set_data)(handle, probe.cast());
            let status = sys::napi_add_async_cleanup_hook(
                env,
                Some(on_environment_end),
                probe.cast(),
                &raw mut (*probe).cleanup,
            );
            if status != sys::Status::napi_ok {
                return Err("cleanup hook refused");
            }
            (uv.unref)(handle);
            // SAFETY: dropped in `close`, which is called before the loop ends, by the hook at the latest.
            let watch = Watch::start(watch, uv, event_loop, pulse)?;
            (*probe).begin((watch, on_blocked));
            if (uv.prepare_start)(handle, on_prepare) != 0 {
                return Err("libuv refused to start the handle");
            }
        }
        Ok(owner)
    }

    /// The loop's clocks now; `None` after [`stop`](Self::stop) or the environment's end.
    #[must_use]
    pub fn read(&self) -> Option<Reading> {
        // The loop is alive as long as the probe is on it.
        (!self.active.load(Relaxed).is_null())
            // SAFETY: see above; the function is thread-safe and we are on the loop's thread anyway.
            .then(|| unsafe { self.uv.reading(self.event_loop, self.gc.as_deref()) })
    }

    /// Takes the probe off the loop. Doing it twice does no harm.
    pub fn stop(&self) {
        close(&self.active);
    }
}

impl Drop for ProbeHandle {
    fn drop(&mut self) {
        self.stop();
    }
}

fn layout(uv: &Uv) -> Option<Layout> {
    Layout::from_size_align(uv.prepare_size, HANDLE_ALIGN).ok()
}

/// Starts closing, unless that has been done; `on_close` frees everything.
fn close(active: &AtomicPtr<Probe>) {
    let probe = active.swap(ptr::null_mut(), Relaxed);
    if probe.is_null() {
        return;
    }
    // SAFETY: the pointer was still in `active`, so `on_close` has not been asked for; we are on the loop's thread.
    unsafe {
        let Probe { uv, handle, outside, .. } = &*probe;
        (uv.prepare_stop)(*handle);
        (*probe).end();
        drop(outside.take());
        (uv.close)(*handle, on_close);
    }
}

unsafe extern "C" fn on_prepare(handle: *mut Handle) {
    // SAFETY: libuv calls us only for the handle made in `start`, whose data is the probe, alive until `on_close`.
    let probe = unsafe {
        let Ok(uv) = Uv::get() else { return };
        &*(uv.handle_get_data)(handle).cast::<Probe>()
    };
    // A panic must not unwind into libuv.
    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| probe.turn()));
}

impl Probe {
    fn read(&self) -> Reading {
        // SAFETY: called on the loop's thread while the probe is on the loop.
        unsafe { self.uv.reading(self.event_loop, self.gc.as_deref()) }
    }

    /// What is left of the turn in progress counts as one.
    fn begin(&self, outside: (Watch, OnBlocked)) {
        let reading = self.read();
        *self.shared.meter.lock() = TurnMeter::starting(reading);
        self.pulse.beat(reading);
        *self.outside.borrow_mut() = Some(outside);
    }

    /// So does what there was of the last one.
    fn end(&self) {
        if self.outside.borrow().is_some() {
            self.turn();
        }
    }

    fn turn(&self) {
        let reading = self.read();
        let ended = self.shared.meter.lock().turn(reading);
        // Before the block in progress is asked for: see `Watched::blocked`.
        self.pulse.beat(reading);
        let Some((last, whole)) = ended else { return };
        let turn = unfrozen(whole, last.now, reading.now);
        self.shared.histogram.lock().record(turn.busy as f64 / 1e6);
        if whole.busy < self.threshold {
            return;
        }
        if let Some((watch, on_blocked)) = &*self.outside.borrow()
            && let Some(id) = watch.ended(reading.now, turn)
        {
            self.shared.blocked.fetch_add(1, Relaxed);
            self.shared.blocked_time.fetch_add(turn.busy, Relaxed);
            on_blocked(id, turn);
        }
    }
}

unsafe extern "C" fn on_environment_end(
    _: sys::napi_async_cleanup_hook_handle,
    probe: *mut c_void,
) {
    // SAFETY: Node calls the hook only while it is registered, and `on_close` unregisters it before it frees.
    let active = unsafe { Arc::clone(&(*probe.cast::<Probe>()).active) };
    close(&active);
}

unsafe extern "C" fn on_close(handle: *mut Handle) {
    let Ok(uv) = Uv::get() else { return };
    // SAFETY: called once per handle, after which libuv does not touch it again; both allocations are ours.
    unsafe {
        let probe = Box::from_raw((uv.handle_get_data)(handle).cast::<Probe>());
        if !probe.cleanup.is_null() {
            sys::napi_remove_async_cleanup_hook(probe.cleanup);
        }
        if let Some(layout) = layout(uv) {
            alloc::dealloc(handle.cast(), layout);
        }
    }
}
