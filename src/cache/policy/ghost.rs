//! Whose keys were evicted not long ago: their hashes, without the entries.

use std::{io, sync::Arc};

use super::super::{
    budget::Budget,
    lines::{Lines, WORDS},
};

/// Hashes in a line.
const WAYS: usize = 2 * WORDS;

/// A set of the hashes added last.
///
/// Each hash belongs to one cache line, which forgets its oldest when it is full. So the set as a whole forgets in about
/// the order of addition, costs four bytes a hash, and looks at one line for each question.
#[derive(Debug)]
pub struct Ghost {
    lines: Lines,
}

impl Ghost {
    /// An empty set that remembers about as many hashes as it is given room for, `most` of them at most.
    ///
    /// # Errors
    /// When there are no addresses for it.
    pub fn new(budget: Arc<Budget>, most: usize) -> io::Result<Self> {
        Ok(Self { lines: Lines::new(budget, most.div_ceil(WAYS))? })
    }

    /// Bytes of memory.
    #[must_use]
    pub const fn committed(&self) -> u64 {
        self.lines.committed()
    }

    /// Adds a hash, and makes room for about `wanted` hashes in all.
    pub fn add(&mut self, hash: u32, wanted: usize) {
        if wanted > self.lines.len() * WAYS {
            self.grow();
        }
        self.push(hash | 1);
    }

    /// Takes a hash out; false if it is not there.
    pub fn take(&mut self, hash: u32) -> bool {
        let hash = hash | 1;
        let line = self.line_of(hash);
        let Some(line) = self.lines.get_mut(line) else { return false };
        for word in &mut line.0 {
            let (older, newer) = halves(*word);
            if newer == hash {
                *word = u64::from(older) << 32;
                return true;
            }
            if older == hash {
                *word = u64::from(newer);
                return true;
            }
        }
        false
    }

    /// The line of a hash, by linear hashing as in the index.
    const fn line_of(&self, hash: u32) -> usize {
        let lines = self.lines.len();
        let mask = lines.next_power_of_two() - 1;
        let line = hash as usize >> 1 & mask;
        if line < lines { line } else { line & (mask >> 1) }
    }

    /// Adds a line, and moves into it the hashes that now belong there.
    fn grow(&mut self) {
        let Some(added) = self.lines.push() else { return };
        let Some(log2) = added.checked_ilog2() else { return };
        let Some(source) = self.lines.get_mut(added - (1 << log2)) else { return };
        let hashes = std::mem::take(&mut source.0);
        for word in hashes.into_iter().rev() {
            for hash in [halves(word).0, halves(word).1] {
                if hash != 0 {
                    self.push(hash);
                }
            }
        }
    }

    /// Makes a hash the newest of its line.
    fn push(&mut self, hash: u32) {
        let line = self.line_of(hash);
        let Some(line) = self.lines.get_mut(line) else { return };
        let mut pushed = hash;
        for word in &mut line.0 {
            let (older, newer) = halves(*word);
            *word = u64::from(newer) << 32 | u64::from(pushed);
            pushed = older;
        }
    }
}

/// The older and the newer of two hashes in a word.
#[expect(clippy::cast_possible_truncation, reason = "the halves of a word are what is wanted")]
const fn halves(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}
