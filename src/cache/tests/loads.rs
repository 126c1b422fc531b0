use std::{
    collections::HashSet,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    thread,
};

use super::{
    super::{
        flights::{Inbox, Outcome},
        policy::Kind,
        settings::Settings,
        store::{
            Refusal, Store,
            loads::{Intent, Joined},
        },
    },
    Random, get, settings, store,
};

const NONE: [&str; 0] = [];

fn inbox() -> Arc<Inbox> {
    Arc::default()
}

/// Begins a load that must be the first one.
fn lead(store: &Store, key: &[u8], who: &Arc<Inbox>) -> u64 {
    match store.join(key, who, &NONE, Intent::Wait) {
        Ok(Joined::Lead(id)) => id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_leads_the_others_follow_and_are_told_when_the_value_is_there() {
    let store = store(settings(1 << 20, Kind::Lru));
    let (a, b, c) = (inbox(), inbox(), inbox());
    let woken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&woken);
    b.listen(Box::new(move || {
        count.fetch_add(1, SeqCst);
    }));
    let id = lead(&store, b"key", &a);
    let other = lead(&store, b"other", &a);
    assert_ne!(id, other);
    for who in [&a, &b, &b, &c] {
        assert_eq!(store.join(b"key", who, &NONE, Intent::Wait), Ok(Joined::Follow(id)));
    }
    assert_eq!(store.join(b"other", &b, &NONE, Intent::Refresh), Ok(Joined::Follow(other)));
    assert_eq!(store.finish(b"key", id, 0, b"value", None, 0), Ok(true));
    assert_eq!(get(&store, b"key"), Some(b"value".to_vec()));
    assert_eq!(store.finish(b"other", other, 0, b"value", None, 0), Ok(true));
    assert_eq!(b.take(), [(id, Outcome::Stored)], "one who only refreshes does not wait");
    assert_eq!(c.take(), [(id, Outcome::Stored)]);
    assert_eq!(a.take(), [], "nor does who leads");
    assert_eq!(woken.load(SeqCst), 1);
    assert_eq!(store.join(b"key", &b, &NONE, Intent::Wait), Ok(Joined::Found));
    assert_eq!(store.finish(b"key", id, 0, b"again", None, 0), Ok(false), "it has ended");
    assert_eq!(store.stats()[14], 2);
}

#[test]
fn a_wake_is_not_lost_and_comes_once_until_what_has_come_is_taken() {
    let store = store(settings(1 << 20, Kind::Lru));
    let (a, b) = (inbox(), inbox());
    let woken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&woken);
    b.listen(Box::new(move || {
        count.fetch_add(1, SeqCst);
    }));
    for round in 1..4 {
        let ids = [b"1", b"2", b"3"].map(|key| {
            let id = lead(&store, key, &a);
            assert_eq!(store.join(key, &b, &NONE, Intent::Wait), Ok(Joined::Follow(id)));
            store.fail(key, id, Arc::from("no"), 0);
            id
        });
        assert_eq!(woken.load(SeqCst), round);
        let told: Vec<_> = b.take().into_iter().map(|it| it.0).collect();
        assert_eq!(told, ids);
    }
    b.close();
    let id = lead(&store, b"1", &a);
    store.join(b"1", &b, &NONE, Intent::Wait).unwrap();
    assert!(store.fail(b"1", id, Arc::from("no"), 0));
    assert_eq!(woken.load(SeqCst), 3);
}

#[test]
fn whatever_changes_a_key_supersedes_its_load() {
    type Change = fn(&Store);
    let changes: [(Change, Option<&[u8]>); 6] = [
        (|store| store.set(b"key", 0, b"newer", None).unwrap(), Some(b"newer")),
        (|store| store.set_tagged(b"key", 0, b"newer", None, &["a"]).unwrap(), Some(b"newer")),
        (|store| assert!(!store.delete(b"key")), None),
        (|store| store.clear().unwrap(), None),
        (|store| assert_eq!(store.remove_prefix(0, 10, b"ke"), (0, None)), None),
        (|store| assert!(store.invalidate_tag(b"tag")), None),
    ];
    for (change, left) in changes {
        let store = store(Settings { shards: 4, ..settings(4 << 20, Kind::Lru) });
        let (a, b) = (inbox(), inbox());
        let Ok(Joined::Lead(id)) = store.join(b"key", &a, &["tag"], Intent::Wait) else { panic!() };
        store.join(b"key", &b, &NONE, Intent::Wait).unwrap();
        let other = lead(&store, b"k", &a);
        change(&store);
        let stored = store.finish(b"key", id, 0, b"loaded", None, 0);
        assert_eq!(stored, Ok(false));
        assert_eq!(get(&store, b"key").as_deref(), left);
        assert_eq!(b.take(), [(id, Outcome::Gone)]);
        // Whoever comes now begins another one, or finds what is there.
        let next = store.join(b"key", &b, &NONE, Intent::Wait).unwrap();
        assert_eq!(next == Joined::Found, left.is_some(), "{next:?}");
        assert!(left.is_some() || matches!(next, Joined::Lead(next) if next != id));
        let _ = store.finish(b"k", other, 0, b"loaded", None, 0);
        store.clear().unwrap();
        while store.sweep(1000) {}
        assert_eq!((store.arena_used(), store.tags_held()), (0, 0));
    }
}

#[test]
fn a_load_that_was_invalidated_is_not_waited_for_and_its_value_hidden() {
    let store = store(settings(1 << 20, Kind::Lru));
    let (a, b) = (inbox(), inbox());
    let Ok(Joined::Lead(first)) = store.join(b"key", &a, &["x"], Intent::Wait) else { panic!() };
    assert!(store.invalidate_tag(b"x"));
    let Ok(Joined::Lead(second)) = store.join(b"key", &b, &["x"], Intent::Wait) else { panic!() };
    assert_eq!(store.finish(b"key", first, 0, b"old", None, 0), Ok(false));
    assert_eq!(store.finish(b"key", second, 0, b"new", None, 0), Ok(true));
    assert_eq!(get(&store, b"key"), Some(b"new".to_vec()));
    assert!(store.invalidate_tag(b"x"));
    assert_eq!(get(&store, b"key"), None);
    while store.has_void() {
        store.remove_void();
    }
    assert_eq!((store.len(), store.tags_held()), (0, 0));
}

#[test]
fn who_ends_lets_go_of_what_he_leads_and_waits_for() {
    let store = store(Settings { shards: 4, ..settings(4 << 20, Kind::Lru) });
    let (a, b, c) = (inbox(), inbox(), inbox());
    let mut led = HashSet::new();
    for number in 0..40_u8 {
        let Ok(Joined::Lead(id)) = store.join(&[number], &a, &["tag"], Intent::Wait) else {
            panic!()
        };
        store.join(&[number], &b, &NONE, Intent::Wait).unwrap();
        led.insert(id);
    }
    let own = lead(&store, b"own", &b);
    store.join(b"own", &a, &NONE, Intent::Wait).unwrap();
    store.join(b"own", &c, &NONE, Intent::Wait).unwrap();
    store.desert(&a);
    store.desert(&a);
    assert_eq!(store.tags_held(), 0);
    let told: HashSet<_> = b
        .take()
        .into_iter()
        .map(|(id, outcome)| {
            assert_eq!(outcome, Outcome::Gone);
            id
        })
        .collect();
    assert_eq!(told, led);
    assert!(led.iter().all(|id| store.finish(&[0], *id, 0, b"late", None, 0) == Ok(false)));
    store.finish(b"own", own, 0, b"value", None, 0).unwrap();
    assert_eq!((a.take(), c.take()), (vec![], vec![(own, Outcome::Stored)]));
    lead(&store, &[0], &b);
}

#[test]
fn a_load_is_abandoned_only_if_no_other_thread_waits_for_it() {
    let store = store(settings(1 << 20, Kind::Lru));
    let (a, b) = (inbox(), inbox());
    let id = lead(&store, b"key", &a);
    store.join(b"key", &b, &NONE, Intent::Wait).unwrap();
    assert!(!store.abandon(b"key", id));
    store.leave(b"key", id, &b);
    assert!(store.abandon(b"key", id));
    assert!(store.abandon(b"key", id));
    assert_eq!(store.finish(b"key", id, 0, b"value", None, 0), Ok(false));
    assert_eq!(b.take(), []);
}

#[test]
fn a_failure_is_told_to_all_who_wait_and_remembered_for_its_time() {
    let store = store(settings(1 << 20, Kind::Lru));
    let (a, b) = (inbox(), inbox());
    let reason: Arc<str> = Arc::from("no");
    let id = lead(&store, b"key", &a);
    store.join(b"key", &b, &NONE, Intent::Wait).unwrap();
    assert!(store.fail(b"key", id, Arc::clone(&reason), 50));
    assert!(!store.fail(b"key", id, Arc::clone(&reason), 50));
    assert_eq!(b.take(), [(id, Outcome::Failed(Arc::clone(&reason)))]);
    let failed = Ok(Joined::Failed(id, Arc::clone(&reason)));
    assert_eq!(store.join(b"key", &b, &NONE, Intent::Wait), failed);
    assert_eq!(store.join(b"key", &b, &NONE, Intent::Refresh), failed);
    store.set_time(50);
    let id = lead(&store, b"key", &b);
    assert!(store.fail(b"key", id, Arc::clone(&reason), 50));
    store.delete(b"key");
    lead(&store, b"key", &a);
    if cfg!(miri) {
        return;
    }
    // Not without limit.
    for number in 0..3000_u32 {
        let key = number.to_ne_bytes();
        let id = lead(&store, &key, &a);
        store.fail(&key, id, Arc::clone(&reason), u64::MAX);
    }
    let left = (0..3000_u32)
        .filter(|it| {
            let joined = store.join(&it.to_ne_bytes(), &a, &NONE, Intent::Refresh);
            matches!(joined, Ok(Joined::Failed(..)))
        })
        .count();
    assert_eq!(left, 1000);
    assert_eq!(store.stats()[15], 3003);
}

#[test]
fn a_value_that_is_refused_is_loaded_by_each_who_waits() {
    let store = store(settings(1 << 20, Kind::Lru));
    let (a, b) = (inbox(), inbox());
    store.set(b"key", 0, b"old", Some(10)).unwrap();
    store.set_time(10);
    let Ok(Joined::Lead(id)) = store.join(b"key", &a, &["x"], Intent::Wait) else { panic!() };
    store.join(b"key", &b, &NONE, Intent::Wait).unwrap();
    let large = vec![0; 800 << 10];
    assert_eq!(store.finish(b"key", id, 0, &large, None, 0), Err(Refusal::TooLarge));
    assert_eq!(b.take(), [(id, Outcome::NotKept)]);
    assert_eq!(store.tags_held(), 0);
    store.set(b"gone", 0, b"old", None).unwrap();
    let Ok(Joined::Lead(id)) = store.join(b"gone", &a, &NONE, Intent::Anew) else { panic!() };
    store.drop_loaded(b"gone", id);
    assert_eq!(get(&store, b"gone"), None);
}

#[test]
fn what_is_kept_serves_for_its_time_and_then_goes() {
    for policy in [Kind::Lru, Kind::S3Fifo] {
        for sliding in [false, true] {
            let store = store(Settings { sliding, ..settings(1 << 20, policy) });
            let stale =
                |limit, counts| store.get_stale(b"key", limit, counts, |_| ()).map(|it| it.1);
            let id = lead(&store, b"key", &inbox());
            assert_eq!(store.finish(b"key", id, 0, b"value", Some(100), 1000), Ok(true));
            store.set_time(99);
            assert_eq!(stale(50, true), Some(false));
            let end = if sliding { 199 } else { 100 };
            store.set_time(end);
            assert_eq!((get(&store, b"key"), store.has(b"key")), (None, false));
            assert_eq!(store.scan(0, 100, b"", |_| panic!("it is over")), None);
            store.set_time(end + 50);
            assert_eq!(
                (stale(49, true), stale(50, true), stale(50, false)),
                (None, Some(true), Some(true))
            );
            store.sweep(1000);
            assert_eq!(store.len(), 1);
            // It may be loaded anew meanwhile, and be gone after all.
            let id = lead(&store, b"key", &inbox());
            store.set_time(end + 999);
            assert_eq!(stale(u64::MAX, true), Some(true));
            store.set_time(end + 1100);
            assert_eq!(stale(u64::MAX, true), None);
            while store.sweep(1000) {}
            assert_eq!((store.len(), store.arena_used()), (0, 0));
            assert_eq!(store.finish(b"key", id, 0, b"value", None, 1000), Ok(true));
            assert_eq!(stale(u64::MAX, true), Some(false), "what lives for ever is never over");
            assert_eq!(store.stats()[16], 3);
        }
    }
}

#[test]
fn of_threads_that_miss_a_key_at_once_exactly_one_loads_it() {
    let (threads, keys) = (4, if cfg!(miri) { 5 } else { 3000 });
    let store = store(Settings { shards: 4, ..settings(16 << 20, Kind::S3Fifo) });
    let loads: Vec<AtomicU64> = (0..keys).map(|_| AtomicU64::new(0)).collect();
    thread::scope(|scope| {
        for seed in 0..threads {
            let (store, loads) = (&store, &loads);
            scope.spawn(move || {
                let who = inbox();
                let (sender, woken) = mpsc::channel();
                who.listen(Box::new(move || sender.send(()).unwrap()));
                let mut random = Random(seed + 1);
                let mut order: Vec<u32> = (0..keys).collect();
                for at in (1..order.len()).rev() {
                    // Nearly the same order for all.
                    order.swap(at, at.saturating_sub(random.below(3) as usize));
                }
                for number in order {
                    let key = number.to_ne_bytes();
                    while get(store, &key).is_none() {
                        match store.join(&key, &who, &["tag"], Intent::Wait).unwrap() {
                            Joined::Lead(id) => {
                                loads[number as usize].fetch_add(1, SeqCst);
                                if random.below(3) == 0 {
                                    thread::yield_now();
                                }
                                assert_eq!(store.finish(&key, id, 0, &key, None, 0), Ok(true));
                            }
                            Joined::Follow(id) => {
                                woken.recv().unwrap();
                                assert_eq!(who.take(), [(id, Outcome::Stored)]);
                            }
                            Joined::Found => {}
                            Joined::Failed(..) => panic!("none fails"),
                        }
                    }
                }
            });
        }
    });
    assert!(loads.iter().all(|loads| loads.load(SeqCst) == 1));
    assert!(store.invalidate_tag(b"tag"));
}

#[test]
fn a_set_during_a_load_is_never_lost_to_it() {
    let rounds = if cfg!(miri) { 20 } else { 30_000 };
    let store = store(settings(4 << 20, Kind::Lru));
    let (who, both) = (inbox(), Barrier::new(2));
    let set = vec![1; 9000];
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                both.wait();
                store.set(b"key", 0, &set, None).unwrap();
                both.wait();
            }
        });
        let mut random = Random(5);
        let mut lost = 0;
        for _ in 0..rounds {
            store.delete(b"key");
            // The load has begun before the set does.
            let id = lead(&store, b"key", &who);
            both.wait();
            for _ in 0..random.below(400) {
                std::hint::spin_loop();
            }
            store.finish(b"key", id, 0, b"loaded", None, 0).unwrap();
            both.wait();
            lost += u32::from(get(&store, b"key").as_ref() != Some(&set));
        }
        assert_eq!(lost, 0);
    });
}
