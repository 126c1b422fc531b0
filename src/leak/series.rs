//! A bounded record of one quantity over time.

/// Points kept. Trend statistics are quadratic in it: 128 points take about 0.1 ms.
pub const CAPACITY: usize = 128;

/// One observation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Seconds on a monotonic clock.
    pub at: f64,
    /// Bytes.
    pub bytes: f64,
}

/// Points in order of time. When full, each pair of neighbours is replaced by its lower one: half the points over the
/// same span, and the lower envelope, in which a leak shows and a passing peak does not.
#[derive(Clone, Debug, Default)]
pub struct Series {
    points: Vec<Point>,
}

impl Series {
    /// Adds a point. One that is not finite or older than the last is dropped.
    pub fn push(&mut self, point: Point) {
        let ordered = self.points.last().is_none_or(|last| point.at >= last.at);
        if !(ordered && point.at.is_finite() && point.bytes.is_finite()) {
            return;
        }
        if self.points.len() == CAPACITY {
            self.thin();
        }
        self.points.push(point);
    }

    fn thin(&mut self) {
        let lower = |pair: &[Point]| {
            pair.iter().copied().reduce(|a, b| if b.bytes < a.bytes { b } else { a })
        };
        self.points = self.points.chunks(2).filter_map(lower).collect();
    }

    /// All points, oldest first.
    #[must_use]
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Seconds between the first and the last point.
    #[must_use]
    pub fn span(&self) -> f64 {
        span(&self.points)
    }
}

/// Seconds between the first and the last of these points.
#[must_use]
pub fn span(points: &[Point]) -> f64 {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) => last.at - first.at,
        _ => 0.0,
    }
}
