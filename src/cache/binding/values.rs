//! What JavaScript gets from the functions of a cache: values, copied out, as strings or as numbers that stand for them.

use std::ptr;

use napi::sys;

use super::{
    super::{
        compress::{Damaged, PACKED},
        store::Found,
        text,
    },
    answer, call,
    handle::{Handle, Held, Scratch},
    kinds::{ENCODED, LATIN1, UTF16},
    packing,
};

/// How many kinds there can be.
pub const KINDS: usize = 32;

/// Copies a value out while its shard is locked: to where the caller is going to need it.
pub fn copy_out(handle: &Handle, scratch: &mut Scratch, found: Found<'_>) -> (u8, usize) {
    let (kind, length) = (found.kind(), found.len());
    if kind == PACKED {
        packing::hold(handle, found);
    } else if kind <= UTF16 || kind == UTF16 | ENCODED {
        load(scratch, found);
    } else {
        show(handle, scratch, found);
    }
    (kind, length)
}

/// What JavaScript gets for a value that was [copied out](copy_out).
pub fn present(
    env: sys::napi_env,
    handle: &Handle,
    scratch: &mut Scratch,
    found: (u8, usize),
) -> sys::napi_value {
    match packing::open(handle, scratch, found, true) {
        Err(Damaged) => call::integer(env, answer::DAMAGED),
        Ok((kind, length)) if kind <= UTF16 => string(env, kind, length, scratch),
        Ok((kind, length)) => value_number(env, kind, length),
    }
}

/// Writes what could not be copied as it is: UTF-8 of a string, or a compressed value. Returns the bytes, or why not.
pub fn decode_into(
    handle: &Handle,
    scratch: &mut Scratch,
    kind: u8,
    target: (*mut u8, usize),
) -> Result<usize, i32> {
    let mut kind = kind;
    if kind == PACKED {
        kind = packing::head(handle).map_err(|Damaged| answer::DAMAGED)?.kind;
        if !matches!(kind % ENCODED, LATIN1 | UTF16) {
            // SAFETY: a view of so many bytes, which no JavaScript runs to detach meanwhile.
            return unsafe { packing::copy(handle, scratch, target) };
        }
        packing::open(handle, scratch, (PACKED, 0), true).map_err(|Damaged| answer::DAMAGED)?;
    }
    let length = to_utf8(kind, scratch);
    let (target, room) = target;
    if length > room {
        return Err(answer::TOO_SMALL);
    }
    // SAFETY: a view of at least so many bytes.
    unsafe { target.copy_from_nonoverlapping(scratch.value.as_ptr(), length) };
    Ok(length)
}

/// Copies a value into the window, or into the scratch memory if it is too large.
pub fn show(handle: &Handle, scratch: &mut Scratch, found: Found<'_>) {
    match handle.window.room_for(found.len()) {
        Some(window) => {
            // SAFETY: it has room.
            unsafe { found.copy_to(window) };
            scratch.held = Held::Window;
        }
        None => load(scratch, found),
    }
}

/// Copies a value into the scratch memory.
pub fn load(scratch: &mut Scratch, found: Found<'_>) {
    let length = found.len();
    scratch.held = Held::Scratch;
    if found.kind() % ENCODED == UTF16 {
        scratch.units.clear();
        scratch.units.reserve(length / 2 + 1);
        // SAFETY: there is room for as many units, all of which are written.
        unsafe {
            found.copy_to(ptr::NonNull::from(scratch.units.spare_capacity_mut()).cast());
            scratch.units.set_len(length / 2);
        }
    } else {
        scratch.value.clear();
        scratch.value.reserve(length + 1);
        // SAFETY: there is room for as many bytes, all of which are written.
        unsafe {
            found.copy_to(ptr::NonNull::from(scratch.value.spare_capacity_mut()).cast());
            scratch.value.set_len(length);
        }
    }
}

/// Makes UTF-8 of a loaded string that is not stored as such, and returns how many bytes it has.
pub fn to_utf8(kind: u8, scratch: &mut Scratch) -> usize {
    if kind % ENCODED == LATIN1 {
        let latin1 = std::mem::take(&mut scratch.value);
        text::encode_latin1(&latin1, &mut scratch.value);
    } else {
        scratch.value.clear();
        text::encode(scratch.units.iter().copied(), &mut scratch.value);
    }
    scratch.value.len()
}

pub fn address(bytes: &mut Vec<u8>) -> ptr::NonNull<u8> {
    ptr::NonNull::from(bytes.as_mut_slice()).cast()
}

pub fn string(
    env: sys::napi_env,
    kind: u8,
    length: usize,
    scratch: &mut Scratch,
) -> sys::napi_value {
    if kind != UTF16 {
        let result = latin1(env, scratch.value.as_ptr(), length.min(scratch.value.len()));
        scratch.shrink();
        return result;
    }
    let mut result = ptr::null_mut();
    let length = isize::try_from(scratch.units.len()).unwrap_or(0);
    // SAFETY: inside a call of `env`; so many units.
    unsafe {
        sys::napi_create_string_utf16(env, scratch.units.as_ptr(), length, &raw mut result);
    }
    scratch.shrink();
    result
}

pub fn latin1(env: sys::napi_env, address: *const u8, length: usize) -> sys::napi_value {
    let mut result = ptr::null_mut();
    let length = isize::try_from(length).unwrap_or(0);
    // SAFETY: inside a call of `env`; so many bytes.
    unsafe { sys::napi_create_string_latin1(env, address.cast(), length, &raw mut result) };
    result
}

pub fn value_number(env: sys::napi_env, kind: u8, length: usize) -> sys::napi_value {
    call::number(env, number_of(kind, length))
}

/// What stands for a value that is no string.
pub const fn number_of(kind: u8, length: usize) -> f64 {
    (length * KINDS + kind as usize) as f64
}
