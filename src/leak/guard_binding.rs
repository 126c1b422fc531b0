//! The class behind `lib/leak/guard.js`: writes the last report and the heap profile before a limit ends the process.

#![expect(
    clippy::missing_errors_doc,
    clippy::needless_pass_by_value,
    reason = "index.d.ts documents the errors; napi hands over owned arguments"
)]

use std::{
    cell::RefCell,
    path::PathBuf,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use napi::{
    Env,
    bindgen_prelude::{FnArgs, Function},
    sys,
};
use napi_derive::napi;

use super::last_words::{LastWords, Limit, Written};
use crate::{
    error::{CodedError, ErrorCode, coded},
    process::sampler::{MemorySample, Watcher},
    shared::{env_hook::EnvHook, notify::Notifier, number::to_u64},
    v8::{
        heap_limit::HeapLimitHook,
        heapprofile,
        interrupt::Interruptible,
        profiler::{HeapSampler, ReadError},
    },
};

/// Told which limit it was (`heap` or `cgroup`; empty to wake the thread up), the files, one to a line, and what went wrong.
type Told = Notifier<FnArgs<(String, String, String)>>;

/// Waits for a limit.
#[napi]
pub struct LeakGuard {
    scribe: Arc<Scribe>,
    parts: Rc<RefCell<Option<Parts>>>,
    _hook: EnvHook,
}

/// What has to end before the environment does.
struct Parts {
    _heap: HeapLimitHook,
    _cgroup: Watcher,
    interruptible: Arc<Interruptible>,
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.interruptible.revoke();
    }
}

#[napi]
impl LeakGuard {
    /// Writes to files whose names begin with `base` when V8's heap is full, which then may grow by `extra` bytes, or when
    /// the control group uses `share` of its limit. Throws where there is no bridge.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        env: Env,
        base: String,
        extra: f64,
        share: f64,
        is_worker: bool,
        on_limit: Function<'_, FnArgs<(String, String, String)>, ()>,
    ) -> Result<Self, CodedError> {
        let refused = |error: napi::Error| coded(ErrorCode::Unsupported, error);
        let unsupported = |reason: &str| coded(ErrorCode::Unsupported, reason);
        let told = Notifier::new(&on_limit).map_err(refused)?;
        let scribe = Arc::new(Scribe { words: LastWords::new(PathBuf::from(base)), told });
        // SAFETY: inside a Node-API call; the hook below drops the parts, which revokes, before the environment ends.
        let interruptible = unsafe { Interruptible::current(env.raw()) }.map_err(unsupported)?;
        let at_heap_limit = {
            let (scribe, target) = (Arc::clone(&scribe), Arc::clone(&interruptible));
            Box::new(move |slice: u32| scribe.near_heap_limit(slice, &target))
        };
        let extra = usize::try_from(to_u64(extra)).unwrap_or(usize::MAX);
        // SAFETY: as above: the parts take the hook back.
        let heap = unsafe { HeapLimitHook::install(at_heap_limit, extra, is_worker) };
        let parts = Parts {
            _heap: heap.map_err(unsupported)?,
            _cgroup: watch(&scribe, &interruptible, share),
            interruptible,
        };
        let parts = Rc::new(RefCell::new(Some(parts)));
        let ending = Rc::clone(&parts);
        let hook = EnvHook::new(&env, move || drop(ending.take())).map_err(refused)?;
        Ok(Self { scribe, parts, _hook: hook })
    }

    /// The newest report.
    #[napi(catch_unwind)]
    pub fn note(&self, report: String) {
        self.scribe.words.note(report);
    }

    /// Waits no more. Doing it twice does no harm.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        drop(self.parts.take());
    }
}

/// Writes, and says so.
struct Scribe {
    words: LastWords,
    told: Told,
}

impl Scribe {
    /// On the JavaScript thread, inside V8, with each slice of extra room.
    fn near_heap_limit(self: &Arc<Self>, slice: u32, target: &Arc<Interruptible>) {
        self.words.write_report(Limit::Heap);
        if self.words.has_profile(Limit::Heap) {
            return;
        }
        if slice == 0 {
            // Reading a profile allocates: better in a moment, in an interrupt, than in the middle of a collection.
            let scribe = Arc::clone(self);
            target.ask(Box::new(move |thread| scribe.write_profile(Limit::Heap, thread.env())));
        } else {
            // The interrupt did not come: the thread is in native code, and may never leave it.
            self.write_profile(Limit::Heap, target.env());
        }
    }

    /// On the JavaScript thread, inside V8.
    fn write_profile(&self, limit: Limit, env: sys::napi_env) {
        // SAFETY: on the thread of `env`, which is live; the sampler is read, not started.
        let sampler = unsafe { HeapSampler::current(env) };
        let read = sampler.ok().map(|mut sampler| sampler.read());
        if matches!(read, Some(Err(ReadError::Busy))) {
            // A reading has met the limit again, and will be written when it is whole.
            return;
        }
        let profile = read.and_then(Result::ok).and_then(|profile| heapprofile::to_json(&profile));
        self.finish(limit, profile.as_deref());
    }

    fn finish(&self, limit: Limit, profile: Option<&str>) {
        if let Some(written) = self.words.write_profile(limit, profile) {
            self.tell(limit.name(), written);
        }
    }

    fn tell(&self, limit: &str, Written { files, error }: Written) {
        let files: Vec<_> = files.iter().map(|file| file.to_string_lossy()).collect();
        let arguments = (limit.to_owned(), files.join("\n"), error.unwrap_or_default());
        self.told.call(FnArgs::from(arguments));
    }
}

/// Looks at each sample of the memory whether the control group is nearly full.
fn watch(scribe: &Arc<Scribe>, interruptible: &Arc<Interruptible>, share: f64) -> Watcher {
    let (scribe, target) = (Arc::clone(scribe), Arc::clone(interruptible));
    let asked = AtomicBool::new(false);
    Watcher::new(move |sample: &MemorySample| {
        let full =
            sample.cgroup.is_some_and(|cgroup| cgroup.used as f64 >= share * cgroup.limit as f64);
        if !full || scribe.words.has_profile(Limit::Cgroup) {
            return;
        }
        scribe.words.write_report(Limit::Cgroup);
        if asked.swap(true, Relaxed) {
            // The thread did not answer within a sample: it is in native code. The report is better than nothing.
            scribe.finish(Limit::Cgroup, None);
            return;
        }
        let on_thread = Arc::clone(&scribe);
        target.ask(Box::new(move |thread| on_thread.write_profile(Limit::Cgroup, thread.env())));
        // An interrupt runs with JavaScript, of which an idle loop has none.
        scribe.tell("", Written::default());
    })
}
