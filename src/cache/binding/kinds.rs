//! What a value is, as `lib/shared-cache/kinds.js` numbers it.

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
