//! A bounded record of one quantity over time.

/// Points kept of the whole past. Trend statistics are quadratic in it: 128 points take about 0.1 ms.
pub const CAPACITY: usize = 128;
/// Points kept of the newest part.
pub const RECENT: usize = 64;

/// One observation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Seconds on a monotonic clock.
    pub at: f64,
    /// Bytes.
    pub bytes: f64,
    /// Work done since some beginning, in any unit; never falls. NaN while not known.
    pub work: f64,
    /// Work per second since the observation before. NaN while not known.
    pub load: f64,
}

/// A quantity in two resolutions: the whole past, and its newest part.
///
/// Both are lower envelopes: each point is the lowest of the observations it stands for. A leak shows in them, a passing
/// peak does not.
///
/// In the whole past each point stands for as many observations as every other one; when it is full, neighbours are merged
/// and that number doubles. In the newest part each stands for a stretch of time, so that it covers the same time however
/// often there are observations.
#[derive(Clone, Debug)]
pub struct Series {
    whole: Vec<Point>,
    stride: usize,
    /// The lowest of the observations that do not make a whole point yet, and their number.
    group: Option<(Point, usize)>,
    recent: Vec<Point>,
    /// Seconds that a point of the newest part stands for, and when the last of these began.
    bin: f64,
    bin_began: f64,
    last: Option<Point>,
    /// The work that was given last.
    counter: f64,
    first_at: f64,
    taken: usize,
}

impl Series {
    /// An empty one whose newest part covers `recent` seconds.
    #[must_use]
    pub fn new(recent: f64) -> Self {
        Self {
            whole: Vec::new(),
            stride: 1,
            group: None,
            recent: Vec::new(),
            bin: recent / RECENT as f64,
            bin_began: f64::NEG_INFINITY,
            last: None,
            counter: f64::NAN,
            first_at: 0.0,
            taken: 0,
        }
    }

    /// Adds an observation. One that is not finite or older than the last is dropped; says whether it was taken.
    ///
    /// `work` is a counter. One that is not known, or has begun anew, adds nothing.
    pub fn push(&mut self, at: f64, bytes: f64, work: f64) -> bool {
        let ordered = self.last.is_none_or(|last| at >= last.at);
        if !(ordered && at.is_finite() && bytes.is_finite()) {
            return false;
        }
        let work = self.worked(work);
        let load = self.last.map_or(f64::NAN, |last| (work - last.work) / (at - last.at));
        let point = Point { at, bytes, work, load };
        if self.taken == 0 {
            self.first_at = at;
        }
        self.last = Some(point);
        self.taken += 1;
        self.keep_recent(point);
        let (lowest, size) = match self.group.take() {
            Some((lowest, size)) => (lower(lowest, point), size + 1),
            None => (point, 1),
        };
        if size < self.stride {
            self.group = Some((lowest, size));
        } else {
            self.keep(lowest);
        }
        true
    }

    /// The work done so far, by a counter that may begin anew.
    fn worked(&mut self, counter: f64) -> f64 {
        let so_far = self.last.map_or(f64::NAN, |last| last.work);
        if !counter.is_finite() {
            return so_far;
        }
        let more = (counter - self.counter).max(0.0);
        self.counter = counter;
        if so_far.is_nan() { 0.0 } else { so_far + more }
    }

    fn keep_recent(&mut self, point: Point) {
        match self.recent.last_mut() {
            Some(last) if point.at - self.bin_began < self.bin => *last = lower(*last, point),
            _ => {
                if self.recent.len() == RECENT {
                    self.recent.remove(0);
                }
                self.recent.push(point);
                self.bin_began = point.at;
            }
        }
    }

    fn keep(&mut self, point: Point) {
        self.whole.push(point);
        if self.whole.len() == CAPACITY {
            self.whole = self
                .whole
                .chunks(2)
                .filter_map(|pair| pair.iter().copied().reduce(lower))
                .collect();
            self.stride *= 2;
        }
    }

    /// The whole past, oldest first.
    #[must_use]
    pub fn whole(&self) -> &[Point] {
        &self.whole
    }

    /// The newest part, oldest first.
    #[must_use]
    pub fn recent(&self) -> &[Point] {
        &self.recent
    }

    /// The newest observation.
    #[must_use]
    pub const fn last(&self) -> Option<Point> {
        self.last
    }

    /// Observations taken so far.
    #[must_use]
    pub const fn taken(&self) -> usize {
        self.taken
    }

    /// Seconds between the first and the newest observation.
    #[must_use]
    pub fn span(&self) -> f64 {
        self.last.map_or(0.0, |last| last.at - self.first_at)
    }
}

fn lower(a: Point, b: Point) -> Point {
    if b.bytes < a.bytes { b } else { a }
}

/// Seconds between the first and the last of these points.
#[must_use]
pub fn span(points: &[Point]) -> f64 {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) => last.at - first.at,
        _ => 0.0,
    }
}
