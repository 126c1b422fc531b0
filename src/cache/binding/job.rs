//! Work on a thread of its own, with an answer to JavaScript.
//!
//! A promise waits for it, so it keeps the process alive, as the promises of Node's `fs` do. When its environment ends
//! it is told to stop, and its answer goes nowhere: nobody waits for it, since the system may take seconds for a single call.
//! The image of the addon stays loaded, because the thread-safe function has pinned it.

use std::{
    cell::RefCell,
    io,
    panic::AssertUnwindSafe,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
};

use napi::{
    Env,
    bindgen_prelude::{External, FnArgs, Function},
    threadsafe_function::ThreadsafeFunctionCallMode,
};
use napi_derive::napi;

use super::{
    super::persist::fault::{Fault, Outcome},
    files::Loaded,
};
use crate::{error::ErrorCode, shared::env_hook::EnvHook};

/// How work with a file has ended.
#[napi(object, object_from_js = false)]
pub struct SharedCacheOutcome {
    /// Of the error, if it has failed.
    pub code: Option<String>,
    /// What the error says.
    pub message: Option<String>,
    /// The system's number of the error, if it is one of the system.
    pub errno: Option<i32>,
    /// If it has not failed: numbers, in an order that depends on the work.
    pub figures: Vec<f64>,
    /// A cache that was loaded.
    #[napi(ts_type = "object")]
    pub cache: Option<External<Loaded>>,
}

/// What a thread has to say.
pub struct Report {
    /// In the order that JavaScript expects.
    pub figures: Vec<f64>,
    /// A cache that was loaded.
    pub cache: Option<Loaded>,
}

/// The function of JavaScript that is told.
pub type Callback<'env> = Function<'env, FnArgs<(SharedCacheOutcome,)>, ()>;

/// Starts it. `work` should look at the flag now and then: it is set when nobody wants the answer any more.
///
/// # Errors
/// When Node or the system refuses what it needs.
pub fn start(
    env: Env,
    callback: &Callback<'_>,
    work: impl FnOnce(&AtomicBool) -> Outcome<Report> + Send + 'static,
) -> napi::Result<()> {
    let cancelled = Arc::new(AtomicBool::new(false));
    let hook: Rc<RefCell<Option<EnvHook>>> = Rc::default();
    let kept = Rc::clone(&hook);
    let done =
        callback.build_threadsafe_function::<Outcome<Report>>().build_callback(move |context| {
            // On the thread of the environment, as the hook wants it.
            kept.take();
            Ok(FnArgs::from((to_js(context.value),)))
        })?;
    let flag = Arc::clone(&cancelled);
    *hook.borrow_mut() = Some(EnvHook::new(&env, move || flag.store(true, Relaxed))?);
    let run = move || {
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| work(&cancelled)));
        // The hook of panics has printed it.
        let outcome = outcome.unwrap_or_else(|_| {
            let error = io::ErrorKind::Other.into();
            Err(Fault::System { what: "The thread has panicked".to_owned(), error })
        });
        let _ = done.call(outcome, ThreadsafeFunctionCallMode::NonBlocking);
    };
    thread::Builder::new()
        .name("heapwise-file".to_owned())
        .spawn(run)
        .map(drop)
        .map_err(|error| napi::Error::from_reason(error.to_string()))
}

fn to_js(outcome: Outcome<Report>) -> SharedCacheOutcome {
    match outcome {
        Ok(Report { figures, cache }) => SharedCacheOutcome {
            code: None,
            message: None,
            errno: None,
            figures,
            cache: cache.map(External::new),
        },
        Err(fault) => SharedCacheOutcome {
            code: Some(code_of(&fault).as_ref().to_owned()),
            message: Some(fault.to_string()),
            errno: match &fault {
                Fault::System { error, .. } => error.raw_os_error(),
                _ => None,
            },
            figures: Vec::new(),
            cache: None,
        },
    }
}

const fn code_of(fault: &Fault) -> ErrorCode {
    match fault {
        Fault::Busy(_) => ErrorCode::SharedCacheSaveBusy,
        Fault::Overrun(_) => ErrorCode::SharedCacheSaveOverrun,
        // Nobody hears of that.
        Fault::Cancelled | Fault::System { .. } => ErrorCode::SharedCacheFile,
        Fault::Missing(_) => ErrorCode::SharedCacheFileMissing,
        Fault::Invalid { .. } => ErrorCode::SharedCacheFileInvalid,
        Fault::Version(_) => ErrorCode::SharedCacheFileVersion,
        Fault::Codec(_) => ErrorCode::SharedCacheFileCodec,
        Fault::Memory => ErrorCode::SharedCacheMemory,
    }
}
