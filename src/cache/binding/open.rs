//! Opening a cache.

#![expect(clippy::missing_errors_doc, reason = "index.d.ts documents the errors")]

use std::{ffi::c_void, ptr, rc::Rc, sync::Arc};

use napi::{Env, JsValue, Unknown, sys};
use napi_derive::napi;

use super::{
    super::{
        compress::{Algorithm, Compression},
        policy::Kind,
        registry::{self, OpenError},
        settings::{LEAST_BYTES, MOST_BYTES, Settings, default_shards},
        store::Store,
    },
    control, files, functions,
    handle::{Handle, Window},
    later, loads, scan,
};
use crate::{
    error::{CodedError, ErrorCode, coded},
    shared::number::to_u64,
};

/// How a cache is to be set up; checked by JavaScript. Milliseconds and bytes; 0 is no limit.
#[napi(object, object_to_js = false)]
pub struct SharedCacheSettings {
    /// Shared by all who open it in this process.
    pub name: Option<String>,
    /// Bytes that it may take from the system.
    pub max_bytes: f64,
    /// Most entries.
    pub max: f64,
    /// Time to live of entries that are set without one.
    pub ttl: f64,
    /// Longest time to live.
    pub max_ttl: f64,
    /// By which part a time to live is shortened at most, by chance; 0 to 1.
    pub jitter: f64,
    /// Whether a use makes the time to live start again.
    pub sliding: bool,
    /// Which entry goes when there is no room.
    pub policy: String,
    /// A power of two.
    pub shards: Option<u32>,
    /// Compared with that of others who open the name.
    pub codec: String,
    /// Which values are compressed; without it none.
    pub compression: Option<SharedCacheCompression>,
}

/// How a cache is to compress; checked by JavaScript.
#[napi(object, object_to_js = false)]
pub struct SharedCacheCompression {
    /// `lz4` or `zstd`.
    pub algorithm: String,
    /// The level of `zstd`.
    pub level: i32,
    /// Bytes that a value must have.
    pub threshold: f64,
}

type Function = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

const FUNCTIONS: [(&std::ffi::CStr, Function); 33] = [
    (c"get", functions::get),
    (c"peek", functions::peek),
    (c"getBytes", functions::get_bytes),
    (c"getLater", later::get_later),
    (c"takeLater", later::take_later),
    (c"setLater", later::set_later),
    (c"getInto", functions::get_into),
    (c"take", functions::take),
    (c"takeString", functions::take_string),
    (c"has", functions::has),
    (c"set", functions::set),
    (c"setEncoded", functions::set_encoded),
    (c"setBytes", functions::set_bytes),
    (c"remove", functions::remove),
    (c"invalidateTag", functions::invalidate_tag),
    (c"listen", loads::listen),
    (c"ended", loads::ended),
    (c"join", loads::join),
    (c"finish", loads::finish),
    (c"fail", loads::fail),
    (c"drop", loads::drop_loaded),
    (c"abandon", loads::abandon),
    (c"leave", loads::leave),
    (c"getStale", loads::get_stale),
    (c"wasStale", loads::was_stale),
    (c"size", functions::size),
    (c"empty", functions::empty),
    (c"scan", scan::scan),
    (c"removePrefix", scan::remove_prefix),
    (c"clear", control::clear),
    (c"stats", control::stats),
    (c"save", files::save),
    (c"close", control::close),
];

/// The least and the most that `maxBytes` of a `SharedCache` can be.
#[napi(catch_unwind)]
#[must_use]
pub fn shared_cache_bytes() -> Vec<f64> {
    vec![LEAST_BYTES as f64, MOST_BYTES as f64]
}

/// Opens a cache: an object of functions that need no `this`. `window` is memory that small values go through.
#[napi(catch_unwind, ts_return_type = "Record<string, Function>")]
pub fn open_shared_cache(
    env: Env,
    settings: SharedCacheSettings,
    #[napi(ts_arg_type = "Uint8Array")] window: Unknown<'_>,
) -> Result<Unknown<'static>, CodedError> {
    let name = settings.name.clone();
    let store = registry::open(name.as_deref(), to_settings(settings)).map_err(|error| {
        let code = match error {
            OpenError::OtherSettings(_) => ErrorCode::SharedCacheSettings,
            OpenError::NoMemory(_) => ErrorCode::SharedCacheMemory,
        };
        coded(code, error)
    })?;
    hand_out(&env, store, window.raw())
}

/// The functions of a cache that was opened.
pub(super) fn hand_out(
    env: &Env,
    store: Arc<Store>,
    window: sys::napi_value,
) -> Result<Unknown<'static>, CodedError> {
    let no_memory = |error| coded(ErrorCode::SharedCacheMemory, error);
    let window = Window::new(env, window).map_err(no_memory)?;
    let handle = Handle::new(env, store, window).map_err(no_memory)?;
    let object = functions_of(env, &handle).map_err(no_memory)?;
    // SAFETY: a value that Node has just made for `env`.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), object) })
}

pub(super) fn to_settings(settings: SharedCacheSettings) -> Settings {
    let limit = |number: f64| Some(to_u64(number)).filter(|number| *number > 0);
    let (max_bytes, max) = (to_u64(settings.max_bytes), limit(settings.max));
    Settings {
        max_bytes,
        max,
        ttl: limit(settings.ttl),
        max_ttl: limit(settings.max_ttl),
        jitter: settings.jitter,
        sliding: settings.sliding,
        policy: match settings.policy.as_str() {
            "lru" => Kind::Lru,
            "sieve" => Kind::Sieve,
            _ => Kind::S3Fifo,
        },
        shards: settings.shards.map_or_else(|| default_shards(max_bytes, max), |it| it as usize),
        codec: settings.codec,
        compression: settings.compression.map(|given| Compression {
            algorithm: if given.algorithm == "zstd" { Algorithm::Zstd } else { Algorithm::Lz4 },
            level: given.level,
            threshold: usize::try_from(to_u64(given.threshold)).unwrap_or(usize::MAX).max(1),
        }),
    }
}

fn functions_of(env: &Env, handle: &Rc<Handle>) -> napi::Result<sys::napi_value> {
    let mut object = ptr::null_mut();
    // SAFETY: inside a call of `env`.
    check(unsafe { sys::napi_create_object(env.raw(), &raw mut object) })?;
    for (name, function) in FUNCTIONS {
        let mut value = ptr::null_mut();
        // Each function keeps the handle alive: JavaScript may hold one of them only.
        let data = Rc::into_raw(Rc::clone(handle)).cast_mut().cast::<c_void>();
        let length = isize::try_from(name.count_bytes()).unwrap_or(0);
        // SAFETY: inside a call of `env`; the data lives until the finalizer of the function drops it.
        let made = unsafe {
            check(sys::napi_create_function(
                env.raw(),
                name.as_ptr(),
                length,
                Some(function),
                data,
                &raw mut value,
            ))
            .and_then(|()| {
                check(sys::napi_add_finalizer(
                    env.raw(),
                    value,
                    data,
                    Some(finalize),
                    ptr::null_mut(),
                    ptr::null_mut(),
                ))
            })
        };
        if let Err(error) = made {
            // SAFETY: what `into_raw` gave; without a finalizer nobody else drops it, and nobody can call the function.
            drop(unsafe { Rc::from_raw(data.cast::<Handle>()) });
            return Err(error);
        }
        // SAFETY: inside a call of `env`, whose values these are.
        check(unsafe { sys::napi_set_named_property(env.raw(), object, name.as_ptr(), value) })?;
    }
    Ok(object)
}

fn check(status: sys::napi_status) -> napi::Result<()> {
    if status == sys::Status::napi_ok {
        Ok(())
    } else {
        Err(napi::Error::from_status(napi::Status::from(status)))
    }
}

unsafe extern "C" fn finalize(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: what `into_raw` gave for this function; Node finalizes it once, on the thread of its environment.
    let handle = unsafe { Rc::from_raw(data.cast::<Handle>().cast_const()) };
    if Rc::strong_count(&handle) == 1 {
        // The last function of a cache that was forgotten: what its environment holds for it is let go of.
        handle.close();
    }
}
