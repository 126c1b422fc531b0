use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
    time::Duration,
};

use super::{
    number::{to_ns, to_u64},
    service::{Service, Signal, Wake},
};

#[test]
fn the_last_user_joins_the_thread_and_the_next_one_starts_another() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    static STARTED: AtomicUsize = AtomicUsize::new(0);
    fn run(signal: &Signal) {
        ALIVE.fetch_add(1, SeqCst);
        STARTED.fetch_add(1, SeqCst);
        while signal.wait(None) != Wake::Stop {}
        ALIVE.fetch_sub(1, SeqCst);
    }
    static SERVICE: Service = Service::new("test-join", run);

    for round in 1..=3 {
        let first = SERVICE.acquire().unwrap();
        let second = SERVICE.acquire().unwrap();
        assert_eq!(SERVICE.users(), 2);
        drop(first);
        assert_eq!(SERVICE.users(), 1);
        drop(second);
        assert_eq!(SERVICE.users(), 0);
        assert_eq!(ALIVE.load(SeqCst), 0, "joined, not detached");
        assert_eq!(STARTED.load(SeqCst), round);
    }
}

#[test]
fn users_that_come_and_go_on_many_threads_leave_no_thread_behind() {
    static ALIVE: AtomicUsize = AtomicUsize::new(0);
    fn run(signal: &Signal) {
        ALIVE.fetch_add(1, SeqCst);
        while signal.wait(Some(Duration::from_micros(50))) != Wake::Stop {}
        ALIVE.fetch_sub(1, SeqCst);
    }
    static SERVICE: Service = Service::new("test-churn", run);

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let guard = SERVICE.acquire().unwrap();
                    assert!(SERVICE.users() >= 1);
                    drop(guard);
                }
            });
        }
    });
    assert_eq!(SERVICE.users(), 0);
    assert_eq!(ALIVE.load(SeqCst), 0);
}

#[test]
fn a_wake_that_comes_before_the_wait_is_not_lost() {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    fn run(signal: &Signal) {
        loop {
            match signal.wait(None) {
                Wake::Stop => return,
                Wake::Work => {
                    SEEN.fetch_add(1, SeqCst);
                }
                Wake::Timeout => {}
            }
        }
    }
    static SERVICE: Service = Service::new("test-wake", run);
    SERVICE.wake(); // not running: no effect, no panic
    let guard = SERVICE.acquire().unwrap();
    SERVICE.wake();
    while SEEN.load(SeqCst) == 0 {
        thread::yield_now();
    }
    drop(guard);
    assert_eq!(SEEN.load(SeqCst), 1);
}

#[test]
fn numbers_that_do_not_fit_become_the_nearest_that_does() {
    for (value, whole) in [
        (f64::NAN, 0),
        (f64::NEG_INFINITY, 0),
        (-0.9, 0),
        (0.9, 0),
        (1.9, 1),
        (9_007_199_254_740_992.0, 1 << 53),
        (1e20, u64::MAX),
        (f64::INFINITY, u64::MAX),
    ] {
        assert_eq!(to_u64(value), whole, "{value}");
    }
    assert_eq!(to_ns(Duration::from_millis(3)), 3_000_000);
    assert_eq!(to_ns(Duration::MAX), u64::MAX);
}
