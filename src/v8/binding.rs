//! The class behind `lib/gc.js`: watches the collections of one environment.

#![expect(clippy::missing_errors_doc, reason = "index.d.ts documents the errors")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use napi::{Env, bindgen_prelude::Function};
use napi_derive::napi;
use parking_lot::Mutex;

use super::{
    gc::{GcHooks, GcKind, GcRecorder, LivePoint, LiveSet},
    isolate::V8,
};
use crate::{
    clock::core::now_ns,
    error::{CodedError, ErrorCode, coded},
    histogram::binding::NativeHistogram,
    shared::{env_hook::EnvHook, notify::Notifier, number::to_u64},
};

/// What V8 says about its heap when asked through the bridge, in bytes.
#[napi(object, object_from_js = false)]
pub struct BridgeHeap {
    /// Bytes in use by objects.
    pub used: f64,
    /// The heap limit.
    pub limit: f64,
    /// Bytes that V8 knows of outside its heap, array buffers included.
    pub external: f64,
}

/// One point of the live set, as JavaScript reads it.
#[napi(object, object_from_js = false)]
pub struct GcPoint {
    /// Milliseconds before now.
    pub age: f64,
    /// Heap bytes in use.
    pub used: f64,
    /// Bytes that V8 knows of outside its heap, array buffers included.
    pub external: f64,
    /// Heap bytes allocated since watching began.
    pub allocated: f64,
}

/// Watches the collections of one environment.
#[napi]
pub struct GcWatch {
    recorder: Arc<GcRecorder>,
    distrusted: Arc<AtomicBool>,
    hooks: Mutex<Option<(EnvHook, GcHooks)>>,
}

impl GcWatch {
    /// What the loop probe reads to tell garbage collection from lag.
    pub fn recorder(&self) -> Arc<GcRecorder> {
        Arc::clone(&self.recorder)
    }
}

#[napi]
impl GcWatch {
    /// Watches nothing until `hook` is called or `record` is fed.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Result<Self, CodedError> {
        Ok(Self {
            recorder: Arc::new(GcRecorder::new()?),
            distrusted: Arc::new(AtomicBool::new(false)),
            hooks: Mutex::new(None),
        })
    }

    /// The heap's figures through the bridge, for the comparison with `v8.getHeapStatistics()` that decides whether
    /// the bridge may be used. Throws where there is no bridge.
    #[napi(catch_unwind)]
    pub fn heap(&self) -> Result<BridgeHeap, CodedError> {
        let v8 = V8::get().map_err(|reason| coded(ErrorCode::Unsupported, reason))?;
        // SAFETY: inside a Node-API call on the JavaScript thread, whose isolate is entered and live.
        let reading = unsafe { v8.heap(v8.current_isolate()) };
        Ok(BridgeHeap {
            used: reading.used as f64,
            limit: reading.limit as f64,
            external: reading.external as f64,
        })
    }

    /// Registers V8's GC callbacks; `on_major` is called, soon but not inside the collection, after each major one.
    #[napi(catch_unwind)]
    pub fn hook(&self, env: Env, on_major: Function<'_, (), ()>) -> Result<(), CodedError> {
        let unsupported = |error: napi::Error| coded(ErrorCode::Unsupported, error);
        let notifier = Notifier::new(&on_major).map_err(unsupported)?;
        // SAFETY: inside a Node-API call; the cleanup hook registered below removes the callbacks before the
        // isolate ends, and an early return drops `hooks`, which removes them too.
        let hooks = unsafe {
            GcHooks::install(
                Arc::clone(&self.recorder),
                Arc::clone(&self.distrusted),
                Box::new(move || notifier.call(())),
            )
        }
        .map_err(|reason| coded(ErrorCode::Unsupported, reason))?;
        let hook = EnvHook::new(&env, hooks.remover()).map_err(unsupported)?;
        *self.hooks.lock() = Some((hook, hooks));
        Ok(())
    }

    /// Takes the callbacks back. What was recorded stays.
    #[napi(catch_unwind)]
    pub fn unhook(&self) {
        *self.hooks.lock() = None;
    }

    /// Whether V8 has called back with something unexpected: the bridge must not be believed any more.
    #[napi(catch_unwind)]
    pub fn distrusted(&self) -> bool {
        self.distrusted.load(Relaxed)
    }

    /// Feeds one collection from another source: `kind` 0 minor, 1 major, 2 incremental, 3 weak callbacks; pause in
    /// milliseconds; heap bytes in use before and after, and external ones after.
    #[napi(catch_unwind)]
    pub fn record(&self, kind: u32, pause: f64, found: f64, used: f64, external: f64) {
        let kind = match kind {
            0 => GcKind::Minor,
            1 => GcKind::Major,
            2 => GcKind::Incremental,
            _ => GcKind::WeakCallbacks,
        };
        if kind.frees() {
            self.recorder.found(to_u64(found));
            let live = LiveSet { at: now_ns(), used: to_u64(used), external: to_u64(external) };
            self.recorder.left(kind, live);
        }
        self.recorder.record(kind, to_u64(pause * 1e6));
    }

    /// Takes the live-set points of the major collections since the last call, oldest first.
    #[napi(catch_unwind)]
    pub fn drain_points(&self) -> Vec<GcPoint> {
        let now = now_ns();
        let points = self.recorder.drain_points();
        points
            .into_iter()
            .map(|LivePoint { live, allocated }| GcPoint {
                age: now.saturating_sub(live.at) as f64 / 1e6,
                used: live.used as f64,
                external: live.external as f64,
                allocated: allocated as f64,
            })
            .collect()
    }

    /// The pause histogram of one kind, in milliseconds; kinds as in `record`. A view, made once by the caller: V8 does
    /// not know how large the memory behind a native object is, so throw-away copies would pile up until a collection.
    #[napi(catch_unwind)]
    pub fn pauses(&self, kind: u32) -> Result<NativeHistogram, CodedError> {
        let kinds = [GcKind::Minor, GcKind::Major, GcKind::Incremental, GcKind::WeakCallbacks];
        kinds
            .get(kind as usize)
            .and_then(|kind| self.recorder.histogram(*kind))
            .map(NativeHistogram::view)
            .ok_or_else(|| coded(ErrorCode::Unsupported, "no such kind of collection"))
    }

    /// Accumulated pause of all kinds, in milliseconds.
    #[napi(catch_unwind)]
    pub fn total(&self) -> f64 {
        self.recorder.total_ns() as f64 / 1e6
    }

    /// Collects all garbage, now. Throws where there is no bridge.
    #[napi(catch_unwind)]
    pub fn collect(&self) -> Result<(), CodedError> {
        let v8 = V8::get().map_err(|reason| coded(ErrorCode::Unsupported, reason))?;
        // SAFETY: inside a Node-API call on the JavaScript thread, whose isolate is entered and live.
        unsafe { v8.collect(v8.current_isolate()) };
        Ok(())
    }

    /// Asks V8 to start an incremental mark-compact. Returns false where there is no bridge.
    #[napi(catch_unwind)]
    pub fn request_gc(&self) -> bool {
        if self.hooks.lock().is_none() {
            return false;
        }
        V8::get().is_ok_and(|v8| {
            // SAFETY: inside a Node-API call on the JavaScript thread, whose isolate is entered and live.
            unsafe { v8.request_gc(v8.current_isolate()) };
            true
        })
    }
}
