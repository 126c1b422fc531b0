use super::{super::policy::Kind, Random, get, settings, store};
use crate::cache::{hash::Hasher, store::Store, ticker::Ticker};

fn at(store: &Store, now: u64) {
    store.set_time(now);
}

#[test]
fn entries_leave_when_their_time_is_over_and_not_before_over_hours_and_years() {
    let store = store(settings(4 << 20, Kind::Lru));
    let mut random = Random(11);
    let mut deadlines: Vec<(u64, u64)> = Vec::new();
    let mut now = 0;
    for round in 0..if cfg!(miri) { 60 } else { 3000 } {
        let ttl =
            1 + random.below([100, 10_000, 1_000_000, 100_000_000, 200_000_000_000][round % 5]);
        store.set(&(round as u64).to_ne_bytes(), 0, b"value", Some(ttl)).unwrap();
        deadlines.push((round as u64, now + ttl));
        now += random.below([10, 100, 5000, 300_000][round % 4]);
        at(&store, now);
        while store.sweep(7) {}
        for (key, deadline) in &deadlines {
            let lives = store.has(&key.to_ne_bytes());
            assert_eq!(lives, *deadline > now, "{key} at {now}, deadline {deadline}");
        }
        deadlines.retain(|(_, deadline)| *deadline > now);
        let late = store.len() - deadlines.len();
        // A slot of the lowest level is 64 ms long, and only what is in the current one may be late.
        assert!(late <= 1 + round / 10, "{late} of {} linger", store.len());
    }
    at(&store, 1 << 40);
    while store.sweep(100) {}
    assert_eq!(store.len(), 0);
}

#[test]
fn a_sliding_deadline_moves_with_each_use_up_to_its_limit() {
    let mut settings = settings(1 << 20, Kind::S3Fifo);
    settings.sliding = true;
    settings.ttl = Some(1000);
    settings.max_ttl = Some(5000);
    let store = Store::new(settings, Hasher::seeded(1), Ticker::Manual(0.into())).unwrap();
    store.set(b"used", 0, b"1", None).unwrap();
    store.set(b"unused", 0, b"2", None).unwrap();
    for now in (0..4900).step_by(700) {
        at(&store, now);
        while store.sweep(3) {}
        assert!(get(&store, b"used").is_some(), "at {now}");
        assert_eq!(store.has(b"unused"), now < 1000);
    }
    at(&store, 5000);
    assert!(get(&store, b"used").is_none());
    assert_eq!(store.len(), 0);
}

#[test]
fn a_time_to_live_is_bounded_and_shortened_by_chance() {
    let mut settings = settings(1 << 20, Kind::Lru);
    settings.max_ttl = Some(1000);
    settings.jitter = 0.5;
    let store = Store::new(settings, Hasher::seeded(1), Ticker::Manual(0.into())).unwrap();
    for key in 0..200_u32 {
        store.set(&key.to_ne_bytes(), 0, b"", Some(if key < 100 { 0 } else { 1_000_000 })).unwrap();
    }
    at(&store, 499);
    while store.sweep(50) {}
    assert_eq!(store.len(), 200);
    at(&store, 750);
    while store.sweep(50) {}
    assert!((50..150).contains(&store.len()), "{}", store.len());
    at(&store, 1100);
    while store.sweep(50) {}
    assert_eq!(store.len(), 0);
}
