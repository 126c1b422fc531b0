//! V8's call before the heap limit ends the process: the last occasion to write down what is known.
//!
//! V8 asks the callback that was added last for a new limit, in the middle of a collection, on the JavaScript thread. No
//! JavaScript may run there. What is answered is a higher limit, a slice at a time: the process lives on, and can drain.
//!
//! V8 ends the process when one function is added twice, and takes callbacks back by their function alone, so there is one
//! for each thread, which serves all hooks of it. It takes itself back with the last slice: behind it are Node's own for
//! worker threads and for heap snapshots.

use std::{
    cell::{Cell, RefCell},
    ffi::c_void,
    panic::AssertUnwindSafe,
    ptr,
    rc::Rc,
    sync::OnceLock,
};

use super::{
    isolate::{Isolate, V8},
    symbols::symbol,
};

type NearHeapLimit = unsafe extern "C" fn(*mut c_void, usize, usize) -> usize;

struct LimitApi {
    add: unsafe extern "C" fn(*mut Isolate, NearHeapLimit, *mut c_void),
    remove: unsafe extern "C" fn(*mut Isolate, NearHeapLimit, usize),
}

impl LimitApi {
    fn get() -> Result<&'static Self, &'static str> {
        static API: OnceLock<Option<LimitApi>> = OnceLock::new();
        V8::get()?;
        API.get_or_init(Self::find)
            .as_ref()
            .ok_or("this runtime does not export V8's heap-limit callbacks")
    }

    fn find() -> Option<Self> {
        // SAFETY: each type follows V8's declaration of the function of that mangled name (v8-isolate.h); see isolate.rs for
        // the calling convention.
        unsafe {
            Some(Self {
                add: symbol("_ZN2v87Isolate24AddNearHeapLimitCallbackEPFmPvmmES1_")?,
                remove: symbol("_ZN2v87Isolate27RemoveNearHeapLimitCallbackEPFmPvmmEm")?,
            })
        }
    }

    /// # Safety
    /// On the thread of the isolate, which is live, and registered.
    unsafe fn take_back(&self, isolate: *mut Isolate) {
        /// The limit stays as it is.
        const UNCHANGED: usize = 0;
        // SAFETY: by the caller's promise.
        unsafe { (self.remove)(isolate, on_near_limit, UNCHANGED) }
    }
}

/// Slices of the extra room: each call of V8 that is answered by a higher limit also begins its patience anew.
const SLICES: u32 = 4;
/// Bytes that are granted when the work of the callback itself meets the limit.
const NESTED: usize = 16 << 20;

/// Called on the JavaScript thread, inside V8, with the number of the slice from 0; must not run JavaScript.
pub type OnLimit = Box<dyn Fn(u32)>;

/// What is done near the limit, and how far it may be exceeded.
struct Hook {
    on_limit: OnLimit,
    extra: usize,
    slices: u32,
}

/// The hooks of this thread.
#[derive(Default)]
struct Hooks {
    all: RefCell<Vec<Rc<Hook>>>,
    /// The isolate that the callback is registered with; null when it is not.
    registered: Cell<*mut Isolate>,
    slice: Cell<u32>,
    busy: Cell<bool>,
    /// The highest limit granted inside the callback's own work.
    granted: Cell<usize>,
}

thread_local! {
    static HOOKS: Hooks = Hooks::default();
}

/// One hook for the heap limit of the thread that made it. Taken back when dropped, which must be on that thread and before
/// its isolate ends.
pub struct HeapLimitHook(Rc<Hook>);

impl HeapLimitHook {
    /// Adds a hook. The heap may exceed its limit by `extra` bytes, in several slices, or in one for a worker thread, where
    /// Node ends only the thread with what comes then.
    ///
    /// # Safety
    /// Call on a JavaScript thread, inside a Node-API call; the hook must be dropped there before the isolate ends.
    ///
    /// # Errors
    /// Where there is no bridge.
    pub unsafe fn install(
        on_limit: OnLimit,
        extra: usize,
        is_worker: bool,
    ) -> Result<Self, &'static str> {
        let api = LimitApi::get()?;
        // SAFETY: a JavaScript thread, by the caller's promise.
        let isolate = unsafe { V8::get()?.current_isolate() };
        if isolate.is_null() {
            return Err("no isolate is entered on this thread");
        }
        let slices = if is_worker { 1 } else { SLICES };
        let hook = Rc::new(Hook { on_limit, extra, slices });
        HOOKS.with(|hooks| {
            hooks.all.borrow_mut().push(Rc::clone(&hook));
            if hooks.registered.get().is_null() {
                hooks.registered.set(isolate);
                hooks.slice.set(0);
                // SAFETY: the isolate is live and ours, and the callback is not registered.
                unsafe { (api.add)(isolate, on_near_limit, ptr::null_mut()) };
            }
        });
        Ok(Self(hook))
    }
}

impl Drop for HeapLimitHook {
    fn drop(&mut self) {
        // The thread may be ending, and its hooks with it; V8 is gone then too.
        let _ = HOOKS.try_with(|hooks| {
            hooks.all.borrow_mut().retain(|hook| !Rc::ptr_eq(hook, &self.0));
            if hooks.all.borrow().is_empty() {
                hooks.take_back();
            }
        });
    }
}

impl Hooks {
    fn take_back(&self) {
        let isolate = self.registered.replace(ptr::null_mut());
        if let (false, Ok(api)) = (isolate.is_null(), LimitApi::get()) {
            // SAFETY: registered with that isolate, on its thread, and it is live: `install`'s caller promised that hooks are
            // dropped before its end, and V8 calls back on live isolates only.
            unsafe { api.take_back(isolate) };
        }
    }

    /// The new limit.
    fn near_limit(&self, current: usize) -> usize {
        let all = self.all.borrow().clone();
        let extra = all.iter().map(|hook| hook.extra).max().unwrap_or_default();
        if self.busy.replace(true) {
            // What is done near the limit has met it again: without more room that would be the end.
            let limit = current.saturating_add(NESTED.max(extra / SLICES as usize));
            self.granted.set(self.granted.get().max(limit));
            return limit;
        }
        let _busy = Busy(self);
        let slices = all.iter().map(|hook| hook.slices).min().unwrap_or(1);
        let slice = self.slice.replace(self.slice.get() + 1);
        for hook in &all {
            (hook.on_limit)(slice);
        }
        if slice + 1 >= slices {
            self.take_back();
        }
        // More than what was granted meanwhile, or V8 would take it for no answer.
        let limit = current.max(self.granted.replace(0));
        limit.saturating_add(share(extra, slice, slices))
    }
}

/// The first slice is half of all: one scavenge can promote as much as the young generation holds, at once. The others share
/// what is left.
const fn share(extra: usize, slice: u32, slices: u32) -> usize {
    match slice {
        _ if slice >= slices => 0,
        0 if slices == 1 => extra,
        0 => extra / 2,
        _ => extra / 2 / (slices as usize - 1),
    }
}

/// Not busy any more when dropped, also by a panic.
struct Busy<'a>(&'a Hooks);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.busy.set(false);
    }
}

unsafe extern "C" fn on_near_limit(_: *mut c_void, current: usize, _: usize) -> usize {
    // A panic must not unwind into V8.
    let limit = std::panic::catch_unwind(AssertUnwindSafe(|| {
        HOOKS.try_with(|hooks| hooks.near_limit(current)).ok()
    }));
    limit.ok().flatten().unwrap_or(current)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hooks that are not registered with any isolate.
    fn hooks(extra: usize, slices: u32, on_limit: impl Fn(&Hooks, u32) + 'static) -> Rc<Hooks> {
        Rc::new_cyclic(|weak: &std::rc::Weak<Hooks>| {
            let weak = std::rc::Weak::clone(weak);
            let on_limit: OnLimit =
                Box::new(move |slice| on_limit(&weak.upgrade().unwrap(), slice));
            let hooks = Hooks::default();
            hooks.all.borrow_mut().push(Rc::new(Hook { on_limit, extra, slices }));
            hooks
        })
    }

    #[test]
    fn the_extra_room_is_granted_in_slices_and_no_more() {
        let calls = Rc::new(RefCell::new(Vec::new()));
        let noted = Rc::clone(&calls);
        let hooks = hooks(600, 4, move |_, slice| noted.borrow_mut().push(slice));
        let limits: Vec<_> = [1000, 1300, 1400, 1500, 1600].map(|now| hooks.near_limit(now)).into();
        assert_eq!(limits, [1300, 1400, 1500, 1600, 1600]);
        assert_eq!(*calls.borrow(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn what_meets_the_limit_inside_the_callback_gets_room_and_the_callback_answers_more() {
        let nested = Rc::new(Cell::new(0));
        let seen = Rc::clone(&nested);
        let hooks = hooks(400, 1, move |hooks, _| seen.set(hooks.near_limit(1000)));
        let outer = hooks.near_limit(1000);
        assert!(nested.get() > 1000 && outer > nested.get(), "{} {outer}", nested.get());
        assert!(!hooks.busy.get());
    }

    #[test]
    fn outside_node_there_is_nothing_to_add_to() {
        // SAFETY: refused before anything is touched.
        assert!(unsafe { HeapLimitHook::install(Box::new(|_| {}), 1, false) }.is_err());
    }
}
