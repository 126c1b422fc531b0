//! The file holds the cache as it was at one moment, whatever happens afterwards.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
};

use super::{
    super::{fault::Fault, tap::PARKED_FROM, writer},
    Memory, POLICIES, ToMemory, assert_clean, contents, contents_of, load, noon, other, save,
    save_after, save_with,
};
use crate::cache::{
    hash::Hasher,
    policy::Kind,
    settings::Settings,
    shard::save::{Copied, Step},
    store::Store,
    tests::{Random, get, settings, store},
    ticker::Ticker,
};

fn key(number: u64) -> Vec<u8> {
    format!("key {number}").into_bytes()
}

fn change(store: &Store, random: &mut Random, keys: u64, now: &mut u64) {
    let key = key(random.below(keys));
    let length = match random.below(40) {
        0 => PARKED_FROM as u64 + 1 + random.below(100),
        1..5 => random.below(40_000),
        _ => random.below(200),
    };
    match random.below(100) {
        0..50 => {
            let ttl = [0, 0, 40][random.below(3) as usize];
            let value = vec![random.below(256) as u8; length as usize];
            store.set(&key, random.below(8) as u8, &value, Some(ttl)).unwrap();
        }
        50..65 => {
            store.delete(&key);
        }
        65..95 => {
            let _ = get(store, &key);
        }
        95..98 => {
            *now += random.below(20);
            store.set_time(*now);
            store.sweep(20);
        }
        _ if random.below(15) == 0 => store.clear().unwrap(),
        _ => {}
    }
}

#[test]
fn whatever_happens_after_the_moment_is_not_in_the_file() {
    let rounds = if cfg!(miri) { 1 } else { 25 };
    for round in 0..rounds {
        for policy in POLICIES {
            for (shards, max) in [(1, None), (4, None), (2, Some(30))] {
                let plan = Settings { max, shards, ..settings(4 << 20, policy) };
                let store = store(plan);
                let mut random = Random(round * 31 + shards as u64 + 1);
                let mut now = 0;
                let keys: Vec<_> = (0..120).map(key).collect();
                let changes = if cfg!(miri) { 60 } else { 400 };
                for _ in 0..changes {
                    change(&store, &mut random, 120, &mut now);
                }
                let mut expected = BTreeMap::new();
                let file = save_after(&store, || {
                    expected = contents(&store, &keys);
                    for _ in 0..changes {
                        change(&store, &mut random, 120, &mut now);
                        assert!(store.committed() <= 4 << 20);
                    }
                });
                let found = contents_of(&file, settings(64 << 20, Kind::Lru), &keys);
                assert!(found == expected, "{policy:?} {shards} {round}");
                assert_clean(&store);
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many entries")]
fn whatever_happens_between_two_blocks_is_not_in_the_file() {
    for policy in POLICIES {
        for shards in [1, 8] {
            let store = store(Settings { shards, ..settings(64 << 20, policy) });
            let mut random = Random(7);
            let keys: Vec<_> = (0..20_000).map(key).collect();
            for key in &keys {
                store.set(key, 0, &vec![1; random.below(300) as usize], None).unwrap();
            }
            let expected = contents(&store, &keys);
            let (random, now) = (std::cell::RefCell::new(random), std::cell::Cell::new(0));
            let (saved, memory) = save_with(&store, super::PLENTY, &|_| {
                let mut time = now.get();
                for _ in 0..3000 {
                    change(&store, &mut random.borrow_mut(), 20_000, &mut time);
                }
                now.set(time);
                Ok(())
            });
            assert_eq!(saved.unwrap().entries, 20_000);
            let file = memory.bytes.into_inner();
            let found = contents_of(&file, settings(64 << 20, Kind::Lru), &keys);
            assert!(found == expected, "{policy:?} {shards}");
            assert_clean(&store);
        }
    }
}

#[test]
fn two_saves_one_behind_the_other_have_what_was_there_each_time() {
    let store = store(settings(1 << 20, Kind::S3Fifo));
    let keys: Vec<_> = (0..50).map(key).collect();
    for round in 0..6 {
        for key in &keys[round..round + 20] {
            store.set(key, 0, &[round as u8], None).unwrap();
        }
        let expected = contents(&store, &keys);
        let file = save(&store);
        assert!(contents_of(&file, settings(1 << 20, Kind::Lru), &keys) == expected, "{round}");
    }
    assert_clean(&store);
}

#[test]
fn tags_are_those_of_the_moment_whoever_has_their_numbers_later() {
    for policy in POLICIES {
        let store = store(Settings { shards: 2, ..settings(8 << 20, policy) });
        let large = vec![5; PARKED_FROM + 1];
        for number in 0..6 {
            let tags = [format!("tag {number}"), "all".to_owned()];
            store.set_tagged(&key(number), 0, b"small", None, &tags).unwrap();
            store.set_tagged(&key(100 + number), 0, &large, None, &tags).unwrap();
        }
        let file = save_after(&store, || {
            for number in 0..3 {
                store.set_tagged(&key(number), 0, b"other", None, &["other"]).unwrap();
                store.delete(&key(100 + number));
            }
            store.clear().unwrap();
            for number in 0..40 {
                store.set_tagged(&key(number), 0, b"new", None, &[key(number)]).unwrap();
            }
        });
        let to = other(settings(8 << 20, policy));
        assert_eq!(load(&to, &file).unwrap().entries, 12);
        assert!(!to.invalidate_tag(b"other"));
        assert!(!to.invalidate_tag(&key(5)));
        for number in 0..6 {
            assert_eq!(get(&to, &key(number)).as_deref(), Some(&b"small"[..]));
            assert!(to.invalidate_tag(format!("tag {number}").as_bytes()));
            assert_eq!(get(&to, &key(number)), None);
            assert_eq!(get(&to, &key(100 + number)), None);
        }
        store.clear().unwrap();
        to.clear().unwrap();
        while store.needs_sweeping() && store.sweep(1000) {}
        while to.needs_sweeping() && to.sweep(1000) {}
        assert_eq!((store.tags_held(), to.tags_held()), (0, 0));
        assert_clean(&store);
    }
}

#[test]
fn what_a_tag_makes_void_during_a_save_is_not_in_the_file() {
    for policy in POLICIES {
        let store = store(settings(8 << 20, policy));
        for number in 0..20 {
            let tag = if number % 2 == 0 { "even" } else { "odd" };
            store.set_tagged(&key(number), 0, b"value", None, &[tag]).unwrap();
        }
        let file = save_after(&store, || {
            assert!(store.invalidate_tag(b"odd"));
            store.set_tagged(&key(1), 0, b"new", None, &["odd"]).unwrap();
        });
        let to = other(settings(8 << 20, policy));
        assert_eq!(load(&to, &file).unwrap().entries, 10);
        assert!((0..20).all(|it| get(&to, &key(it)).is_some() == (it % 2 == 0)));
        assert_clean(&store);
    }
}

#[test]
fn what_is_cleared_during_a_save_is_in_the_file() {
    for policy in POLICIES {
        let store = store(Settings { shards: 2, ..settings(8 << 20, policy) });
        let keys: Vec<_> = (0..if cfg!(miri) { 30 } else { 300 }).map(key).collect();
        for key in &keys {
            store.set(key, 0, key, None).unwrap();
        }
        store.set(b"large", 0, &vec![5; PARKED_FROM + 1], None).unwrap();
        let file = save_after(&store, || {
            store.clear().unwrap();
            store.set(&keys[0], 0, b"new", None).unwrap();
            store.clear().unwrap();
            while store.sweep(1000) {}
            assert_eq!(store.len(), 0);
        });
        let to = other(settings(8 << 20, Kind::Lru));
        assert_eq!(load(&to, &file).unwrap().entries, keys.len() as u64 + 1);
        assert!(keys.iter().all(|key| get(&to, key).as_ref() == Some(key)));
        assert_clean(&store);
    }
}

#[test]
fn what_was_cleared_before_is_not_in_the_file() {
    let store = store(settings(8 << 20, Kind::Lru));
    for number in 0..20_000_u32 {
        store.set(&number.to_le_bytes(), 0, b"old", None).unwrap();
        if cfg!(miri) && number > 200 {
            break;
        }
    }
    store.clear().unwrap();
    store.set(b"key", 0, b"new", None).unwrap();
    let file = save_after(&store, || while store.sweep(1000) {});
    let to = other(settings(8 << 20, Kind::Lru));
    assert_eq!(load(&to, &file).unwrap().entries, 1);
    assert_eq!(get(&to, b"key"), Some(b"new".to_vec()));
    assert_clean(&store);
}

#[test]
fn a_large_value_is_written_although_it_leaves_the_cache() {
    let large = vec![9; PARKED_FROM + 5];
    for policy in POLICIES {
        let store = store(settings(8 << 20, policy));
        for number in 0..4 {
            store.set(&key(number), 0, &large, None).unwrap();
        }
        let file = save_after(&store, || {
            store.delete(&key(0));
            store.set(&key(1), 0, b"small", None).unwrap();
            store.set(&key(2), 0, &vec![1; PARKED_FROM * 2], None).unwrap();
            // And others that need all of the room.
            for number in 10..if cfg!(miri) { 20 } else { 200 } {
                store.set(&key(number), 0, &vec![2; 100_000], None).unwrap();
            }
        });
        let to = other(settings(8 << 20, Kind::Lru));
        assert_eq!(load(&to, &file).unwrap().entries, 4);
        assert!((0..4).all(|number| get(&to, &key(number)).unwrap() == large));
        assert_clean(&store);
    }
}

#[test]
fn a_large_value_that_is_being_written_may_leave_the_cache() {
    for (most_kept, succeeds) in [(super::PLENTY, true), (0, true)] {
        let store = store(settings(8 << 20, Kind::Lru));
        // Three megabytes and more, so that it takes several blocks.
        let large = [vec![1; 1 << 20], vec![2; 1 << 20], vec![3; (1 << 20) + 1]].concat();
        store.set(b"large", 0, &large, None).unwrap();
        let writes = std::cell::Cell::new(0);
        let (saved, memory) = save_with(&store, most_kept, &|_| {
            writes.set(writes.get() + 1);
            // The header, the entry, the first megabyte: it is in the middle now.
            if writes.get() == 5 {
                assert!(store.delete(b"large"));
                // Whoever wants its memory gets other.
                store.set(b"new", 0, &vec![1; 2 << 20], None).unwrap();
            }
            Ok(())
        });
        assert_eq!(saved.is_ok(), succeeds);
        let to = other(settings(8 << 20, Kind::Lru));
        load(&to, &memory.bytes.borrow()).unwrap();
        assert!(get(&to, b"large").unwrap() == large, "it was written as it was");
        assert_clean(&store);
    }
}

#[test]
fn more_changes_than_may_be_kept_fail_the_save_and_never_the_cache() {
    for large in [100, PARKED_FROM + 1] {
        let store = store(settings(8 << 20, Kind::Lru));
        for number in 0..12 {
            store.set(&key(number), 0, &vec![1; large], None).unwrap();
        }
        let memory = Memory::default();
        let cancelled = AtomicBool::new(false);
        let saving = store.begin_save(20_000, noon).unwrap();
        for number in 0..if cfg!(miri) { 100 } else { 2000 } {
            // The first chunk of copies still fits, so that something is kept when it fails.
            store.set(&key(number), 1, &[2; 150], None).unwrap();
            store.set(&key(number + 5000), 1, &vec![2; large], None).unwrap();
            store.delete(&key(number + 5000));
        }
        for number in 0..12 {
            store.set(&key(number), 0, &vec![3; 20_000], None).unwrap();
        }
        drop(saving);
        let saving = store.begin_save(1000, noon).unwrap();
        for number in 0..12 {
            store.set(&key(number), 0, b"new", None).unwrap();
        }
        let output = ToMemory { memory: &memory, step: &|_| Ok(()) };
        let saved = writer::write(&store, saving, output, &cancelled);
        assert!(matches!(saved, Err(Fault::Overrun(1000))), "{saved:?}");
        assert!(!memory.published.get());
        assert!((0..12).all(|number| get(&store, &key(number)).unwrap() == b"new"));
        let keys: Vec<_> = (0..2000).map(key).collect();
        let expected = contents(&store, &keys);
        let file = save(&store);
        let to = other(settings(8 << 20, Kind::Lru));
        load(&to, &file).unwrap();
        assert!(contents(&to, &keys) == expected, "the next save has everything");
        assert_clean(&store);
    }
}

#[test]
fn a_second_save_of_the_cache_is_refused_while_one_runs() {
    let store = store(settings(1 << 20, Kind::Lru));
    let saving = store.begin_save(1000, noon).unwrap();
    let (saved, memory) = save_with(&store, 1000, &|_| Ok(()));
    assert!(matches!(saved, Err(Fault::Busy(_))), "{saved:?}");
    assert!(memory.bytes.borrow().is_empty());
    drop(saving);
    save(&store);
}

#[test]
fn what_was_set_again_during_a_save_is_not_the_first_to_go() {
    let plan = Settings { max: Some(100), ..settings(1 << 20, Kind::Lru) };
    let store = store(plan.clone());
    for number in 0..100 {
        store.set(&key(number), 0, b"old", None).unwrap();
    }
    let file = save_after(&store, || {
        store.set(&key(0), 0, b"new", None).unwrap();
        store.set(&key(1), 0, &[1; 100], None).unwrap();
        let _ = get(&store, &key(2));
    });
    let to = other(plan);
    load(&to, &file).unwrap();
    for number in 200..297 {
        to.set(&key(number), 0, b"", None).unwrap();
    }
    assert_eq!(get(&to, &key(0)), Some(b"old".to_vec()));
    assert_eq!(get(&to, &key(1)), Some(b"old".to_vec()));
    assert!(to.has(&key(2)));
    assert!(!to.has(&key(3)));
}

#[test]
fn what_goes_on_to_a_queue_that_has_been_walked_through_is_not_missed() {
    let store = store(Settings { max: Some(100), ..settings(1 << 20, Kind::S3Fifo) });
    for number in 0..100 {
        store.set(&key(number), 0, b"value", None).unwrap();
    }
    // The first ten wait in the small queue, and have been used often enough to leave it.
    for number in (0..10).chain(0..10) {
        assert!(get(&store, &key(number)).is_some());
    }
    let saving = store.begin_save(super::PLENTY, noon).unwrap();
    assert_eq!(saving.lengths(), [[10, 90]]);
    let mut payload = Vec::new();
    let mut copied = Copied { payload: &mut payload, records: 0, bytes: 0 };
    while saving.copy(0, true, usize::MAX, &mut copied) != Step::End {}
    assert_eq!(copied.records, 90);
    for number in 100..105 {
        store.set(&key(number), 0, b"new", None).unwrap();
    }
    assert!((0..10).all(|number| store.has(&key(number))), "they went on to the main queue");
    let memory = Memory::default();
    let output = ToMemory { memory: &memory, step: &|_| Ok(()) };
    let saved = writer::write(&store, saving, output, &AtomicBool::new(false)).unwrap();
    assert_eq!(saved.entries, 10);
}

#[test]
fn threads_that_write_all_the_time_leave_a_moment_in_the_file() {
    // Each thread sets its keys in their order, round by round: at any moment the first ones are of one round, and the
    // others of the round before.
    let (threads, keys) = if cfg!(miri) { (2, 4) } else { (3_u64, 200_u64) };
    for policy in POLICIES {
        let plan = Settings { shards: 4, ..settings(16 << 20, policy) };
        let store = Arc::new(Store::new(plan, Hasher::seeded(9), Ticker::System).unwrap());
        let stop = AtomicBool::new(false);
        let rounds = AtomicU64::new(0);
        let key = |thread: u64, number: u64| format!("{thread} {number}").into_bytes();
        let value = |round: u64, number: u64| {
            let large = number % 50 == 49 && round.is_multiple_of(3) && !cfg!(miri);
            let length = if large { PARKED_FROM + 9 } else { 20 + (round % 7) as usize * 30 };
            let mut value = round.to_le_bytes().to_vec();
            value.resize(length, round as u8);
            value
        };
        for thread in 0..threads {
            for number in 0..keys {
                store.set(&key(thread, number), 0, &value(0, number), None).unwrap();
            }
        }
        thread::scope(|scope| {
            for thread in 0..threads {
                let (store, stop, rounds) = (&store, &stop, &rounds);
                scope.spawn(move || {
                    for round in 1.. {
                        for number in 0..keys {
                            if stop.load(SeqCst) {
                                return;
                            }
                            store
                                .set(&key(thread, number), 0, &value(round, number), None)
                                .unwrap();
                        }
                        rounds.fetch_add(1, SeqCst);
                    }
                });
            }
            let _stop = Stop(&stop);
            for _ in 0..if cfg!(miri) { 1 } else { 30 } {
                let before = rounds.load(SeqCst);
                while rounds.load(SeqCst) == before {
                    thread::yield_now();
                }
                let file = save(&store);
                let to = other(settings(32 << 20, Kind::Lru));
                assert_eq!(load(&to, &file).unwrap().entries, threads * keys);
                for thread in 0..threads {
                    let mut last = u64::MAX;
                    let mut first = None;
                    for number in 0..keys {
                        let found = get(&to, &key(thread, number)).unwrap();
                        let round = u64::from_le_bytes(found[..8].try_into().unwrap());
                        assert!(found == value(round, number), "torn");
                        assert!(round <= last, "an older value before a newer one");
                        let first = *first.get_or_insert(round);
                        assert!(first - round <= 1, "{first} and {round} at one moment");
                        last = round;
                    }
                }
            }
        });
        assert_clean(&store);
    }
}

/// Tells other threads to end, also when a test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

#[test]
fn a_cache_that_is_cleared_again_and_again_can_be_saved() {
    for policy in POLICIES {
        // Shards are cleared one after the other, so that two of them would not be of one moment.
        let store = settings(8 << 20, policy);
        let store = Arc::new(Store::new(store, Hasher::seeded(9), Ticker::System).unwrap());
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    for number in 0..if cfg!(miri) { 5 } else { 300 } {
                        store.set(&key(number), 0, &key(number), None).unwrap();
                    }
                    store.clear().unwrap();
                    store.sweep(50);
                }
            });
            let _stop = Stop(&stop);
            for _ in 0..if cfg!(miri) { 3 } else { 200 } {
                let to = other(settings(8 << 20, Kind::Lru));
                let loaded = load(&to, &save(&store)).unwrap();
                // They are set in their order: those that are there are the first ones.
                let found = (0..loaded.entries).filter(|it| get(&to, &key(*it)) == Some(key(*it)));
                assert_eq!(found.count() as u64, loaded.entries);
            }
        });
        assert_clean(&store);
    }
}
