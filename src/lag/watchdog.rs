//! The thread that sees a loop blocked while it is.
//!
//! One for the process, however many loops there are. It needs nothing of them: how long a turn has held its loop is the
//! time since its beginning less the growth of the loop's idle time, which libuv tells any thread. A turn that has
//! been busy for `b` cannot reach the threshold before `threshold - b` is over, so the thread sleeps for as long: ten
//! times a second with the default threshold, whatever the loops do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::{
    blocks::{BLOCKS, Block, Stack},
    core::{Look, Reading, Turn, look},
    freeze::{FREEZE, Freezes},
    helper,
    pulse::Pulse,
    report::Report,
    uv::{Loop, Uv},
};
use crate::{
    clock::core::now_ns,
    shared::service::{Guard, Service, Signal, Wake},
    v8::{gc::GcRecorder, interrupt::Interruptible, stack},
};

/// Shortest sleep, in nanoseconds: with thresholds below it a block is seen late, not at a cost.
const SHORTEST: u64 = 1_000_000;
/// Shortest sleep until a turn in progress can reach its threshold, in nanoseconds: what a system's timers tell apart.
const FINEST: u64 = 50_000;
/// Longest sleep while there is a loop, in nanoseconds: when the process was stopped is known to one sleep.
const LONGEST: u64 = 250_000_000;
/// How often the duration of a block in progress is brought up to date, in nanoseconds; more often if the next turn could
/// reach its threshold earlier.
const REFRESH: u64 = 100_000_000;
/// Time that a stack may take, in nanoseconds. An interrupt comes within 0.4 ms in JavaScript; what has not come by then
/// waits for the end of a native call.
const INTERRUPT_PATIENCE: u64 = 50_000_000;
/// The same for the helper: the inspector's first answer takes 16 to 29 ms.
const HELPER_PATIENCE: u64 = 80_000_000;

static WATCHDOG: Service = Service::new("heapwise-watch", run);
static LOOPS: Mutex<Vec<Arc<Watched>>> = Mutex::new(Vec::new());
static FREEZES: Mutex<Freezes> = Mutex::new(Freezes::new());

/// How the stack of a blocked loop is to be had.
pub enum StackSource {
    /// By V8's interrupt.
    Interrupt(Arc<Interruptible>),
    /// By the helper in JavaScript.
    Helper,
    /// Not at all, for this reason.
    None(&'static str),
}

/// What of a loop is watched, and how.
pub struct WatchConfig {
    /// Node's number of its thread.
    pub thread: u32,
    /// Busy time from which a turn counts as blocked, in nanoseconds.
    pub threshold: u64,
    /// Least time from one stack to the next, in nanoseconds.
    pub stack_interval: u64,
    /// Where stacks come from.
    pub stacks: StackSource,
    /// The thread's collections, if they are watched.
    pub gc: Option<Arc<GcRecorder>>,
    /// Where blocks in progress are reported, besides the ring.
    pub report: Option<Report>,
}

/// A block in progress.
struct Open {
    turn: u64,
    id: u64,
    /// Whether its stack is asked for.
    asks: bool,
    /// When what is known of it is enough to be reported, until that has been done.
    report_at: Option<u64>,
}

/// A loop that is watched.
pub struct Watched {
    config: WatchConfig,
    pulse: Arc<Pulse>,
    uv: &'static Uv,
    /// Null once the probe is off the loop; the lock is held while libuv is asked.
    event_loop: Mutex<*mut Loop>,
    open: Mutex<Option<Open>>,
    last_stack: AtomicU64,
}

// SAFETY: the loop is used under its lock, while it is on, for a function that libuv documents as thread-safe.
unsafe impl Send for Watched {}
// SAFETY: as above.
unsafe impl Sync for Watched {}

/// Keeps a loop watched. Belongs to the loop's thread.
pub struct Watch {
    watched: Arc<Watched>,
    _running: Guard,
}

impl Watch {
    /// Begins to watch.
    ///
    /// # Safety
    /// The loop must live until this is dropped.
    ///
    /// # Errors
    /// When no thread can be started.
    pub unsafe fn start(
        config: WatchConfig,
        uv: &'static Uv,
        event_loop: *mut Loop,
        pulse: Arc<Pulse>,
    ) -> Result<Self, &'static str> {
        let watched = Arc::new(Watched {
            config,
            pulse,
            uv,
            event_loop: Mutex::new(event_loop),
            open: Mutex::new(None),
            last_stack: AtomicU64::new(0),
        });
        let running = WATCHDOG.acquire().map_err(|_| "no thread to be had for the watchdog")?;
        LOOPS.lock().push(Arc::clone(&watched));
        WATCHDOG.wake();
        Ok(Self { watched, _running: running })
    }

    /// A turn has ended at `now` that was busy for the threshold or longer, though less of it may be left in `turn` when
    /// nothing ran for some of the time. Returns the block's number, unless it is none.
    pub fn ended(&self, now: u64, turn: Turn) -> Option<u64> {
        let Watched { config, open, .. } = &*self.watched;
        let id = open.lock().take().map(|open| open.id);
        if let StackSource::Interrupt(target) = &config.stacks {
            target.forget();
        }
        let mut blocks = BLOCKS.lock();
        if let Some(block) = id.and_then(|id| blocks.find(id)) {
            (block.busy, block.gc, block.ended) = (turn.busy, turn.gc, true);
            if block.stack == Stack::Awaited {
                block.stack = Stack::Missing("the block was over before it came");
            }
        }
        if turn.busy < config.threshold {
            return None;
        }
        let id = id.unwrap_or_else(|| {
            blocks.add(Block {
                id: 0,
                thread: config.thread,
                start: now.saturating_sub(turn.busy),
                busy: turn.busy,
                gc: turn.gc,
                ended: true,
                stack: Stack::Missing("it was over before the watchdog looked"),
            })
        });
        drop(blocks);
        Some(id)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let watched = &self.watched;
        LOOPS.lock().retain(|other| !Arc::ptr_eq(other, watched));
        // Waits for a look in progress.
        *watched.event_loop.lock() = std::ptr::null_mut();
        if let StackSource::Interrupt(target) = &watched.config.stacks {
            target.revoke();
        }
        if let Some(open) = watched.open.lock().take()
            && let Some(block) = BLOCKS.lock().find(open.id)
        {
            block.ended = true;
        }
    }
}

/// What is left of the turn that began at `from` without the time in which nothing of the process ran.
pub fn unfrozen(turn: Turn, from: u64, now: u64) -> Turn {
    // No shorter turn can hold such a time.
    if turn.busy < FREEZE { turn } else { turn.less(FREEZES.lock().between(from, now)) }
}

fn run(signal: &Signal) {
    let mut wait: Option<u64> = None;
    loop {
        let now = now_ns();
        FREEZES.lock().sleeps(now, wait.map(|wait| now + wait));
        let wake = signal.wait(wait.map(Duration::from_nanos));
        FREEZES.lock().woke(now_ns());
        if wake == Wake::Stop {
            FREEZES.lock().sleeps(0, None);
            return;
        }
        let loops = LOOPS.lock().clone();
        wait = loops.iter().map(|watched| watched.look().min(LONGEST)).min();
    }
}

impl Watched {
    /// Looks at the turn in progress. Returns the time after which to look again, in nanoseconds.
    fn look(&self) -> u64 {
        let Self { config, pulse, .. } = self;
        let soon = config.threshold.max(SHORTEST);
        let Some((turn, last)) = pulse.last() else { return soon };
        let Some(reading) = self.read() else { return soon };
        let so_far = unfrozen(Turn::between(last, reading), last.now, reading.now);
        match look(so_far, config.threshold) {
            // With a threshold below the shortest sleep, each look would find a turn that is about to reach it.
            Look::Free(rest) => {
                rest.max(if config.threshold < SHORTEST { SHORTEST } else { FINEST })
            }
            Look::Blocked(blocked) => self.blocked(turn, reading.now, blocked),
        }
    }

    /// Whether the probe is still on the loop.
    fn is_on(&self) -> bool {
        !self.event_loop.lock().is_null()
    }

    fn read(&self) -> Option<Reading> {
        let event_loop = self.event_loop.lock();
        // SAFETY: the loop is live while the lock is held and the pointer is not null.
        (!event_loop.is_null())
            .then(|| unsafe { self.uv.reading(*event_loop, self.config.gc.as_deref()) })
    }

    /// The turn in progress is blocked. Returns the time after which to look again.
    fn blocked(&self, turn: u64, now: u64, blocked: Turn) -> u64 {
        let (due, wait) = {
            let mut open = self.open.lock();
            match open.as_mut().filter(|open| open.turn == turn) {
                Some(open) => open.goes_on(now, blocked),
                // The loop says that a turn has ended before it asks for what is open: so either it is over by now, or
                // the loop will find what is put here, as will the end of the watch, which takes the loop away first.
                None if self.pulse.is(turn) && self.is_on() => {
                    self.begins(open.insert(self.opened(turn, now, blocked)), now)
                }
                None => (None, SHORTEST),
            }
        };
        let wait = wait.min(self.config.threshold.max(SHORTEST));
        // Without the lock, which the loop takes at the end of its turn: a disk may keep us waiting.
        if let (Some(id), Some(report)) = (due, &self.config.report) {
            let block = BLOCKS.lock().find(id).map(|block| block.clone());
            if let Some(block) = block {
                report.write(&block);
            }
        }
        wait
    }

    fn opened(&self, turn: u64, now: u64, blocked: Turn) -> Open {
        let last = self.last_stack.load(Relaxed);
        let soon = last != 0 && now.saturating_sub(last) < self.config.stack_interval;
        let stack = match &self.config.stacks {
            StackSource::None(reason) => Stack::Missing(reason),
            _ if soon => Stack::Missing("another one was captured a moment ago"),
            StackSource::Interrupt(_) | StackSource::Helper => Stack::Awaited,
        };
        let patience = match self.config.stacks {
            StackSource::Helper => HELPER_PATIENCE,
            _ => INTERRUPT_PATIENCE,
        };
        let asks = stack == Stack::Awaited;
        let id = BLOCKS.lock().add(Block {
            id: 0,
            thread: self.config.thread,
            start: now.saturating_sub(blocked.busy),
            busy: blocked.busy,
            gc: blocked.gc,
            ended: false,
            stack,
        });
        Open { turn, id, asks, report_at: Some(if asks { now + patience } else { now }) }
    }

    /// Asks for the stack of a block that was just found. Returns the block to be reported, if it is time to, and the
    /// time after which to look again.
    fn begins(&self, open: &mut Open, now: u64) -> (Option<u64>, u64) {
        let id = open.id;
        if open.asks {
            self.last_stack.store(now, Relaxed);
            match &self.config.stacks {
                StackSource::Interrupt(target) => {
                    stack::ask(target, Box::new(move |frames| BLOCKS.lock().captured(id, frames)));
                }
                StackSource::Helper if !helper::ask(id) => {
                    BLOCKS.lock().refused(id, "the helper that captures stacks is not there yet");
                }
                StackSource::Helper | StackSource::None(_) => {}
            }
        }
        open.due(now)
    }
}

impl Open {
    /// It is still in progress.
    fn goes_on(&mut self, now: u64, blocked: Turn) -> (Option<u64>, u64) {
        if let Some(block) = BLOCKS.lock().find(self.id) {
            (block.busy, block.gc) = (blocked.busy, blocked.gc);
            if block.stack == Stack::Awaited && self.report_at.is_some_and(|at| now >= at) {
                block.stack = Stack::InNative;
            }
        }
        self.due(now)
    }

    fn due(&mut self, now: u64) -> (Option<u64>, u64) {
        match self.report_at {
            Some(at) if now < at => (None, (at - now).max(SHORTEST)),
            Some(_) => {
                self.report_at = None;
                (Some(self.id), REFRESH)
            }
            None => (None, REFRESH),
        }
    }
}
