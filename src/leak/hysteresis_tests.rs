use super::{
    Evidence::{Calm, Ended, Held, Rising},
    *,
};

const BOUNDS: Bounds = Bounds { evaluations: 3, window: 60.0, recent: 270.0, pace: 1.0 };

/// Evaluations every ten seconds, with as many seconds of work.
struct Program {
    hysteresis: Hysteresis,
    now: Moment,
}

impl Program {
    fn new() -> Self {
        Self { hysteresis: Hysteresis::default(), now: Moment { at: 0.0, work: 0.0 } }
    }

    fn take(&mut self, count: usize, evidence: Evidence, work: f64) -> State {
        for _ in 0..count {
            self.now.at += 10.0;
            self.now.work += work;
            self.hysteresis.take(self.now, evidence, false, &BOUNDS);
        }
        self.hysteresis.state()
    }

    fn leaking() -> Self {
        let mut run = Self::new();
        assert_eq!(run.take(1, Rising, 10.0), State::Suspect);
        assert_eq!(run.take(2, Rising, 10.0), State::Suspect, "over less than half a window");
        assert_eq!(run.take(1, Rising, 10.0), State::Leak);
        run
    }
}

#[test]
fn one_evaluation_without_a_rise_among_many_with_one_is_chance() {
    let mut run = Program::new();
    run.take(3, Rising, 10.0);
    assert_eq!(run.take(1, Calm, 10.0), State::Suspect);
    assert_eq!(run.take(1, Rising, 10.0), State::Leak);
    let mut run = Program::new();
    run.take(3, Rising, 10.0);
    run.take(2, Calm, 10.0);
    assert_eq!(run.take(3, Rising, 10.0), State::Suspect, "two of them begin anew");
}

#[test]
fn a_suspicion_is_taken_back_after_half_a_window() {
    let mut run = Program::new();
    run.take(1, Rising, 10.0);
    assert_eq!(run.take(3, Calm, 10.0), State::Suspect);
    assert_eq!(run.take(1, Calm, 10.0), State::Steady);
}

#[test]
fn a_leak_that_does_not_rise_for_a_while_is_still_one() {
    let mut run = Program::leaking();
    assert_eq!(run.take(27, Calm, 10.0), State::Leak);
    assert_eq!(run.take(1, Rising, 10.0), State::Leak);
    assert_eq!(run.take(27, Calm, 10.0), State::Leak);
    assert_eq!(run.take(1, Calm, 10.0), State::Steady, "as long as the newest data reach back");
}

#[test]
fn a_leak_whose_end_is_seen_is_taken_back_after_a_window() {
    let mut run = Program::leaking();
    assert_eq!(run.take(6, Ended, 10.0), State::Leak);
    assert_eq!(run.take(1, Calm, 10.0), State::Leak, "all of it has to say so");
    assert_eq!(run.take(6, Ended, 10.0), State::Leak);
    assert_eq!(run.take(1, Ended, 10.0), State::Steady);
}

#[test]
fn while_nothing_is_done_nothing_is_confirmed_and_nothing_taken_back() {
    let mut run = Program::new();
    assert_eq!(run.take(1000, Rising, 0.01), State::Suspect);
    let mut run = Program::leaking();
    assert_eq!(run.take(1000, Ended, 0.01), State::Leak, "a night");
    assert_eq!(run.take(7, Ended, 10.0), State::Steady);
    // A suspicion may go to sleep.
    let mut run = Program::new();
    run.take(1, Rising, 10.0);
    assert_eq!(run.take(4, Calm, 0.01), State::Steady);
    // Where work is not known, time counts.
    let mut run = Program::leaking();
    run.now.work = f64::NAN;
    assert_eq!(run.take(8, Ended, f64::NAN), State::Steady);
}

#[test]
fn what_is_held_is_no_leak_and_the_resident_set_alone_no_more_than_a_suspicion() {
    let mut run = Program::new();
    assert_eq!(run.take(100, Held, 10.0), State::Suspect);
    assert_eq!(run.take(2, Rising, 10.0), State::Suspect, "one lucky reading does not decide");
    run.take(1, Held, 10.0);
    assert_eq!(run.take(2, Rising, 10.0), State::Suspect);
    assert_eq!(run.take(1, Rising, 10.0), State::Leak);
    let mut run = Program::new();
    for at in 0..100 {
        let now = Moment { at: f64::from(at), work: f64::NAN };
        assert_eq!(run.hysteresis.take(now, Calm, true, &BOUNDS), State::Suspect);
    }
    run.now.at = 100.0;
    assert_eq!(run.take(1, Calm, 10.0), State::Steady);
}
