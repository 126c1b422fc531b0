#![expect(clippy::suboptimal_flops, reason = "simulated programs read better as plain formulas")]

use std::iter::successors;

use super::{
    core::{Config, Detector, Dimension, Growth},
    hysteresis::State,
    load::adjust,
    series::{CAPACITY, Point, RECENT, Series, span},
    shape::{Shape, shape},
};

const MB: f64 = 1024.0 * 1024.0;
const CONFIG: Config = Config {
    confidence: 0.99,
    warmup: 10.0,
    window: 60.0,
    min_points: 12,
    floor: MB,
    confirmations: 3,
};

/// Deterministic noise (xorshift64*, sum of uniforms), standard deviation 1.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

/// Feeds one heap point every `step` seconds for `seconds`; returns every state and the detector.
fn run(
    config: Config,
    seconds: f64,
    step: f64,
    mut bytes: impl FnMut(f64) -> f64,
) -> (Vec<State>, Detector) {
    let mut detector = Detector::new(config);
    let mut states = Vec::new();
    for at in successors(Some(0.0), |at| Some(at + step)).take_while(|at| *at <= seconds) {
        detector.push(Dimension::Heap, at + 1000.0, bytes(at), f64::NAN);
        states.push(detector.evaluate(false));
    }
    (states, detector)
}

fn last(states: &[State]) -> State {
    *states.last().unwrap()
}

#[test]
fn a_series_keeps_its_span_and_its_lower_envelope_however_long_it_gets() {
    let mut series = Series::new(640.0);
    for i in 0..100_000u32 {
        let peak = if i % 2 == 0 { 100.0 } else { 0.0 };
        assert!(series.push(f64::from(i), 50.0 + peak, f64::NAN));
    }
    assert!(series.whole().len() <= CAPACITY && series.recent().len() == RECENT);
    assert!(series.span() > 99_000.0 && series.taken() == 100_000);
    for points in [series.whole(), series.recent()] {
        assert!(points.iter().all(|point| point.bytes < 60.0), "peaks are left out");
        let gaps: Vec<f64> = points.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
        let least = gaps.iter().fold(f64::MAX, |a, b| a.min(*b));
        let most = gaps.iter().fold(0.0_f64, |a, b| a.max(*b));
        assert!(least > 0.0 && most < 2.0 * least, "evenly: {least} to {most}");
    }
    assert!(span(series.recent()) > 600.0, "the newest part covers its time");
}

#[test]
fn few_observations_are_all_there_in_the_newest_part() {
    let mut series = Series::new(64.0);
    for i in 0..50 {
        series.push(f64::from(i) * 3.0, f64::from(i), f64::NAN);
    }
    let places = |points: &[Point]| points.iter().map(|point| point.at).collect::<Vec<_>>();
    assert_eq!(places(series.recent()), places(series.whole()));
    assert_eq!(series.recent().len(), 50);
}

#[test]
fn a_counter_of_work_that_begins_anew_or_is_not_known_for_a_while_goes_on() {
    let mut series = Series::new(10.0);
    let counters = [f64::NAN, 100.0, 110.0, f64::NAN, 130.0, 5.0, 7.0, f64::INFINITY, 8.0];
    for (at, work) in counters.into_iter().enumerate() {
        series.push(at as f64, 1.0, work);
    }
    let works: Vec<f64> = series.whole().iter().map(|point| point.work).collect();
    assert!(works[0].is_nan());
    assert_eq!(works[1..], [0.0, 10.0, 10.0, 30.0, 30.0, 32.0, 32.0, 33.0]);
}

#[test]
fn rubbish_points_are_dropped() {
    let mut series = Series::new(10.0);
    let taken = [(5.0, 1.0), (4.0, 1.0), (f64::NAN, 1.0), (6.0, f64::INFINITY), (5.0, 2.0)]
        .map(|(at, bytes)| series.push(at, bytes, f64::NAN));
    assert_eq!(taken, [true, false, false, false, true]);
}

#[test]
fn lines_steps_and_curves_that_flatten_are_told_apart() {
    let mut noise = Noise(7);
    let mut shape_of = |curve: &dyn Fn(f64) -> f64| {
        let x: Vec<f64> = (0..40).map(|i| f64::from(i) / 40.0).collect();
        let y: Vec<f64> = x.iter().map(|&x| 1e9 + 1e7 * curve(x) + 1e5 * noise.normal()).collect();
        shape(&x, &y)
    };
    assert_eq!(shape_of(&|x| x), Shape::Line);
    assert_eq!(shape_of(&|x| if x < 0.4 { 0.0 } else { 1.0 }), Shape::Step);
    assert_eq!(shape_of(&|x| 1.0 - (-x / 0.15).exp()), Shape::Saturating);
    for hinge in [0.2, 0.3, 0.45, 0.6, 0.75] {
        assert_eq!(shape_of(&|x| (x / hinge).min(1.0)), Shape::Saturating, "full at {hinge}");
    }
    assert_eq!(shape_of(&|x| 0.3 * (1.0 - (-x / 0.05).exp()) + x), Shape::Line);
    assert_eq!(shape_of(&|x| (x - 0.5).max(0.0)), Shape::Line, "begins late");
    assert_eq!(shape(&[], &[]), Shape::Line);
}

/// Points a second apart under a load, with bytes by time and load.
fn under_load(
    load: &dyn Fn(f64) -> f64,
    bytes: &mut dyn FnMut(f64, f64) -> f64,
) -> (Vec<f64>, Vec<Point>) {
    let mut work = 0.0;
    let points: Vec<Point> = (0..60)
        .map(f64::from)
        .map(|at| {
            work += load(at);
            Point { at, bytes: bytes(at, load(at)), work, load: load(at) }
        })
        .collect();
    (points.iter().map(|point| point.at).collect(), points)
}

#[test]
fn what_follows_the_load_is_taken_out_and_a_line_is_not() {
    let mut noise = Noise(8);
    let bursts = |at: f64| if at % 10.0 < 3.0 { 50.0 } else { 5.0 };
    let (x, points) =
        under_load(&bursts, &mut |at, load| 1e7 + 1e4 * at + 1e5 * load + 1e3 * noise.normal());
    let adjusted = adjust(&x, &points, 10.0);
    assert!(!adjusted.follows_load, "a leak beside the load is seen");
    let rise = adjusted.bytes[59] - adjusted.bytes[0];
    assert!((rise - 59.0 * 1e4).abs() < 1e4, "{rise}");
    // A ramp of load with what it needs, and the same ramp with a leak that has nothing to do with it.
    let ramp = |at: f64| 5.0 + at / 2.0 + at % 7.0;
    let (x, points) = under_load(&ramp, &mut |_, load| 1e7 + 1e5 * load + 1e3 * noise.normal());
    assert!(adjust(&x, &points, 10.0).follows_load);
    let (x, points) = under_load(&ramp, &mut |at, _| 1e7 + 5e4 * at + 1e3 * noise.normal());
    assert!(!adjust(&x, &points, 10.0).follows_load);
    // Without a load, or with one that says nothing, nothing changes.
    let (x, mut points) = under_load(&|_| 5.0, &mut |at, _| 1e7 + 1e4 * at + 1e3 * noise.normal());
    let bytes: Vec<f64> = points.iter().map(|point| point.bytes).collect();
    assert_eq!(adjust(&x, &points, 10.0).bytes, bytes);
    for point in &mut points {
        (point.work, point.load) = (f64::NAN, f64::NAN);
    }
    assert_eq!(adjust(&x, &points, 10.0).bytes, bytes);
}

/// Half an hour of traffic that rises all morning, with the scatter that traffic has; `held` is what a load holds. Never a leak.
fn morning(seed: u64, mut held: impl FnMut(f64) -> f64) -> Detector {
    let mut noise = Noise(seed);
    let mut detector = Detector::new(CONFIG);
    let mut work = 0.0;
    for at in (0..1800).step_by(5).map(f64::from) {
        let load = 100.0 + at / 5.0 + 30.0 * noise.normal().abs();
        work += 5.0 * load;
        let bytes = 40.0 * MB + 2e4 * held(load) + 1e5 * noise.normal();
        detector.push(Dimension::Heap, at, bytes, work);
        let state = detector.evaluate(false);
        assert_ne!(state, State::Leak, "at {at}: {:?}", detector.assessments()[0]);
    }
    detector
}

#[test]
fn stores_that_follow_the_load_of_a_while_ago_are_no_leak() {
    let mut mean = 100.0;
    // Sessions last a minute.
    morning(12, |load| {
        mean += (load - mean) * 5.0 / 60.0;
        mean
    });
}

#[test]
fn a_service_that_does_less_at_night_and_leaks_less_still_leaks() {
    let mut noise = Noise(13);
    let mut detector = Detector::new(CONFIG);
    let mut work = 0.0;
    let mut states = Vec::new();
    for at in (0..7200).step_by(5).map(f64::from) {
        work += 5.0 * if at < 3600.0 { 100.0 } else { 30.0 };
        detector.push(Dimension::Heap, at, 40.0 * MB + 500.0 * work + 1e5 * noise.normal(), work);
        states.push(detector.evaluate(false));
    }
    let first = states.iter().position(|state| *state == State::Leak).unwrap();
    assert!(states[first..].iter().all(|state| *state == State::Leak), "and not lost at night");
}

#[test]
fn a_leak_that_begins_after_days_is_found_within_a_few_windows() {
    let mut noise = Noise(14);
    let mut detector = Detector::new(CONFIG);
    let begins = 100_000.0;
    let mut found = None;
    for at in (0..102_000).step_by(2).map(f64::from) {
        let leak = (at - begins).max(0.0) * 50_000.0;
        detector.push(Dimension::Heap, at, 40.0 * MB + leak + 2e5 * noise.normal(), f64::NAN);
        if detector.evaluate(false) == State::Leak && found.is_none() {
            found = Some(at);
        }
    }
    let delay = found.expect("it is found") - begins;
    assert!((0.0..8.0 * CONFIG.window).contains(&delay), "after {delay} s");
}

#[test]
fn a_leak_after_an_import_is_not_measured_by_the_work_of_the_import() {
    let mut noise = Noise(15);
    let mut detector = Detector::new(CONFIG);
    let (mut work, mut found) = (0.0, None);
    for at in (0..4000).step_by(4).map(f64::from) {
        work += if at < 600.0 { 20_000.0 } else { 400.0 };
        let leak = (at - 2000.0).max(0.0) * 50_000.0;
        detector.push(Dimension::Heap, at, 40.0 * MB + leak + 2e5 * noise.normal(), work);
        if detector.evaluate(false) == State::Leak && found.is_none() {
            found = Some(at);
        }
    }
    let delay = found.expect("it is found") - 2000.0;
    assert!((0.0..10.0 * CONFIG.window).contains(&delay), "after {delay} s");
}

#[test]
fn a_steady_leak_under_noise_is_found_and_stays_found() {
    let mut noise = Noise(1);
    let leak = |t: f64| 40.0 * MB + t * 50_000.0;
    let (states, detector) = run(CONFIG, 600.0, 4.0, |t| leak(t) + 300_000.0 * noise.normal());
    let first = states.iter().position(|state| *state == State::Leak).unwrap();
    assert!(first * 4 < 300, "found after {} s", first * 4);
    assert!(states[first..].iter().all(|state| *state == State::Leak), "and not lost again");
    let heap = detector.assessments()[0];
    assert_eq!(heap.growth, Growth::Rising);
    let trend = heap.trend.unwrap();
    assert!((trend.slope - 50_000.0).abs() < 5_000.0, "{}", trend.slope);
    assert!(trend.slope_low < trend.slope && trend.slope < trend.slope_high);
}

#[test]
fn a_leak_that_begins_late_is_found_before_it_is_as_long_as_the_past() {
    let mut noise = Noise(2);
    let bytes = |t: f64| 40.0 * MB + (t - 900.0f64).max(0.0) * 50_000.0;
    let (states, _) = run(CONFIG, 1500.0, 5.0, |t| bytes(t) + 200_000.0 * noise.normal());
    assert!(states[..180].iter().all(|state| *state != State::Leak));
    assert_eq!(last(&states), State::Leak);
}

#[test]
fn a_leak_that_is_mended_is_taken_back() {
    let mut noise = Noise(3);
    let bytes = |t: f64| 40.0 * MB + t.min(400.0) * 50_000.0;
    let (states, _) = run(CONFIG, 2400.0, 5.0, |t| bytes(t) + 200_000.0 * noise.normal());
    assert!(states.contains(&State::Leak));
    assert_eq!(last(&states), State::Steady);
}

#[test]
fn the_warm_up_counts_from_the_beginning_and_else_from_the_first_point() {
    let kept = |begin: Option<f64>| {
        let mut detector = Detector::new(CONFIG);
        if let Some(at) = begin {
            detector.begin(at);
            detector.begin(at + 5.0);
        }
        for at in [109.0, 110.0, 118.0, 119.0] {
            detector.push(Dimension::Heap, at, MB, f64::NAN);
        }
        detector.evaluate(false);
        detector.assessments()[0].points
    };
    assert_eq!(kept(Some(100.0)), 3);
    assert_eq!(kept(None), 1);
}

#[test]
fn too_little_data_is_warming_and_never_a_verdict() {
    let (states, _) = run(CONFIG, 60.0, 5.0, |t| t * 1e6);
    assert!(states.iter().all(|state| *state == State::Warming), "{states:?}");
    // Enough time but too few points.
    let (states, _) = run(CONFIG, 600.0, 100.0, |t| t * 1e6);
    assert_eq!(last(&states), State::Warming);
}

#[test]
fn growth_below_the_floor_is_no_leak() {
    let (states, detector) = run(CONFIG, 600.0, 4.0, |t| 40.0 * MB + t * (0.5 * MB / 3600.0));
    assert_eq!(last(&states), State::Steady);
    assert_eq!(detector.assessments()[0].growth, Growth::Flat);
}

#[test]
fn asking_twice_without_new_data_confirms_nothing() {
    let mut detector = Detector::new(CONFIG);
    let mut suspect = false;
    for i in 0..100 {
        let at = f64::from(i) * 4.0;
        detector.push(Dimension::Heap, at, at * 1e5, f64::NAN);
        if detector.evaluate(false) == State::Suspect {
            suspect = true;
            for _ in 0..10 {
                assert_eq!(detector.evaluate(false), State::Suspect);
            }
            break;
        }
    }
    assert!(suspect);
}

#[test]
fn growth_of_the_resident_set_alone_is_a_suspicion_at_most() {
    let mut detector = Detector::new(CONFIG);
    let mut noise = Noise(5);
    for i in 0..200 {
        let at = f64::from(i) * 4.0;
        detector.push(Dimension::ResidentSet, at, 1e8 + at * 1e5, f64::NAN);
        detector.push(Dimension::Heap, at, 4e7 + 1e5 * noise.normal(), f64::NAN);
        assert_ne!(detector.evaluate(false), State::Leak);
    }
    assert_eq!(detector.state(), State::Suspect);
}

#[test]
fn growth_of_array_buffers_with_a_flat_heap_is_a_leak() {
    let mut detector = Detector::new(CONFIG);
    for i in 0..100 {
        let at = f64::from(i) * 4.0;
        detector.push(Dimension::Heap, at, 4e7, f64::NAN);
        detector.push(Dimension::ArrayBuffers, at, at * 65_536.0, f64::NAN);
        detector.evaluate(false);
    }
    assert_eq!(detector.state(), State::Leak);
    assert_eq!(detector.assessments()[0].growth, Growth::Flat);
    assert_eq!(detector.assessments()[2].growth, Growth::Rising);
}

#[test]
fn a_leak_that_rests_at_night_is_one_line_over_the_work_done() {
    // 60 s of work, 240 s of rest: a staircase over time.
    let day = |at: f64| at % 300.0 < 60.0;
    let mut noise = Noise(9);
    let mut detector = Detector::new(CONFIG);
    let (mut work, mut states) = (0.0, Vec::new());
    for at in (0..6000).step_by(5).map(f64::from) {
        work += if day(at) { 1000.0 } else { 10.0 };
        let bytes = 40.0 * MB + 500.0 * work + 2e5 * noise.normal();
        detector.push(Dimension::Heap, at, bytes, work);
        states.push(detector.evaluate(false));
    }
    assert_eq!(last(&states), State::Leak);
    let heap = detector.assessments()[0];
    let per_work = heap.trend.unwrap().slope / heap.work_rate;
    assert!((per_work - 500.0).abs() < 10.0, "{per_work} bytes for each unit of work");
}

#[test]
fn a_heap_that_grows_with_the_load_only_is_no_leak() {
    let detector = morning(10, |load| load);
    assert_eq!(detector.assessments()[0].growth, Growth::Load);
}

#[test]
fn a_cache_that_was_full_when_it_was_suspected_is_no_leak() {
    let mut alarms = 0;
    for seed in 1..=100 {
        let mut noise = Noise(seed * 7919);
        let mut since = None;
        // It fills for as long as a verdict takes, until it is suspected.
        let (mut detector, mut level) = (Detector::new(CONFIG), 40.0 * MB);
        for at in (0..900).step_by(5).map(f64::from) {
            level += if since.is_none() { 5.0 * 50_000.0 } else { 0.0 };
            detector.push(Dimension::Heap, at, level + 3e5 * noise.normal(), f64::NAN);
            match detector.evaluate(false) {
                State::Suspect if since.is_none() => since = Some(at),
                State::Leak => {
                    alarms += 1;
                    break;
                }
                _ => {}
            }
        }
        assert!(since.is_some());
    }
    // 24 where what was seen before the suspicion may confirm it.
    assert!(alarms <= 10, "{alarms} of 100");
}

#[test]
fn a_rise_of_the_heap_is_held_while_no_object_grows_in_number() {
    let mut detector = Detector::new(CONFIG);
    let mut states = Vec::new();
    for at in (0..800).step_by(5).map(f64::from) {
        detector.push(Dimension::Heap, at, 4e7 + 1e5 * at, f64::NAN);
        states.push(detector.evaluate(at < 600.0));
    }
    assert!(states[..120].iter().all(|state| *state != State::Leak));
    assert!(states[..120].contains(&State::Suspect));
    assert_eq!(last(&states), State::Leak);
    // What is outside of the heap has no objects to be looked at.
    detector.reset();
    for at in (0..800).step_by(5).map(f64::from) {
        detector.push(Dimension::External, at, 4e7 + 1e5 * at, f64::NAN);
        detector.evaluate(true);
    }
    assert_eq!(detector.state(), State::Leak);
}

/// Programs that are noisy but do not leak; each returns the heap at second t.
fn harmless(kind: usize, seed: u64) -> Box<dyn FnMut(f64) -> f64> {
    let mut noise = Noise(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut previous = 0.0;
    match kind {
        // White noise.
        0 => Box::new(move |_| 40.0 * MB + MB * noise.normal()),
        // Slow noise: AR(1), coefficient 0.6.
        1 => Box::new(move |_| {
            previous = 0.6 * previous + MB * noise.normal();
            40.0 * MB + previous
        }),
        // Warm-up with a time constant of 15 s.
        2 => {
            Box::new(move |t| 40.0 * MB - 10.0 * MB * (-t / 15.0).exp() + 0.3 * MB * noise.normal())
        }
        // A cache that fills in 40 s and is full then.
        3 => Box::new(move |t| {
            30.0 * MB + 20.0 * MB * (t / 40.0).min(1.0) + 0.3 * MB * noise.normal()
        }),
        // A module that is loaded in the middle.
        4 => Box::new(move |t| {
            40.0 * MB + if t > 300.0 { 8.0 * MB } else { 0.0 } + 0.5 * MB * noise.normal()
        }),
        // Sessions that pile up and are swept every 50 s.
        5 => {
            Box::new(move |t| 40.0 * MB + 6.0 * MB * (t % 50.0) / 50.0 + 0.3 * MB * noise.normal())
        }
        // Load that comes and goes with a period of 3 min.
        _ => Box::new(move |t| 40.0 * MB + 5.0 * MB * (t / 28.6).sin() + 0.5 * MB * noise.normal()),
    }
}

#[test]
fn noisy_programs_that_do_not_leak_are_not_called_leaks() {
    let mut alarms = [0u32; 7];
    for (kind, alarms) in alarms.iter_mut().enumerate() {
        for seed in 1..=100 {
            let (states, _) = run(CONFIG, 900.0, 5.0, harmless(kind, seed));
            *alarms += u32::from(states.contains(&State::Leak));
        }
    }
    assert_eq!(alarms, [0; 7], "of 100 runs of 15 minutes each, per kind of program");
}
