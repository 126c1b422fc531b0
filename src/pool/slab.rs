//! A slab: one piece of memory, paid for from a budget, that a pool cuts into blocks.

use std::{ffi::c_void, io, sync::Arc};

use parking_lot::Mutex;

use super::{
    core::{Account, Reservation},
    pages::{Mapping, rounded},
};

/// Memory and the bytes reserved for it. Both last until this is dropped; the bytes may go earlier, with `decommit`.
#[derive(Debug)]
pub struct Slab {
    /// `None` where JavaScript's engine has the memory. Declared first, so dropped first: the budget does not call
    /// memory free that is not.
    mapping: Option<Mapping>,
    reservation: Mutex<Option<Reservation>>,
    footprint: u64, // bytes, whole pages
}

impl Slab {
    /// Pages from the system; `None` when they do not fit into the budget.
    ///
    /// # Errors
    /// When the system has no memory or no address space left.
    pub fn mapped(account: &Arc<Account>, bytes: usize) -> io::Result<Option<Self>> {
        let Some(mut slab) = Self::counted(account, bytes) else { return Ok(None) };
        slab.mapping = Some(Mapping::new(bytes)?);
        Ok(Some(slab))
    }

    /// Counts memory that the engine has; `None` when it does not fit into the budget.
    #[must_use]
    pub fn counted(account: &Arc<Account>, bytes: usize) -> Option<Self> {
        let footprint = u64::try_from(rounded(bytes)?).ok()?;
        let reservation = account.reserve(footprint)?;
        Some(Self { mapping: None, reservation: Mutex::new(Some(reservation)), footprint })
    }

    /// Where the pages are.
    pub fn address(&self) -> Option<*mut c_void> {
        self.mapping.as_ref().map(Mapping::address)
    }

    /// Bytes that it takes of the budget until `decommit`.
    pub const fn footprint(&self) -> u64 {
        self.footprint
    }

    /// Gives the memory back to the system and the bytes to the budget. The addresses stay mapped. Doing it twice does
    /// no harm.
    pub fn decommit(&self) {
        let reservation = self.reservation.lock().take();
        if reservation.is_some()
            && let Some(mapping) = &self.mapping
        {
            mapping.discard();
        }
        // Only now: see `mapping`.
        drop(reservation);
    }
}
