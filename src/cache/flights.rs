//! Loads under way: for each key one thread at most, whichever threads wait for it.
//!
//! A flight is what a thread has begun to load. Others who miss the same key wait for its end in their [`Inbox`]. It ends
//! when its value is stored, when it fails, or when it is gone: superseded by a newer value, or its thread has ended.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use parking_lot::{Mutex, MutexGuard};

use super::tags::Tags;

/// How a flight has ended, for those in other threads who have waited for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The value can be read.
    Stored,
    /// There is a value, but the cache has not taken it.
    NotKept,
    /// There is no value of it: whoever wants one looks again.
    Gone,
    /// The load has failed with this.
    Failed(Arc<str>),
}

type Wake = Box<dyn Fn() + Send>;

/// Where a thread is told of flights that have ended.
#[derive(Default)]
pub struct Inbox {
    ended: Mutex<Vec<(u64, Outcome)>>,
    wake: Mutex<Option<Wake>>,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Inbox").field(&self.ended).finish()
    }
}

impl Inbox {
    /// Has `wake` called, from any thread, when there is something in an inbox that was empty before.
    pub fn listen(&self, wake: Wake) {
        *self.wake.lock() = Some(wake);
    }

    /// Nobody is called any more.
    pub fn close(&self) {
        drop(self.wake.lock().take());
    }

    /// What has come.
    pub fn take(&self) -> Vec<(u64, Outcome)> {
        std::mem::take(&mut *self.ended.lock())
    }

    fn tell(&self, id: u64, outcome: Outcome) {
        let mut ended = self.ended.lock();
        ended.push((id, outcome));
        let first = ended.len() == 1;
        drop(ended);
        if first && let Some(wake) = self.wake.lock().as_ref() {
            wake();
        }
    }
}

/// A load under way.
#[derive(Debug)]
pub struct Flight {
    id: u64, // of all flights of a store
    leader: Arc<Inbox>,
    /// Numbers of the tags that its value will have, held by it.
    pub tags: Vec<u32>,
    /// That of the tags when they were held.
    pub epoch: Option<u64>,
    waiting: Vec<Arc<Inbox>>,
}

/// A load that has failed, for as long as nobody is to try again.
#[derive(Debug)]
struct Failure {
    id: u64,
    until: u64, // milliseconds on the clock of the store
    reason: Arc<str>,
}

/// What there is for a key.
#[derive(Debug, Default)]
pub struct Board {
    flights: HashMap<Box<[u8]>, Flight>,
    failures: HashMap<Box<[u8]>, Failure>,
}

/// The loads of one shard.
#[derive(Debug, Default)]
pub struct Flights {
    board: Mutex<Board>,
    len: AtomicUsize, // flights and failures, so that whoever sets a key need not lock where there are none
}

/// The loads of a shard, locked.
pub struct Locked<'a> {
    board: MutexGuard<'a, Board>,
    len: &'a AtomicUsize,
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.note();
    }
}

impl Flights {
    /// Locks them.
    pub fn lock(&self) -> Locked<'_> {
        Locked { board: self.board.lock(), len: &self.len }
    }

    /// Locks them if there are any.
    pub fn lock_if_any(&self) -> Option<Locked<'_>> {
        (self.len.load(SeqCst) > 0).then(|| self.lock())
    }
}

impl Locked<'_> {
    /// The flight for a key.
    pub fn find(&self, key: &[u8]) -> Option<&Flight> {
        self.board.flights.get(key)
    }

    /// The flight for a key, if it has this number.
    pub fn current(&self, key: &[u8], id: u64) -> Option<&Flight> {
        self.find(key).filter(|flight| flight.id == id)
    }

    /// Adds a flight, at once seen by whoever sets the key. There is none for it.
    pub fn add(
        &mut self,
        key: &[u8],
        id: u64,
        leader: &Arc<Inbox>,
        tags: Vec<u32>,
        epoch: Option<u64>,
    ) {
        let leader = Arc::clone(leader);
        let flight = Flight { id, leader, tags, epoch, waiting: Vec::new() };
        self.board.flights.insert(key.into(), flight);
        self.note();
    }

    /// Has one who is not the leader told of the end of a flight; twice makes no difference.
    pub fn wait(&mut self, key: &[u8], who: &Arc<Inbox>) {
        if let Some(flight) = self.board.flights.get_mut(key)
            && !flight.waiting.iter().chain([&flight.leader]).any(|it| Arc::ptr_eq(it, who))
        {
            flight.waiting.push(Arc::clone(who));
        }
    }

    /// One does not wait any more.
    pub fn leave(&mut self, key: &[u8], id: u64, who: &Arc<Inbox>) {
        if let Some(flight) = self.board.flights.get_mut(key).filter(|flight| flight.id == id) {
            flight.waiting.retain(|it| !Arc::ptr_eq(it, who));
        }
    }

    /// Ends a flight. Its tags are still held.
    pub fn end(&mut self, key: &[u8], outcome: &Outcome) -> Option<Flight> {
        let flight = self.board.flights.remove(key)?;
        for inbox in &flight.waiting {
            inbox.tell(flight.id, outcome.clone());
        }
        Some(flight)
    }

    /// What the last load of a key has failed with, if nobody is to try again yet.
    pub fn failure(&mut self, key: &[u8], now: u64) -> Option<(u64, Arc<str>)> {
        let failure = self.board.failures.get(key)?;
        if failure.until > now {
            return Some((failure.id, Arc::clone(&failure.reason)));
        }
        self.board.failures.remove(key);
        None
    }

    /// Remembers a failure, and forgets another one if there are `most`.
    pub fn remember(&mut self, key: &[u8], id: u64, until: u64, reason: Arc<str>, most: usize) {
        let failures = &mut self.board.failures;
        if failures.len() >= most
            && let Some(any) = failures.keys().next().cloned()
        {
            failures.remove(&any);
        }
        failures.insert(key.into(), Failure { id, until, reason });
    }

    /// Ends all flights whose keys are so, and lets go of their tags.
    pub fn supersede(&mut self, tags: Option<&Tags>, mut is: impl FnMut(&[u8]) -> bool) {
        self.end_where(tags, |key, _| is(key));
        self.board.failures.retain(|key, _| !is(key));
    }

    /// Ends the flights that somebody leads who is not there any more, and has him wait for none.
    pub fn desert(&mut self, tags: Option<&Tags>, who: &Arc<Inbox>) {
        self.end_where(tags, |_, flight| Arc::ptr_eq(&flight.leader, who));
        for flight in self.board.flights.values_mut() {
            flight.waiting.retain(|it| !Arc::ptr_eq(it, who));
        }
    }

    fn end_where(&mut self, tags: Option<&Tags>, mut is: impl FnMut(&[u8], &Flight) -> bool) {
        for (_, flight) in self.board.flights.extract_if(|key, flight| is(key, flight)) {
            for inbox in &flight.waiting {
                inbox.tell(flight.id, Outcome::Gone);
            }
            if let Some(tags) = tags {
                tags.release(flight.tags.into_iter());
            }
        }
    }

    /// Says how many there are.
    fn note(&self) {
        self.len.store(self.board.flights.len() + self.board.failures.len(), SeqCst);
    }
}

impl Flight {
    /// Its number.
    pub const fn id(&self) -> u64 {
        self.id
    }

    /// How many others than its leader wait for it.
    pub const fn waiting(&self) -> usize {
        self.waiting.len()
    }
}
