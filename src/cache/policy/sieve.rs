//! SIEVE: a hand goes from the oldest entry to the newest, spares those used since it last passed, and evicts the first
//! that was not. They keep their places, so a hit writes one byte.
//!
//! After Y. Zhang, J. Yang, Y. Yue, Y. Vigfusson and K. V. Rashmi, "SIEVE is simpler than LRU" (NSDI 2024).

use super::super::{arena::NIL, entry::Entries, list::List};

/// Entries in the order in which they came, and the hand.
#[derive(Debug, Default)]
pub struct Sieve {
    list: List,
    hand: u32, // the entry that is looked at next; NIL is the oldest
}

impl Sieve {
    /// Adds an entry as the newest.
    pub const fn insert(&mut self, entries: Entries, reference: u32) {
        self.list.push(entries, reference);
    }

    /// Takes an entry out.
    pub const fn remove(&mut self, entries: Entries, reference: u32) {
        if self.hand == reference {
            self.hand = entries.get(reference).prev();
        }
        self.list.remove(entries, reference);
    }

    /// Puts an entry into the place of another.
    pub const fn replace(&mut self, entries: Entries, old: u32, new: u32) {
        if self.hand == old {
            self.hand = new;
        }
        self.list.replace(entries, old, new);
    }

    /// Says that a value has been written over by one of another length.
    pub const fn resized(&mut self, before: u64, after: u64) {
        self.list.resized(before, after);
    }

    /// Adds an entry of a cache that was saved, as the newest. `passed` says whether the hand had passed it.
    pub const fn restore(&mut self, entries: Entries, reference: u32, passed: bool) {
        self.list.push(entries, reference);
        if !passed && self.hand == NIL {
            self.hand = reference;
        }
    }

    /// The entry that is looked at next; NIL is the oldest.
    pub const fn hand(&self) -> u32 {
        self.hand
    }

    /// Its entries.
    pub const fn list_mut(&mut self) -> &mut List {
        &mut self.list
    }

    /// Takes the next one out that was not used.
    pub fn evict(&mut self, entries: Entries) -> Option<u32> {
        let mut victim = if self.hand == NIL { self.list.oldest() } else { self.hand };
        while victim != NIL && entries.get(victim).uses() > 0 {
            let entry = entries.get(victim);
            entry.set_uses(0);
            victim = if entry.prev() == NIL { self.list.oldest() } else { entry.prev() };
        }
        if victim == NIL {
            return None;
        }
        self.hand = entries.get(victim).prev();
        self.list.remove(entries, victim);
        Some(victim)
    }
}
