//! The functions of a cache.
//!
//! Strings come and go as strings. Other values come as views of memory, and go through a [window](super::handle::Window)
//! that JavaScript copies them from, or through [`take`] if they are too large for it: a new `Buffer` made here would
//! cost several times as much as one made there. In place of such a value JavaScript gets a number, `kind + 32 * length`.

use std::ptr;

use napi::sys;

use super::{
    super::{
        compress::PACKED,
        store::{Found, Store},
    },
    answer,
    arguments::{Terms, bytes, read_string, view, with_bytes, with_key},
    call::{self, Call, UNDEFINED, enter},
    handle::{Handle, Held},
    kinds::{ASCII, ENCODED, LATIN1, NOTHING, UTF16},
    packing,
    values::{
        KINDS, address, copy_out, decode_into, latin1, load, present, show, string, to_utf8,
        value_number,
    },
};
use crate::shared::number::to_u64;

/// `get(key)`: the value if it is a string, its number if it is anything else.
pub unsafe extern "C" fn get(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: called by Node.
    unsafe { enter(env, info, value::<true>) }
}

/// `peek(key)`: as `get`, but that it counts nothing.
pub unsafe extern "C" fn peek(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: called by Node.
    unsafe { enter(env, info, value::<false>) }
}

/// `getBytes(key)`: the number of a value whose bytes are in the window or can be taken; those of a string are UTF-8.
pub unsafe extern "C" fn get_bytes(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 1>| {
        with_key(call, |store, key, scratch| {
            let found = store.get(key, |found| {
                match found.kind() {
                    PACKED => packing::hold(call.handle, found),
                    kind if matches!(kind % ENCODED, LATIN1 | UTF16) => load(scratch, found),
                    _ => show(call.handle, scratch, found),
                }
                (found.kind(), found.len())
            })?;
            let Ok((kind, mut length)) = packing::open(call.handle, scratch, found, false) else {
                return Some(call::integer(env, answer::DAMAGED));
            };
            if matches!(kind % ENCODED, LATIN1 | UTF16) {
                length = to_utf8(kind, scratch);
                if let Some(window) = call.handle.window.room_for(length) {
                    // SAFETY: the window has room for it.
                    unsafe { window.copy_from_nonoverlapping(address(&mut scratch.value), length) };
                    scratch.held = Held::Window;
                }
            }
            Some(value_number(env, kind, length))
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `getInto(key, target, offset)`: copies the bytes of a value, UTF-8 if it is a string, and returns their number.
pub unsafe extern "C" fn get_into(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 2>| {
        let [_, target] = call.args;
        let Some((target, room)) = view(env, target) else {
            return call::integer(env, answer::BAD_VALUE);
        };
        with_key(call, |store, key, scratch| {
            let copied = store.get(key, |found| match found.kind() {
                PACKED => {
                    packing::hold(call.handle, found);
                    Some(Err(PACKED))
                }
                kind if matches!(kind % ENCODED, LATIN1 | UTF16) => {
                    load(scratch, found);
                    Some(Err(kind))
                }
                NOTHING => None,
                _ if found.len() > room => Some(Ok(f64::from(answer::TOO_SMALL))),
                _ => {
                    if let Some(target) = ptr::NonNull::new(target) {
                        // SAFETY: a view of at least so many bytes, which no JavaScript runs to detach meanwhile.
                        unsafe { found.copy_to(target) };
                    }
                    Some(Ok(found.len() as f64))
                }
            })??;
            let length = copied.unwrap_or_else(|kind| {
                decode_into(call.handle, scratch, kind, (target, room))
                    .map_or_else(f64::from, |length| length as f64)
            });
            Some(call::number(env, length))
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `take(target)`: copies the bytes of the value whose number was returned last. Returns nothing, or why it cannot.
pub unsafe extern "C" fn take(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 1>| {
        let [target] = call.args;
        let Some((target, room)) = view(env, target) else { return UNDEFINED };
        let mut scratch = call.handle.scratch.borrow_mut();
        let (from, length) = match scratch.held {
            Held::Packed => {
                // SAFETY: a view of so many bytes, which no JavaScript runs to detach meanwhile.
                return match unsafe { packing::take(call.handle, (target, room)) } {
                    Ok(_) => UNDEFINED,
                    Err(answer) => call::integer(env, answer),
                };
            }
            Held::Window => call
                .handle
                .window
                .room_for(room)
                .map_or((ptr::null(), 0), |window| (window.as_ptr().cast_const(), room)),
            Held::Scratch => (scratch.value.as_ptr(), room.min(scratch.value.len())),
        };
        // SAFETY: both have room for so many bytes; no view of JavaScript is the scratch memory, and none that it takes a
        // value with is the window.
        unsafe { target.copy_from_nonoverlapping(from, length) };
        scratch.shrink();
        UNDEFINED
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `takeString(number)`: the string that a codec had made of the value whose number was returned last.
pub unsafe extern "C" fn take_string(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 1>| {
        let [number] = call.args;
        let number = call::to_number(env, number).map_or(0, to_u64);
        let (Ok(length), Ok(kind)) =
            (usize::try_from(number / KINDS as u64), u8::try_from(number % KINDS as u64))
        else {
            return UNDEFINED;
        };
        let kind = kind % ENCODED;
        let mut scratch = call.handle.scratch.borrow_mut();
        if scratch.held == Held::Window
            && let Some(window) = call.handle.window.room_for(length)
        {
            return latin1(env, window.as_ptr(), length);
        }
        string(env, kind, length, &mut scratch)
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `has(key)`.
pub unsafe extern "C" fn has(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let body = |call: &Call<'_, 1>| {
        with_key(call, |store, key, _| Some(call::boolean(env, store.has(key))))
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `remove(key)`: whether there was one.
pub unsafe extern "C" fn remove(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 1>| {
        with_key(call, |store, key, _| {
            call.handle.pending.supersede(key);
            Some(call::boolean(env, store.delete(key)))
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `set(key, string, ttl, tags)`: nothing if it was stored, else why not.
pub unsafe extern "C" fn set(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: called by Node.
    unsafe { enter(env, info, |call| set_string(call, 0)) }
}

/// `setEncoded(key, string, ttl, tags)`: as `set`, for a string that a codec has made.
pub unsafe extern "C" fn set_encoded(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: called by Node.
    unsafe { enter(env, info, |call| set_string(call, ENCODED)) }
}

/// `setBytes(key, view, kind, ttl, tags)`: as `set`, for the bytes of a view.
pub unsafe extern "C" fn set_bytes(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 5>| {
        let [_, value, kind, ttl, tags] = call.args;
        let Some((address, length)) = view(env, value) else {
            return call::integer(env, answer::BAD_VALUE);
        };
        // SAFETY: the memory of a view, which no JavaScript runs to change meanwhile. Where it is shared with another
        // thread that writes to it, the bytes may be torn, as they would be for anybody who reads them.
        let value = unsafe { bytes(address, length) };
        let kind = call::to_number(env, kind).map_or(0, to_u64);
        let kind = u8::try_from(kind).unwrap_or(ASCII);
        with_key(call, |store, key, scratch| {
            let value = packing::own(call.handle, value, &mut scratch.value);
            let stored = stored(call.handle, store, env, key, kind, value, Some((ttl, tags)));
            scratch.shrink();
            stored
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `invalidateTag(tag)`: whether an entry had it.
pub unsafe extern "C" fn invalidate_tag(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 1>| {
        with_bytes(call, 0, |store, tag, _| {
            let mut had = store.invalidate_tag(tag);
            for key in call.handle.pending.supersede_tag(tag) {
                // As if its set had been done: what was there before it has gone as well.
                store.delete(&key);
                had = true;
            }
            Some(call::boolean(env, had))
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `size()`: how many entries there are.
pub unsafe extern "C" fn size(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body =
        |call: &Call<'_, 0>| call::number(env, call.handle.with(Store::len).unwrap_or(0) as f64);
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `empty()`: what an empty call costs, for the bench.
pub unsafe extern "C" fn empty(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: called by Node.
    unsafe { enter(env, info, |_: &Call<'_, 0>| UNDEFINED) }
}

fn value<const USE: bool>(call: &Call<'_, 1>) -> sys::napi_value {
    with_key(call, |store, key, scratch| {
        let take = |found: Found<'_>| copy_out(call.handle, scratch, found);
        let found = if USE { store.get(key, take) } else { store.peek(key, take) }?;
        Some(present(call.env, call.handle, scratch, found))
    })
}

fn set_string(call: &Call<'_, 4>, encoded: u8) -> sys::napi_value {
    let [_, value, ttl, tags] = call.args;
    let (env, handle) = (call.env, call.handle);
    with_key(call, |store, key, scratch| {
        let Some(kind) = read_string(env, value, scratch) else {
            return Some(call::integer(env, answer::BAD_VALUE));
        };
        let value = scratch.bytes(kind);
        // To look for options that nobody has passed costs something.
        let terms = (call.count > 2).then_some((ttl, tags));
        let stored = stored(handle, store, env, key, kind | encoded, value, terms);
        scratch.shrink();
        stored
    })
}

/// Stores a value, compressed if it is to be, and says why not if it was not. `terms` are a time to live and tags.
fn stored(
    handle: &Handle,
    store: &Store,
    env: sys::napi_env,
    key: &[u8],
    kind: u8,
    value: &[u8],
    terms: Option<(sys::napi_value, sys::napi_value)>,
) -> Option<sys::napi_value> {
    let Some(terms) = Terms::read(handle, terms) else {
        return Some(call::integer(env, answer::BAD_TAGS));
    };
    set_now(handle, store, env, key, kind, value, &terms)
}

/// As [`stored`], on terms that were read.
pub fn set_now(
    handle: &Handle,
    store: &Store,
    env: sys::napi_env,
    key: &[u8],
    kind: u8,
    value: &[u8],
    terms: &Terms,
) -> Option<sys::napi_value> {
    let put = |kind, value: &[u8]| terms.set(store, key, kind, value);
    let stored = packing::with_packed(handle, store, key, kind, value, put);
    handle.tell_growth(store);
    match stored {
        Ok(()) => {
            handle.pending.supersede(key);
            None
        }
        Err(refusal) => Some(call::integer(env, answer::to(refusal))),
    }
}
