//! Functions of a cache for loads that all threads share. Numbers of loads are passed as they are.

use std::sync::Arc;

use napi::{
    bindgen_prelude::{FromNapiValue, Function},
    sys,
};

use super::{
    super::{
        flights::Outcome,
        store::loads::{Intent, Joined},
    },
    answer,
    arguments::{Tags, Value, read_tags, read_value, with_key},
    call::{self, Call, enter},
    packing,
    values::{copy_out, present},
};
use crate::shared::{notify::Notifier, number::to_u64};

/// How a load has ended that somebody has waited for; a string is what it has failed with.
mod ended {
    pub const STORED: i32 = 0;
    pub const NOT_KEPT: i32 = 1;
    pub const GONE: i32 = 2;
}

/// `listen(wake)`: has `wake` called when `ended()` has something to tell; false if that cannot be done. It keeps no
/// thread alive.
pub unsafe extern "C" fn listen(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 1>| {
        let [wake] = call.args;
        // SAFETY: inside a call of `env`, whose value it is.
        let function = unsafe { Function::<(), ()>::from_napi_value(env, wake) };
        let notifier = function.and_then(|function| Notifier::new(&function));
        let made = notifier.map(|notifier| {
            call.handle.inbox.listen(Box::new(move || notifier.call(())));
        });
        call::boolean(env, made.is_ok())
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `ended()`: numbers of loads, each followed by how it has ended.
pub unsafe extern "C" fn ended(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 0>| {
        let told = call.handle.inbox.take().into_iter().flat_map(|(id, outcome)| {
            let outcome = match outcome {
                Outcome::Stored => call::integer(env, ended::STORED),
                Outcome::NotKept => call::integer(env, ended::NOT_KEPT),
                Outcome::Gone => call::integer(env, ended::GONE),
                Outcome::Failed(reason) => call::text(env, &reason),
            };
            [call::number(env, id as f64), outcome]
        });
        call::array(env, told)
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `join(key, tags, intent)`: the number of the load under way, or the negative one of that which is begun now; 0 if there
/// is a value by now; the number and the text of a failure; or a refusal.
pub unsafe extern "C" fn join(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 3>| {
        let [_, tags, intent] = call.args;
        let intent = match call::to_number(env, intent).map_or(0, to_u64) {
            0 => Intent::Wait,
            1 => Intent::Anew,
            _ => Intent::Refresh,
        };
        with_key(call, |store, key, scratch| {
            let tags = match read_tags(env, tags, &mut scratch.units) {
                Tags::None => Vec::new(),
                Tags::Some(tags) => tags,
                Tags::Bad => return Some(call::integer(env, answer::BAD_TAGS)),
            };
            Some(match store.join(key, &call.handle.inbox, &tags, intent) {
                Ok(Joined::Lead(id)) => call::number(env, -(id as f64)),
                Ok(Joined::Follow(id)) => call::number(env, id as f64),
                Ok(Joined::Found) => call::integer(env, 0),
                Ok(Joined::Failed(id, reason)) => {
                    call::array(env, [call::number(env, id as f64), call::text(env, &reason)])
                }
                Err(refusal) => call::integer(env, answer::to(refusal)),
            })
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `finish(key, id, value, kind, ttl, keep)`: stores what was loaded, unless something newer was set. Nothing if it was
/// stored, else why not.
pub unsafe extern "C" fn finish(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 6>| {
        let [_, id, value, kind, ttl, keep] = call.args;
        let kind = call::to_number(env, kind).map_or(0, to_u64);
        let kind = u8::try_from(kind).unwrap_or(0);
        let ttl = call::to_number(env, ttl).map(|ttl| to_u64(ttl.ceil()));
        let keep = call::to_number(env, keep).map_or(0, |keep| to_u64(keep.ceil()));
        let keep = u32::try_from(keep).unwrap_or(u32::MAX);
        with_key(call, |store, key, scratch| {
            let handle = call.handle;
            let Some(Value { kind, bytes }) = read_value(handle, env, value, kind, scratch) else {
                return Some(call::integer(env, answer::BAD_VALUE));
            };
            let id = number(env, id);
            let put = |kind, bytes: &[u8]| store.finish(key, id, kind, bytes, ttl, keep);
            let stored = packing::with_packed(handle, store, key, kind, bytes, put);
            scratch.shrink();
            handle.tell_growth(store);
            match stored {
                Ok(true) => {
                    handle.pending.supersede(key);
                    None
                }
                Ok(false) => Some(call::integer(env, answer::SUPERSEDED)),
                Err(refusal) => Some(call::integer(env, answer::to(refusal))),
            }
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `fail(key, id, reason, ttl)`: tells others that a load has failed; whether it was still wanted.
pub unsafe extern "C" fn fail(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 4>| {
        let [_, id, reason, ttl] = call.args;
        // SAFETY: inside a call of `env`, whose value it is.
        let reason = unsafe { String::from_napi_value(env, reason) }.unwrap_or_default();
        let ttl = call::to_number(env, ttl).map_or(0, |ttl| to_u64(ttl.ceil()));
        with_key(call, |store, key, _| {
            let wanted = store.fail(key, number(env, id), Arc::from(reason), ttl);
            Some(call::boolean(env, wanted))
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `drop(key, id)`: ends a load whose value is not to be stored, and removes the old one.
pub unsafe extern "C" fn drop_loaded(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 2>| {
        let [_, id] = call.args;
        with_key(call, |store, key, _| {
            if store.drop_loaded(key, number(env, id)) {
                call.handle.pending.supersede(key);
            }
            None
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `abandon(key, id)`: ends a load that nobody in this thread waits for; false if somebody in another one does.
pub unsafe extern "C" fn abandon(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 2>| {
        let [_, id] = call.args;
        with_key(call, |store, key, _| {
            Some(call::boolean(env, store.abandon(key, number(env, id))))
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `leave(key, id)`: does not wait for a load of another thread any more.
pub unsafe extern "C" fn leave(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 2>| {
        let [_, id] = call.args;
        with_key(call, |store, key, _| {
            store.leave(key, number(env, id), &call.handle.inbox);
            None
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `getStale(key, limit, counts)`: as `get`, also for a value that has been over for `limit` milliseconds at most.
pub unsafe extern "C" fn get_stale(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 3>| {
        let [_, limit, counts] = call.args;
        let limit = call::to_number(env, limit).map_or(0, to_u64);
        let counts = call::to_boolean(env, counts);
        with_key(call, |store, key, scratch| {
            let take =
                |found: super::super::store::Found<'_>| copy_out(call.handle, scratch, found);
            let (found, stale) = store.get_stale(key, limit, counts, take)?;
            call.handle.was_stale.set(stale);
            Some(present(env, call.handle, scratch, found))
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `wasStale()`: whether that which `getStale` has found was over.
pub unsafe extern "C" fn was_stale(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 0>| call::boolean(env, call.handle.was_stale.get());
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

fn number(env: sys::napi_env, id: sys::napi_value) -> u64 {
    call::to_number(env, id).map_or(0, to_u64)
}
