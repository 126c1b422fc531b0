//! V8's sampling heap profiler: which call paths allocated what is alive now.
//!
//! Read through V8's own API, because the inspector's read forces a full collection of the heap. The sampler picks about
//! one allocation in each `interval` bytes, at random, keeps the stack, and forgets a sample when its object dies.
//! Ordinals count samples in order of allocation, so they tell the age of what has survived.
//!
//! There is one sampler per isolate. Another tool's is read but not stopped. Nothing is read before a profile of known
//! content was ([`HeapSampler::check`]).

use std::{
    cell::Cell,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use napi::sys;

use super::{
    allocation_profile::{Copied, Layout, Names, OwnedProfile, RawProfile},
    isolate::{Isolate, V8},
    symbols::symbol,
    text::scoped,
};

/// A call path: a function with those that called it. The root's has neither name nor caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileNode {
    /// Number by which samples name it.
    pub id: u32,
    /// Place of the caller in [`Profile::nodes`], always smaller than the own place; `None` for the root.
    pub parent: Option<usize>,
    /// Name of the function; empty for an anonymous one, in parentheses for V8's own.
    pub function: Arc<str>,
    /// Path, `file:` URL or `node:` name of the script; empty where there is none.
    pub script: Arc<str>,
    /// V8's number of the script; 0 where there is none.
    pub script_id: i32,
    /// Line where the function begins, from 1; 0 when not known.
    pub line: i32,
    /// Column where the function begins, from 1; 0 when not known.
    pub column: i32,
}

/// A sampled object that is alive, or not collected yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The call path that allocated it.
    pub node: u32,
    /// Size of the object in bytes.
    pub size: u64,
    /// For how many objects of that size it stands. >= 1.
    pub count: u64,
    /// Number in the order of allocation.
    pub ordinal: u64,
}

/// What the sampler holds at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Call paths, callers before those they call.
    pub nodes: Vec<ProfileNode>,
    /// Samples, in no order.
    pub samples: Vec<Sample>,
    /// Whether another sampler has taken the place of the one of the reading before.
    pub is_of_another: bool,
}

#[repr(C)]
struct HeapProfiler {
    _opaque: [u8; 0],
}

struct ProfilerApi {
    of: unsafe extern "C" fn(*mut Isolate) -> *mut HeapProfiler,
    start: unsafe extern "C" fn(*mut HeapProfiler, u64, i32, u32) -> bool,
    stop: unsafe extern "C" fn(*mut HeapProfiler),
    profile: unsafe extern "C" fn(*mut HeapProfiler) -> *mut RawProfile,
}

impl ProfilerApi {
    fn get() -> Result<&'static Self, &'static str> {
        static API: OnceLock<Option<ProfilerApi>> = OnceLock::new();
        V8::get()?;
        API.get_or_init(Self::find)
            .as_ref()
            .ok_or("this runtime does not export V8's heap profiler")
    }

    fn find() -> Option<Self> {
        // SAFETY: each type follows V8's declaration of the function of that mangled name (v8-isolate.h, v8-profiler.h);
        // see isolate.rs for the calling convention. The `m` or `y` and the `i` in the name of `start` say that interval and
        // depth are an unsigned integer of 64 bits and an int.
        unsafe {
            Some(Self {
                of: symbol("_ZN2v87Isolate15GetHeapProfilerEv")?,
                start: symbol(
                    "_ZN2v812HeapProfiler25StartSamplingHeapProfilerEmiNS0_13SamplingFlagsE",
                )
                .or_else(|| {
                    // Where a 64-bit integer is a long long: macOS.
                    symbol("_ZN2v812HeapProfiler25StartSamplingHeapProfilerEyiNS0_13SamplingFlagsE")
                })?,
                stop: symbol("_ZN2v812HeapProfiler24StopSamplingHeapProfilerEv")?,
                profile: symbol("_ZN2v812HeapProfiler20GetAllocationProfileEv")?,
            })
        }
    }
}

/// How this process's V8 lays out samples, once a check has found out.
static LAYOUT: OnceLock<Layout> = OnceLock::new();

thread_local! {
    /// A reading allocates, so it may collect, and that may meet the heap's limit, whose hook wants to read: V8's tree must
    /// not be read inside its own reading.
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread as reading, until it is dropped.
struct Reading;

impl Reading {
    fn begin() -> Option<Self> {
        (!READING.replace(true)).then_some(Self)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        READING.set(false);
    }
}

/// Why a profile could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// No sampler runs.
    NotRunning,
    /// It was not checked whether it can be.
    Unchecked,
    /// This thread is reading one.
    Busy,
    /// What V8 gave does not look as it should: its API must not be used any more.
    Strange,
}

/// What a check expects: a function that has just allocated objects, which are held.
pub struct Expected<'a> {
    /// Its name.
    pub function: &'a str,
    /// The name of its caller.
    pub caller: &'a str,
    /// Its script.
    pub script: &'a str,
    /// The line on which it begins.
    pub line: i32,
    /// Bytes of what it has allocated, at least and at most.
    pub bytes: (f64, f64),
}

/// The sampler of one isolate. Belongs to its thread. Stops when dropped, if it was started here.
pub struct HeapSampler {
    api: &'static ProfilerApi,
    profiler: *mut HeapProfiler,
    env: sys::napi_env,
    /// Whether the running sampler is ours. Shared with the hook that stops it.
    ours: Arc<AtomicBool>,
    names: Names,
}

impl HeapSampler {
    /// The sampler of the current thread's isolate; starts nothing.
    ///
    /// # Safety
    /// Inside a Node-API call of `env`, and so must be all calls of the methods; `stop` or the `stopper` must be called
    /// before the environment ends, if this has started the sampler.
    ///
    /// # Errors
    /// Where there is no bridge.
    pub unsafe fn current(env: sys::napi_env) -> Result<Self, &'static str> {
        let api = ProfilerApi::get()?;
        // SAFETY: a JavaScript thread, by the caller's promise.
        let isolate = unsafe { V8::get()?.current_isolate() };
        if isolate.is_null() {
            return Err("no isolate is entered on this thread");
        }
        // SAFETY: the isolate is live; its profiler lives as long as it does.
        let profiler = unsafe { (api.of)(isolate) };
        if profiler.is_null() {
            return Err("the isolate has no heap profiler");
        }
        let ours = Arc::new(AtomicBool::new(false));
        Ok(Self { api, profiler, env, ours, names: Names::default() })
    }

    /// Starts sampling: about one allocation in each `interval` bytes, stacks of `depth` frames at most. False when a
    /// sampler runs already.
    #[must_use]
    pub fn start(&mut self, interval: u64, depth: i32) -> bool {
        /// No collections on reading, and nothing kept of objects that died.
        const NO_FLAGS: u32 = 0;
        let (interval, depth) = (interval.max(1), depth.max(1));
        // SAFETY: by the promise of `current`: on the isolate's thread, the isolate is live.
        let started = unsafe { (self.api.start)(self.profiler, interval, depth, NO_FLAGS) };
        if started {
            self.names = Names::default();
            self.ours.store(true, Relaxed);
        }
        started
    }

    /// Whether the running sampler was started here.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.ours.load(Relaxed)
    }

    /// Stops the sampler if it was started here. Doing it twice does no harm.
    pub fn stop(&self) {
        self.stopper()();
    }

    /// A function for the environment's end that stops the sampler if it was started here: V8 aborts when an isolate
    /// ends while its sampler runs.
    pub fn stopper(&self) -> impl Fn() + 'static + use<> {
        let (api, profiler, ours) = (self.api, self.profiler, Arc::clone(&self.ours));
        move || {
            if ours.swap(false, Relaxed) {
                // SAFETY: by the promise of `current`: on the isolate's thread, before its end.
                unsafe { (api.stop)(profiler) };
            }
        }
    }

    /// Whether a check has found out how to read.
    #[must_use]
    pub fn is_checked() -> bool {
        LAYOUT.get().is_some()
    }

    /// Finds out how to read, on a profile that must hold what is expected. False when it does not: then nothing is ever read.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn check(&mut self, expected: &Expected<'_>) -> Result<bool, ReadError> {
        let (copied, layout) = self.reading(|owned, names, env| {
            // SAFETY: on the thread of `env`; the samples are those of a live profile.
            unsafe {
                let nodes = owned.copied(env, names, None)?.profile.nodes;
                let layout = Layout::of(owned.samples()?, &nodes)?;
                Some((owned.copied(env, names, Some(layout))?, layout))
            }
        })?;
        let right = holds(&copied, expected);
        Ok(right && *LAYOUT.get_or_init(|| layout) == layout)
    }

    /// What is alive now, and what has died since the last collection but is not collected yet.
    ///
    /// # Errors
    /// When no sampler runs, nothing was checked, or the profile is not what it should be.
    pub fn read(&mut self) -> Result<Profile, ReadError> {
        let layout = *LAYOUT.get().ok_or(ReadError::Unchecked)?;
        let read = self.reading(|owned, names, env| {
            // SAFETY: on the thread of `env`.
            unsafe { owned.copied(env, names, Some(layout)) }
        });
        let profile = read?.profile;
        if profile.is_of_another {
            // Somebody has stopped ours and started theirs.
            self.ours.store(false, Relaxed);
        }
        Ok(profile)
    }

    fn reading<T>(
        &mut self,
        look: impl FnOnce(&OwnedProfile, &mut Names, sys::napi_env) -> Option<T>,
    ) -> Result<T, ReadError> {
        let _reading = Reading::begin().ok_or(ReadError::Busy)?;
        let (api, profiler, env) = (self.api, self.profiler, self.env);
        // SAFETY: by the promise of `current`; the handles of the names live in the scope.
        let read = unsafe {
            scoped(env, || {
                // Handed over by V8, here and now.
                let owned =
                    OwnedProfile::new((api.profile)(profiler)).ok_or(ReadError::NotRunning)?;
                look(&owned, &mut self.names, env).ok_or(ReadError::Strange)
            })
        };
        let read = read.unwrap_or(Err(ReadError::Strange));
        if matches!(read, Err(ReadError::NotRunning)) {
            // Somebody has stopped it.
            self.ours.store(false, Relaxed);
        }
        read
    }
}

impl Drop for HeapSampler {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether a profile has what is expected: the function, under its caller, with samples whose sizes add up to what V8's own
/// sum for the node is, and to what was allocated.
fn holds(Copied { profile, sums }: &Copied, expected: &Expected<'_>) -> bool {
    let is_named = |node: &ProfileNode, name: &str| {
        node.function.as_ref() == name && node.script.as_ref() == expected.script
    };
    let is_expected = |node: &ProfileNode| {
        let caller = node.parent.and_then(|at| profile.nodes.get(at));
        is_named(node, expected.function)
            && node.line == expected.line
            && caller.is_some_and(|caller| is_named(caller, expected.caller))
    };
    let Some(place) = profile.nodes.iter().position(is_expected) else { return false };
    let id = profile.nodes.get(place).map(|node| node.id);
    let of_node = profile.samples.iter().filter(|sample| Some(sample.node) == id);
    let bytes = of_node.map(|sample| sample.size * sample.count).sum::<u64>() as f64;
    let own = sums.get(place).copied().unwrap_or_default() as f64;
    let (least, most) = expected.bytes;
    (least..=most).contains(&bytes) && (0.7..=1.4).contains(&(own / bytes))
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    #[test]
    fn outside_node_there_is_no_sampler_instead_of_a_guess() {
        // SAFETY: refused before the environment is looked at.
        assert!(unsafe { HeapSampler::current(ptr::null_mut()) }.is_err());
        assert!(!HeapSampler::is_checked());
    }

    #[test]
    fn a_reading_inside_a_reading_is_refused_and_one_after_it_is_not() {
        let first = Reading::begin();
        assert!(first.is_some() && Reading::begin().is_none());
        drop(first);
        assert!(Reading::begin().is_some());
    }

    fn profile(function: &str, caller: &str, line: i32, samples: u64) -> Copied {
        let node = |id, parent, function: &str, line| ProfileNode {
            id,
            parent,
            function: function.into(),
            script: "/app/check.js".into(),
            script_id: 5,
            line,
            column: 1,
        };
        let nodes = vec![
            node(1, None, "", 0),
            node(2, Some(0), caller, 3),
            node(3, Some(1), function, line),
        ];
        let samples =
            (0..samples).map(|ordinal| Sample { node: 3, size: 24, count: 2, ordinal }).collect();
        Copied { profile: Profile { nodes, samples, is_of_another: false }, sums: vec![0, 0, 4800] }
    }

    #[test]
    fn a_check_wants_function_caller_line_and_bytes() {
        let expected = Expected {
            function: "made",
            caller: "by",
            script: "/app/check.js",
            line: 9,
            bytes: (3000.0, 6000.0),
        };
        assert!(holds(&profile("made", "by", 9, 100), &expected));
        assert!(!holds(&profile("other", "by", 9, 100), &expected));
        assert!(!holds(&profile("made", "other", 9, 100), &expected));
        assert!(!holds(&profile("made", "by", 8, 100), &expected));
        assert!(!holds(&profile("made", "by", 9, 200), &expected), "more than was allocated");
        assert!(!holds(&profile("made", "by", 9, 65), &expected), "less than V8's own sum");
    }
}
