//! What a value is, as `lib/shared-cache/kinds.js` numbers it.

use crate::cache::compress::{HEADER, PACKED};

/// A string whose units are all below 128: its bytes are UTF-8.
pub const ASCII: u8 = 0;
/// A string whose units are all below 256, a byte each.
pub const LATIN1: u8 = 1;
/// Any other string, two bytes for each unit.
pub const UTF16: u8 = 2;
/// Added to the kind of what a codec made of a value.
pub const ENCODED: u8 = 16;
/// No value: `undefined` if it has no bytes, else `null`. Only a load stores such.
pub const NOTHING: u8 = 15;
/// Bytes of an element of a typed array, by its kind, from the first one on.
const ELEMENTS: [u32; 12] = [1, 1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8];
/// The first kind that is no string.
const FIRST_BYTES: u8 = 3;

/// Whether there can be a value of this kind and of so many bytes. What is compressed says for itself what it is.
#[must_use]
pub fn can_be(kind: u8, length: u32) -> bool {
    let element = match kind {
        PACKED => return length as usize > HEADER,
        ASCII | LATIN1 | NOTHING => Some(1),
        UTF16 => Some(2),
        _ if kind < ENCODED => ELEMENTS.get(usize::from(kind - FIRST_BYTES)).copied(),
        // What a codec makes is a string or bytes.
        _ if kind - ENCODED == UTF16 => Some(2),
        _ if kind - ENCODED <= FIRST_BYTES => Some(1),
        _ => None,
    };
    element.is_some_and(|element| length.is_multiple_of(element))
}
