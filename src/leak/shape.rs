//! What kind of rise: a line, a step, or one that flattens out.
//!
//! Each model is fitted by least squares and compared by Akaike's criterion with the correction for small samples
//! (AICc; Hurvich & Tsai 1989). A warm-up or a cache that fills flattens out; a module that is loaded is a step; only
//! a line goes on.

use super::fit::{Sums, aicc};

/// The best description of a rising series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Goes on rising.
    Line,
    /// One jump explains it.
    Step,
    /// The rise has slowed down so much that it is about to end.
    Saturating,
}

/// Time constants tried for the saturating model, as shares of the span.
const TIME_CONSTANTS: [f64; 8] = [0.03, 0.06, 0.1, 0.15, 0.22, 0.32, 0.45, 0.65];
/// Ends of the rise tried for the model that rises in a line and then stops, as shares of the span.
const HINGES: [f64; 8] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];
/// Saturating only if the fitted slope at the end is below this share of the mean slope.
const ENDING: f64 = 0.3;
/// Another model must beat the line by this much AICc (2 is "weak evidence", 6 "strong": Burnham & Anderson 2002).
const MARGIN: f64 = 4.0;

/// The smallest mean of squared errors about two constant levels.
fn best_step(y: &[f64]) -> f64 {
    let n = y.len() as f64;
    let total: f64 = y.iter().sum();
    let squares: f64 = y.iter().map(|y| y * y).sum();
    // What a level, fitted as the mean of `size` values, explains of their squares.
    let explained = |sum: f64, size: f64| sum * sum / size;
    let mut best = f64::INFINITY;
    let (mut left, mut count) = (0.0, 0.0);
    for y in y.iter().take(y.len().saturating_sub(1)) {
        left += y;
        count += 1.0;
        let right = total - left;
        best = best.min(squares - explained(left, count) - explained(right, n - count));
    }
    best.max(0.0) / n
}

/// Tells what shape a rising series has. At least 6 points, `x` ascending; fewer are called a line.
#[must_use]
pub fn shape(x: &[f64], y: &[f64]) -> Shape {
    let n = x.len() as f64;
    let (Some(first), Some(last), Some(base)) = (x.first(), x.last(), y.first()) else {
        return Shape::Line;
    };
    let span = last - first;
    if x.len() < 6 || span <= 0.0 {
        return Shape::Line;
    }
    // Centred on the first value: squares of gigabytes would lose the digits that matter.
    let x: Vec<f64> = x.iter().map(|x| (x - first) / span).collect();
    let y: Vec<f64> = y.iter().map(|y| y - base).collect();
    let line = aicc(n, Sums::of(&x, &y).error() / n, 3.0);
    let step = aicc(n, best_step(&y), 4.0);
    let fitted = |curve: &dyn Fn(f64) -> f64, ends: bool| {
        let curved: Vec<f64> = x.iter().map(|&x| curve(x)).collect();
        let sums = Sums::of(&curved, &y);
        (aicc(n, sums.error() / n, 4.0), ends && sums.slope() > 0.0)
    };
    let exponential = TIME_CONSTANTS.iter().map(|tau| {
        let curve = |at: f64| 1.0 - (-at / tau).exp();
        fitted(&curve, (-1.0 / tau).exp() / tau / curve(1.0) < ENDING)
    });
    let hinged = HINGES.iter().map(|&hinge| fitted(&|at: f64| at.min(hinge), true));
    let saturating = exponential.chain(hinged).min_by(|a, b| a.0.total_cmp(&b.0));
    let late = HINGES
        .iter()
        .map(|&hinge| fitted(&|at: f64| (at - hinge).max(0.0), false).0)
        .min_by(f64::total_cmp)
        .unwrap_or(line);
    // What begins late and goes on is nearer to a step than to a line, but it goes on.
    if step + MARGIN < line.min(late) && saturating.is_none_or(|(saturating, _)| step <= saturating)
    {
        return Shape::Step;
    }
    match saturating {
        Some((saturating, true)) if saturating + MARGIN < line => Shape::Saturating,
        _ => Shape::Line,
    }
}
