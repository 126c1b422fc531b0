use super::{
    super::super::{
        entry::LONGEST_KEY,
        policy::Kind,
        settings::Settings,
        tests::{Random, get, settings, store},
    },
    super::tap::PARKED_FROM,
    POLICIES, contents_of, load, load_at, other, save,
};
use crate::cache::{
    store::{Found, Store},
    ticker::Ticker,
};

#[test]
fn an_empty_cache_is_a_file_as_well() {
    let saved = save(&store(settings(1 << 20, Kind::S3Fifo)));
    let store = other(settings(1 << 20, Kind::S3Fifo));
    let loaded = load(&store, &saved).unwrap();
    assert_eq!((loaded.entries, loaded.over, loaded.left_out), (0, 0, 0));
    assert_eq!(loaded.bytes, saved.len() as u64);
    assert_eq!(store.len(), 0);
}

#[test]
fn every_key_and_value_comes_back() {
    let large = PARKED_FROM * 20;
    for policy in POLICIES {
        for shards in [1, 4] {
            let plan = Settings { shards, ..settings(32 << 20, policy) };
            let from = store(plan.clone());
            let mut keys = Vec::new();
            let mut set = |key: &[u8], value: &[u8]| {
                from.set(key, keys.len() as u8 % 32, value, None).unwrap();
                keys.push(key.to_vec());
            };
            set(b"empty", b"");
            set(&[0], &[255]);
            let longest = if cfg!(miri) { 2000 } else { LONGEST_KEY };
            set(&vec![7; longest], b"the longest key");
            let value: Vec<u8> = (0..large).map(|it| (it / 7) as u8).collect();
            for length in [1, 15, 255, PARKED_FROM - 1, PARKED_FROM, PARKED_FROM + 1, large] {
                set(format!("{length}").as_bytes(), &value[..length]);
            }
            let file = save(&from);
            let to = other(Settings { shards: 2, ..plan.clone() });
            let loaded = load(&to, &file).unwrap();
            assert_eq!((loaded.entries, loaded.left_out), (keys.len() as u64, 0));
            for (number, key) in keys.iter().enumerate() {
                assert!(get(&to, key) == get(&from, key), "{policy:?} {number}");
                let kind = to.get(key, |found: Found<'_>| found.kind());
                assert_eq!(kind, Some(number as u8 % 32));
            }
            // What was loaded can be saved as well.
            let again = contents_of(&save(&to), plan, &keys);
            assert!(keys.iter().all(|key| again.get(key) == get(&from, key).as_ref()));
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many entries")]
fn a_value_in_pieces_is_saved_as_one() {
    let from = store(settings(4 << 20, Kind::Lru));
    for key in 0..60_000_u32 {
        from.set(&key.to_ne_bytes(), 0, &[3; 30], None).unwrap();
    }
    for key in (0..60_000_u32).step_by(2) {
        from.delete(&key.to_ne_bytes());
    }
    let value: Vec<u8> = (0..700_000_u32).map(|it| it as u8).collect();
    from.set(b"large", 3, &value, None).unwrap();
    from.set(b"small", 3, &value[..200_000], None).unwrap();
    let to = other(settings(4 << 20, Kind::Lru));
    load(&to, &save(&from)).unwrap();
    assert!(get(&to, b"large").unwrap() == value);
    assert!(get(&to, b"small").unwrap() == value[..200_000]);
    assert_eq!(to.len(), from.len());
}

#[test]
fn time_goes_on_while_there_is_no_cache() {
    let from = store(settings(1 << 20, Kind::Lru));
    from.set_time(1000);
    from.set(b"short", 0, b"1", Some(500)).unwrap();
    from.set(b"long", 0, b"2", Some(2000)).unwrap();
    from.set(b"ever", 0, b"3", None).unwrap();
    from.set(b"over", 0, b"4", Some(1)).unwrap();
    from.set_time(1100);
    let file = save(&from);

    let to = other(settings(1 << 20, Kind::Lru));
    let loaded = load_at(&to, &file, 400).unwrap();
    assert_eq!((loaded.entries, loaded.over), (2, 1), "what was over then is not in the file");
    assert_eq!(get(&to, b"short"), None, "its last millisecond has passed");
    to.set_time(5000 + 1499);
    assert!(to.has(b"long"), "1900 ms were left, and 400 have passed");
    to.set_time(5000 + 1500);
    assert!(!to.has(b"long"));
    assert!(to.has(b"ever"));
    to.set_time(5000 + 1600);
    to.sweep(1000);
    assert_eq!(to.len(), 1, "the wheel knows it too");
}

#[test]
fn a_clock_that_was_set_back_prolongs_nothing() {
    let from = store(settings(1 << 20, Kind::Lru));
    from.set(b"key", 0, b"1", Some(500)).unwrap();
    let file = save(&from);
    let to = Store::new(
        settings(1 << 20, Kind::Lru),
        crate::cache::hash::Hasher::seeded(3),
        Ticker::Manual(0.into()),
    )
    .unwrap();
    let cancelled = false.into();
    let plan = super::super::reader::Plan {
        cancelled: &cancelled,
        wall: super::NOON - 1_000_000,
        check: &|_, _, _| Ok(()),
    };
    super::super::reader::load(&to, file.as_slice(), plan).unwrap();
    to.set_time(499);
    assert!(to.has(b"key"));
    to.set_time(500);
    assert!(!to.has(b"key"));
}

#[test]
fn a_deadline_that_slides_goes_on_sliding_to_its_limit() {
    let plan = Settings {
        sliding: true,
        ttl: Some(100),
        max_ttl: Some(250),
        ..settings(1 << 20, Kind::Lru)
    };
    let from = store(plan.clone());
    from.set(b"key", 0, b"1", None).unwrap();
    let file = save(&from);
    let to = other(plan);
    load_at(&to, &file, 90).unwrap();
    for later in [0, 9, 100, 159] {
        to.set_time(5000 + later);
        assert!(get(&to, b"key").is_some(), "{later}");
    }
    to.set_time(5160);
    assert_eq!(get(&to, b"key"), None, "250 ms after it was set");
}

#[test]
fn a_shorter_limit_of_the_new_cache_holds_for_what_is_loaded() {
    let from = store(settings(1 << 20, Kind::Lru));
    from.set(b"long", 0, b"1", Some(100_000)).unwrap();
    from.set(b"ever", 0, b"2", None).unwrap();
    from.set(b"short", 0, b"3", Some(10)).unwrap();
    let to = other(Settings { max_ttl: Some(50), ..settings(1 << 20, Kind::Lru) });
    load(&to, &save(&from)).unwrap();
    to.set_time(5010);
    assert_eq!(get(&to, b"short"), None);
    to.set_time(5049);
    assert!(to.has(b"long") && to.has(b"ever"));
    to.set_time(5050);
    assert!(!to.has(b"long") && !to.has(b"ever"));
}

/// The keys in the order in which a cache gives them up when others come, as far as it does.
fn order_of_eviction(store: &Store, keys: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut left: Vec<_> = keys.iter().filter(|key| store.has(key)).cloned().collect();
    let mut order = Vec::new();
    for number in 0..100_000_u32 {
        if left.is_empty() || number as usize > keys.len() * 8 {
            break;
        }
        let key = format!("new {number}");
        store.set(key.as_bytes(), 0, b"", None).unwrap();
        // Used, or SIEVE would give up nothing but the new ones.
        let _ = (get(store, key.as_bytes()), get(store, key.as_bytes()));
        left.retain(|key| {
            let there = store.has(key);
            if !there {
                order.push(key.clone());
            }
            there
        });
    }
    order
}

#[test]
fn the_restored_cache_evicts_in_the_same_order() {
    let entries = if cfg!(miri) { 40 } else { 400 };
    for policy in POLICIES {
        let plan = Settings { max: Some(entries), ..settings(4 << 20, policy) };
        let from = store(plan.clone());
        let mut random = Random(5);
        let key = |number: u64| format!("key {number}").into_bytes();
        let keys: Vec<_> = (0..entries * 2).map(key).collect();
        for number in 0..entries * 2 {
            from.set(&key(number), 0, b"value", None).unwrap();
            for _ in 0..2 {
                let _ = get(&from, &key(random.below(number + 1)));
            }
            if random.below(5) == 0 {
                from.delete(&key(random.below(number + 1)));
            }
        }
        let file = save(&from);
        let to = other(plan);
        assert_eq!(load(&to, &file).unwrap().entries, from.len() as u64);
        assert_eq!(to.stats()[11], 0, "nothing was evicted on the way");
        let (expected, found) = (order_of_eviction(&from, &keys), order_of_eviction(&to, &keys));
        assert!(expected.len() as u64 > entries / 2, "{policy:?}");
        assert!(expected == found, "{policy:?}: {expected:?} {found:?}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many entries")]
fn a_smaller_cache_keeps_what_is_worth_most() {
    let from = store(Settings { shards: 8, ..settings(32 << 20, Kind::Lru) });
    let key = |number: u32| format!("key {number}").into_bytes();
    for number in 0..10_000 {
        from.set(&key(number), 0, &[7; 1000], None).unwrap();
    }
    for number in 0..1000 {
        assert!(get(&from, &key(number)).is_some());
    }
    from.set(b"too large", 0, &[1; 2 << 20], None).unwrap();
    let to = other(Settings { shards: 4, ..settings(4 << 20, Kind::Lru) });
    let loaded = load(&to, &save(&from)).unwrap();
    assert_eq!(loaded.entries, to.len() as u64);
    assert_eq!(loaded.entries + loaded.left_out, 10_001);
    assert!(to.len() > 3000 && to.committed() <= 4 << 20, "{}", to.len());
    let used = (0..1000).filter(|number| to.has(&key(*number))).count();
    let newest = (9000..10_000).filter(|number| to.has(&key(*number))).count();
    let oldest = (1000..6000).filter(|number| to.has(&key(*number))).count();
    assert!(used > 990 && newest > 990, "{used} {newest}");
    assert!(oldest < 50, "{oldest} of the oldest are there");
}

#[test]
#[cfg_attr(miri, ignore = "too many entries")]
fn shards_do_not_come_one_behind_the_other() {
    // 16 shards to one: what was set at about the same time lies at about the same place.
    let from = store(Settings { shards: 16, ..settings(64 << 20, Kind::Lru) });
    let key = |number: u32| number.to_le_bytes().to_vec();
    for number in 0..100_000 {
        from.set(&key(number), 0, b"12345678", None).unwrap();
    }
    let to = other(Settings { max: Some(100_000), ..settings(64 << 20, Kind::Lru) });
    assert_eq!(load(&to, &save(&from)).unwrap().entries, 100_000);
    for number in 0..50_000_u32 {
        to.set(format!("new {number}").as_bytes(), 0, b"", None).unwrap();
    }
    let wrong = (0..50_000).filter(|number| to.has(&key(*number))).count();
    assert!(wrong < 1500, "{wrong} of the older half are there");
}

#[test]
fn another_policy_takes_the_entries_as_well() {
    for from_policy in POLICIES {
        let from = store(settings(1 << 20, from_policy));
        for number in 0..100_u32 {
            from.set(&number.to_le_bytes(), 0, b"value", None).unwrap();
        }
        for policy in POLICIES {
            let to = other(settings(1 << 20, policy));
            assert_eq!(load(&to, &save(&from)).unwrap().entries, 100);
            assert!((0..100_u32).all(|number| to.has(&number.to_le_bytes())));
        }
    }
}
