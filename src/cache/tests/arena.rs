use std::{collections::BTreeMap, sync::Arc};

use super::{
    super::{
        arena::{Arena, UNIT},
        bins::{Bin, Bins},
        budget::Budget,
    },
    Random,
};

fn arena(max: u64) -> (Arena, Arc<Budget>) {
    let budget = Arc::new(Budget::new(max, 1));
    (Arena::new(Arc::clone(&budget)).unwrap(), budget)
}

fn fill(arena: &Arena, block: u32, units: u32, byte: u8) {
    // SAFETY: a block of the test's that is so large; what the arena writes is left alone.
    unsafe {
        arena.space().at(block).add(20).write_bytes(byte, Arena::bytes(units).saturating_sub(20));
    }
}

fn holds(arena: &Arena, block: u32, units: u32, byte: u8) -> bool {
    // SAFETY: as above, filled before.
    let bytes = unsafe {
        std::slice::from_raw_parts(
            arena.space().at(block).add(20).as_ptr(),
            Arena::bytes(units).saturating_sub(20),
        )
    };
    bytes.iter().all(|it| *it == byte)
}

#[test]
fn blocks_never_overlap_and_all_memory_is_found_again_whatever_the_order() {
    let (mut arena, budget) = arena(1 << 20);
    let mut random = Random(7);
    let mut blocks = BTreeMap::new();
    for round in 0..if cfg!(miri) { 500 } else { 50_000 } {
        let byte = (round % 251) as u8;
        let units = 1 + random.below(if round % 10 == 0 { 1000 } else { 20 }) as u32;
        if random.below(100) < 52
            && let Some(block) = arena.allocate(units)
        {
            fill(&arena, block, units, byte);
            assert!(blocks.insert(block, (units, byte)).is_none());
        } else if let Some(block) =
            blocks.keys().nth(random.below(1 + blocks.len() as u64) as usize).copied()
        {
            let (units, byte) = blocks.remove(&block).unwrap();
            assert!(holds(&arena, block, units, byte));
            // SAFETY: allocated above, and forgotten.
            unsafe { arena.release(block) };
        }
        let used: u32 = blocks.values().map(|(units, _)| units).sum();
        assert_eq!(arena.used(), u64::from(used) * UNIT as u64);
        assert!(budget.used() <= budget.max());
    }
    for (block, (units, byte)) in blocks {
        assert!(holds(&arena, block, units, byte));
        // SAFETY: allocated above.
        unsafe { arena.release(block) };
    }
    assert_eq!(arena.used(), 0);
    arena.trim();
    assert_eq!((arena.committed(), budget.used()), (16 << 10, 16 << 10));
    assert!(arena.allocate((900 << 10) / UNIT as u32).is_some(), "in one piece again");
}

#[test]
fn memory_is_taken_in_parts_for_which_nobody_waits_long() {
    let (mut arena, budget) = arena(64 << 20);
    let mut before = 0;
    while arena.allocate(64).is_some() {
        assert!(arena.committed() - before <= 256 << 10);
        before = arena.committed();
    }
    assert!(before > 32 << 20);
    assert_eq!(budget.step(), 256 << 10);
}

#[test]
fn what_does_not_fit_into_the_budget_or_is_no_size_is_refused() {
    let (mut arena, budget) = arena(352 << 10);
    assert!(arena.allocate(0).is_none());
    assert!(arena.allocate(u32::MAX).is_none());
    assert!(arena.allocate((256 << 10) / UNIT as u32).is_none(), "the first unit is no block");
    assert_eq!(budget.used(), 0);
    let most = arena.allocate((240 << 10) / UNIT as u32).unwrap();
    assert!(arena.allocate((16 << 10) / UNIT as u32).is_none());
    assert_eq!(arena.allocate_piece(u32::from(u16::MAX), 4).map(|it| it.1), None);
    // SAFETY: allocated above.
    unsafe { arena.release(most) };
    assert!(arena.allocate((240 << 10) / UNIT as u32).is_some());
    assert_eq!(Arena::units(usize::MAX), None);
}

#[test]
fn a_piece_is_the_largest_there_is_if_that_is_large_enough() {
    let (mut arena, _) = arena(352 << 10);
    let blocks: Vec<u32> = std::iter::from_fn(|| arena.allocate(10)).collect();
    // SAFETY: allocated above; not neighbours of each other.
    unsafe {
        arena.release(blocks[3]);
        arena.release(blocks[10]);
        arena.release(blocks[11]);
    }
    assert_eq!(arena.allocate_piece(1000, 11), Some((blocks[10], 20)));
    assert_eq!(arena.allocate_piece(1000, 11), None);
    assert_eq!(arena.allocate_piece(1000, 10), Some((blocks[3], 10)));
}

#[test]
#[cfg_attr(miri, ignore = "too much memory")]
fn memory_in_the_middle_goes_back_to_the_budget_and_comes_again_when_there_is_room() {
    let (mut arena, budget) = arena(4 << 20);
    let units = (1 << 20) / UNIT as u32;
    let [first, second, third] = [0; 3].map(|_| arena.allocate(units).unwrap());
    assert!(arena.allocate(units).is_none());
    // SAFETY: allocated above.
    unsafe { arena.release(second) };
    let full = budget.used();
    assert!(arena.make_hole());
    assert!(budget.used() > full - (200 << 10), "no more than is needed");
    while arena.make_hole() {}
    assert!(budget.used() <= full - (700 << 10));
    assert_eq!((arena.committed(), arena.used()), (budget.used(), 2 << 20));
    let spare = budget.spare();
    assert!(budget.take(spare), "somebody else has it now");
    assert!(arena.allocate(units).is_none());
    budget.give(spare);
    assert_eq!(arena.allocate(units), Some(second));
    // SAFETY: allocated above.
    unsafe {
        arena.release(second);
        while arena.make_hole() {}
        arena.release(third);
        arena.release(first);
    }
    arena.trim();
    assert!(budget.used() < 600 << 10, "{}", budget.used());
}

#[test]
#[cfg_attr(miri, ignore = "too much memory")]
fn a_hole_that_the_budget_has_no_room_for_is_filled_in_part() {
    let (mut arena, budget) = arena(4 << 20);
    let units = (3 << 20) / UNIT as u32;
    let block = arena.allocate(units).unwrap();
    let above = arena.allocate(10).unwrap();
    // SAFETY: allocated above.
    unsafe { arena.release(block) };
    arena.trim();
    assert!(budget.used() < 256 << 10);
    let others = budget.spare() - (1 << 20);
    assert!(budget.take(others));
    assert!(arena.allocate(units).is_none());
    let part = arena.allocate((512 << 10) / UNIT as u32).unwrap();
    fill(&arena, part, (512 << 10) / UNIT as u32, 5);
    assert!(budget.used() <= budget.max());
    assert_eq!(arena.used(), (512 << 10) + 160);
    budget.give(others);
    assert!(holds(&arena, part, (512 << 10) / UNIT as u32, 5));
    // SAFETY: allocated above.
    unsafe {
        arena.release(part);
        arena.release(above);
    }
    assert!(arena.allocate(units).is_some());
}

#[test]
fn a_bin_that_is_found_for_a_size_has_blocks_that_are_large_enough() {
    for size in (1..2000).chain([4096, 65_535, 65_536, 1 << 20, (1 << 29) + 12_345]) {
        for held in [size, size + 1, size + size / 16, size * 2] {
            let mut bins = Bins::new();
            bins.set_head(Bin::of(held), 1);
            match bins.find(size) {
                Some(bin) => assert_eq!(bins.head(bin), 1),
                None => assert!(held < size + size.div_ceil(32), "{held} is not found for {size}"),
            }
            assert_eq!(bins.largest(), Some(Bin::of(held)));
            if size > 1 {
                bins.set_head(Bin::of(held), 0);
                bins.set_head(Bin::of(size - 1), 1);
                let found = bins.find(size);
                assert!(found.is_none(), "{size}");
            }
        }
    }
}
