//! The thread that removes entries whose time is over, and frees what was cleared or closed.

use std::{
    io,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::store::Store;
use crate::shared::service::{Guard, Service, Signal, Wake};

static SWEEPER: Service = Service::new("heapwise-cache", run);
static STORES: Mutex<Vec<Weak<Store>>> = Mutex::new(Vec::new());
static CLOSED: Mutex<Vec<Arc<Store>>> = Mutex::new(Vec::new());
/// Whether the thread waits until somebody wakes it.
static ASLEEP: AtomicBool = AtomicBool::new(false);

/// Time between two looks at what may expire. A get never sees an entry whose time is over; this is how long it may keep
/// its memory.
const TICK: Duration = Duration::from_millis(100);
/// Entries of a shard that are looked at before it is the next one's turn.
const STEPS: u32 = 1024;

/// Keeps the thread running.
///
/// # Errors
/// When it cannot be started.
pub fn acquire() -> io::Result<Guard> {
    SWEEPER.acquire()
}

/// Has a store swept from now on.
pub fn watch(store: &Arc<Store>) {
    let mut stores = STORES.lock();
    stores.retain(|store| store.strong_count() > 0);
    if !stores.iter().any(|it| it.as_ptr() == Arc::as_ptr(store)) {
        stores.push(Arc::downgrade(store));
    }
}

/// Has the thread look at once.
pub fn wake() {
    SWEEPER.wake();
}

/// Has the thread look at what expires, if it does not do so anyway.
pub fn nudge() {
    // To look first is cheap where many threads set entries at once.
    if ASLEEP.load(SeqCst) && ASLEEP.swap(false, SeqCst) {
        SWEEPER.wake();
    }
}

/// Lets go of a store. If this was the last who had it, the thread frees its memory: gigabytes take seconds.
pub fn let_go(store: Arc<Store>) {
    CLOSED.lock().push(store);
    SWEEPER.wake();
}

fn run(signal: &Signal) {
    loop {
        let mut pause = look(signal);
        if pause.is_none() {
            ASLEEP.store(true, SeqCst);
            // Somebody may have looked at that just before.
            pause = look(signal);
        }
        let stop = signal.wait(pause) == Wake::Stop;
        ASLEEP.store(false, SeqCst);
        // Not while the list is locked: to free gigabytes takes long, and others close theirs.
        let closed = std::mem::take(&mut *CLOSED.lock());
        drop(closed);
        if stop {
            return;
        }
    }
}

/// Sweeps all stores, and says when to look again.
fn look(signal: &Signal) -> Option<Duration> {
    let mut pause = None;
    let stores: Vec<_> = STORES.lock().iter().filter_map(Weak::upgrade).collect();
    for store in stores {
        if store.has_void() {
            pause = Some(TICK);
            store.remove_void();
        }
        while store.needs_sweeping() {
            pause = Some(TICK);
            if !store.sweep(STEPS) {
                break;
            }
            // Whoever ends the thread waits for it. The next wait says so again.
            if signal.wait(Some(Duration::ZERO)) == Wake::Stop {
                break;
            }
        }
    }
    pause
}
