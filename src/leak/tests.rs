#![expect(clippy::suboptimal_flops, reason = "simulated programs read better as plain formulas")]

use std::iter::successors;

use super::{
    core::{Config, Detector, Dimension, Growth, State},
    series::{CAPACITY, Point, Series},
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
        detector.push(Dimension::Heap, Point { at: at + 1000.0, bytes: bytes(at) });
        states.push(detector.evaluate());
    }
    (states, detector)
}

fn last(states: &[State]) -> State {
    *states.last().unwrap()
}

#[test]
fn a_series_keeps_its_span_and_its_lower_envelope_however_long_it_gets() {
    let mut series = Series::default();
    for i in 0..100_000u32 {
        let peak = if i % 2 == 0 { 100.0 } else { 0.0 };
        series.push(Point { at: f64::from(i), bytes: 50.0 + peak });
    }
    assert!(series.points().len() <= CAPACITY);
    assert!(series.span() > 99_000.0);
    let peaks = series.points().iter().filter(|point| point.bytes > 60.0).count();
    assert!(peaks <= CAPACITY / 2, "old points are minima, {peaks} peaks left");
    assert!(series.points().windows(2).all(|pair| pair[0].at < pair[1].at));
}

#[test]
fn rubbish_points_are_dropped() {
    let mut series = Series::default();
    for (at, bytes) in [(5.0, 1.0), (4.0, 1.0), (f64::NAN, 1.0), (6.0, f64::INFINITY), (5.0, 2.0)] {
        series.push(Point { at, bytes });
    }
    assert_eq!(series.points().len(), 2);
}

#[test]
fn lines_steps_and_curves_that_flatten_are_told_apart() {
    let mut noise = Noise(7);
    let mut points = |curve: &dyn Fn(f64) -> f64| -> Vec<Point> {
        (0..40)
            .map(|i| f64::from(i) / 40.0)
            .map(|x| Point { at: 100.0 * x, bytes: 1e9 + 1e7 * curve(x) + 1e5 * noise.normal() })
            .collect()
    };
    assert_eq!(shape(&points(&|x| x)), Shape::Line);
    assert_eq!(shape(&points(&|x| if x < 0.4 { 0.0 } else { 1.0 })), Shape::Step);
    assert_eq!(shape(&points(&|x| 1.0 - (-x / 0.15).exp())), Shape::Saturating);
    assert_eq!(shape(&points(&|x| (x / 0.3).min(1.0))), Shape::Saturating);
    assert_eq!(shape(&points(&|x| 0.3 * (1.0 - (-x / 0.05).exp()) + x)), Shape::Line);
    assert_eq!(shape(&[]), Shape::Line);
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
            detector.push(Dimension::Heap, Point { at, bytes: MB });
        }
        detector.evaluate();
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
        detector.push(Dimension::Heap, Point { at, bytes: at * 1e5 });
        if detector.evaluate() == State::Suspect {
            suspect = true;
            for _ in 0..10 {
                assert_eq!(detector.evaluate(), State::Suspect);
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
        detector.push(Dimension::ResidentSet, Point { at, bytes: 1e8 + at * 1e5 });
        detector.push(Dimension::Heap, Point { at, bytes: 4e7 + 1e5 * noise.normal() });
        assert_ne!(detector.evaluate(), State::Leak);
    }
    assert_eq!(detector.state(), State::Suspect);
}

#[test]
fn growth_of_array_buffers_with_a_flat_heap_is_a_leak() {
    let mut detector = Detector::new(CONFIG);
    for i in 0..100 {
        let at = f64::from(i) * 4.0;
        detector.push(Dimension::Heap, Point { at, bytes: 4e7 });
        detector.push(Dimension::ArrayBuffers, Point { at, bytes: at * 65_536.0 });
        detector.evaluate();
    }
    assert_eq!(detector.state(), State::Leak);
    assert_eq!(detector.assessments()[0].growth, Growth::Flat);
    assert_eq!(detector.assessments()[2].growth, Growth::Rising);
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
