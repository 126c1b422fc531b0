//! Byte budgets. A budget may be shared by pools of several threads; each pool has an account with it.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, LazyLock, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use parking_lot::Mutex;

/// The budgets that have a name. Weak: a budget ends with its last pool and the last memory taken from it.
static NAMED: LazyLock<Mutex<HashMap<String, Weak<Budget>>>> = LazyLock::new(Mutex::default);

/// The budget of that name has another size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherSize {
    /// Its size in bytes.
    pub max: u64,
}

impl fmt::Display for OtherSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pools of this name share a \"maxBytes\" of {}", self.max)
    }
}

/// Bytes that may be committed at a time.
///
/// The counters guard no memory of their own, so no ordering between them and anything else is needed.
#[derive(Debug)]
pub struct Budget {
    max: u64,           // bytes
    used: AtomicU64,    // 0..=max, bytes
    refused: AtomicU64, // reservations that did not fit
}

impl Budget {
    /// A budget that nobody else has.
    #[must_use]
    pub fn private(max: u64) -> Arc<Self> {
        Arc::new(Self { max, used: AtomicU64::new(0), refused: AtomicU64::new(0) })
    }

    /// The budget of that name in this process, made if there is none.
    ///
    /// # Errors
    /// When it exists with another size.
    pub fn named(name: &str, max: u64) -> Result<Arc<Self>, OtherSize> {
        let mut named = NAMED.lock();
        if let Some(budget) = named.get(name).and_then(Weak::upgrade) {
            return if budget.max == max { Ok(budget) } else { Err(OtherSize { max: budget.max }) };
        }
        named.retain(|_, budget| budget.strong_count() > 0);
        let budget = Self::private(max);
        named.insert(name.to_owned(), Arc::downgrade(&budget));
        drop(named);
        Ok(budget)
    }

    /// Bytes reserved now, by all accounts.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }
}

/// What one pool takes from a budget.
#[derive(Debug)]
pub struct Account {
    budget: Arc<Budget>,
    used: AtomicU64,    // 0..=budget.max, bytes
    refused: AtomicU64, // own part of the budget's
    seen: AtomicU64,    // refusals of others at the last look
}

impl Account {
    /// An account that has taken nothing.
    #[must_use]
    pub fn new(budget: Arc<Budget>) -> Arc<Self> {
        let seen = AtomicU64::new(budget.refused.load(Relaxed));
        Arc::new(Self { budget, used: AtomicU64::new(0), refused: AtomicU64::new(0), seen })
    }

    /// Takes bytes from the budget; `None` when they do not fit.
    pub fn reserve(self: &Arc<Self>, bytes: u64) -> Option<Reservation> {
        let Budget { max, used, refused } = &*self.budget;
        let fits = |used: u64| used.checked_add(bytes).filter(|sum| sum <= max);
        if used.fetch_update(Relaxed, Relaxed, fits).is_err() {
            refused.fetch_add(1, Relaxed);
            self.refused.fetch_add(1, Relaxed);
            return None;
        }
        self.used.fetch_add(bytes, Relaxed);
        Some(Reservation { account: Arc::clone(self), bytes })
    }

    /// How many bytes must come free before so many can be reserved.
    pub fn lacking(&self, bytes: u64) -> u64 {
        self.budget.used().saturating_add(bytes).saturating_sub(self.budget.max)
    }

    /// Bytes reserved through this account now.
    pub fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Bytes reserved of the whole budget now.
    pub fn shared(&self) -> u64 {
        self.budget.used()
    }

    /// Whether another account was refused since this was last asked. A reader that comes between the two counts of a
    /// refusal may be wrong once, which costs a pool some idle memory.
    pub fn others_starve(&self) -> bool {
        let others = self.budget.refused.load(Relaxed).wrapping_sub(self.refused.load(Relaxed));
        self.seen.swap(others, Relaxed) != others
    }
}

/// Bytes taken from a budget until this is dropped.
#[derive(Debug)]
pub struct Reservation {
    account: Arc<Account>,
    bytes: u64, // as added to both counters
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.account.used.fetch_sub(self.bytes, Relaxed);
        self.account.budget.used.fetch_sub(self.bytes, Relaxed);
    }
}
