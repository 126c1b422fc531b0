use std::{collections::HashMap, sync::Arc, thread};

use super::{
    super::{
        hash::Hasher,
        policy::Kind,
        settings::Settings,
        store::{Refusal, Store},
        ticker::Ticker,
    },
    Random, get, settings, store,
};

fn key(random: &mut Random) -> Vec<u8> {
    let number = random.below(2000);
    format!("key {number}").repeat(1 + number as usize % 9).into_bytes()
}

fn value(random: &mut Random, key: &[u8]) -> Vec<u8> {
    let length = match random.below(30) {
        0 => random.below(100_000),
        1..4 => random.below(5000),
        _ => random.below(300),
    };
    let byte = random.below(256) as u8;
    let mut value = vec![byte; length as usize];
    value.extend_from_slice(key);
    value
}

/// Random operations against a map. What the cache has must be what was set last; what it has not, it may have evicted.
fn compare(settings: Settings, seed: u64) {
    let max_bytes = settings.max_bytes;
    let max = settings.max;
    let store = store(settings);
    let mut random = Random(seed);
    let mut model: HashMap<Vec<u8>, (Vec<u8>, u64)> = HashMap::new();
    let mut now = 0;
    let mut hits = 0;
    for _ in 0..if cfg!(miri) { 300 } else { 30_000 } {
        let key = key(&mut random);
        match random.below(100) {
            0..45 => {
                let value = value(&mut random, &key);
                let ttl = [0, 0, 0, 50, 1000][random.below(5) as usize];
                match store.set(&key, 3, &value, Some(ttl)) {
                    Ok(()) => {
                        let end = if ttl == 0 { u64::MAX } else { now + ttl };
                        assert_eq!(
                            get(&store, &key).as_ref(),
                            Some(&value),
                            "what was just set is there"
                        );
                        model.insert(key, (value, end));
                    }
                    Err(refusal) => assert_eq!(refusal, Refusal::TooLarge),
                }
            }
            45..85 => {
                if let Some(found) = get(&store, &key) {
                    let (value, end) = model.get(&key).expect("it was set");
                    assert!(&found == value, "it is not what was set last");
                    assert!(*end > now, "its time is over");
                    hits += 1;
                } else {
                    model.remove(&key);
                }
            }
            85..93 => {
                if store.delete(&key) {
                    assert!(model.contains_key(&key));
                }
                model.remove(&key);
                assert!(!store.has(&key));
            }
            93..99 => {
                now += random.below(40);
                store.set_time(now);
                store.sweep(5);
            }
            _ if random.below(20) == 0 => {
                store.clear().unwrap();
                model.clear();
                assert_eq!(store.len(), 0);
            }
            _ => {}
        }
        assert!(store.committed() <= max_bytes, "{} bytes, {:?}", store.committed(), store.stats());
        assert!(max.is_none_or(|max| store.len() as u64 <= max));
    }
    assert!(cfg!(miri) || hits > 20, "{hits} hits");
    store.clear().unwrap();
    while store.sweep(1000) {}
    assert_eq!(store.arena_used(), 0, "every block came back");
}

#[test]
fn what_is_found_is_what_was_set_last_with_every_policy() {
    for (seed, policy) in [(1, Kind::Lru), (2, Kind::Sieve), (3, Kind::S3Fifo)] {
        compare(settings(1 << 20, policy), seed);
        compare(settings(2 << 20, policy), seed + 10);
        compare(Settings { max: Some(50), ..settings(1 << 20, policy) }, seed + 20);
        compare(Settings { shards: 4, ..settings(4 << 20, policy) }, seed + 30);
        compare(
            Settings { shards: 4, max: Some(9), sliding: true, ..settings(1 << 20, policy) },
            seed + 40,
        );
    }
}

#[test]
fn a_value_over_the_budget_is_refused_and_the_old_one_stays() {
    let store = store(settings(1 << 20, Kind::Lru));
    store.set(b"key", 1, b"old", None).unwrap();
    store.set(b"other", 1, b"kept", None).unwrap();
    assert_eq!(store.set(b"key", 1, &vec![1; 800 << 10], None), Err(Refusal::TooLarge));
    assert_eq!(store.set(&[0; 65_536], 1, b"", None), Err(Refusal::TooLarge));
    assert_eq!(get(&store, b"key"), Some(b"old".to_vec()));
    assert_eq!(get(&store, b"other"), Some(b"kept".to_vec()));
}

#[test]
#[cfg_attr(miri, ignore = "too many entries")]
fn a_large_value_finds_room_among_small_ones_without_all_of_them_going() {
    let store = store(Settings { shards: 4, ..settings(4 << 20, Kind::Lru) });
    for key in 0..100_000_u32 {
        store.set(&key.to_ne_bytes(), 0, &key.to_ne_bytes(), None).unwrap();
    }
    let before = store.len();
    let large: Vec<u8> = (0..400_000_u32).map(|it| it as u8).collect();
    store.set(b"large", 0, &large, None).unwrap();
    assert!(get(&store, b"large").as_ref() == Some(&large));
    assert!(store.len() > before * 3 / 4, "{} of {before} are left", store.len());
    store.set(b"another", 0, &large, None).unwrap();
    assert!(get(&store, b"another") == Some(large));
    assert!(store.committed() <= 4 << 20);
}

#[test]
#[cfg_attr(miri, ignore = "too many entries")]
fn the_longest_key_finds_room_in_a_cache_that_is_full_of_holes() {
    for policy in [Kind::Lru, Kind::Sieve, Kind::S3Fifo] {
        let store = store(settings(2 << 20, policy));
        for key in 0..60_000_u32 {
            store.set(&key.to_ne_bytes(), 0, &[3; 30], None).unwrap();
        }
        for key in (0..60_000_u32).step_by(2) {
            store.delete(&key.to_ne_bytes());
        }
        for length in [0, 1, 100_000] {
            let key = vec![length as u8; 65_535];
            let value = vec![7; length];
            store.set(&key, 0, &value, None).unwrap();
            assert!(get(&store, &key) == Some(value), "{policy:?} {length}");
        }
    }
}

#[test]
fn threads_never_see_a_torn_or_foreign_value() {
    let threads = 4;
    let rounds = if cfg!(miri) { 60 } else { 40_000 };
    for policy in [Kind::Lru, Kind::Sieve, Kind::S3Fifo] {
        let plan = Settings { shards: 2, max: Some(60), ttl: Some(3), ..settings(1 << 20, policy) };
        let store = Arc::new(Store::new(plan, Hasher::seeded(9), Ticker::System).unwrap());
        thread::scope(|scope| {
            for seed in 0..threads {
                let store = Arc::clone(&store);
                scope.spawn(move || {
                    let mut random = Random(seed + 1);
                    for round in 0..rounds {
                        let number = random.below(100) as u32;
                        let key = number.to_ne_bytes();
                        match random.below(10) {
                            0..4 => {
                                let length =
                                    random.below(if round % 50 == 0 { 20_000 } else { 400 })
                                        as usize;
                                let mut value = key.to_vec();
                                value.extend(std::iter::repeat_n(random.below(256) as u8, length));
                                store.set(&key, 0, &value, None).unwrap();
                            }
                            4..9 => {
                                if let Some(value) = get(&store, &key) {
                                    assert_eq!(value[..4], key);
                                    assert!(
                                        value[4..].windows(2).all(|pair| pair[0] == pair[1]),
                                        "torn"
                                    );
                                }
                            }
                            _ if random.below(300) == 0 => store.clear().unwrap(),
                            _ => {
                                store.delete(&key);
                                store.sweep(10);
                            }
                        }
                        assert!(store.len() <= 60);
                    }
                });
            }
        });
        store.clear().unwrap();
        while store.sweep(100) {}
        assert_eq!((store.len(), store.arena_used()), (0, 0));
    }
}

#[test]
#[cfg_attr(miri, ignore = "too many entries")]
fn what_the_index_borrows_when_all_memory_is_in_use_costs_few_entries() {
    for (policy, shards) in [(Kind::Lru, 1), (Kind::Lru, 8), (Kind::S3Fifo, 8)] {
        let store = store(Settings { shards, ..settings(32 << 20, policy) });
        let value = [7; 120];
        let mut most = 0;
        for round in 0..600_000_u32 {
            let length = 20 + round as usize % 100;
            store.set(&round.to_ne_bytes(), 0, &value[..length], None).unwrap();
            assert!(store.committed() <= 32 << 20);
            assert!(most < 250_000 || store.len() > most * 9 / 10, "{} of {most}", store.len());
            most = most.max(store.len());
        }
        // Then large ones, and small ones again: the index shrinks and grows while the arena has all there is.
        for round in 0..50_000_u32 {
            store.set(&round.to_ne_bytes(), 0, &[1; 5000], None).unwrap();
            assert!(store.committed() <= 32 << 20);
        }
        assert!(store.len() > 5000, "{}", store.len());
        for round in 0..600_000_u32 {
            store.set(&round.to_ne_bytes(), 0, b"12345678", None).unwrap();
            assert!(store.committed() <= 32 << 20, "{}", store.committed());
        }
        assert!(store.len() > 400_000, "{}", store.len());
    }
}
