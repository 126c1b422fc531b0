//! What a shard does for a save: see [`persist`](crate::cache::persist).

use super::{
    super::{
        entry::Entry,
        hash::Hash,
        persist::{
            format::Standing,
            tap::{Kept, Large, Moment, PARKED_FROM, Reason, Tap},
        },
    },
    Shard,
};
use crate::cache::arena::NIL;

/// How many entries and bytes are copied before others may have the shard.
const ENTRIES_AT_ONCE: usize = 128;
const BYTES_AT_ONCE: usize = 128 << 10;

/// What a step of a walk has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many entries were passed, and there are more.
    Passed(usize),
    /// A large entry, which is to be read without the lock. So many others were passed before.
    Large(usize, Large),
    /// There are no more.
    End,
}

/// What a walk has copied.
#[derive(Debug)]
pub struct Copied<'a> {
    /// Records with their values.
    pub payload: &'a mut Vec<u8>,
    /// How many records were added.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

impl Shard {
    /// Hands an entry over to a save that has not come to it yet, before it leaves or is written over.
    pub(super) fn keep(&mut self, reference: u32, reason: Reason) {
        // The one thing that is asked when no save runs.
        if let Some(tap) = &mut self.tap {
            let entry = self.entries.get(reference);
            if entry.mark() != self.mark {
                entry.turn_mark();
                tap.keep(self.entries, reference, reason);
            }
        }
    }

    /// The moment of a save has come: all entries that are here now are to be saved.
    pub fn begin_save(&mut self, mut tap: Box<Tap>, moment: Moment) {
        tap.begin(moment, self.index.len(), self.policy.hand() != NIL);
        self.mark = !self.mark;
        self.tap = Some(tap);
        self.policy.queue_mut(false).start_walk();
        self.policy.queue_mut(true).start_walk();
    }

    /// How many entries the two queues of the policy have, or the only one and none.
    pub const fn queue_lengths(&mut self) -> [usize; 2] {
        let small = self.policy.queue_mut(false).len();
        [small, self.index.len() - small]
    }

    /// Goes on with the walk through a queue: copies what is still to be saved, of so many entries at most.
    pub fn save_some(&mut self, main: bool, most: usize, copied: &mut Copied<'_>) -> Step {
        let most = most.min(ENTRIES_AT_ONCE);
        let full = copied.payload.len() + BYTES_AT_ONCE;
        for passed in 0..most {
            if copied.payload.len() >= full {
                return Step::Passed(passed);
            }
            let reference = self.policy.queue_mut(main).walk(self.entries);
            if reference == NIL {
                return Step::End;
            }
            let entry = self.entries.get(reference);
            let Some(tap) = &mut self.tap else { return Step::End };
            if self.policy.hand() == reference {
                tap.before_hand = false;
            }
            if entry.mark() == self.mark {
                continue;
            }
            let standing = Standing { passed: tap.before_hand, ..Tap::standing(entry) };
            if let Some(more) = tap.more_of(entry) {
                if entry.value_length() > PARKED_FROM {
                    tap.begin_reading(reference);
                    return Step::Large(passed, Large { reference, standing, more });
                }
                tap.push(self.entries, entry, standing, &more, copied.payload);
                copied.records += 1;
                copied.bytes += entry.payload();
            }
            entry.turn_mark();
            tap.count_saved();
        }
        Step::Passed(most)
    }

    /// Passes so many entries of a queue whose save has failed. False if there are no more.
    pub fn pass_some(&mut self, main: bool) -> bool {
        for _ in 0..ENTRIES_AT_ONCE {
            let reference = self.policy.queue_mut(main).walk(self.entries);
            if reference == NIL {
                return false;
            }
            let entry = self.entries.get(reference);
            if entry.mark() != self.mark {
                entry.turn_mark();
            }
        }
        true
    }

    /// Says that a large entry has been read without the lock. True if it has left the shard meanwhile and was parked, so
    /// that the caller must let go of it.
    pub fn end_reading(&mut self, entry: Entry<'_>) -> bool {
        let Some(tap) = &mut self.tap else { return false };
        if tap.end_reading(entry) {
            return true;
        }
        if entry.mark() != self.mark {
            entry.turn_mark();
            tap.count_saved();
        }
        false
    }

    /// What was kept for the save since it was last asked.
    pub fn take_kept(&mut self) -> Kept {
        self.tap.as_mut().map_or_else(Kept::default, |tap| tap.take())
    }

    /// Whether entries that were cleared are still to be saved.
    pub fn retired_is_wanted(&self) -> bool {
        self.retired.iter().any(|retired| retired.wanted)
    }

    /// Whether those of them that are freed next are still to be saved.
    pub fn next_retired_is_wanted(&self) -> bool {
        self.retired.last().is_some_and(|retired| retired.wanted)
    }

    /// How many entries are still to be saved.
    pub fn unsaved(&self) -> usize {
        self.tap.as_ref().map_or(0, |tap| tap.unsaved())
    }

    /// The save is over; all entries bear the mark. Returns what was kept for it.
    pub fn end_save(&mut self) -> Kept {
        self.policy.queue_mut(false).stop_walk();
        self.policy.queue_mut(true).stop_walk();
        for retired in &mut self.retired {
            retired.wanted = false;
        }
        self.tap.take().map_or_else(Kept::default, |mut tap| tap.take())
    }

    /// Adds an entry of a cache that was saved, which is written already. False when the index has no memory for it.
    pub fn restore(&mut self, hash: Hash, reference: u32, standing: Standing) -> bool {
        if !self.index.insert(hash.tag(), reference) {
            return false;
        }
        self.policy.restore(self.entries, reference, standing);
        self.enter(reference);
        true
    }

    /// Counts a use of an entry that was restored.
    pub fn touch(&mut self, hash: Hash) {
        // Any with this hash will do: two that share it are rare, and a use too many does no harm.
        if let Some(reference) = self.index.find(hash.tag(), |_| true) {
            self.hit(reference);
        }
    }
}
