//! What of a rise is only more work at a time.
//!
//! A server under more load holds more: requests in flight at once, sessions and buffers a while later. So the load is tried
//! as it is between two points, and as its mean over some time before; the one that explains most is taken out by a
//! regression on time and load together (Frisch and Waugh 1933, *Econometrica* 1). Where time explains nothing beside the
//! load, the rise is not called a leak; nor where the load itself rises, and in proportion more than the bytes do.

use super::{
    fit::{Sums, aicc},
    series::Point,
    trend::trend,
};

/// Two models of one series differ when their AICc do by this much (2 is "weak evidence", 6 "strong": Burnham & Anderson
/// 2002).
const MARGIN: f64 = 4.0;
/// Correlation of time and load, squared, from which their parts cannot be told apart; and by how much AICc time must then be
/// the better explanation. (A store follows a load that rises steadily a little more smoothly than the load itself.)
const INSEPARABLE: f64 = 0.9;
const CLEAR_MARGIN: f64 = 10.0;

/// Chance of a rise of the load below which it counts as one; traffic comes in episodes, which look like rises.
const RISING_LOAD: f64 = 0.02;

/// A series without the part that follows the load.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjusted {
    /// The values; those given where load explains nothing.
    pub bytes: Vec<f64>,
    /// Whether time explains nothing beside the load.
    pub follows_load: bool,
}

/// Work per second before each point: since the observation before it, or as the mean over `seconds`, as far as the points go
/// back.
fn loads(points: &[Point], seconds: f64) -> Vec<f64> {
    let mut from = 0;
    let mut all: Vec<f64> = if seconds == 0.0 {
        points.iter().map(|point| point.load).collect()
    } else {
        points
            .iter()
            .enumerate()
            .map(|(place, point)| {
                // The last point that is old enough, but never this one.
                let enough = |at: usize| {
                    points.get(at + 1).is_some_and(|next| point.at - next.at >= seconds)
                };
                while from + 1 < place && enough(from) {
                    from += 1;
                }
                points
                    .get(from)
                    .map_or(f64::NAN, |old| (point.work - old.work) / (point.at - old.at))
            })
            .collect()
    };
    // The first point may have no past; its neighbour's is the nearest thing to it.
    if let [first, second, ..] = all.as_mut_slice()
        && first.is_nan()
    {
        *first = *second;
    }
    all
}

/// Takes out what follows the load; `x` are the places of the points, `window` is that of the verdict, in seconds.
#[must_use]
pub fn adjust(x: &[f64], points: &[Point], window: f64) -> Adjusted {
    let bytes: Vec<f64> = points.iter().map(|point| point.bytes).collect();
    let unchanged = |follows_load| Adjusted { bytes: bytes.clone(), follows_load };
    let n = x.len() as f64;
    let time = Sums::of(x, &bytes);
    let candidates = [0.0, window / 2.0, window * 2.0].map(|seconds| loads(points, seconds));
    let usable = candidates.iter().filter(|load| load.iter().all(|value| value.is_finite()));
    let explaining = usable.map(|load| (Sums::of(load, &bytes), load));
    let Some((work, load)) = explaining.min_by(|a, b| a.0.error().total_cmp(&b.0.error())) else {
        return unchanged(false);
    };
    if time.xx <= 0.0 || work.xx <= 0.0 || n < 8.0 {
        return unchanged(false);
    }
    // The choice of the load counts as a parameter.
    let by_time = aicc(n, time.error() / n, 3.0);
    let by_load = aicc(n, work.error() / n, 4.0);
    let cross = Sums::of(x, load);
    if cross.xy * cross.xy > INSEPARABLE * time.xx * work.xx {
        return unchanged(work.xy > 0.0 && by_load < by_time + CLEAR_MARGIN);
    }
    let minus = |a: f64, b: f64, c: f64, d: f64| a.mul_add(b, -(c * d));
    let determinant = minus(time.xx, work.xx, cross.xy, cross.xy);
    let of_time = minus(time.xy, work.xx, work.xy, cross.xy) / determinant;
    let of_load = minus(work.xy, time.xx, time.xy, cross.xy) / determinant;
    let explained = of_time.mul_add(time.xy, of_load * work.xy);
    let error = (time.yy - explained).max(0.0);
    let by_both = aicc(n, error / n, 5.0);
    let follows_load = work.xy > 0.0 && by_load <= by_both + MARGIN;
    if of_load <= 0.0 || by_both + MARGIN >= by_time {
        return unchanged(follows_load);
    }
    let bytes = bytes
        .iter()
        .zip(load)
        .map(|(bytes, load)| of_load.mul_add(cross.mean_y - load, *bytes))
        .collect();
    Adjusted { bytes, follows_load }
}

/// Whether the load rises, and by a larger share than the bytes: what a service keeps for its requests would then be enough.
#[must_use]
pub fn is_outgrown_by_load(x: &[f64], points: &[Point], growth: f64) -> bool {
    let load = loads(points, 0.0);
    let share =
        |slope: f64, values: &[f64]| slope * values.len() as f64 / values.iter().sum::<f64>();
    let bytes: Vec<f64> = points.iter().map(|point| point.bytes).collect();
    // What cannot be computed (a load that is not known) is no reason.
    trend(x, &load, 0.99).is_ok_and(|of_load| {
        of_load.p_rising < RISING_LOAD && share(of_load.slope, &load) > share(growth, &bytes)
    })
}
