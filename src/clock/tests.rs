use std::{thread, time::Duration};

use super::core::{Cell, LEASE, now_ns};
use crate::shared::number::to_ns;

fn wait_until(mut condition: impl FnMut() -> bool) {
    let start = now_ns();
    while !condition() {
        assert!(now_ns() - start < 10_000_000_000, "waited 10 s");
        thread::sleep(Duration::from_micros(200));
    }
}

#[test]
fn time_moves_in_an_engaged_cell_without_anybody_calling() {
    let (cell, _guard) = Cell::register().unwrap();
    assert!(cell.read().abs() < f64::EPSILON, "parked at first");
    cell.engage(5000.0);
    assert!(cell.read() >= 5000.0);
    wait_until(|| cell.read() >= 5002.0);
}

#[test]
fn a_cell_that_nobody_engages_again_is_parked_not_left_stale() {
    let (cell, _guard) = Cell::register().unwrap();
    let start = now_ns();
    cell.engage(1.0);
    wait_until(|| cell.read().abs() < f64::EPSILON);
    assert!(now_ns() - start >= to_ns(LEASE));
    cell.engage(9.0);
    wait_until(|| cell.read() >= 10.0);
}

#[test]
fn two_readers_keep_their_own_time_lines() {
    let (first, _guard) = Cell::register().unwrap();
    let (second, _second_guard) = Cell::register().unwrap();
    wait_until(|| {
        // Engaged anew each time: on a busy machine a wait may be longer than a lease.
        first.engage(100.0);
        second.engage(1_000_000.0);
        thread::sleep(Duration::from_millis(5));
        first.read() >= 102.0 && second.read() >= 1_000_002.0
    });
    assert!(first.read() < 1_000.0);
}
