//! The memory limit that a Linux control group puts on this process, and its use.
//!
//! A limit may sit on any ancestor of the process's own group (a pod's slice, say), so the walk goes up to the root
//! and takes the smallest. Version 1 writes "no limit" as a huge number, version 2 as `max`; neither is a limit.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Version 1 reports "no limit" as the largest multiple of the page size below 2^63; no machine has this much.
const NO_LIMIT_FROM: u64 = 1 << 60;

/// The tightest memory limit over the process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CgroupMemory {
    /// The limit of the tightest group.
    pub limit: u64,
    /// What that group uses now, without file pages that the kernel can drop at once.
    pub used: u64,
}

struct Version {
    limit: &'static str,
    used: &'static str,
    inactive: &'static str,
}

const V1: Version = Version {
    limit: "memory.limit_in_bytes",
    used: "memory.usage_in_bytes",
    inactive: "total_inactive_file",
};
const V2: Version =
    Version { limit: "memory.max", used: "memory.current", inactive: "inactive_file" };

/// The directories to look at, own group first, and how their files are named.
fn hierarchy(root: &Path, own: &str) -> Option<(Vec<PathBuf>, Version)> {
    // A line is "id:controllers:path"; version 2 is the line with id 0 and no controllers.
    let field = |line: &str| {
        let mut parts = line.splitn(3, ':');
        Some((parts.next()?.to_owned(), parts.next()?.to_owned(), parts.next()?.to_owned()))
    };
    let lines: Vec<_> = own.lines().filter_map(field).collect();
    let v1 = lines.iter().find(|(_, names, _)| names.split(',').any(|name| name == "memory"));
    let (base, path, version) = if let Some((_, _, path)) = v1 {
        (root.join("memory"), path, V1)
    } else {
        let (_, _, path) = lines.iter().find(|(id, names, _)| id == "0" && names.is_empty())?;
        (root.to_path_buf(), path, V2)
    };
    // Inside a container the path may be that of the host, which does not exist here; the root always does.
    let directories = Path::new(path)
        .ancestors()
        .map(|ancestor| base.join(ancestor.strip_prefix("/").unwrap_or(ancestor)))
        .collect();
    Some((directories, version))
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The tightest limit below `root` (`/sys/fs/cgroup`) for a process whose `/proc/self/cgroup` reads `own`; `None`
/// where nothing limits it.
#[must_use]
pub fn memory(root: &Path, own: &str) -> Option<CgroupMemory> {
    let (directories, version) = hierarchy(root, own)?;
    let (limit, directory) = directories
        .iter()
        .filter_map(|directory| {
            let limit = number(&directory.join(version.limit))?;
            (limit < NO_LIMIT_FROM).then_some((limit, directory))
        })
        .min_by_key(|(limit, _)| *limit)?;
    let used = number(&directory.join(version.used))?;
    let statistics = fs::read_to_string(directory.join("memory.stat")).unwrap_or_default();
    let inactive = statistics
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(name, _)| *name == version.inactive)
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    Some(CgroupMemory { limit, used: used.saturating_sub(inactive) })
}

/// [`memory`] of this process.
#[must_use]
pub fn own_memory() -> Option<CgroupMemory> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    memory(Path::new("/sys/fs/cgroup"), &fs::read_to_string("/proc/self/cgroup").ok()?)
}
