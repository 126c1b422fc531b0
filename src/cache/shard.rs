//! A part of the entries of a cache, behind a lock of its own.

pub mod save;

use std::{io, sync::Arc};

use super::{
    budget::Budget,
    compress,
    entry::{Entries, Entry, Head},
    hash::{Hash, Hasher},
    index::Index,
    persist::tap::{Reason, Tap},
    policy::{Bound, Kind, Policy},
    wheel::Wheel,
};

/// How a shard is made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What everything is paid from.
    pub budget: Arc<Budget>,
    /// Which entry goes when there is no room.
    pub policy: Kind,
    /// What limits the entries of this shard.
    pub bound: Bound,
    /// About how many entries this shard can ever have.
    pub most: usize,
    /// Hashes keys.
    pub hasher: Hasher,
}

/// Index, order and deadlines of some entries. Whoever has it locked may use these entries, and no others.
#[derive(Debug)]
pub struct Shard {
    index: Index,
    policy: Policy,
    wheel: Wheel,
    entries: Entries,
    plan: Plan,
    keys: u64,   // bytes of all keys
    values: u64, // bytes of all values
    packed: Packed,
    retired: Vec<Retired>, // what was cleared and is not freed yet
    mark: bool,            // of entries that no save waits for
    tap: Option<Box<Tap>>, // while a save runs
}

/// What is stored compressed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Packed {
    /// How many entries.
    pub entries: u64,
    /// Bytes of their values as they are stored.
    pub bytes: u64,
    /// Bytes of their values before.
    pub bytes_before: u64,
}

/// The entries of a shard at the time when it was cleared: they can be found by nobody, and are freed step by step.
#[derive(Debug)]
struct Retired {
    index: Index,
    bucket: usize,   // the next one to be freed
    found: Vec<u32>, // references of the bucket before, not freed yet
    wanted: bool,    // whether a save may wait for some of them
}

impl Shard {
    /// An empty shard.
    ///
    /// # Errors
    /// When there are no addresses or no memory for it.
    pub fn new(plan: Plan, entries: Entries, now: u64) -> io::Result<Self> {
        let index = Index::new(&plan.budget, plan.most)?;
        let policy = Policy::new(plan.policy, &plan.budget, plan.bound, plan.most)?;
        let wheel = Wheel::new(now);
        Ok(Self {
            index,
            policy,
            wheel,
            entries,
            plan,
            keys: 0,
            values: 0,
            packed: Packed::default(),
            retired: Vec::new(),
            mark: false,
            tap: None,
        })
    }

    /// The reference of a key's entry.
    #[inline]
    pub fn find(&self, hash: Hash, key: &[u8]) -> Option<u32> {
        self.index.find(hash.tag(), |reference| self.entries.get(reference).key() == key)
    }

    /// Calls `each` with the entries of one bucket whose place in the order of [`Index::stretch`] is `position` or behind
    /// it. Returns the position where the next bucket begins.
    pub fn walk(&self, position: u32, mut each: impl FnMut(u32)) -> u64 {
        let (bucket, end) = self.index.stretch(position);
        self.index.bucket(bucket, |tag, reference| {
            // A bucket that was joined with another one has also entries that were seen before.
            if tag.reverse_bits() >= position {
                each(reference);
            }
        });
        end
    }

    /// An entry of this shard.
    pub const fn entry(&self, reference: u32) -> Entry<'_> {
        self.entries.get(reference)
    }

    /// Counts a use of an entry.
    pub fn hit(&mut self, reference: u32) {
        self.policy.hit(self.entries, reference);
    }

    /// Whether a key was evicted not long ago; to be asked before room is made for it.
    pub fn recall(&mut self, hash: Hash) -> bool {
        self.policy.recall(hash.tag())
    }

    /// Adds an entry that is written already. False when the index has no memory for it.
    pub fn insert(&mut self, hash: Hash, reference: u32, recalled: bool) -> bool {
        if !self.index.insert(hash.tag(), reference) {
            return false;
        }
        self.policy.insert(self.entries, reference, recalled);
        self.enter(reference);
        true
    }

    /// Puts an entry that is written already into the place of another with the same key, which is free then.
    pub fn replace(&mut self, hash: Hash, old: u32, new: u32) {
        self.keep(old, Reason::SetAgain);
        self.leave(old);
        self.index.replace(hash.tag(), old, new);
        self.policy.replace(self.entries, old, new);
        self.enter(new);
    }

    /// Writes another value over that of an entry of so many units.
    ///
    /// # Safety
    /// The block of the entry has room for it, and the entry [has the form](Entry::has_form_of) of the head.
    pub unsafe fn overwrite(&mut self, reference: u32, head: &Head<'_>, value: &[u8]) {
        let entry = self.entries.get(reference);
        let before = entry.payload();
        self.keep(reference, Reason::SetAgain);
        self.leave(reference);
        // SAFETY: passed on to the caller.
        unsafe { entry.overwrite(head, value) };
        self.enter(reference);
        self.policy.overwritten(self.entries, reference, before, entry.payload());
    }

    /// Takes an entry out, which is free then.
    pub fn remove(&mut self, hash: Hash, reference: u32) {
        self.policy.remove(self.entries, reference);
        self.forget(hash, reference);
    }

    /// Takes out the entry that the policy gives up first, which is free then.
    pub fn evict(&mut self) -> Option<u32> {
        let (entries, hasher) = (self.entries, self.plan.hasher);
        let hash = |reference| hasher.hash(entries.get(reference).key());
        let victim = self.policy.evict(entries, |reference| hash(reference).tag())?;
        self.forget(hash(victim), victim);
        Some(victim)
    }

    /// Takes out an entry whose time is over at `now`, which is free then. `None` when there is none, or when so many
    /// steps were not enough to find one.
    pub fn expire(&mut self, now: u64, steps: &mut u32) -> Option<u32> {
        let reference = self.wheel.next_expired(self.entries, now, steps)?;
        let hash = self.plan.hasher.hash(self.entries.get(reference).key());
        self.keep(reference, Reason::Leaves);
        self.policy.remove(self.entries, reference);
        self.subtract(reference);
        self.index.remove(hash.tag(), reference);
        Some(reference)
    }

    /// Forgets all entries at once. They are to be freed by [`Self::next_retired`]. Returns how many there were.
    ///
    /// # Errors
    /// When there are no addresses or no memory for an empty shard; nothing has changed then.
    pub fn clear(&mut self, now: u64) -> io::Result<usize> {
        let fresh = Self::new(self.plan.clone(), self.entries, now)?;
        let mut cleared = std::mem::replace(self, fresh);
        let len = cleared.index.len();
        self.retired = std::mem::take(&mut cleared.retired);
        (self.mark, self.tap) = (cleared.mark, cleared.tap.take());
        if len > 0 {
            // What was cleared first has all that is still to be saved: the others came after it.
            let wanted = self.unsaved() > 0 && !self.retired_is_wanted();
            self.retired.push(Retired {
                index: cleared.index,
                bucket: 0,
                found: Vec::new(),
                wanted,
            });
        }
        Ok(len)
    }

    /// A reference of an entry that was cleared, which is free then.
    pub fn next_retired(&mut self) -> Option<u32> {
        while let Some(last) = self.retired.last_mut() {
            if let Some(reference) = last.found.pop() {
                if last.wanted {
                    self.keep(reference, Reason::Leaves);
                }
                return Some(reference);
            }
            if last.bucket == last.index.buckets() {
                self.retired.pop();
                continue;
            }
            let Retired { index, bucket, found, .. } = last;
            index.bucket(*bucket, |_, reference| found.push(reference));
            *bucket += 1;
        }
        None
    }

    /// How many of them can expire.
    pub const fn timed(&self) -> usize {
        self.wheel.len()
    }

    /// Whether there are entries that were cleared and are not freed yet.
    pub const fn has_retired(&self) -> bool {
        !self.retired.is_empty()
    }

    /// Bytes of keys and of values.
    pub const fn payload(&self) -> (u64, u64) {
        (self.keys, self.values)
    }

    /// What is stored compressed.
    pub const fn packed(&self) -> Packed {
        self.packed
    }

    /// Bytes of memory beside the entries.
    pub fn committed(&self) -> u64 {
        let retired: u64 = self.retired.iter().map(|it| it.index.committed()).sum();
        self.index.committed() + self.policy.committed() + retired
    }

    fn forget(&mut self, hash: Hash, reference: u32) {
        self.keep(reference, Reason::Leaves);
        self.leave(reference);
        self.index.remove(hash.tag(), reference);
    }

    fn enter(&mut self, reference: u32) {
        let entry = self.entries.get(reference);
        self.keys += entry.key_length() as u64;
        self.values += entry.value_length() as u64;
        if let Some(before) = compress::length_before(self.entries, entry) {
            self.packed.entries += 1;
            self.packed.bytes += entry.value_length() as u64;
            self.packed.bytes_before += before;
        }
        entry.enter_shard(self.mark);
        if entry.is_timed() {
            self.wheel.insert(self.entries, reference);
        }
    }

    fn leave(&mut self, reference: u32) {
        self.subtract(reference);
        if self.entries.get(reference).is_timed() {
            self.wheel.remove(self.entries, reference);
        }
    }

    fn subtract(&mut self, reference: u32) {
        let entry = self.entries.get(reference);
        self.keys -= entry.key_length() as u64;
        self.values -= entry.value_length() as u64;
        if let Some(before) = compress::length_before(self.entries, entry) {
            self.packed.entries -= 1;
            self.packed.bytes -= entry.value_length() as u64;
            self.packed.bytes_before -= before;
        }
    }
}
