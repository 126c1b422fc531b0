//! The functions of a cache.
//!
//! Strings come and go as strings. Other values come as views of memory, and go through a [window](super::handle::Window)
//! that JavaScript copies them from, or through [`take`] if they are too large for it: a new `Buffer` made here would
//! cost several times as much as one made there. In place of such a value JavaScript gets a number, `kind + 32 * length`.

use std::{ffi::c_void, ptr, slice};

use napi::sys;

use super::{
    super::{
        compress::{Damaged, PACKED},
        entry::{LONGEST_KEY, MOST_TAGS},
        store::{Found, Refusal, Store},
        text,
    },
    call::{self, Call, UNDEFINED, enter},
    handle::{Handle, Held, Scratch},
    kinds::{ASCII, ENCODED, LATIN1, NOTHING, UTF16},
    packing,
};
use crate::shared::number::to_u64;

/// Answers that are no values.
pub mod answer {
    /// The key is neither a string nor a view of bytes, or is empty or too long.
    pub const BAD_KEY: i32 = -1;
    /// The entry is too large for the budget.
    pub const TOO_LARGE: i32 = -2;
    /// There is no memory for it.
    pub const NO_MEMORY: i32 = -3;
    /// The value is neither a string nor a view of bytes.
    pub const BAD_VALUE: i32 = -4;
    /// The target is too small for the value.
    pub const TOO_SMALL: i32 = -5;
    /// A compressed value cannot be read.
    pub const DAMAGED: i32 = -6;
    /// The cache was closed meanwhile.
    pub const CLOSED: i32 = -7;
    /// There are too many tags, or they are too long.
    pub const BAD_TAGS: i32 = -10;
    /// What was loaded is not wanted any more.
    pub const SUPERSEDED: i32 = -11;
}

/// Bytes of all tags of an entry, at most: what one set may add to what the budget lends to tables.
const LONGEST_TAGS: usize = 16 << 10;
/// Bytes that V8 may have left free because the next character had no room.
const LONGEST_UNIT: usize = 5;
/// How many kinds there can be.
const KINDS: usize = 32;

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

/// On which terms a value is stored.
pub struct Terms {
    ttl: Option<u64>,
    tags: Vec<Vec<u8>>,
}

impl Terms {
    /// Reads a time to live, which is no number if none was given, and tags. `None` if these are bad.
    pub fn read(
        handle: &Handle,
        terms: Option<(sys::napi_value, sys::napi_value)>,
    ) -> Option<Self> {
        let Some((ttl, tags)) = terms else { return Some(Self { ttl: None, tags: Vec::new() }) };
        let env = handle.env();
        let ttl = call::to_number(env, ttl).map(|ttl| to_u64(ttl.ceil()));
        match read_tags(env, tags, &mut handle.tag_units.borrow_mut()) {
            Tags::None => Some(Self { ttl, tags: Vec::new() }),
            Tags::Some(tags) => Some(Self { ttl, tags }),
            Tags::Bad => None,
        }
    }

    /// Whether a tag is one of them.
    #[must_use]
    pub fn has_tag(&self, tag: &[u8]) -> bool {
        self.tags.iter().any(|it| it == tag)
    }

    /// Stores a value as it is.
    ///
    /// # Errors
    /// As [`Store::set`].
    pub fn set(&self, store: &Store, key: &[u8], kind: u8, value: &[u8]) -> Result<(), Refusal> {
        if self.tags.is_empty() {
            store.set(key, kind, value, self.ttl)
        } else {
            store.set_tagged(key, kind, value, self.ttl, &self.tags)
        }
    }
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
        Err(refusal) => Some(refused(env, refusal)),
    }
}

/// What JavaScript gets for a refusal.
pub fn refused(env: sys::napi_env, refusal: Refusal) -> sys::napi_value {
    call::integer(env, answer_to(refusal))
}

pub const fn answer_to(refusal: Refusal) -> i32 {
    match refusal {
        Refusal::TooLarge => answer::TOO_LARGE,
        Refusal::NoMemory => answer::NO_MEMORY,
    }
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
fn decode_into(
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

/// A value as it is to be stored.
pub struct Value<'a> {
    /// What it is.
    pub kind: u8,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// Reads a value of any kind: a string, to which 0 or [`ENCODED`] is added, a view of a kind, or nothing. `None` if it is
/// none of these.
pub fn read_value<'a>(
    handle: &Handle,
    env: sys::napi_env,
    value: sys::napi_value,
    kind: u8,
    scratch: &'a mut Scratch,
) -> Option<Value<'a>> {
    if kind == NOTHING {
        let mut type_of = 0;
        // SAFETY: inside a call of `env`, whose value it is.
        unsafe { sys::napi_typeof(env, value, &raw mut type_of) };
        let bytes: &[u8] = if type_of == sys::ValueType::napi_null { &[0] } else { &[] };
        return Some(Value { kind, bytes });
    }
    if let Some((address, length)) = view(env, value) {
        // SAFETY: as in `set_bytes`.
        let bytes = unsafe { bytes(address, length) };
        return Some(Value { kind, bytes: packing::own(handle, bytes, &mut scratch.value) });
    }
    let kind = kind | read_string(env, value, scratch)?;
    Some(Value { kind, bytes: scratch.bytes(kind) })
}

/// Reads the first argument as a key. `None` of `work` is `undefined`.
#[inline]
pub fn with_key<const N: usize>(
    call: &Call<'_, N>,
    work: impl FnOnce(&Store, &[u8], &mut Scratch) -> Option<sys::napi_value>,
) -> sys::napi_value {
    with_bytes(call, 1, work)
}

/// As [`with_key`], for what may be shorter.
#[inline]
pub fn with_bytes<const N: usize>(
    call: &Call<'_, N>,
    least: usize,
    work: impl FnOnce(&Store, &[u8], &mut Scratch) -> Option<sys::napi_value>,
) -> sys::napi_value {
    let Some(key) = call.args.first() else { return UNDEFINED };
    let mut scratch = call.handle.scratch.borrow_mut();
    let scratch = &mut *scratch;
    let mut read = std::mem::take(&mut scratch.key);
    let key = match read_key(call.env, *key, &mut read, &mut scratch.units) {
        Key::InScratch => Some(read.as_slice()),
        // Copied, because another thread may write to it where it is shared: what is hashed must be what is stored.
        Key::View(address, length) if length <= LONGEST_KEY => {
            // SAFETY: the memory of a view, which no JavaScript of this thread runs to detach meanwhile.
            read.extend_from_slice(unsafe { bytes(address, length) });
            Some(read.as_slice())
        }
        Key::View(..) | Key::Bad => None,
    };
    let result = key.filter(|key| (least..=LONGEST_KEY).contains(&key.len())).map_or_else(
        || call::integer(call.env, answer::BAD_KEY),
        |key| call.handle.with(|store| work(store, key, scratch)).flatten().unwrap_or(UNDEFINED),
    );
    scratch.key = read;
    result
}

/// What JavaScript has passed as tags.
pub enum Tags {
    /// No array.
    None,
    /// Their UTF-8.
    Some(Vec<Vec<u8>>),
    /// Too many, too long, or no strings.
    Bad,
}

/// Reads an array of strings.
pub fn read_tags(env: sys::napi_env, value: sys::napi_value, units: &mut Vec<u16>) -> Tags {
    let (mut is_array, mut count) = (false, 0);
    // SAFETY: inside a call of `env`, whose value it is.
    unsafe {
        sys::napi_is_array(env, value, &raw mut is_array);
        if !is_array {
            return Tags::None;
        }
        sys::napi_get_array_length(env, value, &raw mut count);
    }
    if count as usize > MOST_TAGS {
        return Tags::Bad;
    }
    let mut tags = Vec::with_capacity(count as usize);
    let mut bytes = 0;
    for index in 0..count {
        let (mut tag, mut name) = (ptr::null_mut(), Vec::new());
        // SAFETY: inside a call of `env`, whose value it is.
        unsafe { sys::napi_get_element(env, value, index, &raw mut tag) };
        let read = read_key(env, tag, &mut name, units);
        bytes += name.len();
        if !matches!(read, Key::InScratch) || bytes > LONGEST_TAGS {
            return Tags::Bad;
        }
        tags.push(name);
    }
    Tags::Some(tags)
}

enum Key {
    InScratch,
    View(*const u8, usize),
    Bad,
}

fn read_key(
    env: sys::napi_env,
    value: sys::napi_value,
    key: &mut Vec<u8>,
    units: &mut Vec<u16>,
) -> Key {
    key.clear();
    key.reserve(256);
    match read_utf8(env, value, key) {
        sys::Status::napi_ok => {}
        sys::Status::napi_string_expected => {
            return view(env, value)
                .map_or(Key::Bad, |(address, length)| Key::View(address, length));
        }
        _ => return Key::Bad,
    }
    if key.len() + LONGEST_UNIT >= key.capacity() {
        // It may go on.
        let mut length = 0;
        // SAFETY: inside a call of `env`; without a buffer only the length is asked for.
        unsafe { sys::napi_get_value_string_utf8(env, value, ptr::null_mut(), 0, &raw mut length) };
        if length > LONGEST_KEY {
            return Key::Bad;
        }
        key.clear();
        key.reserve(length + 8);
        read_utf8(env, value, key);
    }
    if text::has_replacement(key) {
        read_units(env, value, units);
        key.clear();
        text::encode(units.iter().copied(), key);
    }
    Key::InScratch
}

/// Fills the capacity of an empty vector with the UTF-8 of a string, as far as it goes.
fn read_utf8(env: sys::napi_env, value: sys::napi_value, bytes: &mut Vec<u8>) -> sys::napi_status {
    let mut length = 0;
    // SAFETY: inside a call of `env`; Node writes at most as much as there is room for, and says how much.
    unsafe {
        let address = bytes.as_mut_ptr().cast();
        let status =
            sys::napi_get_value_string_utf8(env, value, address, bytes.capacity(), &raw mut length);
        if status == sys::Status::napi_ok {
            bytes.set_len(length);
        }
        status
    }
}

/// Reads a string as 16-bit units; false if it is none.
fn read_units(env: sys::napi_env, value: sys::napi_value, units: &mut Vec<u16>) -> bool {
    units.clear();
    let mut length = 0;
    // SAFETY: inside a call of `env`; first only the length is asked for, then there is room for it and the final 0.
    unsafe {
        let status =
            sys::napi_get_value_string_utf16(env, value, ptr::null_mut(), 0, &raw mut length);
        if status != sys::Status::napi_ok {
            return false;
        }
        units.reserve(length + 1);
        let status = sys::napi_get_value_string_utf16(
            env,
            value,
            units.as_mut_ptr(),
            length + 1,
            &raw mut length,
        );
        if status == sys::Status::napi_ok {
            units.set_len(length);
        }
        status == sys::Status::napi_ok
    }
}

/// Reads a string into the scratch memory: into `units` if it is of the last kind, else into `value`. `None` if it is no
/// string.
pub fn read_string(
    env: sys::napi_env,
    value: sys::napi_value,
    scratch: &mut Scratch,
) -> Option<u8> {
    let mut length = 0;
    // SAFETY: inside a call of `env`; without a buffer only the length is asked for.
    let status = unsafe {
        sys::napi_get_value_string_latin1(env, value, ptr::null_mut(), 0, &raw mut length)
    };
    if status != sys::Status::napi_ok {
        return None;
    }
    scratch.value.clear();
    scratch.value.reserve(length + 1);
    // Where V8 has two bytes for a unit, or a unit takes two bytes of UTF-8, this is in vain.
    read_utf8(env, value, &mut scratch.value);
    if scratch.value.len() == length && scratch.value.is_ascii() {
        return Some(ASCII);
    }
    read_units(env, value, &mut scratch.units);
    Some(if text::narrow(&scratch.units, &mut scratch.value) { LATIN1 } else { UTF16 })
}

/// Where the bytes of a view are. `None` if it is none.
pub fn view(env: sys::napi_env, value: sys::napi_value) -> Option<(*mut u8, usize)> {
    let mut address: *mut c_void = ptr::null_mut();
    let mut length = 0;
    // SAFETY: inside a call of `env`, whose value it is.
    let status =
        unsafe { sys::napi_get_buffer_info(env, value, &raw mut address, &raw mut length) };
    (status == sys::Status::napi_ok).then_some((address.cast(), length))
}

/// # Safety
/// `length` bytes from `address`, unless there are none, which nobody changes for `'a`.
pub const unsafe fn bytes<'a>(address: *const u8, length: usize) -> &'a [u8] {
    if length == 0 || address.is_null() {
        return &[];
    }
    // SAFETY: passed on to the caller.
    unsafe { slice::from_raw_parts(address, length) }
}

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

/// Copies a value into the window, or into the scratch memory if it is too large.
fn show(handle: &Handle, scratch: &mut Scratch, found: Found<'_>) {
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
fn load(scratch: &mut Scratch, found: Found<'_>) {
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
fn to_utf8(kind: u8, scratch: &mut Scratch) -> usize {
    if kind % ENCODED == LATIN1 {
        let latin1 = std::mem::take(&mut scratch.value);
        text::encode_latin1(&latin1, &mut scratch.value);
    } else {
        scratch.value.clear();
        text::encode(scratch.units.iter().copied(), &mut scratch.value);
    }
    scratch.value.len()
}

fn address(bytes: &mut Vec<u8>) -> ptr::NonNull<u8> {
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

fn latin1(env: sys::napi_env, address: *const u8, length: usize) -> sys::napi_value {
    let mut result = ptr::null_mut();
    let length = isize::try_from(length).unwrap_or(0);
    // SAFETY: inside a call of `env`; so many bytes.
    unsafe { sys::napi_create_string_latin1(env, address.cast(), length, &raw mut result) };
    result
}

fn value_number(env: sys::napi_env, kind: u8, length: usize) -> sys::napi_value {
    call::number(env, number_of(kind, length))
}

/// What stands for a value that is no string.
pub const fn number_of(kind: u8, length: usize) -> f64 {
    (length * KINDS + kind as usize) as f64
}
