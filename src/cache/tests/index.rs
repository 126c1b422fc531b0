use std::{collections::HashSet, sync::Arc};

use super::{
    super::{
        budget::Budget,
        index::{Index, POSITIONS},
    },
    Random,
};

fn index(most: usize) -> (Index, Arc<Budget>) {
    let budget = Arc::new(Budget::new(1 << 30, 1));
    (Index::new(&budget, most).unwrap(), budget)
}

fn all(index: &Index) -> HashSet<(u32, u32)> {
    let mut found = HashSet::new();
    for bucket in 0..index.buckets() {
        index.bucket(bucket, |tag, reference| assert!(found.insert((tag, reference)), "twice"));
    }
    found
}

#[test]
fn entries_are_found_while_buckets_are_divided_and_joined() {
    let rounds = if cfg!(miri) { 400 } else { 60_000 };
    let (mut index, _) = index(rounds);
    let mut random = Random(3);
    let mut model: Vec<(u32, u32)> = Vec::new();
    for round in 0..rounds as u32 {
        // Many in the first half, few at the end; tags that are equal, 0 and the largest among them.
        let grows = if round < rounds as u32 / 2 { 80 } else { 15 };
        if random.below(100) < grows || model.is_empty() {
            let tag = match random.below(20) {
                0 => 0,
                1 => u32::MAX,
                2 => 77,
                _ => random.below(1 << 32) as u32,
            };
            assert!(index.insert(tag, round + 1));
            model.push((tag, round + 1));
        } else {
            let at = random.below(model.len() as u64) as usize;
            let (tag, reference) = model.swap_remove(at);
            assert_eq!(index.find(tag, |it| it == reference), Some(reference));
            assert!(index.remove(tag, reference));
            assert!(!index.remove(tag, reference));
            assert_eq!(index.find(tag, |it| it == reference), None);
        }
        assert_eq!(index.len(), model.len());
        if round % 997 == 0 {
            assert_eq!(all(&index), model.iter().copied().collect());
        }
    }
    for (tag, reference) in model {
        index.replace(tag, reference, reference + 1_000_000);
        assert_eq!(index.find(tag, |it| it == reference + 1_000_000), Some(reference + 1_000_000));
        assert!(index.remove(tag, reference + 1_000_000));
    }
    assert_eq!((index.len(), index.buckets()), (0, 1));
}

#[test]
#[cfg_attr(miri, ignore = "too many entries")]
fn an_entry_costs_less_than_16_bytes_at_any_size() {
    let (mut index, budget) = index(1_000_000);
    let mut random = Random(5);
    for count in 1..=1_000_000_u32 {
        index.insert(random.below(1 << 32) as u32, count);
        if count > 20_000 && count % 1000 == 0 {
            let bytes = index.committed() as f64 / f64::from(count);
            assert!(bytes < 17.5, "{bytes} bytes with {count} entries");
        }
    }
    assert_eq!(budget.used(), index.committed());
    let bytes = index.committed() as f64 / 1e6;
    assert!(bytes < 16.0, "{bytes}");
    drop(index);
    assert_eq!(budget.used(), 0);
}

#[test]
fn an_index_without_room_to_grow_keeps_finding_what_it_has() {
    let (mut index, _) = index(100);
    let inserted =
        (1..100_000).take_while(|reference| index.insert(reference * 7919, *reference)).count();
    assert!(inserted >= 100);
    for reference in 1..=inserted as u32 {
        assert_eq!(index.find(reference * 7919, |it| it == reference), Some(reference));
    }
}

#[test]
fn a_walk_by_stretches_comes_by_each_entry_once_however_the_index_grows_and_shrinks() {
    let rounds = if cfg!(miri) { 3 } else { 60 };
    for seed in 1..=rounds {
        let (mut index, _) = index(100_000);
        let mut random = Random(seed);
        let mut next = 1;
        let mut add = |index: &mut Index, random: &mut Random| {
            // Some of them alike.
            let tag = random.below(1 << 32) as u32 & if next % 5 == 0 { 0xFF } else { u32::MAX };
            assert!(index.insert(tag, next));
            next += 1;
            (tag, next - 1)
        };
        let most = if cfg!(miri) { 100 } else { 3000 };
        let stay: HashSet<_> =
            (0..random.below(most)).map(|_| add(&mut index, &mut random)).collect();
        let mut others = Vec::new();
        let mut seen = HashSet::new();
        let mut position = 0;
        let grows = seed % 2 == 0;
        if !grows {
            others.extend((0..most).map(|_| add(&mut index, &mut random)));
        }
        while let Ok(from) = u32::try_from(position) {
            let (bucket, end) = index.stretch(from);
            assert!(end > position && end <= POSITIONS);
            index.bucket(bucket, |tag, reference| {
                assert!(u64::from(tag.reverse_bits()) < end, "it belongs to another stretch");
                if tag.reverse_bits() >= from {
                    assert!(seen.insert((tag, reference)), "twice");
                }
            });
            position = end;
            for _ in 0..random.below(12) {
                if grows {
                    others.push(add(&mut index, &mut random));
                } else if let Some((tag, reference)) = others.pop() {
                    assert!(index.remove(tag, reference));
                }
            }
        }
        assert!(stay.is_subset(&seen));
    }
}
