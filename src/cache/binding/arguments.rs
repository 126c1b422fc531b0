//! What JavaScript passes to the functions of a cache: keys, values, and terms.

use std::{ffi::c_void, ptr, slice};

use napi::sys;

use super::{
    super::{
        entry::{LONGEST_KEY, MOST_TAGS},
        store::{Refusal, Store},
        text,
    },
    answer,
    call::{self, Call, UNDEFINED},
    handle::{Handle, Scratch},
    kinds::{ASCII, LATIN1, NOTHING, UTF16},
    packing,
};
use crate::shared::number::to_u64;

/// Bytes of all tags of an entry, at most: what one set may add to what the budget lends to tables.
const LONGEST_TAGS: usize = 16 << 10;
/// Bytes that V8 may have left free because the next character had no room.
const LONGEST_UNIT: usize = 5;
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
