use super::core::{Bounds, Histogram, HistogramError};

const MS: Bounds = Bounds { lowest: 1e-6, highest: 3_600_000.0, figures: 3 };

fn filled(values: &[f64]) -> Histogram {
    let mut histogram = Histogram::new(MS).unwrap();
    for value in values {
        histogram.record(*value);
    }
    histogram
}

fn close(a: f64, b: f64, relative: f64) -> bool {
    (a - b).abs() <= b.abs() * relative
}

#[test]
fn bounds_that_no_histogram_can_have_are_refused() {
    for (lowest, highest) in [
        (0.0, 1.0),
        (-1.0, 1.0),
        (f64::NAN, 1.0),
        (1.0, f64::NAN),
        (1.0, 1.9),
        (1.0, f64::INFINITY),
        (f64::INFINITY, f64::INFINITY),
        (1e-300, 1e300),
    ] {
        let made = Histogram::new(Bounds { lowest, highest, figures: 3 });
        assert_eq!(made.err(), Some(HistogramError::Range), "{lowest} {highest}");
    }
    for figures in [0, 6, 255] {
        let made = Histogram::new(Bounds { lowest: 1.0, highest: 100.0, figures });
        assert_eq!(made.err(), Some(HistogramError::Figures));
    }
}

#[test]
fn an_empty_histogram_answers_zero_not_nan() {
    let summary = filled(&[]).summary();
    assert_eq!(summary.count, 0);
    for value in [summary.min, summary.max, summary.mean, summary.stddev, summary.p50, summary.p999]
    {
        assert!(value.abs() < f64::EPSILON);
    }
}

#[test]
fn percentiles_of_a_known_series_are_right_to_three_figures_and_extremes_exactly() {
    let values: Vec<f64> = (1..=10_000).map(|i| f64::from(i) / 100.0).collect();
    let summary = filled(&values).summary();
    assert_eq!(summary.count, 10_000);
    assert!(close(summary.p50, 50.0, 2e-3), "{}", summary.p50);
    assert!(close(summary.p90, 90.0, 2e-3), "{}", summary.p90);
    assert!(close(summary.p99, 99.0, 2e-3), "{}", summary.p99);
    assert!(close(summary.p999, 99.9, 2e-3), "{}", summary.p999);
    assert!(close(summary.max, 100.0, f64::EPSILON));
    assert!(close(summary.min, 0.01, f64::EPSILON));
    assert!(close(summary.sum, 500_050.0, 1e-9));
    assert!(close(summary.stddev, 28.867, 2e-3), "{}", summary.stddev);
}

#[test]
fn values_out_of_range_are_counted_not_lost() {
    let mut histogram = Histogram::new(Bounds { lowest: 1.0, highest: 100.0, figures: 2 }).unwrap();
    for value in [-5.0, f64::NAN, 1e12, f64::INFINITY] {
        histogram.record(value);
    }
    let summary = histogram.summary();
    assert_eq!(summary.count, 4);
    assert!(summary.min.abs() < f64::EPSILON);
    assert!(summary.max.is_infinite());
}

#[test]
fn merging_equals_recording_everything_in_one_place() {
    let (left, right) = ([0.5, 3.0, 200.0], [0.1, 9_999.0]);
    let mut merged = filled(&left);
    merged.merge(&filled(&right)).unwrap();
    let both = filled(&[0.5, 3.0, 200.0, 0.1, 9_999.0]);
    assert_eq!(merged.summary(), both.summary());
    assert_eq!(merged.encode(), both.encode());

    let other = Histogram::new(Bounds { figures: 2, ..MS }).unwrap();
    assert_eq!(merged.merge(&other), Err(HistogramError::Mismatch));
    assert_eq!(merged.summary(), both.summary(), "a refused merge changes nothing");
}

#[test]
fn an_encoded_histogram_comes_back_whole_and_a_damaged_one_is_refused() {
    let histogram = filled(&[0.001, 1.0, 2.0, 2.0, 150.25, 60_000.0]);
    let bytes = histogram.encode();
    let back = Histogram::decode(&bytes).unwrap();
    assert_eq!(back.summary(), histogram.summary());
    assert_eq!(back.encode(), bytes);
    assert_eq!(Histogram::decode(&filled(&[]).encode()).unwrap().summary().count, 0);

    for length in 0..bytes.len() {
        assert!(Histogram::decode(&bytes[..length]).is_err(), "cut at {length}");
    }
    for at in 0..56 {
        let mut wrong = bytes.clone();
        wrong[at] ^= 0xff;
        // A flipped byte of the sum cannot be noticed; whatever is accepted must still answer sanely.
        if let Ok(histogram) = Histogram::decode(&wrong) {
            assert_eq!(histogram.summary().count, 6);
        }
    }
    assert!(
        Histogram::decode(
            b"not a histogram at all, but long enough to hold a whole header of 52 bytes"
        )
        .is_err()
    );
}

#[test]
fn cumulative_counts_agree_with_counting_by_hand() {
    let values = [0.001, 0.004, 0.01, 0.02, 0.3, 1.5, 12.0, 99.0];
    let counts = filled(&values).counts_at_or_below(&[0.005, 0.05, 1.0, 10.0, 100.0]);
    assert_eq!(counts, [2, 4, 5, 6, 8]);
    let on_the_bounds = [0.005, 5.0, 100.0, 5_000.0, 12_345.0];
    assert_eq!(filled(&on_the_bounds).counts_at_or_below(&on_the_bounds), [1, 2, 3, 4, 5]);
    assert_eq!(filled(&on_the_bounds).counts_at_or_below(&[0.0049, 4.99, 99.0]), [0, 1, 2]);
}

#[test]
fn infinite_values_and_emptiness_survive_encoding() {
    let histogram = filled(&[1.0, f64::INFINITY]);
    assert_eq!(Histogram::decode(&histogram.encode()).unwrap().summary(), histogram.summary());
    let mut forged = filled(&[]).encode();
    forged[4 + 4 * 8..4 + 5 * 8].copy_from_slice(&(-5.0f64).to_le_bytes());
    assert!(Histogram::decode(&forged).is_err(), "an empty histogram has no smallest value");
    let mut forged = filled(&[1.0]).encode();
    forged[4 + 2 * 8..4 + 3 * 8].copy_from_slice(&3.7f64.to_le_bytes());
    assert!(Histogram::decode(&forged).is_err(), "figures are whole");
}

#[test]
fn a_window_holds_what_was_recorded_since_its_start_and_reading_it_changes_nothing() {
    let mut histogram = filled(&[1.0, 500.0]);
    let earlier = histogram.clone();
    assert_eq!(histogram.since(&earlier).unwrap().summary().count, 0);
    for value in [2.0, 3.0, 4.0] {
        histogram.record(value);
    }
    for _ in 0..2 {
        let window = histogram.since(&earlier).unwrap().summary();
        assert_eq!(window.count, 3);
        assert!(close(window.sum, 9.0, 1e-9) && close(window.mean, 3.0, 1e-9));
        assert!(close(window.max, 4.0, 1e-3) && close(window.min, 2.0, 1e-3));
        assert!(close(window.p50, 3.0, 1e-3));
    }
    assert_eq!(histogram.summary().count, 5);
    histogram.reset();
    assert_eq!(histogram.since(&earlier).err(), Some(HistogramError::Mismatch), "reset since");
}

#[test]
fn arrivals_at_random_moments_wait_for_the_rest_of_the_stretch_they_fall_into() {
    let mut stretches = filled(&[]);
    stretches.record(100.0);
    for _ in 0..50 {
        stretches.record(10.0);
    }
    // 600 ms busy, 400 ms free, an arrival each microsecond.
    let waits = stretches.waits(400.0, 1e-3);
    let summary = waits.summary();
    assert!((summary.count as f64 - 1e6).abs() <= 1e6 * 1e-3, "{}", summary.count);
    // 100 * 100 / 2 + 50 * 10 * 10 / 2 of 1000 ms.
    assert!((summary.mean - 7.5).abs() < 0.02, "{}", summary.mean);
    assert!(summary.min.abs() < 1e-9);
    assert!((summary.max - 100.0).abs() < 1e-9);
    assert!(waits.percentile(40.0) < 0.01, "free for 40 %");
    // Above 10 ms waits only who comes in the first 90 ms of the long one: 9 %.
    assert!((waits.percentile(91.0) - 10.0).abs() < 0.2, "{}", waits.percentile(91.0));
    assert!((waits.percentile(95.5) - 55.0).abs() < 0.5, "{}", waits.percentile(95.5));
}

#[test]
fn waits_of_stretches_far_below_an_arrival_are_not_lost() {
    let mut stretches = filled(&[]);
    for _ in 0..1_000_000 {
        stretches.record(2e-4);
    }
    let waits = stretches.waits(0.0, 1e-3);
    assert!((waits.summary().count as f64 - 2e5).abs() < 2.0, "{}", waits.summary().count);
    assert!((waits.summary().mean - 1e-4).abs() < 2e-6, "{}", waits.summary().mean);
    let empty = filled(&[]).waits(-5.0, 1e-3);
    assert_eq!(empty.summary().count, 0);
}

#[test]
fn waits_can_be_merged_like_any_other() {
    let mut first = filled(&[]);
    first.record(20.0);
    let mut second = filled(&[]);
    second.record(50.0);
    let mut both = first.clone();
    both.merge(&second).unwrap();
    let mut merged = first.waits(10.0, 1e-3);
    merged.merge(&second.waits(30.0, 1e-3)).unwrap();
    let together = both.waits(40.0, 1e-3);
    assert!(merged.summary().count.abs_diff(together.summary().count) <= 2);
    assert!((merged.summary().mean - together.summary().mean).abs() < 0.01);
}
