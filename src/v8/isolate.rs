//! V8's `Isolate`: the functions in use, their mangled names, and readings of its heap.
//!
//! The names are those of the Itanium C++ ABI (Linux, macOS); they are spelt alike in Node 20, 22, 24 and 26. On
//! Windows the names differ and are not looked up: the bridge says that it is not available there.

use std::{ffi::c_void, sync::OnceLock};

use super::symbols::symbol;

/// An opaque `v8::Isolate`.
#[repr(C)]
pub struct Isolate {
    _opaque: [u8; 0],
}

/// `v8::Isolate::GCCallbackWithData`: isolate, `GCType`, `GCCallbackFlags`, data.
pub type GcCallback = unsafe extern "C" fn(*mut Isolate, u32, u32, *mut c_void);

type AddGcCallback = unsafe extern "C" fn(*mut Isolate, GcCallback, *mut c_void, u32);
type RemoveGcCallback = unsafe extern "C" fn(*mut Isolate, GcCallback, *mut c_void);

/// `v8::MemoryPressureLevel::kModerate`: start an incremental, mostly concurrent mark-compact.
const PRESSURE_MODERATE: u32 = 1;

/// Words of `v8::HeapStatistics` that are read, by position; the same in V8 11 to 14 and checked at run time.
const WORD_USED: usize = 4;
const WORD_LIMIT: usize = 5;
const WORD_EXTERNAL: usize = 7;
/// More words than `HeapStatistics` has in any known version (about 14), so that a longer one cannot overflow.
const STATISTICS_WORDS: usize = 64;

/// What V8 says about its heap, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeapReading {
    /// Bytes in use by objects.
    pub used: u64,
    /// The heap limit.
    pub limit: u64,
    /// Bytes that V8 knows of outside its heap, array buffers included.
    pub external: u64,
}

/// V8's functions, found once per process.
pub struct V8 {
    get_current: unsafe extern "C" fn() -> *mut Isolate,
    construct_statistics: unsafe extern "C" fn(*mut c_void),
    get_heap_statistics: unsafe extern "C" fn(*mut Isolate, *mut c_void),
    add_prologue: AddGcCallback,
    add_epilogue: AddGcCallback,
    remove_prologue: RemoveGcCallback,
    remove_epilogue: RemoveGcCallback,
    memory_pressure: unsafe extern "C" fn(*mut Isolate, u32),
    low_memory: unsafe extern "C" fn(*mut Isolate),
}

impl V8 {
    /// The functions, or the reason why there are none.
    ///
    /// # Errors
    /// On Windows, and where the executable does not export a name.
    pub fn get() -> Result<&'static Self, &'static str> {
        static V8_API: OnceLock<Option<V8>> = OnceLock::new();
        if cfg!(windows) {
            return Err("V8's names are not known on Windows");
        }
        V8_API.get_or_init(Self::find).as_ref().ok_or("this runtime does not export V8's API")
    }

    fn find() -> Option<Self> {
        // SAFETY: each type follows V8's declaration of the function of that mangled name (v8-isolate.h,
        // v8-statistics.h). A C++ member function takes `this` as its first argument in the Itanium ABI, and the
        // enums are passed as 32-bit integers, which is also right for a narrower one (MemoryPressureLevel): the
        // callee reads the low bits of the register.
        unsafe {
            Some(Self {
                get_current: symbol("_ZN2v87Isolate10GetCurrentEv")?,
                construct_statistics: symbol("_ZN2v814HeapStatisticsC1Ev")?,
                get_heap_statistics: symbol(
                    "_ZN2v87Isolate17GetHeapStatisticsEPNS_14HeapStatisticsE",
                )?,
                add_prologue: symbol(
                    "_ZN2v87Isolate21AddGCPrologueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_S2_",
                )?,
                add_epilogue: symbol(
                    "_ZN2v87Isolate21AddGCEpilogueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_S2_",
                )?,
                remove_prologue: symbol(
                    "_ZN2v87Isolate24RemoveGCPrologueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_",
                )?,
                remove_epilogue: symbol(
                    "_ZN2v87Isolate24RemoveGCEpilogueCallbackEPFvPS0_NS_6GCTypeENS_15GCCallbackFlagsEPvES4_",
                )?,
                low_memory: symbol("_ZN2v87Isolate21LowMemoryNotificationEv")?,
                memory_pressure: symbol(
                    "_ZN2v87Isolate26MemoryPressureNotificationENS_19MemoryPressureLevelE",
                )?,
            })
        }
    }

    /// The isolate of the current thread; null when none is entered.
    ///
    /// # Safety
    /// Call it on a JavaScript thread, inside a Node-API call.
    #[must_use]
    pub unsafe fn current_isolate(&self) -> *mut Isolate {
        // SAFETY: no arguments; reads a thread-local of V8.
        unsafe { (self.get_current)() }
    }

    /// Reads the heap's statistics.
    ///
    /// # Safety
    /// `isolate` must be live and this its thread; allowed in GC callbacks, because it does not allocate in V8.
    pub unsafe fn heap(&self, isolate: *mut Isolate) -> HeapReading {
        let mut words = [0u64; STATISTICS_WORDS];
        let block: *mut c_void = words.as_mut_ptr().cast();
        // SAFETY: the block is aligned, zeroed and larger than HeapStatistics; the isolate is live.
        unsafe {
            (self.construct_statistics)(block);
            (self.get_heap_statistics)(isolate, block);
        }
        let word = |at: usize| words.get(at).copied().unwrap_or_default();
        HeapReading {
            used: word(WORD_USED),
            limit: word(WORD_LIMIT),
            external: word(WORD_EXTERNAL),
        }
    }

    /// Starts an incremental mark-compact, as V8 does by itself under moderate memory pressure. Nothing waits for it.
    ///
    /// # Safety
    /// `isolate` must be live and this its thread.
    pub unsafe fn request_gc(&self, isolate: *mut Isolate) {
        // SAFETY: the isolate is live; V8 resets the level itself.
        unsafe { (self.memory_pressure)(isolate, PRESSURE_MODERATE) }
    }

    /// Collects all garbage there is, now: several full collections, until another one would free nothing more.
    ///
    /// # Safety
    /// `isolate` must be live and this its thread.
    pub unsafe fn collect(&self, isolate: *mut Isolate) {
        // SAFETY: the isolate is live.
        unsafe { (self.low_memory)(isolate) }
    }

    /// Registers a pair of GC callbacks.
    ///
    /// # Safety
    /// `isolate` must be live and this its thread; `data` must stay valid until `remove_gc_callbacks`.
    pub unsafe fn add_gc_callbacks(
        &self,
        isolate: *mut Isolate,
        callbacks: (GcCallback, GcCallback),
        data: *mut c_void,
    ) {
        const ALL_TYPES: u32 = 0x1f;
        // SAFETY: passed on to the caller.
        unsafe {
            (self.add_prologue)(isolate, callbacks.0, data, ALL_TYPES);
            (self.add_epilogue)(isolate, callbacks.1, data, ALL_TYPES);
        }
    }

    /// Takes the pair back.
    ///
    /// # Safety
    /// As for `add_gc_callbacks`, with the same callbacks and data, once.
    pub unsafe fn remove_gc_callbacks(
        &self,
        isolate: *mut Isolate,
        callbacks: (GcCallback, GcCallback),
        data: *mut c_void,
    ) {
        // SAFETY: passed on to the caller.
        unsafe {
            (self.remove_prologue)(isolate, callbacks.0, data);
            (self.remove_epilogue)(isolate, callbacks.1, data);
        }
    }
}
