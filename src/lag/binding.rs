//! The class behind `EventLoopMonitor` in JavaScript.

#![expect(
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    reason = "index.d.ts documents the errors; JavaScript knows no must_use; napi hands over owned arguments"
)]

use std::sync::Arc;

use napi::{
    Env,
    bindgen_prelude::{FnArgs, Function},
};
use napi_derive::napi;
use parking_lot::Mutex;

use super::{
    core::{LagRecorder, lag_histogram},
    probe::{LagShared, ProbeConfig, ProbeHandle},
};
use crate::{
    error::{CodedError, ErrorCode, coded},
    histogram::binding::NativeHistogram,
    shared::{notify::Notifier, number::to_u64},
    v8::binding::GcWatch,
};

/// Counters of a probe.
#[napi(object, object_from_js = false)]
pub struct LagCounters {
    /// Turns measured.
    pub turns: f64,
    /// Turns that reached the threshold.
    pub blocked: f64,
    /// Share of the time since the start that the loop was not waiting, 0 to 1.
    pub utilization: f64,
    /// Milliseconds since the start that `utilization` is over.
    pub elapsed: f64,
    /// The loop's idle time so far, milliseconds; to compare with what Node says itself. -1 when not running.
    pub idle: f64,
}

/// The probe of one event loop.
#[napi]
pub struct LoopProbe {
    shared: Arc<LagShared>,
    handle: Option<ProbeHandle>,
}

#[napi]
impl LoopProbe {
    /// A probe that is not running.
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Result<Self, CodedError> {
        let histogram = Arc::new(Mutex::new(lag_histogram()?));
        let recorder = Mutex::new(LagRecorder::default());
        Ok(Self { shared: Arc::new(LagShared { recorder, histogram }), handle: None })
    }

    /// Puts the probe on this environment's loop. `threshold` in milliseconds; `on_blocked(duration, gc)`, both in
    /// milliseconds, is called as soon as JavaScript runs again. Throws where the loop is not libuv's.
    #[napi(catch_unwind)]
    pub fn start(
        &mut self,
        env: Env,
        threshold: f64,
        gc: Option<&GcWatch>,
        on_blocked: Function<'_, FnArgs<(f64, f64)>, ()>,
    ) -> Result<(), CodedError> {
        if self.handle.is_some() {
            return Ok(());
        }
        // A fresh meter: the time since a stop belongs to no turn. What the histogram holds stays.
        *self.shared.recorder.lock() = LagRecorder::default();
        let notifier =
            Notifier::new(&on_blocked).map_err(|error| coded(ErrorCode::Unsupported, error))?;
        let config = ProbeConfig {
            shared: Arc::clone(&self.shared),
            threshold: to_u64(threshold * 1e6),
            gc: gc.map(GcWatch::recorder),
            on_blocked: Box::new(move |turn| {
                notifier.call(FnArgs::from((turn.busy as f64 / 1e6, turn.gc as f64 / 1e6)));
            }),
        };
        // SAFETY: inside a Node-API call, so `env` is live and this is its thread.
        let handle = unsafe { ProbeHandle::start(env.raw(), config) }
            .map_err(|reason| coded(ErrorCode::Unsupported, reason))?;
        self.handle = Some(handle);
        Ok(())
    }

    /// Takes the probe off the loop. What was measured stays.
    #[napi(catch_unwind)]
    pub fn stop(&mut self) {
        self.handle = None;
    }

    /// Busy time of the turns, in milliseconds; grows while the probe runs.
    #[napi(catch_unwind)]
    pub fn histogram(&self) -> NativeHistogram {
        NativeHistogram::view(Arc::clone(&self.shared.histogram))
    }

    /// The counters since the last start.
    #[napi(catch_unwind)]
    pub fn counters(&self) -> LagCounters {
        let reading = self.handle.as_ref().and_then(ProbeHandle::read);
        let recorder = self.shared.recorder.lock();
        let (utilization, elapsed) =
            reading.map_or((0.0, 0), |reading| recorder.meter().utilization(reading));
        LagCounters {
            turns: recorder.meter().turns() as f64,
            blocked: recorder.blocked() as f64,
            utilization,
            elapsed: elapsed as f64 / 1e6,
            idle: reading.map_or(-1.0, |reading| reading.idle as f64 / 1e6),
        }
    }
}
