//! The class behind `EventLoopMonitor` in JavaScript.

#![expect(
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    clippy::needless_pass_by_value,
    reason = "index.d.ts documents the errors; JavaScript knows no must_use; napi hands over owned arguments"
)]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use napi::{
    Env,
    bindgen_prelude::{FnArgs, Function},
};
use napi_derive::napi;
use parking_lot::Mutex;

use super::{
    blocks::{BLOCKS, Block, Stack},
    core::{TimeSpent, TurnMeter, lag_histogram},
    helper,
    probe::{LagShared, ProbeConfig, ProbeHandle},
    report::Report,
    watchdog::{StackSource, WatchConfig},
};
use crate::{
    clock::core::now_ns,
    error::{CodedError, ErrorCode, coded},
    histogram::binding::NativeHistogram,
    shared::{env_hook::EnvHook, notify::Notifier, number::to_u64},
    v8::{
        binding::GcWatch,
        stack::{self, Frame, capture_here},
    },
};

/// What a probe is started with. Times in milliseconds.
#[napi(object, object_to_js = false)]
pub struct ProbeOptions {
    /// Busy time from which a turn counts as blocked.
    pub threshold: f64,
    /// Node's number of the thread.
    pub thread: u32,
    /// Least time from one stack to the next.
    pub stack_interval: f64,
    /// How stacks are captured: `v8`, `inspector` (by a helper, see `serve_stacks`) or `none`.
    pub stacks: String,
    /// `stderr`, or a file: where the watchdog reports blocks by itself.
    pub report_to: Option<String>,
}

/// Counters of a probe since its start. Times in milliseconds.
#[napi(object, object_from_js = false)]
pub struct LagCounters {
    /// Turns measured.
    pub turns: f64,
    /// Turns that reached the threshold.
    pub blocked: f64,
    /// Busy time of those.
    pub blocked_time: f64,
    /// Time since the start.
    pub elapsed: f64,
    /// Of it, time in which the loop was not waiting.
    pub active: f64,
    /// Of that, garbage collection.
    pub gc: f64,
    /// The loop's idle time so far; to compare with what Node says itself. -1 when not running.
    pub idle: f64,
}

/// One frame of JavaScript. Line and column from 1.
#[napi(object)]
pub struct LoopFrame {
    /// Empty for an anonymous function and a module's top level.
    pub function: String,
    /// Path, URL or `node:` name; empty for some evaluated code.
    pub script: String,
    /// Line.
    pub line: i32,
    /// Column.
    pub column: i32,
}

/// A blocked turn. Times in milliseconds.
#[napi(object, object_from_js = false)]
pub struct LoopBlock {
    /// Unique in the process.
    pub id: f64,
    /// Node's number of the thread.
    pub thread: u32,
    /// Since it began.
    pub age: f64,
    /// How long it lasted, or has lasted so far.
    pub duration: f64,
    /// How much of it was garbage collection.
    pub gc: f64,
    /// Whether it is over.
    pub ended: bool,
    /// Whether a stack did not come in time because the thread was in a native call.
    pub native: bool,
    /// Innermost frame first.
    pub frames: Option<Vec<LoopFrame>>,
    /// Why there are no frames.
    pub reason: Option<String>,
}

impl From<&Frame> for LoopFrame {
    fn from(Frame { function, script, line, column }: &Frame) -> Self {
        Self { function: function.clone(), script: script.clone(), line: *line, column: *column }
    }
}

impl From<LoopFrame> for Frame {
    fn from(LoopFrame { function, script, line, column }: LoopFrame) -> Self {
        Self { function, script, line, column }
    }
}

impl From<&Block> for LoopBlock {
    fn from(block: &Block) -> Self {
        let (frames, reason) = match &block.stack {
            Stack::Captured(frames) | Stack::AfterNative(frames) => (Some(frames), None),
            Stack::Missing(reason) => (None, Some(*reason)),
            Stack::Awaited => (None, Some("it has been asked for")),
            Stack::InNative => (None, Some("the thread is in a native call")),
        };
        Self {
            id: block.id as f64,
            thread: block.thread,
            age: now_ns().saturating_sub(block.start) as f64 / 1e6,
            duration: block.busy as f64 / 1e6,
            gc: block.gc as f64 / 1e6,
            ended: block.ended,
            native: matches!(block.stack, Stack::InNative | Stack::AfterNative(_)),
            frames: frames.map(|frames| frames.iter().map(LoopFrame::from).collect()),
            reason: reason.map(str::to_owned),
        }
    }
}

/// The latest blocked turns of all loops of the process, oldest first, those in progress included.
#[napi(catch_unwind)]
pub fn loop_blocks() -> Vec<LoopBlock> {
    BLOCKS.lock().iter().map(LoopBlock::from).collect()
}

/// One of them; `null` if it is not among them any more.
#[napi(catch_unwind)]
pub fn loop_block(id: f64) -> Option<LoopBlock> {
    BLOCKS.lock().find(to_u64(id)).map(|block| LoopBlock::from(&*block))
}

/// The frames of the caller through the bridge, to be compared with an error's stack before they are believed. Throws
/// where there is no bridge.
#[napi(catch_unwind)]
pub fn capture_stack(env: Env) -> Result<Vec<LoopFrame>, CodedError> {
    // SAFETY: inside a Node-API call of `env`.
    let frames = unsafe { capture_here(env.raw()) }
        .map_err(|reason| coded(ErrorCode::Unsupported, reason))?;
    Ok(frames.iter().map(LoopFrame::from).collect())
}

/// Makes the current thread the helper that is asked for stacks of the main thread: `capture(block)` is called when one
/// is wanted. Its answer goes to `deliver_stack`.
#[napi(catch_unwind)]
pub fn serve_stacks(env: Env, capture: Function<'_, FnArgs<(f64,)>, ()>) -> Result<(), CodedError> {
    let unsupported = |error: napi::Error| coded(ErrorCode::Unsupported, error);
    let ask = Notifier::new(&capture).map_err(unsupported)?;
    // Not kept: it runs at the end of the environment, which is what it is for.
    std::mem::forget(EnvHook::new(&env, helper::leave).map_err(unsupported)?);
    helper::serve(ask);
    Ok(())
}

/// The helper's answer: frames, innermost first, or none if somebody else has paused the thread.
#[napi(catch_unwind)]
pub fn deliver_stack(block: f64, frames: Option<Vec<LoopFrame>>) {
    let id = to_u64(block);
    let mut blocks = BLOCKS.lock();
    match frames {
        Some(frames) => blocks.captured(id, frames.into_iter().map(Frame::from).collect()),
        None => blocks.refused(id, "a debugger has paused the thread"),
    }
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
        let shared = Arc::new(LagShared {
            meter: Mutex::new(TurnMeter::default()),
            blocked: AtomicU64::new(0),
            blocked_time: AtomicU64::new(0),
            histogram: Arc::new(Mutex::new(lag_histogram()?)),
        });
        Ok(Self { shared, handle: None })
    }

    /// Puts the probe on this environment's loop. `on_blocked(block, duration)`, in milliseconds, is called as soon as
    /// JavaScript runs again. Throws where the loop is not libuv's, and when the report's file cannot be opened.
    #[napi(catch_unwind)]
    pub fn start(
        &mut self,
        env: Env,
        options: ProbeOptions,
        gc: Option<&GcWatch>,
        on_blocked: Function<'_, FnArgs<(f64, f64)>, ()>,
    ) -> Result<(), CodedError> {
        if self.handle.is_some() {
            return Ok(());
        }
        let unsupported = |reason: &str| coded(ErrorCode::Unsupported, reason);
        let ProbeOptions { threshold, thread, stack_interval, stacks, report_to } = options;
        let report = report_to.map(|to| report(&to)).transpose()?;
        let notifier =
            Notifier::new(&on_blocked).map_err(|error| coded(ErrorCode::Unsupported, error))?;
        let stacks = match stacks.as_str() {
            // SAFETY: inside a Node-API call of `env`; the watch revokes it before the environment ends.
            "v8" => unsafe { stack::askable(env.raw()) }
                .map_or_else(StackSource::None, StackSource::Interrupt),
            "inspector" => StackSource::Helper,
            _ => StackSource::None("stacks are not captured here"),
        };
        let config = ProbeConfig {
            shared: Arc::clone(&self.shared),
            watch: WatchConfig {
                thread,
                threshold: to_u64(threshold * 1e6),
                stack_interval: to_u64(stack_interval * 1e6),
                stacks,
                gc: gc.map(GcWatch::recorder),
                report,
            },
            on_blocked: Box::new(move |id, turn| {
                notifier.call(FnArgs::from((id as f64, turn.busy as f64 / 1e6)));
            }),
        };
        self.shared.blocked.store(0, Relaxed);
        self.shared.blocked_time.store(0, Relaxed);
        // SAFETY: inside a Node-API call, so `env` is live and this is its thread.
        let handle = unsafe { ProbeHandle::start(env.raw(), config) }.map_err(unsupported)?;
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

    /// The counters since the last start, until the stop if there was one.
    #[napi(catch_unwind)]
    pub fn counters(&self) -> LagCounters {
        let reading = self.handle.as_ref().and_then(ProbeHandle::read);
        let meter = self.shared.meter.lock();
        let TimeSpent { elapsed, active, gc } = meter.spent(reading);
        LagCounters {
            turns: meter.turns() as f64,
            blocked: self.shared.blocked.load(Relaxed) as f64,
            blocked_time: self.shared.blocked_time.load(Relaxed) as f64 / 1e6,
            elapsed: elapsed as f64 / 1e6,
            active: active as f64 / 1e6,
            gc: gc as f64 / 1e6,
            idle: reading.map_or(-1.0, |reading| reading.idle as f64 / 1e6),
        }
    }
}

fn report(to: &str) -> Result<Report, CodedError> {
    if to == "stderr" {
        return Ok(Report::Stderr);
    }
    Report::file(Path::new(to))
        .map_err(|error| coded(ErrorCode::ReportFile, format!("{to}: {error}")))
}
