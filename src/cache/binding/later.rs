//! Work on large values that the threads of libuv do: `setLater`, `getLater`, `takeLater`.
//!
//! What JavaScript sees changes on its own thread only: there a compressed value is stored, if nothing later was done to its
//! key meanwhile. So calls of one thread take effect in their order, and a thread of libuv touches nothing but copies.

use std::{
    cell::RefCell,
    collections::HashMap,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    ptr,
    rc::Weak,
    slice,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use napi::{Env, JsValue, Result, Task, Unknown, sys};
use parking_lot::Mutex;

use super::{
    super::compress::{Algorithm, Compression, Head, PACKED, Packer},
    answer,
    arguments::{Terms, bytes, read_string, view, with_key},
    call::{self, Call, enter},
    functions::set_now,
    handle::{Handle, Scratch},
    kinds::ENCODED,
    packing,
    values::{copy_out, number_of, present, string},
};
use crate::shared::number::to_u64;

/// In an answer of `getLater`: the negated number of a value, less this, is one that `takeLater` is for.
const LATER: f64 = 64.0;
/// What is kept for the threads of libuv, of which there are four by default.
const MOST_SPARES: usize = 4;

/// Bytes of a value from which it is worth it to have another thread compress it. Below, the way there and back takes as much
/// of this thread's time: `bench/shared-cache` measures both.
const fn set_later_from(how: &Compression) -> usize {
    match how.algorithm {
        Algorithm::Lz4 => 16 << 10,
        Algorithm::Zstd if how.level <= 3 => 8 << 10,
        Algorithm::Zstd => 2 << 10,
    }
}

/// As `set_later_from`, for decompressing.
const fn get_later_from(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::Lz4 => 64 << 10,
        Algorithm::Zstd => 32 << 10,
    }
}

/// A set that is under way.
struct Under {
    terms: Terms,
    wanted: AtomicBool, // nothing later was done to its key
}

/// The sets of a thread that are under way: of each key the last one.
#[derive(Default)]
pub struct Pending(RefCell<HashMap<Box<[u8]>, Arc<Under>>>);

impl Pending {
    /// Begins a set, which supersedes those of the same key.
    fn begin(&self, key: &[u8], terms: Terms) -> Arc<Under> {
        let under = Arc::new(Under { terms, wanted: AtomicBool::new(true) });
        let before = self.0.borrow_mut().insert(key.into(), Arc::clone(&under));
        if let Some(before) = before {
            before.wanted.store(false, Relaxed);
        }
        under
    }

    /// Ends a set, and says whether it is still wanted.
    fn end(&self, key: &[u8], under: &Under) -> bool {
        let wanted = under.wanted.load(Relaxed);
        if wanted {
            self.0.borrow_mut().remove(key);
        }
        wanted
    }

    /// Something else was done to a key, later than the set.
    pub fn supersede(&self, key: &[u8]) {
        let mut pending = self.0.borrow_mut();
        // Nearly always; a map would hash the key first.
        if pending.is_empty() {
            return;
        }
        if let Some(under) = pending.remove(key) {
            under.wanted.store(false, Relaxed);
        }
    }

    /// All keys that begin with a prefix were removed.
    pub fn supersede_prefix(&self, prefix: &[u8]) {
        self.supersede_where(|key, _| key.starts_with(prefix));
    }

    /// A tag was invalidated. Returns the keys of the sets that had it.
    pub fn supersede_tag(&self, tag: &[u8]) -> Vec<Box<[u8]>> {
        self.supersede_where(|_, under| under.terms.has_tag(tag))
    }

    /// Something else was done to all keys.
    pub fn supersede_all(&self) {
        self.supersede_where(|_, _| true);
    }

    fn supersede_where(&self, is: impl Fn(&[u8], &Under) -> bool) -> Vec<Box<[u8]>> {
        let mut pending = self.0.borrow_mut();
        let superseded = pending.extract_if(|key, under| is(key, under));
        let end = |(key, under): (Box<[u8]>, Arc<Under>)| {
            under.wanted.store(false, Relaxed);
            key
        };
        superseded.map(end).collect()
    }
}

/// What compresses and decompresses on other threads, between two uses.
#[derive(Default)]
pub struct Spares(Mutex<Vec<Packer>>);

impl Spares {
    /// Does something with one of them. `None` if it panics, whose hook has printed it.
    fn with<R>(&self, work: impl FnOnce(&mut Packer) -> R) -> Option<R> {
        let mut packer = self.0.lock().pop().unwrap_or_default();
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut packer))).ok()?;
        packer.shrink();
        let mut spares = self.0.lock();
        if spares.len() < MOST_SPARES {
            spares.push(packer);
        }
        drop(spares);
        Some(result)
    }
}

/// Who began work that another thread does.
struct Owner(Weak<Handle>);

// SAFETY: made in a call of JavaScript, and used and dropped when Node completes the work, both on the thread of the
// environment. What the other thread calls does not use it.
#[expect(clippy::non_send_fields_in_send_ty, reason = "the other thread does not use it")]
unsafe impl Send for Owner {}

/// A value to be compressed.
struct Pack {
    key: Box<[u8]>,
    kind: u8,
    value: Scratch,
    how: Compression,
    under: Arc<Under>,
    spares: Arc<Spares>,
    owner: Owner,
}

impl Task for Pack {
    type Output = Option<Vec<u8>>;
    type JsValue = Unknown<'static>;

    fn compute(&mut self) -> Result<Self::Output> {
        if !self.under.wanted.load(Relaxed) {
            return Ok(None);
        }
        let (how, kind, value) = (&self.how, self.kind, self.value.bytes(self.kind));
        let pack = |packer: &mut Packer| packer.pack(how, kind, value).map(<[u8]>::to_vec);
        Ok(self.spares.with(pack).flatten())
    }

    fn resolve(&mut self, env: Env, packed: Self::Output) -> Result<Self::JsValue> {
        let env = env.raw();
        let Some(handle) = self.owner.0.upgrade() else {
            return Ok(settled(env, Some(answer::CLOSED)));
        };
        let stored = handle.with(|store| {
            if !handle.pending.end(&self.key, &self.under) {
                return Ok(());
            }
            let (kind, value) = packed
                .as_deref()
                .map_or_else(|| (self.kind, self.value.bytes(self.kind)), |it| (PACKED, it));
            let stored = self.under.terms.set(store, &self.key, kind, value);
            handle.tell_growth(store);
            stored
        });
        Ok(settled(env, stored.map_or(Some(answer::CLOSED), |it| it.err().map(answer::to))))
    }
}

/// A value to be decompressed.
struct Unpack {
    packed: Vec<u8>,
    kind: u8,
    length: usize, // bytes
    target: Target,
    spares: Arc<Spares>,
}

/// Where its bytes go.
enum Target {
    /// Memory of JavaScript, which the reference keeps alive.
    View { address: *mut u8, keeper: sys::napi_ref },
    /// Memory that becomes a string.
    Text(Scratch),
}

// SAFETY: the view is not used by JavaScript until the work is done, and its reference on the thread of JavaScript only.
unsafe impl Send for Target {}

impl Task for Unpack {
    type Output = Option<i32>;
    type JsValue = Unknown<'static>;

    fn compute(&mut self) -> Result<Self::Output> {
        let target = match &mut self.target {
            Target::View { address, .. } => {
                // SAFETY: a view of so many bytes, which is kept and which nobody else knows of.
                unsafe { slice::from_raw_parts_mut(*address, self.length) }
            }
            Target::Text(text) => match text.room_for(self.kind, self.length) {
                Some(room) => room,
                None => return Ok(Some(answer::NO_MEMORY)),
            },
        };
        let packed = &self.packed;
        let unpacked = self.spares.with(|packer| packer.unpack(packed, target));
        Ok(if unpacked == Some(Ok(())) { None } else { Some(answer::DAMAGED) })
    }

    fn resolve(&mut self, env: Env, refusal: Self::Output) -> Result<Self::JsValue> {
        let env = env.raw();
        let Target::Text(text) = &mut self.target else { return Ok(settled(env, refusal)) };
        if refusal.is_some() {
            return Ok(settled(env, refusal));
        }
        let text = string(env, self.kind % ENCODED, self.length, text);
        // SAFETY: a value that Node has just made for `env`.
        Ok(unsafe { Unknown::from_raw_unchecked(env, text) })
    }

    fn finally(self, env: Env) -> Result<()> {
        if let Target::View { keeper, .. } = self.target {
            // SAFETY: on the thread of `env`, which made the reference; it comes here once.
            unsafe { sys::napi_delete_reference(env.raw(), keeper) };
        }
        Ok(())
    }
}

/// `setLater(key, value, kind, ttl, tags)`: as `set`, for a string or a view; a promise of that if another thread is to compress it.
/// `kind` is that of a view, and what is added to that of a string.
pub unsafe extern "C" fn set_later(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 5>| {
        let [_, value, kind, ttl, tags] = call.args;
        let kind = u8::try_from(call::to_number(env, kind).map_or(0, to_u64)).unwrap_or(0);
        with_key(call, |store, key, scratch| {
            let Some(terms) = Terms::read(call.handle, Some((ttl, tags))) else {
                return Some(call::integer(env, answer::BAD_TAGS));
            };
            let Some(kind) = load_value(env, value, kind, scratch) else {
                return Some(call::integer(env, answer::BAD_VALUE));
            };
            let length = scratch.bytes(kind).len();
            let how = packing::compression_for(call.handle, store, key, length)
                .filter(|how| length >= set_later_from(how));
            let Some(how) = how else {
                let value = scratch.bytes(kind);
                let stored = set_now(call.handle, store, env, key, kind, value, &terms);
                scratch.shrink();
                return stored;
            };
            let task = Pack {
                key: key.into(),
                kind,
                value: scratch.take(),
                how,
                under: call.handle.pending.begin(key, terms),
                spares: Arc::clone(&call.handle.spares),
                owner: Owner(call.handle.weak()),
            };
            let promise = begin(env, task);
            if promise.is_some() {
                // What is being loaded is older than this value.
                store.supersede_load(key);
            } else {
                call.handle.pending.supersede(key);
            }
            Some(promise.unwrap_or_else(|| call::integer(env, answer::NO_MEMORY)))
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `getLater(key)`: as `get`, but a large value that is compressed becomes its number negated, less 64, and is to be had by
/// `takeLater`.
pub unsafe extern "C" fn get_later(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 1>| {
        with_key(call, |store, key, scratch| {
            let found = store.get(key, |found| copy_out(call.handle, scratch, found))?;
            if found.0 == PACKED
                && let Ok(head) = packing::head(call.handle)
                && head.length >= get_later_from(head.algorithm)
            {
                return Some(call::number(env, -LATER - number_of(head.kind, head.length)));
            }
            Some(present(env, call.handle, scratch, found))
        })
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// `takeLater(target)`: a promise of nothing, when the value that `getLater` has found is in the target; without one, of the
/// string that it is. A number says why not.
pub unsafe extern "C" fn take_later(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let body = |call: &Call<'_, 1>| {
        let [target] = call.args;
        let packed = mem::take(&mut call.handle.packing.borrow_mut().found);
        let Ok(Head { kind, length, .. }) = Head::read(&packed) else {
            return call::integer(env, answer::DAMAGED);
        };
        let target = match view(env, target) {
            None => Target::Text(Scratch::default()),
            Some((_, room)) if room < length => return call::integer(env, answer::TOO_SMALL),
            Some((address, _)) => {
                let mut keeper = ptr::null_mut();
                // SAFETY: inside a call of `env`, whose value it is.
                unsafe { sys::napi_create_reference(env, target, 1, &raw mut keeper) };
                Target::View { address, keeper }
            }
        };
        let spares = Arc::clone(&call.handle.spares);
        begin(env, Unpack { packed, kind, length, target, spares })
            .unwrap_or_else(|| call::integer(env, answer::NO_MEMORY))
    };
    // SAFETY: called by Node.
    unsafe { enter(env, info, body) }
}

/// Has a thread do something, and returns a promise of what comes of it.
fn begin<T: Task<JsValue = Unknown<'static>> + 'static>(
    env: sys::napi_env,
    task: T,
) -> Option<sys::napi_value> {
    Env::from_raw(env).spawn(task).ok().map(|work| work.promise_object().raw())
}

/// Reads a string or the bytes of a view into the scratch memory, and says what it is. `None` if it is neither.
fn load_value(
    env: sys::napi_env,
    value: sys::napi_value,
    kind: u8,
    scratch: &mut Scratch,
) -> Option<u8> {
    if let Some(string) = read_string(env, value, scratch) {
        return Some(string | kind);
    }
    let (address, length) = view(env, value)?;
    scratch.value.clear();
    // SAFETY: the memory of a view, which no JavaScript of this thread runs to detach meanwhile.
    scratch.value.extend_from_slice(unsafe { bytes(address, length) });
    Some(kind)
}

/// What a promise becomes: nothing, or why not.
fn settled(env: sys::napi_env, refusal: Option<i32>) -> Unknown<'static> {
    let value = refusal.map_or_else(|| call::undefined(env), |answer| call::integer(env, answer));
    // SAFETY: a value that Node has just made for `env`.
    unsafe { Unknown::from_raw_unchecked(env, value) }
}
