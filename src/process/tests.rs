use std::{fs, path::PathBuf};

use super::{
    cgroup::{CgroupMemory, memory},
    sampler::{self, Observer},
};

/// A fake cgroup file system that is removed when dropped.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let root = std::env::temp_dir().join(format!("heapwise-{}-{name}", std::process::id()));
        for (path, content) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        Self(root)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_limit_on_a_parent_counts_when_the_own_group_has_none() {
    let tree = Tree::new(
        "parent",
        &[
            ("memory.max", "max\n"),
            ("pod/memory.max", "536870912\n"),
            ("pod/memory.current", "400000000\n"),
            ("pod/memory.stat", "anon 5\ninactive_file 100000000\nactive_file 7\n"),
            ("pod/app/memory.max", "max\n"),
            ("pod/app/memory.current", "1\n"),
        ],
    );
    let found = memory(&tree.0, "0::/pod/app\n");
    assert_eq!(found, Some(CgroupMemory { limit: 536_870_912, used: 300_000_000 }));
}

#[test]
fn the_smallest_of_several_limits_wins() {
    let tree = Tree::new(
        "smallest",
        &[
            ("a/memory.max", "1000"),
            ("a/memory.current", "900"),
            ("a/b/memory.max", "2000"),
            ("a/b/memory.current", "100"),
        ],
    );
    assert_eq!(memory(&tree.0, "0::/a/b"), Some(CgroupMemory { limit: 1000, used: 900 }));
}

#[test]
fn version_1_writes_no_limit_as_a_huge_number_which_is_no_limit() {
    let files = |limit| {
        [("memory/x/memory.limit_in_bytes", limit), ("memory/x/memory.usage_in_bytes", "77")]
    };
    let own = "12:cpu,cpuacct:/x\n5:memory:/x\n0::/ignored\n";
    let unlimited = Tree::new("v1-none", &files("9223372036854771712"));
    assert_eq!(memory(&unlimited.0, own), None);
    let limited = Tree::new("v1", &files("1048576"));
    assert_eq!(memory(&limited.0, own), Some(CgroupMemory { limit: 1_048_576, used: 77 }));
}

#[test]
fn a_host_path_that_does_not_exist_in_the_container_falls_back_to_the_root() {
    let tree = Tree::new("host", &[("memory.max", "4096"), ("memory.current", "1000")]);
    let found = memory(&tree.0, "0::/system.slice/docker-abc.scope");
    assert_eq!(found, Some(CgroupMemory { limit: 4096, used: 1000 }));
}

#[test]
fn rubbish_is_no_limit_and_no_panic() {
    let tree = Tree::new("rubbish", &[("memory.max", "lots"), ("memory.current", "")]);
    for own in ["", "\n", "0", "0:", "0::", "::", "x:y:z", "0::/../../etc"] {
        assert_eq!(memory(&tree.0, own), None, "{own:?}");
    }
}

#[test]
fn the_resident_set_is_that_of_this_process() {
    let mut observer = Observer::new().unwrap();
    let before = observer.observe(1).unwrap();
    let block = vec![1u8; 64 << 20];
    let after = observer.observe(2).unwrap();
    let grown = after.rss.saturating_sub(before.rss);
    assert!(grown > 48 << 20, "64 MiB touched, {grown} seen");
    assert!(after.total > after.rss);
    drop(block);
}

#[test]
fn the_thread_samples_without_being_asked_and_numbers_its_samples() {
    let guard = sampler::acquire().unwrap();
    let start = std::time::Instant::now();
    while sampler::latest().is_none() {
        assert!(start.elapsed().as_secs() < 10);
        std::thread::yield_now();
    }
    let first = sampler::latest().unwrap();
    assert!(first.rss > 0);
    assert!(sampler::samples_after(first.number).is_empty());
    assert!(sampler::samples_after(0).iter().any(|sample| sample.number == first.number));
    drop(guard);
}

#[test]
fn watchers_are_told_of_samples_until_they_are_dropped() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let watcher = sampler::Watcher::new(move |sample| {
        // Nobody listens any more at the end.
        let _ = sender.send(sample.number);
    });
    let guard = sampler::acquire().unwrap();
    assert!(receiver.recv_timeout(std::time::Duration::from_secs(10)).unwrap() > 0);
    drop(watcher);
    // The channel closes with the last holder of its sender: nobody can be told any more.
    while receiver.recv_timeout(std::time::Duration::from_secs(10)).is_ok() {}
    drop(guard);
}
