//! The classes behind `BufferPool` in JavaScript.

#![expect(
    clippy::missing_errors_doc,
    clippy::must_use_candidate,
    reason = "index.d.ts documents the errors; JavaScript knows no must_use"
)]

use std::{ffi::c_void, ptr, sync::Arc};

use napi::{Env, Unknown, sys};
use napi_derive::napi;

use super::{
    core::{Account, Budget},
    pages,
    slab::Slab,
};
use crate::{
    error::{CodedError, ErrorCode, coded},
    shared::number::to_u64,
};

/// Bytes of a page of memory: what a slab takes of the budget is a multiple of it.
#[napi(catch_unwind)]
pub fn page_size() -> f64 {
    pages::page_size() as f64
}

/// What one pool takes from a budget, which it may share with others.
#[napi]
pub struct SlabAccount {
    account: Arc<Account>,
}

#[napi]
impl SlabAccount {
    /// An account with the budget of that name in this process, or with one of its own. Throws where the budget of that
    /// name has another size.
    #[napi(constructor, catch_unwind)]
    pub fn new(max_bytes: f64, name: Option<String>) -> Result<Self, CodedError> {
        let max = to_u64(max_bytes);
        let budget = match name {
            Some(name) => Budget::named(&name, max)
                .map_err(|other| coded(ErrorCode::BufferPoolBudget, other))?,
            None => Budget::private(max),
        };
        Ok(Self { account: Account::new(budget) })
    }

    /// A slab, filled with zeros; null when it does not fit into the budget. `external`: with memory from the system,
    /// else from the engine. Throws when the system has none.
    #[napi(catch_unwind)]
    pub fn allocate(&self, bytes: f64, external: bool) -> Result<Option<NativeSlab>, CodedError> {
        let exhausted = |reason| coded(ErrorCode::BufferPoolExhausted, reason);
        let length = usize::try_from(to_u64(bytes))
            .map_err(|_| exhausted("The slab is larger than the address space".to_owned()))?;
        let slab = if external {
            Slab::mapped(&self.account, length)
                .map_err(|error| exhausted(format!("The system gave no memory: {error}")))?
        } else {
            Slab::counted(&self.account, length)
        };
        Ok(slab.map(|slab| NativeSlab { slab: Arc::new(slab), length }))
    }

    /// How many bytes must come free before a slab of so many can be allocated.
    #[napi(catch_unwind)]
    pub fn lacking(&self, bytes: f64) -> f64 {
        let footprint = usize::try_from(to_u64(bytes)).ok().and_then(pages::rounded);
        let footprint = footprint.and_then(|footprint| u64::try_from(footprint).ok());
        self.account.lacking(footprint.unwrap_or(u64::MAX)) as f64
    }

    /// Bytes that this pool takes of the budget now.
    #[napi(catch_unwind)]
    pub fn committed(&self) -> f64 {
        self.account.used() as f64
    }

    /// Bytes that are taken of the budget now, by all that share it.
    #[napi(catch_unwind)]
    pub fn shared(&self) -> f64 {
        self.account.shared() as f64
    }

    /// Whether the budget refused somebody else since this was last asked.
    #[napi(catch_unwind)]
    pub fn others_starve(&self) -> bool {
        self.account.others_starve()
    }
}

/// A piece of memory that a pool cuts into blocks.
#[napi]
pub struct NativeSlab {
    slab: Arc<Slab>,
    length: usize, // bytes, > 0, at most the slab's footprint
}

impl NativeSlab {
    fn external(&self, env: &Env, address: *mut c_void) -> (sys::napi_status, sys::napi_value) {
        let mut value = ptr::null_mut();
        let keeper = Arc::into_raw(Arc::clone(&self.slab));
        // SAFETY: inside a Node-API call of `env`. The memory is at least `length` bytes long and stays mapped until the
        // finalizer drops the keeper.
        let status = unsafe {
            sys::napi_create_external_arraybuffer(
                env.raw(),
                address,
                self.length,
                Some(let_go),
                keeper.cast_mut().cast(),
                &raw mut value,
            )
        };
        if status != sys::Status::napi_ok {
            // SAFETY: what `into_raw` gave; Node refused it, so the finalizer will not run.
            drop(unsafe { Arc::from_raw(keeper) });
        }
        (status, value)
    }

    fn owned_by_engine(&self, env: &Env) -> (sys::napi_status, sys::napi_value) {
        let mut value = ptr::null_mut();
        let no_address = ptr::null_mut();
        // SAFETY: inside a Node-API call of `env`; the address is not asked for.
        let status = unsafe {
            sys::napi_create_arraybuffer(env.raw(), self.length, no_address, &raw mut value)
        };
        (status, value)
    }
}

#[napi]
impl NativeSlab {
    /// The slab as an `ArrayBuffer`; to be called once, because V8 forbids two over the same memory. Null where the
    /// runtime allows none over memory that is not its own.
    #[napi(catch_unwind, ts_return_type = "ArrayBuffer | null")]
    pub fn array_buffer(&self, env: Env) -> Result<Option<Unknown<'_>>, CodedError> {
        let (status, value) = self
            .slab
            .address()
            .map_or_else(|| self.owned_by_engine(&env), |address| self.external(&env, address));
        match status {
            sys::Status::napi_ok => {
                // SAFETY: a value that Node has just made for `env`.
                let array_buffer = unsafe { Unknown::from_raw_unchecked(env.raw(), value) };
                Ok(Some(array_buffer))
            }
            sys::Status::napi_no_external_buffers_allowed => Ok(None),
            status => Err(coded(
                ErrorCode::BufferPoolExhausted,
                format!("Node made no ArrayBuffer (status {status})"),
            )),
        }
    }

    /// Bytes that it takes of the budget until `decommit`.
    #[napi(catch_unwind)]
    pub fn footprint(&self) -> f64 {
        self.slab.footprint() as f64
    }

    /// Gives the memory back to the system and the bytes to the budget. The `ArrayBuffer` can still be read and written;
    /// what it holds may be lost.
    #[napi(catch_unwind)]
    pub fn decommit(&self) {
        self.slab.decommit();
    }
}

unsafe extern "C" fn let_go(_env: sys::napi_env, _data: *mut c_void, keeper: *mut c_void) {
    // SAFETY: the pointer that `array_buffer` took out of an Arc for this one call.
    drop(unsafe { Arc::from_raw(keeper.cast::<Slab>().cast_const()) });
}
