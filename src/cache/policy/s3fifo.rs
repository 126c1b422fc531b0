//! S3-FIFO: three queues in the order of arrival. What is new waits in a small one; only what is used there twice goes on
//! to the main one, where a use buys another round; whose hash the third one remembers goes straight to the main one.
//!
//! After J. Yang, Y. Zhang, Z. Qiu, Y. Yue and K. V. Rashmi, "FIFO queues are all you need for cache eviction" (SOSP
//! 2023), with the sizes and the threshold of their own simulator.

use std::{io, sync::Arc};

use super::{
    super::{
        arena::NIL,
        budget::Budget,
        entry::{Entries, MOST_USES},
        list::List,
    },
    Bound,
    ghost::Ghost,
};

/// One part in so many is for what is new.
const SMALL: u64 = 10;
/// Uses after which an entry leaves the small queue for the main one.
const PROMOTED: u8 = 2;

/// Entries in two queues, hashes in the third.
#[derive(Debug)]
pub struct S3Fifo {
    small: List,
    main: List,
    ghost: Ghost,
    bound: Bound,
    has_evicted: bool,
}

impl S3Fifo {
    /// Empty queues.
    ///
    /// # Errors
    /// When there are no addresses for the third one.
    pub fn new(budget: Arc<Budget>, bound: Bound, most: usize) -> io::Result<Self> {
        let ghost = Ghost::new(budget, most)?;
        Ok(Self { small: List::new(), main: List::new(), ghost, bound, has_evicted: false })
    }

    /// Bytes of memory beside the entries.
    #[must_use]
    pub const fn committed(&self) -> u64 {
        self.ghost.committed()
    }

    /// Whether it was evicted not long ago; it is forgotten by that.
    pub fn recall(&mut self, hash: u32) -> bool {
        self.ghost.take(hash)
    }

    /// Adds an entry; `recalled` is what [`Self::recall`] said before room was made for it.
    pub fn insert(&mut self, entries: Entries, reference: u32, recalled: bool) {
        // While the cache fills for the first time, the small queue takes its share and the main one the rest.
        let full = !self.has_evicted && self.weight(&self.small) >= self.bound.least() / SMALL;
        let to_main = recalled || full;
        entries.get(reference).set_main(to_main);
        self.queue(to_main).push(entries, reference);
    }

    /// Adds an entry of a cache that was saved, as the newest of its queue.
    pub fn restore(&mut self, entries: Entries, reference: u32, main: bool) {
        entries.get(reference).set_main(main);
        self.queue(main).push(entries, reference);
    }

    /// The small and the main queue.
    pub const fn queues_mut(&mut self) -> [&mut List; 2] {
        [&mut self.small, &mut self.main]
    }

    /// Takes an entry out.
    pub fn remove(&mut self, entries: Entries, reference: u32) {
        self.queue(entries.get(reference).is_main()).remove(entries, reference);
    }

    /// Puts an entry into the place of another.
    pub fn replace(&mut self, entries: Entries, old: u32, new: u32) {
        let main = entries.get(old).is_main();
        entries.get(new).set_main(main);
        self.queue(main).replace(entries, old, new);
    }

    /// Says that a value has been written over by one of another length.
    pub fn resized(&mut self, entries: Entries, reference: u32, before: u64, after: u64) {
        self.queue(entries.get(reference).is_main()).resized(before, after);
    }

    /// Takes the next one out; `hash` tells the hash of an entry.
    pub fn evict(&mut self, entries: Entries, hash: impl Fn(u32) -> u32) -> Option<u32> {
        self.has_evicted = true;
        let (small, main) = (self.weight(&self.small), self.weight(&self.main));
        let main_share = small + main - (small + main) / SMALL;
        if main <= main_share
            && let Some(victim) = self.evict_small(entries)
        {
            self.ghost.add(hash(victim), self.main.len() + self.small.len());
            return Some(victim);
        }
        self.evict_main(entries)
    }

    /// The oldest of the small queue that was not used twice; those that were go on to the main one.
    fn evict_small(&mut self, entries: Entries) -> Option<u32> {
        loop {
            let oldest = self.small.oldest();
            if oldest == NIL {
                return None;
            }
            self.small.remove(entries, oldest);
            let entry = entries.get(oldest);
            if entry.uses() < PROMOTED {
                return Some(oldest);
            }
            entry.set_main(true);
            entry.set_uses(0);
            self.main.push(entries, oldest);
        }
    }

    /// The oldest of the main queue that has no uses left; the others begin another round with one fewer.
    fn evict_main(&mut self, entries: Entries) -> Option<u32> {
        loop {
            let oldest = self.main.oldest();
            if oldest == NIL {
                return None;
            }
            self.main.remove(entries, oldest);
            let entry = entries.get(oldest);
            let uses = entry.uses().min(MOST_USES);
            if uses == 0 {
                return Some(oldest);
            }
            entry.set_uses(uses - 1);
            self.main.push(entries, oldest);
        }
    }

    const fn weight(&self, list: &List) -> u64 {
        match self.bound {
            Bound::Entries(_) => list.len() as u64,
            Bound::Bytes(_) => list.bytes(),
        }
    }

    const fn queue(&mut self, main: bool) -> &mut List {
        if main { &mut self.main } else { &mut self.small }
    }
}
