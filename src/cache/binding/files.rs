//! Saving a cache to a file, and opening one from a file.

#![expect(
    clippy::missing_errors_doc,
    clippy::needless_pass_by_value,
    reason = "index.d.ts documents the errors; napi hands over owned arguments"
)]

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use napi::{
    Env, JsValue, Unknown,
    bindgen_prelude::{External, FromNapiValue},
    sys,
};
use napi_derive::napi;
use parking_lot::Mutex;

use super::{
    super::{
        compress::PACKED,
        hash::Hasher,
        persist::{
            fault::{Fault, Outcome},
            file::{self, NewFile},
            format::Header,
            reader::{self, Loaded as Figures},
            writer,
        },
        registry,
        settings::Settings,
        store::Store,
        sweeper,
        ticker::Ticker,
    },
    answer,
    call::{self, Call, UNDEFINED, enter},
    job::{Callback, Report, start},
    kinds,
    open::{SharedCacheSettings, hand_out, to_settings},
};
use crate::{
    error::{CodedError, ErrorCode, coded},
    shared::{
        number::{to_ns, to_u64},
        service::Guard,
    },
};

/// `save(path, mostKept, callback)`: nothing, or a number if it could not be started.
pub(super) unsafe extern "C" fn save(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 3>| {
        let Some(store) = call.handle.store() else { return UNDEFINED };
        match begin_save(env, call.args, store) {
            Ok(()) => UNDEFINED,
            Err(_) => call::integer(env, answer::NO_MEMORY),
        }
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

fn begin_save(
    env: sys::napi_env,
    [path, most_kept, callback]: [sys::napi_value; 3],
    store: Arc<Store>,
) -> napi::Result<()> {
    // SAFETY: inside a call of `env`, whose values these are.
    let (path, callback) =
        unsafe { (String::from_napi_value(env, path)?, Callback::from_napi_value(env, callback)?) };
    let most_kept = call::to_number(env, most_kept).map_or(0, to_u64);
    start(Env::from_raw(env), &callback, move |cancelled| {
        let begun = Instant::now();
        let plan = writer::Plan { most_kept, cancelled, wall };
        let saved = writer::save(&store, NewFile::create(&PathBuf::from(path))?, plan)?;
        let figures =
            [saved.entries, saved.bytes, saved.moment, saved.kept, to_ns(begun.elapsed())];
        Ok(Report { figures: figures.map(|it| it as f64).to_vec(), cache: None })
    })
}

/// A cache that was loaded and that nobody has opened yet.
pub struct Loaded {
    store: Mutex<Option<Arc<Store>>>,
    // After the store, which its thread frees.
    _sweeper: Guard,
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let store = self.store.lock().take();
        if let Some(store) = store {
            sweeper::let_go(store);
        }
    }
}

/// Loads a cache from a file. `callback` gets an outcome with the cache, for [`adopt_shared_cache`].
#[napi(catch_unwind)]
pub fn load_shared_cache(
    env: Env,
    path: String,
    may_be_missing: bool,
    settings: SharedCacheSettings,
    #[napi(ts_arg_type = "(outcome: SharedCacheOutcome) => void")] callback: Callback<'_>,
) -> Result<(), CodedError> {
    let refused = |error: String| coded(ErrorCode::Unsupported, error);
    if settings.name.as_deref().is_some_and(registry::is_open) {
        return Err(is_open());
    }
    let settings = to_settings(settings);
    let guard = sweeper::acquire().map_err(|error| refused(error.to_string()))?;
    let work = move |cancelled: &_| {
        let begun = Instant::now();
        let codec = settings.codec.clone();
        // Dropped by its own means if the load fails: no thread of JavaScript waits for gigabytes to be freed.
        let store = new_store(settings)?;
        let check = |header: &Header, kind, length| check_value(header, &codec, kind, length);
        let plan = reader::Plan { cancelled, wall: wall(), check: &check };
        let loaded = match file::open(&PathBuf::from(path)) {
            Ok(file) => reader::load(&store, file, plan)?,
            Err(Fault::Missing(_)) if may_be_missing => Figures::default(),
            Err(fault) => return Err(fault),
        };
        let Figures { entries, over, left_out, bytes, moment } = loaded;
        let figures = [entries, over, left_out, bytes, moment, to_ns(begun.elapsed())];
        let store = Mutex::new(Some(Arc::new(store)));
        let cache = Some(Loaded { store, _sweeper: guard });
        Ok(Report { figures: figures.map(|it| it as f64).to_vec(), cache })
    };
    start(env, &callback, work).map_err(|error| refused(error.reason))
}

/// Opens a cache that was loaded, under a name or under none. As `openSharedCache` otherwise.
#[napi(catch_unwind, ts_return_type = "Record<string, Function>")]
pub fn adopt_shared_cache(
    env: Env,
    name: Option<String>,
    #[napi(ts_arg_type = "object")] cache: &External<Loaded>,
    #[napi(ts_arg_type = "Uint8Array")] window: Unknown<'_>,
) -> Result<Unknown<'static>, CodedError> {
    let store = cache.store.lock().take().ok_or_else(is_open)?;
    match registry::publish(name.as_deref(), store) {
        Ok(store) => {
            let functions = hand_out(&env, store, window.raw())?;
            // It may hold what expires.
            sweeper::wake();
            Ok(functions)
        }
        Err(store) => {
            sweeper::let_go(store);
            Err(is_open())
        }
    }
}

fn is_open() -> CodedError {
    coded(
        ErrorCode::SharedCacheOpen,
        "A cache of that name is open: it stays as it is, and the file is not loaded",
    )
}

fn new_store(settings: Settings) -> Outcome<Store> {
    Store::new(settings, Hasher::random(), Ticker::System)
        .map_err(|error| Fault::System { what: "The system gave no memory".to_owned(), error })
}

/// Says what is wrong with a value that JavaScript could not read.
fn check_value(header: &Header, codec: &str, kind: u8, length: u32) -> Outcome<()> {
    if !kinds::can_be(kind, length) {
        return Err(Fault::invalid(0, "a value has an impossible kind or length"));
    }
    if kind >= kinds::ENCODED && kind != PACKED && header.codec != codec {
        return Err(Fault::Codec(format!(
            "The values in the file are made by the codec \"{}\", and the cache is to have \"{codec}\"",
            header.codec.escape_debug()
        )));
    }
    Ok(())
}

/// Milliseconds since 1970.
fn wall() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
