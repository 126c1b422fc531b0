//! What compresses and decompresses, with the memory that this takes.

use lz4_flex::block;
use zstd_safe::{CCtx, DCtx};

use super::{Algorithm, Compression, Damaged, HEADER, Head, LEAST_SAVED};

/// Bytes of memory that are kept for the next value.
const KEPT: usize = 256 << 10;
/// Bytes that a context of Zstandard keeps: what the lower levels need for any value.
const KEPT_BY_ZSTD: usize = 2 << 20;

/// Compresses and decompresses values, one after another. Memory for an algorithm is taken when it is first needed.
#[derive(Default)]
pub struct Packer {
    compressor: Option<CCtx<'static>>,
    decompressor: Option<DCtx<'static>>,
    packed: Vec<u8>,
}

impl Packer {
    /// The bytes to be stored for a value, or `None` if it should rather be stored as it is.
    pub fn pack(&mut self, how: &Compression, kind: u8, value: &[u8]) -> Option<&[u8]> {
        let head = Head { kind, length: value.len(), algorithm: how.algorithm };
        // Less one byte, so that a threshold of 1 makes nothing larger.
        let most = value.len().saturating_sub(value.len() / LEAST_SAVED + 1);
        let room = match how.algorithm {
            // It needs as much even where it will not use it.
            Algorithm::Lz4 => HEADER + block::get_maximum_output_size(value.len()),
            Algorithm::Zstd => most,
        };
        if self.packed.len() < room {
            self.packed.resize(room, 0);
        }
        let (header, body) = self.packed.get_mut(..room)?.split_first_chunk_mut::<HEADER>()?;
        let length = match how.algorithm {
            Algorithm::Lz4 => block::compress_into(value, body).ok()?,
            Algorithm::Zstd => {
                if self.compressor.is_none() {
                    self.compressor = CCtx::try_create();
                }
                // It fails where the room is not enough, which is how it says that it is not worth it.
                self.compressor.as_mut()?.compress(body, value, how.level).ok()?
            }
        };
        *header = head.write();
        self.packed.get(..HEADER + length).filter(|packed| packed.len() <= most)
    }

    /// Makes the value again, whose length and kind are in its [`Head`].
    ///
    /// # Errors
    /// When the bytes are not those of a value that is as long as the target.
    pub fn unpack(&mut self, packed: &[u8], target: &mut [u8]) -> Result<(), Damaged> {
        let head = Head::read(packed)?;
        let body = packed.get(HEADER..).unwrap_or_default();
        let length = match head.algorithm {
            Algorithm::Lz4 => block::decompress_into(body, target).ok(),
            Algorithm::Zstd => {
                if self.decompressor.is_none() {
                    self.decompressor = DCtx::try_create();
                }
                self.decompressor.as_mut().and_then(|it| it.decompress(target, body).ok())
            }
        };
        if length == Some(head.length) && head.length == target.len() {
            Ok(())
        } else {
            Err(Damaged)
        }
    }

    /// Lets go of memory that an unusually large value has needed.
    pub fn shrink(&mut self) {
        if self.packed.len() > KEPT {
            self.packed = Vec::new();
        }
        if self.compressor.as_ref().is_some_and(|it| it.sizeof() > KEPT_BY_ZSTD) {
            self.compressor = None;
        }
    }
}
