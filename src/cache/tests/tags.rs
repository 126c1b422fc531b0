use std::{collections::HashMap, iter, sync::Arc, thread};

use super::{
    super::{
        budget::Budget,
        hash::Hasher,
        policy::Kind,
        settings::Settings,
        store::{Refusal, Store},
        tags::Tags,
        ticker::Ticker,
    },
    Random, get, settings, store,
};

fn tags(max_bytes: u64) -> (Tags, Arc<Budget>) {
    // Miri fills all addresses with zeros.
    let max_bytes = if cfg!(miri) { 1 << 20 } else { max_bytes };
    let budget = Arc::new(Budget::new(max_bytes, 1));
    (Tags::new(&budget, Hasher::seeded(1)).unwrap(), budget)
}

/// Lets the thread's work be done by this one.
fn sweep(store: &Store) {
    while store.has_void() {
        store.remove_void();
    }
    while store.sweep(1000) {}
}

#[test]
fn a_tag_is_the_same_as_long_as_somebody_has_it_and_another_one_after_it_was_made_void() {
    let (tags, _) = tags(1 << 20);
    assert!(!tags.invalidate(b"a"));
    let first = tags.hold(&["a", "", "b"]).unwrap();
    assert_eq!(tags.hold(&["b", "a"]).unwrap(), [first[2], first[0]]);
    assert!(!tags.any_void(first.iter().copied()));
    assert!(tags.invalidate(b"a"));
    assert!(!tags.invalidate(b"a"), "nobody has the new one yet");
    assert!(tags.any_void(first.iter().copied()));
    assert!(!tags.any_void(first[1..].iter().copied()));
    let next = tags.hold(&["a"]).unwrap();
    assert!(!first.contains(&next[0]));
    assert!(!tags.any_void(next.iter().copied()));
    assert!(tags.has_void());
    tags.release([first[0], first[0]].into_iter());
    assert!(!tags.has_void(), "nothing is left to be found");
    assert!(tags.invalidate(b""));
    assert_eq!(tags.len(), 3);
}

#[test]
fn a_tag_that_nobody_has_is_forgotten_and_its_memory_given_back() {
    let (tags, budget) = tags(64 << 20);
    let empty = budget.used();
    let count = if cfg!(miri) { 60 } else { 50_000 };
    for round in 0..3 {
        let held: Vec<_> =
            (0..count).map(|it| tags.hold(&[format!("tag {it}"), "all".into()]).unwrap()).collect();
        assert_eq!(tags.len(), count + 1);
        assert!(cfg!(miri) || budget.used() > empty + 50_000 * 40);
        assert_eq!(budget.used(), tags.committed());
        if round == 1 {
            assert!(tags.invalidate(b"all"));
            assert!(tags.invalidate(b"tag 7"));
        }
        for held in held {
            tags.release(held.into_iter());
        }
        assert_eq!((tags.len(), tags.has_void()), (0, false));
        // Lines of overflow stay with the index.
        assert!(budget.used() <= empty + (128 << 10), "{} after {empty}", budget.used());
    }
    drop(tags);
    assert_eq!(budget.used(), 0);
}

#[test]
fn numbers_come_again_only_when_nobody_has_them_in_any_order_of_calls() {
    let (tags, _) = tags(16 << 20);
    let mut random = Random(3);
    let mut held: Vec<(String, u32, bool)> = Vec::new();
    for _ in 0..if cfg!(miri) { 200 } else { 50_000 } {
        let name = format!("tag {}", random.below(60));
        match random.below(10) {
            0..5 => {
                let number = tags.hold(&[&name]).unwrap()[0];
                for (other, its, void) in &held {
                    assert_eq!(*its == number, *other == name && !void);
                }
                held.push((name, number, false));
            }
            5..9 if !held.is_empty() => {
                let (_, number, void) = held.swap_remove(random.below(held.len() as u64) as usize);
                assert_eq!(tags.any_void(iter::once(number)), void);
                tags.release(iter::once(number));
            }
            9 => {
                let mut had = false;
                for (_, _, void) in held.iter_mut().filter(|it| it.0 == name && !it.2) {
                    (*void, had) = (true, true);
                }
                assert_eq!(tags.invalidate(name.as_bytes()), had);
            }
            _ => {}
        }
    }
    tags.release(held.into_iter().map(|it| it.1));
    assert_eq!(tags.len(), 0);
}

#[test]
#[cfg_attr(miri, ignore = "too many tags")]
fn tags_beyond_their_share_of_the_budget_are_refused_and_none_is_held() {
    let (tags, budget) = tags(1 << 20);
    let count =
        (0..10_000).take_while(|it| tags.hold(&[format!("{it}").repeat(20)]).is_some()).count();
    assert!(count > 500, "{count}");
    assert!(budget.used() <= 300 << 10, "{}", budget.used());
    let before = tags.len();
    assert!(tags.hold(&["0".repeat(20), "one more".repeat(50)]).is_none());
    assert_eq!(tags.len(), before);
}

#[test]
#[cfg_attr(miri, ignore = "too many rounds")]
fn threads_that_hold_release_and_invalidate_lose_no_tag_and_free_none_that_is_held() {
    let (tags, budget) = tags(16 << 20);
    let empty = budget.used();
    thread::scope(|scope| {
        for seed in 1..5 {
            let tags = &tags;
            scope.spawn(move || {
                let mut random = Random(seed);
                let own = format!("own {seed}");
                for round in 0..20_000 {
                    let names = [format!("{}", random.below(3)), own.clone()];
                    let held = tags.hold(&names).unwrap();
                    if round % 64 == 0 {
                        assert!(tags.invalidate(own.as_bytes()), "only this thread has it");
                        assert!(tags.any_void(held.iter().copied()));
                    } else {
                        assert!(!tags.any_void(held[1..].iter().copied()));
                    }
                    if random.below(50) == 0 {
                        tags.invalidate(names[0].as_bytes());
                    }
                    tags.release(held.into_iter());
                }
            });
        }
    });
    assert_eq!((tags.len(), tags.has_void()), (0, false));
    assert!(budget.used() <= empty + (32 << 10));
}

#[test]
fn every_way_out_of_the_store_lets_go_of_the_tags() {
    for policy in [Kind::Lru, Kind::S3Fifo] {
        let store = store(Settings { shards: 2, ..settings(4 << 20, policy) });
        let mut random = Random(7);
        let mut model: HashMap<u64, (Vec<u8>, u64, Vec<u64>)> = HashMap::new();
        let mut now = 0;
        let mut hits = 0;
        for _ in 0..if cfg!(miri) { 150 } else { 60_000 } {
            let number = random.below(600);
            let key = number.to_ne_bytes();
            match random.below(20) {
                0..9 => {
                    let length = if random.below(40) == 0 { 30_000 } else { 600 };
                    let value = vec![random.below(256) as u8; random.below(length) as usize];
                    let ttl = [0, 0, 40][random.below(3) as usize];
                    let mut own: Vec<u64> =
                        (0..random.below(4)).map(|_| random.below(12)).collect();
                    own.sort_unstable();
                    own.dedup();
                    let names: Vec<String> = own.iter().map(|it| format!("tag {it}")).collect();
                    store.set_tagged(&key, 3, &value, Some(ttl), &names).unwrap();
                    assert_eq!(get(&store, &key).as_ref(), Some(&value));
                    let end = if ttl == 0 { u64::MAX } else { now + ttl };
                    model.insert(number, (value, end, own));
                }
                9..15 => match get(&store, &key) {
                    Some(found) => {
                        let (value, end, _) = &model[&number];
                        assert!(found == *value && *end > now);
                        hits += 1;
                    }
                    None => drop(model.remove(&number)),
                },
                15 => {
                    let tag = random.below(12);
                    store.invalidate_tag(format!("tag {tag}").as_bytes());
                    model.retain(|_, it| !it.2.contains(&tag));
                }
                16 => {
                    assert!(!store.delete(&key) || model.contains_key(&number));
                    model.remove(&number);
                }
                17 if random.below(30) == 0 => {
                    store.clear().unwrap();
                    model.clear();
                }
                18 if random.below(30) == 0 => {
                    store.remove_prefix(0, 300, &key[..1]);
                    model.retain(|it, _| store.has(&it.to_ne_bytes()));
                }
                _ => {
                    now += random.below(5);
                    store.set_time(now);
                    store.remove_void();
                    store.sweep(20);
                }
            }
            assert!(store.committed() <= 4 << 20);
        }
        assert!(cfg!(miri) || hits > 1000, "{hits}");
        let mut seen = 0;
        assert_eq!(store.scan(0, usize::MAX, b"", |_| seen += 1).into_iter().count(), 0);
        assert!(seen <= model.len(), "what is void is not there");
        for number in 0..12 {
            store.invalidate_tag(format!("tag {number}").as_bytes());
        }
        store.set_time(now + 100);
        sweep(&store);
        assert_eq!(store.scan(0, usize::MAX, b"", |key| assert!(store.has(key))), None);
        store.clear().unwrap();
        sweep(&store);
        assert_eq!((store.len(), store.arena_used(), store.tags_held()), (0, 0, 0));
    }
}

#[test]
fn what_a_tag_has_made_void_is_removed_without_anybody_asking_for_it() {
    let store = store(Settings { shards: 4, ..settings(8 << 20, Kind::S3Fifo) });
    let count = if cfg!(miri) { 60 } else { 6000 };
    for number in 0..count as u32 {
        let names: &[&str] = match number % 3 {
            0 => &["a", "b"],
            1 => &["b"],
            _ => &[],
        };
        store.set_tagged(&number.to_ne_bytes(), 0, b"value", None, names).unwrap();
    }
    assert!(store.invalidate_tag(b"a"));
    assert_eq!(store.len(), count);
    assert!(store.has_void());
    sweep(&store);
    assert_eq!(store.len(), count * 2 / 3);
    assert!((0..count as u32).all(|it| store.has(&it.to_ne_bytes()) == (it % 3 != 0)));
    assert!(store.invalidate_tag(b"b"));
    sweep(&store);
    assert_eq!((store.len(), store.tags_held()), (count / 3, 0));
    assert!(!store.has_void());
    let invalidations = store.stats()[13] as usize;
    assert_eq!(invalidations, count * 2 / 3);
}

#[test]
#[cfg_attr(miri, ignore = "too many entries")]
fn tags_make_room_by_eviction_and_are_refused_only_where_they_never_fit() {
    let store = store(settings(1 << 20, Kind::Lru));
    for number in 0..20_000_u32 {
        let name = format!("a tag of this entry only, {number}");
        store.set_tagged(&number.to_ne_bytes(), 0, b"value", None, &[name]).unwrap();
        assert!(store.committed() <= 1 << 20, "{}", store.committed());
    }
    assert!(store.len() > 1000, "{}", store.len());
    assert!(store.tags_held() <= store.len());
    let many: Vec<String> = (0..300).map(|it| it.to_string()).collect();
    assert_eq!(store.set_tagged(b"key", 0, b"", None, &many), Err(Refusal::TooLarge));
    let long = ["x".repeat(400 << 10)];
    assert_eq!(store.set_tagged(b"key", 0, b"", None, &long), Err(Refusal::NoMemory));
    store.set_tagged(b"key", 0, b"value", None, &many[..255]).unwrap();
    assert_eq!(get(&store, b"key"), Some(b"value".to_vec()));
    assert!(store.invalidate_tag(b"254"));
    assert_eq!(get(&store, b"key"), None);
}

#[test]
fn threads_never_get_what_was_void_before_they_asked() {
    let rounds = if cfg!(miri) { 40 } else { 30_000 };
    let plan = Settings { shards: 2, max: Some(300), ..settings(2 << 20, Kind::S3Fifo) };
    let store = Arc::new(Store::new(plan, Hasher::seeded(9), Ticker::System).unwrap());
    thread::scope(|scope| {
        for seed in 1..4 {
            let store = &store;
            scope.spawn(move || {
                let mut random = Random(seed);
                for _ in 0..rounds {
                    // Keys and a tag of its own, and a tag of all.
                    let key = [seed as u8, random.below(40) as u8];
                    let own = format!("own {seed}");
                    match random.below(20) {
                        0..8 => {
                            store.set_tagged(&key, 0, &key, None, &[own.as_str(), "all"]).unwrap();
                        }
                        8 => {
                            store.invalidate_tag(own.as_bytes());
                            assert!((0..40).all(|it| get(store, &[seed as u8, it]).is_none()));
                        }
                        9 if random.below(20) == 0 => {
                            store.invalidate_tag(b"all");
                        }
                        10 => store.remove_void(),
                        11 => drop(store.sweep(10)),
                        12 => drop(store.delete(&key)),
                        _ => {
                            if let Some(value) = get(store, &key) {
                                assert_eq!(value, key);
                            }
                        }
                    }
                }
            });
        }
    });
    store.clear().unwrap();
    sweep(&store);
    assert_eq!((store.len(), store.arena_used(), store.tags_held()), (0, 0, 0));
}
