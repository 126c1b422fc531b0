use std::sync::Arc;

use super::{
    blocks::{Block, Blocks, KEPT, Stack},
    core::{Look, Reading, TimeSpent, Turn, TurnMeter, look},
    freeze::{FREEZE, Freezes},
    pulse::Pulse,
    report::line,
};
use crate::v8::stack::Frame;

const MS: u64 = 1_000_000;

const fn at(now: u64, idle: u64) -> Reading {
    Reading { now: now * MS, idle: idle * MS, gc: 0 }
}

/// The turn between two readings.
fn turn(from: Reading, to: Reading) -> Turn {
    TurnMeter::starting(from).turn(to).unwrap().1
}

#[test]
fn waiting_in_the_poll_is_not_lag() {
    assert_eq!(turn(at(0, 0), at(10_000, 9_999)), Turn { busy: MS, gc: 0 });
    assert_eq!(TurnMeter::default().turn(at(0, 0)), None, "what was not started measures nothing");
}

#[test]
fn a_block_inside_the_poll_phase_is_lag() {
    // Waited 800 ms for a socket, whose callback then ran for 200 ms.
    assert_eq!(turn(at(0, 0), at(1_000, 800)), Turn { busy: 200 * MS, gc: 0 });
}

#[test]
fn clocks_that_step_back_never_underflow() {
    let from = Reading { now: 100, idle: 50, gc: 7 };
    let to = Reading { now: 90, idle: 60, gc: 3 };
    assert_eq!(turn(from, to), Turn { busy: 0, gc: 0 });
    let past = Reading { now: 0, idle: 0, gc: 0 };
    assert_eq!(TurnMeter::starting(from).spent(Some(past)), TimeSpent::default());
}

#[test]
fn collection_time_is_never_more_than_the_turn() {
    let to = Reading { now: 10 * MS, idle: 4 * MS, gc: 9 * MS };
    assert_eq!(turn(Reading::default(), to), Turn { busy: 6 * MS, gc: 6 * MS });
}

#[test]
fn time_spent_is_that_of_all_turns_the_one_in_progress_included() {
    let mut meter = TurnMeter::starting(at(1_000, 500));
    meter.turn(at(1_100, 550));
    let spent = meter.spent(Some(at(1_200, 600)));
    assert_eq!(spent, TimeSpent { elapsed: 200 * MS, active: 100 * MS, gc: 0 });
    assert_eq!(meter.turns(), 1);
    assert_eq!(meter.spent(None), TimeSpent { elapsed: 100 * MS, active: 50 * MS, gc: 0 });
}

#[test]
fn a_clock_of_the_loop_that_runs_on_in_suspend_does_not_eat_the_busy_time_of_other_turns() {
    let mut meter = TurnMeter::starting(at(0, 0));
    meter.turn(at(100, 0));
    // An hour of suspend that only the loop's idle time has seen.
    meter.turn(at(200, 3_600_000));
    let spent = meter.spent(Some(at(300, 3_600_000)));
    assert_eq!(spent, TimeSpent { elapsed: 300 * MS, active: 200 * MS, gc: 0 });
}

#[test]
fn a_turn_in_progress_is_blocked_at_the_threshold_and_cannot_be_before_the_rest_is_over() {
    let begin = at(1_000, 300);
    assert_eq!(look(turn(begin, at(1_060, 320)), 100 * MS), Look::Free(60 * MS));
    let blocked = Turn { busy: 100 * MS, gc: 0 };
    assert_eq!(look(turn(begin, at(1_120, 320)), 100 * MS), Look::Blocked(blocked));
    assert_eq!(look(turn(begin, at(1_120, 320)).less(50 * MS), 100 * MS), Look::Free(50 * MS));
}

#[test]
fn a_pulse_is_read_whole_or_not_at_all() {
    let pulse = Arc::new(Pulse::default());
    assert_eq!(pulse.last(), None);
    let writer = {
        let pulse = Arc::clone(&pulse);
        std::thread::spawn(move || {
            for now in 1..=20_000 {
                pulse.beat(Reading { now, idle: now * 2, gc: now * 3 });
            }
        })
    };
    let mut seen = 0;
    while seen < 20_000 {
        if let Some((turn, Reading { now, idle, gc })) = pulse.last() {
            assert_eq!((idle, gc, turn), (now * 2, now * 3, now * 2));
            assert!(now >= seen, "never older than before");
            seen = now;
        }
    }
    writer.join().unwrap();
    assert!(pulse.is(40_000));
}

#[test]
fn a_sleep_that_ended_much_too_late_means_that_nothing_ran() {
    let mut freezes = Freezes::new();
    freezes.sleeps(1_000 * MS, Some(1_100 * MS));
    freezes.woke(1_101 * MS);
    assert_eq!(freezes.between(0, 1_200 * MS), 0, "in time");
    freezes.sleeps(2_000 * MS, Some(2_100 * MS));
    assert_eq!(freezes.between(2_050 * MS, 2_100 * MS + FREEZE - 1), 0, "not late enough");
    assert_eq!(freezes.between(2_050 * MS, 7_000 * MS), 4_950 * MS, "whoever is woken first");
    freezes.woke(7_000 * MS);
    assert_eq!(freezes.between(2_050 * MS, 7_500 * MS), 4_950 * MS);
    assert_eq!(freezes.between(7_000 * MS, 7_500 * MS), 0);
    freezes.sleeps(8_000 * MS, None);
    freezes.woke(99_000 * MS);
    assert_eq!(freezes.between(7_000 * MS, 99_000 * MS), 0, "a sleep without an end is none");
}

fn block(thread: u32, stack: Stack) -> Block {
    Block { id: 0, thread, start: 0, busy: 150 * MS, gc: 20 * MS, ended: false, stack }
}

fn frame(function: &str) -> Frame {
    Frame { function: function.into(), script: "/app/a.js".into(), line: 3, column: 7 }
}

#[test]
fn blocks_are_bounded_and_keep_the_newest() {
    let mut blocks = Blocks::new();
    let ids: Vec<u64> = (0..300).map(|_| blocks.add(block(0, Stack::Awaited))).collect();
    assert_eq!(blocks.iter().count(), KEPT);
    assert!(blocks.find(ids[0]).is_none());
    assert_eq!(blocks.find(ids[299]).unwrap().id, ids[299]);
}

#[test]
fn a_stack_is_taken_while_the_block_lasts_and_says_when_a_native_call_kept_it_waiting() {
    let mut blocks = Blocks::new();
    let frames: Arc<[Frame]> = vec![frame("spin")].into();
    let in_time = blocks.add(block(0, Stack::Awaited));
    let late = blocks.add(block(0, Stack::InNative));
    let over = blocks.add(Block { ended: true, ..block(0, Stack::Awaited) });
    for id in [in_time, late, over, 99] {
        blocks.captured(id, frames.to_vec());
    }
    assert_eq!(blocks.find(in_time).unwrap().stack, Stack::Captured(Arc::clone(&frames)));
    assert_eq!(blocks.find(late).unwrap().stack, Stack::AfterNative(frames));
    assert_eq!(blocks.find(over).unwrap().stack, Stack::Awaited);
}

#[test]
fn a_report_is_one_line_whatever_the_names_are() {
    let named = |stack| line(&block(7, stack));
    assert_eq!(
        named(Stack::Captured(vec![frame("spin"), frame("")].into())),
        "heapwise: the event loop of thread 7 has been blocked for 150 ms so far, 20 ms of it in garbage collection; \
         at spin (/app/a.js:3:7) < <anonymous> (/app/a.js:3:7)\n"
    );
    assert!(named(Stack::InNative).ends_with("; inside a native call\n"));
    assert!(named(Stack::Missing("none")).ends_with("; no stack: none\n"));
    let long = named(Stack::Captured(vec![frame(&"\u{e9}\n".repeat(5_000))].into()));
    assert_eq!(long.matches('\n').count(), 1);
    assert!(long.len() <= 4_001 && long.ends_with('\n'));
}
