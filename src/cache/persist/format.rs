//! Headers and entries as bytes. Nothing here reads or writes files.

use super::fault::{Fault, Outcome};

/// The first bytes of a file. As in PNG, they show what a transfer as text does to a file.
pub const MAGIC: [u8; 8] = *b"\x89HWC\r\n\x1A\n";
/// Of what this code writes, and the newest that it reads.
pub const VERSION: u16 = 1;
/// Byte order of values.
pub const BYTE_ORDER: u16 = 0xFEFF;
/// Bytes before the first block.
pub const PREFIX: usize = 16;

/// Fields from here on are skipped by who does not know them.
const OPTIONAL: u8 = 0x80;

/// What comes before the first block.
#[must_use]
pub fn prefix() -> [u8; PREFIX] {
    let mut prefix = [0; PREFIX];
    let parts = MAGIC.into_iter().chain(VERSION.to_le_bytes()).chain(BYTE_ORDER.to_ne_bytes());
    for (place, byte) in prefix.iter_mut().zip(parts) {
        *place = byte;
    }
    prefix
}

/// Whether a file that begins so can be read.
///
/// # Errors
/// When it cannot.
pub fn check_prefix(bytes: &[u8]) -> Outcome<()> {
    let mut input = Input::new(bytes);
    if input.array() != Some(MAGIC) {
        return Err(Fault::invalid(0, "it does not begin as one"));
    }
    let (Some(version), Some(order)) = (input.array(), input.array()) else {
        return Err(Fault::invalid(bytes.len() as u64, "it ends in its first bytes"));
    };
    let version = u16::from_le_bytes(version);
    if version == 0 || version > VERSION {
        return Err(Fault::Version(format!(
            "The file has version {version} of the format; this version of heapwise reads {VERSION}"
        )));
    }
    if u16::from_ne_bytes(order) != BYTE_ORDER {
        return Err(Fault::Version(
            "The file is from a machine with another byte order".to_owned(),
        ));
    }
    Ok(())
}

/// Bytes that are read from the front; never more than there are.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    /// Reads these.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many are left.
    #[must_use]
    pub const fn left(&self) -> usize {
        self.0.len()
    }

    /// The next ones.
    pub const fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        match self.0.split_at_checked(length) {
            Some((bytes, rest)) => {
                self.0 = rest;
                Some(bytes)
            }
            None => None,
        }
    }

    /// The next ones, so many.
    pub const fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        match self.0.split_first_chunk() {
            Some((bytes, rest)) => {
                self.0 = rest;
                Some(*bytes)
            }
            None => None,
        }
    }

    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    /// The next 16 bits.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next 32 bits.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next 64 bits.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// Adds a field: its tag, its length, its bytes.
fn push_field(fields: &mut Vec<u8>, tag: u8, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    fields.push(tag);
    fields.extend(length.to_le_bytes());
    fields.extend(bytes.iter().take(usize::from(length)));
}

/// Calls `each` with all fields. It says whether it knows the tag and likes the bytes.
fn read_fields<'a>(
    fields: &'a [u8],
    mut each: impl FnMut(u8, Input<'a>) -> Option<Known>,
) -> Result<(), Bad> {
    let mut input = Input::new(fields);
    while input.left() > 0 {
        let field = input
            .byte()
            .zip(input.u16())
            .and_then(|(tag, length)| Some((tag, input.bytes(usize::from(length))?)));
        let (tag, bytes) = field.ok_or(Bad::Torn)?;
        match each(tag, Input::new(bytes)) {
            Some(Known::Yes) => {}
            Some(Known::No) if tag >= OPTIONAL => {}
            Some(Known::No) => return Err(Bad::Newer(tag)),
            None => return Err(Bad::Torn),
        }
    }
    Ok(())
}

enum Known {
    Yes,
    No,
}

/// Why bytes are no header and no entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Lengths do not fit.
    Torn,
    /// A field that a newer version has added, and that cannot be skipped.
    Newer(u8),
}

impl Bad {
    /// As a fault of a file.
    #[must_use]
    pub fn at(self, at: u64, what: &str) -> Fault {
        match self {
            Self::Torn => Fault::invalid(at, format!("{what} is malformed")),
            Self::Newer(tag) => Fault::Version(format!(
                "{what} has a field ({tag}) of a newer version of heapwise (byte {at})"
            )),
        }
    }
}

/// What was saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// When. Milliseconds since 1970.
    pub moment: u64,
    /// Entries at that moment, those included whose time was over.
    pub entries: u64,
    /// The budget of the cache. Bytes.
    pub max_bytes: u64,
    /// Its policy: `lru`, `sieve` or `s3fifo`.
    pub policy: String,
    /// Its codec.
    pub codec: String,
    /// Who wrote it.
    pub writer: String,
}

const MOMENT: u8 = 1;
const ENTRIES: u8 = 2;
const MAX_BYTES: u8 = 3;
const POLICY: u8 = 4;
const CODEC: u8 = 5;
const WRITER: u8 = OPTIONAL;

impl Header {
    /// As the payload of a block.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        push_field(&mut fields, MOMENT, &self.moment.to_le_bytes());
        push_field(&mut fields, ENTRIES, &self.entries.to_le_bytes());
        push_field(&mut fields, MAX_BYTES, &self.max_bytes.to_le_bytes());
        push_field(&mut fields, POLICY, self.policy.as_bytes());
        push_field(&mut fields, CODEC, self.codec.as_bytes());
        push_field(&mut fields, WRITER, self.writer.as_bytes());
        fields
    }

    /// Out of the payload of a block.
    ///
    /// # Errors
    /// When it is none.
    pub fn decode(payload: &[u8]) -> Result<Self, Bad> {
        let mut header = Self::default();
        read_fields(payload, |tag, mut input| {
            match tag {
                MOMENT => header.moment = input.u64()?,
                ENTRIES => header.entries = input.u64()?,
                MAX_BYTES => header.max_bytes = input.u64()?,
                POLICY => header.policy = text(input),
                CODEC => header.codec = text(input),
                WRITER => header.writer = text(input),
                _ => return Some(Known::No),
            }
            Some(Known::Yes)
        })?;
        Ok(header)
    }
}

fn text(mut input: Input<'_>) -> String {
    String::from_utf8_lossy(input.bytes(input.left()).unwrap_or_default()).into_owned()
}

/// When an entry expires. Milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// That moment.
    pub at: u64,
    /// If it is put off with each use: by how many milliseconds, and until when at most. `u64::MAX` is no limit.
    pub sliding: Option<(u32, u64)>,
}

/// Where an entry stands in the order of its policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Uses that count, 0 to 3.
    pub uses: u8,
    /// Whether it is in the main queue of S3-FIFO.
    pub main: bool,
    /// Whether the hand of SIEVE has passed it in this round.
    pub passed: bool,
    /// Whether it was set again after the moment of the save: it has been used, but its order was not known any more.
    pub touched: bool,
}

const USES: u8 = 0x03;
const MAIN: u8 = 0x04;
const PASSED: u8 = 0x08;
const TOUCHED: u8 = 0x10;
const FOLLOWS: u8 = 0x80;

const DEADLINE: u8 = 1;
const SLIDING: u8 = 2;
const KEEP: u8 = 3;
const TAG: u8 = 4;

/// Adds to what else is to be written of an entry for how many milliseconds of its deadline it serves in need only.
pub fn push_keep(fields: &mut Vec<u8>, keep: u32) {
    if keep > 0 {
        push_field(fields, KEEP, &keep.to_le_bytes());
    }
}

/// Adds one of its tags.
pub fn push_tag(fields: &mut Vec<u8>, name: &[u8]) {
    push_field(fields, TAG, name);
}

/// An entry, without the bytes of its value.
///
/// | bytes | what |
/// |---|---|
/// | 1 | what the value is |
/// | 1 | uses (2 bits), main queue, passed by the hand, touched; the highest bit: the value is in blocks of its own |
/// | 2 | bytes of the key |
/// | 4 | bytes of the value |
/// | 2 | bytes of the fields |
/// | | the fields, each a tag (8 bits), a length (16 bits) and that many bytes: when it expires, and if that slides, how; how
/// long it is kept after its time; each of its tags |
/// | | the key |
/// | | the value, unless it is in blocks of its own |
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What the value is.
    pub kind: u8,
    /// Its key.
    pub key: &'a [u8],
    /// Bytes of the value.
    pub value_length: u32,
    /// Whether the value is not here, but in the blocks that follow.
    pub follows: bool,
    /// When it expires.
    pub deadline: Option<Deadline>,
    /// Its place in the order.
    pub standing: Standing,
    /// Fields of what few entries have: [`Self::keep`] and [`Self::tags`].
    pub more: &'a [u8],
}

/// Bytes of an entry that are neither key nor value, at most.
pub const LARGEST_FRAME: usize = 10 + (3 + 8) + (3 + 12);

impl<'a> Record<'a> {
    /// Adds it to the payload of a block. The value, if it is to be there, comes behind it.
    pub fn encode(&self, payload: &mut Vec<u8>) {
        let Standing { uses, main, passed, touched } = self.standing;
        let mut flags = uses & USES;
        for (is, flag) in
            [(main, MAIN), (passed, PASSED), (touched, TOUCHED), (self.follows, FOLLOWS)]
        {
            flags |= if is { flag } else { 0 };
        }
        payload.push(self.kind);
        payload.push(flags);
        payload.extend(u16::try_from(self.key.len()).unwrap_or(u16::MAX).to_le_bytes());
        payload.extend(self.value_length.to_le_bytes());
        let at = payload.len();
        payload.extend([0; 2]);
        if let Some(Deadline { at, sliding }) = self.deadline {
            push_field(payload, DEADLINE, &at.to_le_bytes());
            if let Some((lifetime, limit)) = sliding {
                let mut bytes = [0; 12];
                let parts = lifetime.to_le_bytes().into_iter().chain(limit.to_le_bytes());
                for (place, byte) in bytes.iter_mut().zip(parts) {
                    *place = byte;
                }
                push_field(payload, SLIDING, &bytes);
            }
        }
        payload.extend_from_slice(self.more);
        let length = u16::try_from(payload.len() - at - 2).unwrap_or(0);
        for (place, byte) in payload.iter_mut().skip(at).zip(length.to_le_bytes()) {
            *place = byte;
        }
        payload.extend_from_slice(self.key);
    }

    /// The next entry of a payload, and its value if that is there.
    ///
    /// # Errors
    /// When there is none.
    pub fn decode(input: &mut Input<'a>) -> Result<(Self, &'a [u8]), Bad> {
        let fixed = (input.byte(), input.byte(), input.u16(), input.u32(), input.u16());
        let (Some(kind), Some(flags), Some(key), Some(value_length), Some(fields)) = fixed else {
            return Err(Bad::Torn);
        };
        if flags & !(USES | MAIN | PASSED | TOUCHED | FOLLOWS) != 0 {
            return Err(Bad::Torn);
        }
        let fields = input.bytes(usize::from(fields)).ok_or(Bad::Torn)?;
        let key = input.bytes(usize::from(key)).filter(|key| !key.is_empty()).ok_or(Bad::Torn)?;
        let follows = flags & FOLLOWS != 0;
        let value = if follows { 0 } else { value_length as usize };
        let value = input.bytes(value).ok_or(Bad::Torn)?;
        let (mut at, mut sliding) = (None, None);
        read_fields(fields, |tag, mut input| {
            match tag {
                DEADLINE => at = Some(input.u64()?),
                SLIDING => sliding = Some((input.u32()?, input.u64()?)),
                KEEP => _ = input.u32()?,
                TAG => {}
                _ => return Some(Known::No),
            }
            Some(Known::Yes)
        })?;
        let standing = Standing {
            uses: flags & USES,
            main: flags & MAIN != 0,
            passed: flags & PASSED != 0,
            touched: flags & TOUCHED != 0,
        };
        let deadline = at.map(|at| Deadline { at, sliding });
        let more = more_of(fields);
        Ok((Self { kind, key, value_length, follows, deadline, standing, more }, value))
    }

    /// Milliseconds of its deadline for which it serves in need only.
    #[must_use]
    pub fn keep(&self) -> u32 {
        let mut keep = 0;
        // Read before: nothing is wrong with it.
        _ = read_fields(self.more, |tag, mut input| {
            if tag == KEEP {
                keep = input.u32()?;
            }
            Some(Known::Yes)
        });
        keep
    }

    /// Its tags.
    #[must_use]
    pub fn tags(&self) -> Vec<&'a [u8]> {
        let mut tags = Vec::new();
        _ = read_fields(self.more, |tag, mut input| {
            if tag == TAG {
                tags.push(input.bytes(input.left())?);
            }
            Some(Known::Yes)
        });
        tags
    }
}

/// The fields from the first one on that few entries have.
const fn more_of(fields: &[u8]) -> &[u8] {
    let mut input = Input::new(fields);
    loop {
        let rest = input;
        let Some([tag, low, high]) = input.array() else { return &[] };
        if tag == KEEP || tag == TAG {
            return rest.0;
        }
        if input.bytes(u16::from_le_bytes([low, high]) as usize).is_none() {
            return &[];
        }
    }
}

/// What the last block says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Entries.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub payload: u64,
    /// Blocks before the last one.
    pub blocks: u32,
    /// CRC-32 of the checksums of these.
    pub checksum: u32,
}

impl Totals {
    /// As the payload of a block.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        payload.extend(self.entries.to_le_bytes());
        payload.extend(self.payload.to_le_bytes());
        payload.extend(self.blocks.to_le_bytes());
        payload.extend(self.checksum.to_le_bytes());
        payload
    }

    /// Out of the payload of a block.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let mut input = Input::new(payload);
        let totals = Self {
            entries: input.u64()?,
            payload: input.u64()?,
            blocks: input.u32()?,
            checksum: input.u32()?,
        };
        (input.left() == 0).then_some(totals)
    }
}
