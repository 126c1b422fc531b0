//! Which entries expire when: a hierarchical timing wheel.
//!
//! After G. Varghese and T. Lauck, "Hashed and hierarchical timing wheels" (1987). Each level has 64 slots, and a slot of
//! one level is as long as all slots of the level below. Entries are linked through themselves; adding and removing one
//! takes a fixed number of steps, and so does each entry that a turn of the wheel comes by.

use super::{
    arena::{FIRST_MARK, NIL},
    entry::Entries,
};

/// Milliseconds of a slot of the lowest level, as a power of two: 64 ms.
const TICK_LOG2: u32 = 6;
const SLOTS_LOG2: u32 = 6;
const SLOTS: u32 = 1 << SLOTS_LOG2;
/// The highest level reaches 2.2 years; what lies beyond comes by once in that time.
const LEVELS: u32 = 5;

/// The wheel of one shard.
#[derive(Debug)]
pub struct Wheel {
    heads: [[u32; SLOTS as usize]; LEVELS as usize], // references; NIL is none
    taken: [u64; LEVELS as usize],                   // a bit for each slot that has an entry
    tick: u64,                                       // slots of the lowest level that have passed
    len: usize,                                      // entries
}

impl Wheel {
    /// An empty wheel.
    #[must_use]
    pub const fn new(now: u64) -> Self {
        Self {
            heads: [[NIL; SLOTS as usize]; LEVELS as usize],
            taken: [0; LEVELS as usize],
            tick: now >> TICK_LOG2,
            len: 0,
        }
    }

    /// How many entries it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Adds a timed entry, by its deadline.
    pub fn insert(&mut self, entries: Entries, reference: u32) {
        let entry = entries.get(reference);
        let slot = self.slot_of(entry.deadline() >> TICK_LOG2);
        let first = self.head(slot);
        entry.set_wheel_prev(mark(slot));
        entry.set_wheel_next(first);
        if first != NIL {
            entries.get(first).set_wheel_prev(reference);
        }
        self.set_head(slot, reference);
        self.len += 1;
    }

    /// Takes an entry out.
    pub fn remove(&mut self, entries: Entries, reference: u32) {
        let (prev, next) = entries.get(reference).wheel_links();
        if next != NIL {
            entries.get(next).set_wheel_prev(prev);
        }
        match slot_of_mark(prev) {
            Some(slot) => self.set_head(slot, next),
            None => entries.get(prev).set_wheel_next(next),
        }
        self.len -= 1;
    }

    /// The next entry whose deadline is over at `now`; it is taken out. `None` when there is none, or when `steps` is used
    /// up: each entry that is looked at takes one, and each stretch of time without any.
    pub fn next_expired(&mut self, entries: Entries, now: u64, steps: &mut u32) -> Option<u32> {
        let end = now >> TICK_LOG2;
        while *steps > 0 {
            if self.len == 0 {
                self.tick = self.tick.max(end);
                return None;
            }
            *steps -= 1;
            if let Some(slot) = self.slot_to_spread() {
                let reference = self.head(slot);
                self.remove(entries, reference);
                self.insert(entries, reference);
            } else if self.tick >= end {
                return None;
            } else if let Some(reference) = self.first_of_tick(entries, now) {
                return Some(reference);
            } else {
                self.tick = self.next_tick().min(end);
            }
        }
        None
    }

    /// A slot of a higher level that begins now: its entries belong to lower levels from now on.
    fn slot_to_spread(&self) -> Option<Slot> {
        (1..LEVELS).rev().find_map(|level| {
            let shift = level * SLOTS_LOG2;
            let begins = self.tick & ((1 << shift) - 1) == 0;
            let slot = Slot { level, index: index(self.tick >> shift) };
            (begins && self.head(slot) != NIL).then_some(slot)
        })
    }

    /// An entry of the slot that is over. One whose deadline was put off goes to where it belongs.
    fn first_of_tick(&mut self, entries: Entries, now: u64) -> Option<u32> {
        let slot = Slot { level: 0, index: index(self.tick) };
        loop {
            let reference = self.head(slot);
            if reference == NIL {
                return None;
            }
            self.remove(entries, reference);
            if entries.get(reference).deadline() <= now {
                return Some(reference);
            }
            let current = self.tick;
            // As if the slot were over already, or it would come back to it for ever.
            self.tick += 1;
            self.insert(entries, reference);
            self.tick = current;
        }
    }

    /// The next slot of the lowest level that has entries, or where one of a higher level begins.
    const fn next_tick(&self) -> u64 {
        let at = self.tick & (SLOTS as u64 - 1);
        let later = (self.taken[0] >> at) >> 1;
        if later == 0 {
            (self.tick | (SLOTS as u64 - 1)) + 1
        } else {
            self.tick + 1 + later.trailing_zeros() as u64
        }
    }

    fn slot_of(&self, tick: u64) -> Slot {
        let tick = tick.max(self.tick);
        let differs = (tick ^ self.tick) | 1;
        let level = differs.ilog2() / SLOTS_LOG2;
        if level < LEVELS {
            Slot { level, index: index(tick >> (level * SLOTS_LOG2)) }
        } else {
            // Beyond the highest level: its slot that begins last.
            let level = LEVELS - 1;
            let at = index(self.tick >> (level * SLOTS_LOG2));
            Slot { level, index: at.wrapping_sub(1) % SLOTS }
        }
    }

    fn head(&self, slot: Slot) -> u32 {
        self.heads
            .get(slot.level as usize)
            .and_then(|level| level.get(slot.index as usize))
            .copied()
            .unwrap_or(NIL)
    }

    fn set_head(&mut self, slot: Slot, reference: u32) {
        if let Some(head) =
            self.heads.get_mut(slot.level as usize).and_then(|it| it.get_mut(slot.index as usize))
        {
            *head = reference;
        }
        if let Some(taken) = self.taken.get_mut(slot.level as usize) {
            let bit = 1 << slot.index;
            *taken = if reference == NIL { *taken & !bit } else { *taken | bit };
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    level: u32, // < LEVELS
    index: u32, // < SLOTS
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
const fn index(tick: u64) -> u32 {
    tick as u32 & (SLOTS - 1)
}

/// What stands in place of a neighbour in the first entry of a slot.
const fn mark(slot: Slot) -> u32 {
    FIRST_MARK + slot.level * SLOTS + slot.index
}

const fn slot_of_mark(mark: u32) -> Option<Slot> {
    match mark.checked_sub(FIRST_MARK) {
        Some(number) => Some(Slot { level: number / SLOTS, index: number % SLOTS }),
        None => None,
    }
}
