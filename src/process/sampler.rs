//! A thread that samples memory once a second for as long as somebody wants it.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;
use sysinfo::{
    MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid,
};

use super::{
    cgroup::{self, CgroupMemory},
    linux,
};
use crate::{
    clock::core::now_ns,
    shared::service::{Guard, Service, Signal, Wake},
};

/// Time between two samples.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// Samples kept for readers that come late: 10 minutes.
const KEPT: usize = 600;

/// Memory at one moment, in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemorySample {
    /// Counts samples since the process started, from 1.
    pub number: u64,
    /// When, on our monotonic clock, in nanoseconds.
    pub at: u64,
    /// Resident set of the process.
    pub rss: u64,
    /// What of it is the process's own, and no mapped file; `None` where the system does not say.
    pub anonymous: Option<u64>,
    /// The machine's memory.
    pub total: u64,
    /// What of it could be had without swapping.
    pub available: u64,
    /// The control group's limit and use, where there is a limit.
    pub cgroup: Option<CgroupMemory>,
    /// Share of the last ten seconds, 0 to 1, in which the machine stood still for want of memory; `None` where the system
    /// does not say.
    pub pressure: Option<f64>,
}

static SAMPLER: Service = Service::new("heapwise-memory", run);
/// Number of the last sample. Goes on over stops and starts: no reader takes a new sample for one it has seen.
static NUMBER: AtomicU64 = AtomicU64::new(0);
static SAMPLES: Mutex<VecDeque<MemorySample>> = Mutex::new(VecDeque::new());

/// Starts sampling, or joins those for whom it runs already.
///
/// # Errors
/// When the thread cannot be started.
pub fn acquire() -> io::Result<Guard> {
    SAMPLER.acquire()
}

/// The samples taken after the one numbered `number` (0: all that are kept), oldest first.
pub fn samples_after(number: u64) -> Vec<MemorySample> {
    SAMPLES.lock().iter().filter(|sample| sample.number > number).copied().collect()
}

/// The newest sample; `None` until the thread has taken one.
pub fn latest() -> Option<MemorySample> {
    SAMPLES.lock().back().copied()
}

type OnSample = Arc<dyn Fn(&MemorySample) + Send + Sync>;

static WATCHERS: Mutex<Vec<(u64, OnSample)>> = Mutex::new(Vec::new());
static LAST_WATCHER: AtomicU64 = AtomicU64::new(0);

/// Is told of each sample, on the sampler's thread, until it is dropped; a call in progress may outlast that.
pub struct Watcher(u64);

impl Watcher {
    /// `on_sample` must be quick, and touch nothing that ends.
    pub fn new(on_sample: impl Fn(&MemorySample) + Send + Sync + 'static) -> Self {
        let id = LAST_WATCHER.fetch_add(1, Relaxed) + 1;
        WATCHERS.lock().push((id, Arc::new(on_sample)));
        Self(id)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        WATCHERS.lock().retain(|(id, _)| *id != self.0);
    }
}

/// Looks at the system. Reusable, because it keeps files open between samples.
pub struct Observer {
    system: System,
    pid: Pid,
}

impl Observer {
    /// `None` on systems that `sysinfo` does not know.
    #[must_use]
    pub fn new() -> Option<Self> {
        Some(Self { system: System::new().ok()?, pid: get_current_pid().ok()? })
    }

    /// One sample; `number` is the caller's to give. `None` when the system does not answer.
    pub fn observe(&mut self, number: u64) -> Option<MemorySample> {
        self.system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        self.system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[self.pid]),
            false,
            ProcessRefreshKind::nothing().with_memory().without_tasks(),
        );
        let rss = self.system.process(self.pid)?.memory();
        Some(MemorySample {
            number,
            at: now_ns(),
            rss,
            anonymous: linux::own_anonymous(),
            total: self.system.total_memory(),
            available: self.system.available_memory(),
            cgroup: cgroup::own_memory(),
            pressure: linux::own_pressure(),
        })
    }
}

fn run(signal: &Signal) {
    let Some(mut observer) = Observer::new() else { return };
    // What a former run left is stale.
    SAMPLES.lock().clear();
    loop {
        let number = NUMBER.fetch_add(1, Relaxed) + 1;
        if let Some(sample) = observer.observe(number) {
            let mut samples = SAMPLES.lock();
            if samples.len() == KEPT {
                samples.pop_front();
            }
            samples.push_back(sample);
            drop(samples);
            // Without the lock: whoever is told may drop a watcher.
            let watchers: Vec<_> =
                WATCHERS.lock().iter().map(|(_, told)| Arc::clone(told)).collect();
            for told in watchers {
                told(&sample);
            }
        }
        if signal.wait(Some(INTERVAL)) == Wake::Stop {
            return;
        }
    }
}
