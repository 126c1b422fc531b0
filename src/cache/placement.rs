//! Where an entry goes: into one block if there is one, else into pieces.
//!
//! What eviction frees lies scattered. A cache full of small entries would have to give up most of them before a large
//! one found room in one piece; in pieces it needs no more than its bytes.

use super::{
    arena::{Arena, NIL},
    entry::{Entries, First, Head, size_before_further_piece},
};

/// Smallest further piece, in units: less would be mostly header.
const LEAST_PIECE: u32 = 4;

/// Blocks for an entry. They belong to whoever has this.
#[derive(Debug)]
pub enum Blocks {
    /// One with room for all of it.
    Whole(u32),
    /// References, and how many bytes of the value each holds.
    Pieces(Vec<(u32, usize)>),
}

/// One block for an entry with a value of so many bytes.
pub fn allocate(arena: &mut Arena, head: &Head<'_>, value: usize) -> Option<Blocks> {
    arena.allocate(Arena::units(head.size_with(value))?).map(Blocks::Whole)
}

/// Pieces for an entry with a value of so many bytes.
pub fn allocate_pieces(arena: &mut Arena, head: &Head<'_>, value: usize) -> Option<Blocks> {
    if value == 0 {
        // A key stays in one piece.
        return None;
    }
    let mut pieces = Vec::new();
    let mut left = value;
    let (mut before, mut least) =
        (head.size_before_piece(), Arena::units(head.size_before_piece() + 1)?);
    while left > 0 {
        let piece = Arena::units(before + left).and_then(|most| {
            let (block, units) = arena.allocate_piece(most, least.min(most))?;
            Some((block, (Arena::bytes(units) - before).min(left)))
        });
        let Some(piece) = piece else {
            for (block, _) in pieces {
                // SAFETY: allocated above, and nobody knows of it.
                unsafe { arena.release(block) };
            }
            return None;
        };
        left -= piece.1;
        pieces.push(piece);
        (before, least) = (size_before_further_piece(), LEAST_PIECE);
    }
    Some(Blocks::Pieces(pieces))
}

/// Writes an entry into its blocks, and returns its reference.
///
/// # Safety
/// The blocks were allocated for this head and a value of this length, and nobody else knows of them.
pub unsafe fn write(entries: Entries, blocks: Blocks, head: &Head<'_>, value: &[u8]) -> u32 {
    let whole = u32::try_from(value.len()).unwrap_or(u32::MAX);
    let pieces = match blocks {
        Blocks::Whole(block) => {
            // SAFETY: passed on to the caller.
            unsafe { entries.write(block, head, whole, First::Whole(value)) };
            return block;
        }
        Blocks::Pieces(pieces) => pieces,
    };
    let owner = pieces.first().map_or(NIL, |(block, _)| *block);
    let (mut next, mut end) = (NIL, value.len());
    for (index, (block, length)) in pieces.into_iter().enumerate().rev() {
        let start = end - length;
        let bytes = value.get(start..end).unwrap_or_default();
        // SAFETY: passed on to the caller.
        unsafe {
            if index == 0 {
                entries.write(block, head, whole, First::Piece { next, bytes });
            } else {
                entries.write_piece(block, owner, next, bytes);
            }
        }
        (next, end) = (block, start);
    }
    next
}

/// Frees all blocks of an entry, unless it is parked for a save: then whoever lets go of it last frees it, this one or
/// [`release_parked`].
///
/// # Safety
/// It was taken out of its shard, and nobody but a save uses it any more.
pub unsafe fn release(arena: &mut Arena, entries: Entries, reference: u32) {
    let entry = entries.get(reference);
    if entry.is_parked() {
        entry.set_left();
        return;
    }
    // SAFETY: passed on to the caller.
    unsafe { free(arena, entries, reference) };
}

/// Lets a save go of an entry that was parked for it.
///
/// # Safety
/// The save does not use it any more.
pub unsafe fn release_parked(arena: &mut Arena, entries: Entries, reference: u32) {
    let entry = entries.get(reference);
    if entry.has_left() {
        // SAFETY: whoever took it out of its shard has let go of it, and the save does now.
        unsafe { free(arena, entries, reference) };
    } else {
        // Whoever has taken it out of its shard is about to come.
        entry.set_parked(false);
    }
}

/// # Safety
/// Nobody uses the entry any more.
unsafe fn free(arena: &mut Arena, entries: Entries, reference: u32) {
    // SAFETY: passed on to the caller; each piece is read before it is freed, and the first block goes last.
    unsafe {
        entries.further_pieces(entries.get(reference), |piece, _| arena.release(piece));
        arena.release(reference);
    }
}
