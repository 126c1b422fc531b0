//! Caches in files.
//!
//! # The file
//!
//! All numbers are little-endian; values are as the cache holds them, in the byte order of the machine, which the file
//! names.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | [`MAGIC`](format::MAGIC) |
//! | 2 | version, of what cannot be skipped |
//! | 2 | byte order of values: 0xFEFF as the machine writes it |
//! | 4 | 0 |
//! | the rest | blocks |
//!
//! A block is a tag of four letters, the length of its payload (32 bits, 1 MiB at most), a checksum (CRC-32 of the block's
//! number in the file, its tag, its length and its payload; of the first one also of the 16 bytes above), and the payload.
//! So no block can be damaged, left out, repeated or moved without notice.
//!
//! | tag | payload |
//! |---|---|
//! | `HEAD` | the first block: fields that say what was saved, see [`Header`](format::Header) |
//! | `ENTR` | entries, one behind the other, see [`Record`](format::Record) |
//! | `VALU` | a part of the value of the last entry of the block before |
//! | `DONE` | the last block: how many entries, bytes and blocks there are, and a checksum of all checksums |
//!
//! Sections can be added: a block whose tag begins with a small letter is skipped by who does not know it, one with a
//! capital makes him refuse the file. So it is with fields of the header and of entries: those from 128 on are skipped, those
//! below make him refuse the file. What changes the meaning of what is there already needs another version.
//!
//! Entries are in the order in which the policy would give them up, for each queue of the policy, oldest first. Shards are
//! taken by turns, each a 256th at a time, so that a cache with other shards gets nearly the same order.
//!
//! # The moment
//!
//! A save writes the cache as it was at one moment, without stopping anybody for longer than it takes to lock all shards,
//! and without a copy of the cache. At that moment each shard turns its _mark_ round. An entry that bears the other mark
//! is one of the moment that was not saved yet; new entries get the shard's mark. The thread of the save goes
//! through the lists of the policies, some entries at a time with the shard locked, and marks what it has copied. Whoever
//! is about to take out or to overwrite an entry that bears the other mark hands it over first: see [`tap`].

pub mod blocks;
pub mod fault;
pub mod file;
pub mod format;
pub mod reader;
pub mod tap;
#[cfg(test)]
mod tests;
pub mod writer;
