//! Functions of a cache that look at all of its keys, a few at a time.

use std::ptr;

use napi::sys;

use super::{
    super::{store::Store, text},
    arguments::with_bytes,
    call::{self, Call, UNDEFINED, enter},
};
use crate::{cache::sweeper, shared::number::to_u64};

/// `scan(prefix, cursor, count, buffers)`: an array of keys, behind which is the cursor where to go on, `undefined` at
/// the end. Keys are strings if there are strings with such bytes and `buffers` is not true, else Buffers.
pub unsafe extern "C" fn scan(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 4>| {
        let [_, cursor, count, buffers] = call.args;
        let buffers = call::to_boolean(env, buffers);
        with_bytes(call, 0, |store, prefix, scratch| {
            let (keys, units) = (&mut scratch.value, &mut scratch.units);
            let mut ends = Vec::new();
            keys.clear();
            let next = store.scan(whole(env, cursor), size(env, count), prefix, |key| {
                keys.extend_from_slice(key);
                ends.push(keys.len());
            });
            let mut array = ptr::null_mut();
            // SAFETY: inside a call of `env`.
            unsafe { sys::napi_create_array_with_length(env, ends.len() + 1, &raw mut array) };
            let mut start = 0;
            let mut index = 0;
            for end in ends {
                let key = keys.get(start..end).unwrap_or_default();
                set(
                    env,
                    array,
                    index,
                    if buffers { buffer(env, key) } else { text(env, key, units) },
                );
                (start, index) = (end, index + 1);
            }
            set(env, array, index, next.map_or(UNDEFINED, |next| call::number(env, next as f64)));
            scratch.shrink();
            Some(array)
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `removePrefix(prefix, cursor, count)`: how many were removed, and the cursor where to go on, `undefined` at the end.
pub unsafe extern "C" fn remove_prefix(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 3>| {
        let [_, cursor, count] = call.args;
        with_bytes(call, 1, |store: &Store, prefix, _| {
            let cursor = whole(env, cursor);
            if cursor == 0 {
                call.handle.pending.supersede_prefix(prefix);
            }
            let (removed, next) = store.remove_prefix(cursor, size(env, count), prefix);
            if next.is_none() {
                sweeper::wake();
            }
            let next = next.map_or(UNDEFINED, |next| call::number(env, next as f64));
            Some(call::array(env, [call::number(env, removed as f64), next]))
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

fn whole(env: sys::napi_env, value: sys::napi_value) -> u64 {
    call::to_number(env, value).map_or(0, to_u64)
}

fn size(env: sys::napi_env, value: sys::napi_value) -> usize {
    usize::try_from(whole(env, value)).unwrap_or(usize::MAX).max(1)
}

fn set(env: sys::napi_env, array: sys::napi_value, index: u32, value: sys::napi_value) {
    if !value.is_null() {
        // SAFETY: inside a call of `env`, whose values these are.
        unsafe { sys::napi_set_element(env, array, index, value) };
    }
}

fn text(env: sys::napi_env, key: &[u8], units: &mut Vec<u16>) -> sys::napi_value {
    let mut result = ptr::null_mut();
    let length = |length: usize| isize::try_from(length).unwrap_or(0);
    // SAFETY: inside a call of `env`; so many bytes or units.
    unsafe {
        if key.is_ascii() {
            sys::napi_create_string_latin1(
                env,
                key.as_ptr().cast(),
                length(key.len()),
                &raw mut result,
            );
        } else if text::decode(key, units) {
            let units = units.as_slice();
            sys::napi_create_string_utf16(
                env,
                units.as_ptr(),
                length(units.len()),
                &raw mut result,
            );
        } else {
            return buffer(env, key);
        }
    }
    result
}

fn buffer(env: sys::napi_env, key: &[u8]) -> sys::napi_value {
    let (mut result, mut data) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: inside a call of `env`; so many bytes.
    unsafe {
        sys::napi_create_buffer_copy(
            env,
            key.len(),
            key.as_ptr().cast(),
            &raw mut data,
            &raw mut result,
        );
    }
    result
}
