//! Compressed values on their way in and out. They are decompressed when no lock is held.

use std::{ptr::NonNull, slice};

use super::{
    super::{
        compress::{Compression, Damaged, Head, PACKED, Packer},
        store::{Found, Store},
    },
    answer,
    handle::{Handle, Held, Scratch},
    kinds::{ENCODED, LATIN1, UTF16},
};

/// Bytes of memory that are kept for the next value.
const KEPT: usize = 256 << 10;

/// What a thread needs for compressed values of one cache.
#[derive(Default)]
pub struct Packing {
    /// What compresses and decompresses.
    pub packer: Packer,
    /// The bytes of the compressed value that was found last.
    pub found: Vec<u8>,
}

impl Packing {
    /// Lets go of memory that an unusually large value has needed.
    fn shrink(&mut self) {
        self.packer.shrink();
        if self.found.capacity() > KEPT {
            self.found = Vec::new();
        }
    }
}

/// How a value of so many bytes is to be compressed, if it is.
///
/// What is too large before it is compressed is not: it is going to be refused, so that this does not depend on what is in
/// it, and so that half of the budget is the most that a get can need.
pub fn compression_for(
    handle: &Handle,
    store: &Store,
    key: &[u8],
    length: usize,
) -> Option<Compression> {
    let fits = (key.len() + length) as u64 <= store.largest();
    handle.compression.filter(|how| fits && how.takes(length))
}

/// Hands a value to what stores it, compressed if it is to be and if that is worth it.
pub fn with_packed<R>(
    handle: &Handle,
    store: &Store,
    key: &[u8],
    kind: u8,
    value: &[u8],
    put: impl FnOnce(u8, &[u8]) -> R,
) -> R {
    let Some(how) = compression_for(handle, store, key, value.len()) else {
        return put(kind, value);
    };
    let mut packing = handle.packing.borrow_mut();
    let packed = packing.packer.pack(&how, kind, value);
    let (kind, value) = packed.map_or((kind, value), |packed| (PACKED, packed));
    let stored = put(kind, value);
    packing.packer.shrink();
    stored
}

/// The bytes of a view, copied if they may be compressed: another thread may write to them where they are shared, and what
/// compresses reads them more than once.
pub fn own<'a>(handle: &Handle, value: &'a [u8], copy: &'a mut Vec<u8>) -> &'a [u8] {
    if handle.compression.is_none_or(|how| !how.takes(value.len())) {
        return value;
    }
    copy.clear();
    copy.extend_from_slice(value);
    copy
}

/// Copies the bytes of a compressed value while its shard is locked.
pub fn hold(handle: &Handle, found: Found<'_>) {
    let bytes = &mut handle.packing.borrow_mut().found;
    bytes.clear();
    bytes.reserve(found.len());
    // SAFETY: there is room for as many bytes, all of which are written.
    unsafe {
        found.copy_to(NonNull::from(bytes.spare_capacity_mut()).cast());
        bytes.set_len(found.len());
    }
}

/// What the compressed value that is held says of itself.
///
/// # Errors
/// When it is damaged.
pub fn head(handle: &Handle) -> Result<Head, Damaged> {
    Head::read(&handle.packing.borrow().found)
}

/// Decompresses the value that was found, if it is compressed, to where JavaScript expects it: a string into the scratch
/// memory, small bytes into the window. Large ones stay as they are until they are taken. Returns its kind and length.
///
/// Without `strings`, those whose bytes are UTF-8 count as bytes.
///
/// # Errors
/// When it is damaged.
pub fn open(
    handle: &Handle,
    scratch: &mut Scratch,
    found: (u8, usize),
    strings: bool,
) -> Result<(u8, usize), Damaged> {
    if found.0 != PACKED {
        return Ok(found);
    }
    let packing = &mut *handle.packing.borrow_mut();
    let Head { kind, length, .. } = Head::read(&packing.found)?;
    match kind % ENCODED {
        it if it == LATIN1 || it == UTF16 || it < UTF16 && strings => {
            let room = scratch.room_for(kind, length).ok_or(Damaged)?;
            packing.packer.unpack(&packing.found, room)?;
            scratch.held = Held::Scratch;
        }
        _ => {
            let window = handle.window.room_for(length).filter(|_| length < handle.taken_from());
            let Some(window) = window else {
                scratch.held = Held::Packed;
                return Ok((kind, length));
            };
            // SAFETY: it has room, and nobody else uses it meanwhile.
            let target = unsafe { slice::from_raw_parts_mut(window.as_ptr(), length) };
            packing.packer.unpack(&packing.found, target)?;
            scratch.held = Held::Window;
        }
    }
    packing.shrink();
    Ok((kind, length))
}

/// Decompresses the value that is held into memory with at least so much room, and returns its length, or why it cannot.
///
/// # Errors
/// With an answer for JavaScript.
///
/// # Safety
/// There are so many bytes, which nobody else uses meanwhile.
pub unsafe fn take(handle: &Handle, (target, room): (*mut u8, usize)) -> Result<usize, i32> {
    let packing = &mut *handle.packing.borrow_mut();
    let Head { length, .. } = Head::read(&packing.found).map_err(|Damaged| answer::DAMAGED)?;
    if length > room {
        return Err(answer::TOO_SMALL);
    }
    let target = if target.is_null() {
        &mut []
    } else {
        // SAFETY: passed on to the caller.
        unsafe { slice::from_raw_parts_mut(target, length) }
    };
    let unpacked = packing.packer.unpack(&packing.found, target);
    packing.shrink();
    unpacked.map(|()| length).map_err(|Damaged| answer::DAMAGED)
}

/// As [`take`], into memory that other threads may write to, where no value of this cache was expected to be compressed:
/// JavaScript asks whether memory is shared only if it knows of a compression. What decompresses also reads what it has
/// written, so that it may not be given such memory.
///
/// # Errors
/// With an answer for JavaScript.
///
/// # Safety
/// There are so many bytes.
pub unsafe fn copy(
    handle: &Handle,
    scratch: &mut Scratch,
    (target, room): (*mut u8, usize),
) -> Result<usize, i32> {
    if handle.compression.is_some() {
        // SAFETY: passed on to the caller; it is not shared.
        return unsafe { take(handle, (target, room)) };
    }
    let Head { length, kind, .. } = head(handle).map_err(|Damaged| answer::DAMAGED)?;
    if length > room {
        return Err(answer::TOO_SMALL);
    }
    let packing = &mut *handle.packing.borrow_mut();
    let value = scratch.room_for(kind, length).ok_or(answer::NO_MEMORY)?;
    packing.packer.unpack(&packing.found, value).map_err(|Damaged| answer::DAMAGED)?;
    // SAFETY: both have so many bytes; no view of JavaScript is the scratch memory.
    unsafe { target.copy_from_nonoverlapping(value.as_ptr(), length) };
    packing.shrink();
    scratch.shrink();
    Ok(length)
}
