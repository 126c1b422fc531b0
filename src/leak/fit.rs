//! Least squares, the criterion by which fits are compared, and medians.

/// Sums of squares and products about the means of paired values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// Mean of y.
    pub mean_y: f64,
    /// Of x with itself; >= 0.
    pub xx: f64,
    /// Of x with y.
    pub xy: f64,
    /// Of y with itself; >= 0.
    pub yy: f64,
}

impl Sums {
    /// The sums of two slices of the same length.
    #[must_use]
    pub fn of(x: &[f64], y: &[f64]) -> Self {
        let n = x.len().max(1) as f64;
        let (mean_x, mean_y) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
        let mut sums = Self { mean_y, ..Self::default() };
        for (x, y) in x.iter().zip(y) {
            let (dx, dy) = (x - mean_x, y - mean_y);
            sums.xx += dx * dx;
            sums.xy += dx * dy;
            sums.yy += dy * dy;
        }
        sums
    }

    /// Slope of the line through them; 0 where all x are equal.
    #[must_use]
    pub fn slope(&self) -> f64 {
        if self.xx > 0.0 { self.xy / self.xx } else { 0.0 }
    }

    /// Sum of squared errors about that line.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.slope().mul_add(-self.xy, self.yy).max(0.0)
    }
}

/// Akaike's criterion with the correction for small samples (Hurvich & Tsai 1989) of a least-squares fit with
/// `parameters`, of which the noise variance is one.
#[must_use]
pub fn aicc(n: f64, mean_square: f64, parameters: f64) -> f64 {
    // A perfect fit would be minus infinity; one byte of error is as good as perfect.
    let penalty = 2.0 * parameters * n / (n - parameters - 1.0).max(1.0);
    n.mul_add(mean_square.max(1.0).ln(), penalty)
}

/// The middle value, the upper one of two; 0 of nothing.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The medians of three parts of as many values each; `None` of fewer than three parts.
#[must_use]
pub fn medians_of_thirds(values: &[f64]) -> Option<[f64; 3]> {
    let third = values.len().div_ceil(3).max(1);
    let medians: Vec<f64> = values.chunks(third).map(|part| median(part.to_vec())).collect();
    medians.try_into().ok()
}
