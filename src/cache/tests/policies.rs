use std::{path::Path, process::Command};

use super::{super::policy::Kind, Random, get, settings, store};

fn misses(keys: &[u64], max: u64, policy: Kind) -> usize {
    let mut settings = settings(64 << 20, policy);
    settings.max = Some(max);
    let store = store(settings);
    let mut misses = 0;
    for key in keys {
        let key = key.to_ne_bytes();
        if get(&store, &key).is_none() {
            misses += 1;
            store.set(&key, 0, b"", None).unwrap();
        }
    }
    assert_eq!(store.len() as u64, max);
    misses
}

/// A trace of the shared folder, where it exists: 32-bit big-endian integers.
fn trace(name: &str) -> Option<Vec<u64>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/traces");
    let path = folder.join(name);
    if !path.exists() {
        return None;
    }
    let output = Command::new("xz").arg("-dc").arg(path).output().ok()?;
    Some(
        output
            .stdout
            .chunks_exact(4)
            .map(|it| u64::from(u32::from_be_bytes(it.try_into().unwrap())))
            .collect(),
    )
}

/// Requests of a trace, and misses of the three policies with so many entries: those of an ordered dictionary, and of
/// libCacheSim 0.3.5.
type Reference = (&'static str, [u64; 3], [usize; 3], [usize; 3], [usize; 3]);
const REFERENCES: [Reference; 2] = [
    (
        "web07.trace.xz",
        [250, 1000, 4000],
        [45_207, 37_750, 29_821],
        [42_873, 35_582, 28_652],
        [41_638, 34_926, 28_693],
    ),
    (
        "web12.trace.xz",
        [250, 1000, 4000],
        [50_940, 33_725, 20_103],
        [48_871, 30_370, 18_900],
        [47_309, 29_636, 18_847],
    ),
];

#[test]
#[cfg_attr(miri, ignore = "too many requests")]
fn misses_on_real_traces_are_those_of_other_implementations() {
    for (name, sizes, lru, sieve, s3fifo) in REFERENCES {
        let Some(keys) = trace(name) else { continue };
        let counted = |policy| sizes.map(|max| misses(&keys, max, policy));
        assert_eq!(counted(Kind::Lru), lru, "{name}");
        assert_eq!(counted(Kind::Sieve), sieve, "{name}");
        // Not exactly: the hashes of what was evicted are forgotten in about their order.
        for (ours, theirs) in counted(Kind::S3Fifo).into_iter().zip(s3fifo) {
            assert!(ours.abs_diff(theirs) * 100 <= theirs, "{name}: {ours}, not {theirs}");
        }
    }
}

#[test]
fn misses_of_lru_are_those_of_a_list_that_is_sorted_by_use() {
    let keys = synthetic(if cfg!(miri) { 500 } else { 20_000 });
    let max = if cfg!(miri) { 20 } else { 200 };
    let mut used: Vec<u64> = Vec::new();
    let mut expected = 0;
    for key in &keys {
        if let Some(at) = used.iter().position(|it| it == key) {
            used.remove(at);
        } else {
            expected += 1;
            if used.len() == max {
                used.remove(0);
            }
        }
        used.push(*key);
    }
    assert_eq!(misses(&keys, max as u64, Kind::Lru), expected);
}

/// Popular keys, a scan through keys that never come again, and keys that come twice.
fn synthetic(length: usize) -> Vec<u64> {
    let mut random = Random(17);
    (0..length as u64)
        .map(|at| match at % 10 {
            0..7 => {
                let end = 1 + random.below(3000);
                random.below(end)
            }
            7..9 => 1_000_000 + at,
            _ => 2_000_000 + at / 100,
        })
        .collect()
}

#[test]
fn policies_that_resist_scans_miss_less_than_lru_does() {
    let keys = synthetic(if cfg!(miri) { 2000 } else { 200_000 });
    let [lru, sieve, s3fifo] =
        [Kind::Lru, Kind::Sieve, Kind::S3Fifo].map(|policy| misses(&keys, 500, policy));
    if !cfg!(miri) {
        assert!(s3fifo < lru, "{s3fifo} {lru}");
        assert!(sieve < lru, "{sieve} {lru}");
    }
}
