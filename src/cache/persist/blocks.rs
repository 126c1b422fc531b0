//! Blocks: what a file consists of, and how damage is noticed.

use std::io::{self, Read};

use super::{
    fault::{Fault, Outcome},
    format::{Input, PREFIX, check_prefix, prefix},
};

/// Most bytes of a payload.
pub const LONGEST: usize = 1 << 20;
/// Bytes of a block before its payload.
const FRAME: usize = 12;

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(pub [u8; 4]);

/// What was saved.
pub const HEAD: Tag = Tag(*b"HEAD");
/// Entries.
pub const ENTRIES: Tag = Tag(*b"ENTR");
/// A part of a large value.
pub const VALUE: Tag = Tag(*b"VALU");
/// The end.
pub const DONE: Tag = Tag(*b"DONE");

impl Tag {
    /// Whether who does not know it may go on.
    #[must_use]
    pub const fn can_be_skipped(self) -> bool {
        self.0[0].is_ascii_lowercase()
    }
}

/// Where a save goes. Tests have one that fails.
pub trait Output {
    /// Writes all of it.
    ///
    /// # Errors
    /// When the system cannot.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Waits until what was written cannot be lost.
    ///
    /// # Errors
    /// When the system cannot.
    fn sync(&mut self) -> io::Result<()>;
    /// Puts it into the place of what was saved before. What is dropped without that leaves no trace.
    ///
    /// # Errors
    /// When the system cannot.
    fn publish(self) -> io::Result<()>;
}

/// Numbers the blocks, and adds up their checksums.
#[derive(Debug, Default)]
struct Chain {
    blocks: u32,
    checksum: crc32fast::Hasher,
}

impl Chain {
    /// The checksum of the next block.
    fn next(&mut self, tag: Tag, length: u32, payload: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        if self.blocks == 0 {
            hasher.update(&prefix());
        }
        hasher.update(&self.blocks.to_le_bytes());
        hasher.update(&tag.0);
        hasher.update(&length.to_le_bytes());
        hasher.update(payload);
        let checksum = hasher.finalize();
        self.blocks = self.blocks.wrapping_add(1);
        self.checksum.update(&checksum.to_le_bytes());
        checksum
    }

    /// How many there were, and the checksum of their checksums.
    fn so_far(&self) -> (u32, u32) {
        (self.blocks, self.checksum.clone().finalize())
    }
}

/// Writes blocks.
#[derive(Debug)]
pub struct Writer<O> {
    output: O,
    chain: Chain,
    written: u64,  // bytes
    unsynced: u64, // bytes written since the last `sync`
}

/// So many bytes are handed to the system before it has to write them: what it holds back would make the last wait, and
/// everybody else's, long.
const SYNCED_EVERY: u64 = 64 << 20;

impl<O: Output> Writer<O> {
    /// Writes what comes before the first block.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn new(mut output: O) -> io::Result<Self> {
        output.write(&prefix())?;
        let written = PREFIX as u64;
        Ok(Self { output, chain: Chain::default(), written, unsynced: written })
    }

    /// Writes a block. The payload begins with [`room_for_frame`], and is left so.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn block(&mut self, tag: Tag, framed: &mut Vec<u8>) -> io::Result<()> {
        let Some((frame, payload)) = framed.split_first_chunk_mut::<FRAME>() else { return Ok(()) };
        let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let checksum = self.chain.next(tag, length, payload);
        let parts = tag.0.into_iter().chain(length.to_le_bytes()).chain(checksum.to_le_bytes());
        for (place, byte) in frame.iter_mut().zip(parts) {
            *place = byte;
        }
        self.output.write(framed)?;
        self.written += framed.len() as u64;
        self.unsynced += framed.len() as u64;
        framed.truncate(FRAME);
        if self.unsynced >= SYNCED_EVERY {
            self.output.sync()?;
            self.unsynced = 0;
        }
        Ok(())
    }

    /// How many blocks there are, and the checksum of their checksums.
    pub fn so_far(&self) -> (u32, u32) {
        self.chain.so_far()
    }

    /// Puts the file into its place, and returns its length.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn publish(mut self) -> io::Result<u64> {
        self.output.sync()?;
        self.output.publish()?;
        Ok(self.written)
    }
}

/// A payload without any bytes, and what [`Writer::block`] needs before them.
#[must_use]
pub fn room_for_frame() -> Vec<u8> {
    let mut payload = Vec::with_capacity(LONGEST + FRAME);
    payload.extend([0; FRAME]);
    payload
}

/// Bytes of a payload that has room for its frame.
#[must_use]
pub const fn payload_length(framed: &[u8]) -> usize {
    framed.len() - FRAME
}

/// Reads blocks.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    chain: Chain,
    at: u64, // bytes read
}

impl<R: Read> Reader<R> {
    /// Reads what comes before the first block.
    ///
    /// # Errors
    /// When the system cannot, or it is not the beginning of such a file.
    pub fn new(mut input: R) -> Outcome<Self> {
        let mut bytes = [0; PREFIX];
        let length = fill(&mut input, &mut bytes)?;
        check_prefix(bytes.get(..length).unwrap_or_default())?;
        if length < PREFIX {
            return Err(Fault::invalid(length as u64, "it ends in its first bytes"));
        }
        if bytes != prefix() {
            return Err(Fault::invalid(12, "its first bytes are malformed"));
        }
        Ok(Self { input, chain: Chain::default(), at: PREFIX as u64 })
    }

    /// Where the next block begins.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// How many blocks were read, and the checksum of their checksums.
    #[must_use]
    pub fn so_far(&self) -> (u32, u32) {
        self.chain.so_far()
    }

    /// Reads the next block.
    ///
    /// # Errors
    /// When there is none, or it is damaged.
    pub fn block(&mut self, payload: &mut Vec<u8>) -> Outcome<Tag> {
        let start = self.at;
        let mut frame = [0; FRAME];
        let length = fill(&mut self.input, &mut frame)?;
        if length < FRAME {
            return Err(Fault::invalid(start + length as u64, "it ends before its end"));
        }
        let mut input = Input::new(&frame);
        let parts = (input.array().map(Tag), input.u32(), input.u32());
        let (Some(tag), Some(length), Some(checksum)) = parts else {
            return Err(Fault::invalid(start, "a block is malformed"));
        };
        let wanted = length as usize;
        if wanted > LONGEST {
            return Err(Fault::invalid(start, format!("a block claims to have {length} bytes")));
        }
        payload.resize(wanted, 0);
        let read = fill(&mut self.input, payload)?;
        if read < wanted {
            let at = start + (FRAME + read) as u64;
            return Err(Fault::invalid(at, "it ends before its end"));
        }
        if self.chain.next(tag, length, payload) != checksum {
            return Err(Fault::invalid(start, "the checksum of a block is wrong"));
        }
        self.at = start + (FRAME + wanted) as u64;
        Ok(tag)
    }

    /// Makes sure that there is nothing more.
    ///
    /// # Errors
    /// When there is.
    pub fn end(&mut self) -> Outcome<()> {
        match fill(&mut self.input, &mut [0])? {
            0 => Ok(()),
            _ => Err(Fault::invalid(self.at, "it goes on after its end")),
        }
    }
}

/// Reads until the buffer is full or there is no more, and returns how much it was.
fn fill(input: &mut impl Read, mut buffer: &mut [u8]) -> Outcome<usize> {
    let mut done = 0;
    while !buffer.is_empty() {
        match input.read(buffer) {
            Ok(0) => break,
            Ok(length) => {
                done += length;
                buffer = buffer.split_at_mut_checked(length).map_or(&mut [], |(_, rest)| rest);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Fault::System { what: "reading the file".to_owned(), error }),
        }
    }
    Ok(done)
}
