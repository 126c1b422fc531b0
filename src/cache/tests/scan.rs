use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

use super::{
    super::{policy::Kind, settings::Settings, text},
    Random, get, settings, store,
};

fn key(number: u32) -> Vec<u8> {
    format!("{}:{number}", number % 3).into_bytes()
}

#[test]
fn every_entry_is_seen_once_in_steps_of_any_size_and_by_its_prefix() {
    let store = store(Settings { shards: 4, ..settings(4 << 20, Kind::S3Fifo) });
    let count = if cfg!(miri) { 100 } else { 5000 };
    for number in 0..count {
        let ttl = if number % 10 == 0 { 50 } else { 0 };
        store.set(&key(number), 0, b"value", Some(ttl)).unwrap();
    }
    store.set_time(50);
    for (prefix, most) in [("", 1), ("", 7), ("", 1_000_000), ("1:", 100), ("1:1", 5), ("x", 9)] {
        let mut seen = HashSet::new();
        let mut cursor = Some(0);
        let mut steps = 0;
        while let Some(from) = cursor {
            let mut found = 0;
            cursor = store.scan(from, most, prefix.as_bytes(), |key| {
                assert!(seen.insert(key.to_vec()), "twice");
                found += 1;
            });
            assert!(found <= most + 50, "{found} for {most}");
            steps += 1;
        }
        assert!(most > 100 || steps > count as usize / (most * 20 + 10), "{steps}");
        let wanted = (0..count).filter(|number| number % 10 != 0).map(key);
        let wanted: HashSet<_> = wanted.filter(|key| key.starts_with(prefix.as_bytes())).collect();
        assert!(seen == wanted, "{prefix} by {most}");
    }
    assert_eq!(store.scan(u64::MAX, 10, b"", |_| panic!("there is no such place")), None);
}

#[test]
fn long_keys_come_a_few_at_a_time() {
    let store = store(settings(16 << 20, Kind::Lru));
    for number in 0..100_u8 {
        store.set(&vec![number; 60_000], 0, b"", None).unwrap();
    }
    let (mut seen, mut cursor) = (0, Some(0));
    while let Some(from) = cursor {
        let before = seen;
        cursor = store.scan(from, 10_000, b"", |_| seen += 1);
        assert!(seen - before < 30, "{}", seen - before);
    }
    assert_eq!(seen, 100);
}

#[test]
fn what_is_there_all_the_time_is_seen_once_while_threads_change_everything_else() {
    let count = if cfg!(miri) { 40 } else { 4000 };
    let rounds = if cfg!(miri) { 2 } else { 40 };
    let store = store(Settings { shards: 2, ..settings(32 << 20, Kind::Lru) });
    for number in 0..count {
        store.set(&key(number), 0, b"value", None).unwrap();
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for seed in 1..3 {
            let (store, done) = (&store, &done);
            scope.spawn(move || {
                let mut random = Random(seed);
                while !done.load(Relaxed) {
                    // Many more come and go, so that the index grows and shrinks.
                    let first = random.below(1 << 30) as u32;
                    let most = if cfg!(miri) { 20 } else { 5000 };
                    for number in first..first + most {
                        store.set(format!("other {number}").as_bytes(), 0, b"", None).unwrap();
                    }
                    store
                        .set(&key(random.below(u64::from(count)) as u32), 0, b"new", None)
                        .unwrap();
                    for number in first..first + most {
                        assert!(store.delete(format!("other {number}").as_bytes()));
                    }
                }
            });
        }
        // Also if this one panics, or the others would go on for ever.
        let _done = Done(&done);
        for round in 0..rounds {
            let mut seen: HashMap<Vec<u8>, u32> = HashMap::new();
            let mut cursor = Some(0);
            while let Some(from) = cursor {
                cursor = store.scan(from, 1 + round * 10, b"", |key| {
                    *seen.entry(key.to_vec()).or_default() += 1;
                });
            }
            assert!((0..count).all(|number| seen.get(&key(number)) == Some(&1)));
        }
    });
}

/// Says that it is done when it goes.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn what_begins_with_a_prefix_is_removed_and_nothing_else() {
    let store = store(Settings { shards: 2, ..settings(8 << 20, Kind::S3Fifo) });
    let count = if cfg!(miri) { 99 } else { 9999 };
    for number in 0..count {
        // Small ones, and some in pieces or of their own blocks.
        let value = vec![1; if number % 100 == 0 { 20_000 } else { 10 }];
        store.set(&key(number), 0, &value, Some(if number % 5 == 0 { 10 } else { 0 })).unwrap();
    }
    store.set_time(10);
    let (mut removed, mut cursor) = (0, Some(0));
    while let Some(from) = cursor {
        let (some, next) = store.remove_prefix(from, 50, b"1:");
        assert!(some < 200);
        (removed, cursor) = (removed + some, next);
    }
    let live = |prefix| (0..count).filter(move |it| it % 3 == prefix && it % 5 != 0).count();
    assert_eq!(removed, live(1));
    assert_eq!(store.len() as u32, count - count / 3);
    for number in 0..count {
        assert_eq!(get(&store, &key(number)).is_some(), number % 3 != 1 && number % 5 != 0);
    }
    let (removed, cursor) = store.remove_prefix(0, usize::MAX, b"");
    assert_eq!((removed, cursor), (live(0) + live(2), None));
    while store.sweep(1000) {}
    assert_eq!((store.len(), store.arena_used()), (0, 0));
}

#[test]
fn text_is_told_from_bytes_that_no_string_has() {
    let mut units = Vec::new();
    let texts: [&[u16]; 6] =
        [&[], &[0x61, 0], &[0xE9, 0xFFFF], &[0xD83D, 0xDE00, 0xD83D], &[0xDC00, 0xD800], &[0xFFFD]];
    for text in texts {
        let mut bytes = Vec::new();
        text::encode(text.iter().copied(), &mut bytes);
        assert!(text::decode(&bytes, &mut units), "{bytes:X?}");
        assert_eq!(units, text);
    }
    let others: [&[u8]; 9] = [
        &[0x80],
        &[0xC0, 0x80],
        &[0xC3],
        &[0xC3, 0x28],
        &[0xE0, 0x80, 0x80],
        &[0xF5, 0x80, 0x80, 0x80],
        &[0xFF, 0xBF, 0xBF, 0xBF],
        // Two halves that belong together, each by itself.
        &[0xED, 0xA0, 0xBD, 0xED, 0xB8, 0x80],
        &[0xF0, 0x9F, 0x98],
    ];
    for bytes in others {
        assert!(!text::decode(bytes, &mut units), "{bytes:X?}");
    }
}
