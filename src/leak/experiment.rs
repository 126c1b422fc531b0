//! Does an operation leak? The live memory after each of a few rounds of it, with full collections between them.
//!
//! Unlike in a running service nothing else happens, so few rounds decide: as soon as the growth for each operation is
//! surely above what is allowed, or surely below.

use super::{
    fit::medians_of_thirds,
    shape::{Shape, shape},
    trend::{MAX_POINTS, Trend, trend},
};

/// Rounds before the first look: fewer cannot be significant.
const FIRST_LOOK: usize = 7;
/// The last third must still rise by this share of the rise before: compilers and caches warm up.
const PERSISTENCE: f64 = 0.3;

/// What the rounds say so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Another round is needed.
    Undecided,
    /// The growth is surely below what is allowed.
    Clean,
    /// The growth is surely above.
    Leaks,
}

/// A decision with its figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finding {
    /// What the rounds say.
    pub decision: Decision,
    /// The trend in bytes per operation; `None` before the first look.
    pub trend: Option<Trend>,
}

/// Looks at the live bytes after each round of `operations`. `confidence` holds for `looks` looks together (Bonferroni);
/// growth up to `allowed` bytes an operation is none.
#[must_use]
pub fn judge(
    live: &[f64],
    operations: f64,
    confidence: f64,
    looks: usize,
    allowed: f64,
) -> Finding {
    let undecided = Finding { decision: Decision::Undecided, trend: None };
    let live = live.get(live.len().saturating_sub(MAX_POINTS)..).unwrap_or(live);
    if live.len() < FIRST_LOOK {
        return undecided;
    }
    let x: Vec<f64> = (0..live.len()).map(|round| round as f64 * operations).collect();
    let chance = (1.0 - confidence) / looks.max(1) as f64;
    let both_sides = 2.0_f64.mul_add(-chance, 1.0);
    let Ok(found) = trend(&x, live, both_sides) else { return undecided };
    // What has warmed up, or filled, is clean by its newest half.
    let half = live.len() / 2;
    let newest = (half >= FIRST_LOOK)
        .then(|| Some((x.get(half..)?, live.get(half..)?)))
        .flatten()
        .and_then(|(x, live)| trend(x, live, both_sides).ok());
    let is_clean = |trend: &Trend| trend.slope_high < allowed;
    let decision = if is_clean(&found) || newest.as_ref().is_some_and(is_clean) {
        Decision::Clean
    } else if found.p_rising <= chance && found.slope_low > allowed && goes_on(&x, live) {
        Decision::Leaks
    } else {
        Decision::Undecided
    };
    Finding { decision, trend: Some(found) }
}

fn goes_on(x: &[f64], live: &[f64]) -> bool {
    let Some([first, second, third]) = medians_of_thirds(live) else { return false };
    third - second >= PERSISTENCE * (second - first) && shape(x, live) == Shape::Line
}

#[cfg(test)]
#[expect(clippy::suboptimal_flops, reason = "simulated programs read better as plain formulas")]
mod tests {
    use super::*;

    /// Rounds until a decision, 40 at most.
    fn decided(mut round: impl FnMut(usize) -> f64) -> (Decision, usize) {
        let mut live = Vec::new();
        for at in 0..40 {
            live.push(round(at));
            let decision = judge(&live, 1000.0, 0.99, 40, 4.0).decision;
            if decision != Decision::Undecided {
                return (decision, live.len());
            }
        }
        (Decision::Undecided, live.len())
    }

    fn noise(at: usize) -> f64 {
        // Scattered, and the same in each run.
        ((at * 7919 + 13) % 101) as f64 - 50.0
    }

    #[test]
    fn a_clean_line_is_decided_within_ten_rounds() {
        let (decision, rounds) = decided(|at| 1e7 + 16_000.0 * at as f64);
        assert_eq!(decision, Decision::Leaks);
        assert!(rounds <= 10, "{rounds}");
    }

    #[test]
    fn a_leak_under_noise_takes_more_rounds_but_is_found() {
        let (decision, rounds) = decided(|at| 1e7 + 12_000.0 * at as f64 + 600.0 * noise(at));
        assert_eq!((decision, rounds > 10), (Decision::Leaks, true), "{rounds}");
    }

    #[test]
    fn what_only_scatters_is_clean_once_the_scatter_is_known() {
        let (decision, rounds) = decided(|at| 1e7 + 60.0 * noise(at));
        assert_eq!(decision, Decision::Clean);
        assert!(rounds <= 12, "{rounds}");
    }

    #[test]
    fn a_warm_up_is_never_a_leak() {
        let (decision, _) =
            decided(|at| 1e7 + 5e5 * (1.0 - (-(at as f64) / 3.0).exp()) + noise(at));
        assert_eq!(decision, Decision::Clean);
        let (decision, _) = decided(|at| 1e7 + if at > 4 { 1e6 } else { 0.0 } + noise(at));
        assert_ne!(decision, Decision::Leaks);
    }

    #[test]
    fn growth_up_to_what_is_allowed_is_none() {
        assert_eq!(decided(|at| 1e7 + 1000.0 * at as f64 + noise(at)).0, Decision::Clean);
    }
}
