//! Free blocks by size: the two levels of bit maps of a two-level segregated fit allocator.
//!
//! After M. Masmano, I. Ripoll, A. Crespo and J. Real, "TLSF: a new dynamic memory allocator for real-time systems"
//! (2004): finding a block that fits takes a fixed number of steps, however many there are.

/// The second level divides each power of two into so many bins, so a block found is at most 1/32 larger than asked for.
const DIVISIONS_LOG2: u32 = 5;
const DIVISIONS: u32 = 1 << DIVISIONS_LOG2;
/// Powers of two of a size in units: sizes below `DIVISIONS` share the first level.
const LEVELS: usize = (u32::BITS - DIVISIONS_LOG2) as usize + 1;

/// The heads of lists of free blocks, by size in units.
#[derive(Debug)]
pub struct Bins {
    levels: u32,                                // a bit for each level that has a block
    divisions: [u32; LEVELS],                   // a bit for each bin that has a block
    heads: [[u32; DIVISIONS as usize]; LEVELS], // references; 0 is none
}

/// Which list a size belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin {
    level: u32,    // < LEVELS
    division: u32, // < DIVISIONS
}

impl Bin {
    /// The bin that holds blocks of this size.
    #[must_use]
    pub const fn of(size: u32) -> Self {
        if size < DIVISIONS {
            return Self { level: 0, division: size };
        }
        let log2 = size.ilog2();
        let shift = log2 - DIVISIONS_LOG2;
        Self { level: shift + 1, division: (size >> shift) - DIVISIONS }
    }

    /// The first bin all of whose blocks are at least of this size; `None` when there is none.
    const fn that_fits(size: u32) -> Option<Self> {
        if size < DIVISIONS {
            return Some(Self::of(size));
        }
        let round = (1 << (size.ilog2() - DIVISIONS_LOG2)) - 1;
        match size.checked_add(round) {
            Some(size) => Some(Self::of(size)),
            None => None,
        }
    }
}

impl Bins {
    /// No block is free.
    #[must_use]
    pub const fn new() -> Self {
        Self { levels: 0, divisions: [0; LEVELS], heads: [[0; DIVISIONS as usize]; LEVELS] }
    }

    /// The first block of a bin, 0 if there is none.
    #[must_use]
    pub fn head(&self, bin: Bin) -> u32 {
        let level = self.heads.get(bin.level as usize);
        level.and_then(|heads| heads.get(bin.division as usize)).copied().unwrap_or(0)
    }

    /// Makes a block the first of a bin; 0 empties it.
    pub fn set_head(&mut self, bin: Bin, head: u32) {
        let (level, division) = (bin.level as usize, bin.division as usize);
        if let Some(slot) = self.heads.get_mut(level).and_then(|heads| heads.get_mut(division)) {
            *slot = head;
        }
        let Some(divisions) = self.divisions.get_mut(level) else { return };
        if head == 0 {
            *divisions &= !(1 << bin.division);
        } else {
            *divisions |= 1 << bin.division;
        }
        if *divisions == 0 {
            self.levels &= !(1 << bin.level);
        } else {
            self.levels |= 1 << bin.level;
        }
    }

    /// A bin with blocks of at least this size, as small as may be.
    #[must_use]
    pub fn find(&self, size: u32) -> Option<Bin> {
        let least = Bin::that_fits(size)?;
        let here = self.divisions.get(least.level as usize)? & (u32::MAX << least.division);
        if here != 0 {
            return Some(Bin { level: least.level, division: here.trailing_zeros() });
        }
        let above = self.levels & u32::MAX.checked_shl(least.level + 1).unwrap_or(0);
        self.first_of(above.checked_ilog2().map(|_| above.trailing_zeros())?)
    }

    /// The bin with the largest blocks.
    #[must_use]
    pub fn largest(&self) -> Option<Bin> {
        let level = self.levels.checked_ilog2()?;
        let division = self.divisions.get(level as usize)?.checked_ilog2()?;
        Some(Bin { level, division })
    }

    fn first_of(&self, level: u32) -> Option<Bin> {
        let divisions = *self.divisions.get(level as usize)?;
        Some(Bin { level, division: divisions.trailing_zeros() })
    }
}
