use super::*;
use crate::v8::profiler::Sample;

const ROOT: usize = 0;

/// A call path of (script, function) pairs, outermost first; returns its place.
fn path(nodes: &mut Vec<ProfileNode>, frames: &[(&str, &str)]) -> usize {
    let mut at = ROOT;
    for (script, function) in frames {
        let known = nodes.iter().position(|node| {
            node.parent == Some(at) && *node.script == **script && *node.function == **function
        });
        at = known.unwrap_or_else(|| {
            nodes.push(ProfileNode {
                id: u32::try_from(nodes.len()).unwrap() + 1,
                parent: Some(at),
                function: (*function).into(),
                script: (*script).into(),
                script_id: 1,
                line: 7,
                column: 3,
            });
            nodes.len() - 1
        });
    }
    at
}

/// A program under the sampler: what it allocates, keeps and drops.
struct Program {
    nodes: Vec<ProfileNode>,
    live: Vec<Sample>,
    ordinal: u64,
    sites: Sites,
    at: f64,
    /// What it counts; nothing unless a test does.
    work: f64,
}

impl Program {
    fn new() -> Self {
        let root = ProfileNode {
            id: 1,
            parent: None,
            function: "(root)".into(),
            script: "".into(),
            script_id: 0,
            line: 0,
            column: 0,
        };
        Self {
            nodes: vec![root],
            live: Vec::new(),
            ordinal: 0,
            sites: Sites::default(),
            at: 0.0,
            work: f64::NAN,
        }
    }

    fn allocate(&mut self, frames: &[(&str, &str)], samples: usize) {
        let place = path(&mut self.nodes, frames);
        for _ in 0..samples {
            self.ordinal += 1;
            let node = self.nodes[place].id;
            self.live.push(Sample { node, size: 100, count: 10, ordinal: self.ordinal });
        }
    }

    /// Keeps the newest `most` of those samples.
    fn keep(&mut self, frames: &[(&str, &str)], most: usize) {
        let place = path(&mut self.nodes, frames);
        let node = self.nodes[place].id;
        let excess =
            self.live.iter().filter(|sample| sample.node == node).count().saturating_sub(most);
        let mut dropped = 0;
        self.live.retain(|sample| {
            let drop = sample.node == node && dropped < excess;
            dropped += usize::from(drop);
            !drop
        });
    }

    /// Ten seconds later, after a collection.
    fn read(&mut self) {
        self.at += 10.0;
        let profile =
            Profile { nodes: self.nodes.clone(), samples: self.live.clone(), is_of_another: false };
        self.sites.push(self.at, self.work, &profile);
    }
}

const LEAK: &[(&str, &str)] =
    &[("/app/server.js", "handle"), ("/app/node_modules/a/index.js", "add")];
const CACHE: &[(&str, &str)] = &[("/app/server.js", "handle"), ("/app/cache.js", "set")];
const GARBAGE: &[(&str, &str)] = &[("/app/server.js", "handle"), ("", "(V8 API)")];

#[test]
fn a_leak_is_told_from_a_full_cache_and_from_garbage() {
    let mut program = Program::new();
    for _ in 0..40 {
        program.allocate(LEAK, 3);
        program.allocate(CACHE, 30);
        program.keep(CACHE, 200);
        program.allocate(GARBAGE, 50);
        program.read();
        program.keep(GARBAGE, 0);
    }
    let found = program.sites.growing(0.99);
    assert_eq!(found.len(), 1, "{found:?}");
    let [site] = &found[..] else { return };
    assert_eq!((&*site.site.script, &*site.site.function), ("/app/node_modules/a/index.js", "add"));
    // 3 samples of 1,000 bytes in 10 s.
    assert!((site.bytes_per_second - 300.0).abs() < 1e-9, "{}", site.bytes_per_second);
    assert_eq!(site.deaths, 0);
    assert!(site.p_value < 1e-9);
    let names: Vec<_> = site.stack.iter().map(|frame| &*frame.function).collect();
    assert_eq!(names, ["add", "handle"]);
}

#[test]
fn what_node_and_v8_allocate_belongs_to_who_called_them() {
    let mut program = Program::new();
    let listener = [
        ("/app/server.js", "handle"),
        ("/app/node_modules/b/on.js", "subscribe"),
        ("node:events", "addListener"),
        ("", "(V8 API)"),
    ];
    let timer = [("node:internal/timers", "insert"), ("node:internal/timers", "list")];
    for _ in 0..20 {
        program.allocate(&listener, 4);
        program.allocate(&timer, 4);
        program.read();
    }
    let found = program.sites.growing(0.99);
    let mut names: Vec<_> = found.iter().map(|site| &*site.site.function).collect();
    names.sort_unstable();
    assert_eq!(names, ["list", "subscribe"], "the innermost frame where all of them are Node's");
    let of_listener = found.iter().find(|site| &*site.site.function == "subscribe").unwrap();
    assert_eq!(of_listener.stack.len(), 4, "the stack is whole all the same");
}

#[test]
fn paths_that_meet_in_one_function_are_one_site() {
    let mut program = Program::new();
    let by = |caller: &'static str| [("/app/server.js", caller), ("/app/store.js", "put")];
    for _ in 0..20 {
        program.allocate(&by("get"), 1);
        program.allocate(&by("post"), 5);
        program.read();
    }
    let found = program.sites.growing(0.99);
    assert_eq!(found.len(), 1);
    assert!((found[0].bytes_per_second - 600.0).abs() < 1e-9);
    assert_eq!(&*found[0].stack[1].function, "post", "the path of most of it");
}

#[test]
fn growth_is_measured_by_the_work_that_the_program_counts_where_it_does() {
    let mut program = Program::new();
    program.work = 5000.0;
    for step in 0..40 {
        // Nights, in which others allocate.
        let requests = if step % 6 < 2 { 1 } else { 12 };
        program.allocate(LEAK, requests);
        program.allocate(GARBAGE, 50);
        program.work += requests as f64;
        program.read();
        program.keep(GARBAGE, 0);
    }
    let found = program.sites.growing(0.99);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!((found[0].bytes_per_work - 1000.0).abs() < 1e-9, "{}", found[0].bytes_per_work);
    // It may stand still for a while.
    for _ in 0..2 {
        program.allocate(GARBAGE, 50);
        program.read();
        program.keep(GARBAGE, 0);
        let found = program.sites.growing(0.99);
        assert!(found.len() == 1 && (found[0].bytes_per_work - 1000.0).abs() < 1e-9, "{found:?}");
    }
    // One that always does counts nothing.
    let mut program = Program::new();
    program.work = 0.0;
    for _ in 0..40 {
        program.allocate(LEAK, 3);
        program.read();
    }
    let found = program.sites.growing(0.99);
    assert!(found.len() == 1 && found[0].bytes_per_work.is_nan(), "{found:?}");
}

#[test]
fn a_cache_that_has_not_turned_over_is_left_out_once_it_has() {
    let mut program = Program::new();
    let mut first = None;
    for step in 0..60 {
        program.allocate(CACHE, 10);
        program.keep(CACHE, 150);
        program.read();
        let grows = !program.sites.growing(0.99).is_empty();
        if step < 14 && grows {
            first = Some(step);
        }
        if step > 40 {
            assert!(!grows, "at step {step}");
        }
    }
    assert!(first.is_some(), "while it fills it cannot be told from a leak");
}

#[test]
fn a_few_survivors_more_than_deaths_are_chance() {
    let mut program = Program::new();
    for step in 0..40 {
        program.allocate(CACHE, 10 + step % 3);
        program.keep(CACHE, 100 + step / 8);
        program.read();
    }
    assert!(program.sites.growing(0.99).is_empty());
}

#[test]
fn memory_stays_bounded_and_slopes_right_however_long_it_runs() {
    let mut program = Program::new();
    for step in 0..1000 {
        program.allocate(LEAK, 1);
        program.allocate(&[("/app/gen.js", if step % 2 == 0 { "even" } else { "odd" })], 2);
        program.keep(&[("/app/gen.js", "even")], 2);
        program.keep(&[("/app/gen.js", "odd")], 2);
        program.read();
    }
    assert!(program.sites.bounds.len() <= MAX_STEPS + 1);
    assert!(program.sites.histories.values().all(|history| history.steps.len() <= MAX_STEPS));
    let found = program.sites.growing(0.99);
    assert_eq!(found.len(), 1);
    assert!((found[0].bytes_per_second - 100.0).abs() < 5.0, "{}", found[0].bytes_per_second);
}

#[test]
fn a_quiet_moment_in_which_nothing_new_survives_forgets_nothing() {
    let mut program = Program::new();
    for _ in 0..10 {
        program.allocate(LEAK, 3);
        program.allocate(GARBAGE, 50);
        program.read();
        program.keep(GARBAGE, 0);
        // Nothing is allocated, and the newest sample is dead.
        program.read();
    }
    assert_eq!(program.sites.steps(), 19);
    assert!(program.sites.has_deaths());
    assert_eq!(program.sites.growing(0.99).len(), 1);
}

#[test]
fn a_batch_now_and_then_is_not_as_many_leaks_as_it_has_objects() {
    let mut program = Program::new();
    for step in 0..48 {
        program.allocate(LEAK, 2);
        if step % 5 == 0 {
            program.allocate(CACHE, 200);
        }
        program.keep(CACHE, if step % 5 < 3 { 400 } else { 200 });
        program.read();
        if step > 16 {
            let found = program.sites.growing(0.99);
            assert!(found.iter().all(|site| &*site.site.function == "add"), "at {step}: {found:?}");
        }
    }
    assert_eq!(program.sites.growing(0.99).len(), 1);
}

#[test]
fn sessions_under_traffic_that_comes_in_bursts_are_hardly_ever_taken_for_a_leak_within_three_windows()
 {
    /// Samples that come within a reading: ordinary, busy, quiet.
    const TRAFFIC: [usize; 6] = [20, 20, 20, 25, 50, 2];
    let mut alarms = 0;
    for seed in 1..=300u64 {
        let mut program = Program::new();
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut traffic = 0;
        let mut lasting = [0; 3];
        let mut is_found = false;
        for reading in 0..TURNOVER_STEPS {
            if reading % 5 == 0 {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                traffic = TRAFFIC[(random >> 33) as usize % TRAFFIC.len()];
            }
            // Sessions last for three readings.
            lasting.rotate_left(1);
            lasting[2] = traffic;
            program.allocate(CACHE, traffic);
            program.keep(CACHE, lasting.iter().sum());
            program.read();
            is_found |= !program.sites.growing(0.99).is_empty();
        }
        alarms += usize::from(is_found);
    }
    assert!(alarms <= 6, "{alarms} of 300");
}

#[test]
fn a_store_that_is_made_anew_each_time_and_grows_is_found_by_what_is_alive() {
    let mut program = Program::new();
    for step in 0..40 {
        program.keep(LEAK, 0);
        program.allocate(LEAK, 10 + 2 * step);
        program.keep(CACHE, 0);
        program.allocate(CACHE, 50 + step * 7919 % 13);
        program.work = 5.0 * step as f64;
        program.read();
    }
    let found = program.sites.growing(0.99);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(&*found[0].site.function, "add");
    // 2 samples of 1,000 bytes more every 10 s.
    assert!((found[0].bytes_per_second - 200.0).abs() < 20.0, "{}", found[0].bytes_per_second);
    // And 5 units of work.
    assert!((found[0].bytes_per_work - 400.0).abs() < 40.0, "{}", found[0].bytes_per_work);
}

#[test]
fn a_few_samples_of_what_is_made_anew_are_chance_however_straight_they_rise() {
    let mut program = Program::new();
    for step in 0..40 {
        program.keep(CACHE, 0);
        program.allocate(CACHE, 3 + step / 10);
        program.read();
    }
    let found = program.sites.growing(0.99);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn nothing_is_said_of_nothing() {
    let mut sites = Sites::default();
    assert!(sites.growing(0.99).is_empty());
    for at in 0..10 {
        sites.push(f64::from(at), f64::NAN, &Profile::default());
    }
    assert!(sites.growing(0.99).is_empty());
}

#[test]
fn the_binomial_tail_is_right_where_it_is_summed_and_where_it_is_approximated() {
    let close = |got: f64, want: f64| assert!((got / want - 1.0).abs() < 1e-6, "{got} {want}");
    close(binomial_tail(10.0, 10.0), 1.0 / 1024.0);
    close(binomial_tail(0.0, 7.0), 1.0);
    close(binomial_tail(60.0, 100.0), 0.028_443_966_820_490_397); // scipy.stats.binom.sf(59, 100, 0.5)
    // scipy.stats.binom.sf(549, 1000, 0.5) = 0.000865...; the normal curve is within some percent.
    let tail = binomial_tail(550.0, 1000.0);
    assert!((8.0e-4..9.5e-4).contains(&tail), "{tail}");
}
