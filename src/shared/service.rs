//! Background threads that live as long as somebody uses them.
//!
//! A [`Service`] is a process-wide thread with a user count: the first [`Service::acquire`] starts it, dropping the
//! last [`Guard`] stops and joins it. Joining matters: an addon image may be unmapped when the last environment that
//! loaded it ends (a worker, on systems without `-z nodelete`), and a thread still inside it would crash the process.

use std::{
    io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

/// Tells a service thread to stop or to look at new work.
#[derive(Default)]
pub struct Signal {
    state: Mutex<SignalState>,
    changed: Condvar,
}

#[derive(Default)]
struct SignalState {
    stop: bool,
    woken: bool,
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The service has no user left: return from its function.
    Stop,
    /// Somebody called [`Service::wake`].
    Work,
    /// The time is over.
    Timeout,
}

impl Signal {
    /// Waits until the service is stopped or woken, or `timeout` is over; `None` waits without limit.
    pub fn wait(&self, timeout: Option<Duration>) -> Wake {
        let mut state = self.state.lock();
        if !state.stop && !state.woken {
            match timeout {
                Some(timeout) => {
                    let _ = self.changed.wait_for(&mut state, timeout);
                }
                None => self.changed.wait(&mut state),
            }
        }
        if state.stop {
            Wake::Stop
        } else if state.woken {
            state.woken = false;
            Wake::Work
        } else {
            Wake::Timeout
        }
    }

    fn notify(&self, change: impl FnOnce(&mut SignalState)) {
        change(&mut self.state.lock());
        self.changed.notify_all();
    }
}

struct Running {
    users: usize, // >= 1
    signal: Arc<Signal>,
    thread: JoinHandle<()>,
}

/// A process-wide background thread with a user count. Meant to be a `static`.
pub struct Service {
    name: &'static str,
    run: fn(&Signal),
    running: Mutex<Option<Running>>,
}

/// Keeps a [`Service`] running. Dropping the last one joins the thread.
pub struct Guard(&'static Service);

impl Service {
    /// A service that is not running yet. `run` must return soon after [`Signal::wait`] says [`Wake::Stop`].
    pub const fn new(name: &'static str, run: fn(&Signal)) -> Self {
        Self { name, run, running: Mutex::new(None) }
    }

    /// Adds a user, starting the thread for the first one.
    ///
    /// # Errors
    /// When the system cannot start another thread.
    pub fn acquire(&'static self) -> io::Result<Guard> {
        let mut running = self.running.lock();
        if let Some(running) = running.as_mut() {
            running.users += 1;
            return Ok(Guard(self));
        }
        let signal = Arc::new(Signal::default());
        let (run, for_thread) = (self.run, Arc::clone(&signal));
        let thread =
            thread::Builder::new().name(self.name.to_owned()).spawn(move || run(&for_thread))?;
        *running = Some(Running { users: 1, signal, thread });
        drop(running);
        Ok(Guard(self))
    }

    /// Ends the thread's current wait with [`Wake::Work`]; does nothing when the service is not running.
    pub fn wake(&self) {
        if let Some(running) = self.running.lock().as_ref() {
            running.signal.notify(|state| state.woken = true);
        }
    }

    fn release(&self) {
        let mut guard = self.running.lock();
        let last = match guard.as_mut() {
            Some(running) => {
                running.users -= 1;
                running.users == 0
            }
            None => false,
        };
        if last && let Some(running) = guard.take() {
            running.signal.notify(|state| state.stop = true);
            // A panic of the thread has already been reported by its hook; there is nothing to add here.
            // The lock is held: a user that comes now waits and then starts a fresh thread.
            let _ = running.thread.join();
        }
    }

    /// Number of users, for tests and diagnostics.
    pub fn users(&self) -> usize {
        self.running.lock().as_ref().map_or(0, |running| running.users)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.release();
    }
}
