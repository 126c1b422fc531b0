//! Where it leaks: allocation sites whose old survivors grow in number.
//!
//! The sampling profiler holds a random sample of the live objects, each with the call path that allocated it and its
//! place in the order of allocation. Between two readings with a major collection in between, a site has *births*
//! (samples older than the reading before the last one, that is: survivors of a collection, seen as such for the first
//! time) and *deaths* (survivors that are gone). Of a site in equilibrium (a cache that evicts, sessions that end)
//! births and deaths are equally likely, whatever its traffic, so the number of births among both is binomial with one
//! half; a site that leaks has births only. That is an exact test on counts: it needs no variance to be estimated, and
//! a big object, sampled once, weighs as much as a small one.
//!
//! Deaths of what was allocated before sampling began are not seen, so a store looks like a leak until all of its content
//! has been replaced once. The first half of the readings is therefore left out. And objects that come and go together
//! (batches, bursts) are fewer events than their number, so the second half must rise throughout, too: in each third of its
//! work births outweigh deaths, and the last third does not fall much behind.
//!
//! A site with a turnover follows the traffic, which comes in episodes: of it more readings are needed than of one that keeps
//! what it allocates.
//!
//! A store whose content is made anew all the time has no survivors. Of a site with hardly any of them, all that is alive is
//! looked at instead, whatever its age: it must rise in a line by the test of [`trend`](super::trend), and by more samples than
//! chance would have.

use std::{collections::HashMap, ops::Range, sync::Arc};

use super::{
    normal::upper_tail,
    shape::{Shape, shape},
    trend::trend,
};
use crate::{
    shared::number::to_u64,
    v8::profiler::{Profile, ProfileNode},
};

/// Steps kept; when full, neighbours are merged in pairs.
const MAX_STEPS: usize = 64;
/// Fewest steps that are judged: half of them count.
const MIN_STEPS: usize = 8;
/// Deaths for each birth up to which a site keeps nearly all that survives once. With more of them it has a turnover, of which
/// some steps tell little: sessions follow the traffic.
const FEW_DEATHS: f64 = 0.125;
/// Smallest growth of its last part, relative to the others.
const TURNED_OVER: f64 = 0.7;
/// Survivors for each fresh sample up to which the content of a site counts as made anew each time.
const FEW_SURVIVORS: f64 = 0.125;
/// Fewest steps that are judged of a site with a turnover.
const TURNOVER_STEPS: usize = 24;
/// Parts of the steps that count, of as much work each, each of which must grow.
const PARTS: usize = 3;
/// Chance from which survivors are no sign of growth at all.
const LIKELY: f64 = 0.05;
/// Smallest growth of the last part, relative to the one before.
const PERSISTENCE: f64 = 0.3;

/// A function by its place in the source.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SiteKey {
    /// Path, URL or `node:` name of the script; empty where there is none.
    pub script: Arc<str>,
    /// Name of the function; empty for an anonymous one.
    pub function: Arc<str>,
    /// Line where the function begins, from 1; 0 when not known.
    pub line: i32,
    /// Column where the function begins, from 1; 0 when not known.
    pub column: i32,
}

impl From<&ProfileNode> for SiteKey {
    fn from(node: &ProfileNode) -> Self {
        Self {
            script: Arc::clone(&node.script),
            function: Arc::clone(&node.function),
            line: node.line,
            column: node.column,
        }
    }
}

/// Samples and the bytes that they stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Amount {
    samples: f64,
    bytes: f64,
}

impl Amount {
    fn add(&mut self, other: Self) {
        self.samples += other.samples;
        self.bytes += other.bytes;
    }

    /// What is missing of `before`.
    fn lost_since(self, before: Self) -> Self {
        Self {
            samples: (before.samples - self.samples).max(0.0),
            bytes: (before.bytes - self.bytes).max(0.0),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Step {
    births: Amount,
    deaths: Amount,
    /// What is alive at its end of what was allocated in it.
    fresh: Amount,
}

#[derive(Debug, Default)]
struct History {
    /// Live amount by epoch of allocation, as of the last reading; as long as `Sites::bounds`.
    live: Vec<Amount>,
    /// What happened in each step; as long as `Sites::times`.
    steps: Vec<Step>,
    /// What is alive at the end of each step, of whatever age.
    totals: Vec<Amount>,
    /// The call path that holds most, innermost first.
    stack: Vec<SiteKey>,
}

impl History {
    /// Nothing happened in steps before the site was seen.
    fn pad(&mut self, steps: usize) {
        self.steps.resize(steps, Step::default());
        self.totals.resize(steps, Amount::default());
    }
}

/// A site whose survivors grow.
#[derive(Clone, Debug, PartialEq)]
pub struct GrowingSite {
    /// Innermost frame that belongs neither to Node nor to V8; where there is none, the innermost frame.
    pub site: SiteKey,
    /// Call path of most of it, innermost first.
    pub stack: Vec<SiteKey>,
    /// Growth in bytes per second, estimated from the samples. > 0.
    pub bytes_per_second: f64,
    /// Growth in bytes per unit of the work that the program does; NaN where not known.
    pub bytes_per_work: f64,
    /// Bytes that survive now, of what was allocated since sampling began.
    pub live_bytes: f64,
    /// Sampled survivors that came in the time looked at.
    pub births: u64,
    /// Sampled survivors that went.
    pub deaths: u64,
    /// Chance of so many births among births and deaths of a site in equilibrium, times the number of sites tested.
    pub p_value: f64,
}

/// Readings of the profiler, condensed.
#[derive(Debug, Default)]
pub struct Sites {
    /// Last ordinal of each epoch, ascending.
    bounds: Vec<u64>,
    /// The work that the program had done when each epoch ended, in a unit of its own; NaN where not known.
    counters: Vec<f64>,
    /// Seconds at which each step ended.
    times: Vec<f64>,
    /// Seconds of the reading before the first step.
    begun: f64,
    histories: HashMap<SiteKey, History>,
    /// Whether anything was seen to go.
    has_deaths: bool,
}

impl Sites {
    /// Takes a reading. A major collection must have ended since the one before. `counter` is the work that the program has done
    /// until then, NaN where not known.
    pub fn push(&mut self, at: f64, counter: f64, profile: &Profile) {
        let newest = profile.samples.iter().map(|sample| sample.ordinal).max();
        let last = self.bounds.last().copied();
        let Some(newest) = newest.or(last) else { return };
        let closed = self.bounds.len();
        // Less than the last one when what was allocated since is dead already.
        self.bounds.push(newest.max(last.unwrap_or_default()));
        self.counters.push(counter);
        let (tables, stacks) = self.tabulated(profile);
        if closed == 0 {
            self.begun = at;
        }
        // Two readings make the first epoch whose survivors are known, the third the first deaths.
        let stepped = closed >= 1;
        if stepped {
            self.times.push(at);
        }
        let steps = self.times.len();
        for (key, live) in tables {
            let history = self.histories.entry(key.clone()).or_default();
            history.live.resize(closed, Amount::default());
            let mut pairs = history.live.iter().zip(&live);
            self.has_deaths |= pairs.any(|(was, is)| is.samples < was.samples);
            history.pad(steps - usize::from(stepped));
            if stepped {
                history.steps.push(step(&history.live, &live));
                history.totals.push(sum(&live));
            }
            history.live = live;
            if let Some(stack) = stacks.get(&key) {
                history.stack.clone_from(stack);
            }
        }
        let whole = self.bounds.len();
        self.histories.retain(|_, history| {
            if history.live.len() < whole {
                // Not in this reading: all of it is dead.
                self.has_deaths = true;
                history.pad(steps - usize::from(stepped));
                let gone = vec![Amount::default(); whole];
                if stepped {
                    history.steps.push(step(&history.live, &gone));
                    history.totals.push(Amount::default());
                }
                history.live = gone;
            }
            history.steps.iter().any(|step| step.births.samples > 0.0)
                || history.live.iter().any(|amount| amount.samples > 0.0)
        });
        if self.times.len() >= MAX_STEPS {
            self.merge();
        }
    }

    /// Live amount by epoch of each site, and the largest call path of each.
    fn tabulated(
        &self,
        profile: &Profile,
    ) -> (HashMap<SiteKey, Vec<Amount>>, HashMap<SiteKey, Vec<SiteKey>>) {
        let epochs = self.bounds.len();
        let culprits = culprits(&profile.nodes);
        let places: HashMap<u32, usize> =
            profile.nodes.iter().enumerate().map(|(place, node)| (node.id, place)).collect();
        let mut by_path: HashMap<usize, Vec<Amount>> = HashMap::new();
        for sample in &profile.samples {
            let Some(&place) = places.get(&sample.node) else { continue };
            let epoch = self.bounds.partition_point(|&bound| bound < sample.ordinal);
            let live = by_path.entry(place).or_insert_with(|| vec![Amount::default(); epochs]);
            if let Some(amount) = live.get_mut(epoch) {
                amount.add(Amount { samples: 1.0, bytes: (sample.size * sample.count) as f64 });
            }
        }
        let mut tables: HashMap<SiteKey, Vec<Amount>> = HashMap::new();
        let mut largest: HashMap<SiteKey, (f64, usize)> = HashMap::new();
        for (place, live) in by_path {
            let Some(node) = culprits.get(place).and_then(|&at| profile.nodes.get(at)) else {
                continue;
            };
            let key = SiteKey::from(node);
            // Without the newest epoch, whose dead are not collected yet.
            let old: f64 = live.iter().rev().skip(1).map(|amount| amount.bytes).sum();
            let best = largest.entry(key.clone()).or_insert((old, place));
            if old > best.0 {
                *best = (old, place);
            }
            let table = tables.entry(key).or_insert_with(|| vec![Amount::default(); epochs]);
            for (sum, amount) in table.iter_mut().zip(live) {
                sum.add(amount);
            }
        }
        let stacks = largest
            .into_iter()
            .map(|(key, (_, place))| (key, stack(&profile.nodes, place)))
            .collect();
        (tables, stacks)
    }

    /// Halves the resolution.
    fn merge(&mut self) {
        fn second<T: Copy>(values: &[T]) -> Vec<T> {
            values.chunks(2).filter_map(|pair| pair.last().copied()).collect()
        }
        // Epochs and steps have different lengths; what must match are the epochs of tables and bounds.
        self.bounds = second(&self.bounds);
        self.counters = second(&self.counters);
        self.times = second(&self.times);
        for history in self.histories.values_mut() {
            history.live = history.live.chunks(2).map(sum).collect();
            history.steps = history.steps.chunks(2).map(total).collect();
            history.totals = second(&history.totals);
        }
    }

    /// Steps taken so far.
    #[must_use]
    pub const fn steps(&self) -> usize {
        self.times.len()
    }

    /// Samples that were allocated in each step: a measure of the work done, as they are one in so many bytes.
    fn samples(&self) -> Vec<f64> {
        let before = std::iter::once(0).chain(self.bounds.iter().copied());
        let epochs = self.bounds.iter().zip(before).map(|(end, begin)| (end - begin) as f64);
        // The births of a step are of the epoch before its own.
        epochs.take(self.times.len()).collect()
    }

    /// The work that the program counts, of each step from `from` on, which is at least 1: nobody knows where the first epoch
    /// began. `None` if it is not known, or nothing.
    fn counted(&self, from: usize) -> Option<Vec<f64>> {
        let counters = self.counters.get(from.checked_sub(1)?..self.times.len())?;
        let work: Vec<f64> =
            counters.iter().zip(counters.get(1..)?).map(|(begin, end)| end - begin).collect();
        let is_known = work.iter().all(|work| *work >= 0.0) && work.iter().sum::<f64>() > 0.0;
        is_known.then_some(work)
    }

    /// Seconds that a unit of the counted work takes, from the end of step `from` on; NaN where not known.
    fn seconds_per_work(&self, from: usize) -> f64 {
        let range = |values: &[f64], from: usize| Some(values.last()? - values.get(from)?);
        let seconds = range(&self.times, from);
        // There is one reading before the first step.
        let work = range(&self.counters, from + 1).filter(|work| *work > 0.0);
        seconds.zip(work).map_or(f64::NAN, |(seconds, work)| seconds / work)
    }

    /// Whether anything was seen to go.
    #[must_use]
    pub const fn has_deaths(&self) -> bool {
        self.has_deaths
    }

    /// The sites that grow with `confidence` (0 to 1, corrected for the number of sites), the fastest first.
    #[must_use]
    pub fn growing(&self, confidence: f64) -> Vec<GrowingSite> {
        let steps = self.times.len();
        if steps < MIN_STEPS {
            return Vec::new();
        }
        let Some(end) = self.times.last() else { return Vec::new() };
        // The steps of the second half; after a merge the older ones are longer.
        let from = self.times.partition_point(|&time| time <= self.begun.midpoint(*end));
        let start = from.checked_sub(1).and_then(|at| self.times.get(at)).unwrap_or(&self.begun);
        let span = end - start;
        if span <= 0.0 {
            return Vec::new();
        }
        let counted_work = self.counted(from);
        let work = counted_work
            .clone()
            .unwrap_or_else(|| self.samples().get(from..).unwrap_or_default().to_vec());
        let thirds = parts(&work);
        let all_work: f64 = work.iter().sum();
        let seconds_per_work = counted_work.map_or(f64::NAN, |_| span / all_work);
        // What is alive is compared from the first of these steps to the last; survivors come from a step earlier.
        let seconds_per_work_alive = self.seconds_per_work(from);
        let counted = |history: &History| total(history.steps.get(from..).unwrap_or_default());
        let survives = |history: &&History| {
            let sum = counted(history);
            sum.births.samples + sum.deaths.samples > 0.0
        };
        // Two kinds of tests, each of as many sites.
        let with_survivors = 2.0 * self.histories.values().filter(survives).count() as f64;
        let all = 2.0 * self.histories.len() as f64;
        let mut found = Vec::new();
        for (key, history) in &self.histories {
            let steps_of = history.steps.get(from..).unwrap_or_default();
            let sum = counted(history);
            let (births, deaths) = (sum.births.samples, sum.deaths.samples);
            let of_thirds = of_parts(steps_of, &thirds);
            let keeps_most = deaths <= FEW_DEATHS * births;
            let by_survivors = growth(&of_thirds)
                .filter(|_| keeps_most || (steps >= TURNOVER_STEPS && has_turned_over(&of_thirds)))
                .map(|bytes| (bytes * all_work / span, binomial_tail(births, births + deaths)))
                .filter(|(_, p_value)| *p_value < LIKELY)
                .map(|(rate, p_value)| (rate, seconds_per_work, p_value * with_survivors));
            // What has hardly any survivors may still grow: a store whose content is made anew each time.
            let is_made_anew = births <= FEW_SURVIVORS * sum.fresh.samples;
            let by_total = || {
                let totals = history.totals.get(from..).filter(|_| is_made_anew)?;
                total_growth(self.times.get(from..)?, totals, steps_of)
                    .map(|(rate, p_value)| (rate, seconds_per_work_alive, p_value * all))
            };
            if let Some((bytes_per_second, seconds, p_value)) = by_survivors.or_else(by_total) {
                found.push(GrowingSite {
                    site: key.clone(),
                    stack: history.stack.clone(),
                    bytes_per_second,
                    bytes_per_work: bytes_per_second * seconds,
                    live_bytes: history.live.iter().rev().skip(1).map(|live| live.bytes).sum(),
                    births: to_u64(births),
                    deaths: to_u64(deaths),
                    p_value: p_value.min(1.0),
                });
            }
        }
        found.retain(|site| site.p_value <= 1.0 - confidence);
        found.sort_by(|a, b| b.bytes_per_second.total_cmp(&a.bytes_per_second));
        found
    }
}

/// What happened to a site between two readings; `before` has one epoch less than `after`.
fn step(before: &[Amount], after: &[Amount]) -> Step {
    let fresh = after.last().copied().unwrap_or_default();
    let mut step = Step { fresh, ..Step::default() };
    let closed = before.len();
    for (epoch, (&was, &is)) in before.iter().zip(after).enumerate() {
        if epoch + 1 == closed {
            // The newest epoch of the reading before: whatever of it is left has survived a collection.
            step.births.add(is);
        } else {
            step.deaths.add(is.lost_since(was));
        }
    }
    step
}

/// All of some amounts.
fn sum(amounts: &[Amount]) -> Amount {
    let mut sum = Amount::default();
    for &amount in amounts {
        sum.add(amount);
    }
    sum
}

/// All that happened in some steps.
fn total(steps: &[Step]) -> Step {
    let mut sum = Step::default();
    for step in steps {
        sum.births.add(step.births);
        sum.deaths.add(step.deaths);
        sum.fresh.add(step.fresh);
    }
    sum
}

/// Steps that follow each other, and the work done in them.
struct Part {
    steps: Range<usize>,
    work: f64,
}

/// Parts of about the same work: of a quiet time nothing can be expected.
fn parts(work: &[f64]) -> Vec<Part> {
    let all: f64 = work.iter().sum();
    let mut found = Vec::with_capacity(PARTS);
    let (mut begun, mut done, mut before) = (0, 0.0, 0.0);
    for (place, step) in work.iter().enumerate() {
        done += step;
        let is_last = place + 1 == work.len();
        // What comes after the last of the work belongs to the last part.
        let is_full =
            found.len() + 1 < PARTS && done >= all * (found.len() + 1) as f64 / PARTS as f64;
        if is_last || is_full {
            found.push(Part { steps: begun..place + 1, work: done - before });
            (begun, before) = (place + 1, done);
        }
    }
    found
}

/// What happened in each part, and the work done in it.
fn of_parts(steps: &[Step], parts: &[Part]) -> Vec<(Step, f64)> {
    let within = |part: &Part| steps.get(part.steps.clone()).unwrap_or_default();
    parts.iter().map(|part| (total(within(part)), part.work)).collect()
}

/// Samples by which a site grows for each unit of work.
fn net((step, work): &(Step, f64)) -> f64 {
    (step.births.samples - step.deaths.samples) / work
}

/// Whether the growth of a site with a turnover is as large at the end as before: while its deaths are catching up with its births,
/// it is not.
fn has_turned_over(parts: &[(Step, f64)]) -> bool {
    let rates: Vec<f64> = parts.iter().map(net).collect();
    let Some((last, before)) = rates.split_last() else { return false };
    before.iter().all(|rate| *last >= TURNED_OVER * rate)
}

/// Bytes by which a site grows for each unit of work; `None` if it does not grow in each part, or falls behind in the last. The
/// middle one of the parts, which one batch does not move.
fn growth(parts: &[(Step, f64)]) -> Option<f64> {
    if parts.iter().any(|(_, work)| *work <= 0.0) {
        return None;
    }
    let rates: Vec<f64> = parts.iter().map(net).collect();
    let goes_on = match rates.as_slice() {
        [_, before, last] => *last >= PERSISTENCE * before,
        _ => false,
    };
    if !goes_on || !rates.iter().all(|rate| *rate > 0.0) {
        return None;
    }
    let mut bytes: Vec<f64> =
        parts.iter().map(|(step, work)| (step.births.bytes - step.deaths.bytes) / work).collect();
    bytes.sort_by(f64::total_cmp);
    bytes.get(bytes.len() / 2).copied().filter(|rate| *rate > 0.0 && rate.is_finite())
}

/// Bytes per second by which all that is alive of a site grows, whatever its age, and the chance of such a rise: of the trend,
/// and of so many more samples in its last third than in its first, each counted once.
fn total_growth(times: &[f64], totals: &[Amount], steps: &[Step]) -> Option<(f64, f64)> {
    let bytes: Vec<f64> = totals.iter().map(|total| total.bytes).collect();
    let found = trend(times, &bytes, 0.99).ok()?;
    let stands_out = found.slope_low > 0.0 && shape(times, &bytes) == Shape::Line;
    let third = steps.len() / PARTS;
    let seen = |range: Range<usize>| {
        let there = totals.get(range.start)?.samples;
        let later = steps.get(range.start + 1..range.end)?;
        Some(there + later.iter().map(|step| step.fresh.samples).sum::<f64>())
    };
    let (before, after) = (seen(0..third)?, seen(steps.len() - third..steps.len())?);
    // Of two equal Poisson counts the second has its share of both by a binomial distribution of one half (Przyborowski and
    // Wilenski 1940, Biometrika 31).
    stands_out.then(|| (found.slope, found.p_rising.max(binomial_tail(after, before + after))))
}

/// Whether a script is part of Node or V8.
fn is_internal(script: &str) -> bool {
    script.is_empty() || script.starts_with("node:")
}

/// For each node the place of the innermost frame, itself included, that belongs neither to Node nor to V8; its own where
/// there is none.
fn culprits(nodes: &[ProfileNode]) -> Vec<usize> {
    let mut found: Vec<Option<usize>> = Vec::with_capacity(nodes.len());
    for (place, node) in nodes.iter().enumerate() {
        let own = (!is_internal(&node.script)).then_some(place);
        // Callers come first, so theirs is known.
        let inherited = || node.parent.and_then(|parent| found.get(parent).copied().flatten());
        found.push(own.or_else(inherited));
    }
    found.iter().enumerate().map(|(place, culprit)| culprit.unwrap_or(place)).collect()
}

/// The call path that ends at a node, innermost first, without the root.
fn stack(nodes: &[ProfileNode], place: usize) -> Vec<SiteKey> {
    let mut frames = Vec::new();
    let mut at = Some(place);
    while let Some(node) = at.and_then(|place| nodes.get(place)) {
        if node.parent.is_some() {
            frames.push(SiteKey::from(node));
        }
        at = node.parent;
    }
    frames
}

/// Chance of at least `successes` among `trials` of probability one half.
fn binomial_tail(successes: f64, trials: f64) -> f64 {
    /// Up to here the sum is exact and quick; above, the normal distribution with continuity correction is as good.
    const EXACT: f64 = 512.0;
    if trials > EXACT {
        return upper_tail((successes - 0.5 - trials / 2.0) / (trials.sqrt() / 2.0));
    }
    // From the top: C(n, n) / 2^n, each next term by the ratio of neighbours.
    let mut term = (-trials * std::f64::consts::LN_2).exp();
    let mut sum = 0.0;
    for failures in 0..=to_u64(trials - successes) {
        sum += term;
        let failures = failures as f64;
        term *= (trials - failures) / (failures + 1.0);
    }
    sum.min(1.0)
}

#[cfg(test)]
#[path = "sites_tests.rs"]
mod tests;
