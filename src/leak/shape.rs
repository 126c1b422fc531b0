//! What kind of rise: a line, a step, or one that flattens out.
//!
//! Each model is fitted by least squares and compared by Akaike's criterion with the correction for small samples
//! (AICc; Hurvich & Tsai 1989). A warm-up or a cache that fills flattens out; a module that is loaded is a step; only
//! a line goes on.

use super::series::Point;

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
/// Saturating only if the fitted slope at the end is below this share of the mean slope.
const ENDING: f64 = 0.3;
/// Another model must beat the line by this much AICc (2 is "weak evidence", 6 "strong": Burnham & Anderson 2002).
const MARGIN: f64 = 4.0;

/// Mean of squared errors about the regression of y on z, with the regression's slope.
fn regress(pairs: impl Iterator<Item = (f64, f64)> + Clone) -> (f64, f64) {
    let n = pairs.clone().count() as f64;
    let (sum_z, sum_y) = pairs.clone().fold((0.0, 0.0), |(z, y), (a, b)| (z + a, y + b));
    let (mean_z, mean_y) = (sum_z / n, sum_y / n);
    let (mut zz, mut zy, mut yy) = (0.0, 0.0, 0.0);
    for (z, y) in pairs {
        let (dz, dy) = (z - mean_z, y - mean_y);
        zz += dz * dz;
        zy += dz * dy;
        yy += dy * dy;
    }
    let slope = if zz > 0.0 { zy / zz } else { 0.0 };
    ((yy - slope * zy).max(0.0) / n, slope)
}

/// AICc of a least-squares fit with `parameters` (the noise variance counts as one).
fn aicc(n: f64, mean_square: f64, parameters: f64) -> f64 {
    // A perfect fit would be minus infinity; one byte of error is as good as perfect.
    let penalty = 2.0 * parameters * n / (n - parameters - 1.0).max(1.0);
    n.mul_add(mean_square.max(1.0).ln(), penalty)
}

/// The smallest mean of squared errors about two constant levels.
fn best_step(points: &[Point]) -> f64 {
    let n = points.len() as f64;
    let total: f64 = points.iter().map(|point| point.bytes).sum();
    let squares: f64 = points.iter().map(|point| point.bytes * point.bytes).sum();
    // What a level, fitted as the mean of `size` values, explains of their squares.
    let explained = |sum: f64, size: f64| sum * sum / size;
    let mut best = f64::INFINITY;
    let (mut left, mut count) = (0.0, 0.0);
    for point in points.iter().take(points.len().saturating_sub(1)) {
        left += point.bytes;
        count += 1.0;
        let right = total - left;
        best = best.min(squares - explained(left, count) - explained(right, n - count));
    }
    best.max(0.0) / n
}

/// Tells what shape a rising series has. At least 6 points, of different times; fewer are called a line.
#[must_use]
pub fn shape(points: &[Point]) -> Shape {
    let n = points.len() as f64;
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return Shape::Line };
    let span = last.at - first.at;
    if points.len() < 6 || span <= 0.0 {
        return Shape::Line;
    }
    // Centred on the first value: squares of gigabytes would lose the digits that matter.
    let centred: Vec<Point> = points
        .iter()
        .map(|point| Point { at: (point.at - first.at) / span, bytes: point.bytes - first.bytes })
        .collect();
    let pairs = centred.iter().map(|point| (point.at, point.bytes));
    let line = aicc(n, regress(pairs.clone()).0, 3.0);
    let step = aicc(n, best_step(&centred), 4.0);
    let saturating = TIME_CONSTANTS
        .iter()
        .map(|tau| {
            let curve = |at: f64| 1.0 - (-at / tau).exp();
            let (error, rise) = regress(pairs.clone().map(|(at, bytes)| (curve(at), bytes)));
            let slope_at_end = (-1.0 / tau).exp() / tau / curve(1.0);
            (aicc(n, error, 4.0), rise > 0.0 && slope_at_end < ENDING)
        })
        .min_by(|a, b| a.0.total_cmp(&b.0));
    if step + MARGIN < line && saturating.is_none_or(|(saturating, _)| step <= saturating) {
        return Shape::Step;
    }
    match saturating {
        Some((saturating, true)) if saturating + MARGIN < line => Shape::Saturating,
        _ => Shape::Line,
    }
}
