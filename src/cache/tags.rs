//! Names that entries share, so that all entries of a name can be made void at once.
//!
//! A tag is a number, and a cell that counts the entries which have it. To make it void is to say so in its cell and to
//! forget its name: who gets a tag of that name afterwards gets another number. So nothing is compared with a version that
//! could come round again, and a number is used again only when no entry has it any more.

use std::{
    io,
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{
            AtomicI64, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
};

use parking_lot::RwLock;

use super::{budget::Budget, hash::Hasher, index::Index, region::Region};

/// A cell: how often the tag is held, and what it is. One that is not in use has 1 + the next such number in place of uses.
const USES: u64 = (1 << 32) - 1;
const VOID: u64 = 1 << 32;
const UNUSED: u64 = 1 << 33;
const CELL: usize = size_of::<AtomicU64>();

/// Names that are allocated at a time.
const CHUNK: usize = 512;
/// Tags may take one part in so many of the budget.
const SHARE: u64 = 4;
/// A guess at the bytes of the least that a tag takes, by which tables get their addresses.
const LEAST_TAG: u64 = 48;
/// What the allocator takes for a name beside its bytes.
const ALLOCATED: u64 = 16;

/// The tags of a store.
#[derive(Debug)]
pub struct Tags {
    names: RwLock<Names>,
    cells: Cells,
    hasher: Hasher,
    void: AtomicI64,   // uses of void tags; below 0 for a moment at most
    epoch: AtomicU64,  // counts what became void
    looked: AtomicU64, // the epoch at the begin of the last look at all entries
}

/// Cells of the region of [`Names`], which never moves: they are read without its lock.
#[derive(Clone, Copy, Debug)]
struct Cells(NonNull<u8>);

// SAFETY: addresses of atomics. Whoever reads a cell holds its tag or the lock: see `Tags::cell`.
unsafe impl Send for Cells {}
// SAFETY: as above.
unsafe impl Sync for Cells {}

/// Some names.
type Text = Box<[Box<[u8]>]>;

#[derive(Debug)]
struct Names {
    index: Index,     // from the hash of a name to 1 + its number
    texts: Vec<Text>, // names by number, empty where there is none; in parts, so that they grow little by little
    made: u32,        // numbers in use, or used before
    held: u32,        // numbers in use
    unused: u32, // 1 + the number to be used again next, whose cell has the one after it; 0 is none
    region: Region, // the cells
    text_bytes: u64, // of all names, and what the allocator adds
    borrowed: u64, // bytes that the budget was told of
    budget: Arc<Budget>,
}

impl Tags {
    /// No tags.
    ///
    /// # Errors
    /// When there are no addresses or no memory for it.
    pub fn new(budget: &Arc<Budget>, hasher: Hasher) -> io::Result<Self> {
        let most = usize::try_from(budget.max() / SHARE / LEAST_TAG).unwrap_or(usize::MAX);
        let index = Index::new(budget, most)?;
        let region = Region::reserve(most.saturating_mul(CELL))?;
        let cells = Cells(region.base());
        let names = Names {
            index,
            texts: Vec::new(),
            made: 0,
            held: 0,
            unused: 0,
            region,
            text_bytes: 0,
            borrowed: 0,
            budget: Arc::clone(budget),
        };
        Ok(Self {
            names: RwLock::new(names),
            cells,
            hasher,
            void: AtomicI64::new(0),
            epoch: AtomicU64::new(0),
            looked: AtomicU64::new(0),
        })
    }

    /// The numbers of tags, each held once more until it is [released](Self::release). `None` when there is no room for a
    /// new one.
    pub fn hold<N: AsRef<[u8]>>(&self, names: &[N]) -> Option<Vec<u32>> {
        let mut held = Vec::with_capacity(names.len());
        let known = self.names.read();
        for name in names {
            let Some(number) = known.find(self.hasher, name.as_ref()) else { break };
            self.cell(number).fetch_add(1, Relaxed);
            held.push(number);
        }
        drop(known);
        for name in names.iter().skip(held.len()) {
            let Some(number) = self.hold_new(name.as_ref()) else {
                self.release(held.iter().copied());
                return None;
            };
            held.push(number);
        }
        Some(held)
    }

    /// Lets go of tags that were held.
    pub fn release(&self, numbers: impl Iterator<Item = u32>) {
        for number in numbers {
            let before = self.cell(number).fetch_sub(1, AcqRel);
            if before & VOID != 0 {
                self.void.fetch_sub(1, Relaxed);
            }
            if before & USES == 1 {
                self.forget(number);
            }
        }
    }

    /// Makes a tag void; false if nobody has it.
    pub fn invalidate(&self, name: &[u8]) -> bool {
        let mut names = self.names.write();
        let Some(number) = names.find(self.hasher, name) else { return false };
        let cell = self.cell(number);
        // The last one is just about to forget it.
        if cell.load(Acquire) & USES == 0 {
            return false;
        }
        names.remove(self.hasher, number);
        let before = cell.fetch_or(VOID, AcqRel);
        drop(names);
        self.void.fetch_add(i64::try_from(before & USES).unwrap_or(0), Relaxed);
        self.epoch.fetch_add(1, Release);
        true
    }

    /// Whether one of some tags that somebody holds was made void.
    pub fn any_void(&self, mut numbers: impl Iterator<Item = u32>) -> bool {
        numbers.any(|number| self.cell(number).load(Acquire) & VOID != 0)
    }

    /// Calls `each` with the names of tags that somebody holds. False if one of them was made void.
    pub fn names_of(
        &self,
        mut numbers: impl Iterator<Item = u32>,
        mut each: impl FnMut(&[u8]),
    ) -> bool {
        let names = self.names.read();
        // With the names locked none becomes void.
        numbers.all(|number| {
            let is_valid = self.cell(number).load(Acquire) & VOID == 0;
            if is_valid {
                each(names.text(number).unwrap_or_default());
            }
            is_valid
        })
    }

    /// Says that an entry was added one of whose tags may have been made void before.
    pub fn came_late(&self) {
        self.epoch.fetch_add(1, Release);
    }

    /// Whether there may be entries with a void tag that were not looked at since.
    pub fn has_void(&self) -> bool {
        self.void.load(Relaxed) > 0 && self.looked.load(Relaxed) != self.epoch.load(Acquire)
    }

    /// Whoever is going to look at all entries asks for this before.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Acquire)
    }

    /// All entries were looked at since there was this epoch.
    pub fn looked_since(&self, epoch: u64) {
        self.looked.store(epoch, Relaxed);
    }

    /// Bytes of memory.
    pub fn committed(&self) -> u64 {
        let names = self.names.read();
        names.borrowed + names.index.committed()
    }

    /// How many there are, the void ones included that somebody has.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.names.read().held as usize
    }

    fn hold_new(&self, name: &[u8]) -> Option<u32> {
        let mut names = self.names.write();
        if let Some(number) = names.find(self.hasher, name) {
            // Another thread has added it, or the last one was just about to forget it.
            self.cell(number).fetch_add(1, Relaxed);
            return Some(number);
        }
        let number = names.add(self.hasher, name, |number| {
            // What `forget` has written.
            u32::try_from(self.cell(number).load(Relaxed) & USES).unwrap_or(0)
        })?;
        self.cell(number).store(1, Release);
        drop(names);
        Some(number)
    }

    /// Forgets a tag that nobody holds, if that is still so.
    fn forget(&self, number: u32) {
        let mut names = self.names.write();
        if number >= names.made {
            return;
        }
        let cell = self.cell(number);
        let state = cell.load(Acquire);
        if state & (USES | UNUSED) != 0 {
            return;
        }
        if state & VOID == 0 {
            names.remove(self.hasher, number);
        }
        cell.store(UNUSED | u64::from(names.reuse(number)), Release);
        names.shrink();
    }

    /// The cell of a tag that the caller holds, or of a number that was made while the names are locked.
    const fn cell(&self, number: u32) -> &AtomicU64 {
        // SAFETY: committed from when the number was made until nobody holds any tag, aligned since the region begins at a
        // page, and only accessed as an atomic.
        unsafe { self.cells.0.cast::<AtomicU64>().add(number as usize).as_ref() }
    }
}

impl Names {
    fn find(&self, hasher: Hasher, name: &[u8]) -> Option<u32> {
        let is = |reference: u32| self.text(reference - 1).is_some_and(|text| text == name);
        // The index has no reference 0.
        self.index.find(hasher.hash(name).tag(), is).map(|reference| reference - 1)
    }

    fn text(&self, number: u32) -> Option<&[u8]> {
        self.texts.get(number as usize / CHUNK)?.get(number as usize % CHUNK).map(AsRef::as_ref)
    }

    fn text_mut(&mut self, number: u32) -> Option<&mut Box<[u8]>> {
        self.texts.get_mut(number as usize / CHUNK)?.get_mut(number as usize % CHUNK)
    }

    /// A number for a new name, whose cell is committed; that of the next unused one is told by `next`.
    fn add(&mut self, hasher: Hasher, name: &[u8], next: impl FnOnce(u32) -> u32) -> Option<u32> {
        let taken = ALLOCATED + name.len() as u64;
        if self.borrowed + self.index.committed() + taken > self.budget.max() / SHARE {
            return None;
        }
        let number = self.unused.checked_sub(1).unwrap_or(self.made);
        self.region.commit((number as usize + 1) * CELL).ok()?;
        if !self.index.insert(hasher.hash(name).tag(), number + 1) {
            return None;
        }
        if number < self.made {
            self.unused = next(number);
        } else {
            self.made += 1;
            if self.made as usize > self.texts.len() * CHUNK {
                self.texts.push(vec![Box::default(); CHUNK].into());
            }
        }
        self.held += 1;
        if let Some(text) = self.text_mut(number) {
            *text = name.into();
        }
        self.text_bytes += taken;
        self.account();
        Some(number)
    }

    /// Forgets the name of a tag.
    fn remove(&mut self, hasher: Hasher, number: u32) {
        let Some(text) = self.text_mut(number).map(std::mem::take) else { return };
        self.index.remove(hasher.hash(&text).tag(), number + 1);
        self.text_bytes -= ALLOCATED + text.len() as u64;
        self.account();
    }

    /// Has the number of a tag used again that has no name any more. Returns what comes after it.
    const fn reuse(&mut self, number: u32) -> u32 {
        let next = std::mem::replace(&mut self.unused, number + 1);
        self.held -= 1;
        next
    }

    /// Gives back what the numbers take if none is in use.
    fn shrink(&mut self) {
        if self.held == 0 {
            (self.made, self.unused, self.texts) = (0, 0, Vec::new());
            // SAFETY: nobody holds a tag, and cells of numbers that were not made are not accessed.
            unsafe { self.region.decommit(0) };
            self.account();
        }
    }

    /// Tells the budget what has changed. The index does so by itself.
    fn account(&mut self) {
        let lists = self.texts.len() * CHUNK * size_of::<Box<[u8]>>() + self.region.committed();
        let now = lists as u64 + self.text_bytes;
        if now > self.borrowed {
            self.budget.borrow(now - self.borrowed);
        } else {
            self.budget.give(self.borrowed - now);
        }
        self.borrowed = now;
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.budget.give(self.borrowed);
    }
}
