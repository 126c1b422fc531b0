//! Loads of values that are missing: one for each key, of all threads.
//!
//! Loads of a shard have a lock of their own, taken before that of the shard. A value that was loaded is stored while it is
//! held, so that nothing comes between the look whether it is still wanted and the store. A set or a delete takes it where
//! there are loads; if one began just after that look, it is ended afterwards: it began while the set was under way, so
//! that either may be the newer one.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::{
    super::{
        entry::{Entry, More},
        flights::{Flight, Inbox, Locked, Outcome},
        tags::Tags,
    },
    Found, Refusal, Slot, Store,
};

/// Failures that are remembered, at most.
const FAILURES: usize = 1000;

/// What one finds who wants to load a value.
#[derive(Debug, PartialEq, Eq)]
pub enum Joined {
    /// Nobody loads it: it is his to do so.
    Lead(u64),
    /// It is being loaded. He is told of the end, unless he loads it himself.
    Follow(u64),
    /// It is there by now.
    Found,
    /// It could not be loaded, and nobody is to try again yet.
    Failed(u64, Arc<str>),
}

/// How one wants to load a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// He waits for another one who loads it.
    Wait,
    /// He loads it, whoever else does.
    Anew,
    /// He does not wait for another one.
    Refresh,
}

impl Store {
    /// Begins to load a value, or waits for another one who does.
    ///
    /// # Errors
    /// When there is no room for the tags.
    pub fn join<N: AsRef<[u8]>>(
        &self,
        key: &[u8],
        who: &Arc<Inbox>,
        names: &[N],
        intent: Intent,
    ) -> Result<Joined, Refusal> {
        let slot = self.slot(self.hasher.hash(key)).ok_or(Refusal::NoMemory)?;
        let mut flights = slot.flights.lock();
        if let Some((id, reason)) = flights.failure(key, self.ticker.now()) {
            return Ok(Joined::Failed(id, reason));
        }
        if let Some(flight) = flights.find(key) {
            if intent != Intent::Anew && !self.is_outdated(flight) {
                let id = flight.id();
                if intent == Intent::Wait {
                    flights.wait(key, who);
                }
                return Ok(Joined::Follow(id));
            }
            self.end(&mut flights, key, &Outcome::Gone);
        }
        let id = self.flown.fetch_add(1, Relaxed);
        let (held, epoch) = if names.is_empty() {
            (Vec::new(), None)
        } else {
            let (tags, held) = self.hold_tags(names)?;
            (held, Some(tags.epoch()))
        };
        // Before the look: who sets the key meanwhile either has it seen, or sees this.
        flights.add(key, id, who, held, epoch);
        if intent != Intent::Anew && self.has(key) {
            self.end(&mut flights, key, &Outcome::Gone);
            return Ok(Joined::Found);
        }
        drop(flights);
        slot.counters.loads.count();
        Ok(Joined::Lead(id))
    }

    /// Stores what was loaded, and keeps it for so many milliseconds after its end to serve in need. False if it is not
    /// wanted any more.
    ///
    /// # Errors
    /// As [`Store::set`]; those who wait are told.
    pub fn finish(
        &self,
        key: &[u8],
        id: u64,
        kind: u8,
        value: &[u8],
        ttl: Option<u64>,
        keep: u32,
    ) -> Result<bool, Refusal> {
        let hash = self.hasher.hash(key);
        let Some(slot) = self.slot(hash) else { return Ok(false) };
        let Some(tags) = slot.flights.lock().current(key, id).map(|flight| flight.tags.clone())
        else {
            return Ok(false);
        };
        let head = self.head(key, kind, ttl, More { keep, tags: &tags });
        // Before the lock: there may be much to copy.
        let prepared = self.prepare(&head, value);
        let mut flights = slot.flights.lock();
        let epoch = flights.current(key, id).filter(|it| !self.is_outdated(it)).map(|it| it.epoch);
        let Some(epoch) = epoch else {
            if let Ok(Some(placed)) = prepared {
                self.discard(placed);
            }
            if flights.current(key, id).is_some() {
                self.end(&mut flights, key, &Outcome::Gone);
            }
            return Ok(false);
        };
        let stored = prepared.and_then(|placed| self.publish(slot, hash, &head, placed, value));
        if stored.is_ok() {
            // The entry has its tags now.
            flights.end(key, &Outcome::Stored);
            if let Some(epoch) = epoch {
                self.tell_late(epoch);
            }
        } else {
            self.refuse(slot, &mut flights, key);
        }
        drop(flights);
        stored.map(|()| true)
    }

    /// Ends a load that has failed, and remembers that for so many milliseconds. False if it was not wanted any more.
    pub fn fail(&self, key: &[u8], id: u64, reason: Arc<str>, ttl: u64) -> bool {
        let Some(slot) = self.slot(self.hasher.hash(key)) else { return false };
        slot.counters.load_errors.count();
        let mut flights = slot.flights.lock();
        if flights.current(key, id).is_none() {
            return false;
        }
        self.end(&mut flights, key, &Outcome::Failed(Arc::clone(&reason)));
        if ttl > 0 {
            let most = (FAILURES / self.slots.len()).max(1);
            flights.remember(key, id, self.ticker.now().saturating_add(ttl), reason, most);
        }
        true
    }

    /// Ends a load whose value is not to be stored, and removes the old one. False if it was not wanted any more.
    pub fn drop_loaded(&self, key: &[u8], id: u64) -> bool {
        let hash = self.hasher.hash(key);
        let Some(slot) = self.slot(hash) else { return false };
        let mut flights = slot.flights.lock();
        let wanted = flights.current(key, id).is_some();
        if wanted {
            self.refuse(slot, &mut flights, key);
            self.remove(slot, hash, key);
        }
        drop(flights);
        wanted
    }

    /// Ends a load of a key because a newer value is on its way, as a set of it would.
    pub fn supersede_load(&self, key: &[u8]) {
        if let Some(slot) = self.slot(self.hasher.hash(key)) {
            self.supersede(slot, |it| it == key);
        }
    }

    /// Ends a load that nobody in its own thread waits for; false if somebody in another one does.
    pub fn abandon(&self, key: &[u8], id: u64) -> bool {
        let Some(slot) = self.slot(self.hasher.hash(key)) else { return true };
        let mut flights = slot.flights.lock();
        let waiting = flights.current(key, id).map(Flight::waiting);
        if waiting == Some(0) {
            self.end(&mut flights, key, &Outcome::Gone);
        }
        drop(flights);
        waiting.unwrap_or(0) == 0
    }

    /// One does not wait for a load any more.
    pub fn leave(&self, key: &[u8], id: u64, who: &Arc<Inbox>) {
        if let Some(slot) = self.slot(self.hasher.hash(key)) {
            slot.flights.lock().leave(key, id, who);
        }
    }

    /// Ends all loads of one who is not there any more.
    pub fn desert(&self, who: &Arc<Inbox>) {
        for slot in &self.slots {
            if let Some(mut flights) = slot.flights.lock_if_any() {
                flights.desert(self.tags.get().map(AsRef::as_ref), who);
            }
        }
    }

    /// Finds a value whose time is not over, or not for longer than so many milliseconds; tells which. Counts as `get`
    /// does if `counts`; what is over is counted in any case.
    pub fn get_stale<R>(
        &self,
        key: &[u8],
        limit: u64,
        counts: bool,
        take: impl FnOnce(Found<'_>) -> R,
    ) -> Option<(R, bool)> {
        let hash = self.hasher.hash(key);
        let slot = self.slot(hash)?;
        let shard = slot.lock.read();
        let entry = shard.find(hash, key).map(|reference| shard.entry(reference));
        if entry.is_some_and(|entry| self.is_stale(entry, limit)) {
            slot.counters.stale_hits.count();
            return entry.map(|entry| (take(Found { entries: self.entries, entry }), true));
        }
        drop(shard);
        let found = if counts { self.get(key, take) } else { self.peek(key, take) };
        found.map(|found| (found, false))
    }

    /// Changes what a shard has for some keys, which supersedes loads of them.
    pub(super) fn superseding<R>(
        &self,
        slot: &Slot,
        is: impl Fn(&[u8]) -> bool,
        change: impl FnOnce() -> R,
    ) -> R {
        let flights = self.supersede(slot, &is);
        let changed = change();
        let looked = flights.is_some();
        drop(flights);
        if !looked {
            // One may have begun meanwhile.
            self.supersede(slot, &is);
        }
        changed
    }

    /// Ends loads of a shard. Others cannot begin until what it returns is dropped.
    pub(super) fn supersede<'slot>(
        &self,
        slot: &'slot Slot,
        is: impl FnMut(&[u8]) -> bool,
    ) -> Option<Locked<'slot>> {
        let mut flights = slot.flights.lock_if_any()?;
        flights.supersede(self.tags.get().map(AsRef::as_ref), is);
        Some(flights)
    }

    /// Whether an entry serves in need only, and is not over for longer than so many milliseconds.
    fn is_stale(&self, entry: Entry<'_>, limit: u64) -> bool {
        let keep = u64::from(entry.keep());
        if keep == 0 || self.is_void(entry) {
            return false;
        }
        let (now, gone) = (self.ticker.now(), entry.deadline());
        let over = gone.saturating_sub(keep);
        over <= now && now < gone && now - over <= limit
    }

    /// Whether what is being loaded was invalidated meanwhile.
    fn is_outdated(&self, flight: &Flight) -> bool {
        let void = |tags: &Tags| tags.any_void(flight.tags.iter().copied());
        self.tags.get().map(AsRef::as_ref).is_some_and(void)
    }

    /// Ends a load whose value the cache does not have: those who wait load theirs themselves.
    fn refuse(&self, slot: &Slot, flights: &mut Locked<'_>, key: &[u8]) {
        let waiting = flights.find(key).map_or(0, Flight::waiting);
        for _ in 0..waiting {
            slot.counters.loads.count();
        }
        self.end(flights, key, &Outcome::NotKept);
    }

    /// Ends a load and lets go of its tags.
    fn end(&self, flights: &mut Locked<'_>, key: &[u8], outcome: &Outcome) {
        if let Some(flight) = flights.end(key, outcome)
            && let Some(tags) = self.tags.get()
        {
            tags.release(flight.tags.into_iter());
        }
    }
}
