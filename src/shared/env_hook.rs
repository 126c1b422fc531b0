//! Work to be done when a Node environment (main thread or worker) ends.
//!
//! Node runs cleanup hooks first, newest first, and only then finalizers, in no particular order. So whatever must be
//! undone while V8 and the loop still stand belongs into a hook. napi-rs' own `remove_env_cleanup_hook` leaks the
//! hook's data, which would add up in a process that makes and drops many monitors; hence this small owner.

use std::{cell::RefCell, ffi::c_void, panic::AssertUnwindSafe, ptr};

use napi::{Env, Result, Status, sys};

type Work = Box<dyn FnOnce()>;

/// Runs its work once when the environment ends, unless it is dropped before. Must be dropped on the thread that
/// made it, which napi-rs guarantees for fields of classes.
pub struct EnvHook {
    env: sys::napi_env,
    work: *mut RefCell<Option<Work>>,
}

impl EnvHook {
    /// Registers `work` for the end of `env`.
    ///
    /// # Errors
    /// When Node refuses the hook.
    pub fn new(env: &Env, work: impl FnOnce() + 'static) -> Result<Self> {
        let boxed: Box<RefCell<Option<Work>>> = Box::new(RefCell::new(Some(Box::new(work))));
        let hook = Self { env: env.raw(), work: Box::into_raw(boxed) };
        // SAFETY: `env` is live in this call; `work` stays allocated until `drop`, which takes the hook back first.
        let status =
            unsafe { sys::napi_add_env_cleanup_hook(hook.env, Some(run), hook.work.cast()) };
        if status == sys::Status::napi_ok {
            Ok(hook)
        } else {
            Err(napi::Error::new(Status::from(status), "cleanup hook refused".to_owned()))
        }
    }
}

impl Drop for EnvHook {
    fn drop(&mut self) {
        // SAFETY: `work` came from Box::into_raw in `new`, is freed only here, and `run` borrows it only while it runs.
        let boxed = unsafe { Box::from_raw(self.work) };
        // Still there means that the hook has not run, so the environment is alive. (Taken out means that it has
        // run: the environment may be gone, and Node has forgotten the hook already.)
        if boxed.take().is_some() {
            // SAFETY: the environment is alive, see above; same function and argument as in `new`.
            unsafe {
                sys::napi_remove_env_cleanup_hook(
                    self.env,
                    Some(run),
                    ptr::from_ref(&*boxed).cast_mut().cast(),
                );
            }
        }
    }
}

unsafe extern "C" fn run(work: *mut c_void) {
    // SAFETY: the pointer is the one given in `EnvHook::new`; its owner has not been dropped, or the hook would
    // have been removed.
    let cell = unsafe { &*work.cast::<RefCell<Option<Work>>>() };
    let work = cell.take();
    // A panic must not unwind into Node's C++ frames; the panic hook has printed it.
    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| {
        if let Some(work) = work {
            work();
        }
    }));
}
