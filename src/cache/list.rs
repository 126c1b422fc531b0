//! Entries in a row, newest first, linked through themselves.

use super::{arena::NIL, entry::Entries};

/// In place of the next entry of a walk: all have been passed.
const PASSED_ALL: u32 = u32::MAX;

/// A doubly linked list.
#[derive(Debug, Default)]
pub struct List {
    newest: u32, // NIL if empty
    oldest: u32, // NIL if empty
    len: usize,  // entries
    bytes: u64,  // of their keys and values
    walk: u32,   // the next entry of a walk; NIL without one, PASSED_ALL if there is none
}

impl List {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { newest: NIL, oldest: NIL, len: 0, bytes: 0, walk: NIL }
    }

    /// How many entries it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Bytes of the keys and values of its entries.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Says that the value of an entry in it has been written over by one of another length.
    pub const fn resized(&mut self, before: u64, after: u64) {
        self.bytes = self.bytes + after - before;
    }

    /// The one that was added last, or NIL.
    #[must_use]
    pub const fn newest(&self) -> u32 {
        self.newest
    }

    /// The one that was added first, or NIL.
    #[must_use]
    pub const fn oldest(&self) -> u32 {
        self.oldest
    }

    /// Adds an entry as the newest.
    pub const fn push(&mut self, entries: Entries, reference: u32) {
        let entry = entries.get(reference);
        entry.set_prev(NIL);
        entry.set_next(self.newest);
        if self.newest == NIL {
            self.oldest = reference;
        } else {
            entries.get(self.newest).set_prev(reference);
        }
        if self.walk == PASSED_ALL {
            self.walk = reference;
        }
        self.newest = reference;
        self.len += 1;
        self.bytes += entry.payload();
    }

    /// Takes an entry out.
    pub const fn remove(&mut self, entries: Entries, reference: u32) {
        let entry = entries.get(reference);
        if self.walk == reference {
            self.walk_on(entry.prev());
        }
        self.join(entries, entry.prev(), entry.next());
        self.len -= 1;
        self.bytes -= entry.payload();
    }

    /// Puts an entry into the place of another.
    pub const fn replace(&mut self, entries: Entries, old: u32, new: u32) {
        let (from, to) = (entries.get(old), entries.get(new));
        let (prev, next) = (from.prev(), from.next());
        to.set_prev(prev);
        to.set_next(next);
        self.resized(from.payload(), to.payload());
        if self.walk == old {
            self.walk = new;
        }
        if prev == NIL {
            self.newest = new;
        } else {
            entries.get(prev).set_next(new);
        }
        if next == NIL {
            self.oldest = new;
        } else {
            entries.get(next).set_prev(new);
        }
    }

    /// Begins a walk from the oldest to the newest. It comes by every entry that stays in the list, whatever happens to the
    /// list meanwhile; by one that is taken out and added again perhaps twice.
    pub const fn start_walk(&mut self) {
        self.walk_on(self.oldest);
    }

    /// The next entry of the walk, or NIL if all have been passed.
    pub const fn walk(&mut self, entries: Entries) -> u32 {
        let at = self.walk;
        if at == NIL || at == PASSED_ALL {
            return NIL;
        }
        self.walk_on(entries.get(at).prev());
        at
    }

    /// Ends a walk.
    pub const fn stop_walk(&mut self) {
        self.walk = NIL;
    }

    const fn walk_on(&mut self, next: u32) {
        self.walk = if next == NIL { PASSED_ALL } else { next };
    }

    const fn join(&mut self, entries: Entries, prev: u32, next: u32) {
        if prev == NIL {
            self.newest = next;
        } else {
            entries.get(prev).set_next(next);
        }
        if next == NIL {
            self.oldest = prev;
        } else {
            entries.get(next).set_prev(prev);
        }
    }
}
