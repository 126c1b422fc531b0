//! The coarse clock: a thread that writes the time into cells which JavaScript reads as plain memory.
//!
//! Reading a typed-array cell costs about 1 ns, `performance.now()` about 50 ns (measured, Node 20). The thread runs
//! only on demand: a reader that finds its cell at 0 asks the exact clock, and a reader that does so very often
//! [engages](Cell::engage) the thread, which then writes every millisecond for [`LEASE`] and clears the cell again.
//! So an idle process has no ticking thread, and a reader at a low rate gets exact time.

use std::{
    io,
    sync::{
        Arc, LazyLock, Weak,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::shared::{
    number::to_ns,
    service::{Guard, Service, Signal, Wake},
};

/// How long the thread keeps a cell fresh after it was engaged.
pub const LEASE: Duration = Duration::from_millis(100);
/// Time between two writes; the age of a value that a reader can see while the machine is not overloaded.
pub const TICK: Duration = Duration::from_millis(1);

static ANCHOR: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds on the monotonic clock since the first use in this process.
///
/// On Linux and macOS the clock stands still while the machine is suspended, so that a suspend is never mistaken for
/// a blocked loop.
pub fn now_ns() -> u64 {
    to_ns(ANCHOR.elapsed())
}

/// One reader's cell: the bits of an f64, milliseconds on the reader's own time line, or 0.0 when not kept fresh.
///
/// All accesses are sequentially consistent. With weaker ones a processor could let the two stores of a thread that parks
/// the cell and the two of a reader that engages it end as a value without a lease: time would stand still.
pub struct Cell {
    value: AtomicU64,
    /// Reader's time minus ours, milliseconds, as f64 bits.
    offset: AtomicU64,
    /// Our time, in nanoseconds, at which the lease ends; 0 when parked.
    lease_end: AtomicU64,
}

static TICKER: Service = Service::new("heapwise-clock", tick);
static CELLS: Mutex<Vec<Weak<Cell>>> = Mutex::new(Vec::new());

impl Cell {
    /// A parked cell, known to the ticking thread, and the guard that keeps the thread (asleep until engaged).
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn register() -> io::Result<(Arc<Self>, Guard)> {
        let cell = Arc::new(Self {
            value: AtomicU64::new(0),
            offset: AtomicU64::new(0),
            lease_end: AtomicU64::new(0),
        });
        let guard = TICKER.acquire()?;
        let mut cells = CELLS.lock();
        // Environments that ended without ever engaging theirs.
        cells.retain(|cell| cell.strong_count() > 0);
        cells.push(Arc::downgrade(&cell));
        drop(cells);
        Ok((cell, guard))
    }

    /// Keeps the cell fresh for [`LEASE`] from now on; `now_ms` is the time on the reader's own time line.
    pub fn engage(&self, now_ms: f64) {
        let now = now_ns();
        self.offset.store((now_ms - ms(now)).to_bits(), SeqCst);
        self.value.store(now_ms.to_bits(), SeqCst);
        self.lease_end.store(now.saturating_add(to_ns(LEASE)), SeqCst);
        TICKER.wake();
    }

    /// Where the value lies, for the reader to map. Valid as long as the cell is.
    pub const fn as_ptr(&self) -> *const AtomicU64 {
        &raw const self.value
    }

    /// What a reader sees now: milliseconds, or 0 when parked.
    pub fn read(&self) -> f64 {
        f64::from_bits(self.value.load(SeqCst))
    }

    /// Writes the time or, after the lease, parks the cell. Returns whether it is still engaged.
    fn refresh(&self) -> bool {
        let end = self.lease_end.load(SeqCst);
        if end == 0 {
            return false;
        }
        // After the load: never earlier than the time that the engagement it belongs to has written.
        let now = now_ns();
        if now >= end {
            self.lease_end.store(0, SeqCst);
            self.value.store(0, SeqCst);
            return false;
        }
        let offset = f64::from_bits(self.offset.load(SeqCst));
        self.value.store((offset + ms(now)).to_bits(), SeqCst);
        true
    }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn tick(signal: &Signal) {
    let mut pause = None;
    loop {
        if signal.wait(pause) == Wake::Stop {
            return;
        }
        let mut engaged = false;
        CELLS.lock().retain(|cell| {
            cell.upgrade().is_some_and(|cell| {
                engaged |= cell.refresh();
                true
            })
        });
        pause = engaged.then_some(TICK);
    }
}
