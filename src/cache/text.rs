//! Strings as bytes.
//!
//! A JavaScript string is a list of 16-bit units. Where all of them are below 128 it is stored as it is in UTF-8, where
//! all are below 256 with one byte each, as V8 does; else with two.

/// A unit that is half of a pair: the first or the second one.
const FIRST_HALF: std::ops::RangeInclusive<u16> = 0xD800..=0xDBFF;
const SECOND_HALF: std::ops::RangeInclusive<u16> = 0xDC00..=0xDFFF;

/// Whether bytes may have had a half of a pair that V8 replaced while it wrote them: U+FFFD, in UTF-8.
#[must_use]
pub fn has_replacement(bytes: &[u8]) -> bool {
    !bytes.is_ascii() && bytes.windows(3).any(|it| it == [0xEF, 0xBF, 0xBD])
}

/// One byte for each unit, if each fits into one.
pub fn narrow(units: &[u16], bytes: &mut Vec<u8>) -> bool {
    bytes.clear();
    if units.iter().fold(0, |all, unit| all | unit) > 0xFF {
        return false;
    }
    bytes.extend(units.iter().map(|unit| unit.to_le_bytes()[0]));
    true
}

/// UTF-8, where a half of a pair without the other one is encoded like any other unit (WTF-8): nothing is lost, and two
/// different strings never have the same bytes.
pub fn encode(units: impl Iterator<Item = u16>, bytes: &mut Vec<u8>) {
    let mut units = units.peekable();
    while let Some(unit) = units.next() {
        let mut code = u32::from(unit);
        if FIRST_HALF.contains(&unit)
            && let Some(second) = units.next_if(|next| SECOND_HALF.contains(next))
        {
            code = 0x1_0000 + ((code & 0x3FF) << 10) + (u32::from(second) & 0x3FF);
        }
        push(code, bytes);
    }
}

/// The units that [`encode`] makes such bytes of; false if there are none.
pub fn decode(bytes: &[u8], units: &mut Vec<u16>) -> bool {
    units.clear();
    let mut rest = bytes;
    while let [first, others @ ..] = rest {
        let (length, head) = match first {
            0..0x80 => (0, u32::from(*first)),
            0x80..0xE0 => (1, u32::from(first & 0x1F)),
            0xE0..0xF0 => (2, u32::from(first & 0x0F)),
            _ => (3, u32::from(first & 0x07)),
        };
        let Some((tail, next)) = others.split_at_checked(length) else { return false };
        let code = tail.iter().fold(head, |code, byte| code << 6 | u32::from(byte & 0x3F));
        if let Ok(unit) = u16::try_from(code) {
            units.push(unit);
        } else {
            let Some(character) = char::from_u32(code) else { return false };
            units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
        }
        rest = next;
    }
    // Whatever is no such encoding, too long or in halves, is not what comes out again.
    let mut again = Vec::with_capacity(bytes.len());
    encode(units.iter().copied(), &mut again);
    again == bytes
}

/// UTF-8 of bytes that are one unit each.
pub fn encode_latin1(latin1: &[u8], bytes: &mut Vec<u8>) {
    for unit in latin1 {
        push(u32::from(*unit), bytes);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "six bits of a code are wanted at a time")]
fn push(code: u32, bytes: &mut Vec<u8>) {
    let tail = |shift: u32| 0x80 | (code >> shift & 0x3F) as u8;
    match code {
        0..0x80 => bytes.push(code as u8),
        0x80..0x800 => bytes.extend([0xC0 | (code >> 6) as u8, tail(0)]),
        0x800..0x1_0000 => bytes.extend([0xE0 | (code >> 12) as u8, tail(6), tail(0)]),
        _ => bytes.extend([0xF0 | (code >> 18) as u8, tail(12), tail(6), tail(0)]),
    }
}
