use super::core::{LagRecorder, Reading, Turn, TurnMeter, lag_histogram};

const MS: u64 = 1_000_000;

const fn at(now: u64, idle: u64) -> Reading {
    Reading { now: now * MS, idle: idle * MS, gc: 0 }
}

#[test]
fn waiting_in_the_poll_is_not_lag() {
    let mut meter = TurnMeter::default();
    assert_eq!(meter.turn(at(0, 0)), None, "the first reading ends no turn");
    assert_eq!(meter.turn(at(10_000, 9_999)), Some(Turn { busy: MS, gc: 0 }));
}

#[test]
fn a_block_inside_the_poll_phase_is_lag() {
    let mut meter = TurnMeter::default();
    meter.turn(at(0, 0));
    // Waited 800 ms for a socket, whose callback then ran for 200 ms.
    assert_eq!(meter.turn(at(1_000, 800)), Some(Turn { busy: 200 * MS, gc: 0 }));
}

#[test]
fn clocks_that_step_back_never_underflow() {
    let mut meter = TurnMeter::default();
    meter.turn(Reading { now: 100, idle: 50, gc: 7 });
    let turn = meter.turn(Reading { now: 90, idle: 60, gc: 3 });
    assert_eq!(turn, Some(Turn { busy: 0, gc: 0 }));
    assert!(meter.utilization(Reading { now: 0, idle: 0, gc: 0 }).0.abs() < f64::EPSILON);
}

#[test]
fn collection_time_is_never_more_than_the_turn() {
    let mut meter = TurnMeter::default();
    meter.turn(Reading { now: 0, idle: 0, gc: 0 });
    let turn = meter.turn(Reading { now: 10 * MS, idle: 4 * MS, gc: 9 * MS });
    assert_eq!(turn, Some(Turn { busy: 6 * MS, gc: 6 * MS }));
}

#[test]
fn utilization_is_the_share_of_time_not_idle_and_includes_the_turn_in_progress() {
    let mut meter = TurnMeter::default();
    meter.turn(at(1_000, 500));
    meter.turn(at(1_100, 550));
    let (share, elapsed) = meter.utilization(at(1_200, 600));
    assert!((share - 0.5).abs() < 1e-12);
    assert_eq!(elapsed, 200 * MS);
}

#[test]
fn only_turns_at_or_above_the_threshold_are_blocked_and_all_are_counted() {
    let mut recorder = LagRecorder::default();
    let mut histogram = lag_histogram().unwrap();
    let mut seen = Vec::new();
    for now in [0, 99, 199, 300] {
        seen.extend(recorder.turn(at(now, 0), 100 * MS, &mut histogram));
    }
    assert_eq!(seen.iter().map(|turn| turn.busy / MS).collect::<Vec<_>>(), [100, 101]);
    assert_eq!(recorder.blocked(), 2);
    assert_eq!(histogram.summary().count, 3);
    assert!((histogram.summary().max - 101.0).abs() < 1e-9);
    assert!((histogram.summary().sum - 300.0).abs() < 1e-9);
}
