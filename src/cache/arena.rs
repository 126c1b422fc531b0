//! The memory of all entries of a cache: one piece of address space, cut into blocks.
//!
//! A reference is an offset in [`UNIT`]s, so that 32 bits reach 64 GiB. Blocks lie side by side without gaps. The first
//! word of each has its size, whether it is free, and whether the one before it is; a free one ends with its size as
//! well, so that neighbours merge at once whichever is freed first. That word is all that a block in use gives to the
//! allocator, and it is a part of the header of an entry.
//!
//! Memory goes back to the system from the top, and from the middle as holes: blocks that are in use by nobody, whose
//! pages were discarded, and which are made free again when there is memory for them.

use std::{io, ptr::NonNull, sync::Arc};

use super::{
    bins::{Bin, Bins},
    budget::Budget,
    region::{GRAIN, Region},
};

/// Bytes of a unit: sizes and references count these.
pub const UNIT: usize = 16;
/// No reference: the first unit of an arena is never used.
pub const NIL: u32 = 0;
/// References from here on are no places; others use them as marks.
pub const FIRST_MARK: u32 = u32::MAX - 0xFFFF;
/// The first word of a block in use belongs to the arena.
pub const WORD: usize = 4;

/// The byte of a block in use by which others tell what it is. The arena clears it in what it hands out.
pub const STATE: usize = 19;

/// Least bytes of a hole that is made to pay back what tables have borrowed, and of one that is made for good measure.
const LEAST_HOLE: usize = 64 << 10;
const WORTHWHILE_HOLE: usize = 1 << 20;
const MOST_BYTES: usize = 1 << 36;
/// Bytes of the budget that are left to the tables when a hole is filled.
const SPARED: u64 = 64 << 10;
/// Free blocks that are looked at to find one that covers whole pages.
const CANDIDATES: usize = 16;

/// Most bytes that are committed at a time: a virtual machine takes about a millisecond for so many if its host has to find
/// the memory, a tenth of that if not.
const LARGEST_STEP: u64 = 256 << 10;

const FREE: u32 = 1 << 31;
const BEFORE_IS_FREE: u32 = 1 << 30;
const SIZE: u32 = BEFORE_IS_FREE - 1;

// Of a free block, in bytes from its beginning; its size is also in its last four bytes.
const NEXT_FREE: usize = 4;
const PREV_FREE: usize = 8;

/// Where the blocks are, for those that read and write what is in them.
#[derive(Clone, Copy, Debug)]
pub struct Space(NonNull<u8>);

// SAFETY: it is only an address. Who reads and writes behind it must have been told that the block is theirs.
unsafe impl Send for Space {}
// SAFETY: as above.
unsafe impl Sync for Space {}

impl Space {
    /// The first byte of a block.
    ///
    /// # Safety
    /// The reference is one of this arena's, which still exists.
    pub const unsafe fn at(self, block: u32) -> NonNull<u8> {
        // SAFETY: the reference lies within the reserved addresses.
        unsafe { self.0.add(block as usize * UNIT) }
    }
}

/// Blocks in use and free, and memory that was never a block.
#[derive(Debug)]
pub struct Arena {
    region: Region,
    space: Space,
    bins: Bins,
    budget: Arc<Budget>,
    step: u64, // bytes that are committed at a time, a multiple of GRAIN
    top: u32,  // units; what lies above belongs to no block. The block below it is in use.
    end: u32,  // units of addresses, > 0
    free: u64, // units in free blocks below the top
    holes: Vec<Hole>,
}

/// A block whose pages were discarded.
#[derive(Clone, Copy, Debug)]
struct Hole {
    block: u32,
    units: u32,
    discarded: u64, // bytes, given back to the budget
}

impl Arena {
    /// An arena without memory, that may use all of a budget.
    ///
    /// # Errors
    /// When there are no addresses for it.
    pub fn new(budget: Arc<Budget>) -> io::Result<Self> {
        let max = budget.max();
        let step = (max / 64).clamp(GRAIN as u64, LARGEST_STEP);
        let step = step.next_multiple_of(GRAIN as u64);
        // One grain more: the first unit is no block.
        let bytes = usize::try_from(max).ok().and_then(|max| max.checked_add(GRAIN));
        let region = Region::reserve(bytes.ok_or(io::ErrorKind::OutOfMemory)?)?;
        let space = Space(region.base());
        let end = u32::try_from(region.reserved() / UNIT).unwrap_or(FIRST_MARK).min(FIRST_MARK);
        Ok(Self {
            region,
            space,
            bins: Bins::new(),
            budget,
            step,
            top: 1,
            end,
            free: 0,
            holes: Vec::new(),
        })
    }

    /// Where the blocks are. Valid as long as the arena is.
    #[must_use]
    pub const fn space(&self) -> Space {
        self.space
    }

    /// Bytes that a block of so many units can hold, its first word included.
    #[must_use]
    pub const fn bytes(units: u32) -> usize {
        units as usize * UNIT
    }

    /// Units for so many bytes, the first word included; `None` when no block is that large.
    #[must_use]
    pub fn units(bytes: usize) -> Option<u32> {
        u32::try_from(bytes.div_ceil(UNIT)).ok().filter(|units| *units <= SIZE)
    }

    /// A block of so many units. `None` when neither a free one is large enough nor the budget has room.
    pub fn allocate(&mut self, units: u32) -> Option<u32> {
        if units == 0 || units > SIZE {
            return None;
        }
        let mut block = self.take_free(units);
        while block.is_none() && self.fill_hole() {
            block = self.take_free(units);
        }
        block.or_else(|| self.take_from_top(units))
    }

    /// The largest piece there is, of at most so many units and at least so few.
    pub fn allocate_piece(&mut self, most: u32, least: u32) -> Option<(u32, u32)> {
        if let Some(block) = self.allocate(most) {
            return Some((block, most));
        }
        let head = self.bins.head(self.bins.largest()?);
        // SAFETY: the head of a bin is a free block.
        let size = unsafe { self.word(head) & SIZE }.min(most);
        if size < least {
            return None;
        }
        // SAFETY: as above; at least `size` units.
        unsafe { self.cut(head, size) };
        Some((head, size))
    }

    /// Frees a block.
    ///
    /// # Safety
    /// It was allocated here, and nobody uses it any more.
    pub unsafe fn release(&mut self, block: u32) {
        // SAFETY: words and neighbours of a block in use are valid; free neighbours are in their bins.
        unsafe {
            let word = self.word(block);
            let (mut start, mut size) = (block, word & SIZE);
            if word & BEFORE_IS_FREE != 0 {
                let before = self.footer(block);
                start -= before;
                self.unlink(start, before);
                size += before;
            }
            let mut after = start + size;
            if after < self.top {
                let word = self.word(after);
                if word & FREE != 0 {
                    self.unlink(after, word & SIZE);
                    size += word & SIZE;
                    after = start + size;
                }
            }
            if after == self.top {
                // What was below this block is in use: a free one has just been merged with it.
                self.top = start;
            } else {
                self.link(start, size);
                self.set_word(after, self.word(after) | BEFORE_IS_FREE);
            }
        }
    }

    /// Gives memory back: what lies above the top, and large free blocks below.
    pub fn trim(&mut self) {
        self.change(|arena, before| {
            // Neighbours that are free now merge with them, and the top may sink below.
            for hole in std::mem::take(&mut arena.holes) {
                // SAFETY: nobody uses a hole.
                unsafe { arena.release(hole.block) };
            }
            let kept = (Self::bytes(arena.top) as u64).next_multiple_of(arena.step);
            if let Ok(kept) = usize::try_from(kept) {
                // SAFETY: there are no blocks above the top.
                unsafe { arena.region.decommit(kept) };
            }
            while arena.make_hole_of(WORTHWHILE_HOLE, MOST_BYTES)
                || arena.budget.is_exceeded_by(before, arena.committed())
                    && arena.make_hole_of(LEAST_HOLE, LEAST_HOLE)
            {}
        });
    }

    /// Makes a hole of the largest free block, if it is worth it, and gives its bytes back to the budget.
    pub fn make_hole(&mut self) -> bool {
        let needed = usize::try_from(self.budget.debt() + SPARED).unwrap_or(MOST_BYTES);
        let behind = self.behind_largest();
        self.change(|arena, _| {
            if let Some(at) = arena.holes.iter().position(|hole| Some(hole.block) == behind) {
                // A hole behind it would keep it from growing: they become one.
                let hole = arena.holes.swap_remove(at);
                // SAFETY: nobody uses a hole.
                unsafe { arena.release(hole.block) };
                return arena.make_hole_of(LEAST_HOLE, MOST_BYTES);
            }
            arena.make_hole_of(LEAST_HOLE, needed.max(LEAST_HOLE))
        })
    }

    /// Does something that changes how much memory is taken, and tells the budget afterwards: nobody is to see what is true
    /// in between only.
    fn change<R>(&mut self, work: impl FnOnce(&mut Self, u64) -> R) -> R {
        let before = self.committed();
        let result = work(self, before);
        let after = self.committed();
        if after > before {
            self.budget.borrow(after - before);
        } else {
            self.budget.give(before - after);
        }
        result
    }

    /// The block behind the largest free one: if it came free as well, that would become larger.
    #[must_use]
    pub fn behind_largest(&self) -> Option<u32> {
        let block = self.bins.head(self.bins.largest()?);
        // SAFETY: the head of a bin is a free block.
        let size = unsafe { self.word(block) } & SIZE;
        Some(block + size)
    }

    fn make_hole_of(&mut self, least: usize, most: usize) -> bool {
        let Some(mut block) = self.bins.largest().map(|bin| self.bins.head(bin)) else {
            return false;
        };
        for _ in 0..CANDIDATES {
            // SAFETY: a free block: the head of a bin, or the next one of its list.
            let (units, next) = unsafe { (self.word(block) & SIZE, self.field(block, NEXT_FREE)) };
            let (start, end) = (Self::bytes(block), Self::bytes(block + units));
            // The first unit stays, since a block in use has a word and a state.
            let first = (start + 2 * UNIT).next_multiple_of(GRAIN);
            let discarded = (end / GRAIN * GRAIN).saturating_sub(first);
            if discarded >= least {
                let discarded = discarded.min(most.next_multiple_of(GRAIN));
                let wanted = Self::units(first + discarded - start).unwrap_or(units);
                let units = units.min(wanted);
                // SAFETY: a free block of so many units, which belongs to nobody then; the range is within it.
                unsafe {
                    self.cut(block, units);
                    self.region.discard(first, discarded);
                }
                self.holes.push(Hole { block, units, discarded: discarded as u64 });
                return true;
            }
            if next == NIL {
                return false;
            }
            block = next;
        }
        false
    }

    /// Makes a hole a free block again, or as much of it as the budget allows.
    fn fill_hole(&mut self) -> bool {
        let Some(Hole { block, units, discarded }) = self.holes.pop() else { return false };
        // Not the last bytes: the tables would have to borrow them at once.
        let spare = self.budget.spare().saturating_sub(SPARED) / GRAIN as u64 * GRAIN as u64;
        let taken = spare.min(discarded);
        if taken == 0 || !self.budget.take(taken) {
            self.holes.push(Hole { block, units, discarded });
            return false;
        }
        let left = discarded - taken;
        let first = (Self::bytes(block) + 2 * UNIT).next_multiple_of(GRAIN);
        let kept = usize::try_from(left).ok().and_then(|left| Self::units(first + left));
        // SAFETY: nobody uses a hole. Its rear is a block of its own from now on, behind one in use.
        unsafe {
            match kept.filter(|_| left > 0) {
                Some(rear) => {
                    self.holes.push(Hole { block, units: rear - block, discarded: left });
                    self.set_word(block, (self.word(block) & !SIZE) | (rear - block));
                    self.set_word(rear, block + units - rear);
                    self.release(rear);
                }
                None => self.release(block),
            }
        }
        true
    }

    /// Bytes in blocks in use.
    #[must_use]
    pub fn used(&self) -> u64 {
        let holes: u64 = self.holes.iter().map(|hole| u64::from(hole.units)).sum();
        (u64::from(self.top) - 1 - self.free - holes) * UNIT as u64
    }

    /// Bytes that blocks can be made of without more memory.
    #[must_use]
    pub const fn available(&self) -> u64 {
        (self.region.committed() as u64).saturating_sub(Self::bytes(self.top) as u64)
            + self.free * UNIT as u64
    }

    /// Bytes of memory taken from the system.
    #[must_use]
    pub fn committed(&self) -> u64 {
        let holes: u64 = self.holes.iter().map(|hole| hole.discarded).sum();
        self.region.committed() as u64 - holes
    }

    fn take_free(&mut self, units: u32) -> Option<u32> {
        let block = self.bins.head(self.bins.find(units)?);
        // SAFETY: the head of a bin that was found for this size is a free block that is large enough.
        unsafe { self.cut(block, units) };
        Some(block)
    }

    fn take_from_top(&mut self, units: u32) -> Option<u32> {
        let block = self.top;
        let top = block.checked_add(units).filter(|top| *top <= self.end)?;
        if Self::bytes(top) > self.region.committed() {
            self.grow(Self::bytes(top))?;
        }
        self.top = top;
        // SAFETY: committed just now, if it was not; the block below the top is in use.
        unsafe { self.hand_out(block, units) };
        Some(block)
    }

    /// Commits at least so many bytes: a step if the budget has it, else what is needed.
    fn grow(&mut self, needed: usize) -> Option<()> {
        if !self.holes.is_empty() {
            // What was given back is for the tables to grow.
            return None;
        }
        let reserved = self.region.reserved() as u64;
        let committed = self.region.committed() as u64;
        let needed = (needed as u64).next_multiple_of(GRAIN as u64);
        let generous = needed.next_multiple_of(self.step).min(reserved);
        [generous, needed].into_iter().find_map(|wanted| {
            let more = wanted.checked_sub(committed)?;
            if !self.budget.take(more) {
                return None;
            }
            let grown = usize::try_from(wanted).ok().and_then(|it| self.region.commit(it).ok());
            if grown.is_none() {
                self.budget.give(more);
            }
            grown
        })
    }

    /// Takes the first units of a free block; the rest stays free.
    ///
    /// # Safety
    /// The block is free, in its bin, and at least that large.
    unsafe fn cut(&mut self, block: u32, units: u32) {
        // SAFETY: passed on to the caller; the block after a free one exists, or the top would lie here.
        unsafe {
            let size = self.word(block) & SIZE;
            self.unlink(block, size);
            // Before a free block there is one in use: they would have been merged.
            self.hand_out(block, units);
            let after = block + size;
            if size > units {
                self.link(block + units, size - units);
            } else {
                self.set_word(after, self.word(after) & !BEFORE_IS_FREE);
            }
        }
    }

    /// Marks a block as in use, by one who has not said yet for what.
    ///
    /// # Safety
    /// It is nobody's, has so many units, and the block before it is in use.
    const unsafe fn hand_out(&mut self, block: u32, units: u32) {
        // SAFETY: passed on to the caller. A block of one unit has no state, and no room for an entry.
        unsafe {
            self.set_word(block, units);
            if units > 1 {
                self.space.at(block).add(STATE).write(0);
            }
        }
    }

    /// Puts a block into its bin, and marks it free.
    ///
    /// # Safety
    /// The units are nobody's, and the block before them is in use.
    unsafe fn link(&mut self, block: u32, size: u32) {
        let bin = Bin::of(size);
        let next = self.bins.head(bin);
        // SAFETY: a block has at least one unit, in which all four words have room; the head of a bin is a free block.
        unsafe {
            self.set_word(block, size | FREE);
            self.set_field(block, NEXT_FREE, next);
            self.set_field(block, PREV_FREE, NIL);
            self.set_field(block, Self::bytes(size) - WORD, size);
            if next != NIL {
                self.set_field(next, PREV_FREE, block);
            }
        }
        self.bins.set_head(bin, block);
        self.free += u64::from(size);
    }

    /// Takes a block out of its bin.
    ///
    /// # Safety
    /// It is free and of that size.
    unsafe fn unlink(&mut self, block: u32, size: u32) {
        // SAFETY: the links of a free block lead to free blocks of the same bin.
        unsafe {
            let (next, prev) = (self.field(block, NEXT_FREE), self.field(block, PREV_FREE));
            if next != NIL {
                self.set_field(next, PREV_FREE, prev);
            }
            if prev == NIL {
                self.bins.set_head(Bin::of(size), next);
            } else {
                self.set_field(prev, NEXT_FREE, next);
            }
        }
        self.free -= u64::from(size);
    }

    /// # Safety
    /// The block before this one is free.
    const unsafe fn footer(&self, block: u32) -> u32 {
        // SAFETY: the last word of the block before.
        unsafe { self.space.at(block).sub(WORD).cast().read() }
    }

    /// # Safety
    /// A block, free or in use.
    const unsafe fn word(&self, block: u32) -> u32 {
        // SAFETY: passed on to the caller.
        unsafe { self.field(block, 0) }
    }

    /// # Safety
    /// A block, free or in use.
    const unsafe fn set_word(&mut self, block: u32, word: u32) {
        // SAFETY: passed on to the caller.
        unsafe { self.set_field(block, 0, word) }
    }

    /// # Safety
    /// The field is the arena's: within a free block, or the first word of one in use.
    const unsafe fn field(&self, block: u32, offset: usize) -> u32 {
        // SAFETY: passed on to the caller; blocks are aligned to units, fields to words.
        unsafe { self.space.at(block).add(offset).cast().read() }
    }

    /// # Safety
    /// As `field`.
    const unsafe fn set_field(&mut self, block: u32, offset: usize, value: u32) {
        // SAFETY: passed on to the caller.
        unsafe { self.space.at(block).add(offset).cast().write(value) }
    }
}
