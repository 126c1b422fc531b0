//! Telling JavaScript that something happened.

use napi::{
    Status,
    bindgen_prelude::{Function, JsValuesTupleIntoVec},
    threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode},
};

/// Calls waiting for JavaScript; more are dropped, because what they announce can also be read.
const QUEUE: usize = 64;

/// A weak call-back into JavaScript, which never keeps the process alive.
///
/// It may be called from any thread and from places where V8 must not be touched. A full queue or an environment that
/// is ending is normal and ignored.
pub struct Notifier<T: 'static + JsValuesTupleIntoVec>(
    ThreadsafeFunction<T, (), T, Status, false, true, QUEUE>,
);

impl<T: 'static + JsValuesTupleIntoVec> Notifier<T> {
    /// Wraps a function of JavaScript.
    ///
    /// # Errors
    /// When Node cannot make a thread-safe function.
    pub fn new(callback: &Function<'_, T, ()>) -> napi::Result<Self> {
        callback
            .build_threadsafe_function::<T>()
            .callee_handled::<false>()
            .weak::<true>()
            .max_queue_size::<QUEUE>()
            .build()
            .map(Self)
    }

    /// Asks for a call; returns at once.
    pub fn call(&self, value: T) {
        let _ = self.0.call(value, ThreadsafeFunctionCallMode::NonBlocking);
    }
}
