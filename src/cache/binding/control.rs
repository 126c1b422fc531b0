//! Functions of a cache that are called rarely.

use std::ptr;

use napi::sys;

use super::{
    super::store::Store,
    answer,
    call::{self, Call, UNDEFINED, enter},
};
use crate::cache::sweeper;

/// `clear()`: nothing, or why not.
pub unsafe extern "C" fn clear(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 0>| {
        let cleared = call.handle.with(Store::clear);
        call.handle.pending.supersede_all();
        sweeper::wake();
        match cleared {
            Some(Err(_)) => call::integer(env, answer::NO_MEMORY),
            _ => UNDEFINED,
        }
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `stats()`: an array of numbers, in the order of `lib/shared-cache/stats.js`.
pub unsafe extern "C" fn stats(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 0>| {
        let Some(stats) = call.handle.with(Store::stats) else { return UNDEFINED };
        let mut array = ptr::null_mut();
        // SAFETY: inside a call of `env`.
        unsafe { sys::napi_create_array(env, &raw mut array) };
        for (index, value) in (0..).zip(stats) {
            let number = call::number(env, value as f64);
            // SAFETY: inside a call of `env`, whose values these are.
            unsafe { sys::napi_set_element(env, array, index, number) };
        }
        array
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `close()`.
pub unsafe extern "C" fn close(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 0>| {
        call.handle.close();
        UNDEFINED
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}
