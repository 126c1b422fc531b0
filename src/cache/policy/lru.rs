//! Least recently used, exactly.

use super::super::{arena::NIL, entry::Entries, list::List};

/// Entries in the order of their last use.
#[derive(Debug, Default)]
pub struct Lru {
    list: List,
}

impl Lru {
    /// Adds an entry as the one used last.
    pub const fn insert(&mut self, entries: Entries, reference: u32) {
        self.list.push(entries, reference);
    }

    /// Makes it the one used last.
    pub const fn hit(&mut self, entries: Entries, reference: u32) {
        if self.list.newest() != reference {
            self.list.remove(entries, reference);
            self.list.push(entries, reference);
        }
    }

    /// Takes an entry out.
    pub const fn remove(&mut self, entries: Entries, reference: u32) {
        self.list.remove(entries, reference);
    }

    /// Puts an entry into the place of another.
    pub const fn replace(&mut self, entries: Entries, old: u32, new: u32) {
        self.list.replace(entries, old, new);
    }

    /// Says that a value has been written over by one of another length.
    pub const fn resized(&mut self, before: u64, after: u64) {
        self.list.resized(before, after);
    }

    /// Its entries.
    pub const fn list_mut(&mut self) -> &mut List {
        &mut self.list
    }

    /// Takes the one out that was not used for longest.
    pub const fn evict(&mut self, entries: Entries) -> Option<u32> {
        let victim = self.list.oldest();
        if victim == NIL {
            return None;
        }
        self.list.remove(entries, victim);
        Some(victim)
    }
}
