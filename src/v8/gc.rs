//! Garbage collections of one thread: how long each took, and the live set that each major one left.
//!
//! [`GcRecorder`] is fed by V8's own prologue and epilogue callbacks ([`GcHooks`]) or, where those cannot be had, by
//! `v8.GCProfiler` from JavaScript. Either way the figures are those of the very end of the collection; an observer
//! that runs when the loop gets to it would read everything allocated since as live.

use std::{
    cell::RefCell,
    collections::VecDeque,
    ffi::c_void,
    panic::AssertUnwindSafe,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;

use super::isolate::{GcCallback, HeapReading, Isolate, V8};
use crate::{
    clock::core::now_ns,
    histogram::{
        binding::SharedHistogram,
        core::{Bounds, Histogram, HistogramError},
    },
};

/// Range of the pause histograms, in milliseconds: 1 us to 10 min.
const PAUSE_BOUNDS: Bounds = Bounds { lowest: 1e-3, highest: 600_000.0, figures: 3 };
/// Points that wait to be drained; the oldest are dropped past this (a reader drains them at every major collection).
const MAX_POINTS: usize = 1024;

/// Kinds of collection, as `perf_hooks` and OpenTelemetry name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GcKind {
    /// Scavenge or minor mark-sweep: young generation.
    Minor,
    /// Mark-sweep-compact: the whole heap.
    Major,
    /// A step of incremental marking.
    Incremental,
    /// Weak callbacks.
    WeakCallbacks,
}

impl GcKind {
    /// Number of kinds.
    pub const COUNT: usize = 4;

    /// From a bit of V8's `GCType`.
    #[must_use]
    pub const fn from_v8(bit: u32) -> Option<Self> {
        match bit {
            1 | 2 => Some(Self::Minor),
            4 => Some(Self::Major),
            8 => Some(Self::Incremental),
            16 => Some(Self::WeakCallbacks),
            _ => None,
        }
    }

    /// Whether it frees memory, as opposed to preparing or following that.
    #[must_use]
    pub const fn frees(self) -> bool {
        matches!(self, Self::Minor | Self::Major)
    }
}

/// What is alive at the end of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveSet {
    /// When, on our monotonic clock, in nanoseconds.
    pub at: u64,
    /// Heap bytes in use.
    pub used: u64,
    /// Bytes that V8 knows of outside its heap, array buffers included.
    pub external: u64,
}

/// The live set at the end of one major collection, and how much was allocated until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LivePoint {
    /// What is alive.
    pub live: LiveSet,
    /// Heap bytes allocated since the recorder began.
    pub allocated: u64,
}

/// What is known of the collections of one thread.
pub struct GcRecorder {
    total_ns: AtomicU64,
    allocated: AtomicU64,
    /// Heap bytes in use when the last collection ended, plus 1; 0 before the first.
    left: AtomicU64,
    kinds: [SharedHistogram; GcKind::COUNT],
    points: Mutex<VecDeque<LivePoint>>,
}

impl GcRecorder {
    /// Nothing recorded yet.
    ///
    /// # Errors
    /// Never with constant bounds; the constructor is shared.
    pub fn new() -> Result<Self, HistogramError> {
        let empty = || Histogram::new(PAUSE_BOUNDS).map(|made| Arc::new(Mutex::new(made)));
        Ok(Self {
            total_ns: AtomicU64::new(0),
            allocated: AtomicU64::new(0),
            left: AtomicU64::new(0),
            kinds: [empty()?, empty()?, empty()?, empty()?],
            points: Mutex::new(VecDeque::new()),
        })
    }

    /// Records the pause of one collection.
    pub fn record(&self, kind: GcKind, pause_ns: u64) {
        self.total_ns.fetch_add(pause_ns, Relaxed);
        if let Some(histogram) = self.kinds.get(kind as usize) {
            histogram.lock().record(pause_ns as f64 / 1e6);
        }
    }

    /// A collection begins with that many heap bytes in use: what they are more than the last one left was allocated.
    pub fn found(&self, used: u64) {
        if let Some(left) = self.left.load(Relaxed).checked_sub(1) {
            self.allocated.fetch_add(used.saturating_sub(left), Relaxed);
        }
    }

    /// What a collection has left; points are kept of major ones.
    pub fn left(&self, kind: GcKind, live: LiveSet) {
        self.left.store(live.used.saturating_add(1), Relaxed);
        if kind == GcKind::Major {
            let mut points = self.points.lock();
            if points.len() == MAX_POINTS {
                points.pop_front();
            }
            points.push_back(LivePoint { live, allocated: self.allocated() });
        }
    }

    /// Heap bytes allocated since the recorder began, up to the newest collection.
    pub fn allocated(&self) -> u64 {
        self.allocated.load(Relaxed)
    }

    /// Accumulated pause of all kinds, in nanoseconds.
    pub fn total_ns(&self) -> u64 {
        self.total_ns.load(Relaxed)
    }

    /// The pause histogram (milliseconds) of one kind; it goes on being written.
    pub fn histogram(&self, kind: GcKind) -> Option<SharedHistogram> {
        self.kinds.get(kind as usize).map(Arc::clone)
    }

    /// Takes the points recorded since the last call, oldest first.
    pub fn drain_points(&self) -> Vec<LivePoint> {
        self.points.lock().drain(..).collect()
    }
}

/// Times collections that may nest.
///
/// V8 announces weak callbacks like a collection, and these may run JavaScript, which may collect. Each collection's pause is its own, without those inside it, so that the sum is the time that passed.
#[derive(Debug, Default)]
pub struct PauseStack {
    /// Start and time taken by inner collections, in nanoseconds.
    open: Vec<(u64, u64)>,
}

impl PauseStack {
    /// A collection begins.
    pub fn begin(&mut self, now: u64) {
        self.open.push((now, 0));
    }

    /// The innermost collection ends; its own pause in nanoseconds. `None` if none had begun.
    pub fn end(&mut self, now: u64) -> Option<u64> {
        let (start, inner) = self.open.pop()?;
        let whole = now.saturating_sub(start);
        if let Some((_, inner_of_outer)) = self.open.last_mut() {
            *inner_of_outer += whole;
        }
        Some(whole.saturating_sub(inner))
    }
}

/// Told at the end of each major collection, and when a call cannot be explained.
///
/// Called on the JavaScript thread, inside V8: must not touch V8.
pub type OnMajor = Box<dyn Fn()>;

/// V8's GC callbacks, registered for one isolate. Belongs to its thread.
pub struct GcHooks {
    installed: Arc<AtomicPtr<Installed>>,
}

/// What the callbacks work on; lives until they are taken back.
struct Installed {
    v8: &'static V8,
    isolate: *mut Isolate,
    recorder: Arc<GcRecorder>,
    on_major: OnMajor,
    pauses: RefCell<PauseStack>,
    /// Set when V8 calls us with something that our reading of its API cannot explain.
    distrusted: Arc<AtomicBool>,
}

const CALLBACKS: (GcCallback, GcCallback) = (on_prologue, on_epilogue);

impl GcHooks {
    /// Registers the callbacks for the isolate of the current thread.
    ///
    /// # Safety
    /// Call on a JavaScript thread, inside a Node-API call; [`remove`](Self::remove) must be called on the same
    /// thread before the isolate ends.
    ///
    /// # Errors
    /// When V8's functions cannot be found or no isolate is entered.
    pub unsafe fn install(
        recorder: Arc<GcRecorder>,
        distrusted: Arc<AtomicBool>,
        on_major: OnMajor,
    ) -> Result<Self, &'static str> {
        let v8 = V8::get()?;
        // SAFETY: a JavaScript thread, by the caller's promise.
        let isolate = unsafe { v8.current_isolate() };
        if isolate.is_null() {
            return Err("no isolate is entered on this thread");
        }
        let pauses = RefCell::new(PauseStack::default());
        let data = Box::into_raw(Box::new(Installed {
            v8,
            isolate,
            recorder,
            on_major,
            pauses,
            distrusted,
        }));
        // SAFETY: the isolate is live and ours; `data` is freed only by `remove`, after the callbacks.
        unsafe { v8.add_gc_callbacks(isolate, CALLBACKS, data.cast()) };
        Ok(Self { installed: Arc::new(AtomicPtr::new(data)) })
    }

    /// A handle by which a cleanup hook can take the callbacks back.
    pub fn remover(&self) -> impl Fn() + 'static + use<> {
        let installed = Arc::clone(&self.installed);
        move || remove(&installed)
    }

    /// Takes the callbacks back. Doing it twice does no harm.
    pub fn remove(&self) {
        remove(&self.installed);
    }
}

impl Drop for GcHooks {
    fn drop(&mut self) {
        self.remove();
    }
}

fn remove(installed: &AtomicPtr<Installed>) {
    // Whoever swaps the pointer out does the work; the environment's hook and the owner may both try.
    let data = installed.swap(ptr::null_mut(), Relaxed);
    if data.is_null() {
        return;
    }
    // SAFETY: the pointer came from Box::into_raw in `install` and was swapped out exactly once. The isolate is
    // live: `install`'s caller promised removal before its end.
    unsafe {
        let installed = &*data;
        installed.v8.remove_gc_callbacks(installed.isolate, CALLBACKS, data.cast());
        drop(Box::from_raw(data));
    }
}

unsafe extern "C" fn on_prologue(isolate: *mut Isolate, kind: u32, _: u32, data: *mut c_void) {
    // SAFETY: V8 hands back the data of `install`, which outlives the registration.
    let installed = unsafe { &*data.cast::<Installed>() };
    // A panic must not unwind into V8. (A borrow that fails would be one; nothing holds it across a call to V8.)
    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| installed.prologue(isolate, kind)));
}

unsafe extern "C" fn on_epilogue(isolate: *mut Isolate, kind: u32, _: u32, data: *mut c_void) {
    // SAFETY: as in `on_prologue`.
    let installed = unsafe { &*data.cast::<Installed>() };
    // A panic must not unwind into V8.
    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| installed.epilogue(isolate, kind)));
}

impl Installed {
    fn prologue(&self, isolate: *mut Isolate, kind: u32) {
        self.pauses.borrow_mut().begin(now_ns());
        if GcKind::from_v8(kind).is_some_and(GcKind::frees) && ptr::eq(isolate, self.isolate) {
            // SAFETY: V8 calls us on the isolate's thread, and GetHeapStatistics only reads counters.
            self.recorder.found(unsafe { self.v8.heap(isolate) }.used);
        }
    }

    fn epilogue(&self, isolate: *mut Isolate, kind: u32) {
        let now = now_ns();
        let pause = self.pauses.borrow_mut().end(now);
        let kind = GcKind::from_v8(kind);
        let (Some(kind), Some(pause), true) = (kind, pause, ptr::eq(isolate, self.isolate)) else {
            self.distrusted.store(true, Relaxed);
            // Somebody has to look at the flag, and if every call is odd there is no other occasion.
            (self.on_major)();
            return;
        };
        if kind.frees() {
            // SAFETY: as in `prologue`.
            let HeapReading { used, external, .. } = unsafe { self.v8.heap(isolate) };
            self.recorder.left(kind, LiveSet { at: now, used, external });
        }
        self.recorder.record(kind, pause);
        if kind == GcKind::Major {
            (self.on_major)();
        }
    }
}
