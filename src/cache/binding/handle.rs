//! One opened cache in one environment.

use std::{
    cell::{Cell, RefCell},
    mem, ptr,
    rc::{Rc, Weak},
    slice,
    sync::Arc,
};

use napi::{Env, Result, Status, sys};

use super::{
    super::{compress::Compression, flights::Inbox, registry, store::Store, sweeper},
    kinds::{ENCODED, UTF16},
    later::{Pending, Spares},
    packing::Packing,
};
use crate::shared::{env_hook::EnvHook, service::Guard};

/// Bytes by which the cache may grow or shrink before V8 is told again, and most that it is told of.
const TOLD_IN_STEPS: i64 = 1 << 20;
const TOLD_AT_MOST: i64 = 16 << 20;
/// Bytes that a buffer keeps between calls.
const KEPT: usize = 256 << 10;

/// Memory that calls reuse. Nothing in it is worth anything after a call, but what `take` hands out.
#[derive(Debug, Default)]
pub struct Scratch {
    /// A key.
    pub key: Vec<u8>,
    /// A value on its way in or out.
    pub value: Vec<u8>,
    /// A value of 16-bit units.
    pub units: Vec<u16>,
    /// Where the bytes of the value are that was found last.
    pub held: Held,
}

/// Where a value is until JavaScript takes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Held {
    /// In the [`Window`].
    #[default]
    Window,
    /// In [`Scratch::value`] or, if it has units, in [`Scratch::units`].
    Scratch,
    /// In [`Packing::found`], compressed.
    Packed,
}

impl Scratch {
    /// The bytes of a value of that kind.
    #[must_use]
    pub const fn bytes(&self, kind: u8) -> &[u8] {
        if kind % ENCODED == UTF16 {
            // SAFETY: any units are bytes, twice as many.
            unsafe {
                slice::from_raw_parts(
                    self.units.as_ptr().cast(),
                    size_of_val(self.units.as_slice()),
                )
            }
        } else {
            self.value.as_slice()
        }
    }

    /// Room for so many bytes of a value of that kind, of which nothing is kept. `None` when there is no memory.
    pub fn room_for(&mut self, kind: u8, length: usize) -> Option<&mut [u8]> {
        if kind % ENCODED != UTF16 {
            return resize(&mut self.value, length);
        }
        let units = resize(&mut self.units, length.div_ceil(2))?;
        // SAFETY: any bytes are units, half as many.
        Some(unsafe { slice::from_raw_parts_mut(units.as_mut_ptr().cast(), size_of_val(units)) })
    }

    /// The value, for somebody who keeps it.
    pub fn take(&mut self) -> Self {
        let (value, units) = (mem::take(&mut self.value), mem::take(&mut self.units));
        Self { value, units, ..Self::default() }
    }

    /// Lets go of memory that an unusually large value has needed.
    pub fn shrink(&mut self) {
        if self.value.capacity() > KEPT {
            self.value = Vec::new();
        }
        if self.units.capacity() > KEPT {
            self.units = Vec::new();
        }
    }
}

/// A vector of that length, whatever is in it.
fn resize<T: Copy + Default>(vec: &mut Vec<T>, length: usize) -> Option<&mut [T]> {
    vec.try_reserve_exact(length.saturating_sub(vec.len())).ok()?;
    vec.resize(length, T::default());
    Some(vec)
}

/// Memory that JavaScript sees as well: small values go through it.
pub struct Window {
    address: *mut u8,
    length: usize, // bytes
    keeper: sys::napi_ref,
}

impl Window {
    /// The memory of a typed array, kept alive until the environment ends.
    ///
    /// # Errors
    /// When it is no typed array.
    pub fn new(env: &Env, array: sys::napi_value) -> Result<Self> {
        let mut length = 0;
        let mut address = ptr::null_mut();
        let mut keeper = ptr::null_mut();
        // SAFETY: inside a call of `env`, whose value it is; all pointers are to variables of their types.
        let statuses = unsafe {
            [
                sys::napi_get_buffer_info(env.raw(), array, &raw mut address, &raw mut length),
                sys::napi_create_reference(env.raw(), array, 1, &raw mut keeper),
            ]
        };
        if let Some(status) = statuses.into_iter().find(|status| *status != sys::Status::napi_ok) {
            return Err(napi::Error::from_status(Status::from(status)));
        }
        Ok(Self { address: address.cast(), length, keeper })
    }

    /// Where it is, if it has room for so many bytes.
    pub const fn room_for(&self, bytes: usize) -> Option<ptr::NonNull<u8>> {
        if bytes <= self.length { ptr::NonNull::new(self.address) } else { None }
    }

    /// Bytes that it has room for.
    pub const fn length(&self) -> usize {
        self.length
    }
}

/// What the functions of a cache have in common. It belongs to one thread.
pub struct Handle {
    store: RefCell<Option<Arc<Store>>>,
    /// See [`Scratch`].
    pub scratch: RefCell<Scratch>,
    /// The 16-bit units of a tag, while those of a value are in [`Scratch`].
    pub tag_units: RefCell<Vec<u16>>,
    /// See [`Window`].
    pub window: Window,
    /// Where this thread is told of loads of others that it waits for.
    pub inbox: Arc<Inbox>,
    /// Whether the value that was asked for last was over.
    pub was_stale: Cell<bool>,
    /// See [`Packing`].
    pub packing: RefCell<Packing>,
    /// How values are compressed.
    pub compression: Option<Compression>,
    /// Sets that are under way.
    pub pending: Pending,
    /// For work on other threads.
    pub spares: Arc<Spares>,
    told: Cell<i64>, // bytes that V8 was told of by this handle
    hook: RefCell<Option<EnvHook>>,
    this: Weak<Self>,
    env: sys::napi_env,
    // After `close`, whose work the thread does.
    _sweeper: Guard,
}

impl Handle {
    /// A handle that is closed when the environment ends.
    ///
    /// # Errors
    /// When Node or the system refuses what it needs.
    pub fn new(env: &Env, store: Arc<Store>, window: Window) -> Result<Rc<Self>> {
        let guard =
            sweeper::acquire().map_err(|error| napi::Error::from_reason(error.to_string()))?;
        sweeper::watch(&store);
        let compression = store.settings().compression;
        let handle = Rc::new_cyclic(|this| Self {
            store: RefCell::new(Some(store)),
            scratch: RefCell::default(),
            tag_units: RefCell::default(),
            window,
            inbox: Arc::default(),
            was_stale: Cell::new(false),
            packing: RefCell::default(),
            compression,
            pending: Pending::default(),
            spares: Arc::default(),
            told: Cell::new(0),
            hook: RefCell::new(None),
            this: Weak::clone(this),
            env: env.raw(),
            _sweeper: guard,
        });
        let weak = Rc::downgrade(&handle);
        let hook = EnvHook::new(env, move || {
            if let Some(handle) = weak.upgrade() {
                handle.let_go();
            }
        })?;
        *handle.hook.borrow_mut() = Some(hook);
        Ok(handle)
    }

    /// The environment that it belongs to.
    pub const fn env(&self) -> sys::napi_env {
        self.env
    }

    /// For work that may end after the handle does.
    pub fn weak(&self) -> Weak<Self> {
        Weak::clone(&self.this)
    }

    /// Bytes of a value from which JavaScript takes it instead of copying it from the window.
    pub fn taken_from(&self) -> usize {
        let most = self.window.length() + 1;
        self.compression.map_or(most, |how| how.threshold.min(most))
    }

    /// Does something with the cache; `None` if it is closed.
    #[inline]
    pub fn with<R>(&self, work: impl FnOnce(&Store) -> R) -> Option<R> {
        self.store.borrow().as_ref().map(|store| work(store))
    }

    /// The cache, for work that may outlast this handle; `None` if it is closed.
    pub fn store(&self) -> Option<Arc<Store>> {
        self.store.borrow().as_ref().map(Arc::clone)
    }

    /// Closes it, in a call. Twice does no harm.
    pub fn close(&self) {
        if self.store.borrow().is_some() {
            let told = self.told.take();
            self.tell(-told);
            // SAFETY: inside a call of this environment, which made the reference; closing comes here once.
            unsafe { sys::napi_delete_reference(self.env, self.window.keeper) };
        }
        self.let_go();
        *self.hook.borrow_mut() = None;
    }

    /// Tells V8 how large the cache has become, up to a bound, if this handle is the one that does.
    ///
    /// V8 is to know that a handle which is forgotten holds memory, so that it collects it. But it starts a full collection
    /// for each 64 MB that it is told of, which can free nothing of a cache in use; and what it is told shows nowhere. Each
    /// cache is told of once, whatever the number of threads that have it open.
    pub fn tell_growth(&self, store: &Store) {
        let committed = i64::try_from(store.committed()).unwrap_or(i64::MAX).min(TOLD_AT_MOST);
        let change = committed - self.told.get();
        if change.abs() >= TOLD_IN_STEPS && store.is_told_by(ptr::from_ref(self).addr()) {
            self.told.set(committed);
            self.tell(change);
        }
    }

    fn tell(&self, change: i64) {
        let mut total = 0;
        if change != 0 {
            // SAFETY: inside a call of this environment.
            unsafe { sys::napi_adjust_external_memory(self.env, change, &raw mut total) };
        }
    }

    fn let_go(&self) {
        self.pending.supersede_all();
        if let Some(store) = self.store.take() {
            store.desert(&self.inbox);
            self.inbox.close();
            store.stop_telling(ptr::from_ref(self).addr());
            registry::close(&store);
            sweeper::let_go(store);
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.let_go();
    }
}
