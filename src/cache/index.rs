//! From a hash to the places where an entry with such a key may lie.
//!
//! Linear hashing (W. Litwin, "Linear hashing: a new tool for file and table addressing", 1980) over buckets of one cache
//! line. It grows by one bucket at a time, for which the entries of one other bucket are divided: no insertion ever does
//! more than that. A slot holds a reference and 32 bits of the hash, which are enough to divide a bucket without looking
//! at an entry, and to tell most entries apart. A bucket that overflows continues in a line from a second array.

use std::{io, sync::Arc};

use super::{
    budget::Budget,
    lines::{Line, Lines, WORDS},
};

/// Entries for each bucket, on average. Of a bucket with 8 slots; more would make overflows frequent. 13 bytes an entry.
const LOAD: usize = 5;
/// Below this many entries for each bucket the index shrinks.
const LOW_LOAD: usize = 2;

/// Positions of [`Index::stretch`]: one for each tag.
pub const POSITIONS: u64 = 1 << 32;

const EMPTY: u64 = 0;
/// In place of a reference: the upper half of the slot is the number of the line where the bucket continues.
const LINK: u32 = u32::MAX;
const LAST: usize = WORDS - 1;

const fn slot(tag: u32, reference: u32) -> u64 {
    (tag as u64) << 32 | reference as u64
}

#[expect(clippy::cast_possible_truncation, reason = "the halves of a slot are what is wanted")]
const fn halves(slot: u64) -> (u32, u32) {
    ((slot >> 32) as u32, slot as u32)
}

/// One of the two arrays, and a line in it.
#[derive(Clone, Copy, Debug)]
enum At {
    Bucket(usize),
    Overflow(usize),
}

/// The index of one shard.
#[derive(Debug)]
pub struct Index {
    buckets: Lines,
    overflow: Lines,
    spare: u32, // 1 + an unused line of `overflow`, whose first word has the next one; 0 is none
    len: usize, // entries
    moving: Vec<u64>, // slots of the bucket that is being divided; kept for its memory
}

impl Index {
    /// An empty index with room for at most about so many entries.
    ///
    /// # Errors
    /// When there are no addresses or no memory for it.
    pub fn new(budget: &Arc<Budget>, most: usize) -> io::Result<Self> {
        let buckets = Lines::new(Arc::clone(budget), most.div_ceil(LOAD) + 1)?;
        let overflow = Lines::new(Arc::clone(budget), most.div_ceil(LOAD) + 1)?;
        let mut index = Self { buckets, overflow, spare: 0, len: 0, moving: Vec::new() };
        index.buckets.push().ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(index)
    }

    /// Entries in it.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// How many buckets there are, for [`Self::bucket`].
    #[must_use]
    pub const fn buckets(&self) -> usize {
        self.buckets.len()
    }

    /// Bytes of memory.
    #[must_use]
    pub const fn committed(&self) -> u64 {
        self.buckets.committed() + self.overflow.committed()
    }

    /// The first reference with this tag for which `is` says yes.
    #[inline]
    pub fn find(&self, tag: u32, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut line = self.buckets.get(self.address(tag))?;
        loop {
            for word in &line.0 {
                let (its_tag, reference) = halves(*word);
                if its_tag == tag && *word != EMPTY && reference != LINK && is(reference) {
                    return Some(reference);
                }
            }
            line = self.overflow.get(link_of(line)?)?;
        }
    }

    /// Adds a reference. False when there is no memory for it.
    pub fn insert(&mut self, tag: u32, reference: u32) -> bool {
        if !self.add(slot(tag, reference)) {
            return false;
        }
        self.len += 1;
        if self.len > self.buckets.len() * LOAD {
            self.grow();
        }
        true
    }

    /// Puts one reference in place of another with the same tag.
    pub fn replace(&mut self, tag: u32, old: u32, new: u32) {
        if let Some((at, word)) = self.position(tag, old) {
            self.write(at, word, slot(tag, new));
        }
    }

    /// Takes a reference out; false if it is not there.
    pub fn remove(&mut self, tag: u32, reference: u32) -> bool {
        let Some((at, word)) = self.position(tag, reference) else { return false };
        self.write(at, word, EMPTY);
        self.close_gap(self.address(tag), at, word);
        self.len -= 1;
        if self.buckets.len() > 1 && self.len < self.buckets.len() * LOW_LOAD {
            self.shrink();
        }
        true
    }

    /// Calls `each` with the tag and the reference of every entry in a bucket.
    pub fn bucket(&self, bucket: usize, mut each: impl FnMut(u32, u32)) {
        let mut line = self.buckets.get(bucket);
        while let Some(words) = line {
            for word in &words.0 {
                let (tag, reference) = halves(*word);
                if *word != EMPTY && reference != LINK {
                    each(tag, reference);
                }
            }
            line = link_of(words).and_then(|next| self.overflow.get(next));
        }
    }

    /// The bucket with the tag whose reversed bits are `position`, and the position behind the last tag of that bucket.
    ///
    /// In the order of their reversed bits the tags of a bucket are one stretch of all tags, and so are those of the two
    /// that it is divided into. So whoever walks in this order comes by each tag once, however the index grows and shrinks
    /// meanwhile.
    #[must_use]
    pub const fn stretch(&self, position: u32) -> (usize, u64) {
        let len = self.buckets.len();
        let bucket = self.address(position.reverse_bits());
        let round = len.next_power_of_two();
        let half = round / 2;
        // Those are divided already whose other half exists.
        let divided = bucket >= half || bucket + half < len;
        let bits = round.ilog2() - if divided { 0 } else { 1 };
        let length = POSITIONS >> bits;
        (bucket, (position as u64 / length + 1) * length)
    }

    /// The bucket of a tag: its low bits, one fewer where the bucket that they mean does not exist yet.
    const fn address(&self, tag: u32) -> usize {
        let mask = self.buckets.len().next_power_of_two() - 1;
        let bucket = tag as usize & mask;
        if bucket < self.buckets.len() { bucket } else { bucket & (mask >> 1) }
    }

    const fn line(&self, at: At) -> Option<&Line> {
        match at {
            At::Bucket(bucket) => self.buckets.get(bucket),
            At::Overflow(line) => self.overflow.get(line),
        }
    }

    fn write(&mut self, at: At, word: usize, slot: u64) {
        let line = match at {
            At::Bucket(bucket) => self.buckets.get_mut(bucket),
            At::Overflow(line) => self.overflow.get_mut(line),
        };
        if let Some(place) = line.and_then(|line| line.0.get_mut(word)) {
            *place = slot;
        }
    }

    fn position(&self, tag: u32, reference: u32) -> Option<(At, usize)> {
        let wanted = slot(tag, reference);
        let mut at = At::Bucket(self.address(tag));
        loop {
            let line = self.line(at)?;
            if let Some(word) = line.0.iter().position(|word| *word == wanted) {
                return Some((at, word));
            }
            at = At::Overflow(link_of(line)?);
        }
    }

    /// Writes a slot into the bucket of its tag.
    fn add(&mut self, slot: u64) -> bool {
        let mut at = At::Bucket(self.address(halves(slot).0));
        loop {
            let Some(line) = self.line(at) else { return false };
            if let Some(word) = line.0.iter().position(|word| *word == EMPTY) {
                self.write(at, word, slot);
                return true;
            }
            if let Some(next) = link_of(line) {
                at = At::Overflow(next);
                continue;
            }
            let displaced = line.0.last().copied().unwrap_or(EMPTY);
            let Some(next) = self.take_overflow() else { return false };
            self.write(At::Overflow(next as usize), 0, displaced);
            self.write(at, LAST, (u64::from(next) << 32) | u64::from(LINK));
            at = At::Overflow(next as usize);
        }
    }

    /// Fills a gap with a slot from the end of the bucket, so that lines of overflow come free.
    fn close_gap(&mut self, bucket: usize, gap: At, gap_word: usize) {
        let mut before = At::Bucket(bucket);
        let Some(mut last) = self.line(before).and_then(link_of) else { return };
        while let Some(next) = self.line(At::Overflow(last)).and_then(link_of) {
            (before, last) = (At::Overflow(last), next);
        }
        let Some(line) = self.overflow.get(last) else { return };
        let left = line.0.iter().filter(|word| **word != EMPTY).count();
        if left > 0 && !matches!(gap, At::Overflow(line) if line == last) {
            let Some(word) = line.0.iter().position(|word| *word != EMPTY) else { return };
            let moved = line.0.get(word).copied().unwrap_or(EMPTY);
            self.write(At::Overflow(last), word, EMPTY);
            self.write(gap, gap_word, moved);
        }
        if self.overflow.get(last).is_some_and(|line| line.0.iter().all(|word| *word == EMPTY)) {
            self.write(before, LAST, EMPTY);
            self.give_overflow(last);
        }
    }

    /// Adds a bucket and moves into it what belongs there. Does nothing when there is no memory: buckets get longer then.
    fn grow(&mut self) {
        let Some(added) = self.buckets.push() else { return };
        // The bucket that has held what belongs there: the same number without its highest bit.
        let source = added - (1 << added.ilog2());
        self.empty(source);
        self.add_moving();
    }

    /// Takes the last bucket away.
    fn shrink(&mut self) {
        let last = self.buckets.len() - 1;
        self.empty(last);
        self.buckets.pop();
        self.add_moving();
    }

    /// Moves the slots of a bucket to `moving`.
    fn empty(&mut self, bucket: usize) {
        self.moving.clear();
        let mut at = At::Bucket(bucket);
        while let Some(line) = self.line(at) {
            let line = *line;
            let next = link_of(&line);
            let slots = line.0.iter().filter(|word| **word != EMPTY && halves(**word).1 != LINK);
            self.moving.extend(slots);
            match at {
                At::Bucket(bucket) => {
                    if let Some(line) = self.buckets.get_mut(bucket) {
                        line.0 = [EMPTY; WORDS];
                    }
                }
                At::Overflow(line) => self.give_overflow(line),
            }
            let Some(next) = next else { return };
            at = At::Overflow(next);
        }
    }

    /// Adds the slots in `moving`. They need no more lines of overflow than have just been given back.
    fn add_moving(&mut self) {
        let moving = std::mem::take(&mut self.moving);
        for slot in &moving {
            self.add(*slot);
        }
        self.moving = moving;
    }

    fn take_overflow(&mut self) -> Option<u32> {
        let Some(line) = self.spare.checked_sub(1) else {
            return self.overflow.push().and_then(|line| u32::try_from(line).ok());
        };
        let first = self.overflow.get_mut(line as usize)?.0.first_mut()?;
        self.spare = halves(*first).1;
        *first = EMPTY;
        Some(line)
    }

    /// Keeps a line of overflow for the next who needs one; empties it.
    fn give_overflow(&mut self, line: usize) {
        let next = u64::from(self.spare);
        if let (Some(words), Ok(number)) = (self.overflow.get_mut(line), u32::try_from(line + 1)) {
            words.0 = [EMPTY; WORDS];
            self.write(At::Overflow(line), 0, next);
            self.spare = number;
        }
    }
}

fn link_of(line: &Line) -> Option<usize> {
    let (number, mark) = halves(*line.0.last()?);
    (mark == LINK).then_some(number as usize)
}
