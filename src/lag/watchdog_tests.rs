//! The watchdog over loops that are counters: what it does between threads, for Miri and the thread sanitizer as well.

use std::{
    ffi::{c_int, c_void},
    ptr,
    sync::{
        Arc, Barrier, LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use super::{
    blocks::{BLOCKS, Block},
    core::{Reading, Turn},
    pulse::Pulse,
    uv::{Handle, HandleCallback, Loop, Uv},
    watchdog::{StackSource, Watch, WatchConfig},
};
use crate::clock::core::now_ns;

const MS: u64 = 1_000_000;

unsafe extern "C" fn no_data(_: *mut Handle, _: *mut c_void) {}
unsafe extern "C" fn null(_: *const Handle) -> *mut c_void {
    ptr::null_mut()
}
unsafe extern "C" fn init(_: *mut Loop, _: *mut Handle) -> c_int {
    0
}
unsafe extern "C" fn start(_: *mut Handle, _: HandleCallback) -> c_int {
    0
}
unsafe extern "C" fn stop(_: *mut Handle) -> c_int {
    0
}
unsafe extern "C" fn unref(_: *mut Handle) {}
unsafe extern "C" fn close(_: *mut Handle, _: HandleCallback) {}
/// A loop is the counter of its idle time.
unsafe extern "C" fn idle_time(event_loop: *mut Loop) -> u64 {
    // SAFETY: every loop of these tests points to such a counter, which outlives its watch.
    unsafe { &*event_loop.cast::<AtomicU64>() }.load(Relaxed)
}

static FAKE: LazyLock<Uv> = LazyLock::new(|| Uv {
    prepare_size: 1,
    handle_set_data: no_data,
    handle_get_data: null,
    prepare_init: init,
    prepare_start: start,
    prepare_stop: stop,
    unref,
    close,
    metrics_idle_time: idle_time,
});

/// Watches the loop of that counter.
fn watch(thread: u32, threshold: u64, idle: &AtomicU64, pulse: &Arc<Pulse>) -> Watch {
    let config = WatchConfig {
        thread,
        threshold,
        stack_interval: 0,
        stacks: StackSource::None("a test"),
        gc: None,
        report: None,
    };
    let event_loop = ptr::from_ref(idle).cast_mut().cast::<Loop>();
    // SAFETY: the callers drop the watch before the counter.
    unsafe { Watch::start(config, &FAKE, event_loop, Arc::clone(pulse)) }.unwrap()
}

fn beat(pulse: &Pulse, idle: &AtomicU64) -> Reading {
    let reading = Reading { now: now_ns(), idle: idle.load(Relaxed), gc: 0 };
    pulse.beat(reading);
    reading
}

/// The turn in the ring that is the latest of that thread.
fn latest(thread: u32) -> Option<(u64, u64, bool)> {
    let of_thread = |block: &&Block| block.thread == thread;
    BLOCKS.lock().iter().filter(of_thread).last().map(|block| (block.id, block.busy, block.ended))
}

#[test]
fn a_turn_is_in_the_ring_while_it_lasts_and_ends_there() {
    const THREAD: u32 = 70_001;
    let (idle, pulse) = (AtomicU64::new(0), Arc::new(Pulse::default()));
    let watch = watch(THREAD, 5 * MS, &idle, &pulse);
    let begin = beat(&pulse, &idle);
    let (id, busy, ended) = loop {
        if let Some(found) = latest(THREAD) {
            break found;
        }
        thread::yield_now();
    };
    assert!(busy >= 5 * MS && !ended);
    let end = beat(&pulse, &idle);
    let turn = Turn::between(begin, end);
    assert_eq!(watch.ended(end.now, turn), Some(id));
    assert_eq!(latest(THREAD), Some((id, turn.busy, true)));
}

#[test]
fn what_a_loop_waits_for_is_not_held_against_it() {
    const THREAD: u32 = 70_002;
    let (idle, pulse) = (AtomicU64::new(0), Arc::new(Pulse::default()));
    let busy = AtomicU64::new(0);
    let _idle = watch(THREAD, 2 * MS, &idle, &pulse);
    let other = Arc::new(Pulse::default());
    let _busy = watch(THREAD + 1, 2 * MS, &busy, &other);
    beat(&pulse, &idle);
    // More than the test can take.
    idle.store(3_600_000 * MS, Relaxed);
    beat(&other, &busy);
    // The watchdog has looked at both more than once.
    while latest(THREAD + 1).is_none_or(|(_, busy, _)| busy < 20 * MS) {
        thread::yield_now();
    }
    assert_eq!(latest(THREAD), None);
}

#[test]
fn loops_come_and_go_while_the_watchdog_looks_at_them() {
    const THREADS: u32 = 4;
    const ROUNDS: u64 = if cfg!(miri) { 10 } else { 200 };
    let barrier = Barrier::new(THREADS as usize);
    thread::scope(|scope| {
        for thread in 70_010..70_010 + THREADS {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                for round in 0..ROUNDS {
                    let (idle, pulse) = (AtomicU64::new(0), Arc::new(Pulse::default()));
                    let watch = watch(thread, MS / 10, &idle, &pulse);
                    let begin = beat(&pulse, &idle);
                    while now_ns() - begin.now < (round % 3) * MS {
                        thread::yield_now();
                    }
                    let end = beat(&pulse, &idle);
                    let turn = Turn::between(begin, end);
                    let id = watch.ended(end.now, turn);
                    assert_eq!(id.is_some(), turn.busy >= MS / 10);
                    beat(&pulse, &idle);
                    drop(watch);
                }
            });
        }
    });
    let mine = |block: &&Block| (70_010..70_010 + THREADS).contains(&block.thread);
    assert!(BLOCKS.lock().iter().filter(mine).all(|block| block.ended));
}
